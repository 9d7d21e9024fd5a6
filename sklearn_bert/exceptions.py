"""Warnings that this package raises, as users filter them."""

from sklearn.exceptions import ConvergenceWarning


class TextsCutWarning(UserWarning):
    """Some texts are longer than what is kept of them."""


class NothingLearntWarning(ConvergenceWarning):
    """A fit ended hardly better than one answer for all texts, mostly since it was too short."""
