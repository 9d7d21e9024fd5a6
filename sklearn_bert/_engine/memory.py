"""What to do when the memory of a device is full."""

from contextlib import contextmanager

import torch


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
    message = str(error)
    return "out of memory" in message or "can't allocate memory" in message


def free_memory(device):
    """Return what torch holds in reserve on `device`, so that smaller pieces find room."""
    backend = torch.get_device_module(device)
    if hasattr(backend, "empty_cache"):
        backend.empty_cache()
