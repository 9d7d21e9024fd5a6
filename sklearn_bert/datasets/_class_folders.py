"""Texts of folders: which files count, which folders are classes, and how they are decoded."""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._decoding import PACKED_SUFFIXES, check_encoding, decode, read_bytes

_JUNK = (".", "__MACOSX")
_JUNK_FILES = ("thumbs.db", "desktop.ini")
_TEXT_SUFFIXES = (".txt", *(f".txt{packed}" for packed in PACKED_SUFFIXES))
# Names of folders that hold a part of the texts, not a class of them.
_PARTS = {"train", "test", "valid", "validation", "val", "dev"}
_LONGEST_SUFFIX = 5
# The data set of our first example: whoever tries that need not know where it comes from.
_REVIEWS, _REVIEWS_ADDRESS = "aclimdb", "https://ai.stanford.edu/~amaas/data/sentiment/"


class FolderFiles(NamedTuple):
    """The files of a folder that are texts, as sorted relative paths, and the others."""

    texts: list
    others: list


class ClassFolders(NamedTuple):
    """The texts and class names of class folders, and a note on what was left out."""

    X: list
    y: np.ndarray
    note: str | None


def check_root(path):
    """Return `path` as the Path of a folder that exists."""
    root = Path(path).expanduser()
    if not root.exists():
        way_out = "pass the folder that holds the class folders"
        if root.name.lower() == _REVIEWS:
            way_out = f"download it from {_REVIEWS_ADDRESS} and unpack it there"
        raise FileNotFoundError(
            f"path must name a folder, and there is none at {str(root)!r}; {way_out}."
        )
    if not root.is_dir():
        raise NotADirectoryError(
            f"path must name a folder of class folders, and {str(root)!r} is a file; pass the "
            "folder, or read a table by load_text_table."
        )
    return root


def find_split(root):
    """Return the folders ``train`` and ``test`` of `root`, None if it holds class folders.

    One of them alone is an error, and so are parts of which none is called ``test``.
    """
    folders = _class_folders(root)
    parts = {name: _spelt(folders, name) for name in ("train", "test")}
    if all(parts.values()):
        return root / parts["train"], root / parts["test"]
    if any(parts.values()) and {name.casefold() for name in folders} <= _PARTS:
        given, other = ("train", "test") if parts["train"] else ("test", "train")
        others = sorted(folders - {parts[given]})
        rename = f"; rename {others[0]!r} if it is that" if others else "; add it"
        raise ValueError(
            f"The folder {str(root / parts[given])!r} needs {str(root / other)!r} beside it"
            f"{rename}, or pass the folder that holds the class folders themselves."
        )
    return None


def _spelt(folders, name):
    """Return how the folder `name` is spelt, None if it is not there."""
    found = [folder for folder in sorted(folders) if folder.casefold() == name]
    return name if name in found else next(iter(found), None)


def read_split(train, test, wanted, encoding):
    """Return the texts of ``{train,test}/CLASS/*.txt``, as two of ClassFolders.

    `wanted` is the set of classes to read, None for those of both.
    """
    in_train, in_test = _class_folders(train), _class_folders(test)
    test_only = (in_test - in_train) & (in_test if wanted is None else wanted)
    if test_only:
        raise ValueError(
            f"Each class of {str(test)!r} must stand in {str(train)!r} too, and "
            f"{sorted(test_only)!r} does not; add its training texts, or leave it out of "
            "categories."
        )
    where = f"both {str(train)!r} and {str(test)!r}"
    classes = _select_classes(in_train & in_test, wanted, where=where)
    return [_read_files(folder, classes, encoding, at_least=1) for folder in (train, test)]


def read_classes(root, wanted, encoding, *, at_least):
    """Return the texts of ``root/CLASS/*.txt``, sorted by class and file name, as ClassFolders.

    `wanted` is the set of classes to read, None for all; each must have `at_least` files.
    """
    classes = _select_classes(_class_folders(root), wanted, where=repr(str(root)))
    return _read_files(root, classes, encoding, at_least)


def find_files(root, classes=None):
    """Return the files of a folder and the folders in it, behind links too, as FolderFiles.

    `classes` names the folders in it to look into, None for all and `root` itself.

    Texts end in ``.txt``, in letters of any case, or in that and ``.gz`` or its like. Where no
    file does, those without an ending are the texts, as in the 20 newsgroups data set.
    """
    if classes is None:
        files = sorted(_walk(root))
    else:
        files = sorted(name / file for name in map(Path, classes) for file in _walk(root / name))
    texts = [file for file in files if file.name.lower().endswith(_TEXT_SUFFIXES)]
    texts = texts or [file for file in files if not _suffix(file)]
    texts = [file for file in texts if (root / file).is_file()]  # no broken links, no pipes
    taken = set(texts)
    return FolderFiles(texts, [file for file in files if file not in taken])


def ignored_note(root, files):
    """Return the sentence that counts the files that are no texts, None if there are none."""
    if not files:
        return None
    endings = Counter(_suffix(file) or "no ending" for file in files)
    counts = ", ".join(f"{name} ({count:,})" for name, count in endings.most_common(5))
    counts += ", and others" if len(endings) > 5 else ""
    are = "file in {!r} is" if len(files) == 1 else "files in {!r} are"
    return (
        f"{len(files):,} {are.format(str(root))} not read, since only .txt files are: "
        f"{counts}; rename what holds a text."
    )


def read_text(file, encoding):
    """Return the decoded content of `file`, line ends as they are, without a byte order mark."""
    data = read_bytes(file, repr(str(file)))
    try:
        return decode(data, repr(str(file)), encoding)[0]
    except ValueError as error:
        cause = error.__context__
        if not isinstance(cause, UnicodeDecodeError):
            raise
        raise ValueError(
            f"Each file must be text in encoding={encoding!r}, and {str(file)!r} is not (byte "
            f"{cause.start}: {cause.reason}); pass the encoding it has, such as "
            "encoding='latin-1'."
        ) from None


def _class_folders(root):
    """Return the names of the folders in `root` that can be classes."""
    return {p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(_JUNK)}


def _walk(root):
    """Yield the files of a folder and the folders in it, as relative paths, junk left out.

    Links to folders are followed, but not to one that is being walked through already.
    """
    above = {root: {os.path.realpath(root)}}
    for name, folders, files in os.walk(root, followlinks=True, onerror=_raise):
        here = Path(name)
        for folder in list(folders):
            real = os.path.realpath(here / folder)
            if folder.startswith(_JUNK) or real in above[here]:
                folders.remove(folder)
            else:
                above[here / folder] = above[here] | {real}
        for file in files:
            if not file.startswith(_JUNK) and file.lower() not in _JUNK_FILES:
                yield (here / file).relative_to(root)


def _raise(error):
    """Let a folder that cannot be read be an error."""
    raise error


def _suffix(file):
    """Return the ending of a name, "" for one whose last dot begins none, as in "12.1999"."""
    suffix = file.suffix.lower()
    known = suffix[1:2].isalpha() and len(suffix) <= _LONGEST_SUFFIX + 1
    return suffix if known else ""


def _select_classes(found, wanted, where):
    """Return the sorted classes to load, checked against the folders found."""
    classes = sorted(found if wanted is None else wanted)
    missing = [name for name in classes if name not in found]
    if missing:
        raise ValueError(
            f"categories must name class folders of {where}, and {missing!r} is not among them; "
            f"choose from {sorted(found)!r}."
        )
    if len(classes) < 2:
        raise ValueError(
            f"At least two class folders must be loaded from {where}, got {classes!r}; put the "
            ".txt files of each class into a folder named after it."
        )
    return classes


def _read_files(root, classes, encoding, at_least):
    """Return the texts of the classes in a folder, as ClassFolders."""
    check_encoding(encoding)
    texts, others = find_files(root, classes)
    counts = Counter(file.parts[0] for file in texts)
    short = min(classes, key=counts.__getitem__)
    if counts[short] < at_least:
        files = "file" if at_least == 1 else "files"
        raise ValueError(
            f"A class folder must hold at least {at_least} .txt {files}, and "
            f"{str(root / short)!r} holds {counts[short]}; add some, or leave it out by "
            "categories."
        )
    X = [read_text(root / file, encoding) for file in texts]
    return ClassFolders(X, np.array([file.parts[0] for file in texts]), ignored_note(root, others))
