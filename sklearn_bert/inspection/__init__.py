"""Seeing inside: worst errors, explanations, and displays of how a fit went."""

from ._displays import LearningRateFinderDisplay, TrainingCurveDisplay
from ._explain import explain
from ._top_losses import top_losses

__all__ = ["LearningRateFinderDisplay", "TrainingCurveDisplay", "explain", "top_losses"]
