"""Classes with too few texts, as ``--min-per-class`` and ``--merge-rare`` have it."""

import numpy as np

from .messages import counted, say

_MOST_NAMES = 10


def without_rare(data, args):
    """Return labelled texts without those of rare classes, or with these merged into one."""
    if args.min_per_class is None:
        if args.merge_rare is not None:
            args.usage_error("argument --merge-rare: only with --min-per-class; add it")
        return data
    if np.ndim(data.y) != 1:
        raise ValueError(
            "--min-per-class is for one column of labels, and --label names several; leave it out."
        )
    labels, counts = np.unique(data.y, return_counts=True)
    rare = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    rare = {label: n for label, n in rare.items() if n < args.min_per_class}
    if not rare:
        return data
    if args.merge_rare is None:
        return _dropped(data, rare, args.min_per_class)
    return _merged(data, rare, args.min_per_class, args.merge_rare)


def _dropped(data, rare, least):
    """Return the texts of the other classes."""
    kept = [label not in rare for label in data.y.tolist()]
    y = data.y[kept]
    if len(np.unique(y)) < 2:
        have = f"only {y.tolist()[0]!r} has" if len(y) else "none has"
        raise ValueError(
            f"At least two classes must have {counted(least, 'text')} or more, as --min-per-class "
            f"asks, and {have}; lower it."
        )
    say(
        "note",
        f"dropped {kept.count(False):,} of {len(kept):,} texts: {_name(rare, least)}",
    )
    found = data._replace(X=_take(data.X, kept), y=y)
    if data.groups is not None:
        found = found._replace(groups=_take(data.groups, kept))
    if data.X_test is not None:
        kept = [label not in rare for label in data.y_test.tolist()]
        found = found._replace(X_test=_take(data.X_test, kept), y_test=data.y_test[kept])
    return found


def _merged(data, rare, least, name):
    """Return the texts with one label for all rare classes."""
    label = _as_label(name, data.y)
    y = _relabelled(data.y, rare, label)
    total = int((y == label).sum())
    if total < least:
        raise ValueError(
            f"The classes that --merge-rare merges must have {counted(least, 'text')} together, as "
            f"--min-per-class asks, and have {total}; lower it, or drop them by leaving out "
            "--merge-rare."
        )
    if len(np.unique(y)) < 2:
        raise ValueError(
            f"At least two classes must be left, and --merge-rare leaves only {label!r}; lower "
            "--min-per-class."
        )
    say(
        "note",
        f"merged {sum(rare.values()):,} of {len(y):,} texts into {label!r}: {_name(rare, least)}",
    )
    found = data._replace(y=y)
    if data.X_test is not None:
        found = found._replace(y_test=_relabelled(data.y_test, rare, label))
    return found


def _relabelled(y, rare, label):
    """Return labels of which the rare ones are replaced."""
    return np.array([label if old in rare else old for old in y.tolist()])


def _as_label(name, y):
    """Return the name of the merged class, of the type of the labels."""
    if y.dtype.kind == "U":
        return name
    try:
        return y.dtype.type(name).item() if y.dtype.kind in "iuf" else _refuse(name, y)
    except ValueError:
        return _refuse(name, y)


def _refuse(name, y):
    """Say that a name is no label of the type of the others."""
    raise ValueError(
        f"--merge-rare must name a class of the type of the labels, such as {y[0].item()!r}, got "
        f"{name!r}."
    ) from None


def _name(rare, least):
    """Return the words for the rare classes, with how many texts each has."""
    named = [f"{label!r} ({n})" for label, n in list(rare.items())[:_MOST_NAMES]]
    more = f" and {len(rare) - _MOST_NAMES:,} more" if len(rare) > _MOST_NAMES else ""
    classes = "1 class has" if len(rare) == 1 else f"{len(rare):,} classes have"
    return f"{classes} fewer than {least}: {', '.join(named)}{more}"


def _take(values, kept):
    """Return those values of a list that are kept."""
    return [value for value, keep in zip(values, kept, strict=True) if keep]
