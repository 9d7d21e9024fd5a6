"""Results as text that fits a terminal of 80 columns: a table, and paragraphs."""

import textwrap

import numpy as np

WIDTH = 79

_UNKNOWN = "-"
_GAP = "  "
_LEAST_NAME, _INDENT = 22, "  "
_LEAST_SCORE, _LEAST_COST = 13, 6

_FITS = ("n_fits", "fits", "count")
# The key of a figure, its heading in one or two lines, and its form.
_COSTS = (
    ("fit_seconds", "fit (s)", "seconds"),
    ("predictions_per_second", "predict (/s)", "count"),
    ("size_mb", "size (MB)", "megabytes"),
    ("memory_mb", "memory (MB)", "count"),
    ("gpu_memory_mb", "GPU memory (MB)", "count"),
)
_CPU_COSTS = (
    ("fit_cpu_seconds", "fit (CPU s)", "seconds"),
    ("predictions_per_cpu_second", "predict (/CPU s)", "count"),
)


def wrap(text, first="", rest=""):
    """Return the lines of a paragraph, broken between words only.

    A word that is longer than a line stands on one of its own, since it may be a path.
    """
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


class Table:
    """Lays out rows as text of aligned columns.

    Parameters
    ----------
    scorers : iterable of str
        Names of the scores.
    with_gpu : bool
        Whether there is a column for the memory of a GPU.
    in_cpu_seconds : bool
        Whether costs are in seconds of the processor instead of the clock.
    with_fits : bool, default=False
        Whether there is a column for the number of fits.
    """

    def __init__(self, scorers, *, with_gpu, in_cpu_seconds, with_fits=False):
        costs = _COSTS if with_gpu else _COSTS[:-1]
        self.costs = (*_CPU_COSTS, *costs[2:]) if in_cpu_seconds else costs
        self.costs = (_FITS, *self.costs) if with_fits else self.costs
        self.scorers = list(scorers)
        self.headings = ["model", *self.scorers, *(heading for _, heading, _ in self.costs)]

    def cells(self, row):
        """Return what stands in the columns."""
        cells = [row["model"]]
        for scorer in self.scorers:
            cells.append(score_with_spread(row, scorer))
        for key, _, form in self.costs:
            cells.append(_UNKNOWN if np.isnan(row[key]) else _FORMS[form](row[key]))
        return cells

    def lines(self, rows):
        """Return the table; columns that do not fit beside the others stand below them.

        Parameters
        ----------
        rows : list of dict
            As `summarize` returns them.
        """
        columns = [_heading(heading) for heading in self.headings]
        done = [self.cells(row) for row in rows if row["n_folds"]]
        widths = [
            max([*map(len, heading), *(len(cells[number]) for cells in done)])
            for number, heading in enumerate(columns)
        ]
        least = [0] + [_LEAST_SCORE] * len(self.scorers) + [_LEAST_COST] * len(self.costs)
        widths = [max(pair) for pair in zip(widths, least, strict=True)]
        names = [row["model"] for row in rows]
        lines = []
        for block in _blocks(widths[1:]):
            room = WIDTH - sum(len(_GAP) + widths[1 + number] for number in block)
            width = min(room, max(map(len, ["model", *names])))
            lines += [""] if lines else []
            lines += self._block(rows, columns, [width, *widths[1:]], [1 + n for n in block])
        return lines

    def _block(self, rows, columns, widths, numbers):
        """Return the lines of some columns beside the names."""
        top = max(len(columns[number]) for number in numbers)
        cells = [[""] * (top - len(columns[n])) + columns[n] for n in numbers]
        lines = []
        for level in range(top):
            name = "model" if level == top - 1 else ""
            lines.append(_line(name, [cell[level] for cell in cells], widths, numbers))
        for row in rows:
            *before, name = _name_lines(row["model"], widths[0])
            if not row["n_folds"]:
                lines += _failed(row) if numbers[0] == 1 else []
                continue
            values = self.cells(row)
            lines += before
            lines.append(_line(name, [values[number] for number in numbers], widths, numbers))
        return lines


def score_with_spread(row, scorer):
    """Return a score of a row as it is shown, with its standard deviation over the folds."""
    if np.isnan(row[scorer]):
        return _UNKNOWN
    spread = row[f"{scorer}_std"]
    spread = "" if np.isnan(spread) else f" \N{PLUS-MINUS SIGN} {spread:.3f}"
    return f"{row[scorer]:.3f}{spread}"


def _failed(row):
    """Return the lines of a model that came to the end of no fold."""
    return wrap(f"{row['model']}  failed: {row['error']}", rest=_INDENT)


def _seconds(value):
    """Return seconds in three digits: "0.17", "9.31", "66", "1,230"."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


_FORMS = {"seconds": _seconds, "count": "{:,.0f}".format, "megabytes": "{:,.1f}".format}


def _heading(text):
    """Return a heading in one or two lines: the unit stands below."""
    name, bracket, unit = text.partition(" (")
    return [name, f"({unit}"] if bracket else [name]


def _blocks(widths):
    """Return which columns stand side by side, as lists of their numbers."""
    blocks, room = [], 0
    for number, width in enumerate(widths):
        if not blocks or width + len(_GAP) > room:
            blocks.append([])
            room = WIDTH - _LEAST_NAME
        blocks[-1].append(number)
        room -= width + len(_GAP)
    return blocks


def _name_lines(name, width):
    """Return a name in lines of a width, broken at spaces and hyphens, or else shortened."""
    lines = textwrap.wrap(name, width, subsequent_indent=_INDENT, break_long_words=False)
    return [_shortened(line, width).ljust(width).rstrip() for line in lines]


def _shortened(line, width):
    """Return a line without its middle if it is too long."""
    if len(line) <= width:
        return line
    kept = width - 1
    return f"{line[: kept - kept // 2]}\N{HORIZONTAL ELLIPSIS}{line[len(line) - kept // 2 :]}"


def _line(name, cells, widths, numbers):
    """Return a line: the name to the left, the rest to the right."""
    padded = [cell.rjust(widths[number]) for cell, number in zip(cells, numbers, strict=True)]
    return _GAP.join([name.ljust(widths[0]), *padded]).rstrip()
