"""What else to pay for, by the errors of the best model: which classes, and which labels."""

import numpy as np

from ._baselines import MAJORITY, MEAN
from ._class_scores import PER_DOUBLING

_NAMED = 3
_ROWS = 5


def best_results(comparison, *, with_proba=False):
    """Return the results of the best model, by the first score; None if there is none.

    It is neither a mixture nor the same answer for all texts.

    Parameters
    ----------
    comparison : Comparison
    with_proba : bool, default=False
        Whether it has to give probabilities.
    """
    main, done = next(iter(comparison._scorers)), {}
    for result in comparison._results:
        is_fitted = result.model in comparison._descriptions  # and no mixture
        if not is_fitted or result.model in (MAJORITY, MEAN) or result.error:
            continue
        if not np.isfinite(result.scores[main]):
            continue
        if not with_proba or _has_proba(result):
            done.setdefault(result.model, []).append(result)
    most = max(map(len, done.values()), default=0)
    whole = [results for results in done.values() if len(results) == most]
    return max(whole, key=lambda some: np.mean([each.scores[main] for each in some]), default=None)


def _has_proba(result):
    """Return whether there are probabilities of all classes."""
    proba = result.recorded.proba
    return proba is not None and bool(np.isfinite(proba).all())


def tell(comparison):
    """Return sentences on classes, what they are taken for, and labels that are likely wrong."""
    best = best_results(comparison)
    if best is None or comparison._data.kind == "numbers":
        return []
    name, issues = best[0].model, comparison.label_issues_
    return [
        *_tell_classes(name, comparison.class_scores_),
        *_tell_confusions(name, comparison.confusions_),
        *(() if issues is None else _tell_issues(issues)),
    ]


def _tell_classes(name, scores):
    """Return the sentence on classes that profit from more texts, else on those known worst."""
    if PER_DOUBLING in scores:
        rising = scores[scores[f"{PER_DOUBLING}_low"] > 0].sort_values(
            PER_DOUBLING, ascending=False, kind="stable"
        )
        if len(rising):
            told = [
                f"{label!r} (by {row[PER_DOUBLING]:.2f} to {row['f1']:.2f}, {_texts(row)})"
                for label, row in _first(rising)
            ]
            return [f"With twice the texts, F1 of {name} rose most for {_listed(told)}."]
    worst = scores[scores["f1"] < 1]
    if len(scores) < 3 or worst.empty:
        return []
    told = [f"{label!r} {row['f1']:.2f} ({_texts(row)})" for label, row in _first(worst)]
    return [f"The lowest F1 of {name}: {_listed(told)}."]


def _tell_confusions(name, confusions):
    """Return the sentence on the pairs of classes that are confused most."""
    told = [
        f"{row['label']!r} for {row['predicted']!r} ({_texts(row)})"
        for _, row in _first(confusions)
    ]
    return [f"{name} most often takes {_listed(told)}."] if told else []


def _tell_issues(issues):
    """Return the sentence on the labels to check first."""
    rows = ", ".join(f"{row:,}" for row in issues.index[:_ROWS])
    if issues.empty:
        return []
    return [f"The labels that are most likely wrong are those of the rows {rows} (from 0)."]


def _first(frame):
    """Return the first rows of a frame with their index; labels are plain values."""
    rows = frame.head(_NAMED)
    return zip(rows.index.tolist(), rows.to_dict("records"), strict=True)


def _texts(row):
    """Return the number of texts of a row."""
    return f"{row['n_texts']:,} text{'s' * int(row['n_texts'] != 1)}"


def _listed(parts):
    """Return parts with commas and an "and"."""
    *before, last = parts
    return f"{', '.join(before)} and {last}" if before else last
