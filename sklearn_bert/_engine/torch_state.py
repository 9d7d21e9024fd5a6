"""What the caller set in torch neither reaches our computations nor is changed by them."""

import threading
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial

import torch
from torch.autograd.graph import saved_tensors_hooks

from .._plain import default_errstate

_AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


@contextmanager
def own_torch_state():
    """Compute as in a fresh process: the same bits in whatever contexts the caller is.

    Threads and deterministic algorithms are left as the caller has them.
    """
    with ExitStack() as stack:
        stack.enter_context(default_errstate())
        stack.enter_context(_SWITCHES)
        # Not by torch.set_grad_enabled: in inference mode, weights could not be trained later.
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_no_autocast())
        if not _creates_on_the_cpu():
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(_no_hooks())
        yield


def _creates_on_the_cpu():
    """Return whether new tensors are on the CPU where nothing else is said."""
    try:
        return torch.get_default_device().type == "cpu"
    except AttributeError:
        # torch 2.8 cannot tell where a default was set and taken back, nor can transformers then.
        return False


def _as_it_is(tensor):
    """Return the tensor."""
    return tensor


@contextmanager
def _no_hooks():
    """Keep what a gradient needs as it is, and let gradient checkpointing have its own hooks."""
    hooks = torch._C._autograd
    message = hooks._saved_tensors_hooks_get_disabled_error_message()
    has_any = hooks._top_saved_tensors_default_hooks(True) is not None
    if message is not None:
        hooks._saved_tensors_hooks_enable()
    try:
        with saved_tensors_hooks(_as_it_is, _as_it_is) if has_any else nullcontext():
            yield
    finally:
        if message is not None:
            hooks._saved_tensors_hooks_disable(message)


@contextmanager
def _no_autocast():
    """Leave all autocast contexts, so that our own ones begin and end with an empty cache.

    torch keeps half-precision copies of weights until the outermost context ends: in one of the
    caller's, a training would go on computing with the weights of its first step.
    """
    enabled = [kind for kind in _AUTOCAST_DEVICES if torch.is_autocast_enabled(kind)]
    is_caching = torch.is_autocast_cache_enabled()
    depth = torch.autocast_increment_nesting() - 1
    for _ in range(depth + 1):
        torch.autocast_decrement_nesting()
    for kind in enabled:
        torch.set_autocast_enabled(kind, False)
    torch.set_autocast_cache_enabled(True)
    torch.clear_autocast_cache()
    try:
        yield
    finally:
        torch.clear_autocast_cache()
        torch.set_autocast_cache_enabled(is_caching)
        for kind in enabled:
            torch.set_autocast_enabled(kind, True)
        for _ in range(depth):
            torch.autocast_increment_nesting()


class _Switches:
    """torch's switches that are those of all threads, at their defaults while any of ours is in.

    The first thread to come in notes and sets them, the last one to leave sets them back.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.n_inside = 0
        self.before = []

    def __enter__(self):
        with self.lock:
            self.n_inside += 1
            if self.n_inside == 1:
                for read, write, *defaults in _switches():
                    # One at a time: some inherit from those before them.
                    if (value := read()) not in defaults:
                        self.before.append((write, value))
                        write(defaults[0])

    def __exit__(self, *exc_info):
        with self.lock:
            self.n_inside -= 1
            if self.n_inside == 0:
                while self.before:
                    write, value = self.before.pop()
                    write(value)


_SWITCHES = _Switches()


def _switches():
    """Return how each switch is read and written, and its default or what is as good."""
    cuda = torch.backends.cuda
    return [
        (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        (torch.is_anomaly_enabled, _set_anomaly, False),
        (torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled, True),
        (cuda.flash_sdp_enabled, cuda.enable_flash_sdp, True),
        (cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp, True),
        (cuda.math_sdp_enabled, cuda.enable_math_sdp, True),
        (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp, True),
        *_matmul_switches(),
    ]


def _matmul_switches():
    """Return the switches that let products of float32 matrices be computed in less."""
    backends = torch.backends
    if not hasattr(backends.cuda.matmul, "fp32_precision"):  # before torch 2.9
        read, write = torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
        return [(read, write, "highest")]
    levels = [backends, backends.mkldnn, backends.cudnn]
    products = [backends.cuda.matmul, backends.mkldnn.matmul]
    return [
        *((partial(_precision, level), partial(_set_precision, level), "none") for level in levels),
        *(
            (partial(_precision, product), partial(_set_precision, product), "ieee", "none")
            for product in products
        ),
    ]


def _precision(switch):
    """Return the arithmetic of float32 in a backend, or in one of its operations."""
    return switch.fp32_precision


def _set_precision(switch, value):
    """Set it."""
    switch.fp32_precision = value


def _set_anomaly(mode):
    """Set anomaly detection, which would tell of a training that diverges in torch's words."""
    torch.set_anomaly_enabled(mode, torch.is_anomaly_check_nan_enabled())
