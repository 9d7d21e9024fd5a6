"""The sections of the report below the table of models."""

from html import escape

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from . import _report_charts as charts
from ._report_tables import heads, key, long_table, mark, row, table

MANY_CLASSES = 12  # from there on, the most important rows of a table are shown, the rest folded
_MAX_TEXTS = 10
_MAX_CHARACTERS = 600


def sections(comparison):
    """Return all sections for which there is something to show."""
    found = [charts.cost(comparison), charts.learning_curve(comparison)]
    if comparison._pair is not None:
        finalists = [_Finalist(comparison, trials) for trials in comparison._finalists()]
        found += [
            _confusion(finalists),
            _classes(finalists, comparison._data.weights),
            _texts(finalists, comparison._data),
            charts.calibration(finalists),
        ]
    return [*found, charts.lengths(comparison)]


class _Finalist:
    """All that a model predicted on the folds, in the order of the trials."""

    def __init__(self, comparison, trials):
        self.name = trials[0].model
        self.kind = "bert" if self.name == comparison.bert_ else "cheap"
        self.classes = comparison._data.classes
        self.rows = np.concatenate([trial.rows for trial in trials])
        self.y_true = comparison._data.y[self.rows]
        self.y_pred = np.concatenate([trial.recorded.labels for trial in trials])
        probas = [trial.recorded.proba for trial in trials]
        is_known = all(proba is not None and np.isfinite(proba).all() for proba in probas)
        self.proba = np.concatenate(probas) if is_known else None

    @property
    def mark(self):
        """The mark that stands for it."""
        return mark(self.kind, self.name)

    @property
    def is_right(self):
        """Whether each prediction is right."""
        return self.y_pred == self.y_true

    def sureness(self):
        """Return the probability of the true label, or 0 and 1 where there is none."""
        if self.proba is None:
            return self.is_right.astype(float)
        columns = np.searchsorted(self.classes, self.y_true)
        return self.proba[np.arange(len(columns)), columns]

    def confusion(self):
        """Return the confusion matrix."""
        return confusion_matrix(self.y_true, self.y_pred, labels=self.classes)


def _confusion(finalists):
    """Return the confusion matrices, or the most confused pairs where there are many classes."""
    classes = finalists[0].classes
    if len(classes) > MANY_CLASSES:
        return f"<h2>Which classes are confused</h2>{_pairs(finalists)}"
    head = heads(["true \\ predicted", *classes])
    matrices = []
    for finalist in finalists:
        counts = zip(classes, finalist.confusion(), strict=True)
        rows = [row([label, *some], "label") for label, some in counts]
        matrices.append(f"<div><h3>{escape(finalist.name)}</h3>{table(head, rows)}</div>")
    return f'<h2>Which classes are confused</h2><div class="pair">{"".join(matrices)}</div>'


def _pairs(finalists):
    """Return the pairs of classes that are confused, those that both models confuse most first."""
    classes = finalists[0].classes
    matrices = [finalist.confusion() for finalist in finalists]
    both = sum(matrices)
    np.fill_diagonal(both, 0)
    order = np.argsort(-both, axis=None, kind="stable")[: np.count_nonzero(both)]
    if not len(order):
        return "<p>None: all predictions are right.</p>"
    rows = (
        row([classes[i], classes[j], *(matrix[i, j] for matrix in matrices)], "label", "label")
        for i, j in zip(*np.unravel_index(order, both.shape), strict=True)
    )
    marks = "".join(f"<th>{finalist.mark}</th>" for finalist in finalists)
    head = f'<tr><th>class</th><th class="label">predicted as</th>{marks}</tr>'
    note = '<p class="soft">Number of texts, the largest first.</p>'
    return f"{note}{_key(finalists)}{long_table(head, rows, 'pairs', len(order))}"


def _key(finalists):
    """Return which mark stands for which model."""
    return key((finalist.kind, finalist.name) for finalist in finalists)


def _classes(finalists, weights):
    """Return F1, precision and recall of each class for both; of many classes, the worst first."""
    classes = finalists[0].classes
    scores = [
        precision_recall_fscore_support(f.y_true, f.y_pred, labels=classes, zero_division=0)
        for f in finalists
    ]
    order, note = np.arange(len(classes)), ""
    if len(classes) > MANY_CLASSES:
        order = np.argsort(sum(score[2] for score in scores), kind="stable")
        note = '<p class="soft">The lowest F1 first.</p>'
    if weights is not None:
        note += '<p class="soft">Texts are counted without weights.</p>'
    rows = []
    for index in order:
        cells = [f"{score[part][index]:.3f}" for part in (2, 0, 1) for score in scores]
        rows.append(row([classes[index], scores[0][3][index], *cells], "label"))
    head = _two_rows(("F1", "precision", "recall"), finalists)
    is_many = len(classes) > MANY_CLASSES
    shown = long_table(head, rows, "classes", len(rows)) if is_many else table(head, rows)
    return f"<h2>F1, precision and recall of each class</h2>{note}{_key(finalists)}{shown}"


def _two_rows(names, finalists):
    """Return headings of which each has a column for each model."""
    marks = "".join(f"<th>{finalist.mark}</th>" for finalist in finalists) * len(names)
    above = "".join(f'<th colspan="{len(finalists)}">{name}</th>' for name in names)
    return (
        f'<tr><th rowspan="2">class</th><th rowspan="2">texts</th>{above}</tr>'
        f'<tr class="more">{marks}</tr>'
    )


def _texts(finalists, data):
    """Return the texts on which the two differ most."""
    cheap, bert = finalists
    gain = bert.sureness() - cheap.sureness()
    lists = []
    for right, wrong, sign in ((bert, cheap, 1), (cheap, bert, -1)):
        differ = np.flatnonzero(right.is_right & ~wrong.is_right)
        order = differ[np.argsort(-sign * gain[differ], kind="stable")][:_MAX_TEXTS]
        items = "".join(_text(data.texts[right.rows[i]], i, right, wrong) for i in order)
        title = f"{escape(right.name)} right, {escape(wrong.name)} wrong: {len(differ):,} texts"
        lists.append(f"<h3>{title}</h3>" + (f'<ol class="texts">{items}</ol>' if items else ""))
    return (
        '<h2>Texts that only one of them gets right</h2><p class="soft">Those on which they '
        "differ most, with the probability that each gives to the true class.</p>"
        f"{_key(finalists)}{''.join(lists)}"
    )


def _text(text, number, right, wrong):
    """Return a text with its class and what the two say of it."""
    told = escape(f"{right.y_true[number]}, taken for {wrong.y_pred[number]}")
    probas = " ".join(
        f"{finalist.mark}&nbsp;{finalist.sureness()[number]:.2f}"
        for finalist in (right, wrong)
        if finalist.proba is not None
    )
    return f'<li><p dir="auto">{escape(_shorten(text))}</p><p class="soft">{told} {probas}</p></li>'


def _shorten(text):
    """Return the beginning of a long text."""
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + " ..."
