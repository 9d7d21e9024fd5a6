"""Displays of how a fit goes: the learning-rate finder and the training curve."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from .._engine.smoothed_mean import SmoothedMean
from .._estimators.epoch_scores import score_name
from ._unwrap import unwrap

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from sklearn.base import BaseEstimator

    from .._typing import PerText, Targets, Texts

_CURVE_SMOOTHING = 0.95
_TAKEN = "valley"
# Colours that the colour-blind tell apart.
_BLUE, _ORANGE, _GREEN, _PURPLE = "#0072b2", "#d55e00", "#009e73", "#aa4499"


class LearningRateFinderDisplay:
    """The loss of a short run whose learning rate rises exponentially: the range test [1]_.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    learning_rates, losses, smoothed_losses : ndarray of shape (n_steps,)
        One value a step, up to where the smoothed loss was 4 times its best.
    suggestions : dict of str to float
        Learning rates by the way they are read off the curve: "steepest", where the loss falls
        fastest; "minimum/10", a tenth of where it is lowest; "valley", two thirds down the
        longest stretch on which it falls. All are kept between 5e-6 and 5e-4.

    Attributes
    ----------
    suggestion_ : float
        That of the valley, which ``learning_rate="find"`` takes.
    suggestions_ : dict of str to float
        All three.
    ax_ : matplotlib Axes
        After :meth:`plot`.
    figure_ : matplotlib Figure
        After :meth:`plot`.
    line_ : matplotlib Artist
        The curve, after :meth:`plot`.

    See Also
    --------
    TrainingCurveDisplay : How a whole fit went.

    References
    ----------
    .. [1] L. N. Smith (2017). Cyclical Learning Rates for Training Neural Networks. WACV.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier, LearningRateFinderDisplay
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> display = LearningRateFinderDisplay.from_estimator(clf, texts, labels, plot=False)
    >>> 5e-6 <= display.suggestion_ <= 5e-4
    True
    """

    ax_: Axes
    figure_: Figure | SubFigure
    line_: Line2D

    def __init__(
        self,
        *,
        learning_rates: npt.NDArray[Any],
        losses: npt.NDArray[Any],
        smoothed_losses: npt.NDArray[Any],
        suggestions: dict[str, float],
    ) -> None:
        self.learning_rates = learning_rates
        self.losses = losses
        self.smoothed_losses = smoothed_losses
        self.suggestions_ = suggestions
        self.suggestion_ = suggestions[_TAKEN]

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Texts,
        y: Targets,
        *,
        sample_weight: PerText | None = None,
        n_steps: int = 100,
        plot: bool = True,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Run the test on a copy of the model, and plot it.

        The learning rate of the body rises from 1e-7 to 0.1, that of the head is 100 times as
        high, at most 0.01, as in a fit. The estimator is not changed; neither is a random state
        that it was given.

        Parameters
        ----------
        estimator : BertTextClassifier or BertTextRegressor
            Fitted or not: the test begins with the pretrained weights. Or what wraps one: a
            pipeline that ends with it, whose other steps are fitted on copies, a search, a frozen
            estimator, or a calibrated or thresholded classifier.
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts; of a pipeline, what the pipeline reads.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts.
        n_steps : int, default=100
            Steps from the lowest rate to the highest, taken from as many epochs as needed.
        plot : bool, default=True
            Whether to plot.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Given to matplotlib's ``plot``.

        Returns
        -------
        display : LearningRateFinderDisplay

        Raises
        ------
        TypeError
            If `estimator` has no model of this package inside, or several, or a row of `X` is
            not a str.
        ValueError
            If `n_steps` is below 10, or the data is not what `fit` takes.
        """
        if not isinstance(n_steps, Integral) or n_steps < 10:
            raise ValueError(f"n_steps must be at least 10, got {n_steps!r}; use about 100.")
        model, X = unwrap(estimator, X, y, fitted=False)
        found = clone(model)._find_learning_rate(X, y, sample_weight, n_steps=int(n_steps))
        display = cls(
            learning_rates=found.learning_rates,
            losses=found.losses,
            smoothed_losses=found.smoothed_losses,
            suggestions=found.suggestions,
        )
        return display.plot(ax=ax, **kwargs) if plot else display

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Plot the smoothed loss, with the suggestions, and a mark where the valley is.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Given to matplotlib's ``plot``.

        Returns
        -------
        display : LearningRateFinderDisplay
            This display.
        """
        self.ax_, self.figure_ = _axes(ax)
        self.ax_.plot(self.learning_rates, self.losses, color="0.8", linewidth=0.8)
        (self.line_,) = self.ax_.plot(
            self.learning_rates,
            self.smoothed_losses,
            **{"label": "smoothed loss", "color": _BLUE, **kwargs},
        )
        styles = ("--", ":", "-")
        for style, (name, rate) in zip(styles, self.suggestions_.items(), strict=True):
            color, label = "0.5", f"{name}: {rate:.1e}"
            if name == _TAKEN:
                color, label = _ORANGE, f"{label}, taken by 'find'"
            self.ax_.axvline(rate, color=color, linestyle=style, label=label)
        loss = np.interp(self.suggestion_, self.learning_rates, self.smoothed_losses)
        self.ax_.plot(self.suggestion_, loss, "o", color=_ORANGE)
        low, high = self.smoothed_losses.min(), self.smoothed_losses.max()
        room = 0.1 * (high - low) + 0.01  # single steps that blow up would hide the curve
        self.ax_.set(
            xscale="log", xlabel="Learning rate", ylabel="Loss", ylim=(low - room, high + room)
        )
        _legend_above(self.ax_)
        return self


class TrainingCurveDisplay:
    """Loss, learning rate and validation score of a fit, with the ends of the epochs marked.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    loss, learning_rate, epoch : ndarray of shape (n_steps,)
        One value a step; epochs are counted from 1.
    valid_loss : list of float, default=None
        One value an epoch, where there were validation texts.
    valid_score : list of float, default=None
        The score that decides, one value an epoch, where there was a scorer.
    score_name : str, default="score"
        What that score is called.
    best_epoch : int, default=None
        The epoch whose weights early stopping kept, counted from 1.

    Attributes
    ----------
    ax_, learning_rate_ax_ : matplotlib Axes
        That of the loss and that of the learning rate, after :meth:`plot`.
    score_ax_ : matplotlib Axes or None
        That of the score, after :meth:`plot`.
    figure_ : matplotlib Figure
        After :meth:`plot`.
    line_ : matplotlib Artist
        The smoothed loss, after :meth:`plot`.

    See Also
    --------
    LearningRateFinderDisplay : Which learning rate to take.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier, TrainingCurveDisplay
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> display = TrainingCurveDisplay.from_estimator(clf.fit(texts, labels), plot=False)
    >>> len(display.loss)
    12
    """

    ax_: Axes
    learning_rate_ax_: Axes
    score_ax_: Axes | None
    figure_: Figure | SubFigure
    line_: Line2D

    def __init__(
        self,
        *,
        loss: npt.NDArray[Any],
        learning_rate: npt.NDArray[Any],
        epoch: npt.NDArray[Any],
        valid_loss: list[float] | None = None,
        valid_score: list[float] | None = None,
        score_name: str = "score",
        best_epoch: int | None = None,
    ) -> None:
        self.loss = loss
        self.learning_rate = learning_rate
        self.epoch = epoch
        self.valid_loss = valid_loss
        self.valid_score = valid_score
        self.score_name = score_name
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, plot: bool = True, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Plot how a fitted model was trained.

        Parameters
        ----------
        estimator : BertTextClassifier or BertTextRegressor
            The fitted model, or what wraps one: a pipeline that ends with it, a search, a frozen
            estimator, or a calibrated or thresholded classifier.
        plot : bool, default=True
            Whether to plot.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Given to matplotlib's ``plot`` for the loss.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        TypeError
            If `estimator` has no model of this package inside, or several.
        """
        model, _ = unwrap(estimator)
        check_is_fitted(model, "training_curve_")
        valid_loss, valid_score = (
            [row[name] for row in model.history_ if name in row] or None
            for name in ("valid_loss", "valid_score")
        )
        display = cls(
            **model.training_curve_,
            valid_loss=valid_loss,
            valid_score=valid_score,
            score_name=score_name(model.scoring),
            best_epoch=_best_epoch(valid_loss, valid_score) if model.early_stopping else None,
        )
        return display.plot(ax=ax, **kwargs) if plot else display

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Plot loss, learning rate and, where there is one, the score that decides.

        A star marks the epoch whose weights early stopping kept.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Given to matplotlib's ``plot`` for the loss.

        Returns
        -------
        display : TrainingCurveDisplay
            This display.
        """
        self.ax_, self.figure_ = _axes(ax)
        steps = np.arange(1, len(self.loss) + 1)
        self.ax_.plot(steps, self.loss, color="0.8", linewidth=0.8)
        (self.line_,) = self.ax_.plot(
            steps, _smooth(self.loss), **{"label": "loss", "color": _BLUE, **kwargs}
        )
        ends = np.append(np.flatnonzero(np.diff(self.epoch)) + 1, len(steps))
        for end in ends:
            self.ax_.axvline(end, color="0.6", linestyle=":", linewidth=0.8)
        self.ax_.set(xlabel="Step (dotted: ends of epochs)", ylabel="Loss")
        self.learning_rate_ax_ = self.ax_.twinx()
        self.learning_rate_ax_.plot(
            steps, self.learning_rate, color=_GREEN, linestyle="--", label="learning rate"
        )
        self.learning_rate_ax_.set(ylabel="Learning rate")
        self._plot_validation(ends)
        axes = (self.ax_, self.score_ax_, self.learning_rate_ax_)
        _legend_above(*(ax for ax in axes if ax is not None))
        return self

    def _plot_validation(self, ends: npt.NDArray[Any]) -> None:
        """Plot what was found for the validation texts at the ends of the epochs."""
        self.score_ax_ = None
        decides, ax, color = self.valid_loss, self.ax_, _ORANGE
        if self.valid_loss is not None:
            ax.plot(ends, self.valid_loss, "o", color=color, label="validation loss")
        if self.valid_score is not None:
            decides, color = self.valid_score, _PURPLE
            self.score_ax_ = ax = self.ax_.twinx()
            # The score is next to the curves, the learning rate outside of it.
            self.learning_rate_ax_.spines["right"].set_position(("outward", 56))
            name = f"validation {self.score_name}"
            ax.plot(ends, decides, "s-", color=color, linewidth=0.8, label=name)
            ax.set(ylabel=f"Validation {self.score_name}")
        if self.best_epoch is not None and decides is not None:
            place = self.best_epoch - 1
            label = f"kept: epoch {self.best_epoch}"
            ax.plot(ends[place], decides[place], "*", color=color, markersize=16, label=label)


def _best_epoch(valid_loss: list[float] | None, valid_score: list[float] | None) -> int | None:
    """Return the epoch that early stopping keeps, counted from 1; None if there is none."""
    values = np.array(valid_loss if valid_score is None else np.negative(valid_score))
    losses = np.where(np.isfinite(values), values, np.inf)
    return int(losses.argmin()) + 1 if np.isfinite(losses).any() else None


def _legend_above(ax: Axes, *others: Axes) -> None:
    """Put the legend of axes that lie upon each other above them, where it covers nothing."""
    handles, labels = ax.get_legend_handles_labels()
    for other in others:
        more_handles, more_labels = other.get_legend_handles_labels()
        handles, labels = handles + more_handles, labels + more_labels
    ax.legend(
        handles,
        labels,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        frameon=False,
        fontsize="small",
    )


def _axes(ax: Axes | None) -> tuple[Axes, Figure | SubFigure]:
    """Return the axes to draw on and their figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax, ax.figure


def _smooth(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the smoothed mean after each value."""
    mean = SmoothedMean(_CURVE_SMOOTHING)
    return np.array([mean.add(float(value)) for value in values])
