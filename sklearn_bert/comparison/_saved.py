"""A comparison as JSON that can be read again: all but the texts, and the models themselves."""

import json
import math
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from types import SimpleNamespace

import numpy as np

from .._engine.ending import Ending
from .._shorten import shorten
from ._data import Data
from ._fold_result import FoldResult
from ._preview import Preview
from ._statistics import Difference
from ._summary import find_pair
from ._training import Training

_FORMAT = 1
_AS_THEY_ARE = ("model", "fold", "n_train", "scores", "error", "undefined", "is_busy")
_NEWER = ("n_fits", "best_params")
_FIGURES = (
    *("fit_seconds", "predict_seconds", "fit_cpu_seconds", "predict_cpu_seconds"),
    *("memory_mb", "gpu_memory_mb", "size_mb", "once_seconds"),
)


def fingerprint(data):
    """Return what tells the texts, labels, weights and groups of a comparison from others."""
    digest = sha256()
    for text in data.texts:
        for part in (text,) if isinstance(text, str) else text:
            digest.update(part.encode() + b"\0")
    for values in (data.y, data.weights, data.units):
        digest.update(json.dumps(None if values is None else values.tolist(), default=str).encode())
    return digest.hexdigest()


def fold_keys(folds):
    """Return what tells each fold from others: the rows of both of its parts."""
    return [
        sha256(b"".join(np.asarray(part, np.int64).tobytes() + b"|" for part in fold)).hexdigest()
        for fold in folds
    ]


def state_of(comparison):
    """Return what `read` needs beyond the JSON of the figures.

    Raises
    ------
    TypeError
        If the labels are of a type that JSON does not know.
    """
    data = comparison._data
    for label in data.classes.tolist():
        if not isinstance(label, (str, bool, int, float)):
            raise TypeError(
                "A comparison can be saved with its predictions if its labels are of type str, "
                f"bool, int or float, got {shorten(label)}; convert them before."
            )
    return {
        "format": _FORMAT,
        "fingerprint": comparison._fingerprint,
        "fold_keys": comparison._fold_keys,
        "descriptions": comparison._descriptions,
        "scorers": {
            name: getattr(scorer, "label", None) for name, scorer in comparison._scorers.items()
        },
        "y": data.y.tolist(),
        "label_names": data.classes.tolist(),
        "weights": None if data.weights is None else data.weights.tolist(),
        "units": None if data.units is None else data.units.tolist(),
        "results": [_result(result, data) for result in comparison._results],
        "curve": [_result(result, data) for result in comparison._curve],
        "lengths": {
            name: forecast.lengths.tolist() for name, forecast in comparison.forecasts_.items()
        },
        "widths": {name: forecast.width for name, forecast in comparison.forecasts_.items()},
        "devices": {name: forecast.device for name, forecast in comparison.forecasts_.items()},
        "busy": comparison.busy_,
        "seconds": comparison.seconds_,
        "interrupted": comparison.interrupted_,
    }


def _result(result, data):
    """Return a fold result as a dict."""
    found = {name: getattr(result, name) for name in (*_AS_THEY_ARE, *_NEWER, *_FIGURES)}
    found["rows"] = result.rows.tolist()
    found["training"] = result.training and asdict(result.training)
    if result.recorded is not None:
        parts = (result.recorded.labels, result.recorded.proba, result.recorded.decision)
        found["recorded"] = [None if part is None else part.tolist() for part in parts]
    return found


def read(text, X=None):
    """Return what `Comparison` is made of, from the JSON that holds a state.

    Raises
    ------
    ValueError
        If it holds none, or was made of other texts than `X`.
    """
    try:
        saved = json.loads(text)
        state = saved["state"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            "Only a file that to_json(path, predictions=True) has written can be loaded, and this "
            "one holds no predictions; write it again from the comparison."
        ) from None
    if state["format"] > _FORMAT:
        raise ValueError(
            f"The file has format {state['format']}, and this version of sklearn-bert reads "
            f"{_FORMAT}; install a newer one."
        )
    data = _data(saved, state, X)
    if X is not None and fingerprint(data) != state["fingerprint"]:
        raise ValueError(
            "X must hold the texts that were compared on, in the same order, got others; leave it "
            "out, or pass those."
        )
    found = _found(saved, state, data)
    setting = {
        "date_": datetime.fromisoformat(saved["date"]),
        "forecasts_": {name: _forecast(name, saved, state) for name in saved["forecasts"]},
        "interrupted_": state["interrupted"],
        "settings_": saved["settings"],
        "seconds_": state["seconds"],
        "_fingerprint": state["fingerprint"],
        "_fold_keys": state["fold_keys"],
        "_descriptions": state["descriptions"],
        "_estimators": {},
        "_has_texts": X is not None,
    }
    return found, setting


def _data(saved, state, X):
    """Return what was compared on; without the texts, there are empty ones."""
    n_texts = len(state["y"])
    texts = X if X is not None else [("", "") if saved["pairs"] else ""] * n_texts
    weights, units = (
        None if state[name] is None else np.array(state[name]) for name in ("weights", "units")
    )
    y, names = np.array(state["y"]), np.array(state["label_names"])
    return Data(texts, y, names, weights, saved["predicts"], units)


def _found(saved, state, data):
    """Return what was found, as `Judgement` has it."""
    results = [_read_result(each, data) for each in state["results"]]
    candidates, main = saved["candidates"], next(iter(state["scorers"]))
    mixtures = {result.model for result in results} - set(state["descriptions"])
    differences, over_folds, next_labels = (
        {name: Difference(**_with_nan(each)) for name, each in saved.get(key, {}).items()}
        for key in ("differences", "fold_differences", "next_labels")  # the last is newer
    )
    overlap = saved["overlap"]
    return SimpleNamespace(
        data=data,
        results=results,
        curve=[_read_result(each, data) for each in state["curve"]],
        scorers={name: SimpleNamespace(label=label) for name, label in state["scorers"].items()},
        pair=find_pair(results, saved["bert"], main, [*candidates, *mixtures]),
        called="BERT" if len(candidates) == 1 else saved["bert"],
        rows=[_with_nan(row) for row in saved["models"]],
        notes=saved["notes"],
        busy=state["busy"],
        bert=saved["bert"],
        cheapest=saved["cheapest"],
        verdict=saved["verdict"],
        differences=differences,
        fold_differences=over_folds,
        next_labels=next_labels,
        overlap={**overlap, "scores_without": _with_nan(overlap["scores_without"])},
        mixture=saved["mixture"],
        preview=_read_preview(saved.get("preview")),  # newer
        candidates=candidates,
    )


def _with_nan(row):
    """Return a dict in which what JSON does not know is NaN again."""
    return {name: math.nan if value is None else value for name, value in row.items()}


def _read_result(saved, data):
    """Return a fold result."""
    found = {name: saved[name] for name in _AS_THEY_ARE}
    found |= {name: saved[name] for name in _NEWER if name in saved}
    found |= _with_nan({name: saved[name] for name in _FIGURES})
    found["scores"] = _with_nan(saved["scores"])
    if (training := saved["training"]) is not None:
        ending = training["ending"] and Ending(**training["ending"])
        found["training"] = Training(**{**training, "ending": ending})
    if "recorded" in saved:
        found["recorded"] = data.record(
            *(None if part is None else np.array(part) for part in saved["recorded"])
        )
    return FoldResult(rows=np.array(saved["rows"]), **found)


def _read_preview(saved):
    """Return a preview, None if there is none."""
    return saved and Preview(**{**saved, "interval": tuple(saved["interval"])})


def _forecast(name, saved, state):
    """Return a forecast."""
    from ._forecast import Forecast  # and with it torch

    figures = saved["forecasts"][name]
    return Forecast(
        figures["fit_seconds"],
        figures["predict_seconds"],
        np.array(state["lengths"][name]),
        figures["max_length"],
        state["devices"][name],
        figures["probe_seconds"],
        state["widths"][name],
    )
