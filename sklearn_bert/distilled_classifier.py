"""Fast classifiers that were distilled from BERT: prediction with NumPy and a tokenizer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._estimators.distilled_model import DistilledTextModel
from ._text.probabilities import ProbabilitiesMixin
from ._text.true_labels import read_true_labels

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._typing import PerText, Targets, Texts


class DistilledTextClassifier(ProbabilitiesMixin, DistilledTextModel):
    """Classify texts by a small, fast network that was trained on the answers of BERT.

    :meth:`BertTextClassifier.distill <sklearn_bert.BertTextClassifier.distill>` makes one of a
    fitted classifier, the teacher. The network reads pieces of words, three neighbours at a time,
    and predicts hundreds of times as fast as BERT on a processor. It needs NumPy, safetensors and
    tokenizers: a process that loads a saved one imports neither torch nor transformers nor
    scikit-learn, and has its first answer in a fraction of a second.

    It is worth it where there are many texts to predict, or a server without a GPU, and many texts
    without a label to distil on. It loses little on intents, which words decide, and two to three
    percentage points on sentiment, where what is said depends on what stands around it. With the
    training texts of the teacher alone it loses more, and comes half of the way from TF-IDF with a
    linear SVM to the teacher, or four fifths of it: compare them on your texts.

    Parameters
    ----------
    estimator : BertTextClassifier
        The teacher: a fitted one as it is, one that is not fitted after a copy of it was fitted to
        the `X` and `y` of :meth:`fit`. Cross-validation works on copies, which are not fitted:
        each fold then fine-tunes on its own training texts. Of a model that was loaded from a
        folder it is None.

    random_state : int, RandomState instance or None, default=None
        Seeds all that is random in the training of the network. An int gives bit-equal results on
        the same machine, number of threads and versions, for the same teacher.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, those of the teacher.

    multilabel_ : bool
        Whether each text may have several labels.

    max_length_ : int
        Pieces of words read of each text, at its beginning: as many as the teacher reads or, where
        its `long_text` is not "head", 2,048.

    n_samples_fit_ : int
        Texts that it was distilled on.

    See Also
    --------
    BertTextClassifier : The teacher.
    DistilledTextRegressor : The same for numbers.
    OnnxTextClassifier : The answers of the teacher itself, without torch, and not as fast.

    Notes
    -----
    The network is a convolution over three neighbouring pieces with 64 features, of which the
    maximum and the mean over the text go into a linear model, beside weights for each piece. What
    a piece adds to a feature does not depend on its neighbours before the nonlinearity: it is
    looked up in a table that was multiplied once. The rows of that table are a linear map of the
    input embeddings of the fine-tuned teacher, and a deviation of their own for pieces that occur
    in the texts, so that words in none of them have a meaning too. It is trained on the logits of
    the teacher (Ba & Caruana, 2014) and on the probabilities that they stand for (Hinton et al.,
    2015), in ten epochs, or 2,000 steps if those are more.

    Single texts only: whether two texts go together cannot be told from words alone.

    What it loses, and how fast it is, stands in ``benchmarks/RESULTS.md`` in the repository.

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean (2015). Distilling the Knowledge in a Neural Network.
    arXiv:1503.02531.

    J. Ba, R. Caruana (2014). Do Deep Nets Really Need to be Deep? NeurIPS.

    Y. Kim (2014). Convolutional Neural Networks for Sentence Classification. EMNLP.

    S. Mukherjee, A. H. Awadallah (2019). Distilling Transformers into Simple Neural Networks with
    Unlabeled Transfer Data. arXiv:1910.01769.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_bert import BertTextClassifier, DistilledTextClassifier
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> more_texts = ["such a joy", "time wasted", "a waste", "joy in the end"]
    >>> fast = clf.fit(texts, labels).distill(texts + more_texts, random_state=0)
    >>> fast.predict(["such a joy"])
    array(['good'], dtype='<U4')
    >>> with TemporaryDirectory() as folder:
    ...     fast.save_pretrained(folder)
    ...     loaded = DistilledTextClassifier.from_pretrained(folder)
    >>> bool((loaded.predict_proba(texts) == fast.predict_proba(texts)).all())
    True
    """

    _estimator_type = "classifier"
    _predicts_by_proba = True
    _kind = "distilled-classifier"
    _teacher_name = "BertTextClassifier"
    _fitted_names = ("classes_", "multilabel_")

    classes_: npt.NDArray[Any]
    multilabel_: bool

    @staticmethod
    def _task(teacher: Any) -> str:
        """Return what the outputs of a teacher stand for."""
        return "several labels" if teacher.multilabel_ else "labels"

    def score(self, X: Texts, y: Targets, sample_weight: PerText | None = None) -> float:
        """Return the share of the texts whose labels are all predicted right.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts.

        Returns
        -------
        accuracy : float
            Between 0 and 1.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has two columns, or `y` has not as many rows, or
            not the columns of the labels in their order.
        """
        from sklearn.metrics import accuracy_score

        self._check_fitted()
        y = read_true_labels(y, self.classes_, self.multilabel_)
        return float(accuracy_score(y, self.predict(X), sample_weight=sample_weight))
