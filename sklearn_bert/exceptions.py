"""Warnings that this package raises, as users filter them."""

from sklearn.exceptions import ConvergenceWarning


class TextsCutWarning(UserWarning):
    """Some texts are longer than what is kept of them.

    It says how many, and what would keep more of them.

    See Also
    --------
    BertTextClassifier : Its parameters `max_length` and `long_text` decide what is kept.

    Examples
    --------
    >>> import warnings
    >>> from sklearn_bert import TextsCutWarning
    >>> warnings.simplefilter("ignore", TextsCutWarning)
    """


class NothingLearntWarning(ConvergenceWarning):
    """A fit ended hardly better than one answer for all texts, mostly since it was too short.

    It says what to change, such as to train for more epochs.

    See Also
    --------
    TrainingCurveDisplay : Shows how the loss went.
    sklearn.exceptions.ConvergenceWarning : Its base class.

    Examples
    --------
    As an error, it lets a search leave out settings with which nothing is learnt:

    >>> import warnings
    >>> from sklearn_bert import NothingLearntWarning
    >>> warnings.simplefilter("error", NothingLearntWarning)
    """
