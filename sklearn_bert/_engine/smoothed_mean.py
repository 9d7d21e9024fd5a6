"""The mean of a curve that goes on: old values count for less and less."""


class SmoothedMean:
    """An exponential moving average, corrected for its start at zero.

    Parameters
    ----------
    smoothing : float
        Share of the mean so far in the next one, between 0 and 1.
    """

    def __init__(self, smoothing):
        self.smoothing = smoothing
        self.n_values, self.mean = 0, 0.0

    def add(self, value):
        """Return the mean with one more value."""
        self.n_values += 1
        self.mean = self.smoothing * self.mean + (1 - self.smoothing) * value
        return self.mean / (1 - self.smoothing**self.n_values)
