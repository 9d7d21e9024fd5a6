"""From some texts to their logits, in one forward pass: packed where that can be, else padded."""

import torch

from .._text.ragged import pad
from .packed_model import packed_model
from .packing import PackedTexts, reads_types, to_device
from .padding_mask import PaddingMask


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
        self.module = self.view = module  # and how it is looked at
        self.device = device
        self.dtype = dtype
        self.packed_model = packed_model(module, device, dtype)
        self.checkpointing = False

    def __call__(self, texts):
        """Return the logits of `texts` in float32, of shape (n_texts, n_classes)."""
        with self.autocast():
            if self.packed_model is None:
                logits = self.view(**self.pad(texts)).logits
            else:
                packed = PackedTexts(texts, self.device)
                logits = self.packed_model(packed, checkpointing=self.checkpointing)
        return logits.float()

    def begin_step(self):
        """Prepare for the forward passes of a step: the weights may be others than before."""

    def pad(self, texts):
        """Return the input of the module for `texts`, padded, on the device."""
        inputs = pad(texts.ragged, texts.rows)
        if texts.ragged.types is None or not reads_types(self.module):
            del inputs["token_type_ids"]
        padded = {name: to_device(values, self.device) for name, values in inputs.items()}
        if self.device.type != "cpu":
            is_full = bool(inputs["attention_mask"].all())
            padded["attention_mask"] = PaddingMask.of(padded["attention_mask"], is_full)
        return padded

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
