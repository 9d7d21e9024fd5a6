"""The versions of what takes part in a result."""

from importlib.metadata import PackageNotFoundError, version

from ._version import __version__


def find_versions(*packages):
    """Return the version of this package and those of others by name; "unknown" where it is."""
    versions = {"sklearn-bert": __version__}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return versions
