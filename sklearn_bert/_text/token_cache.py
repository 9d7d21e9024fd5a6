"""The token ids of the last texts, kept over folds and candidates."""

import hashlib
import threading
import weakref
from collections import OrderedDict

from .tokenizer import backend_of, splits_special_tokens

_BYTES = 64 * 2**20


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
        prefix = self.name(tokenizer) + variant.to_bytes(8, "little")
        keys = [digest_of(prefix, text) for text in texts]
        with self._lock:
            found = {key: self._ids[key] for key in keys if key in self._ids}
        missing = {key: i for i, key in enumerate(keys) if key not in found}
        if missing:
            new = encode([texts[i] for i in missing.values()])
            found |= (fresh := dict(zip(missing, new, strict=True)))
            self._keep(fresh)
        return [found[key] for key in keys]

    def name(self, tokenizer):
        """Return what makes tokenizers give the same ids: the digest of all that they consist of.

        Taken when a tokenizer is first seen; one that has got tokens since, or has begun to read
        special tokens as text, is another one.
        """
        with self._lock:
            names = self._names.setdefault(tokenizer, {})
            splits = splits_special_tokens(tokenizer)
            if (len(tokenizer), splits) not in names:
                prefix = b"split" if splits else b""
                names[len(tokenizer), splits] = digest_of(prefix, backend_of(tokenizer).to_str())
            return names[len(tokenizer), splits]

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


def digest_of(prefix, text):
    """Return 16 bytes that stand for the text, or for the pair of texts."""
    if isinstance(text, tuple):
        prefix, text = prefix + len(text[0]).to_bytes(8, "little"), "".join(text)
    return hashlib.blake2b(prefix + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


CACHE = TokenCache(_BYTES)
