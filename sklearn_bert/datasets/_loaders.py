"""Loaders of labelled texts: class folders, tables and a corpus that is always at hand."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from .._warn import warn
from ._class_folders import check_root, find_split, read_classes, read_split
from ._docstring_corpus import draw_corpus
from ._tables import SUFFIXES, find_format, read_table

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from .._typing import RandomState


def load_text_folder(
    path: str | os.PathLike[str],
    *,
    encoding: str = "utf-8",
    categories: Iterable[str] | None = None,
    test_size: float | None = None,
    random_state: RandomState = None,
) -> tuple[list[str], list[str], npt.NDArray[np.str_], npt.NDArray[np.str_]]:
    """Load texts from class folders, split into a training and a test set.

    Two layouts are read: ``path/{train,test}/CLASS/*.txt``, where the folders give the split
    (the layout of the Large Movie Review Dataset [1]_, which is the folder ``aclImdb`` once
    https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz is downloaded and unpacked),
    and ``path/CLASS/*.txt``, split here and stratified by class. Upper and lower case of ``.TXT``
    and of ``Train`` do not matter, files may be packed (``.txt.gz``), and may stand in folders of
    a class folder and behind links. Where no file of a class folder ends so, files without an
    ending are the texts, as in 20 newsgroups. Other files are ignored, with a warning that counts
    them; hidden files, and what stands beside the class folders, such as ``dev`` beside ``train``,
    without one.

    Parameters
    ----------
    path : str or Path
        The folder that holds either ``train`` and ``test`` or the class folders.
    encoding : str, default="utf-8"
        The encoding of the files. In one that begins with a byte order mark, this decides
        instead, and is no part of the text.
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

    Warns
    -----
    UserWarning
        If class folders hold files that are not read.

    See Also
    --------
    load_text_table : The same from the columns of a table.

    References
    ----------
    .. [1] Maas, A. L., Daly, R. E., Pham, P. T., Huang, D., Ng, A. Y. and Potts, C. (2011).
       Learning Word Vectors for Sentiment Analysis. Proceedings of ACL-HLT 2011, 142-150.
       https://aclanthology.org/P11-1015/, data: https://ai.stanford.edu/~amaas/data/sentiment/

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
    root = check_root(path)
    if categories is not None and (isinstance(categories, str) or not np.iterable(categories)):
        raise ValueError(
            f"categories must be a list of class names, got {categories!r}; pass [{categories!r}]."
        )
    wanted = None if categories is None else set(categories)
    split = find_split(root)
    if split is not None:
        if test_size is not None:
            raise ValueError(
                f"The folders 'train' and 'test' of {str(root)!r} give the split, so test_size "
                f"must be None, got {test_size!r}; leave it out."
            )
        train, test = read_split(split[0], split[1], wanted, encoding)
        _warn(train.note, test.note)
        return train.X, test.X, train.y, test.y
    # A stratified split puts at least one text of each class on either side.
    X, y, note = read_classes(root, wanted, encoding, at_least=2)
    _warn(note)
    return tuple(train_test_split(X, y, test_size=test_size, random_state=random_state, stratify=y))


def _warn(*notes: str | None) -> None:
    """Warn the caller of a loader of what its user should know."""
    for note in notes:
        if note is not None:
            warn(note)


@overload
def load_text_table(
    path: str | os.PathLike[str],
    *,
    text: str | int,
    label: str | int,
    encoding: str | None = None,
    sep: str | None = None,
    header: bool | None = True,
) -> tuple[list[str], npt.NDArray[Any]]: ...


@overload
def load_text_table(
    path: str | os.PathLike[str],
    *,
    text: str | int | Sequence[str | int],
    label: str | int | Sequence[str | int],
    encoding: str | None = None,
    sep: str | None = None,
    header: bool | None = True,
) -> tuple[list[Any], Any]: ...


def load_text_table(
    path: str | os.PathLike[str],
    *,
    text: str | int | Sequence[str | int],
    label: str | int | Sequence[str | int],
    encoding: str | None = None,
    sep: str | None = None,
    header: bool | None = True,
) -> tuple[list[Any], Any]:
    """Load texts and labels from columns of a CSV, TSV, JSON, Excel or Parquet file.

    In CSV, TSV and Excel files every field is kept as the string that stands there: the text
    ``"null"`` stays, as does an empty text, and the label ``1`` is ``"1"``. JSON lines (one object
    a line, whose keys are the columns), JSON arrays of such objects and Parquet files keep the
    type of their labels.

    Parameters
    ----------
    path : str or Path
        A file whose name ends in ``.csv``, ``.tsv``, ``.tab``, ``.jsonl``, ``.ndjson`` or
        ``.json``, or in one of these and ``.gz``, ``.bz2``, ``.xz``, ``.zst`` or ``.zip``, or in
        ``.xlsx``, of which the first sheet is read, or in ``.parquet``. A file of another name is
        taken for rows of fields if `sep` or ``header=False`` is given. ``.xlsx`` needs openpyxl,
        and ``.parquet`` and ``.zst`` need pyarrow (both in the extra ``tables``).
    text : str, int or list of two of them
        The name of the column of texts. Two columns give pairs of texts.
    label : str, int or list of them
        The name of the column of labels. Several are columns of 0 and 1, one for each label.
    encoding : str, default=None
        The encoding of a text file. None is UTF-8; CSV and TSV files that are not are read in
        the encoding that charset-normalizer (extra ``tables``) finds the most likely. A byte order
        mark decides, whatever is given, and is no part of the text.
    sep : str, default=None
        The character between the fields of a CSV or TSV file. None finds it out: a comma,
        semicolon, tab or ``|``, by which the first row has the names that are asked for and all
        rows have as many fields.
    header : bool, default=True
        Whether the first row of a CSV, TSV or Excel file holds the names of the columns. If not
        (False or None), columns are given by their number, from 0.

    Returns
    -------
    X : list of str, or of (str, str), of length n_samples
        The texts or pairs, in the order of the rows.
    y : ndarray of shape (n_samples,) or DataFrame of shape (n_samples, n_labels)
        Their labels; of several columns of labels, a frame of 0 and 1.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModuleNotFoundError
        If a library is missing that a file of this kind needs.
    ValueError
        If the suffix is unknown, a column is missing, the file cannot be read or has no rows,
        a row has too few or too many fields or is no JSON object, a label is missing, empty, of
        another type than the first or neither string, number nor boolean, one of several labels
        is not 0 or 1, or a text of JSON or Parquet is not a string. Rows are counted from 0 below
        the header, blank lines left out.

    Warns
    -----
    UserWarning
        If an encoding or a separator that was not given had to be found out, says which, and if
        only the first of several sheets is read.

    See Also
    --------
    load_text_folder : The same from class folders.

    Notes
    -----
    In CSV files, quotes enclose fields, which may hold separators, ends of lines and doubled
    quotes, and blank lines are left out. In files whose fields are separated by tabs, quotes are
    letters and each line is a row, unless the quotes all over the file are those of a program that
    encloses fields. In a table of one column, a blank line is an empty text.

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
    form = find_format(path, sep=sep, header=header)
    if form is None:
        raise ValueError(
            f"path must end in {SUFFIXES}, got {str(path)!r}; convert it, or give sep= if it is "
            "rows of fields."
        )
    if not isinstance(text, str) and np.iterable(text) and len(list(text)) > 2:
        raise ValueError(
            f"text must name one column of texts, or two of pairs, got {text!r}; join the columns."
        )
    table = read_table(
        path,
        form,
        where=repr(str(path)),
        text=text,
        label=label,
        encoding=encoding,
        sep=sep,
        header=header,
    )
    _warn(table.note)
    return table.X, table.y


def load_docstrings(
    *,
    n_per_class: int | None = 300,
    random_state: RandomState = 0,
    target: Literal["package", "kind"] = "package",
) -> tuple[list[str], npt.NDArray[np.str_]]:
    """Load first paragraphs of docstrings of installed packages, labelled by package or kind.

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
        The most texts of a class; one that has fewer gives all it has. None takes all texts of
        all packages, which parses every file and takes far longer.
    random_state : int, RandomState instance or None, default=0
        Decides which texts are drawn, and their order. The outcome also depends on the
        installed versions.
    target : {"package", "kind"}, default="package"
        What is to be told: the package that a text is from, or whether it describes a "class" or
        a "function". For the latter, methods and modules are left out, and the files of all
        packages are drawn from alike, so that large packages give more texts.

    Returns
    -------
    X : list of str of length n_samples
        The texts, with single spaces for all white space.
    y : ndarray of str, shape (n_samples,)
        The names of their packages, or what they describe.

    Raises
    ------
    ValueError
        If `n_per_class` is neither None nor a positive int, or `target` is another.
    ModuleNotFoundError
        If fewer than two of the packages are installed.

    See Also
    --------
    load_text_folder : Texts of your own, from class folders.
    load_text_table : Texts of your own, from the columns of a table.

    Examples
    --------
    >>> from sklearn_bert.datasets import load_docstrings
    >>> X, y = load_docstrings(n_per_class=5)
    >>> len(X) == len(y)
    True
    >>> int((y == "scikit-learn").sum())
    5
    >>> X, y = load_docstrings(n_per_class=5, target="kind")
    >>> sorted(set(y.tolist()))
    ['class', 'function']
    """
    if n_per_class is not None and not (isinstance(n_per_class, Integral) and n_per_class > 0):
        raise ValueError(
            f"n_per_class must be a positive int, or None for all texts, got {n_per_class!r}."
        )
    if target not in ("package", "kind"):
        raise ValueError(f"target must be 'package' or 'kind', got {target!r}.")
    return draw_corpus(n_per_class, check_random_state(random_state), target)
