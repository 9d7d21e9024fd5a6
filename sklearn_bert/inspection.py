"""Seeing inside: the learning-rate finder, training curves, worst errors and explanations."""

from collections.abc import Iterator
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ._top_losses import (
    check_probabilities,
    find_labels,
    find_texts,
    predict_probabilities,
    probabilities_of,
)
from ._unwrap import unwrap

_CURVE_SMOOTHING = 0.95


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
        That of the valley, which ``learning_rate="find"`` uses.
    suggestions_ : dict of str to float
        All three.
    ax_ : matplotlib Axes
        After :meth:`plot`.
    figure_ : matplotlib Figure
        After :meth:`plot`.
    line_ : matplotlib Artist
        The curve, after :meth:`plot`.

    References
    ----------
    .. [1] L. N. Smith (2017). Cyclical Learning Rates for Training Neural Networks. WACV.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier, LearningRateFinderDisplay
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", batch_size=4, random_state=0
    ... )
    >>> display = LearningRateFinderDisplay.from_estimator(clf, texts, labels, plot=False)
    >>> 5e-6 <= display.suggestion_ <= 5e-4
    True
    """

    def __init__(self, *, learning_rates, losses, smoothed_losses, suggestions):
        self.learning_rates = learning_rates
        self.losses = losses
        self.smoothed_losses = smoothed_losses
        self.suggestions_ = suggestions
        self.suggestion_ = suggestions["valley"]

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, sample_weight=None, n_steps=100, plot=True, ax=None, **kwargs
    ):
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

    def plot(self, ax=None, **kwargs):
        """Plot the smoothed loss, with the suggestions.

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
            self.learning_rates, self.smoothed_losses, **{"label": "smoothed loss", **kwargs}
        )
        styles = ("-", ":", "-.")
        for style, (name, rate) in zip(styles, self.suggestions_.items(), strict=True):
            self.ax_.axvline(rate, color="0.4", linestyle=style, label=f"{name}: {rate:.1e}")
        low, high = self.smoothed_losses.min(), self.smoothed_losses.max()
        room = 0.1 * (high - low) + 0.01  # single steps that blow up would hide the curve
        self.ax_.set(
            xscale="log", xlabel="Learning rate", ylabel="Loss", ylim=(low - room, high + room)
        )
        self.ax_.legend()
        return self


class TrainingCurveDisplay:
    """Loss and learning rate of a fit by step, with the ends of the epochs marked.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    loss, learning_rate, epoch : ndarray of shape (n_steps,)
        One value a step; epochs are counted from 1.
    valid_loss : list of float or None
        One value an epoch, where there was early stopping.

    Attributes
    ----------
    ax_, learning_rate_ax_ : matplotlib Axes
        That of the loss and that of the learning rate, after :meth:`plot`.
    figure_ : matplotlib Figure
        After :meth:`plot`.
    line_ : matplotlib Artist
        The smoothed loss, after :meth:`plot`.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier, TrainingCurveDisplay
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", batch_size=4, random_state=0
    ... )
    >>> display = TrainingCurveDisplay.from_estimator(clf.fit(texts, labels), plot=False)
    >>> len(display.loss)
    12
    """

    def __init__(self, *, loss, learning_rate, epoch, valid_loss=None):
        self.loss = loss
        self.learning_rate = learning_rate
        self.epoch = epoch
        self.valid_loss = valid_loss

    @classmethod
    def from_estimator(cls, estimator, *, plot=True, ax=None, **kwargs):
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
        valid_loss = [row["valid_loss"] for row in model.history_ if "valid_loss" in row]
        display = cls(**model.training_curve_, valid_loss=valid_loss or None)
        return display.plot(ax=ax, **kwargs) if plot else display

    def plot(self, ax=None, **kwargs):
        """Plot loss and learning rate.

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
        (self.line_,) = self.ax_.plot(steps, _smooth(self.loss), **{"label": "loss", **kwargs})
        ends = np.append(np.flatnonzero(np.diff(self.epoch)) + 1, len(steps))
        for end in ends:
            self.ax_.axvline(end, color="0.6", linestyle=":", linewidth=0.8)
        if self.valid_loss is not None:
            self.ax_.plot(ends, self.valid_loss, "o", color="#d55e00", label="validation loss")
        self.learning_rate_ax_ = self.ax_.twinx()
        self.learning_rate_ax_.plot(
            steps, self.learning_rate, color="#009e73", linestyle="--", label="learning rate"
        )
        self.learning_rate_ax_.set(ylabel="Learning rate")
        self.ax_.set(xlabel="Step (dotted: ends of epochs)", ylabel="Loss")
        lines = [*self.ax_.get_legend_handles_labels()]
        more = self.learning_rate_ax_.get_legend_handles_labels()
        self.ax_.legend(*(mine + others for mine, others in zip(lines, more, strict=True)))
        return self


def _axes(ax):
    """Return the axes to draw on and their figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax, ax.figure


def _smooth(values):
    """Return the exponential mean, corrected for its start."""
    smoothed, mean = [], 0.0
    for step, value in enumerate(values, start=1):
        mean = _CURVE_SMOOTHING * mean + (1 - _CURVE_SMOOTHING) * float(value)
        smoothed.append(mean / (1 - _CURVE_SMOOTHING**step))
    return np.array(smoothed)


def top_losses(estimator, X, y, *, n=10, proba=None, classes=None):
    """Return the texts that a model gets most wrong, the worst first.

    With out-of-fold probabilities, those are the texts whose labels are most likely wrong: no
    model has learnt them by heart.

    Parameters
    ----------
    estimator : estimator or None
        Any fitted classifier of texts with `predict_proba`. Not used for predicting if `proba`
        is given, when it need not be fitted, and may be None.
    X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
        The texts, or pairs of texts; of a pipeline that ends with a model of this package, what
        the pipeline reads.
    y : array-like of shape (n_samples,)
        Their labels.
    n : int, default=10
        The most texts that are returned.
    proba : array-like or data frame of shape (n_samples, n_classes), default=None
        Probabilities, such as those of ``cross_val_predict(..., method="predict_proba")``. The
        columns of a data frame are those of the classes that they are named after, in any order.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `proba`, where they have no names. None is those of a fitted
        estimator, else the sorted labels of `y`, which is what `cross_val_predict` gives.

    Returns
    -------
    worst : DataFrame
        With the columns ``text``, ``label``, ``predicted`` (the most probable class),
        ``probability`` (of the label) and ``loss`` (minus its logarithm); the index holds the rows
        of `X`, counted from 0.

    Raises
    ------
    NotFittedError
        If `estimator` has to predict and is not fitted.
    TypeError
        If `estimator` has to predict and gives no probabilities, or a text is not a str.
    ValueError
        If `X`, `y`, `proba` and `classes` do not fit together, `proba` holds what is no
        probability or has columns named after no class, `n` is below 1, or texts have several
        labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_bert import top_losses
    >>> texts, labels = ["so good", "so bad", "not bad"], ["pos", "neg", "neg"]
    >>> proba = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    >>> top_losses(None, texts, labels, proba=proba, n=1)
          text label predicted  probability      loss
    2  not bad   neg       pos          0.3  1.203973
    """
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n must be an int above 0, got {n!r}.")
    X = list(X) if isinstance(X, Iterator) else X
    texts = find_texts(estimator, X, y, fitted=proba is None)
    y = find_labels(y, texts)
    if proba is None:
        proba, classes = predict_probabilities(estimator, X, texts), None
    if classes is None:
        classes = getattr(estimator, "classes_", np.unique(y))
    proba, classes = check_probabilities(proba, np.asarray(classes), len(texts))
    of_label = probabilities_of(y, proba, classes)
    worst = np.argsort(of_label, kind="stable")[:n]
    with np.errstate(divide="ignore"):
        losses = -np.log(of_label[worst].clip(0, 1))
    return pd.DataFrame(
        {
            "text": [texts[row] for row in worst],
            "label": y[worst],
            "predicted": classes[proba[worst].argmax(axis=1)],
            "probability": of_label[worst],
            "loss": losses,
        },
        index=worst,
    )


def explain(estimator, X, *, target=None, method="integrated_gradients", n_steps=50):
    """Tell how much each token of a text speaks for a class, or adds to a number.

    Parameters
    ----------
    estimator : BertTextClassifier or BertTextRegressor
        The fitted model, or what wraps one: a pipeline that ends with it, a search, a frozen
        estimator, or a calibrated or thresholded classifier. The model inside is explained.
    X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
        The texts, or pairs of texts; of a pipeline, what the pipeline reads.
    target : label or int, default=None
        The class that is explained. None is the one that `estimator` predicts for each text;
        where a text may have several labels, the most probable one, above 0.5 or not. Of a
        regressor of several numbers, the number of the output, from 0.
    method : {"integrated_gradients", "occlusion"}, default="integrated_gradients"
        Integrated gradients [1]_ by Captum, from a text of padding tokens to the text: the
        attributions sum to the difference in logit between the two. Or occlusion [2]_: how much
        the logit falls when a word is replaced by the mask token; no gradient is needed.
    n_steps : int, default=50
        Steps of the integral; with more of them, the sum is more exact. With 50 it was so to
        0.005 in float32, for all architectures tried.

    Returns
    -------
    explanations : list of Explanation
        One a text. In a notebook, they are shown as texts with coloured words.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ImportError
        If integrated gradients are asked for and Captum is not installed.
    TypeError
        If `estimator` has no model of this package inside, or several, or a text is not a str.
    ValueError
        If `target` is no class, `method` is unknown, `n_steps` is below 1, or `X` is not what
        the model was fitted to.

    Notes
    -----
    What is explained is the logit of one class. `decision_function` gives the logits of all
    classes, but of two classes one number: the logit of ``classes_[1]`` minus that of
    ``classes_[0]``. So it is the difference of two explanations, one with each class as `target`.
    The logit is that before a calibration, and does not depend on a threshold. Of a regressor,
    the number itself is explained, in units of `y`.

    The text is read as the prediction reads it. With ``long_text="windows"`` the logit is the mean
    over the windows, and so are the attributions: a token that stands in two windows gets its
    shares of both. What is cut off is shown pale, and has no attributions.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan (2017). Axiomatic Attribution for Deep Networks.
       ICML.
    .. [2] M. D. Zeiler, R. Fergus (2014). Visualizing and Understanding Convolutional
       Networks. ECCV.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier, explain
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", batch_size=4, random_state=0
    ... )
    >>> clf = clf.fit(texts, labels)
    >>> (explanation,) = explain(clf, ["such a joy"], method="occlusion")
    >>> explanation.target
    'good'
    >>> [word for word, _ in explanation.words]
    ['such', 'a', 'joy']
    """
    methods = ("integrated_gradients", "occlusion")
    if method not in methods:
        raise ValueError(f"method must be one of {methods!r}, got {method!r}.")
    if not isinstance(n_steps, Integral) or n_steps < 1:
        raise ValueError(f"n_steps must be an int above 0, got {n_steps!r}; use about 50.")
    X = list(X) if isinstance(X, Iterator) else X
    model, own = unwrap(estimator, X)
    check_is_fitted(model)
    from ._attribution import explain_texts

    return explain_texts(
        model,
        own,
        target,
        # A wrapper may predict otherwise than what is inside.
        predict=None if model is estimator else lambda: estimator.predict(X),
        method=method,
        n_steps=int(n_steps),
    )
