"""The sections of the report below the table of models."""

from html import escape

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ._statistics import expected_calibration_error, reliability
from ._svg import Chart, limits, log_limits

_MAX_CLASSES_IN_A_MATRIX = 12
_MAX_PAIRS = 20
_MAX_TEXTS = 10
_MAX_CHARACTERS = 600


def row(cells, kind=None):
    """Return a row of a table; `kind` is the class of its first cell."""
    first, *rest = [escape(str(cell)) for cell in cells]
    start = f'<td class="{kind}">' if kind else "<td>"
    return f"<tr>{start}{first}</td>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"


def table(headings, rows):
    """Return a table that scrolls where the page is narrow."""
    head = "".join(f"<th>{escape(str(heading))}</th>" for heading in headings)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def sections(comparison):
    """Return all sections for which there is something to show."""
    found = [_cost(comparison), _learning_curve(comparison)]
    if comparison._pair is not None:
        finalists = [_Finalist(comparison, trials) for trials in comparison._finalists()]
        found += [
            _confusion(finalists),
            _classes(finalists, comparison._data.weights),
            _texts(finalists, comparison._data),
            _calibration(finalists),
        ]
    return [*found, _lengths(comparison)]


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
    def is_right(self):
        """Whether each prediction is right."""
        return self.y_pred == self.y_true

    def sureness(self):
        """Return the probability of the true label, or 0 and 1 where there is none."""
        if self.proba is None:
            return self.is_right.astype(float)
        columns = np.searchsorted(self.classes, self.y_true)
        return self.proba[np.arange(len(columns)), columns]


def _kind(comparison, name):
    """Return the colour of a model."""
    return {comparison.bert_: "bert", comparison.best_cheap_: "cheap"}.get(name, "other")


def _cost(comparison):
    """Return the chart of quality against cost."""
    scorer = next(iter(comparison._scorers))
    rows = [row for row in comparison.rows_ if np.isfinite(row[scorer])]
    if not rows:
        return ""
    spread = [np.nan_to_num(row[f"{scorer}_std"]) for row in rows]
    heights = [row[scorer] for row in rows]
    seconds = [max(row["fit_seconds"], 1e-4) for row in rows]
    chart = Chart(
        log_limits(seconds),
        limits([*np.subtract(heights, spread), *np.add(heights, spread)]),
        "seconds of a fit",
        scorer,
        f"{scorer} against the seconds of a fit, one point a model",
        log_x=True,
    )
    for each, x, y, width in zip(rows, seconds, heights, spread, strict=True):
        kind = _kind(comparison, each["model"])
        chart.point(x, y, kind, spread=width, label=each["model"])
    bars = " Bars: one standard deviation over the folds." if any(spread) else ""
    return f'<h2>Quality against cost</h2>{chart.render()}<p class="soft">{bars}</p>'


def _learning_curve(comparison):
    """Return the chart of quality against the number of labels."""
    curves = comparison._curves()
    if not curves:
        return ""
    scorer = next(iter(comparison._scorers))
    sizes = np.concatenate([curve.sizes for curve in curves])
    ends = np.concatenate([[*(c.mean - c.std), *(c.mean + c.std)] for c in curves])
    chart = Chart(
        log_limits(sizes),
        limits(ends),
        "texts to train on",
        scorer,
        f"{scorer} against the number of training texts",
        log_x=True,
    )
    for number, curve in enumerate(curves):
        kind = _kind(comparison, curve.model)
        chart.band(curve.sizes, curve.mean - curve.std, curve.mean + curve.std, kind)
        chart.line(curve.sizes, curve.mean, kind)
        chart.text(84, 32 + 18 * number, curve.model, kind=kind)
    return (
        f"<h2>How many labels it takes</h2><p>{escape(comparison._crossing())}</p>"
        f'{chart.render()}<p class="soft">Bands: one standard deviation over the folds.</p>'
    )


def _confusion(finalists):
    """Return the confusion matrices, or the most confused pairs where there are many classes."""
    matrices = []
    for finalist in finalists:
        classes = finalist.classes
        matrix = confusion_matrix(finalist.y_true, finalist.y_pred, labels=classes)
        if len(classes) <= _MAX_CLASSES_IN_A_MATRIX:
            head = ["true \\ predicted", *classes]
            rows = [row([label, *counts]) for label, counts in zip(classes, matrix, strict=True)]
        else:
            head = ["true", "predicted", "texts"]
            np.fill_diagonal(matrix, 0)
            worst = np.argsort(-matrix, axis=None, kind="stable")[:_MAX_PAIRS]
            pairs = [np.unravel_index(flat, matrix.shape) for flat in worst]
            rows = [row([classes[i], classes[j], matrix[i, j]]) for i, j in pairs if matrix[i, j]]
        matrices.append(f"<div><h3>{escape(finalist.name)}</h3>{table(head, rows)}</div>")
    return f'<h2>What is taken for what</h2><div class="pair">{"".join(matrices)}</div>'


def _classes(finalists, weights):
    """Return precision, recall and F1 of each class for both."""
    names = ("precision", "recall", "F1")
    head = ["class", "texts", *(f"{name}, {f.name}" for f in finalists for name in names)]
    classes = finalists[0].classes
    scores = [
        precision_recall_fscore_support(f.y_true, f.y_pred, labels=classes, zero_division=0)
        for f in finalists
    ]
    rows = []
    for index, label in enumerate(classes):
        cells = [f"{part[index]:.3f}" for score in scores for part in score[:3]]
        rows.append(row([label, scores[0][3][index], *cells]))
    note = "" if weights is None else '<p class="soft">Texts are counted without weights.</p>'
    return f"<h2>Class by class</h2>{table(head, rows)}{note}"


def _texts(finalists, data):
    """Return the texts on which the two differ most."""
    cheap, bert = finalists
    gain = bert.sureness() - cheap.sureness()
    parts = []
    for right, wrong, sign in ((bert, cheap, 1), (cheap, bert, -1)):
        differ = np.flatnonzero(right.is_right & ~wrong.is_right)
        order = differ[np.argsort(-sign * gain[differ], kind="stable")][:_MAX_TEXTS]
        rows = [
            row(
                [
                    _shorten(data.texts[right.rows[i]]),
                    right.y_true[i],
                    wrong.y_pred[i],
                    *(f"{f.sureness()[i]:.2f}" if f.proba is not None else "" for f in finalists),
                ],
                kind="text",
            )
            for i in order
        ]
        head = ["text", "label", "taken for", *(f"probability, {f.name}" for f in finalists)]
        title = f"{escape(right.name)} right, {escape(wrong.name)} wrong: {len(differ):,} texts"
        parts.append(f"<h3>{title}</h3>{table(head, rows) if rows else ''}")
    return (
        '<h2>Where they differ most</h2><p class="soft">Probabilities are those of the label.</p>'
        + "".join(parts)
    )


def _shorten(text):
    """Return the beginning of a long text."""
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + " ..."


def _calibration(finalists):
    """Return what the probabilities promise and what they keep."""
    charts = []
    for finalist in finalists:
        name = escape(finalist.name)
        if finalist.proba is None:
            charts.append(f"<div><h3>{name}</h3><p>It gives no probabilities.</p></div>")
            continue
        judged = (finalist.y_true, finalist.y_pred, finalist.proba)
        promised, kept, _ = reliability(*judged)
        chart = Chart(
            (0, 1), (0, 1), "highest probability", "share that is right",
            f"Reliability of {finalist.name}", width=360, height=320,
        )  # fmt: skip
        chart.line([0, 1], [0, 1], "ideal")
        chart.line(promised, kept, finalist.kind)
        for x, y in zip(promised, kept, strict=True):
            chart.point(x, y, finalist.kind)
        error = expected_calibration_error(*judged)
        charts.append(
            f"<div><h3>{name}</h3>{chart.render()}<p>Expected calibration error: {error:.3f}</p>"
            "</div>"
        )
    return (
        '<h2>Do probabilities mean what they say?</h2><p class="soft">On the dashed line they do; '
        f'below it the model is too sure of itself.</p><div class="pair">{"".join(charts)}</div>'
    )


def _lengths(comparison):
    """Return the histogram of the lengths of the texts, in tokens where they are known."""
    forecast = comparison.forecast_
    if forecast is None:
        unit, values = "words", [len(text.split()) for text in comparison._data.texts]
    else:
        unit, values = "tokens", forecast.lengths
    values = np.asarray(values)
    end = max(float(np.percentile(values, 99.5)), 1.0)
    counts, edges = np.histogram(np.minimum(values, end), bins=40, range=(0, end))
    chart = Chart(
        (0, end), (0, counts.max() * 1.05), unit, "texts", f"Lengths of the texts in {unit}"
    )
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        chart.bar(left, right, count, "other")
    note = f"Half of the texts have at most {np.median(values):,.0f} {unit}."
    if forecast is not None:
        note += (
            f" {100 * forecast.share_cut:.1f} % are longer than the {forecast.max_length} tokens "
            "that BERT reads: the rest of those is cut off."
        )
        if forecast.max_length < end:
            x = forecast.max_length
            chart.line([x, x], [0, counts.max()], "bert")
    return f"<h2>How long the texts are</h2>{chart.render()}<p>{note}</p>"
