"""The report of a comparison: one HTML file that needs nothing else, and its JSON."""

import json
import math
import platform

import numpy as np

from .._templates import templates
from .._versions import find_versions
from ._finalists import MANY_CLASSES
from ._report_sections import find_sections
from ._theme import DARK, LIGHT

_MAX_CHARACTERS = 600


def as_html(comparison, data_name=None):
    """Return the whole report; `data_name` is what it calls the data."""
    data = comparison._data
    counts = {} if data.kind == "numbers" else data.counts()
    return _rendered(
        "report.html",
        **_head(comparison),
        **find_sections(comparison),
        max_characters=_MAX_CHARACTERS,
        data=_facts(comparison, counts, data_name),
        class_counts=counts if len(counts) > MANY_CLASSES else None,
        setup=_setup(comparison),
    )


def as_fragment(comparison):
    """Return verdict and table, for a notebook."""
    return _rendered("fragment.html", **_head(comparison))


def _rendered(template, **values):
    """Return a template filled with values, in the colours of both themes."""
    page = templates("sklearn_bert.comparison").get_template(template)
    return page.render(light=LIGHT, dark=DARK, **values)


def _head(comparison):
    """Return the verdict with its method and the notes, and the table of the models."""
    _, *notes = comparison._sentences()
    layout = comparison._layout
    return {
        "verdict": comparison.verdict_,
        "notes": notes,
        "headings": layout.headings,
        "models": [
            {
                "name": row["model"],
                "cells": layout.cells(row),
                "failure": None if row["n_folds"] else row["error"],
            }
            for row in comparison.rows_
        ],
        **_fewer_folds(comparison),
    }


def _facts(comparison, counts, name):
    """Return what was compared on, and when."""
    data = comparison._data
    facts = {} if name is None else {"data": name}
    facts["pairs of texts" if data.is_pairs else "texts"] = f"{len(data.texts):,}"
    if data.kind == "numbers":
        figures = {name: f"{figure:.4g}" for name, figure in _figures(data.y).items()}
        facts["numbers"] = "from {min} to {max}, mean {mean}, standard deviation {std}".format(
            **figures
        )
    else:
        classes = ", ".join(f"{label} ({n:,})" for label, n in counts.items())
        if len(counts) > MANY_CLASSES:
            classes = f"of {min(counts.values()):,} to {max(counts.values()):,} texts"
        called = "classes" if data.kind == "labels" else "labels, several a text"
        facts[called] = f"{len(counts):,}: {classes}"
    return facts | {"date": comparison.date_.isoformat(" ", "minutes")}


def _figures(numbers):
    """Return the range of numbers, their mean and their standard deviation."""
    return {
        "min": numbers.min(),
        "max": numbers.max(),
        "mean": numbers.mean(),
        "std": numbers.std(ddof=1),
    }


def _fewer_folds(comparison):
    """Return the models that finished fewer folds than others, and how many those finished."""
    done = {row["model"]: row["n_folds"] for row in comparison.rows_ if row["n_folds"]}
    most = max(done.values(), default=0)
    fewer = ", ".join(f"{name} {n}" for name, n in done.items() if n < most)
    return {"fewer_folds": fewer, "most_folds": most}


def _setup(comparison):
    """Return what is needed to do it again."""
    facts = {**comparison.settings_, **_all_versions()}
    if isinstance(facts["bert"], dict):
        facts["bert"] = "; ".join(f"{name}: {each}" for name, each in facts["bert"].items())
    return facts


def _all_versions():
    """Return the versions of what was used, and the machine."""
    packages = find_versions("scikit-learn", "torch", "transformers", "skorch", "numpy")
    return {**packages, "Python": platform.python_version(), "machine": platform.machine()}


def as_json(comparison, data_name=None, *, predictions=False):
    """Return the results without texts, as JSON without NaN."""
    data = comparison._data
    numbers = data.kind == "numbers"
    target = {"numbers": _figures(data.y)} if numbers else {"classes": data.counts()}
    results = {
        "data": {"name": data_name, "n_texts": len(data.texts), **target},
        "predicts": data.kind,
        "pairs": data.is_pairs,
        "date": comparison.date_.isoformat(timespec="seconds"),
        "verdict": comparison.verdict_,
        "notes": comparison.notes_,
        "bert": comparison.bert_,
        "candidates": comparison.candidates_,
        "cheapest": comparison.cheapest_,
        "best_cheap": comparison.best_cheap_,
        "differences": {name: vars(each) for name, each in comparison.differences_.items()},
        "fold_differences": {
            name: vars(each) for name, each in comparison.fold_differences_.items()
        },
        "next_labels": {name: vars(each) for name, each in comparison.next_labels_.items()},
        "advice": comparison.advice_,
        "class_scores": _records(comparison.class_scores_),
        "confusions": _records(comparison.confusions_),
        "label_issues": _records(comparison.label_issues_),
        "overlap": comparison.overlap_,
        "mixture": comparison.mixture_,
        "preview": comparison.preview_ and vars(comparison.preview_),
        "models": comparison.rows_,
        "folds": comparison._fold_rows(),
        "learning_curve": comparison._curve_rows(),
        "forecast": comparison.forecast_ and _forecast(comparison.forecast_),
        "forecasts": {name: _forecast(each) for name, each in comparison.forecasts_.items()},
        "settings": comparison.settings_,
        "versions": _all_versions(),
    }
    text = json.dumps(_plain(results), indent=2, allow_nan=False)
    if predictions:
        from ._saved import state_of

        # Not a line for each number.
        state = json.dumps(_plain(state_of(comparison)), allow_nan=False, separators=(",", ":"))
        text = f'{text.removesuffix("}").rstrip()},\n  "state": {state}\n}}'
    return f"{text}\n"


def _records(frame):
    """Return the rows of a data frame as dicts, without texts; None of none."""
    if frame is None:
        return None
    frame = frame.drop(columns="text", errors="ignore")
    return (frame if frame.index.name is None else frame.reset_index()).to_dict("records")


def _forecast(forecast):
    """Return a forecast as a dict, without the lengths of the texts."""
    names = ("fit_seconds", "predict_seconds", "probe_seconds", "share_cut", "max_length")
    return {name: getattr(forecast, name) for name in names}


def _plain(value):
    """Return nested results as JSON knows them: NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
