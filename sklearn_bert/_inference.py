"""Logits of texts, computed in batches sorted by length that fit the memory."""

import numpy as np
import torch

from ._batches import Texts
from ._device import free_memory, is_out_of_memory
from ._forward import Forward

# Positions computed at once: enough to keep the device busy; fewer once memory was full.
_TOKENS_AT_ONCE = {"cpu": 4096, "mps": 4096}
_TOKENS_AT_ONCE_ON_A_GPU = 65536


def predict_logits(module, ragged, device, dtype):
    """Return the logits of each text, in the order of the texts.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        Moved to `device` and put in evaluation mode, if it is not so already.
    ragged : RaggedIds
        The texts.
    device : torch.device
        Where to compute.
    dtype : torch.dtype
        Arithmetic; the weights stay in float32.

    Returns
    -------
    logits : ndarray of shape (n_texts, n_classes), dtype float32
    """
    if module.device != device:
        module.to(device)
    if module.training:
        module.eval()
    forward = Forward(module, device, dtype)
    order = np.argsort(-ragged.lengths, kind="stable")
    logits, start = [], 0
    tokens_at_once = _TOKENS_AT_ONCE.get(device.type, _TOKENS_AT_ONCE_ON_A_GPU)
    with torch.inference_mode(), forward.autocast():  # around all: weights are cast only once
        while start < len(order):
            rest = Texts(ragged, order[start : start + tokens_at_once])
            texts = rest[next(rest.pieces(tokens_at_once))]
            try:
                logits.append(forward(texts))
                start += len(texts)
                continue
            except (RuntimeError, MemoryError) as error:
                if len(texts) == 1 or not is_out_of_memory(error):
                    raise
            # Outside of the except clause, which keeps the tensors of the failed try alive.
            free_memory(device)
            tokens_at_once = len(texts) * int(texts.lengths[0]) // 2
    sorted_logits = torch.cat(logits).cpu().numpy()
    ordered = np.empty_like(sorted_logits)
    ordered[order] = sorted_logits
    return ordered
