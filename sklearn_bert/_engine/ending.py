"""Whether a fit learnt more from the texts than one answer for all of them would say."""

import math
from dataclasses import dataclass

# The steps at the end of a fit that are looked at: before them it was still on its way.
LAST_SHARE = 0.25

# Up to so little gain a fit is told of, and more strictly one of few steps, which can do better.
_LEAST_GAIN, LEAST_GAIN_OF_FEW = 0.02, 0.1
_FEW_STEPS = 100
# Texts of other labels, none of which was found, that are no accident.
_LEAST_OTHERS = 5


@dataclass(frozen=True)
class Ending:
    """The last steps of a fit, beside the one answer that is best for all texts.

    Attributes
    ----------
    n_texts : int
        Texts of these steps, each as often as it was trained on.
    loss, chance, lowest : float
        Their mean loss, what it would be for the one answer, and the lowest that there is.
    n_others : float or None
        Texts whose truth is another label than that answer, by their weights; None for numbers.
    n_predicted_others : int or None
        Texts that were predicted to have another one.
    """

    n_texts: int
    loss: float
    chance: float
    lowest: float
    n_others: float | None = None
    n_predicted_others: int | None = None

    @property
    def gain(self):
        """How far the loss is from that of the one answer, 0, to the lowest, 1."""
        room = self.chance - self.lowest
        return (self.chance - self.loss) / room if room > 0 else math.nan

    def complaint(self, n_steps, *, auto_epochs, one_answer):
        """Return what is wrong with a fit that learnt next to nothing, None if it did learn.

        Parameters
        ----------
        n_steps : int
            Of the fit.
        auto_epochs : int or None
            What "auto" would have trained for, if that is longer.
        one_answer : str
            What it is to give the same answer to all texts.
        """
        steps = f"In the last of its {n_steps} steps" if n_steps > 1 else "In its only step"
        is_few = auto_epochs is not None and n_steps < _FEW_STEPS
        if self.gain < (LEAST_GAIN_OF_FEW if is_few else _LEAST_GAIN):
            problem = (
                f"the model was hardly better than always predicting {one_answer}: its training "
                f"loss was {self.loss:.3g}, against {self.chance:.3g}"
            )
            way_out = "check that the texts say what the labels are"
        elif not self.n_predicted_others and (self.n_others or 0) >= _LEAST_OTHERS:
            share = 100 * self.n_others / self.n_texts
            problem = (
                f"the model predicted {one_answer} for all training texts, {share:.2g} % of which "
                "have another"
            )
            way_out = "use class_weight='balanced'"
        else:
            return None
        if auto_epochs is not None:
            return (
                f"{steps} {problem}; use epochs='auto', which is {auto_epochs} here, or a higher "
                "learning_rate."
            )
        return f"{steps} {problem}; train for more epochs, at another learning_rate, or {way_out}."
