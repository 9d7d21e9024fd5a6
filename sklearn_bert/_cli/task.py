"""Labels or numbers: what a column of labels holds, as ``--task`` says or its values tell."""

import numpy as np


def read_numbers(data, args):
    """Return the numbers that the column of labels holds, None if it holds labels.

    Fields of a CSV are texts. They are numbers if all of them can be read so, some are not whole,
    and no two that differ are one number: "1.1" and "1.10" are names of something.
    """
    y, is_asked = data.y, args.task == "regression"
    if is_asked:
        _check_options(data, args)
    elif args.task is not None or np.ndim(y) > 1 or data.y_test is not None:
        return None
    numbers = [_number(value) for value in y.tolist()]
    if is_asked:
        _check_complete(y, numbers)
        return np.array(numbers)
    if None in numbers or all(number == round(number) for number in numbers):
        return None
    return np.array(numbers) if len(set(numbers)) == len(np.unique(y)) else None


def _check_options(data, args):
    """Refuse what numbers cannot be read from, or go with."""
    if np.ndim(data.y) > 1:
        args.usage_error("argument --task: regression is for one column of --label, got several")
    if args.min_per_class is not None:
        args.usage_error("argument --min-per-class: not for --task regression; leave it out")
    if data.y_test is not None:
        args.usage_error("argument --task: regression is for a table, got a folder of classes")


def _number(value):
    """Return a value as a finite number, None if it is none."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _check_complete(y, numbers):
    """Name the first row that holds no number."""
    if None in numbers:
        row = numbers.index(None)
        raise ValueError(
            f"--task regression needs a number in each row, got {y.tolist()[row]!r} at row {row}; "
            "drop such rows, or name another column by --label."
        )
