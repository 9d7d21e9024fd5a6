"""Round numbers for the axes of charts, and how they are written."""

import math

_MOST = 6  # of a logarithmic axis: so many have room on a narrow page


def linear_ticks(low, high, most=8):
    """Return some four to eight round numbers between the ends.

    Parameters
    ----------
    low, high : float
        Ends of the axis.
    most : int, default=8
        Numbers at most.
    """
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def log_ticks(low, high):
    """Return round numbers between the ends of a logarithmic axis: 30, 100, 300.

    They are once and three times the powers of ten; on a long axis the powers only, on a short one
    twice and five times as well.
    """
    if not 0 < low < high:
        return []
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 3), (1, 2, 5)):
        ticks = [factor * 10.0**n for n in powers for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) > _MOST:
            ticks = [10.0**n for n in powers if low <= 10.0**n <= high]
            return ticks[:: -(-len(ticks) // _MOST)]
        if len(ticks) > 2:
            return ticks
    return ticks if len(ticks) == 2 else linear_ticks(low, high, _MOST)


def linear_labels(ticks):
    """Return the numbers as they stand beside an axis, all with the same decimals."""
    decimals = max(map(_decimals, ticks), default=0)
    return [f"{tick:z,.{decimals}f}" for tick in ticks]


def log_labels(ticks):
    """Return the numbers as they stand beside an axis, each with as many decimals as it needs."""
    return [f"{tick:,.{_decimals(tick)}f}" for tick in ticks]


def _decimals(value):
    """Return how many decimals tell a round number."""
    return next(n for n in range(17) if math.isclose(round(value, n), value, abs_tol=1e-15))
