"""scikit-learn's own callbacks, those of `set_callbacks`: tasks are a fit and its epochs.

They are new in scikit-learn 1.9; before it there is no `set_callbacks`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ModuleNotFoundError:
    _with_callbacks = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for what scikit-learn 1.8 does not have."""


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Return a method after which scikit-learn's callbacks are torn down, if it has any."""
    if _with_callbacks is None:
        return method
    decorated: Method = _with_callbacks(method)
    return decorated


class FitTasks:
    """The tasks of one fit, told to the callbacks of an estimator.

    Parameters
    ----------
    estimator : TextModel
        What is fitted.
    X, y : array-like
        What it is fitted to.
    sample_weight : array-like or None
        The weights of the texts.

    Attributes
    ----------
    asked_to_stop : bool
        Whether a callback said at the end of an epoch that training is to end.
    """

    def __init__(self, estimator, X, y, sample_weight=None):
        self.asked_to_stop = False
        self.n_begun = 0
        self.root = self.epoch = self.fitted = None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.estimator = estimator

    def begin(self, epochs=0, fitted=None):
        """Tell that the fit begins, and how many epochs it is going to have.

        `fitted` are the attributes to predict with after each of them.
        """
        self.fitted = fitted
        if hasattr(self.estimator, "_init_callback_context"):
            self.root = self.estimator._init_callback_context(max_subtasks=epochs)
            self.root.call_on_fit_task_begin(**self.data)

    def begin_epoch(self, number):
        """Tell that an epoch begins, counted from 1.

        Those before it may have been trained before a crash: they begin and end without data.
        """
        if self.root is None:
            return
        while self.n_begun < number - 1:
            self._next_epoch().call_on_fit_task_begin(estimator=self.estimator)
            self.epoch.call_on_fit_task_end(estimator=self.estimator)
        self._next_epoch().call_on_fit_task_begin(**self.data)

    def _next_epoch(self):
        """Return the task of the next epoch."""
        self.n_begun += 1
        self.epoch = self.root.subcontext(task_name="epoch")
        return self.epoch

    def end_epoch(self):
        """Tell that the epoch has ended."""
        if self.root is not None:
            self.asked_to_stop |= self.epoch.call_on_fit_task_end(
                **self.data, reconstruction_attributes=self.fitted
            )

    def end(self, fitted):
        """Tell that the fit has ended."""
        if self.root is not None:
            self.root.call_on_fit_task_end(**self.data, reconstruction_attributes=fitted)
