"""Durations as people write them."""

import re
from datetime import timedelta
from numbers import Real

_SECONDS = {
    "s sec secs second seconds": 1,
    "m min mins minute minutes": 60,
    "h hr hrs hour hours": 3600,
    "d day days": 86400,
}
_UNITS = {unit: size for units, size in _SECONDS.items() for unit in units.split()}
_PART = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)\.?\s*(?:,|\band\b)?")


def parse_duration(duration, *, name, way_out="leave it out for no limit"):
    """Return the seconds of a number, a timedelta, or a text such as "90s" or "1 hour 30 minutes".

    Raises
    ------
    ValueError
        If it is none of them, or not above 0; `name` is what the error calls it, `way_out` what
        it advises.
    """
    seconds = 0.0
    if isinstance(duration, timedelta):
        seconds = duration.total_seconds()
    elif isinstance(duration, Real) and not isinstance(duration, bool):
        seconds = float(duration)
    elif isinstance(duration, str):
        seconds = _parse_text(duration.lower())
    if not seconds > 0:
        raise ValueError(
            f"{name} must be seconds above 0, or a text such as '90s', '10 minutes' or '1h30min', "
            f"got {duration!r}; {way_out}."
        )
    return seconds


def _parse_text(text):
    """Return the seconds that a text names, 0 if it names none."""
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text):
        return float(text)
    parts = _PART.findall(text)
    is_whole = re.fullmatch(f"(?:{_PART.pattern})+", text) and not re.search(r"(,|and)\s*$", text)
    if not is_whole or not all(unit in _UNITS for _, unit in parts):
        return 0.0
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def format_duration(seconds):
    """Return seconds in two digits and the unit that suits: "0.4 s", "14 min", "1.5 h"."""
    for unit, size in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size * (1 if unit == "s" else 1.5):
            break
    return f"{in_two_digits(seconds / size)} {unit}"


def in_two_digits(number):
    """Return a number in two digits: "1.7", "310", "1,200"."""
    return f"{float(f'{number:.2g}'):,.10g}"
