"""Texts become token ids, once in a process: one flat array, without padding."""

import functools
import hashlib
import re
import threading
import weakref
from collections import OrderedDict
from functools import cached_property

import numpy as np
import tokenizers

# Texts and characters tokenized per call: enough for the tokenizer's own threads, few enough that
# its lists of Python integers (60 times the size of the array) never pile up.
_TEXTS_PER_CALL = 4096
_CHARACTERS_PER_CALL = 4_000_000

# A longer text is tokenized in pieces, eight at once: a token takes 500 bytes while it is made.
_CHARACTERS_PER_PIECE = 100_000
_PIECES_PER_CALL = 8

_CACHE_BYTES = 64 * 2**20

# Sun et al. (2019) keep 128 tokens of the head and 382 of the tail, beside two special ones.
_HEAD_SHARE = 129 / 512

_TEXTS, _PAIRS = 0, 1  # what the cache holds of them differs
_SPECIAL = 2  # the side of a token that belongs to neither text of a pair

_SETTING_UP = threading.Lock()
# Where a text is cut: at white space, else before a character that is a token by itself.
_SPACE = re.compile(r"[\s\u3000-\u9fff]")


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

    def mean_of_windows(self, rows):
        """Return one row a text, of one row a sequence: the mean where a text has several."""
        if self.counts is None:
            return rows
        first = np.cumsum(self.counts) - self.counts
        return np.add.reduceat(rows, first, axis=0) / self.counts[:, None].astype(rows.dtype)

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
        prefix = self.name(tokenizer) + variant.to_bytes(8, "little")
        keys = [_digest(prefix, text) for text in texts]
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
            splits = _splits_special_tokens(tokenizer)
            if (len(tokenizer), splits) not in names:
                prefix = b"split" if splits else b""
                names[len(tokenizer), splits] = _digest(prefix, _backend(tokenizer).to_str())
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


def _digest(prefix, text):
    """Return 16 bytes that stand for the text, or for the pair of texts."""
    if isinstance(text, tuple):
        prefix, text = prefix + len(text[0]).to_bytes(8, "little"), "".join(text)
    return hashlib.blake2b(prefix + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


_CACHE = TokenCache(_CACHE_BYTES)


def tokenize(tokenizer, texts, max_length, long_text="head", stride=0, memory=None):
    """Return the `RaggedIds` of texts, of at most `max_length` tokens a sequence.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast
        What gives the ids; of it, only ``backend_tokenizer``, ``pad_token_id``,
        ``model_input_names`` and its length are used, and ``truncation_side`` and
        ``split_special_tokens`` where it has them.
    texts : list of str or list of (str, str)
        Texts or pairs of texts.
    max_length : int
        Tokens of a sequence, special tokens included.
    long_text : {"head", "tail", "head+tail", "windows"}, default="head"
        What is kept of a text that is longer. "head" is the side that the tokenizer keeps, see
        `kept_side`. Pairs lose tokens of their longer text.
    stride : int, default=0
        Tokens that a window shares with the next one.
    memory : object with the interface of joblib.Memory, default=None
        Where the ids of these texts, taken together, are looked for and kept.
    """
    rows = _remembered(tokenizer, texts) if memory is None else _stored(memory, tokenizer, texts)
    return _cut_rows(tokenizer, rows, _kind(texts), max_length, long_text, stride)


def _cut_rows(tokenizer, rows, kind, max_length, long_text, stride):
    """Return the `RaggedIds` of texts or pairs, each row the bytes that `_encode` gives."""
    long_text = kept_side(tokenizer, long_text)
    if kind == _PAIRS:
        return _tokenized_pairs(tokenizer, rows, max_length, long_text)
    sequences, counts, uncut = [], [], []
    cut = _Cut(tokenizer, max_length, long_text, stride)
    nothing = np.array([tokenizer.pad_token_id], dtype=np.int32).tobytes()
    for row in rows:
        # A model must read something: one padding token stands for a text without any.
        ids = np.frombuffer(row if len(row) else nothing, dtype=np.int32)
        kept = cut(ids)
        sequences += kept
        counts.append(len(kept))
        uncut.append(len(ids))
    return RaggedIds(
        np.concatenate(sequences),
        np.array([len(ids) for ids in sequences], dtype=np.int64),
        tokenizer.pad_token_id,
        types=_types_of_texts(tokenizer, sequences),
        counts=np.array(counts, dtype=np.int64) if len(sequences) > len(counts) else None,
        uncut=np.array(uncut, dtype=np.int64),
    )


def read_positions(tokenizer, text, max_length, long_text="head", stride=0):
    """Return which tokens of a text, or pair, are in the sequences that `tokenize` makes of it.

    Returns
    -------
    positions : RaggedIds
        In place of each id, the place of the token among all tokens of the text.
    """
    (row,) = _encode(tokenizer, [text])
    kind = _kind([text])
    length = len(row) // (6 if kind == _PAIRS else 4)
    row = np.arange(length, dtype=np.int32).tobytes() + row[4 * length :]
    return _cut_rows(tokenizer, [row], kind, max_length, long_text, stride)


def encode_with_offsets(tokenizer, text):
    """Return a `tokenizers.Encoding` of a text or pair that knows where its tokens stand."""
    return _backend(tokenizer).encode(*(text if isinstance(text, tuple) else (text,)))


def kept_side(tokenizer, long_text):
    """Return `long_text`, with "tail" in place of "head" where the tokenizer cuts on the left.

    So a text is cut as transformers cuts it, given the tokenizer as it was saved.
    """
    cuts_left = getattr(tokenizer, "truncation_side", "right") == "left"
    return "tail" if long_text == "head" and cuts_left else long_text


def _remembered(tokenizer, texts):
    """Yield the bytes of each text, of those tokenized lately from the memory of the process."""
    if len(texts) == 1:  # nobody waits for one text, and hashing the tokenizer takes longer
        yield from _encode(tokenizer, texts)
        return
    encode = functools.partial(_encode, tokenizer)
    for some in _portions(texts):
        yield from _CACHE.get(tokenizer, some, _kind(texts), encode)


def _stored(memory, tokenizer, texts):
    """Yield the bytes of each text, from the disk if all were tokenized before, in any process."""
    name = _CACHE.name(tokenizer) + tokenizers.__version__.encode()
    digest = hashlib.blake2b(name, digest_size=16)
    for text in texts:
        digest.update(_digest(bytes([_kind(texts)]), text))
    all_bytes = memory.cache(_all_bytes, ignore=["tokenizer", "texts"])
    flat, ends = all_bytes(digest.hexdigest(), tokenizer, texts)
    start = 0
    for end in ends.tolist():
        yield flat[start:end]
        start = end


def _all_bytes(key, tokenizer, texts):
    """Return the bytes of all texts, one after the other, and where each of them ends.

    `key` stands for tokenizer and texts: it is what tells calls apart.
    """
    rows = list(_remembered(tokenizer, texts))
    return np.frombuffer(b"".join(rows), dtype=np.uint8), np.cumsum([len(row) for row in rows])


def _kind(texts):
    """Return what tells texts and pairs of texts apart."""
    return _PAIRS if isinstance(texts[0], tuple) else _TEXTS


def _encode(tokenizer, texts):
    """Return what is kept of texts or of pairs as bytes: all ids, of pairs more beside them."""
    if _kind(texts) == _TEXTS:
        return [ids.tobytes() for ids in _ids(tokenizer, texts)]
    return [
        np.array(row.ids, dtype=np.int32).tobytes()
        + bytes(row.type_ids)
        + bytes(_SPECIAL if side is None else side for side in row.sequence_ids)
        for row in _encodings(tokenizer, texts)
    ]


def _ids(tokenizer, texts):
    """Return all ids of each text as an array of int32."""
    is_long = [len(text) > _CHARACTERS_PER_PIECE for text in texts]
    if not any(is_long):
        return [np.array(row.ids, dtype=np.int32) for row in _encodings(tokenizer, texts)]
    others = [text for text, long in zip(texts, is_long, strict=True) if not long]
    rest = iter(_ids(tokenizer, others) if others else [])
    return [
        _ids_of_pieces(tokenizer, list(_pieces(text))) if long else next(rest)
        for text, long in zip(texts, is_long, strict=True)
    ]


def _ids_of_pieces(tokenizer, pieces):
    """Return the ids of a text that is given in pieces, as if it were whole."""
    before, after = _frame(tokenizer)
    ids = []
    for start in range(0, len(pieces), _PIECES_PER_CALL):
        for row in _encodings(tokenizer, pieces[start : start + _PIECES_PER_CALL]):
            row = np.array(row.ids, dtype=np.int32)
            ids.append(row[before if ids else 0 : len(row) - after])
    return np.concatenate([*ids, row[len(row) - after :]])


def _pieces(text):
    """Yield pieces of a text, each but the first with the white space before it."""
    start = 0
    while len(text) - start > _CHARACTERS_PER_PIECE:
        end = start + _CHARACTERS_PER_PIECE
        cut = max(text.rfind(space, start + 1, end) for space in " \n")
        if cut < 0:  # one long word
            found = _SPACE.search(text, end)
            cut = len(text) if found is None else found.start()
        yield text[start:cut]
        start = cut
    yield text[start:]


def _frame(tokenizer):
    """Return how many special tokens are put before and after each text."""
    mask = _example(tokenizer).special_tokens_mask
    return mask.index(0), mask[::-1].index(0)


def _example(tokenizer):
    """Return the `tokenizers.Encoding` of a text that has a token."""
    backend = _backend(tokenizer)
    found = backend.encode("a")
    if 0 in found.special_tokens_mask:
        return found
    # A vocabulary without the letter a, and without a token for the unknown.
    others = (backend.encode(token) for token in backend.get_vocab())
    return next(other for other in others if 0 in other.special_tokens_mask)


def _types_of_texts(tokenizer, sequences):
    """Return the types of all tokens of single texts, None where all are 0, as they mostly are."""
    types = _example(tokenizer).type_ids
    if not any(types) or "token_type_ids" not in tokenizer.model_input_names:
        return None
    before, after = _frame(tokenizer)
    first, last = types[:before], types[len(types) - after :]
    return np.concatenate(
        [[*first, *[types[before]] * (len(ids) - before - after), *last] for ids in sequences]
    ).astype(np.int8)


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
        head = before if self.long_text == "tail" else self.max_length - after
        if self.long_text == "head+tail":
            head = min(max(before, round(self.max_length * _HEAD_SHARE)), head)
        return [np.concatenate([ids[:head], ids[len(ids) - (self.max_length - head) :]])]

    @cached_property
    def frame(self):
        """Special tokens before and after each text."""
        return _frame(self.tokenizer)

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


def _tokenized_pairs(tokenizer, rows, max_length, long_text):
    """Return the `RaggedIds` of pairs, each row the bytes of ids, types and the side of each token.

    Of those that are too long, the longer text is cut first, at its end or with "tail" at its
    beginning.
    """
    ids, types, uncut = [], [], []
    nothing = np.array([tokenizer.pad_token_id], np.int32).tobytes() + bytes([0, _SPECIAL])
    for row in rows:
        row = row if len(row) else nothing
        length = len(row) // 6
        sides = np.frombuffer(row, np.uint8, offset=5 * length)
        kept = _kept_of_pair(sides, max_length, from_end=long_text == "tail")
        ids.append(np.frombuffer(row, np.int32, count=length)[kept])
        types.append(np.frombuffer(row, np.int8, count=length, offset=4 * length)[kept])
        uncut.append(length)
    return RaggedIds(
        np.concatenate(ids),
        np.array([len(row) for row in ids], dtype=np.int64),
        tokenizer.pad_token_id,
        types=np.concatenate(types) if "token_type_ids" in tokenizer.model_input_names else None,
        uncut=np.array(uncut, dtype=np.int64),
    )


def _kept_of_pair(sides, max_length, *, from_end):
    """Return which tokens of a pair stay, of `sides` that are 0, 1 or special."""
    if len(sides) <= max_length:
        return slice(None)
    step = -1 if from_end else 1
    positions = [np.flatnonzero(sides == side)[::step] for side in (0, 1)]
    short, long = sorted(positions, key=len)
    room = max_length - (len(sides) - len(short) - len(long))
    n_short = min(len(short), room // 2)
    kept = np.ones(len(sides), dtype=bool)
    kept[short[n_short:]] = False
    kept[long[room - n_short :]] = False
    return kept


def count_tokens(tokenizer, texts):
    """Return the tokens of each text, special tokens included, with nothing cut off."""
    lengths = [len(ids) for some in _portions(texts) for ids in _ids(tokenizer, some)]
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


def _encodings(tokenizer, texts):
    """Return a `tokenizers.Encoding` of each text or pair, with nothing cut off or filled up."""
    return _backend(tokenizer).encode_batch_fast(texts)


def _backend(tokenizer):
    """Return the tokenizer in Rust, set up to cut nothing off and to fill nothing up.

    It is asked itself, since `transformers` would set it up anew in each call, which fails where
    several threads share it.
    """
    backend = tokenizer.backend_tokenizer
    splits = _splits_special_tokens(tokenizer)
    with _SETTING_UP:
        if backend.encode_special_tokens != splits:
            backend.encode_special_tokens = splits
        if backend.truncation is not None:
            backend.no_truncation()
        if backend.padding is not None:
            backend.no_padding()
    return backend


def _splits_special_tokens(tokenizer):
    """Return whether a special token that stands in a text is read as any other characters."""
    return bool(getattr(tokenizer, "split_special_tokens", False))
