"""Seeing inside: worst errors and explanations."""

from collections.abc import Iterator
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ._top_losses import (
    check_probabilities,
    find_labels,
    find_texts,
    predict_probabilities,
    probabilities_of,
)
from ._unwrap import unwrap


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
    ...     "sentence-transformers/all-MiniLM-L6-v2", batch_size=4, random_state=0
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
