"""Loaders of labelled texts: class folders, tables and a corpus that is always at hand."""

import csv
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.datasets import load_files
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from ._docstrings import draw_corpus

_JUNK = (".", "__MACOSX")
_SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}


def load_text_folder(path, *, encoding="utf-8", categories=None, test_size=None, random_state=None):
    """Load texts from class folders, split into a training and a test set.

    Two layouts are read: ``path/{train,test}/CLASS/*.txt``, where the folders give the split
    (the layout of the Large Movie Review Dataset, ``aclImdb`` [1]_), and ``path/CLASS/*.txt``,
    split here and stratified by class. Files of other suffixes, hidden files and what stands
    beside the class folders are ignored.

    Parameters
    ----------
    path : str or Path
        The folder that holds either ``train`` and ``test`` or the class folders.
    encoding : str, default="utf-8"
        The encoding of the files.
    categories : list of str, default=None
        The classes to load. None loads all; if the folders give the split, those are the
        classes of ``test``, so that a folder of ``train`` alone (``unsup`` in ``aclImdb``)
        is left out.
    test_size : float or int, default=None
        As in :func:`sklearn.model_selection.train_test_split`, None being a quarter of the
        texts. Must be None if the folders give the split.
    random_state : int, RandomState instance or None, default=None
        Decides which texts are drawn for the test set. Not used if the folders give the
        split: the texts then come sorted by class and file name.

    Returns
    -------
    X_train, X_test : list of str
        The texts, of length ``n_train`` and ``n_test``.
    y_train, y_test : ndarray of str, shape (n_train,) and (n_test,)
        Their class names.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `path` is missing or is no folder.
    ValueError
        If `path` has neither layout, a class has too few files, a file is not text in
        `encoding`, `categories` names a class that is not there, a class stands in ``test``
        alone, or `test_size` is given for a folder that is split already.

    References
    ----------
    .. [1] Maas, A. L., Daly, R. E., Pham, P. T., Huang, D., Ng, A. Y. and Potts, C. (2011).
       Learning Word Vectors for Sentiment Analysis. Proceedings of ACL-HLT 2011, 142-150.
       https://aclanthology.org/P11-1015/

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_bert.datasets import load_text_folder
    >>> with TemporaryDirectory() as folder:
    ...     for label in ("neg", "pos"):
    ...         (Path(folder) / label).mkdir()
    ...         for i in range(4):
    ...             _ = (Path(folder) / label / f"{i}.txt").write_text(f"{label} text {i}")
    ...     X_train, X_test, y_train, y_test = load_text_folder(folder, random_state=0)
    >>> len(X_train), len(X_test)
    (6, 2)
    >>> sorted(y_test.tolist())
    ['neg', 'pos']
    """
    root = _check_root(path)
    if categories is not None and (isinstance(categories, str) or not np.iterable(categories)):
        raise ValueError(
            f"categories must be a list of class names, got {categories!r}; pass [{categories!r}]."
        )
    wanted = None if categories is None else set(categories)
    folders = _class_folders(root)
    if {"train", "test"} <= folders:
        if test_size is not None:
            raise ValueError(
                f"The folders 'train' and 'test' of {str(root)!r} give the split, so test_size "
                f"must be None, got {test_size!r}; leave it out."
            )
        return _load_given_split(root, wanted, encoding)
    if len(folders) == 1 and folders <= {"train", "test"}:
        other = "test" if "train" in folders else "train"
        raise ValueError(
            f"The folder {str(root / folders.pop())!r} needs {str(root / other)!r} beside it; add "
            "it, or pass the folder that holds the class folders themselves."
        )
    classes = _select_classes(folders, wanted, where=repr(str(root)))
    # A stratified split puts at least one text of each class on either side.
    X, y = _read_classes(root, classes, encoding, at_least=2)
    return tuple(train_test_split(X, y, test_size=test_size, random_state=random_state, stratify=y))


def load_text_table(path, *, text, label):
    """Load texts and labels from two columns of a CSV, TSV or Parquet file.

    CSV and TSV files are read as UTF-8 with a header row, and every field is kept as the
    string that stands in the file: the text ``"null"`` stays, as does an empty text, and the
    label ``1`` is ``"1"``. Parquet files keep the type of their labels.

    Parameters
    ----------
    path : str or Path
        A file whose name ends in ``.csv``, ``.tsv``, ``.csv.gz``, ``.tsv.gz`` or ``.parquet``
        (the latter needs pyarrow).
    text : str
        The name of the column of texts.
    label : str
        The name of the column of labels.

    Returns
    -------
    X : list of str of length n_samples
        The texts, in the order of the rows.
    y : ndarray of shape (n_samples,)
        Their labels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the suffix is unknown, a column is missing, the file cannot be read or has no rows,
        a row has too few or too many fields, a label is missing or empty, or a text of a
        Parquet file is not a string. Rows are counted from 0 below the header, blank lines
        left out.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_bert.datasets import load_text_table
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "reviews.csv"
    ...     _ = path.write_text('review,stars\\n"good, really",5\\nbad,1\\n')
    ...     X, y = load_text_table(path, text="review", label="stars")
    >>> X
    ['good, really', 'bad']
    >>> y.tolist()
    ['5', '1']
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"path must name a file, and there is none at {str(path)!r}.")
    frame = _read_table(path)
    for name, column in (("text", text), ("label", label)):
        columns = list(frame.columns)
        if columns.count(column) != 1:
            raise ValueError(
                f"{name} must name exactly one column of {str(path)!r}, got {column!r}; its "
                f"columns are {columns!r}."
            )
    if frame.empty:
        raise ValueError(
            f"A table needs at least one row below its header, {str(path)!r} has none."
        )
    return _check_texts(frame[text], path), _check_labels(frame[label], path)


def load_docstrings(*, n_per_class=300, random_state=0):
    """Load first paragraphs of docstrings of installed packages, labelled by package.

    A corpus of real English that needs no download: the docstrings of the public classes,
    functions and methods, and of the modules, of scikit-learn, torch, scipy, numpy,
    transformers and pandas, as far as they are installed. Sources are parsed, not imported.
    The names of all six packages are masked by the word "library"; texts of fewer than five
    words, signatures and lists of parameters are dropped, and so are repeats, including those
    that differ only in code spans, numbers and capitalised words.

    The texts are the work of the packages' authors and stay under their packages' licences.

    Parameters
    ----------
    n_per_class : int or None, default=300
        The most texts a package gives; one that has fewer gives all it has. None takes all
        texts of all packages, which parses every file and takes far longer.
    random_state : int, RandomState instance or None, default=0
        Decides which texts are drawn, and their order. The outcome also depends on the
        installed versions.

    Returns
    -------
    X : list of str of length n_samples
        The texts, with single spaces for all white space.
    y : ndarray of str, shape (n_samples,)
        The names of their packages.

    Raises
    ------
    ValueError
        If `n_per_class` is neither None nor a positive int.
    ModuleNotFoundError
        If fewer than two of the packages are installed.

    Examples
    --------
    >>> from sklearn_bert.datasets import load_docstrings
    >>> X, y = load_docstrings(n_per_class=5)
    >>> len(X) == len(y)
    True
    >>> int((y == "scikit-learn").sum())
    5
    """
    if n_per_class is not None and not (isinstance(n_per_class, Integral) and n_per_class > 0):
        raise ValueError(
            f"n_per_class must be a positive int, or None for all texts, got {n_per_class!r}."
        )
    return draw_corpus(n_per_class, check_random_state(random_state))


def _check_root(path):
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


def _class_folders(root):
    """Return the names of the folders in `root` that can be classes."""
    return {p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(_JUNK)}


def _load_given_split(root, wanted, encoding):
    """Load ``root/{train,test}/CLASS/*.txt``."""
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
    X_train, y_train = _read_classes(root / "train", classes, encoding, at_least=1)
    X_test, y_test = _read_classes(root / "test", classes, encoding, at_least=1)
    return X_train, X_test, y_train, y_test


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


def _read_classes(folder, classes, encoding, at_least):
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
    return [_read_text(files[i], encoding) for i in kept], np.array(classes)[target]


def _read_text(file, encoding):
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


def _read_table(path):
    """Return the whole table as a DataFrame."""
    import pandas as pd  # only this loader needs it

    name = path.name.lower()
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    suffix = next((end for end in _SEPARATORS if name.endswith(end)), None)
    if suffix is None:
        raise ValueError(
            f"path must end in {', '.join(_SEPARATORS)} or .parquet, got {str(path)!r}; convert it."
        )
    try:
        # Only the Python engine tells a row that is too short (NaN) from an empty field (""), and
        # only with header=None is a row that is too long an error instead of an index.
        with _unlimited_fields():
            frame = pd.read_csv(
                path,
                sep=_SEPARATORS[suffix],
                header=None,
                dtype=str,
                keep_default_na=False,
                engine="python",
                encoding="utf-8-sig",
                compression="gzip" if suffix.endswith(".gz") else None,
            )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"A table must be UTF-8 text, and {str(path)!r} is not (byte {error.start}: "
            f"{error.reason}); save it as UTF-8."
        ) from error
    except ValueError as error:  # among them pandas' ParserError and EmptyDataError
        raise ValueError(
            f"{str(path)!r} must be a table with a header row and as many fields in every row, "
            f"pandas found: {error}; put fields with separators or quotes into quotes."
        ) from error
    return _take_header(frame, path)


@contextmanager
def _unlimited_fields():
    """Let csv read texts of any length, which by default end at 131072 characters."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _take_header(frame, path):
    """Return `frame` with its first row as column names, after a check for short rows."""
    header, rows = frame.iloc[0].tolist(), frame.iloc[1:].reset_index(drop=True)
    short = rows.isna().any(axis=1).to_numpy()
    if short.any():
        row = int(short.argmax())
        raise ValueError(
            f"Each row of {str(path)!r} must have {len(header)} fields, row {row} has "
            f"{rows.loc[row].dropna().tolist()!r}; add the missing ones."
        )
    return rows.set_axis(header, axis=1)


def _check_texts(column, path):
    """Return the texts as a list; a missing one or one that is no string is an error."""
    X = column.tolist()
    missing = column.isna().to_numpy()
    for row, value in enumerate(X):
        if missing[row]:
            raise ValueError(
                f"Each row of {str(path)!r} must have a text in column {column.name!r}, row {row} "
                f"has {value!r}; drop the row, or write '' for an empty text."
            )
        if not isinstance(value, str):
            raise ValueError(
                f"Each text in column {column.name!r} of {str(path)!r} must be a string, row "
                f"{row} has {value!r}; convert the column."
            )
    return X


def _check_labels(column, path):
    """Return the labels as an array; a missing or empty one is an error."""
    missing = column.isna().to_numpy()
    for row, value in enumerate(column.tolist()):
        if missing[row] or (isinstance(value, str) and not value.strip()):
            raise ValueError(
                f"Each row of {str(path)!r} must have a label in column {column.name!r}, row "
                f"{row} has {value!r}; drop the row, or label it."
            )
    # Strings come as an array of objects, which scikit-learn takes but prints poorly.
    y = column.to_numpy()
    return np.array(y.tolist()) if y.dtype == object else y
