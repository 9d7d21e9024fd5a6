"""A fitted estimator as a folder of safetensors and JSON, which transformers reads too."""

import json
import os
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from ._atomic import replace_folder
from ._card import model_card
from ._manifest import CARD, MANIFEST, Refused, from_json, reading, seal, to_json
from ._version import __version__

# What transformers writes of a module and a fast tokenizer, and all that is ever read.
_FILES = (
    "config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
_PROBLEMS = {
    ("classifier", False): "single_label_classification",
    ("classifier", True): "multi_label_classification",
    ("regressor", False): "regression",
}
# In files of their own, or alive.
_NOT_WRITTEN = {"module_", "tokenizer_", "callbacks_"}
# joblib reads what it finds there as pickles, which could run the code of whoever wrote the folder.
_NOT_TRAVELLING = {"memory"}


def save_portable(estimator, kind, path):
    """Write a fitted estimator to a folder, in one step; `kind` is its scikit-learn type."""
    manifest = {"estimator": kind, **_described(estimator)}
    write_folder(path, lambda folder: _write(estimator, kind, manifest, folder))


def write_folder(path, write):
    """Let `write` fill a new folder, which then replaces what was saved at `path`, if anything."""
    path = Path(path).expanduser()
    path = path.parent.resolve() / path.name
    _check_replaceable(path)
    try:
        replace_folder(path, write)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OSError(
            f"The model cannot be saved to {str(path)!r}: {reason}; what was there is as it was. "
            "Make room, or choose a folder that can be written."
        ) from error


def _check_replaceable(path):
    """Refuse to write over anything but an empty folder or a model that was saved before."""
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path must be in a folder that exists, got {str(path)!r}; make {str(path.parent)!r} "
            "first."
        )
    is_folder = path.is_dir() and not path.is_symlink()
    is_free = not os.path.lexists(path) or (is_folder and not any(path.iterdir()))
    if not is_free and not (is_folder and (path / MANIFEST).is_file()):
        raise FileExistsError(
            f"path must be new, an empty folder or a model saved before, got {str(path)!r}, which "
            f"has no {MANIFEST}; choose another path."
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
        warnings.warn(
            f"The parameters {left_out!r} are objects that cannot be saved without pickle; the "
            "loaded estimator will have their defaults.",
            UserWarning,
            stacklevel=4,
        )
    fitted = {
        name: to_json(value)
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_") and name not in _NOT_WRITTEN
    }
    return {"parameters": parameters, "fitted": fitted, "versions": find_versions()}


def _travelling(estimator):
    """Return the parameters that are for any machine."""
    parameters = estimator.get_params(deep=False)
    return {name: value for name, value in parameters.items() if name not in _NOT_TRAVELLING}


def find_versions(*more):
    """Return the versions of what took part in the making of a model."""
    packages = ("scikit-learn", "torch", "transformers", "tokenizers", "skorch", "numpy", *more)
    return {"sklearn-bert": __version__} | {name: version(name) for name in packages}


def _write(estimator, kind, manifest, folder):
    """Write all files of an estimator."""
    from ._device import copy_to_cpu
    from ._encoder import silent_transformers

    with silent_transformers():
        copy_to_cpu(estimator.module_).save_pretrained(folder)
        estimator.tokenizer_.save_pretrained(folder)
    classes = getattr(estimator, "classes_", None)
    names = None if classes is None else [str(label) for label in classes.tolist()]
    config = {"problem_type": _PROBLEMS[kind, getattr(estimator, "multilabel_", False)]}
    if names is not None:
        config["id2label"] = {str(number): name for number, name in enumerate(names)}
        config["label2id"] = {name: number for number, name in enumerate(names)}
    _update_json(folder / "config.json", config)
    _update_json(folder / "tokenizer_config.json", {"model_max_length": estimator.max_length_})
    card = model_card(estimator, kind, names, _travelling(estimator), manifest["versions"])
    (folder / CARD).write_text(card, encoding="utf-8")
    seal(folder, manifest)


def _update_json(path, values):
    """Set values in a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


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
    with reading(path, kind, _FILES) as (folder, manifest):
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

    from ._encoder import silent_transformers

    options = {"trust_remote_code": False, "local_files_only": True}
    with silent_transformers():
        config = AutoConfig.from_pretrained(folder, **options)
        _check_weights(folder, config)
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        module = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, **options
        )
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
