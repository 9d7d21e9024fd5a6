"""Vectors of texts: the last hidden states of an encoder, pooled over the tokens of each text."""

from contextlib import nullcontext

import numpy as np
import torch

from .._clock import now
from .._text.tokens import tokenize
from .device import fast_float32, find_device, find_dtype, seeded
from .encoder import find_max_length, load_encoder
from .forks import in_living_threads
from .forward import Forward
from .inference import compute_shared, make_ready
from .packing import PackedTexts, to_device
from .pooled_tokens import PooledTokens
from .torch_state import own_torch_state


class Pooling(Forward):
    """Computes the vectors of texts.

    Parameters
    ----------
    module, device, dtype
        As for `Forward`.
    ways : tuple of str
        How the tokens become one vector; the vectors of several ways lie side by side.
    n_left_out : int
        Tokens at the beginning of each text that are not pooled; one token always is.
    """

    def __init__(self, module, device, dtype, ways, n_left_out):
        super().__init__(module, device, dtype)
        self.ways = ways
        self.n_left_out = n_left_out

    def __call__(self, texts):
        """Return the vectors of `texts` in float32, of shape (n_texts, n_ways * width)."""
        if self.packed_model is None:
            hidden = self.module.base_model(**self.pad(texts))[0]
            lengths = to_device(texts.lengths, self.device)
            # A mask would be waited for: how many tokens it leaves, only the device would know.
            is_token = np.arange(hidden.shape[1]) < texts.lengths[:, None]
            states = hidden.flatten(0, 1)[to_device(np.flatnonzero(is_token), self.device)]
        else:
            packed = PackedTexts(texts, self.device)
            if self.ways == ("cls",) and not self.n_left_out:
                return self.packed_model.hidden(packed, first_only=True).float()
            lengths = packed.boundaries.diff().long()
            states = self.packed_model.hidden(packed)[: int(texts.lengths.sum())]
        pooled = PooledTokens(states.float(), lengths, self.n_left_out)
        return torch.cat([getattr(pooled, way)() for way in self.ways], dim=1)


@in_living_threads
@own_torch_state()
def embed(module, ragged, device, dtype, ways=("mean",), n_left_out=0, layers=(), *, exact=True):
    """Return the vector of each text in float32, as an array with a row a text.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        The encoder, with any head.
    ragged : RaggedIds
        The texts, or windows over them: the vectors of a text's windows are averaged.
    device, dtype
        As for `Forward`.
    ways, n_left_out
        As for `Pooling`.
    layers : sequence of torch.nn.Module
        What the vectors go through at last, on the CPU in float32.
    exact : bool, default=True
        As for `predict_outputs`.
    """
    make_ready(module, device)
    pool = Pooling(module, device, dtype, ways, n_left_out)
    products = nullcontext() if exact else fast_float32(device)
    with torch.inference_mode(), products, pool.autocast():
        vectors = compute_shared(pool, ragged, device).cpu().numpy()
    vectors = ragged.mean_of_windows(vectors)
    if not layers:
        return vectors
    with torch.inference_mode(), torch.autocast("cpu", enabled=False):
        return torch.nn.Sequential(*layers)(torch.from_numpy(vectors)).numpy()


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
    dtype : {"auto", "float32", "bfloat16", "float16"}
        Arithmetic.
    """

    def __init__(self, model, max_length, device, dtype):
        self.model = model
        self.max_length = max_length
        self.device = device
        self.dtype = dtype
        self.module = None
        self.kept = {}
        self.seconds = np.zeros(2)  # of the clock and of the processor
        self.n_tokens = 0

    def get(self, texts):
        """Return the vectors of `texts`, and the seconds that computing them took and saved.

        Saved are those of texts that were kept, of the clock and of the processor.
        """
        if self.module is None:
            self._load()
        before = self.seconds
        new = list(dict.fromkeys(text for text in texts if text not in self.kept))
        if new:
            start = now()
            vectors, lengths = self._compute(new)
            self.seconds = self.seconds + now() - start
            self.n_tokens += int(lengths.sum())
            self.kept.update(zip(new, zip(vectors, lengths, strict=True), strict=True))
        fresh = set(new)
        saved = sum(int(self.kept[text][1]) for text in texts if text not in fresh)
        vectors = np.stack([self.kept[text][0] for text in texts])
        return vectors, self.seconds - before, saved * self.seconds / self.n_tokens

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
        return embed(self.module, ragged, self.device_, dtype), ragged.lengths

    def __getstate__(self):
        """Return the state without what is kept: the size of a pickle is that of the model."""
        return {**vars(self), "kept": {}}
