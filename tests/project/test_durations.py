"""Durations are read as people write them, and written in the unit that suits."""

from datetime import timedelta

import pytest

from sklearn_bert._durations import format_duration, in_two_digits, parse_duration


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        *((90, 90), (0.5, 0.5), ("90", 90), ("90s", 90), ("90 sec", 90), ("10min", 600)),
        *(("10 m", 600), ("1.5h", 5400), ("1h30min", 5400), ("1 H 30 Min", 5400)),
        *(("10 minutes", 600), ("1 minute", 60), ("45 Seconds", 45), ("2 hours", 7200)),
        *(("1 hour and 30 minutes", 5400), ("1 hr, 5 mins", 3900), ("2 days", 172800)),
        *((" 10min ", 600), ("5 min.", 300), (".5 h", 1800), (timedelta(minutes=3), 180)),
    ],
)
def test_numbers_are_seconds_and_texts_have_units(duration, seconds):
    assert parse_duration(duration, name="budget") == seconds


@pytest.mark.parametrize(
    "duration",
    [
        *(0, -1, "0s", "", "soon", "10 fortnights", "min", True, None, "1hx", "-5 min", "nan"),
        *("10 min and", "1:30", "5 min or so", timedelta(0), float("nan")),
    ],
)
def test_anything_else_is_named_with_a_way_out(duration):
    with pytest.raises(ValueError, match=r"budget must be seconds above 0, .* got .*; leave it"):
        parse_duration(duration, name="budget")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.42, "0.42 s"), (7, "7 s"), (89, "89 s"), (91, "1.5 min"), (840, "14 min")),
        *((5399, "90 min"), (5401, "1.5 h"), (86400, "24 h")),
    ],
)
def test_durations_are_written_in_two_digits(seconds, text):
    assert format_duration(seconds) == text


def test_numbers_in_two_digits_keep_their_size():
    assert [in_two_digits(number) for number in (1.72, 314, 1234, 0.567)] == [
        *("1.7", "310", "1,200", "0.57")
    ]
