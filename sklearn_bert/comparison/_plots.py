"""Plots of a comparison with matplotlib, imported only when one is drawn."""

import numpy as np

from ..inspection._ticks import log_labels, log_ticks

_MARKERS = "os^Dv<>PX*ph"
_COLORS = {"bert": "#d55e00", "cheap": "#0072b2", "other": "#7f7f7f"}


def plot_comparison(comparison, kind, ax):
    """Draw one of the plots and return its axes."""
    drawers = {"cost": _draw_cost, "learning_curve": _draw_learning_curve}
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
    drawers[kind](comparison, ax)
    return ax


def _color(comparison, name):
    """Return the colour of a model."""
    kinds = {comparison.bert_: "bert", comparison.best_cheap_: "cheap"}
    return _COLORS[kinds.get(name, "other")]


def _draw_cost(comparison, ax):
    """Draw one point a model."""
    scorer = next(iter(comparison._scorers))
    column, training_time = comparison._cost()
    rows = [row for row in comparison.rows_ if np.isfinite(row[scorer])]
    for number, row in enumerate(rows):
        ax.errorbar(
            max(row[column], 1e-4),
            row[scorer],
            yerr=np.nan_to_num(row[f"{scorer}_std"]),
            fmt=_MARKERS[number % len(_MARKERS)],
            color=_color(comparison, row["model"]),
            capsize=3,
            label=row["model"],
        )
    _finish(ax, training_time, scorer)
    if rows:
        ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))


def _draw_learning_curve(comparison, ax):
    """Draw a line with its band for each model."""
    for curve in comparison._curves():
        color = _color(comparison, curve.model)
        marker = "o" if curve.model == comparison.bert_ else "s"
        ax.plot(curve.sizes, curve.mean, f"{marker}-", color=color, label=curve.model)
        ax.fill_between(
            curve.sizes, curve.mean - curve.std, curve.mean + curve.std, color=color, alpha=0.2
        )
    _finish(ax, "number of training texts", next(iter(comparison._scorers)))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)


def _finish(ax, x_label, y_label):
    """Draw the axes, the lower one logarithmic with round numbers: 30 and not 3 times 10."""
    ax.set(xscale="log", xlabel=x_label, ylabel=y_label)
    ticks = log_ticks(*ax.get_xlim())
    ax.set_xticks(ticks, log_labels(ticks))
    ax.set_xticks([], minor=True)
    ax.grid(alpha=0.3)
