"""How the training of a BERT went, as far as it says that the training was too short."""

from dataclasses import dataclass

from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError

from .._engine.ending import LEAST_GAIN_OF_FEW, Ending
from .._estimators.recipe import find_epochs
from ..inspection._unwrap import unwrap

# With more steps, more steps would not help.
_FEW_STEPS = 500


@dataclass(frozen=True)
class Training:
    """What came of a fit.

    Attributes
    ----------
    n_steps, n_epochs : int
        How long it was.
    ending : Ending or None
        How its last steps compare with one answer for all texts; None if that is not known.
    device : str
        Kind of device.
    """

    n_steps: int
    n_epochs: int
    ending: Ending | None
    device: str

    @property
    def is_near_chance(self):
        """Whether it was hardly better than one answer for all texts."""
        return self.ending is not None and self.ending.gain < LEAST_GAIN_OF_FEW

    @property
    def more_epochs(self):
        """Epochs that the recipe takes for as many texts, at least twice as many as were done."""
        n_batches = max(self.n_steps // self.n_epochs, 1)
        return max(find_epochs("auto", n_batches), 2 * self.n_epochs)


def find_training(model):
    """Return the `Training` of a fitted model, None if there is no BERT of ours inside.

    Parameters
    ----------
    model : estimator
        Ours, or one around ours.
    """
    try:
        bert = unwrap(model)[0]
    except (TypeError, NotFittedError):
        return None
    if not hasattr(bert, "training_curve_"):  # it is that of copies that are not kept
        return None
    ending = getattr(bert, "_ending", None)  # a model that was saved to a folder has none
    return Training(
        len(bert.training_curve_["loss"]),
        bert.n_epochs_,
        ending and Ending(**ending),
        bert.module_.device.type,
    )


def find_short(results):
    """Return why and how a BERT was trained too briefly, as words and `Training`; or None.

    Parameters
    ----------
    results : list of FoldResult
        Of its folds: it is so on all of them, or no reason.
    """
    trainings = [result.training for result in results]
    if None in trainings or max(training.n_steps for training in trainings) >= _FEW_STEPS:
        return None
    shortest = min(trainings, key=lambda training: training.n_steps)
    if all(training.is_near_chance for training in trainings):
        return "its training loss is still near chance", shortest
    first, labels = results[0].recorded, [result.recorded.labels for result in results]
    if all((each == first.labels[0]).all() for each in labels):
        return f"it predicts {_shown(first)} for all texts", shortest
    return None


def _shown(recorded):
    """Return the label of the first text, the names of its labels, or its number."""
    if is_regressor(recorded):
        return f"{recorded.labels[0]:.4g}"
    if recorded.labels.ndim == 1:
        return repr(recorded.labels[:1].tolist()[0])
    names = recorded.classes[recorded.labels[0] > 0].tolist()
    return " and ".join(map(repr, names)) or "no label"
