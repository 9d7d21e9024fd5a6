"""A plugin for pytest under which torch has two simulated CUDA devices.

    PYTHONPATH=tests/gpu python -m pytest -p simulated_cuda -m simulated_gpu

The real code runs with ``device="cuda"`` and gets real numbers, since all kernels are the CPU's:
see simulated_cuda.cpp. There are an allocator with a limit, pinned memory, autograd's threads, and
an account of what the host waits for. There are no streams, no NCCL, and no figures of speed.

The devices are there before torch is: they cannot be started, or ended, by a test.
"""

import contextlib
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

MEMORY = 80 * 2**30
CAPABILITY = (9, 0)
_NAME = "Simulated H100"
_EXTENSION = "simulated_cuda_extension"
_SOURCE = Path(__file__).with_suffix(".cpp")

extension = kernels = None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    """Build the devices where that can be, and start them."""
    if _find_obstacle() is None:
        start(early_config.rootpath / "build")


def start(folder):
    """Build the devices in a folder, unless they are there, and start them."""
    global extension
    built = _build(folder)
    spec = importlib.util.spec_from_file_location(_EXTENSION, built)
    extension = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(extension)
    _start()


def pytest_collection_modifyitems(items):
    """Skip the tests on the devices where these cannot be built."""
    obstacle = _find_obstacle()
    for item in items:
        if obstacle is not None and item.get_closest_marker("simulated_gpu") is not None:
            item.add_marker(pytest.mark.skip(reason=obstacle))


def _find_obstacle():
    """Return why the devices cannot be built here, None if they can."""
    if platform.system() != "Linux":
        return "the simulated devices are built on Linux only"
    if _compiler() is None:
        return "the simulated devices need a C++ compiler: install g++"
    if not (_python_headers() / "Python.h").exists():
        return "the simulated devices need Python's headers: install python3-dev"
    if (_torch_folder() / "lib" / "libtorch_cuda.so").exists():
        return "the simulated devices need the CPU build of torch"
    return None


def _compiler():
    """Return the path of the C++ compiler, None if there is none."""
    return shutil.which(os.environ.get("CXX", "c++"))


def _python_headers():
    """Return where Python's headers are, if they are there."""
    return Path(sysconfig.get_paths()["include"])


def _torch_folder():
    """Return where torch is, without importing it."""
    return Path(importlib.util.find_spec("torch").origin).parent


def _build(folder):
    """Return the path of the extension for this Python, built if it is not there yet."""
    torch = _torch_folder()
    key = [_SOURCE.read_bytes(), (torch / "version.py").read_bytes(), sys.version.encode()]
    digest = hashlib.sha256(b"".join(key)).hexdigest()[:16]
    built = folder / f"{_EXTENSION}-{digest}.so"
    if not built.exists():
        folder.mkdir(exist_ok=True)
        unfinished = built.with_suffix(f".{os.getpid()}")
        headers = ["include", "include/torch/csrc/api/include"]
        command = [
            *(_compiler(), "-O1", "-shared", "-fPIC", "-std=c++20"),
            f"-DTORCH_EXTENSION_NAME={_EXTENSION}",
            *(f"-I{torch / header}" for header in headers),
            f"-I{_python_headers()}",
            *(_SOURCE, "-o", unfinished, f"-L{torch}/lib", f"-Wl,-rpath,{torch}/lib"),
            *("-ltorch", "-ltorch_cpu", "-lc10", "-ltorch_python"),
        ]
        subprocess.run(command, check=True)
        unfinished.rename(built)
    return built


def _start():
    """Let torch see the devices."""
    global kernels
    import torch
    import torch._dynamo  # before torch seems to have CUDA
    import torch._inductor.utils

    extension.start()
    extension.call_on_wait(_note)
    _patch_module(torch)
    _patch_generators(torch)
    _patch_storage(torch)
    import simulated_attention

    kernels = simulated_attention.register()


def _patch_module(torch):
    """Give torch.cuda the functions of a build with CUDA."""
    properties = SimpleNamespace(
        name=_NAME, total_memory=MEMORY, major=CAPABILITY[0], minor=CAPABILITY[1]
    )
    functions = {
        "_is_compiled": lambda: True,
        "_lazy_init": lambda: None,
        "init": lambda: None,
        "is_initialized": lambda: True,
        "is_available": lambda: True,
        "device_count": lambda: extension.n_devices,
        "current_device": extension.current_device,
        "set_device": lambda device: extension.exchange_device(_index(device)),
        "_exchange_device": extension.exchange_device,
        "_maybe_exchange_device": extension.exchange_device,
        "is_bf16_supported": lambda including_emulation=True: True,
        "get_device_capability": lambda device=None: CAPABILITY,
        "get_device_properties": lambda device=None: SimpleNamespace(
            **vars(properties), uuid=f"simulated-{os.getpid()}-{_index(device)}"
        ),
        "get_device_name": lambda device=None: _NAME,
        "empty_cache": lambda: None,
        "synchronize": lambda device=None: _note("synchronize"),
        "memory_allocated": lambda device=None: extension.in_use(_index(device)),
        "memory_reserved": lambda device=None: extension.in_use(_index(device)),
        "max_memory_allocated": lambda device=None: extension.peak(_index(device)),
        "reset_peak_memory_stats": lambda device=None: extension.reset_peak(_index(device)),
        "set_per_process_memory_fraction": lambda fraction, device=None: set_memory_limit(
            None if fraction >= 1 else int(fraction * MEMORY), device
        ),
        "set_sync_debug_mode": _set_sync_debug_mode,
    }
    for name, function in functions.items():
        setattr(torch.cuda, name, function)
    torch.backends.cuda.is_built = lambda: True


def _patch_generators(torch):
    """Give the devices a generator; kernels draw from the CPU's, as they are the CPU's."""
    generator = torch.Generator().manual_seed(0)

    def seed(number):
        generator.manual_seed(int(number))

    functions = {
        "manual_seed": seed,
        "manual_seed_all": seed,
        "get_rng_state": lambda device="cuda": generator.get_state(),
        "get_rng_state_all": lambda: [generator.get_state()] * extension.n_devices,
        "set_rng_state": lambda state, device="cuda": generator.set_state(state) and None,
        "set_rng_state_all": lambda states: generator.set_state(states[0]) and None,
    }
    for name, function in functions.items():
        setattr(torch.cuda, name, function)


def _patch_storage(torch):
    """Let storages on the devices be saved and copied, which the CPU build's cannot."""
    storage = torch.UntypedStorage
    plain = {name: getattr(storage, name) for name in ("cpu", "clone")}

    def by_tensor(name):
        def method(self):
            if self.device.type != "cuda":
                return plain[name](self)
            tensor = torch.empty(0, dtype=torch.uint8, device=self.device).set_(self)
            return getattr(tensor, name)().untyped_storage()

        return method

    for name in plain:
        setattr(storage, name, by_tensor(name))


def _index(device):
    """Return the number of a device."""
    import torch

    if device is None:
        return extension.current_device()
    index = device if isinstance(device, int) else torch.device(device).index
    return extension.current_device() if index is None else index


def set_memory_limit(n_bytes, device=None):
    """Let a device hold no more than so many bytes; None is no limit."""
    extension.set_limit(_index(device), 0 if n_bytes is None else n_bytes)


_on_wait = None


@contextlib.contextmanager
def no_waits():
    """Leave out what the simulation itself waits for."""
    global _on_wait
    before, _on_wait = _on_wait, None
    try:
        yield
    finally:
        _on_wait = before


def _set_sync_debug_mode(mode):
    """Warn of each wait, as torch does."""
    global _on_wait
    _on_wait = None if mode in (0, "default") else _warn


def _warn(what):
    warnings.warn(f"called a synchronizing CUDA operation: {what}", UserWarning, stacklevel=3)


def _note(what):
    if _on_wait is not None:
        _on_wait(what)
