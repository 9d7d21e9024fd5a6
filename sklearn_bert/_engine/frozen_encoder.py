"""Training the head only: what the frozen encoder gives for a text is computed once."""

import torch

from .forward import Forward
from .half_weights import HalfForward
from .inference import compute
from .layers import find_layers, is_frozen
from .packed_model import PackedModel, can_pack
from .packing import PackedTexts, to_device


class FrozenForward(Forward):
    """Computes the logits of texts from hidden states that are computed once and kept.

    The encoder is in evaluation mode meanwhile: without dropout, or there would be nothing to
    keep.

    Parameters
    ----------
    module, device, dtype
        As for `Forward`. The layers of the module must be frozen, and its head must read the first
        token alone.
    """

    def __init__(self, module, device, dtype):
        super().__init__(module, device, dtype)
        self.head = PackedModel(module).head
        self.kept = []  # pairs of a RaggedIds and its hidden states: training, then validation

    def __call__(self, texts):
        """Return the logits of `texts` in float32, of shape (n_texts, n_classes)."""
        hidden = self._hidden_states(texts.ragged)[to_device(texts.rows, self.device)]
        with self.autocast():
            return self.head(hidden).float()

    def _hidden_states(self, ragged):
        """Return the last hidden states of the first tokens of all texts."""
        for known, hidden in self.kept:
            if known is ragged:
                return hidden
        was_training = self.module.training
        self.module.eval()
        with self.autocast():
            hidden = compute(self._first_tokens, ragged, self.device)
        self.module.train(was_training)
        self.kept.append((ragged, hidden))
        return hidden

    def _first_tokens(self, texts):
        """Return the last hidden states of the first tokens of some texts."""
        if self.packed_model is not None:
            return self.packed_model.first_tokens(PackedTexts(texts, self.device)).float()
        read = []
        last = find_layers(self.module)[0][-1]
        hook = last.register_forward_hook(lambda layer, inputs, output: read.append(output))
        try:
            self.module.base_model(**self.pad(texts))
        finally:
            hook.remove()
        return read[-1][:, 0].float()


def training_forward(module, device, dtype):
    """Return what computes the logits in training."""
    if is_frozen(module) and can_pack(module) and PackedModel(module).reads_first:
        return FrozenForward(module, device, dtype)
    if device.type == "cuda" and dtype != torch.float32:
        return HalfForward(module, device, dtype)
    return Forward(module, device, dtype)
