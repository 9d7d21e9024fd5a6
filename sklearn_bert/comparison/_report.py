"""The report of a comparison: one HTML file that needs nothing else, and its JSON."""

import json
import math
import platform

import numpy as np

from .._templates import templates
from .._versions import find_versions
from ._report_sections import MANY_CLASSES, find_sections
from ._theme import DARK, LIGHT

_MAX_CHARACTERS = 600


def as_html(comparison, data_name=None):
    """Return the whole report; `data_name` is what it calls the data."""
    counts = _counts(comparison._data)
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
    classes = ", ".join(f"{label} ({n:,})" for label, n in counts.items())
    if len(counts) > MANY_CLASSES:
        classes = f"of {min(counts.values()):,} to {max(counts.values()):,} texts"
    facts = {} if name is None else {"data": name}
    return facts | {
        "texts": f"{len(comparison._data.texts):,}",
        "classes": f"{len(counts):,}: {classes}",
        "date": comparison.date_.isoformat(" ", "minutes"),
    }


def _counts(data):
    """Return the number of texts of each class, the largest first."""
    labels, counts = np.unique(data.y, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return dict(zip(labels[order].tolist(), counts[order].tolist(), strict=True))


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


def as_json(comparison, data_name=None):
    """Return the results without texts and predictions, as JSON without NaN."""
    data = comparison._data
    results = {
        "data": {"name": data_name, "n_texts": len(data.texts), "classes": _counts(data)},
        "date": comparison.date_.isoformat(timespec="seconds"),
        "verdict": comparison.verdict_,
        "notes": comparison.notes_,
        "bert": comparison.bert_,
        "candidates": comparison.candidates_,
        "best_cheap": comparison.best_cheap_,
        "differences": {name: vars(each) for name, each in comparison.differences_.items()},
        "fold_differences": {
            name: vars(each) for name, each in comparison.fold_differences_.items()
        },
        "overlap": comparison.overlap_,
        "models": comparison.rows_,
        "folds": comparison._fold_rows(),
        "learning_curve": comparison._curve_rows(),
        "forecast": comparison.forecast_ and _forecast(comparison.forecast_),
        "forecasts": {name: _forecast(each) for name, each in comparison.forecasts_.items()},
        "settings": comparison.settings_,
        "versions": _all_versions(),
    }
    return json.dumps(_plain(results), indent=2, allow_nan=False) + "\n"


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
