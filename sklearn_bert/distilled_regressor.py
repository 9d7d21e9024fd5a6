"""Fast regressors that were distilled from BERT: prediction with NumPy and a tokenizer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._estimators.distilled_model import DistilledTextModel
from ._plain import default_errstate
from ._text.columns import column_names, in_memory
from ._text.indicator import check_order

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._typing import PerText, Targets, Texts


class DistilledTextRegressor(DistilledTextModel):
    """Tell a number from texts by a small, fast network that was trained on the answers of BERT.

    :meth:`BertTextRegressor.distill <sklearn_bert.BertTextRegressor.distill>` makes one of a
    fitted regressor, the teacher. All else is as for :class:`DistilledTextClassifier`.

    Parameters
    ----------
    estimator : BertTextRegressor
        The teacher: a fitted one as it is, one that is not fitted after a copy of it was fitted to
        the `X` and `y` of :meth:`fit`.

    random_state : int, RandomState instance or None, default=None
        Seeds all that is random in the training of the network.

    Attributes
    ----------
    target_mean_, target_scale_ : float or ndarray of shape (n_outputs,)
        By which the targets of the teacher were standardized.

    target_names_ : list of str or None
        Names of the columns of the `y` of the teacher.

    max_length_ : int
        Pieces of words read of each text, at its beginning.

    n_samples_fit_ : int
        Texts that it was distilled on.

    See Also
    --------
    BertTextRegressor : The teacher.
    DistilledTextClassifier : The same for labels, with notes that hold here too.

    Examples
    --------
    >>> from sklearn_bert import BertTextRegressor
    >>> texts = ["one star", "two stars", "four stars", "five stars"] * 8
    >>> reg = BertTextRegressor(
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> fast = reg.fit(texts, [1, 2, 4, 5] * 8).distill(texts, random_state=0)
    >>> low, high = fast.predict(["one star", "five stars"])
    >>> bool(low < 2.5 < 3.5 < high)
    True
    """

    _estimator_type = "regressor"
    _kind = "distilled-regressor"
    _teacher_name = "BertTextRegressor"
    _fitted_names = ("target_mean_", "target_scale_", "target_names_")

    target_mean_: float | npt.NDArray[np.float64]
    target_scale_: float | npt.NDArray[np.float64]
    target_names_: list[str] | None

    @staticmethod
    def _task(teacher: Any) -> str:
        """Return what the outputs of a teacher stand for."""
        return "numbers"

    @default_errstate()
    def predict(self, X: Texts) -> npt.NDArray[np.float64]:
        """Return the number of each text.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The numbers.

        Raises
        ------
        NotFittedError
            If the regressor is not fitted.
        TypeError
            If a text is not a str.
        ValueError
            If `X` is a single str, is empty or has two columns.
        """
        outputs = self._outputs(X)
        if isinstance(self.target_mean_, float):
            outputs = outputs[:, 0]
        return outputs * self.target_scale_ + self.target_mean_

    def score(self, X: Texts, y: Targets, sample_weight: PerText | None = None) -> float:
        """Return the coefficient of determination of the predictions.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers, in all shapes that the `fit` of the teacher takes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts.

        Returns
        -------
        r2 : float
            1 if all predictions are right.

        Raises
        ------
        NotFittedError
            If the regressor is not fitted.
        TypeError
            If a text is not a str.
        ValueError
            If `X` has two columns, or `y` not as many rows as `X`, or not the columns of the
            outputs in their order.
        """
        from sklearn.metrics import r2_score

        from ._estimators.targets import check_numbers

        self._check_fitted()
        y = in_memory(y, "y")
        check_order(column_names(y), self.target_names_, of="outputs")
        return float(r2_score(check_numbers(y), self.predict(X), sample_weight=sample_weight))
