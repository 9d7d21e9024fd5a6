"""What the sections of the report below the table of models show."""

import numpy as np

from . import _report_charts as charts
from ._advice import best_results
from ._class_scores import find_confusions, find_growth
from ._finalists import MANY_CLASSES, Finalist, LongTable, class_scores, differing_texts
from ._numbers_report import find_numbers


def find_sections(comparison):
    """Return what each section shows, by its name in the template; None where there is nothing."""
    sections = {
        "finalists": [],
        "cost": charts.cost(comparison),
        "learning_curve": charts.learning_curve(comparison),
        "crossing": comparison._crossing() if comparison._curves() else None,
        "next_labels": comparison._next_sentence(),
        "lengths": charts.lengths(comparison),
    }
    if comparison._pair is None:
        return sections
    finalists = [Finalist(comparison, results) for results in comparison._finalists()]
    sections |= {"finalists": finalists, "is_weighted": comparison._data.weights is not None}
    if comparison._data.kind == "numbers":
        return sections | {"predictions": "numbers.html", **find_numbers(finalists, comparison)}
    if comparison._data.kind == "labels":
        sections |= {"predictions": "finalists.html", **_confusions(finalists)}
    else:
        sections |= {"confusion": _confused_labels(comparison)}
    growths = [_growth(comparison, results) for results in comparison._finalists()]
    return (
        {"predictions": "several_labels.html"}
        | sections
        | {
            "has_many_classes": len(finalists[0].classes) > MANY_CLASSES,
            "class_scores": class_scores(finalists, growths),
            "has_growths": None not in growths,
            "issues": _label_issues(comparison),
            "differing": differing_texts(finalists, comparison._data),
            "calibration": [(f, f.proba is not None and charts.calibration(f)) for f in finalists],
        }
    )


def _growth(comparison, results):
    """Return by how much F1 of each class rose when the training texts doubled."""
    main = next(iter(comparison._scorers))
    return find_growth(results, comparison._curve, comparison._data, main)


def _label_issues(comparison):
    """Return the model that tells which labels are likely wrong, and the texts with them; or None.

    Of several labels a text, one that is given is shown as "joy", one that is not as "not joy".
    """
    issues = comparison.label_issues_
    if issues is None or issues.empty:
        return None
    if comparison._data.kind == "several labels":
        shown = {
            column: [name if has else f"not {name}" for name, has in zip(*pairs, strict=True)]
            for column, pairs in {
                "label": (issues["label"], issues["given"]),
                "predicted": (issues["label"], issues["predicted"]),
            }.items()
        }
        issues = issues.assign(**shown)
    return {
        "model": best_results(comparison, with_proba=True)[0].model,
        "texts": issues.reset_index().to_dict("records"),
    }


def _confused_labels(comparison):
    """Return the pairs of labels that are confused, those that both models confuse most first."""
    pairs = {}
    for number, results in enumerate(comparison._finalists()):
        for row in find_confusions(results, comparison._data).to_dict("records"):
            counts = pairs.setdefault((row["label"], row["predicted"]), [0, 0])
            counts[number] = row["n_texts"]
    rows = [[*names, *counts] for names, counts in pairs.items()]
    return LongTable.of(
        rows.__getitem__, np.argsort([-sum(row[2:]) for row in rows], kind="stable")
    )


def _confusions(finalists):
    """Return which classes are confused."""
    has_many = len(finalists[0].classes) > MANY_CLASSES
    return {
        "classes": finalists[0].classes.tolist(),
        "confusion": _confused_pairs(finalists) if has_many else _matrices(finalists),
    }


def _matrices(finalists):
    """Return the rows of the confusion matrix of each model, with the name of the class first."""
    return [
        [[label, *counts] for label, counts in zip(f.classes, f.confusion(), strict=True)]
        for f in finalists
    ]


def _confused_pairs(finalists):
    """Return the pairs of classes that are confused, those that both models confuse most first."""
    classes = finalists[0].classes
    matrices = [finalist.confusion() for finalist in finalists]
    both = sum(matrices)
    np.fill_diagonal(both, 0)
    order = np.argsort(-both, axis=None, kind="stable")[: np.count_nonzero(both)]

    def row(place):
        i, j = np.unravel_index(place, both.shape)
        return [classes[i], classes[j], *(matrix[i, j] for matrix in matrices)]

    return LongTable.of(row, order)
