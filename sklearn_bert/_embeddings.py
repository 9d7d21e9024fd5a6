"""Vectors of texts: the last hidden states of an encoder, pooled over the tokens of each text."""

import json
from time import perf_counter

import numpy as np
import torch

from ._device import find_device, find_dtype, seeded
from ._encoder import find_max_length, load_encoder, locate
from ._forks import in_living_threads
from ._forward import Forward
from ._inference import compute_shared, make_ready
from ._packed import PackedTexts
from ._tokens import tokenize
from ._torch_state import own_torch_state


class Pooling(Forward):
    """Computes the vectors of texts.

    Parameters
    ----------
    module, device, dtype
        As for `Forward`.
    pooling : {"mean", "cls"}
        Mean over the tokens, or the first token.
    """

    def __init__(self, module, device, dtype, pooling):
        super().__init__(module, device, dtype)
        self.pooling = pooling

    def __call__(self, texts):
        """Return the vectors of `texts` in float32, of shape (n_texts, width)."""
        if self.packed_model is None:
            return self._pool_padded(self.pad(texts))
        packed = PackedTexts(texts, self.device)
        if self.pooling == "cls":
            return self.packed_model.hidden(packed, first_only=True).float()
        hidden = self.packed_model.hidden(packed).float()
        lengths = packed.boundaries.diff()
        owners = torch.repeat_interleave(lengths)
        sums = hidden.new_zeros((len(lengths), hidden.shape[1]))
        sums.index_add_(0, owners, hidden[: len(owners)])
        return sums / lengths[:, None]

    def _pool_padded(self, inputs):
        """Return the vectors of padded texts."""
        hidden = self.module.base_model(**inputs)[0].float()
        if self.pooling == "cls":
            return hidden[:, 0]
        mask = inputs["attention_mask"].unsqueeze(-1)
        return (hidden * mask).sum(1) / mask.sum(1)


@in_living_threads
@own_torch_state()
def embed(module, ragged, device, dtype, pooling):
    """Return the vector of each text, of shape (n_texts, width), in float32."""
    make_ready(module, device)
    pool = Pooling(module, device, dtype, pooling)
    with torch.inference_mode(), pool.autocast():
        vectors = compute_shared(pool, ragged, device).cpu().numpy()
    return ragged.mean_of_windows(vectors)


def checkpoint_pooling(model):
    """Return the pooling that `model` was made for: as its files say, else the mean."""
    path = locate(model) / "1_Pooling" / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "mean"
    is_cls = config.get("pooling_mode") == "cls" or config.get("pooling_mode_cls_token")
    return "cls" if is_cls else "mean"


def classifier_pooling(module):
    """Return what the head of a fine-tuned module reads."""
    return getattr(module.config, "classifier_pooling", "cls")


class Embeddings:
    """The mean vectors of texts from one encoder, kept by text.

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
        self.module = module

    def _compute(self, texts):
        """Return the vectors of `texts` and their numbers of tokens."""
        ragged = tokenize(self.tokenizer, texts, self.max_length_)
        dtype = find_dtype(self.dtype, self.device_)
        return embed(self.module, ragged, self.device_, dtype, "mean"), ragged.lengths

    def __getstate__(self):
        """Return the state without what is kept: the size of a pickle is that of the model."""
        return {**vars(self), "kept": {}}
