"""A fitted estimator as a folder of safetensors and JSON, which transformers reads too."""

import json

import numpy as np
from safetensors import SafetensorError

from .._files.atomic import WHOLE, replace_files
from .._files.manifest import (
    CARD,
    LONGEST,
    MANIFEST,
    Refused,
    find_longest,
    from_json,
    reading,
    seal,
    to_json,
)
from .._files.own_files import check_target, find_ours
from .._plain import plain
from .._text.label_types import label_name
from .._text.tokenizer import kept_side
from .._versions import find_versions
from .._warn import warn
from .card import model_card

_PROBLEMS = {
    ("classifier", False): "single_label_classification",
    ("classifier", True): "multi_label_classification",
    ("regressor", False): "regression",
}
# What took part in the making of a model.
MADE_WITH = ("scikit-learn", "torch", "transformers", "tokenizers", "skorch", "numpy")
# In files of their own, or alive.
_NOT_WRITTEN = {"module_", "tokenizer_", "callbacks_"}
# joblib reads what it finds there as pickles, which could run the code of whoever wrote the folder.
_NOT_TRAVELLING = {"memory"}


def save_portable(estimator, kind, path):
    """Write a fitted estimator to a folder, in one step; `kind` is its scikit-learn type."""
    check_target(path, kind)
    manifest = {"estimator": kind, **_described(estimator)}
    write_folder(path, kind, lambda folder: _write(estimator, kind, manifest, folder))


def write_folder(path, kind, write):
    """Let `write` fill a new folder, whose files then replace those saved at `path`, if any."""
    path = check_target(path, kind)
    try:
        replace_files(path, write, lambda folder: find_ours(folder, kind), last=MANIFEST)
    except (OSError, SafetensorError) as error:
        if isinstance(error, FileExistsError) and error.errno is None:
            raise  # what is in the way, in our words
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OSError(_failure(path, reason)) from None


def _failure(path, reason):
    """Return what a failure has left."""
    if (path / WHOLE / MANIFEST).is_file():
        return (
            f"Some files of the model cannot be put into their places in {str(path)!r}: {reason}; "
            f"save again once they can be. Until then, the old model is read or, from the hidden "
            f"folder {WHOLE}, the new one."
        )
    return (
        f"The model cannot be saved to {str(path)!r}: {reason}; what was there is as it was. "
        "Make room, or choose a folder that can be written."
    )


def _described(estimator):
    """Return parameters, fitted attributes and versions, as JSON takes them."""
    parameters, left_out = {}, []
    for name, value in _travelling(estimator).items():
        try:
            parameters[name] = to_json(value)
        except TypeError:
            left_out.append(name)
    if left_out:
        warn(
            f"The parameters {left_out!r} are objects that cannot be saved without pickle; the "
            "loaded estimator will have their defaults."
        )
    fitted = {
        name: to_json(value)
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_") and name not in _NOT_WRITTEN
    }
    return {"parameters": parameters, "fitted": fitted, "versions": find_versions(*MADE_WITH)}


def _travelling(estimator):
    """Return the parameters that are for any machine."""
    parameters = estimator.get_params(deep=False)
    return {name: plain(value) for name, value in parameters.items() if name not in _NOT_TRAVELLING}


def _write(estimator, kind, manifest, folder):
    """Write all files of an estimator."""
    from .._engine.device import copy_to_cpu
    from .._engine.encoder import longest_input, silent_transformers

    with silent_transformers():
        copy_to_cpu(estimator.module_).save_pretrained(folder)
    write_shared(estimator, kind, folder)
    card = model_card(
        estimator, kind, class_names(estimator), _travelling(estimator), manifest["versions"]
    )
    (folder / CARD).write_text(card, encoding="utf-8")
    longest = longest_input(estimator.tokenizer_, estimator.module_)
    seal(folder, {**manifest, LONGEST: longest})


def class_names(estimator):
    """Return the classes as str; None if there are none."""
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list):  # of several columns
        columns = zip(estimator.target_names_ or range(len(classes)), classes, strict=True)
        return [f"{name}: {label_name(label)}" for name, each in columns for label in each.tolist()]
    return None if classes is None else [label_name(label) for label in classes.tolist()]


def write_shared(estimator, kind, folder, **more):
    """Write what tells any reader of transformers' files how texts become labels.

    That is configuration and tokenizer; `more` goes into the configuration.
    """
    from .._engine.encoder import silent_transformers

    config = estimator.module_.config
    names = class_names(estimator) or [f"LABEL_{number}" for number in range(config.num_labels)]
    with silent_transformers():
        config.save_pretrained(folder)
        estimator.tokenizer_.save_pretrained(folder)
    values = {
        "architectures": [type(estimator.module_).__name__],
        "problem_type": _PROBLEMS[kind, getattr(estimator, "multilabel_", False)],
        "id2label": {str(number): name for number, name in enumerate(names)},
        "label2id": {name: number for number, name in enumerate(names)},
        # Who goes on from the weights is not bound to what a fit of ours does without.
        **getattr(config, "switched_off", {}),
        **more,
    }
    _update_json(folder / "config.json", values, without="switched_off")
    _write_cut(estimator, folder)


def _write_cut(estimator, folder):
    """Let whoever reads a tokenizer's files cut texts where the estimator does, and pad none."""
    from tokenizers import Tokenizer

    tokenizer, max_length = estimator.tokenizer_, estimator.max_length_
    is_tail = kept_side(tokenizer, estimator.long_text) == "tail"
    side = "left" if is_tail else tokenizer.truncation_side

    file = str(folder / "tokenizer.json")
    backend = Tokenizer.from_file(file)
    backend.no_padding()
    backend.enable_truncation(max_length, direction=side)
    backend.save(file)
    # Padding on the left would move positions.
    values = {"model_max_length": max_length, "truncation_side": side, "padding_side": "right"}
    if type(tokenizer).__name__ == "TokenizersBackend":
        values["tokenizer_class"] = "PreTrainedTokenizerFast"  # its name in all versions
    _update_json(folder / "tokenizer_config.json", values, without="max_length")


def _update_json(path, values, without=None):
    """Set values in a JSON file, and remove one."""
    content = json.loads(path.read_text(encoding="utf-8")) | values
    content.pop(without, None)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load_portable(path, kind):
    """Return the parameters and the fitted attributes that a folder holds.

    Nothing in the folder is run: weights are safetensors, everything else is JSON or text.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it is no model saved by this package.
    ValueError
        If it is damaged, of another kind or a newer format, or holds what none would need.
    """
    with reading(path, kind) as (folder, manifest):
        _check_code(folder)
        parameters, fitted = (
            {
                name: from_json(value)
                for name, value in manifest[part].items()
                if name not in _NOT_TRAVELLING
            }
            for part in ("parameters", "fitted")
        )
        tokenizer, module = _load_parts(folder)
    if parameters.get("long_text") == "tail":
        tokenizer.truncation_side = "right"  # the parameter says what is kept, and may change
    return parameters, {**fitted, "module_": module, "tokenizer_": tokenizer}


def _check_code(folder):
    """Refuse what asks transformers to run code of the folder."""
    for name in ("config.json", "tokenizer_config.json"):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        if "auto_map" in content:
            raise Refused(f"is not trusted: {name} asks for code of its own; do not load it")


def _load_parts(folder):
    """Return tokenizer and module, once the weights are found to fit the configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from .._engine.encoder import attention_dropouts, silent_transformers
    from .._engine.pooling import switch_dropout_off

    options = {"trust_remote_code": False, "local_files_only": True}
    with silent_transformers():
        config = AutoConfig.from_pretrained(folder, **options)
        _check_weights(folder, config)
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        off = attention_dropouts(config)
        options |= dict.fromkeys(off, 0.0)
        module = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, **options
        )
    module.config.switched_off = off
    switch_dropout_off(module)
    tokenizer.model_max_length = find_longest(folder, tokenizer.model_max_length)
    return tokenizer, module.eval()


def _check_weights(folder, config):
    """Refuse a configuration that asks for more than the weights that lie there.

    Or a few letters of JSON could ask for more memory than any machine has.
    """
    import torch
    from safetensors import safe_open
    from transformers import AutoModelForSequenceClassification

    shapes = {}
    for file in folder.glob("model*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            names = weights.keys()
            shapes |= {name: weights.get_slice(name).get_shape() for name in names}
    for name, value in config.to_dict().items():
        if ("layer" in name or "group" in name) and isinstance(value, int) and value > len(shapes):
            raise Refused(f"is not trusted: its config has {name}={value}; do not load it")
    with torch.device("meta"):
        module = AutoModelForSequenceClassification.from_config(config)
    wanted = {name: list(value.shape) for name, value in module.state_dict().items()}
    for name, shape in shapes.items():
        if wanted.get(name) != list(shape):
            raise Refused(
                f"is not trusted: its weights have {name!r} of shape {list(shape)}, its config "
                f"{wanted.get(name)}; do not load it"
            )
    tied = getattr(module, "all_tied_weights_keys", ())
    for name, _ in module.named_parameters():
        if name not in shapes and name not in tied:
            raise Refused(f"is damaged: its weights have no {name!r}; get another copy")
    n_weights = sum(int(np.prod(shape)) for shape in shapes.values())
    n_wanted = sum(value.numel() for value in [*module.parameters(), *module.buffers()])
    if n_wanted > 2 * n_weights + 10**7:
        raise Refused("is not trusted: its config asks for more than its weights; do not load it")
