"""Logits of texts, computed in batches sorted by length."""

import numpy as np
import torch

from ._batches import collate, prediction_batches


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
    rows, logits = [], []
    with torch.inference_mode():
        for batch in prediction_batches(ragged.lengths):
            inputs = collate(ragged, batch, pad_token_id)
            output = module(**{name: value.to(device) for name, value in inputs.items()})
            rows.append(batch)
            logits.append(output.logits)
    ordered = np.empty((len(ragged), logits[0].shape[1]), dtype=np.float32)
    ordered[np.concatenate(rows)] = torch.cat(logits).float().cpu().numpy()
    return ordered
