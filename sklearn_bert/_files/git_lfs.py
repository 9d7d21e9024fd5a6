"""Files that git-LFS has not fetched: a clone without it holds a pointer in place of each."""

_POINTER = b"version https://git-lfs.github.com/spec"

WAY_OUT = "is a git-LFS pointer to the file, not the file itself; run git lfs pull in its clone"


def is_pointer(path):
    """Return whether the file at `path` is a pointer."""
    with open(path, "rb") as file:
        return file.read(len(_POINTER)) == _POINTER
