"""The charts of the report."""

from html import escape

import numpy as np

from ._report_tables import key
from ._statistics import expected_calibration_error, reliability
from ._svg import Chart, limits, log_limits


def _kind(comparison, name):
    """Return the colour of a model."""
    return {comparison.bert_: "bert", comparison.best_cheap_: "cheap"}.get(name, "other")


def cost(comparison):
    """Return the chart of the score against the training time."""
    scorer = next(iter(comparison._scorers))
    rows = [row for row in comparison.rows_ if np.isfinite(row[scorer])]
    if not rows:
        return ""
    spread = [np.nan_to_num(row[f"{scorer}_std"]) for row in rows]
    heights = [row[scorer] for row in rows]
    column, training_time = comparison._cost()
    seconds = [max(row[column], 1e-4) for row in rows]
    chart = Chart(
        log_limits(seconds),
        limits([*np.subtract(heights, spread), *np.add(heights, spread)]),
        training_time,
        scorer,
        f"{scorer} against the training time of each model; the figures are in the table above",
        log_x=True,
    )
    entries = []
    for number, row in enumerate(rows, start=1):
        place, name = number - 1, row["model"]
        kind = _kind(comparison, name)
        title = f"{name}: {scorer} {heights[place]:.3f}, {seconds[place]:,.2f} s"
        chart.point(
            seconds[place], heights[place], kind, spread=spread[place], number=number, title=title
        )
        entries.append((kind, f"{number} {name}"))
    bars = ""
    if any(spread):
        bars = '<p class="soft">Bars: one standard deviation over the folds.</p>'
    return f"<h2>Score and training time</h2>{chart.render()}{key(entries)}{bars}"


def learning_curve(comparison):
    """Return the chart of the score against the number of labels."""
    curves = comparison._curves()
    if not curves:
        return ""
    scorer = next(iter(comparison._scorers))
    sizes = np.concatenate([curve.sizes for curve in curves])
    ends = np.concatenate([[*(c.mean - c.std), *(c.mean + c.std)] for c in curves])
    chart = Chart(
        log_limits(sizes),
        limits(ends),
        "number of training texts",
        scorer,
        f"{scorer} against the number of training texts; {'; '.join(map(_told, curves))}",
        log_x=True,
    )
    kinds = [_kind(comparison, curve.model) for curve in curves]
    for curve, kind in zip(curves, kinds, strict=True):
        chart.band(curve.sizes, curve.mean - curve.std, curve.mean + curve.std, kind)
        chart.line(curve.sizes, curve.mean, kind)
        for x, y in zip(curve.sizes, curve.mean, strict=True):
            chart.point(x, y, kind, title=f"{curve.model}: {y:.3f} with {x:,.0f} texts")
    entries = [*zip(kinds, (curve.model for curve in curves), strict=True)]
    return (
        f"<h2>How many labels it takes</h2><p>{escape(comparison._crossing())}</p>"
        f'{chart.render()}{key(entries)}<p class="soft">Bands: one standard deviation over the '
        "folds.</p>"
    )


def _told(curve):
    """Return a learning curve in words."""
    points = zip(curve.mean, curve.sizes, strict=True)
    return f"{curve.model}: " + ", ".join(f"{y:.3f} with {x:,.0f}" for y, x in points)


def calibration(finalists):
    """Return the probabilities that two models predict against the share that is right."""
    charts = "".join(f"<div>{_reliability(finalist)}</div>" for finalist in finalists)
    return (
        '<h2>Are the probabilities right?</h2><p class="soft">Of the texts predicted with a '
        "probability of 0.8, 80 % should be right: the dashed line. Below it, a model is too "
        f'confident.</p><div class="pair">{charts}</div>'
    )


def _reliability(finalist):
    """Return the chart of one model."""
    heading = f"<h3>{escape(finalist.name)}</h3>"
    if finalist.proba is None:
        return f"{heading}<p>It gives no probabilities.</p>"
    judged = (finalist.y_true, finalist.y_pred, finalist.proba)
    promised, kept, _ = reliability(*judged)
    points = [*zip(promised, kept, strict=True)]
    told = ", ".join(f"{y:.2f} right at {x:.2f}" for x, y in points)
    chart = Chart(
        (0, 1), (0, 1), "predicted probability", "share that is right",
        f"Share of right predictions against their probability, {finalist.name}: {told}",
        height=260,
    )  # fmt: skip
    chart.line([0, 1], [0, 1], "ideal")
    chart.line(promised, kept, finalist.kind)
    for x, y in points:
        chart.point(x, y, finalist.kind, title=f"{y:.2f} right at a probability of {x:.2f}")
    error = expected_calibration_error(*judged)
    return f"{heading}{chart.render()}<p>Expected calibration error: {error:.3f} (0 is perfect)</p>"


def lengths(comparison):
    """Return the histogram of the lengths of the texts, in tokens where they are known."""
    forecast = comparison.forecast_
    if forecast is None:
        unit, values = "words", [len(text.split()) for text in comparison._data.texts]
    else:
        unit, values = "tokens", forecast.lengths
    values = np.asarray(values)
    end = max(float(np.percentile(values, 99.5)), 1.0)
    counts, edges = np.histogram(np.minimum(values, end), bins=40, range=(0, end))
    note = f"Half of the texts have at most {np.median(values):,.0f} {unit}."
    chart = Chart(
        (0, end), (0, counts.max() * 1.05), unit, "texts",
        f"Lengths of the texts in {unit}, up to {end:,.0f}. {note}", height=220,
    )  # fmt: skip
    for left, right, number in zip(edges[:-1], edges[1:], counts, strict=True):
        chart.bar(left, right, number, "other")
    if forecast is not None:
        note += (
            f" {100 * forecast.share_cut:.1f} % are longer than the {forecast.max_length} tokens "
            "that BERT reads: the rest of those is cut off."
        )
        if forecast.max_length < end:
            x = forecast.max_length
            chart.line([x, x], [0, counts.max()], "bert")
            note += " The line is where they are cut."
    return f"<h2>How long the texts are</h2>{chart.render()}<p>{note}</p>"
