"""The cheap classic and BERT on the same texts: what BERT gains, and what it costs."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_consistent_length

from ._labels import encode_labels
from ._texts import check_texts
from .classifier import BertTextClassifier

_BASELINE = "TF-IDF + logistic regression"
_N_RESAMPLES = 2000

# Key of the table, its heading in the text, and how its values are written.
_COLUMNS = (
    ("model", "model", "{}"),
    ("accuracy", "accuracy", "{:.3f}"),
    ("macro_f1", "macro F1", "{:.3f}"),
    ("fit_seconds", "fit (s)", "{:.2f}"),
    ("predict_seconds", "predict (s)", "{:.2f}"),
)


@dataclass(frozen=True)
class SplitComparison:
    """What `compare_on_split` found; ``print`` shows the table and the verdict.

    Attributes
    ----------
    table_ : list of dict
        One dict a model, the cheap one first: ``model``, ``accuracy``, ``macro_f1``,
        ``fit_seconds`` and ``predict_seconds``.

    verdict_ : str
        One sentence: the difference in accuracy with its uncertainty, and the price.
    """

    table_: list
    verdict_: str

    def __str__(self):
        return f"{_format_table(self.table_)}\n\n{self.verdict_}"


def compare_on_split(X_train, X_test, y_train, y_test, *, bert=None):
    """Compare BERT with TF-IDF and logistic regression on one split.

    Both are trained on the same texts and judged on the same texts. The verdict gives the
    difference in accuracy with a 95 % percentile interval of the paired bootstrap [1]_: the
    test texts are drawn 2,000 times with replacement, both models judged on the same draw.

    Parameters
    ----------
    X_train, X_test : array-like of str of shape (n_train,) and (n_test,)
        The texts.
    y_train, y_test : array-like of shape (n_train,) and (n_test,)
        Their labels; those of `y_test` must occur in `y_train`.
    bert : estimator, default=None
        The classifier of texts to compare; it is cloned. None is
        ``BertTextClassifier(random_state=0)``.

    Returns
    -------
    comparison : SplitComparison
        The table in ``table_``, the sentence in ``verdict_``.

    Raises
    ------
    TypeError, ValueError, OSError, MemoryError
        If the texts and labels do not fit together, or `bert` cannot be fitted to them.

    Notes
    -----
    The interval tells how far the result depends on the test texts drawn. It does not tell how
    far it depends on the training texts or on the seed of a fit: one split cannot.

    Seconds are of the wall clock. The first fit of a process includes the import of torch.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani (1993). An Introduction to the Bootstrap. Chapman & Hall.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier
    >>> from sklearn_bert.comparison import compare_on_split
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> bert = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", batch_size=4, random_state=0
    ... )
    >>> comparison = compare_on_split(texts, texts, labels, labels, bert=bert)
    >>> for row in comparison.table_:
    ...     print(row["model"], row["accuracy"])
    TF-IDF + logistic regression 1.0
    BERT (all-MiniLM-L6-v2) 1.0
    >>> print(comparison.verdict_.partition(",")[0])
    No difference shown (BERT +0.0 points of accuracy
    """
    X_train, X_test = check_texts(X_train), check_texts(X_test)
    y_train, y_test = _check_labels(X_train, X_test, y_train, y_test)
    bert = BertTextClassifier(random_state=0) if bert is None else clone(bert)
    table, correct = [], []
    for name, model in ((_BASELINE, _baseline()), (_bert_name(bert), bert)):
        y_pred, fit_seconds, predict_seconds = _run(model, X_train, X_test, y_train)
        row = {
            "model": name,
            "accuracy": float(accuracy_score(y_test, y_pred)),
            "macro_f1": float(f1_score(y_test, y_pred, average="macro")),
            "fit_seconds": fit_seconds,
            "predict_seconds": predict_seconds,
        }
        table.append(row)
        correct.append(y_pred == y_test)
    return SplitComparison(table, _verdict(*table, *correct))


def _check_labels(X_train, X_test, y_train, y_test):
    """Return both arrays of labels, or say why the models cannot be judged by them."""
    labels = []
    for X, y in ((X_train, y_train), (X_test, y_test)):
        classes, targets = encode_labels(y, estimator_name="compare_on_split")
        check_consistent_length(X, targets)
        labels.append(classes[targets])
    known = set(labels[0].tolist())
    if len(known) < 2:
        raise ValueError(
            f"y_train must have at least 2 classes, got one class: {known.pop()!r}; add texts of "
            "another class."
        )
    unknown = [label for label in labels[1].tolist() if label not in known]
    if unknown:
        raise ValueError(
            f"y_test must hold labels of y_train only, got {unknown[0]!r}; split with stratify=y, "
            "or drop the texts of that class."
        )
    return labels


def _baseline():
    """Return the cheap model: word pairs, sublinear counts and a mild penalty, for strength."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))


def _bert_name(bert):
    """Return the name of `bert` in the table, with that of its pretrained model if it has one."""
    model = getattr(bert, "model", None)
    return "BERT" if model is None else f"BERT ({Path(str(model)).name})"


def _run(model, X_train, X_test, y_train):
    """Return the predictions, and the seconds that fit and predict took."""
    start = perf_counter()
    model.fit(X_train, y_train)
    fitted = perf_counter()
    y_pred = model.predict(X_test)
    return y_pred, fitted - start, perf_counter() - fitted


def _gain(baseline_correct, bert_correct):
    """Return what BERT gains in points of accuracy, and its 95 % bootstrap interval."""
    n_texts = len(bert_correct)
    wins = np.sum(bert_correct & ~baseline_correct)
    losses = np.sum(baseline_correct & ~bert_correct)
    # To draw texts with replacement is to draw how many of them are wins, losses and ties: the
    # same distribution, without n_texts x 2000 row numbers.
    shares = np.array([wins, losses, n_texts - wins - losses]) / n_texts
    draws = np.random.default_rng(0).multinomial(n_texts, shares, size=_N_RESAMPLES)
    low, high = np.percentile(draws[:, 0] - draws[:, 1], [2.5, 97.5])
    return [100 * float(count) / n_texts for count in (wins - losses, low, high)]


def _verdict(baseline, bert, baseline_correct, bert_correct):
    """Return the sentence that answers whether BERT is worth its price on these texts."""
    gain, low, high = _gain(baseline_correct, bert_correct)
    n_texts = f"paired bootstrap over {len(bert_correct):,} test texts"
    training = _times(bert["fit_seconds"] / baseline["fit_seconds"])
    prediction = _times(bert["predict_seconds"] / baseline["predict_seconds"])
    if low > 0:
        return (
            f"BERT is better by {gain:.1f} points of accuracy (95 % interval {low:.1f} to "
            f"{high:.1f}, {n_texts}), at {training} times the training time and {prediction} "
            "times the prediction time: worth it if those points are."
        )
    if high < 0:
        return (
            f"BERT is worse by {-gain:.1f} points of accuracy (95 % interval {-high:.1f} to "
            f"{-low:.1f}, {n_texts}), at {training} times the training time and {prediction} "
            f"times the prediction time: stay with {_BASELINE}."
        )
    return (
        f"No difference shown (BERT {gain:+z.1f} points of accuracy, 95 % interval {low:+z.1f} to "
        f"{high:+z.1f}, {n_texts}): {_BASELINE} is {training} times cheaper to train and "
        f"{prediction} times cheaper to predict with."
    )


def _times(ratio):
    """Return a ratio of times in two digits: "1.7", "310", "1,200"."""
    return f"{float(f'{ratio:.2g}'):,.10g}"


def _format_table(table):
    """Return the rows as lines, names aligned to the left and numbers to the right."""
    lines = [[heading for _, heading, _ in _COLUMNS]]
    lines += [[form.format(row[key]) for key, _, form in _COLUMNS] for row in table]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])])
        for name, *cells in lines
    )
