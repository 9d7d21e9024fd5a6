"""Round numbers on a logarithmic axis of matplotlib: 30, 100, 300 for its powers of ten."""

from matplotlib.ticker import Formatter, Locator, NullLocator

from ._ticks import log_labels, log_ticks


class RoundLogLocator(Locator):
    """Round numbers between the ends of a logarithmic axis."""

    def __call__(self):
        """Return the ticks of the axis."""
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin, vmax):
        """Return the ticks between two ends."""
        return log_ticks(min(vmin, vmax), max(vmin, vmax))


class PlainFormatter(Formatter):
    """Numbers without powers."""

    def __call__(self, x, pos=None):
        """Return the label of a tick."""
        return log_labels([x])[0]


def use_round_numbers(axis):
    """Put round numbers on a logarithmic axis."""
    axis.set_major_locator(RoundLogLocator())
    axis.set_major_formatter(PlainFormatter())
    axis.set_minor_locator(NullLocator())
