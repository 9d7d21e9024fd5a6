"""What to do when the memory of a device is full."""

import gc
from contextlib import contextmanager

import torch

_FULL = (
    "out of memory",
    "can't allocate memory",
    "STATUS_ALLOC_FAILED",  # of cuBLAS, cuDNN before 9, and ROCm's
    "DEVICE_ALLOCATION_FAILED",  # of cuDNN
    "CUBLAS_STATUS_NOT_INITIALIZED",  # there was no room for its workspace
)


@contextmanager
def explained_memory_error(device, *, batch_size, max_length):
    """Turn torch's ways of being out of memory into one MemoryError that says what to do."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"Out of memory on device '{device}' with batch_size={batch_size} and "
            f"max_length={max_length}; lower batch_size or max_length, or use a smaller model."
        ) from error


def is_out_of_memory(error):
    """Return whether `error` is one of the forms in which torch says so."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(form in str(error) for form in _FULL)


class MicroBatchSize:
    """How many tokens are computed at once: half of what failed, each time that memory was full.

    Parameters
    ----------
    device : torch.device
        Where they are computed.
    n_tokens : int or float
        How many to begin with, padding included.
    last_resort : callable, default=None
        Lets a single text do with less memory, and returns whether it could.

    Attributes
    ----------
    found : int or None
        How many there was room for, once memory had been full.
    texts : RaggedRows or None
        Those that are being computed, which whoever computes them says; None before the first.
    """

    def __init__(self, device, n_tokens, last_resort=None):
        self.device = device
        self.first = n_tokens
        self.last_resort = last_resort
        self.found = self.texts = None

    @property
    def n_tokens(self):
        """How many are computed at once now."""
        return self.first if self.found is None else self.found

    def retry(self, compute, clean_up=None):
        """Return what `compute` gives, tried again where memory was full and less can be done.

        Parameters
        ----------
        compute : callable
            Computes as much as `n_tokens` says, and sets `texts`.
        clean_up : callable, default=None
            Called between two tries.
        """
        while True:
            self.texts = None
            try:
                return compute()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or not self._shrink():
                    raise
            # Outside of the except clause, which keeps the tensors of the failed try alive.
            if clean_up is not None:
                clean_up()
            _free_memory(self.device)

    def _shrink(self):
        """Return whether the texts that failed can do with less, and let them do so.

        Where the memory was full before the first of them, it is not they that need so much.
        """
        if self.texts is None:
            return False
        if len(self.texts) == 1:
            return self.last_resort is not None and self.last_resort()
        self.found = len(self.texts) * int(self.texts.lengths.max()) // 2
        return True


def _free_memory(device):
    """Return what torch holds in reserve on `device`, so that smaller pieces find room."""
    _wait_for_autograd(device)
    gc.collect()  # with gradient checkpointing, torch's frames of the failed try are in a cycle
    backend = torch.get_device_module(device)
    if hasattr(backend, "empty_cache"):
        backend.empty_cache()


def _wait_for_autograd(device):
    """Let the thread that computes gradients on `device` end what failed.

    It reports the failure first and lets go of its tensors then. Since it takes one task after the
    other, it has let go of them once it has computed the gradient of nothing.
    """
    if device.type == "cpu":  # that is this thread
        return
    with torch.inference_mode(False), torch.enable_grad():
        nothing = torch.zeros(0, device=device, requires_grad=True)
        nothing.backward(torch.zeros_like(nothing))
