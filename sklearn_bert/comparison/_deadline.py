"""The end of a time that a fit may take."""

from time import perf_counter

from sklearn.base import clone
from skorch.callbacks import Callback

from .._clock import OutOfTime


class Deadline(Callback):
    """End a fit by an error after the first step that ends too late.

    Parameters
    ----------
    end : float
        Of `time.perf_counter`.
    """

    def __init__(self, end):
        self.end = end

    def on_batch_end(self, net, **kwargs):
        """Look at the clock."""
        if perf_counter() > self.end:
            raise OutOfTime


def with_deadline(bert, end):
    """Return a copy of a BERT whose fit ends by an error after `end`.

    One with checkpoints takes no callbacks: it is given its time. One that is tuned does so for
    each of its fits.
    """
    copy = clone(bert)
    if hasattr(bert, "end"):
        return copy.set_params(end=end)
    if bert.checkpoint_dir is None:
        copy.callbacks = [*(copy.callbacks or []), ("_deadline", Deadline(end))]
    return copy
