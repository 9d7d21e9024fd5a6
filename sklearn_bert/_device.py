"""Where to compute, in which arithmetic, from which seed, and what to do when memory is full."""

import threading
from contextlib import contextmanager

import torch

# Dropout and the head draw from torch's global generators: one fit at a time in a process.
_SEEDED = threading.RLock()


def find_device(device):
    """Return the `torch.device` that `device` names; "auto" is CUDA, MPS or the CPU.

    Raises
    ------
    ValueError
        If torch does not know the device, or the machine does not have it.
    """
    if device == "auto":
        return torch.device(_available()[0])
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(
            f"device must be 'auto' or a device that torch knows, got {device!r}; use one of "
            f"{_available()}."
        ) from None
    if not is_available(found):
        raise ValueError(
            f"device={device!r} is not on this machine; use 'auto' or one of {_available()}."
        )
    return found


def is_available(device):
    """Return whether this machine has `device`, a torch.device."""
    if device.type == "cuda":
        return (device.index or 0) < torch.cuda.device_count()
    return device.type in _available()


def _available():
    """Return the kinds of device on this machine, the fastest first."""
    kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [kind for kind, there in kinds.items() if there] + ["cpu"]


def find_dtype(dtype, device):
    """Return the torch dtype that `dtype` names; "auto" is bfloat16 where that is faster."""
    if dtype != "auto":
        return getattr(torch, dtype)
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        # Both are also true of CPUs with AMX, whose instruction set includes AVX512-BF16.
        fast = torch.cpu._is_avx512_bf16_supported()
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


@contextmanager
def seeded(seed, device):
    """Draw everything random from `seed`; afterwards the global generators are as before."""
    kind = "cuda" if device.type == "cpu" else device.type
    devices = [] if device.type == "cpu" else [device.index or 0]
    with _SEEDED, torch.random.fork_rng(devices, device_type=kind):
        torch.manual_seed(seed)
        yield


@contextmanager
def explained_memory_error(device, *, batch_size, max_length):
    """Turn torch's ways of being out of memory into one MemoryError that says what to do."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise MemoryError(
            f"Out of memory on device '{device}' with batch_size={batch_size} and "
            f"max_length={max_length}; lower batch_size or max_length, or use a smaller model."
        ) from error


def _is_out_of_memory(error):
    """Return whether `error` is one of the forms in which torch says so."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    message = str(error)
    return "out of memory" in message or "can't allocate memory" in message
