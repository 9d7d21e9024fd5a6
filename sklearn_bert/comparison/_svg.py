"""Charts for the report: plain SVG that takes its colours from the page, in light and dark.

A chart is as wide as the page: what is across is in per cent, what is up and down and all letters
are in pixels, so that a narrow page has narrow charts and not small ones.
"""

import math
from html import escape

import numpy as np

from ..inspection._ticks import linear_labels, linear_ticks, log_labels, log_ticks

_WIDTHS = (260, 420, 660)  # pixels between the axes on narrow and wide pages
_RADIUS = 5
_LETTER = 8  # width of a digit, and of the room around it
# Where the number of a point may stand: shift to the right, downwards, and how it is aligned.
_PLACES = [
    *((9, 5, "start"), (-9, 5, "end"), (0, -10, "middle"), (0, 20, "middle")),
    *((8, -6, "start"), (8, 16, "start"), (-8, -6, "end"), (-8, 16, "end")),
    *((side * x, y, "start" if side > 0 else "end") for x in (22, 35) for side in (1, -1)
      for y in (5, -10, 20)),
]  # fmt: skip


class Chart:
    """A chart with two axes.

    Parameters
    ----------
    x_limits, y_limits : (float, float)
        Ends of the axes.
    x_label, y_label : str
        What they show.
    title : str
        What the chart shows, for those who cannot see it.
    log_x : bool, default=False
        Whether the x axis is logarithmic.
    height : int, default=280
        Pixels between its ends.
    """

    def __init__(self, x_limits, y_limits, x_label, y_label, title, *, log_x=False, height=280):
        self.x_limits, self.y_limits = x_limits, y_limits
        self.x_label, self.y_label = x_label, y_label
        self.log_x = log_x
        self.height = height
        self.title = title
        self.marks = []
        self.points = []  # position, spread in pixels and number of each
        self._draw_axes()

    def x(self, value):
        """Return the position of a value on the x axis, in per cent."""
        low, high = self.x_limits
        if self.log_x:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return 100 * (value - low) / (high - low)

    def y(self, value):
        """Return the position of a value on the y axis, in pixels from the top."""
        low, high = self.y_limits
        return self.height * (high - value) / (high - low)

    def _draw_axes(self):
        """Draw grid and numbers."""
        ticks = linear_ticks(*self.y_limits)
        for value, label in zip(ticks, linear_labels(ticks), strict=True):
            y = self.y(value)
            self._add(f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
            self._add(f'<text x="0" dx="-8" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
        if self.log_x:
            ticks = log_ticks(*self.x_limits)
            labels = log_labels(ticks)
        else:
            ticks = linear_ticks(*self.x_limits, most=6)
            labels = linear_labels(ticks)
        for value, label in zip(ticks, labels, strict=True):
            x = f"{self.x(value):.2f}%"
            self._add(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{self.height}"/>')
            self._add(f'<text x="{x}" y="{self.height + 18}" text-anchor="middle">{label}</text>')

    def _add(self, mark):
        """Add a mark."""
        self.marks.append(mark)

    def point(self, x, y, kind, *, spread=0.0, number=None, title=""):
        """Draw a point with the bar of its spread.

        Parameters
        ----------
        x, y : float
            Where it is.
        kind : {"bert", "cheap", "other"}
            Its colour; a cheap model is a square, so that colours are not needed.
        spread : float, default=0.0
            Half of the length of the bar.
        number : int, default=None
            What stands beside it.
        title : str, default=""
            What is told of it under the pointer.
        """
        left, top = f"{self.x(x):.2f}%", self.y(y)
        ends = self.y(y + spread), self.y(y - spread)
        if spread > 0:
            self._add(
                f'<line class="{kind} line" x1="{left}" x2="{left}" '
                f'y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>'
            )
        told = f"<title>{escape(title)}</title>" if title else ""
        if kind == "cheap":
            size = 2 * _RADIUS
            self._add(
                f'<rect class="cheap" x="{left}" y="{top - _RADIUS:.1f}" width="{size}" '
                f'height="{size}" transform="translate({-_RADIUS})">{told}</rect>'
            )
        else:
            self._add(
                f'<circle class="{kind}" cx="{left}" cy="{top:.1f}" r="{_RADIUS}">{told}</circle>'
            )
        self.points.append((self.x(x), top, ends, kind, number))

    def _number_points(self):
        """Return the numbers of the points, each where it covers no point, bar or other number."""
        texts, taken = [], [box for point in self.points for box in _boxes_of(point)]
        for x, y, _, kind, number in self.points:
            if number is None:
                continue
            width = _LETTER * len(str(number))
            boxes = [_Box(x, y, *_shift(place, width)) for place in _PLACES]
            costs = [self._cost(box, taken) for box in boxes]
            best = costs.index(min(costs))
            taken.append(boxes[best])
            right, down, anchor = _PLACES[best]
            texts.append(
                f'<text class="{kind}" x="{x:.2f}%" dx="{right}" y="{y + down:.1f}" '
                f'text-anchor="{anchor}">{number}</text>'
            )
        return "".join(texts)

    def _cost(self, box, taken):
        """Return how many boxes are met, and how far the box is outside, on the worst page."""
        return max(
            sum(box.meets(other, width) for other in taken) + box.is_outside(width, self.height)
            for width in _WIDTHS
        )

    def line(self, x, y, kind):
        """Draw a line through points."""
        self._add(self._stretched(f'<polyline class="{kind} line" points="{self._path(x, y)}"/>'))

    def band(self, x, low, high, kind):
        """Fill what is between two lines."""
        path = self._path([*x, *x[::-1]], [*low, *high[::-1]])
        self._add(self._stretched(f'<polygon class="{kind} band" points="{path}"/>'))

    def _path(self, x, y):
        """Return the points of a path."""
        return " ".join(f"{self.x(a):.2f},{self.y(b):.1f}" for a, b in zip(x, y, strict=True))

    def _stretched(self, path):
        """Return a path that is as wide as the chart."""
        return (
            f'<svg width="100%" height="{self.height}" viewBox="0 0 100 {self.height}" '
            f'preserveAspectRatio="none">{path}</svg>'
        )

    def bar(self, left, right, height, kind):
        """Draw a bar from the bottom."""
        x, y = self.x(left), self.y(height)
        self._add(
            f'<rect class="{kind}" x="{x:.2f}%" y="{y:.1f}" width="{self.x(right) - x:.2f}%" '
            f'height="{self.height - y:.1f}"/>'
        )

    def render(self):
        """Return the drawing."""
        return (
            f'<div class="chart" role="img" aria-label="{escape(self.title, quote=True)}">'
            f"<div>{escape(self.y_label)}</div>"
            f'<svg width="100%" height="{self.height}">{"".join(self.marks)}'
            f"{self._number_points()}</svg><div>{escape(self.x_label)}</div></div>"
        )


class _Box:
    """A rectangle at a point: what is across scales with the page, the rest is in pixels.

    Parameters
    ----------
    x : float
        Position of the point, in per cent.
    y : float
        In pixels.
    left, right, top, bottom : float
        Ends, in pixels from the point.
    """

    def __init__(self, x, y, left, right, top, bottom):
        self.x, self.left, self.right = x, left, right
        self.top, self.bottom = y + top, y + bottom

    def ends(self, width):
        """Return left and right end on a page of a width."""
        return self.x * width / 100 + self.left, self.x * width / 100 + self.right

    def meets(self, other, width):
        """Return whether two boxes have something in common."""
        (left, right), (start, end) = self.ends(width), other.ends(width)
        return left < end and start < right and self.top < other.bottom and other.top < self.bottom

    def is_outside(self, width, height):
        """Return whether it leaves the chart."""
        left, right = self.ends(width)
        return left < 0 or right > width or self.top < 0 or self.bottom > height


def _boxes_of(point):
    """Return the boxes of a point and its bar."""
    x, y, (high, low), _, _ = point
    room = _RADIUS + 1
    return [_Box(x, y, -room, room, -room, room), _Box(x, 0, -2, 2, high, low)]


def _shift(place, width):
    """Return the ends of a number at one of the places, from its point."""
    right, down, anchor = place
    left = right - {"start": 0, "middle": width / 2, "end": width}[anchor]
    return left, left + width, down - 11, down + 1


def limits(values, *, margin=0.08):
    """Return ends of an axis with some room on both sides of the values."""
    low, high = float(np.min(values)), float(np.max(values))
    room = (high - low or abs(high) or 1) * margin
    return low - room, high + room


def log_limits(values):
    """Return ends of a logarithmic axis around the values."""
    return float(np.min(values)) / 1.8, float(np.max(values)) * 1.8
