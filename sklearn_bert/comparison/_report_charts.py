"""The charts of the report: SVG by matplotlib, in colours that follow the page into the dark.

Names of models and scores are the user's, of any length and script: they stand around the drawing
as text of the page, but for those of points that have room beside them.
"""

import io
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from threading import Lock

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ._plots import draw_cost, draw_learning_curve, without_powers
from ._statistics import expected_calibration_error, reliability
from ._theme import LIGHT, MARKERS, ModelMark, kind_of, marker_of

# In points, each of which is a pixel or somewhat more, depending on how wide the page is.
_SIZE = (420, 250)
_FONT = "DejaVu Sans"  # comes with matplotlib; wide, so that other letters have room where it had
_STYLE = {
    "font.sans-serif": [_FONT],
    "font.size": 11,
    "svg.fonttype": "none",
    "svg.hashsalt": "sklearn-bert",  # the same chart is the same text
    "text.parse_math": False,
    "text.color": LIGHT["ink"],
    "xtick.labelcolor": LIGHT["ink"],
    "ytick.labelcolor": LIGHT["ink"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": LIGHT["rule"],
    "axes.formatter.useoffset": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.xmargin": 0.08,
    "axes.ymargin": 0.08,
    "grid.color": LIGHT["rule"],
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 6,
    "ytick.major.pad": 6,
}
_MOST_POINTS = 1000  # of a chart with a point for each text
_DRAWING = Lock()  # matplotlib's settings are those of the whole process


@dataclass(frozen=True)
class Chart:
    """A drawing with what the page says around it.

    Attributes
    ----------
    svg : str
        The drawing.
    x_label, y_label : str
        What the axes show.
    title : str
        What the chart shows, for those who cannot see it.
    key : list of ModelMark
        What stands for which model.
    note : str
        How to read it.
    """

    svg: str
    x_label: str
    y_label: str
    title: str
    key: list = field(default_factory=list)
    note: str = ""


class _Drawing:
    """Axes to draw on, and the SVG of what was drawn once they are done with.

    Attributes
    ----------
    ax : Axes
    svg : str
    """

    def __init__(self, figure):
        self.ax = figure.add_subplot()
        self._tips = []

    def add_tips(self, line, tips):
        """Have a text shown under the pointer for each point of a line."""
        line.set_gid(f"tips-{len(self._tips)}")
        self._tips.append((line.get_gid(), tips))

    def finish(self, svg):
        """Take the SVG that matplotlib wrote."""
        svg = svg[svg.index("<svg") :].replace(f"'{_FONT}'", "system-ui")
        for name, color in LIGHT.items():
            svg = svg.replace(color, f"var(--{name})")
        for gid, tips in self._tips:
            svg = _with_tips(svg, gid, tips)
        self.svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # those of two charts would be the same


@contextmanager
def _drawing_of(size=_SIZE):
    """Draw a figure of a size in points, whatever the user's own style is."""
    with _DRAWING, matplotlib.style.context(["default", _STYLE]):
        figure = Figure([side / 72 for side in size], layout="constrained")
        drawing = _Drawing(figure)
        yield drawing
        written = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    drawing.finish(written.getvalue())


def _with_tips(svg, gid, tips):
    """Return a drawing in which the points of a group have titles."""
    before, group, after = svg.partition(f'<g id="{gid}"')
    points = iter(tips)
    after = re.sub(
        r"(<use [^>]*)/>",
        lambda point: f"{point[1]}><title>{escape(next(points))}</title></use>",
        after,
        count=len(tips),
    )
    return before + group + after


def cost(comparison):
    """Return the chart of the score against the training time; None without a score."""
    scorer = next(iter(comparison._scorers))
    column, training_time = comparison._cost()
    rows = {row["model"]: row for row in comparison.rows_ if np.isfinite(row[scorer])}
    if not rows:
        return None
    has_bars = any(np.nan_to_num(row[f"{scorer}_std"]) for row in rows.values())
    with _drawing_of() as drawing:
        lines = draw_cost(comparison, drawing.ax)
        for model, line in lines.items():
            row = rows[model]
            seconds = f"{max(row[column], 1e-4):,.2f} s"
            drawing.add_tips(line, [f"{model}: {scorer} {row[scorer]:.3f}, {seconds}"])
        has_names = bool(drawing.ax.texts)
    return Chart(
        drawing.svg,
        training_time,
        scorer,
        f"{scorer} against the training time of each model; the figures are in the table above",
        [] if has_names else _key(comparison, lines),
        "Bars: one standard deviation over the folds." if has_bars else "",
    )


def _key(comparison, lines):
    """Return what stands for which model."""
    return [
        ModelMark(kind_of(comparison, model), MARKERS[line.get_marker()], model)
        for model, line in lines.items()
    ]


def learning_curve(comparison):
    """Return the chart of the score against the number of labels; None if there is none."""
    curves = {curve.model: curve for curve in comparison._curves()}
    if not curves:
        return None
    scorer = next(iter(comparison._scorers))
    with _drawing_of() as drawing:
        lines = draw_learning_curve(comparison, drawing.ax)
        for model, line in lines.items():
            points = zip(curves[model].mean, curves[model].sizes, strict=True)
            tips = [f"{model}: {y:.3f} with {x:,.0f} texts" for y, x in points if np.isfinite(y)]
            drawing.add_tips(line, tips)
    return Chart(
        drawing.svg,
        "number of training texts",
        scorer,
        f"{scorer} against the number of training texts; {'; '.join(map(_told, curves.values()))}",
        _key(comparison, lines),
        "Bands: one standard deviation over the folds.",
    )


def _told(curve):
    """Return a learning curve in words."""
    points = zip(curve.mean, curve.sizes, strict=True)
    return f"{curve.model}: " + ", ".join(f"{y:.3f} with {x:,.0f}" for y, x in points)


def calibration(finalist):
    """Return the chart of what the probabilities of a model promise and keep, and its error."""
    judged = (finalist.y_true, finalist.y_pred, finalist.proba)
    if finalist.y_true.ndim > 1:  # each label is a question of its own
        y_true, y_pred, proba = map(np.ravel, judged)
        judged = (y_true, y_pred, np.column_stack([1 - proba, proba]))
    promised, kept, _ = reliability(*judged)
    points = [*zip(promised, kept, strict=True)]
    color = LIGHT[finalist.kind]
    with _drawing_of((320, 250)) as drawing:
        drawing.ax.plot([0, 1], [0, 1], "--", color=LIGHT["soft"], linewidth=1)
        (line,) = drawing.ax.plot(promised, kept, f"{marker_of(finalist.kind)}-", color=color)
        drawing.add_tips(line, [f"{y:.2f} right at a probability of {x:.2f}" for x, y in points])
        drawing.ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    told = ", ".join(f"{y:.2f} right at {x:.2f}" for x, y in points)
    chart = Chart(
        drawing.svg,
        "predicted probability",
        "share that is right",
        f"Share of right predictions against their probability, {finalist.name}: {told}",
    )
    return chart, expected_calibration_error(*judged)


def predicted_numbers(finalist):
    """Return the chart of what a model predicts against what is true."""
    color, true, predicted = LIGHT[finalist.kind], finalist.y_true, finalist.y_pred
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    shown = np.linspace(0, len(true) - 1, min(len(true), _MOST_POINTS)).astype(int)
    with _drawing_of((320, 280)) as drawing:
        drawing.ax.plot(ends, ends, "--", color=LIGHT["soft"], linewidth=1)
        drawing.ax.plot(
            true[shown], predicted[shown], marker_of(finalist.kind), color=color, ms=4, alpha=0.4
        )
    correlation = np.corrcoef(true, predicted)[0, 1] if predicted.std() > 0 else 0.0
    return Chart(
        drawing.svg,
        "number",
        "predicted number",
        f"What {finalist.name} predicts against what is true: correlation {correlation:.2f}",
    )


def lengths(comparison):
    """Return the histogram of the lengths of the texts, in tokens where known, and its note."""
    forecast = comparison.forecast_
    if forecast is None:
        unit, values = "words", [_count_words(text) for text in comparison._data.texts]
    else:
        unit, values = "tokens", forecast.lengths
    values = np.asarray(values)
    end = max(float(np.percentile(values, 99.5)), 1.0)
    counts, edges = np.histogram(np.minimum(values, end), bins=40, range=(0, end))
    note = said = f"Half of the texts have at most {np.median(values):,.0f} {unit}."
    with _drawing_of((420, 200)) as drawing:
        ax = drawing.ax
        ax.stairs(counts, edges, fill=True, color=LIGHT["other"])
        ax.set(xlim=(0, end), ylim=(0, 1.05 * counts.max()))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(FuncFormatter(without_powers))
        if forecast is not None:
            note += (
                f" {100 * forecast.share_cut:.1f} % are longer than the {forecast.max_length} "
                "tokens that BERT reads: the rest of those is cut off."
            )
            if forecast.max_length < end:
                ax.axvline(forecast.max_length, color=LIGHT["bert"])
                note += " The line is where they are cut."
    title = f"Lengths of the texts in {unit}, up to {end:,.0f}. {said}"
    return Chart(drawing.svg, unit, "texts", title), note


def _count_words(text):
    """Return the words of a text, or of both of a pair."""
    return len(text.split()) if isinstance(text, str) else sum(map(_count_words, text))
