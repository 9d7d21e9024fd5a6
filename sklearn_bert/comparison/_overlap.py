"""Test texts that also stand in the training part: how many, and the scores without them."""

from dataclasses import dataclass

import numpy as np

from ._fold_result import score


@dataclass(frozen=True)
class Overlap:
    """Test texts that also stand in the training part of their fold, all folds together.

    Attributes
    ----------
    n_test : int
        Texts that are judged on.
    exact : int
        Those of them that stand in the training part letter for letter.
    alike : int
        Those that do so apart from case and white space, the exact ones included.
    new : list of ndarray of bool
        For each fold, which test texts do not stand in its training part.
    """

    n_test: int
    exact: int
    alike: int
    new: list

    def __str__(self):
        how = "letter for letter"
        if self.exact < self.alike:
            rest = self.alike - self.exact
            how = f"{self.exact:,} {how}, {rest:,} apart from case and white space"
        return (
            f"{100 * self.alike / self.n_test:.1f} % of the test texts ({self.alike:,} of "
            f"{self.n_test:,}) also stand in the training part of their fold ({how})"
        )


def find_overlap(texts, folds):
    """Return the `Overlap` of the folds."""
    # Hashes of 64 bits instead of copies: two texts share one by chance hardly ever.
    exact = np.fromiter(map(hash, texts), dtype=np.int64, count=len(texts))
    alike = np.fromiter((hash(_without_case(text)) for text in texts), np.int64, len(texts))
    known = [np.isin(exact[test], exact[train]) for train, test in folds]
    new = [~np.isin(alike[test], alike[train]) for train, test in folds]
    return Overlap(
        sum(map(len, known)),
        int(sum(each.sum() for each in known)),
        int(sum((~each).sum() for each in new)),
        new,
    )


def _without_case(text):
    """Return a text, or each of a pair, without case and white space that tell nothing."""
    if isinstance(text, tuple):
        return tuple(map(_without_case, text))
    return " ".join(text.casefold().split())


def score_without(overlap, results, data, scorer):
    """Return the mean score of a model without the test texts that it was trained on.

    Folds on which none is left, or the score is not defined, are left out.
    """
    scores = []
    for result in results:
        new = np.flatnonzero(overlap.new[result.fold])
        rows = result.rows[new]
        if len(new) and (data.weights is None or data.weights[rows].any()):
            recorded, y = result.recorded.take(new), data.y[rows]
            weights = data.take_weights(rows)
            try:
                scores.append(score(scorer, recorded, data.take_texts(rows), y, weights))
            except ValueError:  # a class is missing from what is left
                continue
    scores = [value for value in scores if np.isfinite(value)]
    return float(np.mean(scores)) if scores else np.nan
