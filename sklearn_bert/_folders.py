"""Texts of folders: which files count, which folders are classes, and how they are decoded."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_files

_JUNK = (".", "__MACOSX")


def check_root(path):
    """Return `path` as the Path of a folder that exists."""
    root = Path(path).expanduser()
    if not root.exists():
        raise FileNotFoundError(f"path must name a folder, and there is none at {str(root)!r}.")
    if not root.is_dir():
        raise NotADirectoryError(
            f"path must name a folder of class folders, and {str(root)!r} is a file; pass the "
            "folder, or read a table by load_text_table."
        )
    return root


def gives_split(root):
    """Return whether `root` holds ``train`` and ``test``; one of them alone is an error."""
    folders = _class_folders(root)
    if {"train", "test"} <= folders:
        return True
    if len(folders) == 1 and folders <= {"train", "test"}:
        other = "test" if "train" in folders else "train"
        raise ValueError(
            f"The folder {str(root / folders.pop())!r} needs {str(root / other)!r} beside it; add "
            "it, or pass the folder that holds the class folders themselves."
        )
    return False


def read_split(root, wanted, encoding):
    """Return texts and class names of ``root/{train,test}/CLASS/*.txt``, as train_test_split does.

    `wanted` is the set of classes to read, None for those of both.
    """
    train, test = _class_folders(root / "train"), _class_folders(root / "test")
    test_only = (test - train) & (test if wanted is None else wanted)
    if test_only:
        raise ValueError(
            f"Each class of {str(root / 'test')!r} must stand in {str(root / 'train')!r} too, and "
            f"{sorted(test_only)!r} does not; add its training texts, or leave it out of "
            "categories."
        )
    where = f"both {str(root / 'train')!r} and {str(root / 'test')!r}"
    classes = _select_classes(train & test, wanted, where=where)
    X_train, y_train = _read_files(root / "train", classes, encoding, at_least=1)
    X_test, y_test = _read_files(root / "test", classes, encoding, at_least=1)
    return X_train, X_test, y_train, y_test


def read_classes(root, wanted, encoding, *, at_least):
    """Return the texts and class names of ``root/CLASS/*.txt``, sorted by class and file name.

    `wanted` is the set of classes to read, None for all; each must have `at_least` files.
    """
    classes = _select_classes(_class_folders(root), wanted, where=repr(str(root)))
    return _read_files(root, classes, encoding, at_least)


def text_files(root):
    """Return the ``.txt`` files of a folder and the folders in it, sorted, as relative paths."""
    files = (p.relative_to(root) for p in root.rglob("*.txt") if p.is_file())
    return sorted(p for p in files if not any(part.startswith(_JUNK) for part in p.parts))


def read_text(file, encoding):
    """Return the decoded content of `file`, line ends as they are."""
    try:
        return file.read_bytes().decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Each file must be text in encoding={encoding!r}, and {str(file)!r} is not (byte "
            f"{error.start}: {error.reason}); pass the encoding it has, such as "
            "encoding='latin-1'."
        ) from error
    except (LookupError, TypeError) as error:
        raise ValueError(
            f"encoding must name a text encoding Python knows, got {encoding!r}; pass one such as "
            "'utf-8' or 'latin-1'."
        ) from error


def _class_folders(root):
    """Return the names of the folders in `root` that can be classes."""
    return {p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(_JUNK)}


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


def _read_files(folder, classes, encoding, at_least):
    """Return the texts of ``folder/CLASS/*.txt`` and their class names."""
    # Contents are read below: load_files would read hidden files such as macOS's "._1.txt" too,
    # and its UnicodeDecodeError does not name the file.
    bunch = load_files(
        folder, categories=classes, load_content=False, shuffle=False, allowed_extensions=[".txt"]
    )
    files = [Path(name) for name in bunch.filenames]
    kept = [i for i, p in enumerate(files) if not p.name.startswith(_JUNK) and p.is_file()]
    target = bunch.target[kept].astype(int)
    counts = np.bincount(target, minlength=len(classes))
    if counts.min() < at_least:
        short = folder / classes[counts.argmin()]
        raise ValueError(
            f"A class folder must hold at least {at_least} .txt file(s), and {str(short)!r} holds "
            f"{counts.min()}; add some, or leave it out by categories."
        )
    return [read_text(files[i], encoding) for i in kept], np.array(classes)[target]
