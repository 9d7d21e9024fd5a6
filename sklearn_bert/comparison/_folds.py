"""The folds of a comparison: found, and refused where nothing can be learnt or judged on them."""

import inspect
import warnings
from collections import Counter
from collections.abc import Mapping, Set
from numbers import Integral, Number

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from .._shorten import shorten
from .._text.label_types import is_missing

_NAMED = 5
_FORMS = "an int of at least 2, a splitter, or pairs of training and test rows"


def find_folds(data, cv, groups, seed):
    """Return the folds as pairs of row numbers, and the number of each text's group or None."""
    n_texts = len(data.texts)
    names = None if groups is None else check_groups(groups, n_texts)
    units = None if names is None else _number(names)
    groups = None if names is None else _sortable(names)
    folds = [_check_fold(fold, number, n_texts) for number, fold in _split(data, cv, groups, seed)]
    if not folds:
        raise ValueError(f"cv must give at least one fold, got none from {cv!r}; use {_FORMS}.")
    for number, (train, test) in enumerate(folds):
        _check_classes(data, number, train, test)
        if groups is not None:
            _check_sides(groups, names, number, train, test)
    return folds, units


def _split(data, cv, groups, seed):
    """Return the numbered folds that `cv` gives."""
    if isinstance(cv, (str, bytes, Mapping, Set)) or inspect.isclass(cv):
        raise TypeError(f"cv must be {_FORMS}, got {cv!r}.")
    if isinstance(cv, Number):
        cv = _stratified(data, cv, groups, seed)
    if not hasattr(cv, "split"):
        return enumerate(_listed(cv))
    try:
        with warnings.catch_warnings():
            # We tell of rare classes, and refuse groups that are on both sides, ourselves.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)
            return enumerate(list(cv.split(data.texts, data.y, groups)))
    except (TypeError, ValueError, IndexError) as error:
        counts = np.unique(data.y, return_counts=True)[1]
        given = "no groups" if groups is None else f"{len(np.unique(groups))} groups"
        raise ValueError(
            f"cv={cv!r} cannot split {len(data.y):,} texts with {counts.min():,} to "
            f"{counts.max():,} texts a class and {given}; use fewer folds, or another splitter."
        ) from error


def _stratified(data, n_folds, groups, seed):
    """Return the splitter for a number of stratified folds."""
    if isinstance(n_folds, (bool, np.bool_)) or not isinstance(n_folds, Integral) or n_folds < 2:
        raise ValueError(
            f"cv must be {_FORMS}, got {n_folds!r}; it is the number of folds (n_splits), and one "
            "split is given as [(train, test)]."
        )
    labels, first, counts = np.unique(data.y, return_index=True, return_counts=True)
    if counts.min() < 2:
        rarest = counts.argmin()
        raise ValueError(
            "Each class must have at least 2 texts, one to train on and one to judge on, and "
            f"{labels.tolist()[rarest]!r} has one, at row {first[rarest]}; add texts of it, or "
            "drop it or merge it with another class."
        )
    if n_folds > counts.max():
        raise ValueError(
            f"cv must be at most the number of texts of the largest class, {counts.max()}, got "
            f"{n_folds}; use fewer folds."
        )
    if groups is None:
        return StratifiedKFold(int(n_folds), shuffle=True, random_state=seed)
    n_groups = len(np.unique(groups))
    if n_folds > n_groups:
        raise ValueError(
            f"cv must be at most the number of groups, {n_groups}, got {n_folds}; use fewer folds."
        )
    return StratifiedGroupKFold(int(n_folds), shuffle=True, random_state=seed)


def _listed(cv):
    """Return given folds as a list of pairs."""
    try:
        folds = list(cv)
    except TypeError:
        raise TypeError(f"cv must be {_FORMS}, got {cv!r}.") from None
    for number, fold in enumerate(folds):
        if (
            not isinstance(fold, (tuple, list, np.ndarray))
            or len(fold) != 2
            or np.ndim(fold[0]) < 1
        ):
            raise ValueError(
                f"cv must be {_FORMS}, got {shorten(fold)} as fold {number}; one split is given "
                "as [(train, test)]."
            )
    return folds


def _check_fold(fold, number, n_texts):
    """Return the rows of the two parts of a fold, which have none in common."""
    names = ("training", "test")
    train, test = (
        _check_rows(part, f"the {name} part of fold {number}", n_texts)
        for part, name in zip(fold, names, strict=True)
    )
    both = np.intersect1d(train, test)
    if len(both):
        raise ValueError(
            f"The two parts of each fold must have no rows in common, and row {both[0]} is in both "
            f"parts of fold {number}; train and judge on different texts."
        )
    return train, test


def _check_rows(part, name, n_texts):
    """Return the row numbers of a part, which may also be given as a mask."""
    rows = np.asarray(part)
    if rows.size == 0:
        raise ValueError(
            f"Each part of a fold must have rows, and {name} has none; use fewer folds."
        )
    if rows.ndim != 1 or rows.dtype.kind not in "biu":
        raise ValueError(
            f"cv must give row numbers, got {shorten(part)} as {name}; number the rows from 0."
        )
    if rows.dtype == bool:
        if len(rows) != n_texts or not rows.any():
            raise ValueError(
                f"A mask of cv must have a value for each of the {n_texts} texts, and one that is "
                f"True, got {int(rows.sum())} True of {len(rows)} as {name}."
            )
        return np.flatnonzero(rows)
    wrong = rows[(rows < 0) | (rows >= n_texts)]
    if len(wrong):
        raise ValueError(
            f"cv must give rows from 0 to {n_texts - 1}, got {wrong[0]} in {name}; number the rows "
            "from 0."
        )
    return rows


def _check_classes(data, number, train, test):
    """Refuse a fold that cannot be learnt from, or judges on what cannot be learnt."""
    counting = train if data.weights is None else train[data.weights[train] > 0]
    known = np.unique(data.y[counting])
    if len(known) < 2:
        raise ValueError(
            f"The training part of each fold must have at least 2 classes, that of fold "
            f"{number} has {known.tolist()!r}; use fewer folds, or a stratified split."
        )
    unknown = np.setdiff1d(data.y[test], known)
    if len(unknown):
        raise ValueError(
            f"The test part of each fold must hold labels of its training part only, that of "
            f"fold {number} has {unknown.tolist()[0]!r}; use fewer folds, a stratified split, or "
            "drop the texts of that class."
        )
    if data.weights is not None and not data.weights[test].any():
        raise ValueError(
            f"The test part of each fold must have a text with a weight above 0, that of fold "
            f"{number} has none; use fewer folds, or other weights."
        )


def _check_sides(groups, names, number, train, test):
    """Refuse a fold with texts of one group on both sides."""
    both = np.flatnonzero(np.isin(groups[test], groups[train]))
    if len(both):
        name = names[test[both[0]]]
        raise ValueError(
            f"Texts of one group must be on one side of each fold, and those of {name!r} are on "
            f"both sides of fold {number}; use an int or a splitter for groups, such as "
            "GroupKFold, as cv."
        )


def check_groups(groups, n_texts):
    """Return the groups as a list.

    Raises
    ------
    TypeError, ValueError
        If there is not one group for each text.
    """
    values = _values(groups)
    if len(values) != n_texts:
        raise ValueError(
            f"X and groups have inconsistent numbers of samples, {n_texts} texts and "
            f"{len(values)} groups; pass one group for each text."
        )
    for row, value in enumerate(values):
        if is_missing(value) or isinstance(value, (list, dict, set, np.ndarray)):
            raise ValueError(
                f"groups must have a group for each text, got {value!r} at row {row}; drop such "
                "rows, or give each of them a group of its own."
            )
    return values


def _sortable(groups):
    """Return groups as an array that splitters can sort: as they are, or else numbered."""
    if len(kinds := set(map(type, groups))) == 1 and kinds <= {str, int, float, bool}:
        return np.array(groups)
    return _number(groups)


def _number(groups):
    """Return the number of the group of each text, in the order in which they come."""
    numbers = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups])


def _values(groups):
    """Return the groups as a list."""
    if isinstance(groups, (str, bytes, Number, Mapping, Set)):
        raise TypeError(
            f"groups must be an array-like with a group for each text, got {groups!r}; pass the "
            "column itself, as in frame['author']."
        )
    if len(getattr(groups, "shape", ())) > 1:
        if groups.shape[1:] != (1,):
            raise ValueError(
                f"groups must be one column, got shape {groups.shape}; select one, or join them "
                "to one."
            )
        return np.asarray(groups)[:, 0].tolist()
    for method in ("to_pylist", "to_list", "tolist"):  # Arrow, pandas and polars, NumPy
        if hasattr(groups, method):
            return getattr(groups, method)()
    try:
        return list(groups)
    except TypeError:
        raise TypeError(
            "groups must be an array-like with a group for each text, got an object of type "
            f"{type(groups).__name__}; pass a list."
        ) from None


def rare_classes(data, folds):
    """Return sentences on classes that are missing from some training or test parts."""
    counts = dict(zip(*np.unique(data.y, return_counts=True), strict=True))
    effects = {"training": "where they are not learnt", "test": "where they are not judged"}
    sentences = []
    for (name, effect), parts in zip(effects.items(), zip(*folds, strict=True), strict=True):
        if max(map(len, parts)) == 1:
            continue  # leave one out
        absent = [np.setdiff1d(data.classes, data.y[part]) for part in parts]
        n_absent = Counter(np.concatenate(absent).tolist())
        found = [
            f"{label!r} ({counts[label]:,} text{'s' * int(counts[label] > 1)}, {n_absent[label]} "
            f"of {len(folds)})"
            for label in sorted(sorted(n_absent), key=counts.get)  # the rarest first
        ]
        if found:
            more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
            sentences.append(
                f"Classes too rare for the {name} part of each fold, {effect}: "
                f"{', '.join(found[:_NAMED])}{more}."
            )
    return sentences
