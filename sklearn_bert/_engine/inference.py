"""One row of numbers a text, computed in batches sorted by length that fit the memory."""

from contextlib import nullcontext

import numpy as np
import torch

from .._text.ragged import RaggedRows
from .device import fast_float32
from .distributed import find_ranks
from .divergence import divergence_error
from .forks import in_living_threads
from .forward import Forward
from .memory import MicroBatchSize
from .packing import to_device
from .torch_state import own_torch_state

# Positions computed at once: enough to keep the device busy; fewer once memory was full.
_TOKENS_AT_ONCE = {"cpu": 4096, "mps": 4096}
_TOKENS_AT_ONCE_ON_A_GPU = 65536


@in_living_threads
@own_torch_state()
def predict_outputs(module, ragged, device, dtype, *, exact=True):
    """Return the outputs of the module for each text, in the order of the texts.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        Moved to `device` and put in evaluation mode, if it is not so already.
    ragged : RaggedIds
        The texts, or windows over them: the outputs of a text are the mean of its windows'.
    device : torch.device
        Where to compute.
    dtype : torch.dtype
        Arithmetic; the weights stay in float32.
    exact : bool, default=True
        Whether float32 is so in matrix products on CUDA, too, and not `fast_float32`.

    Returns
    -------
    outputs : ndarray of shape (n_texts, n_outputs), dtype float64

    Raises
    ------
    ValueError
        If an output is NaN or infinite.
    """
    make_ready(module, device)
    forward = Forward(module, device, dtype)
    products = nullcontext() if exact else fast_float32(device)
    # Around all: weights are cast only once.
    with torch.inference_mode(), products, forward.autocast():
        outputs = compute_shared(forward, ragged, device).cpu().numpy()
    if not np.isfinite(outputs).all():
        raise divergence_error(outputs[~np.isfinite(outputs)][0], dtype)
    return ragged.mean_of_windows(outputs.astype(np.float64))


def make_ready(module, device):
    """Move the module to the device, in evaluation mode."""
    # A module knows its device by number: it is never on "cuda", but on "cuda:0".
    if module.device != torch.empty(0, device=device).device:
        module.to(device)
    if module.training:
        module.eval()


def compute_shared(function, ragged, device):
    """Return what `compute` does; where several processes are at it, each does a share."""
    ranks = find_ranks()
    if ranks is None or not ranks.is_worth_it(len(ragged)):
        return compute(function, ragged, device)
    order = np.argsort(-ragged.lengths, kind="stable")
    rows = ranks.gather(compute(function, ragged.take(ranks.share(order)), device), len(order))
    ordered = torch.empty_like(rows)
    ordered[to_device(order, rows.device)] = rows
    return ordered


def compute(function, ragged, device):
    """Return what `function` gives for each sequence, in their order, without gradient.

    Parameters
    ----------
    function : callable
        Takes `RaggedRows`, returns a tensor with a row for each.
    ragged : RaggedIds
        The sequences.
    device : torch.device
        Where it computes: less at once where its memory was full.

    Returns
    -------
    rows : Tensor of shape (n_sequences, n_columns)
    """
    order = np.argsort(-ragged.lengths, kind="stable")
    rest, pieces = RaggedRows(ragged, order), []
    size = MicroBatchSize(device, _TOKENS_AT_ONCE.get(device.type, _TOKENS_AT_ONCE_ON_A_GPU))

    @torch.no_grad()
    def compute_next():
        """Return the rows of the next texts that fit the memory."""
        some = rest[: size.n_tokens]
        size.texts = some[next(some.pieces(size.n_tokens))]
        return function(size.texts)

    while len(rest):
        pieces.append(size.retry(compute_next))
        rest = rest[len(pieces[-1]) :]
    rows = torch.cat(pieces)
    ordered = torch.empty_like(rows)
    ordered[to_device(order, rows.device)] = rows
    return ordered
