"""The checkpoints that a comparison starts from: can they be used, and how fast are they?"""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from .._engine.device import find_device, find_dtype, seeded
from .._engine.encoder import load_encoder
from .._engine.inference import predict_outputs
from .._engine.layers import freeze_layers
from .._engine.pooling import set_pooling
from .._plain import with_plain_parameters
from .._text.tokens import count_tokens, tokenize

_LENGTHS_LOOKED_AT = 1000
_TEXTS_READ = 4


@dataclass(frozen=True)
class Speed:
    """How fast a checkpoint reads some texts.

    Attributes
    ----------
    load_seconds : float
        Until it is there.
    text_seconds : float
        For a text, on average.
    lengths : ndarray of shape (n_texts,)
        Tokens of some of the texts, uncut.
    max_length : int
        Tokens kept of each.
    device : str
        Where.
    width : int
        Of its vectors.
    """

    load_seconds: float
    text_seconds: float
    lengths: np.ndarray
    max_length: int
    device: str
    width: int

    def seconds_to_read(self, n_texts):
        """Return what it takes to load it and to read so many texts."""
        return self.load_seconds + n_texts * self.text_seconds


def settings_of(bert):
    """Return what decides on how fast a classifier reads, as a key."""
    return str(bert.model), bert.max_length, bert.device, bert.dtype


def check_models(berts, texts, n_classes, *, with_speed):
    """Refuse classifiers that no fit could begin with, once each checkpoint has been loaded.

    Parameters
    ----------
    berts : list of BertTextClassifier
        What is going to be fitted.
    texts : list of str
        What is read to see how fast they are.
    n_classes : int
        Of the labels.
    with_speed : bool
        Whether to read some.

    Returns
    -------
    speeds : dict of tuple to Speed
        By `settings_of`; empty unless `with_speed`.

    Raises
    ------
    OSError
        If a model is neither a folder nor cached, and cannot be downloaded.
    ValueError
        If a model, its `max_length`, `stride`, `freeze` or `pooling`, or the device cannot be used.
    """
    speeds = {}
    for model in {str(bert.model): bert.model for bert in berts}.values():
        loaded = None
        for bert in berts:
            if str(bert.model) != str(model):
                continue
            bert = with_plain_parameters(bert)
            device = find_device(bert.device)
            loaded = loaded or _load(model, n_classes, device, bert.verbose)
            tokenizer, module, load_seconds = loaded
            max_length = bert._find_max_length(tokenizer, module)
            bert._overlap(tokenizer, max_length)
            freeze_layers(module, bert.freeze)
            if bert.pooling == "mean":
                set_pooling(module, model, bert.pooling, few=False)
            if with_speed and settings_of(bert) not in speeds:
                speeds[settings_of(bert)] = Speed(
                    load_seconds, *_read(bert, texts, tokenizer, module, max_length, device)
                )
    return speeds


def _load(model, n_classes, device, verbose):
    """Return tokenizer and module, and the seconds they took."""
    start = perf_counter()
    with seeded(0, device):  # a head is drawn, which nobody needs
        return *load_encoder(model, n_classes, verbose), perf_counter() - start


def _read(bert, texts, tokenizer, module, max_length, device):
    """Return the seconds that a text takes, and what else there is to know of the reading."""
    rows = np.random.default_rng(0).permutation(len(texts))[:_LENGTHS_LOOKED_AT]
    lengths = count_tokens(tokenizer, [texts[row] for row in rows])
    kept = np.minimum(lengths, max_length)
    order = np.argsort(kept, kind="stable")
    # The middle ones of as many equal parts.
    places = ((np.arange(min(_TEXTS_READ, len(rows))) + 0.5) * len(rows) / _TEXTS_READ).astype(int)
    probed = [texts[rows[order[place]]] for place in places]
    dtype = find_dtype("float32" if bert.dtype == "auto" else bert.dtype, device)
    ragged = tokenize(tokenizer, probed, max_length)
    exact = bert.dtype != "auto"
    predict_outputs(module, ragged.take([0]), device, dtype, exact=exact)
    start = perf_counter()
    predict_outputs(module, ragged, device, dtype, exact=exact)
    token_seconds = (perf_counter() - start) / ragged.lengths.sum()
    read = lengths if bert.long_text == "windows" else kept
    text_seconds = float(read.mean() * token_seconds)
    return text_seconds, lengths, max_length, str(device), module.config.hidden_size
