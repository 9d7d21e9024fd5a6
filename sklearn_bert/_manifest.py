"""The JSON beside a saved model: what it is, its labels, and a digest of each file."""

import hashlib
import json
import os
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from ._git_lfs import WAY_OUT, is_pointer

MANIFEST = "sklearn_bert.json"
CARD = "README.md"
FORMAT = 1

# Each kind of estimator: what writes it, and what loads it.
_WRITERS = {
    "classifier": "save_pretrained",
    "regressor": "save_pretrained",
    "onnx-classifier": "export_onnx",
}
_LOADERS = {
    "classifier": "BertTextClassifier",
    "regressor": "BertTextRegressor",
    "onnx-classifier": "OnnxTextClassifier",
}
_LONGEST_MANIFEST = 64 * 2**20  # bytes


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
    found = array.ravel()[0]
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
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(manifest):
    """Return the SHA-256 of all entries but itself."""
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def seal(folder, manifest):
    """Write the manifest of a folder that holds all else."""
    files = {file.name: digest(file) for file in sorted(folder.iterdir()) if file.name != CARD}
    manifest = {"format": FORMAT, **manifest, "files": files}
    manifest["checksum"] = checksum(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


@contextmanager
def reading(path, kind, patterns):
    """Give the folder at `path` and its manifest, checked; say what is wrong with it otherwise.

    Parameters
    ----------
    path : str or path-like
        The folder.
    kind : str
        The estimator that it must hold.
    patterns : sequence of str
        Names of the files that it may hold.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it is no model saved by this package.
    ValueError
        If it is damaged, of another kind or a newer format, or holds what none would need.
    """
    folder = Path(path).expanduser()
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(
            f"path must be a folder written by {_WRITERS[kind]}, got {str(path)!r} without a "
            f"{MANIFEST}; write one, or give a checkpoint to fine-tune as model=path."
        )
    try:
        manifest = _read_manifest(folder)
        if (found := manifest["estimator"]) != kind:
            raise Refused(f"holds a {found}, not a {kind}; load it with {_LOADERS[found]}")
        _check_files(folder, manifest["files"], patterns)
        yield folder, manifest
    except Refused as error:
        raise ValueError(f"The folder {str(path)!r} {error}.") from None
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
        raise ValueError(
            f"The folder {str(path)!r} is damaged: {reason}; save the model again, or get another "
            "copy."
        ) from error


def _read_manifest(folder):
    """Return the manifest, once its checksum is right."""
    path = folder / MANIFEST
    if path.is_symlink() or path.stat().st_size > _LONGEST_MANIFEST:
        raise Refused(f"is not trusted: {MANIFEST} is a link, or longer than 64 MB")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest.get("checksum") != checksum(manifest):
        raise Refused(f"is damaged: {MANIFEST} does not have its own checksum; get another copy")
    if manifest["format"] > FORMAT:
        wanted = manifest["versions"]["sklearn-bert"]
        raise Refused(f"was written by the newer sklearn-bert {wanted}; upgrade to read it")
    return manifest


def _check_files(folder, expected, patterns):
    """Refuse anything but plain files of known names with the contents that were written."""
    for name in expected:
        if not any(fnmatch(name, pattern) for pattern in patterns) or "/" in name or "\\" in name:
            raise Refused(f"is not trusted: {MANIFEST} names the file {name!r}; do not load it")
    known = {*expected, MANIFEST, CARD}
    for file in sorted(folder.iterdir()):
        if file.is_symlink() and folder.resolve() not in file.resolve().parents:
            raise Refused(f"is not trusted: {file.name!r} is a link out of it; do not load it")
        if not file.name.startswith(".") and file.name not in known:
            raise Refused(
                f"must hold only what sklearn-bert wrote, got {file.name!r}; remove it, or do "
                "not trust the folder"
            )
    for name, expected_digest in expected.items():
        file = folder / name
        if not file.is_file():
            raise Refused(f"is damaged: {name!r} is missing; get another copy")
        if is_pointer(file):
            raise Refused(f"is not complete: {name!r} {WAY_OUT}")
        if digest(file) != expected_digest:
            raise Refused(f"is damaged: {name!r} is not as it was written; get another copy")
