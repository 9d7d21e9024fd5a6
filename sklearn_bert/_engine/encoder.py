"""A model's name or folder becomes its tokenizer and its torch module."""

import json
import pickle
import threading
from contextlib import contextmanager

import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)
from transformers.utils import logging as transformers_logging

from .._files.manifest import MANIFEST, find_longest
from .._files.model_files import read_json, transformer_folder
from .body import check_body, renew_head
from .hub import locate
from .torch_state import own_torch_state

# Names of attention dropout in the configurations. It is switched off: no attention kernel that is
# fast knows it, and accuracy is the same without, see benchmarks/RESULTS.md.
_ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")


# The silence kept while loading is transformers' global state: one thread at a time.
_LOADING = threading.Lock()


@own_torch_state()
def load_encoder(model, n_outputs, verbose=0):
    """Return the tokenizer and the module of `model`, with a new head of `n_outputs`.

    The head is drawn from torch's global generator: seed it before.

    Parameters
    ----------
    model : str or path-like
        Hub name or local folder.
    n_outputs : int
        Outputs of the head.
    verbose : int, default=0
        From 1 on, a download shows the progress bar of huggingface_hub.

    Returns
    -------
    tokenizer : transformers.PreTrainedTokenizerFast
    module : transformers.PreTrainedModel
        In float32, on the CPU.

    Raises
    ------
    OSError
        If the model cannot be had.
    ValueError
        If it can be had but is no encoder with a fast tokenizer.
    """
    folder = transformer_folder(locate(model, verbose), str(model))
    with _LOADING, silent_transformers():
        _check_model_type(folder, model)
        with _reading("its config.json", model):
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        _check_encoder(config, model)
        with _reading("its tokenizer", model):
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            tokenizer.model_max_length = find_longest(folder, tokenizer.model_max_length)
        _check_tokenizer(tokenizer, config, model)
        _forget_tail(tokenizer, folder)
        with _reading("its weights", model):
            module, info = _load_module(folder, config, n_outputs)
        check_body(module, info, model)
        renew_head(module, info)
    module.config.problem_type = None
    module.config.switched_off = attention_dropouts(config)
    return tokenizer, module


def attention_dropouts(config):
    """Return the dropout of attention weights that a configuration asks for, by name.

    A module of ours does without it, and notes it in ``config.switched_off``: whoever goes on from
    what is saved may want it back.
    """
    return {name: getattr(config, name) for name in _ATTENTION_DROPOUTS if hasattr(config, name)}


@contextmanager
def _reading(what, model):
    """Say which part of the model cannot be read, in place of what transformers says."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        reason = f"{what} cannot be read"
        if isinstance(error, pickle.UnpicklingError):
            reason = f"{what} are not tensors alone, and nothing else is ever loaded"
        raise ValueError(
            f"model={str(model)!r} cannot be loaded: {reason}; give a complete folder or name of a "
            "Hugging Face encoder."
        ) from error


def _forget_tail(tokenizer, folder):
    """Let a tokenizer that we saved with ``long_text="tail"`` keep the beginning again.

    It was set up so for the folder's other readers: what is kept is for each model to say.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        long_text = manifest["parameters"]["long_text"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if long_text == "tail":
        tokenizer.truncation_side = "right"


def _load_module(folder, config, n_outputs):
    """Return the architecture's own classifier, and what transformers says of its loading."""
    off = dict.fromkeys(attention_dropouts(config), 0.0)
    return AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=n_outputs,
        dtype=torch.float32,  # the default would train a half-precision checkpoint as it lies
        ignore_mismatched_sizes=True,  # of the head; those of the body are looked at
        output_loading_info=True,
        trust_remote_code=False,
        **off,
    )


def _check_model_type(folder, model):
    """Refuse an architecture that transformers does not know."""
    config = read_json(folder / "config.json", str(model))
    kind = config.get("model_type", "bert") if isinstance(config, dict) else None
    if kind not in CONFIG_MAPPING_NAMES:
        raise ValueError(
            f"model={str(model)!r} cannot be loaded: its config.json has the model_type {kind!r}, "
            f"which transformers {transformers.__version__} does not know, and code of its own is "
            "never run; give a complete folder or name of a Hugging Face encoder."
        )


def _check_encoder(config, model):
    """Refuse decoders and encoder-decoders."""
    kind = config.model_type
    if (
        kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
        or kind not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
        or config.is_encoder_decoder
        or getattr(config, "is_decoder", False)
    ):
        raise ValueError(
            f"model={str(model)!r} must be an encoder (BERT, DistilBERT, RoBERTa, ...), got the "
            f"architecture {kind!r}; use for example 'bert-base-uncased'."
        )


def _check_tokenizer(tokenizer, config, model):
    """Refuse tokenizers that cannot feed the model."""
    if not tokenizer.is_fast:
        raise ValueError(
            f"model={str(model)!r} must have a fast tokenizer, got {type(tokenizer).__name__}; "
            "use a model with a tokenizer.json."
        )
    if tokenizer.pad_token_id is None:
        raise ValueError(
            f"model={str(model)!r} must have a padding token, got none; set one with "
            "tokenizer.pad_token = '[PAD]' and save the folder again."
        )
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"model={str(model)!r} has a tokenizer of {len(tokenizer)} tokens, more than the "
            f"{config.vocab_size} that its weights know; use the tokenizer it was trained with."
        )


def longest_input(tokenizer, module):
    """Return the number of tokens that the model can read, special tokens included."""
    limits = [tokenizer.model_max_length]
    if (positions := getattr(module.config, "max_position_embeddings", None)) is not None:
        limits.append(positions)
    for name, child in module.named_modules():
        # RoBERTa and its kin count positions from padding_idx + 1.
        if name.endswith("position_embeddings") and getattr(child, "padding_idx", None) is not None:
            limits.append(child.num_embeddings - child.padding_idx - 1)
    return min(limits)


def find_max_length(max_length, tokenizer, module, model):
    """Return the tokens kept of a text: `max_length`, or as many as the model can read.

    Raises
    ------
    ValueError
        If the model cannot read as many, or nothing would be left beside special tokens.
    """
    longest = longest_input(tokenizer, module)
    shortest = tokenizer.num_special_tokens_to_add() + 1
    if max_length is None:
        return longest
    if not shortest <= max_length <= longest:
        raise ValueError(
            f"max_length must be from {shortest} to {longest} for model={str(model)!r}, got "
            f"{max_length}; use None for the longest, or another model for longer texts."
        )
    return int(max_length)


@contextmanager
def silent_transformers():
    """Silence the progress bars and the report on new weights, then restore both."""
    verbosity = transformers_logging.get_verbosity()
    had_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if had_bars:
            transformers_logging.enable_progress_bar()
