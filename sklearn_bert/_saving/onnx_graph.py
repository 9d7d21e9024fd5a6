"""A graph that onnxruntime runs: imported, fed in batches, and safe in forked processes."""

import ctypes
import os
import sys
import weakref

import numpy as np

from .._files.manifest import GRAPHS
from .._text.ragged import pad

KIND = "onnx-classifier"
# Where Optimum and transformers.js look for a graph, by what `quantize` was.
GRAPH_NAMES = {None: f"{GRAPHS}/model.onnx", "int8": f"{GRAPHS}/model_quantized.onnx"}
_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
_POSITIONS_AT_ONCE = 1024  # onnxruntime is a third slower with 4096


def import_onnxruntime():
    """Return onnxruntime, or say how to get it.

    From version 1.29 on, its import starts a thread that reports usage to its makers, and without
    which a forked process cannot end (https://github.com/microsoft/onnxruntime/pull/31961). The
    environment variable that leaves the thread out is set for the import alone.
    """
    if "onnxruntime" in sys.modules and sys.modules["onnxruntime"] is not None:
        return sys.modules["onnxruntime"]
    before = os.environ.get(_NO_TELEMETRY)
    os.environ[_NO_TELEMETRY] = "1"
    try:
        import onnxruntime
    except ModuleNotFoundError:
        from .._install import install_command

        raise ModuleNotFoundError(
            f"ONNX needs packages that are not installed; run {install_command('onnx')}."
        ) from None
    finally:
        if before is None:
            del os.environ[_NO_TELEMETRY]
        else:
            os.environ[_NO_TELEMETRY] = before
    return onnxruntime


class Graph:
    """An ONNX graph that computes logits, in any thread and any process forked from this one.

    Parameters
    ----------
    file : Path
        Where it lies.
    n_threads : int or None
        Threads that compute one call; None is one a core.
    providers : list of str or None
        Of onnxruntime; None is the CPU.
    """

    def __init__(self, file, n_threads, providers):
        self.path = os.path.abspath(file)
        self.n_threads = n_threads
        self.providers = providers or ["CPUExecutionProvider"]
        self.session = self._new_session()
        _GRAPHS.add(self)

    def _new_session(self):
        """Return a session of onnxruntime."""
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        options.intra_op_num_threads = self.n_threads or 0
        return onnxruntime.InferenceSession(self.path, options, providers=self.providers)

    def run(self, ragged):
        """Return the logits of each sequence, as an ndarray in float64."""
        if self.session is None:
            self.session = self._new_session()
        session = self.session
        wanted = [node.name for node in session.get_inputs()]
        order = np.argsort(-ragged.lengths, kind="stable")
        logits, start = None, 0
        while start < len(order):
            rows = order[start : start + max(1, _POSITIONS_AT_ONCE // ragged.lengths[order[start]])]
            inputs = pad(ragged, rows)
            (found,) = session.run(["logits"], {name: inputs[name] for name in wanted})
            if logits is None:
                logits = np.empty((len(order), found.shape[1]))
            logits[rows] = found
            start += len(rows)
        return logits


_GRAPHS: weakref.WeakSet[Graph] = weakref.WeakSet()


def _abandon_sessions():
    """Let a forked process make sessions of its own: the threads of those it got do not exist.

    Nor may those it got ever be destroyed, which would wait for these threads without end.
    """
    for graph in _GRAPHS:
        if graph.session is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(graph.session))
            graph.session = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_sessions)
