"""Which of the training texts are held out for early stopping."""

import math
import warnings
from numbers import Integral

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

# Texts of either side that are tried when one is looked for to swap.
_TRIED = 64


def hold_out(target, fraction, groups, random_state):
    """Return the rows to train on, and those that are held out.

    Parameters
    ----------
    target : Target
        Of all texts: held-out texts have its classes or labels in about the same shares. Every
        class keeps a text to train on.
    fraction : int or float
        Number or share of the texts that are held out, as far as that can be done.
    groups : ndarray of int or None
        Number of the group of each text; groups are held out as a whole.
    random_state : RandomState instance
        Draws the rows.

    Raises
    ------
    ValueError
        If none can be held out.
    """
    n_held_out = _count(fraction, len(target))
    if groups is not None:
        return _by_groups(target, groups, n_held_out / len(target), random_state)
    if target.is_classes:
        return _by_class(target, n_held_out, random_state)
    rows = np.arange(len(target))
    training, held_out = train_test_split(rows, test_size=n_held_out, random_state=random_state)
    if target.is_labels:
        return _by_label(target.y.astype(bool), training, held_out, random_state)
    if target.sizes is not None:
        sizes = zip(target.values.T, target.sizes, strict=True)
        indicator = np.hstack([column[:, None] == np.arange(size) for column, size in sizes])
        return _by_label(indicator, training, held_out, random_state)
    return training, held_out


def _count(fraction, n_texts):
    """Return how many texts are wanted."""
    if n_texts < 2:
        raise ValueError(
            "early_stopping=True must have at least 2 texts, one to train on and one to hold out, "
            "got 1; add texts, or pass X_val and y_val."
        )
    count = fraction if isinstance(fraction, Integral) else math.ceil(fraction * n_texts)
    if count >= n_texts:
        raise ValueError(
            f"validation_fraction must leave texts to train on, got {fraction!r}, which is all of "
            f"the {n_texts} texts; lower it, or pass X_val and y_val."
        )
    return count


def _by_class(target, n_held_out, random_state):
    """Return the rows of both sides, with the classes in the same shares where that can be."""
    rows, classes = np.arange(len(target)), target.indices
    sizes = np.unique(classes, return_counts=True)[1]
    if sizes.min() >= 2 and len(sizes) <= min(n_held_out, len(rows) - n_held_out):
        training, held_out = train_test_split(
            rows, test_size=n_held_out, stratify=target.y, random_state=random_state
        )
        if len(np.unique(classes[training])) == len(sizes):  # a rare one may be held out wholly
            return training, held_out
    n_free = len(rows) - len(sizes)
    if not n_free:
        raise ValueError(
            "early_stopping=True must have a class with at least 2 texts, one of which stays in "
            f"training, got 1 text of each of the {len(sizes)} classes, such as "
            f"{target.y.tolist()[0]!r}; add texts, or pass X_val and y_val."
        )
    held_out = _spread(classes, min(n_held_out, n_free), random_state)
    return np.setdiff1d(rows, held_out), held_out


def _spread(classes, n_rows, random_state):
    """Return rows spread evenly over the classes, of each of which one row at least is left."""
    order = random_state.permutation(len(classes))
    begins = random_state.uniform(size=classes.max() + 1)
    sizes = np.bincount(classes)
    ranks = np.empty(len(classes), dtype=np.int64)
    for number in np.flatnonzero(sizes):
        ranks[order[classes[order] == number]] = np.arange(sizes[number])
    places = (ranks + begins[classes]) / sizes[classes]
    places[ranks == sizes[classes] - 1] = np.inf
    return np.argsort(places, kind="stable")[:n_rows]


def _by_label(indicator, training, held_out, random_state):
    """Return the rows after swaps that bring each label, and its absence, to both sides.

    Where a label is nowhere or everywhere on a side, most metrics are not defined on it.
    """
    traits = np.hstack([indicator, ~indicator])
    wanted = traits.sum(axis=0) >= 2  # others cannot be on both sides
    sides = [training.copy(), held_out.copy()]
    for trait in np.argsort(traits.sum(axis=0), kind="stable"):
        for here, there in (sides, sides[::-1]):
            if wanted[trait] and not traits[here, trait].any():
                _swap(traits, wanted, trait, here, there, random_state)
    return sides[0], sides[1]


def _swap(traits, wanted, trait, here, there, random_state):
    """Bring a row with a trait here for another one, if no more traits are lost than found."""
    coming = random_state.permutation(np.flatnonzero(traits[there, trait]))[:_TRIED]
    going = random_state.permutation(len(here))[:_TRIED]
    change = traits[there[coming]][:, None].astype(int) - traits[here[going]][None]
    counts = [traits[side].sum(axis=0) for side in (here, there)]
    n_found = sum(
        ((counts[number] + sign * change > 0) & wanted).sum(axis=-1)
        for number, sign in enumerate((1, -1))
    )
    if n_found.max() > sum(((count > 0) & wanted).sum() for count in counts):
        one, other = np.unravel_index(n_found.argmax(), n_found.shape)
        here[going[other]], there[coming[one]] = there[coming[one]], here[going[other]]


def _by_groups(target, groups, share, random_state):
    """Return the rows of both sides, no group of which is on both."""
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise ValueError(
            "groups must have at least 2 different values to hold some out for early_stopping=True,"
            f" got {n_groups}; pass more groups, or X_val and y_val."
        )
    classes = target.indices if target.is_classes else np.zeros(len(target), dtype=np.int64)
    largest = np.bincount(classes).max()
    if largest < 2:  # nothing to keep in shares
        classes, largest = np.zeros_like(classes), len(classes)
    n_folds = int(np.clip(round(1 / min(share, 1 - share)), 2, min(n_groups, largest)))
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=random_state)
    with warnings.catch_warnings(action="ignore"):  # of classes that are not in every fold
        sides = list(folds.split(np.zeros(len(target)), classes, groups))
    if share > 0.5:
        sides = [(held_out, training) for training, held_out in sides]
    sides = [side for side in sides if all(map(len, side))]
    lost = [np.setdiff1d(target.indices, target.indices[training]) for training, _ in sides]
    if target.is_classes and min(map(len, lost)):
        (label,) = target.y[target.indices == min(lost, key=len)[0]][:1].tolist()
        raise ValueError(
            "groups must leave texts of every class to train on when some are held out, got "
            f"the class {label!r} in groups that must be held out together; pass other "
            "groups, or X_val and y_val."
        )
    return sides[int(np.argmin([len(classes) for classes in lost]))]
