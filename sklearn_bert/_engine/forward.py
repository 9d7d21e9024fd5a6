"""From some texts to their logits, in one forward pass: packed where that can be, else padded."""

import numpy as np
import torch

from .packing import PackedTexts, packed_model, reads_types, to_device


class Forward:
    """Computes the logits of texts, with or without gradient.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        A sequence classifier, on `device`.
    device : torch.device
        Where to compute.
    dtype : torch.dtype
        Arithmetic; the weights stay in float32.
    """

    def __init__(self, module, device, dtype):
        self.module = module
        self.device = device
        self.dtype = dtype
        self.packed_model = packed_model(module, device, dtype)
        self.checkpointing = False

    def __call__(self, texts):
        """Return the logits of `texts` in float32, of shape (n_texts, n_classes)."""
        with self.autocast():
            if self.packed_model is None:
                logits = self.module(**self.pad(texts)).logits
            else:
                packed = PackedTexts(texts, self.device)
                logits = self.packed_model(packed, checkpointing=self.checkpointing)
        return logits.float()

    def pad(self, texts):
        """Return the input of the module for `texts`, padded."""
        return pad(texts, self.device, with_types=reads_types(self.module))

    def autocast(self):
        """Return the context of the arithmetic."""
        half = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if half else None, enabled=half)

    def start_checkpointing(self):
        """Compute the layers a second time for the gradient, instead of keeping all they gave.

        Returns
        -------
        started : bool
            False if it had been started already, or the module cannot do it.
        """
        if self.checkpointing or not self.module.supports_gradient_checkpointing:
            return False
        self.checkpointing = True
        if self.packed_model is None:
            _switch_checkpointing(self.module, "enable")
        return True

    def stop_checkpointing(self):
        """Leave the module as it was."""
        if self.checkpointing and self.packed_model is None:
            _switch_checkpointing(self.module, "disable")
        self.checkpointing = False


def _switch_checkpointing(module, action):
    """Enable or disable it in a transformers module, under the new name or the old one."""
    name = "activation" if hasattr(module, "activation_checkpointing_enable") else "gradient"
    getattr(module, f"{name}_checkpointing_{action}")()


def pad(texts, device, *, with_types=False):
    """Return the module's input for `texts`, padded to the longest of them.

    Returns
    -------
    inputs : dict of str to Tensor of shape (n_texts, longest)
        ``input_ids`` and ``attention_mask``, and `with_types` ``token_type_ids`` of pairs, all
        int64, on the device.
    """
    ragged, lengths = texts.ragged, texts.lengths
    mask = np.arange(lengths.max()) < lengths[:, None]
    inputs = {
        "input_ids": np.full(mask.shape, ragged.pad_token_id, dtype=np.int64),
        "attention_mask": mask.astype(np.int64),
    }
    inputs["input_ids"][mask] = np.concatenate([ragged[row] for row in texts.rows])
    if with_types and ragged.types is not None:
        inputs["token_type_ids"] = np.zeros(mask.shape, dtype=np.int64)
        inputs["token_type_ids"][mask] = np.concatenate(
            [ragged.types_of(row) for row in texts.rows]
        )
    return {name: to_device(values, device) for name, values in inputs.items()}
