"""Charts for the report: plain SVG that takes its colours from the page, in light and dark."""

import math
from html import escape

import numpy as np

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 46
_LETTER = 6.8  # mean width of a letter


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
    width, height : int, default=640, 340
        In units of the drawing, which fills the width of the page.
    """

    def __init__(
        self, x_limits, y_limits, x_label, y_label, title, *, log_x=False, width=640, height=340
    ):
        self.x_limits, self.y_limits = x_limits, y_limits
        self.log_x = log_x
        self.width, self.height = width, height
        self.title = title
        self.marks = []
        self.labels = []  # left and right end and height of the names of points
        self._draw_axes(x_label, y_label)

    def x(self, value):
        """Return the position of a value on the x axis."""
        low, high = self.x_limits
        if self.log_x:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return _LEFT + (value - low) / (high - low) * (self.width - _LEFT - _RIGHT)

    def y(self, value):
        """Return the position of a value on the y axis."""
        low, high = self.y_limits
        return self.height - _BOTTOM - (value - low) / (high - low) * self._inner_height

    @property
    def _inner_height(self):
        """Height between the axes."""
        return self.height - _TOP - _BOTTOM

    def _draw_axes(self, x_label, y_label):
        """Draw grid, numbers and labels."""
        bottom, right = self.height - _BOTTOM, self.width - _RIGHT
        for value in _ticks(*self.y_limits):
            y = self.y(value)
            self._add(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            self.text(_LEFT - 6, y + 4, _number(value), anchor="end")
        for value in _log_ticks(*self.x_limits) if self.log_x else _ticks(*self.x_limits):
            x = self.x(value)
            self._add(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>')
            self.text(x, bottom + 16, _number(value), anchor="middle")
        self.text((_LEFT + right) / 2, self.height - 8, x_label, anchor="middle")
        middle = (_TOP + bottom) / 2
        turn = f' transform="rotate(-90 14 {middle:.1f})"'
        self.text(14, middle, y_label, anchor="middle", extra=turn)

    def _add(self, mark):
        """Add a mark."""
        self.marks.append(mark)

    def text(self, x, y, text, *, anchor="start", kind="", extra=""):
        """Write at a position of the drawing."""
        self._add(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>'
            f"{escape(text)}</text>"
        )

    def point(self, x, y, kind, *, spread=0.0, label=None):
        """Draw a point with the bar of its spread and its name."""
        left, top = self.x(x), self.y(y)
        if spread > 0:
            ends = self.y(y - spread), self.y(y + spread)
            self._add(
                f'<line class="{kind} line" x1="{left:.1f}" x2="{left:.1f}" '
                f'y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>'
            )
        self._add(f'<circle class="{kind}" cx="{left:.1f}" cy="{top:.1f}" r="5"/>')
        if label:
            self._label(left, top, label)

    def _label(self, x, y, label):
        """Write the name of a point beside it, where no other name stands."""
        width = _LETTER * len(label)
        is_right = x + width + 10 > self.width - _RIGHT
        left = x - 10 - width if is_right else x + 10
        if left < 0:  # of a long name, whose beginning is to be seen
            left, is_right = 2, False
        heights = [y + shift for step in range(8) for shift in (-6 - 15 * step, 16 + 15 * step)]
        free = [
            height
            for height in heights
            if _TOP < height < self.height - _BOTTOM
            and not any(
                abs(height - other) < 14 and left < end and start < left + width
                for start, end, other in self.labels
            )
        ]
        height = (free or heights)[0]
        self.labels.append((left, left + width, height))
        self.text(
            x - 10 if is_right else left, height, label, anchor="end" if is_right else "start"
        )

    def line(self, x, y, kind):
        """Draw a line through points."""
        points = " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in zip(x, y, strict=True))
        self._add(f'<polyline class="{kind} line" fill="none" points="{points}"/>')

    def band(self, x, low, high, kind):
        """Fill what is between two lines."""
        x, high = [*x, *x[::-1]], [*low, *high[::-1]]
        points = " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in zip(x, high, strict=True))
        self._add(f'<polygon class="{kind} band" points="{points}"/>')

    def bar(self, left, right, height, kind):
        """Draw a bar from the bottom."""
        x, y = self.x(left), self.y(height)
        self._add(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{self.x(right) - x:.1f}" '
            f'height="{self.height - _BOTTOM - y:.1f}"/>'
        )

    def render(self):
        """Return the drawing."""
        title = escape(self.title, quote=True)
        return (
            f'<div class="wide"><svg role="img" aria-label="{title}" style="min-width:'
            f'{0.75 * self.width:.0f}px" viewBox="0 0 {self.width} {self.height}">'
            f"{''.join(self.marks)}</svg></div>"
        )


def limits(values, *, margin=0.08):
    """Return ends of an axis with some room on both sides of the values."""
    low, high = float(np.min(values)), float(np.max(values))
    room = (high - low or abs(high) or 1) * margin
    return low - room, high + room


def log_limits(values):
    """Return ends of a logarithmic axis around the values."""
    return float(np.min(values)) / 1.8, float(np.max(values)) * 1.8


def _ticks(low, high):
    """Return some four to eight round numbers between the ends."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 8)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _log_ticks(low, high):
    """Return 1, 2 and 5 times the powers of ten between the ends, or only some of the powers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**n for n in powers for factor in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    if len(ticks) <= 6:
        return ticks or [low, high]
    ticks = [10.0**n for n in powers if low <= 10.0**n <= high]
    return ticks[:: len(ticks) // 7 + 1]


def _number(value):
    """Return a number as it stands beside an axis."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
