"""The JSON beside a saved model: what it is, its labels, and a digest of each file."""

import hashlib
import json
import os
import stat
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from .atomic import WHOLE, locked
from .git_lfs import WAY_OUT, is_pointer

MANIFEST = "sklearn_bert.json"
CARD = "README.md"
LONGEST = "longest_input"  # an entry: tokens that the model can read
FORMAT = 1

# Each kind of estimator: what writes it, and what loads it.
WRITERS = {
    "classifier": "save_pretrained",
    "regressor": "save_pretrained",
    "onnx-classifier": "export_onnx",
    "distilled-classifier": "save_pretrained",
    "distilled-regressor": "save_pretrained",
}
_LOADERS = {
    "classifier": "BertTextClassifier",
    "regressor": "BertTextRegressor",
    "onnx-classifier": "OnnxTextClassifier",
    "distilled-classifier": "DistilledTextClassifier",
    "distilled-regressor": "DistilledTextRegressor",
}
_LONGEST_MANIFEST = 64 * 2**20  # bytes
_BLOCK = 2**20
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError)  # what is no manifest
_UNLIMITED = 10**30  # transformers' own number; the model's positions set the limit then

GRAPHS = "onnx"  # the folder in which other readers look for graphs

# What transformers writes of a configuration and a fast tokenizer.
_SHARED = (
    "config.json",
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
# What each of them writes, and all that is ever read.
FILES = {
    "save_pretrained": (*_SHARED, "model*.safetensors", "model.safetensors.index.json"),
    "export_onnx": (
        *_SHARED,
        f"{GRAPHS}/model*.onnx",
        f"{GRAPHS}/model*.onnx_data",
        "model.onnx",  # until 0.1
        "model.onnx.data",
    ),
}


class Refused(Exception):
    """What is wrong with a folder; the message goes on from its name."""


def to_json(value):
    """Return a value in plain types; arrays and dicts with any keys are dicts that say so."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.ndarray):
        return {"dtype": _dtype_name(value), "array": [to_json(item) for item in value.tolist()]}
    if isinstance(value, dict):
        return {"pairs": [[to_json(key), to_json(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    raise TypeError(
        f"{value!r} of type {type(value).__name__} cannot be saved without pickle; use joblib.dump."
    )


def _dtype_name(array):
    """Return the name of a dtype that JSON's values can be turned back into."""
    if array.dtype.kind in "biufU":
        return array.dtype.str
    if array.dtype == object and all(isinstance(item, str) for item in array.ravel()):
        return "object"
    found = next((item for item in array.ravel() if not isinstance(item, str)), None)
    raise TypeError(
        f"Labels must be str, int, float or bool to be saved without pickle, got {found!r} of type "
        f"{type(found).__name__}; use joblib.dump, or fit on str(label)."
    )


def from_json(value):
    """Return what `to_json` was given."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array", "dtype"}:
        dtype = np.dtype(value["dtype"])
        if dtype.kind not in "biufUO":
            raise ValueError(f"an array of dtype {dtype}")
        return np.array(value["array"], dtype=dtype)
    if value.keys() == {"pairs"}:
        return {key: from_json(item) for key, item in value["pairs"]}
    raise ValueError(f"the unknown entry {sorted(value)!r}")


def digest(path):
    """Return the SHA-256 of a file, of what it holds when it is opened: some never end."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            found.update(block)
            left -= len(block)
    return found.hexdigest()


def checksum(manifest):
    """Return the SHA-256 of all entries but itself."""
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def seal(folder, manifest):
    """Write the manifest of a folder that holds all else."""
    files = {name: digest(file) for name, file in visible_files(folder)}
    card = {"card": files.pop(CARD)} if CARD in files else {}
    manifest = {"format": FORMAT, **manifest, "files": files, **card}
    manifest["checksum"] = checksum(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def visible_files(folder):
    """Return name and path of all in a folder, and in that of its graphs, but what is hidden."""
    found = []
    for file in sorted(folder.iterdir()):
        if file.name == GRAPHS and file.is_dir() and not file.is_symlink():
            found += [(f"{GRAPHS}/{graph.name}", graph) for graph in sorted(file.iterdir())]
        else:
            found.append((file.name, file))
    return [(name, file) for name, file in found if not file.name.startswith(".")]


def is_known(name, writer):
    """Return whether a writer may give a file that name."""
    parts = name.split("/")
    patterns = [pattern.split("/") for pattern in FILES[writer]]
    return "\\" not in name and any(
        len(parts) == len(pattern) and all(map(fnmatch, parts, pattern)) for pattern in patterns
    )


@contextmanager
def reading(path, kind):
    """Give the folder at `path` and its manifest, checked; say what is wrong with it otherwise.

    Parameters
    ----------
    path : str or path-like
        The folder.
    kind : str
        The estimator that it must hold.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it is no model saved by this package.
    ValueError
        If it is damaged, of another kind or a newer format, or holds what none would need.
    """
    folder = Path(path).expanduser()
    if not any((place / MANIFEST).is_file() for place in (folder, folder / WHOLE)):
        raise FileNotFoundError(
            f"path must be a folder written by {WRITERS[kind]}, got {str(path)!r} without a "
            f"{MANIFEST}; write one, or give a checkpoint to fine-tune as model=path."
        )
    try:
        with locked(folder, shared=True):
            yield _checked(folder, kind)
    except Refused as error:
        raise ValueError(f"The folder {str(path)!r} {error}.") from None
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
        raise ValueError(
            f"The folder {str(path)!r} is damaged: {reason}; save the model again, or get another "
            "copy."
        ) from error


def _checked(folder, kind):
    """Return the folder that holds the whole model, and its manifest."""
    folder = whole_folder(folder)
    manifest = read_manifest(folder)
    if (found := manifest["estimator"]) != kind:
        raise Refused(f"holds a {found}, not a {kind}; load it with {_LOADERS[found]}")
    _check_files(folder, manifest["files"], WRITERS[kind])
    return folder, manifest


def whole_folder(folder):
    """Return where the files of a model are all of one save: below it if one was killed midway."""
    if not (folder / WHOLE / MANIFEST).is_file():
        return folder
    try:
        manifest = read_manifest(folder)
        _check_files(folder, manifest["files"], WRITERS[manifest["estimator"]])
    except (Refused, *_UNREADABLE):
        return folder / WHOLE
    return folder


def read_manifest(folder):
    """Return the manifest, once its checksum is right."""
    path = folder / MANIFEST
    _check_plain(path, MANIFEST)
    if path.stat().st_size > _LONGEST_MANIFEST:
        raise Refused(f"is not trusted: {MANIFEST} is longer than 64 MB")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest.get("checksum") != checksum(manifest):
        raise Refused(f"is damaged: {MANIFEST} does not have its own checksum; get another copy")
    if manifest["format"] > FORMAT:
        wanted = manifest["versions"]["sklearn-bert"]
        raise Refused(f"was written by the newer sklearn-bert {wanted}; upgrade to read it")
    return manifest


def find_longest(folder, limit):
    """Return how many tokens a tokenizer can read, of which its own file says `limit`.

    In a folder of ours that is what a fit kept of each text, not what the model can read.
    """
    try:
        manifest = read_manifest(folder)
        if manifest["fitted"]["max_length_"] != limit:
            return limit  # set by somebody else since
        return manifest.get(LONGEST, _UNLIMITED)
    except (Refused, *_UNREADABLE):
        return limit  # it is none of ours


def _check_files(folder, expected, writer):
    """Refuse anything but files of known names with the contents that were written.

    They may be links, as in the cache of the Hugging Face hub: what they lead to is checked.
    """
    for name in expected:
        if not is_known(name, writer):
            raise Refused(f"is not trusted: {MANIFEST} names the file {name!r}; do not load it")
    known = {*expected, MANIFEST, CARD}
    for name, _ in visible_files(folder):
        if name not in known:
            raise Refused(
                f"must hold only what sklearn-bert wrote, got {name!r}; remove it, or do not trust "
                "the folder"
            )
    for name, expected_digest in expected.items():
        _check_plain(folder / name, name)
        if is_pointer(folder / name):
            raise Refused(f"is not complete: {name!r} {WAY_OUT}")
        if digest(folder / name) != expected_digest:
            raise Refused(f"is damaged: {name!r} is not as it was written; get another copy")


def _check_plain(file, name):
    """Refuse what is no file, or no link to one: a device may never end."""
    if not file.exists():
        raise Refused(f"is damaged: {name!r} is missing; get another copy")
    if not stat.S_ISREG(file.stat().st_mode):
        raise Refused(f"is not trusted: {name!r} is neither a file nor a link to one")
