"""Warnings that point at the user's line, whatever called us on the way."""

import sys
import warnings
from types import FrameType

# Packages that call our methods for the user, and what wraps their and our functions.
_BETWEEN = {"sklearn_bert", "sklearn", "joblib", "skorch", "torch", "numpy", "pandas"}
_BETWEEN |= {"contextlib", "functools"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user that led here: outside of this package and its like."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _package(frame) in _BETWEEN:
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        category,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=frame.f_globals.get("__name__", "<unknown>"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _package(frame: FrameType) -> str:
    """Return the name of the top package, or of the module, that a frame belongs to."""
    names = frame.f_globals
    return (names.get("__package__") or names.get("__name__", "")).partition(".")[0]
