"""How much each token of a text speaks for a class, or adds to a number."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from sklearn.utils.validation import check_is_fitted

from ._unwrap import unwrap

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from .._typing import Texts
    from ._explanation import Explanations


def explain(
    estimator: BaseEstimator,
    X: Texts,
    *,
    target: Any = None,
    method: Literal["integrated_gradients", "occlusion"] = "integrated_gradients",
    n_steps: int = 50,
) -> Explanations:
    """Tell how much each token of a text speaks for a class, or adds to a number.

    By default, this is computed from gradients, which needs Captum (the extra ``explain``).

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
        One a text, with the ``target`` that is explained, its probability ``proba``, the ``words``
        with their shares, and the ``logit``. In a notebook, class and probability are shown, the
        words for and against, and the text with its words coloured.

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

    See Also
    --------
    top_losses : Which texts to look at.

    Notes
    -----
    What is explained is the logit of one class. `decision_function` gives the logits of all
    classes, but of two classes one number: the logit of ``classes_[1]`` minus that of
    ``classes_[0]``. So it is the difference of two explanations, one with each class as `target`.
    Logit and probability are those before a calibration, and do not depend on a threshold. Of a
    regressor, the number itself is explained, in units of `y`.

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
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> clf = clf.fit(texts, labels)
    >>> (explanation,) = explain(clf, ["such a joy"], method="occlusion")
    >>> explanation.target, explanation.proba > 0.5
    ('good', True)
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
