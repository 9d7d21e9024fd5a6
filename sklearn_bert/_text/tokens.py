"""Texts become token ids, once in a process: one flat array, without padding."""

import functools
import hashlib
import re
from functools import cached_property

import numpy as np
import tokenizers

from .ragged import RaggedIds
from .token_cache import CACHE, digest_of
from .tokenizer import backend_of, kept_side

# Texts and characters tokenized per call: enough for the tokenizer's own threads, few enough that
# its lists of Python integers (60 times the size of the array) never pile up.
_TEXTS_PER_CALL = 4096
_CHARACTERS_PER_CALL = 4_000_000

# A longer text is tokenized in pieces, eight at once: a token takes 500 bytes while it is made.
_CHARACTERS_PER_PIECE = 100_000
_PIECES_PER_CALL = 8


# Sun et al. (2019) keep 128 tokens of the head and 382 of the tail, beside two special ones.
_HEAD_SHARE = 129 / 512

_TEXTS, _PAIRS = 0, 1  # what the cache holds of them differs
_SPECIAL = 2  # the side of a token that belongs to neither text of a pair


# Where a text is cut: at white space, else before a character that is a token by itself.
_SPACE = re.compile(r"[\s\u3000-\u9fff]")


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
    return backend_of(tokenizer).encode(*(text if isinstance(text, tuple) else (text,)))


def _remembered(tokenizer, texts):
    """Yield the bytes of each text, of those tokenized lately from the memory of the process."""
    if len(texts) == 1:  # nobody waits for one text, and hashing the tokenizer takes longer
        yield from _encode(tokenizer, texts)
        return
    encode = functools.partial(_encode, tokenizer)
    for some in _chunks(texts):
        yield from CACHE.get(tokenizer, some, _kind(texts), encode)


def _stored(memory, tokenizer, texts):
    """Yield the bytes of each text, from the disk if all were tokenized before, in any process."""
    name = CACHE.name(tokenizer) + tokenizers.__version__.encode()
    digest = hashlib.blake2b(name, digest_size=16)
    for text in texts:
        digest.update(digest_of(bytes([_kind(texts)]), text))
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
    backend = backend_of(tokenizer)
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
    lengths = [len(ids) for some in _chunks(texts) for ids in _ids(tokenizer, some)]
    return np.array(lengths, dtype=np.int64)


def _chunks(texts):
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
    return backend_of(tokenizer).encode_batch_fast(texts)
