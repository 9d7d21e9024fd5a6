"""A distilled model as a folder of safetensors and JSON, read without torch and scikit-learn."""

from safetensors.numpy import load_file, save_file

from .._files.manifest import CARD, from_json, seal, to_json
from .._versions import find_versions

_NETWORK, _TOKENIZER = "model.safetensors", "tokenizer.json"


def save_distilled(model, path, *, fitted, arrays, tokenizer):
    """Write a distilled model to a folder, in one step."""
    from .._files.own_files import check_target
    from .card import distilled_card
    from .portable import MADE_WITH, write_folder

    check_target(path, model._kind)
    manifest = {
        "estimator": model._kind,
        "fitted": {name: to_json(value) for name, value in fitted.items()},
        "versions": find_versions(*MADE_WITH),
    }

    def write(folder):
        """Write all files."""
        save_file(arrays, folder / _NETWORK)
        (folder / _TOKENIZER).write_text(tokenizer, encoding="utf-8")
        (folder / CARD).write_text(distilled_card(model, manifest["versions"]), encoding="utf-8")
        seal(folder, manifest)

    write_folder(path, model._kind, write)


def read_distilled(folder, manifest):
    """Return what `save_distilled` was given, of a folder that was checked and its manifest."""
    return {
        "fitted": {name: from_json(value) for name, value in manifest["fitted"].items()},
        "arrays": load_file(folder / _NETWORK),
        "tokenizer": (folder / _TOKENIZER).read_text(encoding="utf-8"),
    }
