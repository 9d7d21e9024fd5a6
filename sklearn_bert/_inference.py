"""Logits of texts, computed in batches sorted by length that fit the memory."""

import numpy as np
import torch

from ._batches import collate
from ._device import free_memory, is_out_of_memory

# Positions of a batch, padding included; fewer once memory was full.
_TOKENS_PER_BATCH = 4096


def predict_logits(module, ragged, pad_token_id, device):
    """Return the logits of each text, in the order of the texts.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        Moved to `device` and put in evaluation mode, if it is not so already.
    ragged : RaggedIds
        The texts.
    pad_token_id : int
        Fills up the shorter texts of a batch.
    device : torch.device
        Where to compute.

    Returns
    -------
    logits : ndarray of shape (n_texts, n_classes), dtype float32
    """
    module.to(device).eval()
    lengths = ragged.lengths
    order = np.argsort(-lengths, kind="stable")
    logits, start, tokens_at_once = [], 0, _TOKENS_PER_BATCH
    with torch.inference_mode():
        while start < len(order):
            rows = order[start : start + max(1, tokens_at_once // lengths[order[start]])]
            try:
                logits.append(_forward(module, collate(ragged, rows, pad_token_id), device))
                start += len(rows)
                continue
            except (RuntimeError, MemoryError) as error:
                if len(rows) == 1 or not is_out_of_memory(error):
                    raise
            # Outside of the except clause, which keeps the tensors of the failed try alive.
            free_memory(device)
            tokens_at_once = len(rows) * int(lengths[rows[0]]) // 2
    sorted_logits = torch.cat(logits).float().cpu().numpy()
    ordered = np.empty_like(sorted_logits)
    ordered[order] = sorted_logits
    return ordered


def _forward(module, inputs, device):
    """Return the logits of one padded batch."""
    return module(**{name: value.to(device) for name, value in inputs.items()}).logits
