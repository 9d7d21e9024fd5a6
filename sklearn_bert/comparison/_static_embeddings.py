"""Static vectors of tokens, which model2vec distils from an encoder."""

import io
import logging
import os
import warnings
from contextlib import contextmanager, redirect_stderr, suppress
from itertools import chain
from time import perf_counter

import numpy as np
import torch
from scipy import sparse
from sklearn.preprocessing import normalize
from tqdm import tqdm

from .._clock import now
from .._engine.device import find_device, seeded
from .._engine.encoder import load_encoder
from .._engine.forks import in_living_threads
from .._engine.inference import make_ready
from .._engine.torch_state import own_torch_state

# Tokens that a probe computes, of tens of thousands in a vocabulary.
_N_PROBED = 256
# Texts that are tokenized at once: enough for all cores, and not so many that memory is an issue.
_N_AT_ONCE = 1024


class StaticEmbeddings:
    """The means of the token vectors of texts; no encoder runs once there are token vectors.

    The vector of a token is the mean of the last hidden states of the token alone, between the
    special tokens. It is weighted down the more frequent the token is likely to be, as in smooth
    inverse frequency (SIF): vocabularies list frequent tokens first, and by Zipf's law the rank
    tells how frequent. Texts are not cut.

    Parameters
    ----------
    model : str or path-like
        Hub name or local folder.
    device : str
        Where to distil.

    Attributes
    ----------
    static : model2vec.StaticModel or None
        What was distilled.
    seconds, cpu_seconds : float
        What loading and distilling took, on the clock and of the processor.
    """

    def __init__(self, model, device):
        # The import is not to be counted as a cost; an error will be that of a fit.
        with suppress(Exception):
            import model2vec.distill  # noqa: F401
        self.model = model
        self.device = device
        self.static = None
        self.seconds = self.cpu_seconds = 0.0

    def expected_seconds(self):
        """Return the seconds that `distil` is going to take, from a probe of some tokens."""
        start = perf_counter()
        tokenizer, module, device = self._load()
        load_seconds = perf_counter() - start
        shape = _N_PROBED, 1 + tokenizer.num_special_tokens_to_add()
        seconds = _forward_seconds(module.base_model, shape, device)
        return load_seconds + seconds * len(tokenizer) / _N_PROBED

    def distil(self):
        """Distil the model if that is not done yet, and return the seconds it took now."""
        if self.static is not None:
            return 0.0
        start = now()
        tokenizer, module, device = self._load()
        self.static = _distil(tokenizer, module.base_model, device)
        self.seconds, self.cpu_seconds = map(float, now() - start)
        return self.seconds

    def get(self, texts):
        """Return the vectors of `texts` in float32, of length 1, or 0 where no token is known.

        They are those of ``static.encode``, which is slower: it goes text by text.
        """
        texts = list(texts)
        vectors = [
            self._sums(texts[start : start + _N_AT_ONCE])
            for start in range(0, len(texts), _N_AT_ONCE)
        ]
        return normalize(np.concatenate(vectors), copy=False)

    def _sums(self, texts):
        """Return the sums of the token vectors."""
        ids = self.static.tokenize(texts)
        ends = np.cumsum([0, *map(len, ids)])
        tokens = np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=ends[-1])
        ones = np.ones(len(tokens), dtype=np.float32)
        shape = len(texts), len(self.static.embedding)
        return sparse.csr_matrix((ones, tokens, ends), shape=shape) @ self.static.embedding

    def _load(self):
        """Return tokenizer, module and device; the module is not kept."""
        device = find_device(self.device)
        with seeded(0, device):  # a head is drawn, which nobody needs
            return (*load_encoder(self.model, 2), device)


@in_living_threads
@own_torch_state()
def _forward_seconds(encoder, shape, device):
    """Return the seconds for token ids of a shape, the second time."""
    make_ready(encoder, device)
    ids = torch.zeros(shape, dtype=torch.long, device=device)
    with torch.inference_mode():
        for _ in range(2):
            start = perf_counter()
            encoder(input_ids=ids, attention_mask=torch.ones_like(ids))[0].sum().item()
    return perf_counter() - start


@in_living_threads
@own_torch_state()
def _distil(tokenizer, encoder, device):
    """Return the static model of an encoder, which is changed."""
    from model2vec.distill import distill_from_model

    # It would ask the hub about a model whose name is not that of a folder.
    encoder.name_or_path = os.curdir
    # The embeddings of what is left of the vocabulary are drawn anew before they are set.
    with _silent(), seeded(0, device):
        static = distill_from_model(
            encoder,
            tokenizer,
            device="cpu" if device.type == "mps" else str(device),  # it refuses MPS
            pca_dims=None,  # a principal component analysis gains nothing where a head is fitted
            sif_coefficient=1e-4,
            quantize_to="float32",
        )
    # Multiplied once instead of for each text.
    static.embedding = (static.embedding * static.weights[:, None]).astype(np.float32)
    static.weights = None
    # The mean is over all tokens of a text, and over nothing else.
    static.tokenizer.no_padding()
    static.tokenizer.no_truncation()
    return static


@contextmanager
def _silent():
    """Silence what distils: its warnings, its loggers and a progress bar that has no switch."""
    interval, tqdm.monitor_interval = tqdm.monitor_interval, 0  # or a thread would stay behind
    loggers = [logging.getLogger(name) for name in ("model2vec", "skeletoken")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()), warnings.catch_warnings(action="ignore"):
            yield
    finally:
        tqdm.monitor_interval = interval
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
