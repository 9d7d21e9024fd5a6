"""Texts become token ids, once in a process: one flat array, without padding."""

import hashlib
import threading
import weakref
from collections import OrderedDict
from functools import cached_property

import numpy as np

# Texts and characters tokenized per call: enough for the tokenizer's own threads, few enough that
# its lists of Python integers (60 times the size of the array) never pile up.
_TEXTS_PER_CALL = 4096
_CHARACTERS_PER_CALL = 4_000_000

_CACHE_BYTES = 64 * 2**20

# Sun et al. (2019) keep 128 tokens of the head and 382 of the tail, beside two special ones.
_HEAD_SHARE = 129 / 512


class RaggedIds:
    """The token ids of many sequences, without padding.

    A sequence is a text, a pair of texts, or one of several windows over a text.

    Parameters
    ----------
    ids : ndarray of shape (n_tokens,), dtype int32
        The ids of all sequences, one after the other.
    lengths : ndarray of shape (n_sequences,), dtype int64
        Tokens of each sequence, special tokens included.
    pad_token_id : int
        Fills up the shorter ones where a model cannot do without.
    types : ndarray of shape (n_tokens,), dtype int8, default=None
        Which text of its pair each token belongs to, 0 or 1; None where all are 0.
    counts : ndarray of shape (n_texts,), dtype int64, default=None
        Windows of each text; None where each text is one sequence.
    uncut : ndarray of shape (n_texts,), dtype int64, default=None
        Tokens of each text before any were cut off.
    """

    def __init__(self, ids, lengths, pad_token_id, types=None, counts=None, uncut=None):
        self.ids = ids
        self.lengths = lengths
        self.offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self.pad_token_id = pad_token_id
        self.types = types
        self.counts = counts
        self.uncut = uncut
        self.tensors = {}  # ids and types on each device that has asked for them

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, row):
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def types_of(self, row):
        """Return the types of the tokens of a sequence."""
        return self.types[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows):
        """Return the sequences of `rows`, in that order."""
        ids = np.concatenate([self[row] for row in rows])
        types = None
        if self.types is not None:
            types = np.concatenate([self.types_of(row) for row in rows])
        return RaggedIds(ids, self.lengths[rows], self.pad_token_id, types)


class TokenCache:
    """The ids of the texts tokenized last, by content, so that folds and candidates share them.

    Parameters
    ----------
    n_bytes : int
        Limit of what is held; what came first is dropped first.
    """

    # What an entry weighs beside its ids: key, bytes object and their place in the dict.
    _ENTRY_BYTES = 250

    def __init__(self, n_bytes):
        self.n_bytes = n_bytes
        self._held = 0
        self._ids = OrderedDict()
        self._names = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, tokenizer, texts, variant, encode):
        """Return the bytes of each text, from `encode` where they are new.

        `variant` is an int that tells apart what else there is to be had of the same texts.
        """
        prefix = self._name(tokenizer) + variant.to_bytes(8, "little")
        keys = [_digest(prefix, text) for text in texts]
        with self._lock:
            found = {key: self._ids[key] for key in keys if key in self._ids}
        missing = {key: i for i, key in enumerate(keys) if key not in found}
        if missing:
            new = encode([texts[i] for i in missing.values()])
            found |= (fresh := dict(zip(missing, new, strict=True)))
            self._keep(fresh)
        return [found[key] for key in keys]

    def _name(self, tokenizer):
        """Return what makes tokenizers give the same ids: the digest of all that they consist of.

        Taken when a tokenizer is first seen; one that has got tokens since is another one.
        """
        with self._lock:
            names = self._names.setdefault(tokenizer, {})
            if len(tokenizer) not in names:
                names[len(tokenizer)] = _digest(b"", tokenizer.backend_tokenizer.to_str())
            return names[len(tokenizer)]

    def _keep(self, fresh):
        """Hold the new ids, and drop the oldest ones beyond the limit."""
        with self._lock:
            for key, ids in fresh.items():
                if key not in self._ids:
                    self._ids[key] = ids
                    self._held += len(ids) + self._ENTRY_BYTES
            while self._held > self.n_bytes:
                _, ids = self._ids.popitem(last=False)
                self._held -= len(ids) + self._ENTRY_BYTES


def _digest(prefix, text):
    """Return 16 bytes that stand for the text, or for the pair of texts."""
    if isinstance(text, tuple):
        prefix, text = prefix + len(text[0]).to_bytes(8, "little"), "".join(text)
    return hashlib.blake2b(prefix + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


_CACHE = TokenCache(_CACHE_BYTES)


def tokenize(tokenizer, texts, max_length, long_text="head", stride=0):
    """Return the `RaggedIds` of texts, of at most `max_length` tokens a sequence.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast
        What gives the ids.
    texts : list of str or list of (str, str)
        Texts or pairs of texts.
    max_length : int
        Tokens of a sequence, special tokens included.
    long_text : {"head", "head+tail", "windows"}, default="head"
        What is kept of a text that is longer. Pairs lose tokens of their longer text.
    stride : int, default=0
        Tokens that a window shares with the next one.
    """
    if isinstance(texts[0], tuple):
        return _tokenize_pairs(tokenizer, texts, max_length)
    sequences, counts, uncut = [], [], []
    cut = _Cut(tokenizer, max_length, long_text, stride)
    for ids in _encoded(tokenizer, texts):
        kept = cut(ids)
        sequences += kept
        counts.append(len(kept))
        uncut.append(len(ids))
    return RaggedIds(
        np.concatenate(sequences),
        np.array([len(ids) for ids in sequences], dtype=np.int64),
        tokenizer.pad_token_id,
        counts=np.array(counts, dtype=np.int64) if len(sequences) > len(texts) else None,
        uncut=np.array(uncut, dtype=np.int64),
    )


def _encoded(tokenizer, texts):
    """Yield all ids of each text as an array of int32."""
    if len(texts) == 1:  # nobody waits for one text, and hashing the tokenizer takes longer
        yield np.array(_rows(tokenizer, texts)[0], dtype=np.int32)
        return

    def encode(some):
        """Return the ids of some texts as bytes."""
        return [np.array(row, dtype=np.int32).tobytes() for row in _rows(tokenizer, some)]

    for some in _portions(texts):
        for row in _CACHE.get(tokenizer, some, 0, encode):
            yield np.frombuffer(row, dtype=np.int32)


class _Cut:
    """Cuts the ids of a text to sequences of at most `max_length` tokens."""

    def __init__(self, tokenizer, max_length, long_text, stride):
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.long_text = long_text
        self.stride = stride

    def __call__(self, ids):
        """Return the sequences of a text, as a list of arrays."""
        if len(ids) <= self.max_length:
            return [ids]
        before, after = self.frame
        if self.long_text == "windows":
            return self._windows(ids, before, after)
        head = self.max_length - after
        if self.long_text == "head+tail":
            head = min(max(before, round(self.max_length * _HEAD_SHARE)), head)
        return [np.concatenate([ids[:head], ids[len(ids) - (self.max_length - head) :]])]

    @cached_property
    def frame(self):
        """Special tokens before and after each text."""
        mask = self.tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
        return mask.index(0), mask[::-1].index(0)

    def _windows(self, ids, before, after):
        """Return windows over the text, each between special tokens of its own."""
        end = len(ids) - after
        size = self.max_length - before - after
        step = size - self.stride
        starts = range(before, max(end - self.stride, before + 1), step)
        return [
            np.concatenate([ids[:before], ids[start : min(start + size, end)], ids[end:]])
            for start in starts
        ]


def _tokenize_pairs(tokenizer, pairs, max_length):
    """Return the `RaggedIds` of pairs, cut by the tokenizer: the longer text first."""
    has_types = "token_type_ids" in tokenizer.model_input_names

    def encode(some):
        """Return length before the cut, ids and types of some pairs, as bytes."""
        rows = _rows(tokenizer, some, max_length=max_length, return_token_type_ids=has_types)
        uncut = [len(ids) for ids in rows["input_ids"]]
        full = [i for i, length in enumerate(uncut) if length == max_length]
        if full:  # cut, perhaps
            for i, ids in zip(full, _rows(tokenizer, [some[i] for i in full]), strict=True):
                uncut[i] = len(ids)
        types = rows["token_type_ids"] if has_types else [[]] * len(some)
        return [
            np.array([before, *ids], dtype=np.int32).tobytes() + bytes(row_types)
            for before, ids, row_types in zip(uncut, rows["input_ids"], types, strict=True)
        ]

    found = [
        row for some in _portions(pairs) for row in _CACHE.get(tokenizer, some, max_length, encode)
    ]
    width = 5 if has_types else 4  # bytes a token
    lengths = np.array([(len(row) - 4) // width for row in found], dtype=np.int64)
    parts = [
        (row[:4], row[4 : 4 + 4 * length], row[4 + 4 * length :])
        for row, length in zip(found, lengths.tolist(), strict=True)
    ]
    uncut, ids, types = (b"".join(part) for part in zip(*parts, strict=True))
    return RaggedIds(
        np.frombuffer(ids, dtype=np.int32).copy(),
        lengths,
        tokenizer.pad_token_id,
        types=np.frombuffer(types, dtype=np.int8).copy() if has_types else None,
        uncut=np.frombuffer(uncut, dtype=np.int32).astype(np.int64),
    )


def count_tokens(tokenizer, texts):
    """Return the tokens of each text, special tokens included, with nothing cut off."""
    lengths = [len(row) for some in _portions(texts) for row in _rows(tokenizer, some)]
    return np.array(lengths, dtype=np.int64)


def _portions(texts):
    """Yield the texts in lists for one call each."""
    some, n_characters = [], 0
    for text in texts:
        some.append(text)
        n_characters += len(text) if isinstance(text, str) else len(text[0]) + len(text[1])
        if len(some) == _TEXTS_PER_CALL or n_characters >= _CHARACTERS_PER_CALL:
            yield some
            some, n_characters = [], 0
    if some:
        yield some


def _rows(tokenizer, texts, *, max_length=None, return_token_type_ids=None):
    """Return the ids of each text or pair, as the tokenizer's own lists; None cuts nothing off.

    With `return_token_type_ids`, return a dict of ids and types.
    """
    columns = zip(*texts, strict=True) if isinstance(texts[0], tuple) else [texts]
    rows = tokenizer(
        *map(list, columns),
        truncation="longest_first" if max_length is not None else False,
        max_length=max_length,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=bool(return_token_type_ids),
        verbose=False,  # it would warn of texts longer than the model can read
    )
    return rows["input_ids"] if return_token_type_ids is None else rows
