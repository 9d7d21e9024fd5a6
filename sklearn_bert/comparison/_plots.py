"""The charts of a comparison, drawn by matplotlib: for `plot`, and for the report."""

import math

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ._point_labels import label_points
from ._theme import LIGHT, kind_of, marker_of

_MOST_TICKS = 6  # below a chart: so many have room on a narrow page


def plot_comparison(comparison, kind, ax):
    """Draw one of the plots and return its axes."""
    drawers = {"cost": _plot_cost, "learning_curve": _plot_learning_curve}
    if kind not in drawers:
        raise ValueError(f"kind must be one of {list(drawers)!r}, got {kind!r}.")
    if kind == "learning_curve" and not comparison._curves():
        raise ValueError(
            "kind='learning_curve' needs a comparison on fewer training texts, and there is none; "
            "use compare(..., learning_curve=True)."
        )
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    ax.set(ylabel=next(iter(comparison._scorers)))
    ax.grid(alpha=0.3)
    drawers[kind](comparison, ax)
    return ax


def _plot_cost(comparison, ax):
    """Draw the scores, each with its name, or with a legend where there is no room for one."""
    ax.set(xlabel=comparison._cost()[1])
    lines = draw_cost(comparison, ax)
    if lines and not ax.texts:
        ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))


def _plot_learning_curve(comparison, ax):
    """Draw the learning curves with a legend."""
    draw_learning_curve(comparison, ax)
    ax.set(xlabel="number of training texts")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)


def draw_cost(comparison, ax):
    """Draw the score of each model against its training time, with its name if all have room.

    Returns
    -------
    lines : dict of str to Line2D
        The point of each model that has a score.
    """
    scorer = next(iter(comparison._scorers))
    column, _ = comparison._cost()
    lines = {}
    for row in comparison.rows_:
        if not np.isfinite(row[scorer]):
            continue
        model, kind = row["model"], kind_of(comparison, row["model"])
        lines[model], *_ = ax.errorbar(
            max(row[column], 1e-4),
            row[scorer],
            yerr=np.nan_to_num(row[f"{scorer}_std"]),
            fmt=marker_of(kind, len(lines)),
            color=LIGHT[kind],
            capsize=3,
            label=model,
        ).lines
    use_log_axis(ax)
    points = {model: line.get_xydata()[0] for model, line in lines.items()}
    stds = {row["model"]: np.nan_to_num(row[f"{scorer}_std"]) for row in comparison.rows_}
    label_points(ax, points, stds)
    return lines


def draw_learning_curve(comparison, ax):
    """Draw a line with its band for each model.

    Returns
    -------
    lines : dict of str to Line2D
        By model.
    """
    lines = {}
    for curve in comparison._curves():
        kind = kind_of(comparison, curve.model)
        look = {"color": LIGHT[kind], "label": curve.model}
        (lines[curve.model],) = ax.plot(curve.sizes, curve.mean, f"{marker_of(kind)}-", **look)
        ax.fill_between(
            curve.sizes,
            curve.mean - curve.std,
            curve.mean + curve.std,
            color=LIGHT[kind],
            alpha=0.2,
        )
    use_log_axis(ax)
    return lines


def use_log_axis(ax):
    """Make the lower axis logarithmic, with round numbers: 30 and not 3 times 10.

    They are powers of ten on a long axis, on shorter ones multiples too. On one so short that there
    are hardly any, matplotlib takes those of a linear axis.
    """
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    n_powers = math.log10(high / low)
    multiples = (1,) if n_powers > 3 else (1, 3) if n_powers > 1.5 else (1, 2, 5)
    ax.xaxis.set_major_locator(LogLocator(subs=multiples, numticks=_MOST_TICKS))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(without_powers))


def without_powers(value, _position=None):
    """Return a round number as it stands beside an axis, such as 10,000 or 0.0003."""
    return f"{value:,.9f}".rstrip("0").rstrip(".")
