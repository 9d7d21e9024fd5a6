"""Embeddings of texts from a pretrained encoder that is not trained any further."""

from time import perf_counter

import numpy as np
import torch

from ._batches import Texts
from ._device import find_device, find_dtype, seeded
from ._encoder import find_max_length, load_encoder
from ._forward import pad
from ._tokens import tokenize

_POSITIONS_AT_ONCE = {"cuda": 65536}
_POSITIONS_AT_ONCE_ELSEWHERE = 4096


class Embeddings:
    """The mean of the last layer over the tokens of each text, kept by text.

    Parameters
    ----------
    model : str or path-like
        Hub name or local folder.
    max_length : int or None
        Tokens kept of a text; None keeps as many as the model can read.
    device : str
        Where to compute.
    dtype : {"auto", "float32", "bfloat16"}
        Arithmetic.
    """

    def __init__(self, model, max_length, device, dtype):
        self.model = model
        self.max_length = max_length
        self.device = device
        self.dtype = dtype
        self.module = None
        self.kept = {}
        self.seconds = 0.0
        self.n_tokens = 0

    def get(self, texts):
        """Return the vectors of `texts`, and the seconds that were saved since they were kept."""
        if self.module is None:
            self._load()
        new = list(dict.fromkeys(text for text in texts if text not in self.kept))
        if new:
            start = perf_counter()
            vectors, lengths = self._compute(new)
            self.seconds += perf_counter() - start
            self.n_tokens += int(lengths.sum())
            self.kept.update(zip(new, zip(vectors, lengths, strict=True), strict=True))
        fresh = set(new)
        saved = sum(int(self.kept[text][1]) for text in texts if text not in fresh)
        vectors = np.stack([self.kept[text][0] for text in texts])
        return vectors, saved * self.seconds / self.n_tokens

    def _load(self):
        """Load the encoder: when it is first needed, so that an error is that of a fit."""
        self.device_ = find_device(self.device)
        with seeded(0, self.device_):  # a head is drawn, which nobody needs
            self.tokenizer, module = load_encoder(self.model, 2)
        self.max_length_ = find_max_length(self.max_length, self.tokenizer, module, self.model)
        self.module = module.base_model.eval().to(self.device_)

    def _compute(self, texts):
        """Return the vectors of `texts` and their numbers of tokens."""
        ragged = tokenize(self.tokenizer, texts, self.max_length_)
        order = np.argsort(-ragged.lengths, kind="stable")
        dtype = find_dtype(self.dtype, self.device_)
        half = dtype != torch.float32
        at_once = _POSITIONS_AT_ONCE.get(self.device_.type, _POSITIONS_AT_ONCE_ELSEWHERE)
        pieces = []
        with (
            torch.inference_mode(),
            torch.autocast(self.device_.type, dtype if half else None, enabled=half),
        ):
            for piece in Texts(ragged, order).pieces(at_once):
                inputs = pad(Texts(ragged, order[piece]), self.device_)
                hidden = self.module(**inputs)[0].float()
                mask = inputs["attention_mask"].unsqueeze(-1)
                pieces.append(((hidden * mask).sum(1) / mask.sum(1)).cpu().numpy())
        vectors = np.empty((len(texts), pieces[0].shape[1]), dtype=np.float32)
        vectors[order] = np.concatenate(pieces)
        return vectors, ragged.lengths

    def __getstate__(self):
        """Return the state without what is kept: the size of a pickle is that of the model."""
        return {**vars(self), "kept": {}}
