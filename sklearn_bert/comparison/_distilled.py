"""Candidates that are distilled from others."""

from .._estimators.text_estimator import TextEstimator
from ..distilled_classifier import DistilledTextClassifier
from ..distilled_regressor import DistilledTextRegressor


def distilled(candidates, data, seed):
    """Return what is distilled from each candidate of ours, by name.

    Raises
    ------
    ValueError
        If none can be distilled, or one has the name of another candidate.
    """
    students = DistilledTextRegressor if data.kind == "numbers" else DistilledTextClassifier
    found = {
        f"distilled {name}": students(bert, random_state=seed)
        for name, bert in candidates.items()
        if isinstance(bert, TextEstimator)
    }
    if not found or data.is_pairs:
        reason = "X holds pairs of texts" if data.is_pairs else "bert has none of them"
        raise ValueError(
            "distill=True needs single texts, and a BertTextClassifier or BertTextRegressor to "
            f"distil, and {reason}; leave it out."
        )
    if taken := [name for name in found if name in candidates]:
        raise ValueError(
            f"distill=True names what is distilled {taken[0]!r}, which bert has too; choose "
            "another name."
        )
    return found
