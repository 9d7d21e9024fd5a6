"""Tables of the report, and the marks that stand for the models."""

from html import escape

_MARKS = {"bert": "\N{BLACK CIRCLE}", "cheap": "\N{BLACK SQUARE}", "other": "\N{BLACK CIRCLE}"}
_SHOWN = 10  # rows of a long table; the rest is folded
_FOLDED = 500


def row(cells, *kinds):
    """Return a row of a table; `kinds` are the classes of its first cells."""
    kinds = [*kinds, *[""] * (len(cells) - len(kinds))]
    return f"<tr>{''.join(map(_cell, cells, kinds))}</tr>"


def _cell(content, kind):
    """Return a cell; names of classes may be broken where they have underscores."""
    text = escape(str(content))
    if kind == "label":
        text = text.replace("_", "_<wbr>")
    return f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>"


def heads(headings):
    """Return the row of the headings."""
    cells = "".join(f"<th>{escape(str(heading))}</th>" for heading in headings)
    return f"<tr>{cells}</tr>"


def table(head, rows):
    """Return a table that scrolls where the page is narrow."""
    return (
        f'<div class="wide" tabindex="0"><table><thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def long_table(head, rows, what, n_rows):
    """Return a table of the first rows, and one of the others to unfold.

    Parameters
    ----------
    head : str
    rows : iterable of str
        All of them; those that are not needed are not made.
    what : str
        What the rows are, for the sentence on the others.
    n_rows : int
    """
    rows = [row for row, _ in zip(rows, range(_SHOWN + _FOLDED), strict=False)]
    n_more = n_rows - _SHOWN
    if n_more <= 0:
        return table(head, rows)
    summary = f"The other {n_more:,} {what}"
    if n_more > _FOLDED:
        summary = f"The next {_FOLDED} of the other {n_more:,} {what}"
    return table(head, rows[:_SHOWN]) + folded(summary, table(head, rows[_SHOWN:]))


def folded(summary, content):
    """Return what is shown only after a click."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def mark(kind, name):
    """Return the mark that stands for a model of that name."""
    name = escape(name, quote=True)
    return (
        f'<span class="{kind}" role="img" aria-label="{name}" title="{name}">{_MARKS[kind]}</span>'
    )


def key(entries):
    """Return what the marks stand for, from the kind and the name of each."""
    items = "".join(
        f'<li><span class="{kind}" aria-hidden="true">{_MARKS[kind]}</span> {escape(name)}</li>'
        for kind, name in entries
    )
    return f'<ul class="key">{items}</ul>'
