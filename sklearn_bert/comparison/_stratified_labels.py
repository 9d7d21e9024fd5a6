"""Folds of texts that may have several labels each: every label spread evenly over them."""

import numpy as np


def spread_labels(y, shares, random_state):
    """Return the number of the part that each text goes into.

    One label after the other, the rarest of those that are left first: its texts go where most of
    them are still wanted, and of equal ones where there is most room.

    Parameters
    ----------
    y : ndarray of shape (n_texts, n_labels)
        1 for the labels that a text has.
    shares : sequence of float
        Of the texts for each part; they sum to 1.
    random_state : int or None
        Seeds the order of the texts.

    Returns
    -------
    parts : ndarray of shape (n_texts,)

    References
    ----------
    K. Sechidis, G. Tsoumakas, I. Vlahavas (2011). On the Stratification of Multi-label Data. ECML
    PKDD.
    """
    rng = np.random.default_rng(random_state)
    shares = np.asarray(shares, dtype=np.float64)
    room = shares * len(y)
    wanted = np.outer(y.sum(axis=0), shares)
    parts = np.full(len(y), -1)
    order = rng.permutation(len(y))
    while len(order):
        left = y[order].sum(axis=0)
        label = np.where(left > 0, left, np.inf).argmin()
        with_label = y[order, label] > 0 if left[label] else np.ones(len(order), dtype=bool)
        for row in order[with_label]:
            first = wanted[label] if left[label] else room
            part = np.lexsort((rng.random(len(shares)), room, first))[-1]
            parts[row] = part
            wanted[:, part] -= y[row]
            room[part] -= 1
        order = order[~with_label]
    return parts


class StratifiedLabels:
    """A splitter into folds over which each label is spread evenly.

    Parameters
    ----------
    n_splits : int
        Number of folds.
    random_state : int or None
        Seeds the order of the texts.
    """

    def __init__(self, n_splits, random_state):
        self.n_splits = n_splits
        self.random_state = random_state

    def split(self, X, y, groups=None):
        """Yield pairs of training and test rows."""
        parts = spread_labels(y, np.full(self.n_splits, 1 / self.n_splits), self.random_state)
        for fold in range(self.n_splits):
            yield np.flatnonzero(parts != fold), np.flatnonzero(parts == fold)
