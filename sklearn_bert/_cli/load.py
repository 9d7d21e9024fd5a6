"""What MODEL holds: a folder that we wrote, or a pickle of any classifier or regressor of texts."""

from pathlib import Path

import joblib
import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .._files.atomic import WHOLE
from .._files.manifest import MANIFEST, Refused, read_manifest, whole_folder
from ..classifier import BertTextClassifier
from ..distilled_classifier import DistilledTextClassifier
from ..distilled_regressor import DistilledTextRegressor
from ..onnx_classifier import OnnxTextClassifier
from ..regressor import BertTextRegressor

_LOADERS = {
    "classifier": BertTextClassifier,
    "regressor": BertTextRegressor,
    "onnx-classifier": OnnxTextClassifier,
    "distilled-classifier": DistilledTextClassifier,
    "distilled-regressor": DistilledTextRegressor,
}
# Estimators of ours that are no BaseEstimator: they do without scikit-learn.
_OTHERS = OnnxTextClassifier, DistilledTextClassifier, DistilledTextRegressor


def load_model(name, *, proba):
    """Return the classifier or regressor in a folder or a file, checked for what it is asked."""
    path = Path(name).expanduser()
    if path.is_dir():
        model = _load_folder(path, name)
    elif path.is_file():
        model = _load_pickle(path, name)
    else:
        raise FileNotFoundError(
            f"MODEL must name a file or a folder, and there is neither at {name!r}."
        )
    if proba and not hasattr(model, "predict_proba"):
        raise ValueError(
            f"--proba needs a classifier with predict_proba, and the {type(model).__name__} in "
            f"{name!r} has none; leave it out."
        )
    return model


def _load_folder(folder, name):
    """Return what a folder holds, by the loader of its kind."""
    if not any((place / MANIFEST).is_file() for place in (folder, folder / WHOLE)):
        way_out = "make one by fit"
        if (folder / "config.json").is_file():
            way_out = f"make one of this checkpoint by fit --model {name}"
        raise FileNotFoundError(
            "MODEL must be a folder that fit, save_pretrained or export_onnx has written, and "
            f"{name!r} is none: it has no {MANIFEST}; {way_out}."
        )
    return _LOADERS.get(_kind(folder), BertTextClassifier).from_pretrained(folder)


def _kind(folder):
    """Return what a folder says that it holds; of a damaged one, the loader will tell."""
    try:
        return read_manifest(whole_folder(folder))["estimator"]
    except (Refused, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _load_pickle(path, name):
    """Return the classifier or regressor in a file."""
    try:
        model = joblib.load(path)
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # whatever unpickling a file of another kind comes to
        # What is not installed here is of use to know; what breaks in any other file is not.
        lacking = f" ({error})" if isinstance(error, (ImportError, AttributeError)) else ""
        raise ValueError(
            f"MODEL must be a file that fit or joblib.dump has written, and {name!r} cannot be "
            f"loaded{lacking}; make one by fit."
        ) from error
    is_ours = isinstance(model, (BaseEstimator, *_OTHERS))
    if not (is_ours and (is_classifier(model) or is_regressor(model))):
        raise ValueError(
            f"MODEL must hold a classifier or a regressor, and {name!r} holds an object of type "
            f"{type(model).__name__}; make one by fit."
        )
    _check_fitted(model, name)
    return model


def _check_fitted(model, name):
    """Refuse an estimator that cannot predict, or that gives several labels of several classes."""
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise ValueError(
            f"MODEL must hold a fitted estimator, and the {type(model).__name__} in {name!r} is "
            "not fitted; make one by fit."
        ) from None
    if is_classifier(model) and not isinstance(getattr(model, "classes_", None), np.ndarray):
        raise ValueError(
            f"MODEL must hold a classifier with one array of classes_, and the "
            f"{type(model).__name__} in {name!r} has none; make one by fit."
        )


def innermost(model):
    """Return the estimator at the end of pipelines and searches."""
    while True:
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif hasattr(model, "steps"):
            model = model.steps[-1][1]
        else:
            return model
