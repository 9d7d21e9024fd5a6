"""Training the head only: what the frozen encoder gives for a text is computed once."""

from .forward import Forward, pad
from .inference import compute
from .layers import is_frozen
from .packing import PackedTexts, packed_family, to_device


class FrozenForward(Forward):
    """Computes the logits of texts from hidden states that are computed once and kept.

    The encoder is in evaluation mode meanwhile: without dropout, or there would be nothing to
    keep.

    Parameters
    ----------
    module, device, dtype
        As for `Forward`. The module must be of a packed family, its layers frozen.
    """

    def __init__(self, module, device, dtype):
        super().__init__(module, device, dtype)
        self.family = packed_family(module)
        self.kept = []  # pairs of a RaggedIds and its hidden states: training, then validation

    def __call__(self, texts):
        """Return the logits of `texts` in float32, of shape (n_texts, n_classes)."""
        hidden = self._hidden_states(texts.ragged)[to_device(texts.rows, self.device)]
        with self.autocast():
            return self.family.head(hidden).float()

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
            packed = PackedTexts(texts, self.device)
            return self.packed_model.hidden(packed, first_only=True).float()
        inputs = pad(texts, self.device, with_types=self.family.reads_types)
        return self.module.base_model(**inputs)[0][:, 0].float()


def training_forward(module, device, dtype):
    """Return what computes the logits in training."""
    if is_frozen(module) and packed_family(module) is not None:
        return FrozenForward(module, device, dtype)
    return Forward(module, device, dtype)
