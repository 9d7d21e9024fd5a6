"""Texts become token ids, once in a process: one flat array, without padding."""

import hashlib
import threading
import weakref
from collections import OrderedDict
from itertools import chain

import numpy as np

# Texts tokenized per call: large enough for the tokenizer's own threads, small enough that its
# lists of Python integers (60 times the size of the array) never pile up.
_TEXTS_PER_CALL = 4096

_CACHE_BYTES = 64 * 2**20


class RaggedIds:
    """The token ids of many texts, without padding.

    Parameters
    ----------
    ids : ndarray of shape (n_tokens,), dtype int32
        The ids of all texts, one text after the other.
    lengths : ndarray of shape (n_texts,), dtype int64
        Tokens of each text, special tokens included.
    pad_token_id : int
        Fills up the shorter texts where a model cannot do without.
    """

    def __init__(self, ids, lengths, pad_token_id):
        self.ids = ids
        self.lengths = lengths
        self.offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self.pad_token_id = pad_token_id
        self.tensors = {}  # the ids on each device that has asked for them

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, row):
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows):
        """Return the texts of `rows`, in that order."""
        ids = np.concatenate([self[row] for row in rows])
        return RaggedIds(ids, self.lengths[rows], self.pad_token_id)


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

    def get(self, tokenizer, texts, max_length, encode):
        """Return the ids of each text as bytes of int32, from `encode` where they are new."""
        prefix = self._name(tokenizer) + max_length.to_bytes(8, "little")
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
    """Return 16 bytes that stand for the text."""
    return hashlib.blake2b(prefix + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


_CACHE = TokenCache(_CACHE_BYTES)


def tokenize(tokenizer, texts, max_length):
    """Return the `RaggedIds` of `texts`, each cut at `max_length` tokens."""

    def encode(some):
        """Return the ids of some texts, each as an array of int32."""
        return [
            np.array(row, dtype=np.int32).tobytes() for row in _rows(tokenizer, some, max_length)
        ]

    if len(texts) == 1:  # nobody waits for one text, and hashing the tokenizer takes longer
        rows = _rows(tokenizer, texts, max_length)
        ids = np.fromiter(chain.from_iterable(rows), dtype=np.int32)
        return RaggedIds(ids, np.array([len(rows[0])]), tokenizer.pad_token_id)
    pieces, lengths = [], []
    for start in range(0, len(texts), _TEXTS_PER_CALL):
        some = texts[start : start + _TEXTS_PER_CALL]
        rows = _CACHE.get(tokenizer, some, max_length, encode)
        lengths += [len(row) // 4 for row in rows]
        pieces.append(np.frombuffer(b"".join(rows), dtype=np.int32))
    ids = np.concatenate(pieces) if len(pieces) > 1 else pieces[0].copy()
    return RaggedIds(ids, np.array(lengths, dtype=np.int64), tokenizer.pad_token_id)


def count_tokens(tokenizer, texts):
    """Return the tokens of each text, special tokens included, with nothing cut off."""
    lengths = []
    for start in range(0, len(texts), _TEXTS_PER_CALL):
        some = texts[start : start + _TEXTS_PER_CALL]
        lengths += map(len, _rows(tokenizer, some, None))
    return np.array(lengths, dtype=np.int64)


def _rows(tokenizer, texts, max_length):
    """Return the ids of each text, as the tokenizer's own lists; None cuts nothing off."""
    return tokenizer(
        texts,
        truncation=max_length is not None,
        max_length=max_length,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,  # it would warn of texts longer than the model can read
    )["input_ids"]
