"""Folders of models that were changed, and whose checksums are right none the less."""

import json

from sklearn_bert._files.manifest import checksum, digest


def seal(folder, **changes):
    """Write a manifest whose checksums are right whatever was done to the files."""
    manifest = json.loads((folder / "sklearn_bert.json").read_text()) | changes
    for name in manifest["files"]:
        if (folder / name).is_file():
            manifest["files"][name] = digest(folder / name)
    manifest["checksum"] = checksum(manifest)
    (folder / "sklearn_bert.json").write_text(json.dumps(manifest))
