"""Where to compute, in which arithmetic, and from which seed."""

import copy
import platform
import threading
from contextlib import contextmanager, nullcontext

import torch

from .._warn import warn
from .distributed import local_cuda
from .torch_state import own_torch_state

# Dropout and the head draw from torch's global generators: one fit at a time in a process.
_SEEDED = threading.RLock()

# What a CPU of the x86 family computes half precision by.
_INSTRUCTIONS = {"bfloat16": "AVX-512", "float16": "AVX512-FP16"}


def find_device(device):
    """Return the `torch.device` that `device` names; "auto" is CUDA, MPS or the CPU.

    Of several processes that train together, each gets a CUDA device of its own.

    Raises
    ------
    ValueError
        If torch does not know the device, or the machine does not have it.
    """
    if device == "auto":
        kind = _available()[0]
        own = local_cuda(torch.cuda.device_count()) if kind == "cuda" else None
        return own or torch.device(kind)
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(
            f"device must be 'auto' or a device that torch knows, got {device!r}; use one of "
            f"{_available()}."
        ) from None
    if not _is_there(found):
        raise ValueError(
            f"device={device!r} is not on this machine; use 'auto' or one of {_available()}."
        )
    return found


def _is_there(device):
    """Return whether this machine has `device`, a torch.device."""
    try:
        backend = torch.get_device_module(device)
    except RuntimeError:  # a kind that only exists inside torch, such as "meta"
        return False
    return backend.is_available() and (device.index or 0) < backend.device_count()


def _available():
    """Return the kinds of device on this machine, the fastest first."""
    kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [kind for kind, there in kinds.items() if there] + ["cpu"]


def find_dtype(dtype, device):
    """Return the torch dtype that `dtype` names; "auto" is the one that trains the fastest."""
    if dtype == "auto":
        return _fastest_dtype(device)
    if dtype != "float32":
        _warn_of_emulation(dtype, device)
    return getattr(torch, dtype)


def _fastest_dtype(device):
    """Return the arithmetic that trains the fastest on a device."""
    if device.type == "cuda":
        if _computes_bfloat16(device):
            return torch.bfloat16
        # Volta and Turing (V100, T4, RTX 20) have tensor cores for float16 alone.
        major, _ = torch.cuda.get_device_capability(device)
        return torch.float16 if major == 7 else torch.float32
    # Also true of CPUs with AMX, whose instruction set includes AVX512-BF16.
    fast = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def _warn_of_emulation(dtype, device):
    """Warn of half precision that a device has no instructions for."""
    if device.type == "cpu" and not _has_instructions(dtype):
        warn(
            f"dtype={dtype!r} is emulated on this CPU, which has no {_INSTRUCTIONS[dtype]}, and "
            "takes about ten times as long as float32; use dtype='auto'."
        )
    if device.type == "cuda" and dtype == "bfloat16" and not _computes_bfloat16(device):
        warn(
            "dtype='bfloat16' is emulated on this GPU, which is older than Ampere and slow with "
            "it; use dtype='auto'."
        )


def _has_instructions(dtype):
    """Return whether torch multiplies matrices of half precision on this CPU by more than loops."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return True
    if dtype == "float16":
        return torch.ops.mkldnn._is_mkldnn_fp16_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _computes_bfloat16(device):
    """Return whether a GPU has instructions for bfloat16; torch asks the one that is current."""
    with _current(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


@contextmanager
def seeded(seed, device):
    """Draw everything random from `seed`; afterwards the global generators are as before.

    Only the generators of the CPU and of `device` are touched: `torch.manual_seed` would reseed
    those of all devices.
    """
    with _SEEDED, _current(device):
        states = random_states(device)
        torch.default_generator.manual_seed(seed)
        for backend in _backends(device)[1:]:
            backend.manual_seed(seed)
        try:
            yield
        finally:
            set_random_states(device, states)


def random_states(device):
    """Return the states of the global generators: that of the CPU, and that of `device`."""
    return [backend.get_rng_state() for backend in _backends(device)]


def set_random_states(device, states):
    """Put the global generators into the states that `random_states` gave."""
    for backend, state in zip(_backends(device), states, strict=True):
        backend.set_rng_state(state)


def _backends(device):
    """Return the modules of torch that have a global generator of use on a device."""
    return [torch] if device.type == "cpu" else [torch, torch.get_device_module(device)]


def _current(device):
    """Return the context in which a device with a number is the one that torch means."""
    if device.index is None or device.type in ("cpu", "mps"):  # of which there is one
        return nullcontext()
    return torch.get_device_module(device).device(device)


class _FastProducts:
    """TensorFloat-32 in products of float32 matrices on CUDA, while any thread is inside.

    The switch is global in torch: the last thread to leave sets it back, so that none computes one
    part so, and another part otherwise.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.n_inside = 0

    def __enter__(self):
        with self.lock:
            self.n_inside += 1
            if self.n_inside == 1:
                switch, name, fast = self._switch()
                self.before = getattr(switch, name)
                setattr(switch, name, fast)

    def __exit__(self, *exc_info):
        with self.lock:
            self.n_inside -= 1
            if self.n_inside == 0:
                switch, name, _ = self._switch()
                setattr(switch, name, self.before)

    def _switch(self):
        """Return whose attribute the switch is, its name, and its value for TensorFloat-32."""
        switch, name = torch.backends.cuda.matmul, "fp32_precision"
        # Before torch 2.9, allow_tf32, which must not be mixed with it.
        return (switch, name, "tf32") if hasattr(switch, name) else (switch, "allow_tf32", True)


_FAST_PRODUCTS = _FastProducts()


def fast_float32(device):
    """Return the context in which products of float32 matrices are as fast as a device has them.

    On CUDA they are in TensorFloat-32, which Ampere and later know.
    """
    return _FAST_PRODUCTS if device.type == "cuda" else nullcontext()


@own_torch_state()
def copy_to_cpu(module):
    """Return a copy of `module` on the CPU, without making one on its own device first."""
    memo = {id(buffer): buffer.cpu() for buffer in module.buffers()}
    for parameter in module.parameters():
        value = parameter.detach().cpu()
        if value.is_inference():  # copied or loaded in inference mode: it could not be trained
            value = value.clone()
        memo[id(parameter)] = torch.nn.Parameter(value, parameter.requires_grad)
    return copy.deepcopy(module, memo)
