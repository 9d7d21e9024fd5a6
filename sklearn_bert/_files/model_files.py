"""What the folder of a model must hold, and what is wrong with one that cannot be loaded."""

import json
from fnmatch import fnmatch
from pathlib import PurePosixPath

from safetensors import SafetensorError, safe_open

from .git_lfs import WAY_OUT, is_pointer

VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model")
# What transformers reads, the first of these that is there; an index names the files of the parts.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
MODULES = "modules.json"

_OTHER_WEIGHTS = {
    "tf_model.h5": "of TensorFlow",
    "flax_model.msgpack": "of Flax",
    "*.gguf": "of llama.cpp",
    "*.onnx": "an ONNX graph",
    "onnx/*.onnx": "an ONNX graph",
}
_ADAPTER = "adapter_config.json"


def matching(names, patterns):
    """Return the names that match one of the patterns."""
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def check_folder(folder, name):
    """Name what a local model folder lacks, or what in it is no whole file.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str
        What the user calls it.

    Raises
    ------
    FileNotFoundError
        If something is not there.
    ValueError
        If a file is not what its name says.
    """
    folder = transformer_folder(folder, name)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"model={name!r} must be a folder with config, weights and tokenizer, but its "
            f"{MODULES} looks for them in {folder.name!r}, which is not there; get another copy."
        )
    files = [path.name for path in folder.iterdir()]
    if _ADAPTER in files:
        raise FileNotFoundError(
            f"model={name!r} must be a whole model, but it is an adapter of PEFT ({_ADAPTER}); "
            "merge it into its model with merge_and_unload(), and save that with save_pretrained."
        )
    for what, patterns in (
        ("config.json", ("config.json",)),
        (f"weights (model.safetensors){_other_weights(folder)}", WEIGHTS),
        ("tokenizer (tokenizer.json)", VOCABULARIES),
    ):
        if not matching(files, patterns):
            raise FileNotFoundError(
                f"model={name!r} must be a folder with config, weights and tokenizer, but it has "
                f"no {what}; save all with model.save_pretrained and tokenizer.save_pretrained."
            )
    vocabularies = matching(files, VOCABULARIES[:1]) or matching(files, VOCABULARIES)
    for file in ("config.json", *matching(files, ("tokenizer_config.json",)), *vocabularies):
        check_file(folder / file, name)
    for file in _files_of_weights(folder, name):
        _check_weights(folder / file, name)


def _other_weights(folder):
    """Return what there is of weights that torch does not read, as the end of a clause."""
    for pattern, what in _OTHER_WEIGHTS.items():
        for file in folder.glob(pattern):
            return f", only {file.relative_to(folder)} ({what}), which torch does not train"
    return ""


def transformer_folder(folder, name):
    """Return where the transformer lies: of a sentence-transformers model it may be deeper."""
    modules = read_modules(folder, name)
    if not modules or kind_of(modules[0]) != "Transformer":
        return folder
    return folder / modules[0]["path"]


def read_modules(folder, name):
    """Return the modules of a sentence-transformers model, each a dict; none of another model."""
    path = folder / MODULES
    if not path.is_file():
        return []
    modules = read_json(path, name)
    if not _are_modules(modules):
        raise ValueError(
            f"model={name!r} cannot be loaded: its {MODULES} is no list of modules with a type "
            "and a path inside of the folder; get another copy."
        )
    return modules


def _are_modules(modules):
    """Return whether each is a dict with a type and a path that stays in the folder."""
    return isinstance(modules, list) and all(
        isinstance(module, dict)
        and isinstance(module.get("type"), str)
        and isinstance(module.get("path"), str)
        and not PurePosixPath(module["path"]).is_absolute()
        and ".." not in PurePosixPath(module["path"]).parts
        for module in modules
    )


def kind_of(module):
    """Return the name of the class of a module, or its whole type if it is somebody's own."""
    package, _, name = module["type"].rpartition(".")
    return name if package.partition(".")[0] == "sentence_transformers" else module["type"]


def read_json(path, name):
    """Return what a JSON file of the model holds."""
    check_file(path, name)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise _damaged(name, path, "is no JSON") from None


def check_file(path, name):
    """Refuse an empty file, and a pointer of git-LFS in place of one."""
    if is_pointer(path):
        raise ValueError(f"model={name!r} cannot be loaded: {path.name} {WAY_OUT}.")
    if not path.stat().st_size:
        raise _damaged(name, path, "is empty")


def _files_of_weights(folder, name):
    """Return the names of the files that hold the weights."""
    first = next(file for file in WEIGHTS if (folder / file).is_file())
    if not first.endswith(".index.json"):
        return [first]
    index = read_json(folder / first, name)
    parts = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(parts, dict) or not parts:
        raise _damaged(name, folder / first, "names no weights")
    files = sorted(set(map(str, parts.values())))
    for file in files:
        if not (folder / file).is_file():
            raise FileNotFoundError(
                f"model={name!r} must be a folder with all of its weights, but it has no {file}, "
                f"which {first} names; get another copy."
            )
    return files


def _check_weights(path, name):
    """Refuse weights that are cut off."""
    check_file(path, name)
    if path.suffix != ".safetensors":
        return
    try:
        with safe_open(path, framework="pt"):
            pass
    except SafetensorError:
        raise _damaged(name, path, "is cut off or no safetensors file") from None


def _damaged(name, path, what):
    """Return the error for a file that is none."""
    return ValueError(
        f"model={name!r} cannot be loaded: {path.name} {what}; give a complete folder or name of "
        "a Hugging Face encoder."
    )
