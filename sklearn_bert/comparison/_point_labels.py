"""Names beside the points of a chart, where they hide nothing."""

import math
from itertools import product

import numpy as np
from matplotlib.font_manager import findfont, get_font
from matplotlib.path import Path
from matplotlib.transforms import Bbox

from ._theme import LIGHT

# Where a name may stand, seen from its point; the first that is free is taken.
_DISTANCES = (7, 16, 28, 42, 58, 76, 96)  # in points
_ANGLES = (0, 180, 90, -90, 45, -45, 135, -135, 20, -20, 160, -160, 70, -70, 110, -110)
_NEAR = 10  # what needs no line to its point
_LONGEST = 40  # letters of a name
_CAP = 4  # half of a mark, or of the end of a bar, in points


def label_points(ax, points, reach):
    """Write the name of each point beside it.

    Parameters
    ----------
    ax : Axes
        With limits and layout as they are going to stay.
    points : dict of str to tuple
        Where each point is, by its name.
    reach : dict of str to float
        How far the bar of a point reaches up and down.

    Where one name has no room, or letters that matplotlib's font lacks, none is written.
    """
    font = get_font(findfont("DejaVu Sans")).get_charmap()
    names = {name: _cut(name) for name in points}
    if not all(ord(letter) in font for name in names.values() for letter in name):
        return
    ax.figure.draw_without_rendering()
    pixels = ax.figure.dpi / 72
    taken = {name: _box_of_mark(ax, points[name], reach[name], _CAP * pixels) for name in points}
    written = []
    for name, point in points.items():
        label = ax.annotate(
            names[name], point, (0, 0), textcoords="offset points", fontsize="small"
        )
        written.append(label)
        others = [box for other, box in taken.items() if other != name]
        place = _free_place(ax, label, taken[name], others)
        if place is None:
            for each in written:
                each.remove()
            return
        taken[len(taken)] = place
        if math.hypot(*label.xyann) > _NEAR:
            look = {"arrowstyle": "-", "color": LIGHT["soft"], "linewidth": 0.6, "shrinkA": 0}
            at = label.xyann
            line = ax.annotate("", point, at, textcoords="offset points", arrowprops=look)
            written.append(line)


def _cut(name):
    return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."


def _box_of_mark(ax, point, reach, padding):
    """Return what a mark and its bar cover, in pixels."""
    x, y = point
    ends = ax.transData.transform([(x, y - reach), (x, y + reach)])
    return Bbox(ends).padded(padding)


def _free_place(ax, label, mark, others):
    """Move a label to the nearest place where it hides nothing, and return what it covers there.

    The line to its mark must not cross the others either.
    """
    inside = ax.get_window_extent()
    start, pixels = ax.transData.transform(label.xy), ax.figure.dpi / 72
    for distance, angle in product(_DISTANCES, _ANGLES):
        x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        label.xyann = (distance * x, distance * y)
        label.set_ha("left" if x > 0.1 else "right" if x < -0.1 else "center")
        label.set_va("bottom" if y > 0.1 else "top" if y < -0.1 else "center")
        box = label.get_window_extent()
        is_inside = inside.x0 <= box.x0 and box.x1 <= inside.x1
        is_inside = is_inside and inside.y0 <= box.y0 and box.y1 <= inside.y1
        line = Path([start, start + pixels * np.array(label.xyann)])
        if (
            is_inside
            and not box.count_overlaps([mark, *others])
            and not any(line.intersects_bbox(other) for other in others if not mark.overlaps(other))
        ):
            return box
    return None
