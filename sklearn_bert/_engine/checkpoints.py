"""Crash-safe training: what a fit needs to go on from where it was, written now and then."""

import hashlib
import io
import os
import re
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from skorch.callbacks import Callback

from .._files.atomic import replacing
from .._versions import find_versions
from .device import random_states, set_random_states

_KEPT = 2
_NAME = re.compile(r"checkpoint-\d{9,}(-\d+)?\.pt")
_UNFINISHED = ".sklearn_bert.checkpoint.new"
_PACKAGES = ("torch", "transformers", "tokenizers", "skorch", "numpy")
_FORMAT = "2"  # of a checkpoint


def fingerprint(texts, target, validation, parameters):
    """Return what makes a fit the same as another one: digests of data and parameters, versions."""
    data = hashlib.sha256()
    _digest(data, texts, target)
    if validation.is_own:
        _digest(data, validation.texts, validation.target)
    if validation.groups is not None:
        data.update(validation.groups.tobytes())
    settings = "\n".join(f"{name}={parameters[name]!r}" for name in sorted(parameters))
    versions = " ".join([_FORMAT, *find_versions(*_PACKAGES).values()])
    return {
        "data": data.hexdigest(),
        "parameters": hashlib.sha256(settings.encode()).hexdigest(),
        "versions": versions,
    }


def _digest(data, texts, target):
    """Put texts, and what is to be learnt of them, into a digest."""
    for text in texts:
        for part in (text,) if isinstance(text, str) else text:
            data.update(f"{len(part)} {part}".encode())
    data.update(np.ascontiguousarray(target.values).tobytes())
    data.update(np.ascontiguousarray(target.weights).tobytes())


def find_checkpoint(folder, expected):
    """Return the state of the last whole checkpoint of a folder, None if there is none.

    Its entry ``files`` holds the paths of all whole ones. Other files of such names are not ours,
    or damaged: none is ever removed.

    Raises
    ------
    ValueError
        If one is that of another fit.
    """
    last, files = None, set()
    for path in sorted(Path(folder).expanduser().glob("checkpoint-*.pt")):
        state = _read(path) if _NAME.fullmatch(path.name) and path.is_file() else None
        if state is None:
            continue
        found = state["fingerprint"]
        differing = [name for name, value in expected.items() if found[name] != value]
        if differing:
            raise ValueError(
                f"checkpoint_dir={str(folder)!r} must hold checkpoints of the same fit, got one of "
                f"other {' and '.join(differing)}; remove it, or use another folder."
            )
        last = state
        files.add(path)
    return last and {**last, "files": files}


def _read(path):
    """Return the state in a file, None if it is damaged. No code in it is run."""
    content = path.read_bytes()
    digest, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != digest:
        return None
    return torch.load(io.BytesIO(rest), map_location="cpu", weights_only=True)


class Checkpoints(Callback):
    """Write the state of training after every so many steps or seconds; keep the last two.

    Parameters
    ----------
    folder : str or path-like
        Made if it is not there.
    every : int or float
        Steps if an int, else seconds.
    constants : dict
        What to write along: fingerprint, seed and learning rate.
    state : dict or None
        What to go on from.
    """

    def __init__(self, folder, every, constants, state=None):
        self.folder = folder
        self.every = every
        self.constants = constants
        self.state = state

    def on_train_begin(self, net, X=None, **kwargs):
        """Go on from the state, if there is one; `X` is training and validation batches."""
        self.folder_ = Path(self.folder).expanduser()
        state = self.state or {}
        self.made_folder_ = state.get("made_folder", not self.folder_.exists())
        self.files_ = state.get("files", set())
        self.folder_.mkdir(parents=True, exist_ok=True)
        self.step_ = state.get("step", 0)
        self.saved_ = monotonic()
        if self.state is not None:
            self._restore(net, X[0], self.state)

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        """Note from where the order of the epoch is drawn."""
        self.batches_ = dataset_train.state_dict()

    def on_batch_end(self, net, training=False, **kwargs):
        """Write a checkpoint if one is due."""
        if not training:
            return
        self.step_ += 1
        if isinstance(self.every, int):
            is_due = self.step_ % self.every == 0
        else:
            is_due = monotonic() - self.saved_ >= self.every
        if is_due:
            self._write(self._state(net))
            self.saved_ = monotonic()

    def _state(self, net):
        """Return all that the steps to come depend on, in plain types and tensors."""
        state = {
            **self.constants,
            "made_folder": self.made_folder_,
            "step": self.step_,
            "batches": self.batches_,
            "net": net.state_dict(),
            "callbacks": {name: callback.state_dict() for name, callback in _with_state(net)},
            "random": random_states(torch.device(net.device)),
        }
        return _plain(state)

    def _restore(self, net, batches, state):
        """Put everything where it was."""
        batches.load_state_dict(state["batches"])
        net.load_state_dict(state["net"])
        for name, callback in _with_state(net):
            callback.load_state_dict(state["callbacks"][name])
        set_random_states(torch.device(net.device), state["random"])

    def _write(self, state):
        """Write a checkpoint in one step, and remove the oldest ones."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getbuffer()
        path = self._new_path()
        with replacing(path, self.folder_ / _UNFINISHED) as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
        self.files_.add(path)
        for path in sorted(self.files_)[:-_KEPT]:
            self._remove(path)

    def _new_path(self):
        """Return the path of the checkpoint of this step, where there is no file but ours."""
        path, number = self.folder_ / f"checkpoint-{self.step_:09d}.pt", 0
        while path not in self.files_ and os.path.lexists(path):
            number += 1
            path = self.folder_ / f"checkpoint-{self.step_:09d}-{number}.pt"
        return path

    def _remove(self, path):
        """Remove a checkpoint of ours."""
        path.unlink(missing_ok=True)
        self.files_.discard(path)

    def remove(self):
        """Remove the checkpoints of a fit that has ended, and the folder if it was made for them.

        Whatever else there is stays.
        """
        for path in sorted(self.files_):
            self._remove(path)
        (self.folder_ / _UNFINISHED).unlink(missing_ok=True)
        if self.made_folder_ and not any(self.folder_.iterdir()):
            self.folder_.rmdir()


def _with_state(net):
    """Return the callbacks of a net on whose state the steps to come depend, and their names."""
    return [
        (name, callback) for name, callback in net.callbacks_ if hasattr(callback, "state_dict")
    ]


def _plain(value):
    """Return a value without NumPy's types, which the safe way of loading does not take.

    Those of torch, such as the weights of a module, are left as they are.
    """
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value
