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

_KEPT = 2
_NAME = re.compile(r"checkpoint-\d{9,}(-\d+)?\.pt")
_UNFINISHED = ".sklearn_bert.checkpoint.new"
_PACKAGES = ("torch", "transformers", "tokenizers", "skorch", "numpy")
_STOPPING = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")


def fingerprint(texts, target, validation, parameters):
    """Return what makes a fit the same as another one: digests of data and parameters, versions."""
    data = hashlib.sha256()
    _digest(data, texts, target)
    if validation.is_own:
        _digest(data, validation.texts, validation.target)
    if validation.groups is not None:
        data.update(validation.groups.tobytes())
    settings = "\n".join(f"{name}={parameters[name]!r}" for name in sorted(parameters))
    versions = " ".join(find_versions(*_PACKAGES).values())
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
        self.step_ = 0
        self.saved_ = monotonic()
        if self.state is not None:
            self._restore(net, self.state)
            name, keys, *rest = self.state["order"]
            X[0].random_state.set_state((name, np.array(keys, dtype=np.uint32), *rest))

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        """Note from where the order of the epoch is drawn."""
        self.order_ = dataset_train.random_state.get_state()
        self.batch_ = net.batches_done_

    def on_batch_end(self, net, training=False, **kwargs):
        """Write a checkpoint if one is due."""
        if not training:
            return
        self.step_ += 1
        self.batch_ += 1
        if isinstance(self.every, int):
            is_due = self.step_ % self.every == 0
        else:
            is_due = monotonic() - self.saved_ >= self.every
        if is_due:
            self._write(self._state(net))
            self.saved_ = monotonic()

    def _state(self, net):
        """Return all that the steps to come depend on, in plain types and tensors."""
        callbacks = dict(net.callbacks_)
        state = {
            **self.constants,
            "made_folder": self.made_folder_,
            "step": self.step_,
            "batch": self.batch_,
            "order": _plain(self.order_),
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "schedule": _plain(callbacks["_one_cycle"].lr_scheduler_.state_dict()),
            "average": callbacks["_average"].state_dict(),
            "random": torch.get_rng_state(),
            "history": _plain(net.history.to_list()),
            "predicted": callbacks["_epoch_record"].predicted_,
            "tokens_at_once": net.tokens_at_once_,
            "micro_batch_tokens": net.micro_batch_tokens_,
            "checkpointing": net.logits_of_.checkpointing,
        }
        device = torch.device(net.device)
        if device.type != "cpu":
            state["device_random"] = torch.get_device_module(device).get_rng_state()
        if "_early_stopping" in callbacks:
            stopping = callbacks["_early_stopping"]
            state["stopping"] = {name: _plain(getattr(stopping, name)) for name in _STOPPING}
        return state

    def _restore(self, net, state):
        """Put everything where it was."""
        callbacks = dict(net.callbacks_)
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        callbacks["_one_cycle"].lr_scheduler_.load_state_dict(state["schedule"])
        callbacks["_average"].load_state_dict(state["average"])
        *epochs, running = state["history"]
        net.history.clear()
        net.history.extend(epochs)
        net.rows_done_ = running["batches"]
        net.batches_done_ = state["batch"]
        callbacks["_epoch_record"].predicted_ = state["predicted"][:-1]
        callbacks["_epoch_record"].learning_rate_ = running["batches"][-1]["learning_rate"]
        net.tokens_at_once_ = state["tokens_at_once"]
        net.micro_batch_tokens_ = state["micro_batch_tokens"]
        if state["checkpointing"]:
            net.logits_of_.start_checkpointing()
        if "stopping" in state:
            vars(callbacks["_early_stopping"]).update(state["stopping"])
        self.step_ = state["step"]
        torch.set_rng_state(state["random"])
        device = torch.device(net.device)
        if device.type != "cpu":
            torch.get_device_module(device).set_rng_state(state["device_random"])

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


def _plain(value):
    """Return a value without NumPy's types, which the safe way of loading does not take."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
