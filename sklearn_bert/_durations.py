"""Durations as people write them."""

import re
from numbers import Real

_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def parse_duration(duration, *, name):
    """Return the seconds of a number, or of a text such as "90s", "10min" or "1h30min".

    Raises
    ------
    ValueError
        If it is neither, or not above 0; `name` is what the error calls it.
    """
    seconds = 0.0
    if isinstance(duration, Real) and not isinstance(duration, bool):
        seconds = float(duration)
    elif isinstance(duration, str):
        parts = _PART.findall(duration.lower())
        whole = re.fullmatch(f"(?:{_PART.pattern})+", duration.lower())
        if whole and all(unit in _SECONDS for _, unit in parts):
            seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        elif re.fullmatch(r"\s*\d+(\.\d+)?\s*", duration):
            seconds = float(duration)
    if not seconds > 0:
        raise ValueError(
            f"{name} must be seconds above 0, or a text such as '90s', '10min' or '1h30min', got "
            f"{duration!r}; leave it out for no limit."
        )
    return seconds


def format_duration(seconds):
    """Return seconds in two digits and the unit that suits: "0.4 s", "14 min", "1.5 h"."""
    for unit, size in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size * (1 if unit == "s" else 1.5):
            break
    return f"{in_two_digits(seconds / size)} {unit}"


def in_two_digits(number):
    """Return a number in two digits: "1.7", "310", "1,200"."""
    return f"{float(f'{number:.2g}'):,.10g}"
