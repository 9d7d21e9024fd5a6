"""Seconds of the clock and of the processor, and whether others had a share of the machine."""

import os
from time import perf_counter, process_time

import numpy as np

# A load above so many times the cores is not that of one program, whose threads wait in turn.
_LOAD_ALONE = 1.25
# One thread that waited for a processor so much longer than it had one, and so many seconds.
_WAITED_TIMES, _WAITED_SECONDS = 1.5, 0.2


class OutOfTime(Exception):
    """A fit would have ended too late, and was ended before."""


def now():
    """Return the seconds of the clock and those of the processor, for differences only.

    The latter are those of all threads of this process, and do not grow while others compute.
    """
    return np.array([perf_counter(), process_time()])


def is_loaded():
    """Return whether more wants to compute than there are cores; False where nobody can tell."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # on Windows there is none
        return False
    return load > _LOAD_ALONE * (os.cpu_count() or 1)


def has_waited(seconds):
    """Return whether what computes in one thread had to wait for a processor.

    `seconds` are a difference of two `now`. The load, a mean of a minute, does not tell it yet,
    and in a container it is that of others.
    """
    clock, processor = seconds
    return clock > _WAITED_TIMES * processor and clock - processor > _WAITED_SECONDS
