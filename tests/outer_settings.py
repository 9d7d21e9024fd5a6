"""What a caller may have set in torch, NumPy or scikit-learn, each by a context manager."""

import warnings
from contextlib import contextmanager

import numpy as np
import sklearn
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def setting(write, value, before):
    """Set something for all threads, and set it back."""
    write(value)
    try:
        yield
    finally:
        write(before)


@contextmanager
def default_device():
    """Let new tensors be on another device."""
    with setting(torch.set_default_device, "meta", None):
        yield
    torch._GLOBAL_DEVICE_CONTEXT.__dict__.clear()  # or torch 2.8 cannot tell the default any more


@contextmanager
def anomaly():
    """Look for NaN in gradients, which torch warns is slow."""
    with warnings.catch_warnings(action="ignore"), torch.autograd.detect_anomaly():
        yield


def ones(tensor):
    return torch.ones_like(tensor) if tensor.is_floating_point() else tensor


OUTER = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast that is off": lambda: torch.autocast("cpu", enabled=False),
    "autocast without cache": lambda: torch.autocast("cpu", torch.float16, cache_enabled=False),
    "inference mode": torch.inference_mode,
    "no gradient": torch.no_grad,
    "device": lambda: torch.device("meta"),
    "default device": default_device,
    "default dtype": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "anomaly detection": anomaly,
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
    "precision": lambda: setting(torch.set_float32_matmul_precision, "medium", "highest"),
    "attention": lambda: sdpa_kernel(SDPBackend.MATH),
    "attention of a GPU": lambda: sdpa_kernel(SDPBackend.CUDNN_ATTENTION),
    "hooks": lambda: torch.autograd.graph.saved_tensors_hooks(ones, ones),
    "no hooks": lambda: torch.autograd.graph.disable_saved_tensors_hooks("none, please"),
    "NumPy's errors": lambda: np.errstate(all="raise"),
    "NumPy's print": lambda: np.printoptions(precision=1, legacy="1.13"),
    "pandas": lambda: sklearn.config_context(transform_output="pandas"),
    "routing": lambda: sklearn.config_context(enable_metadata_routing=True),
    "nothing checked": lambda: sklearn.config_context(
        assume_finite=True, skip_parameter_validation=True
    ),
}
