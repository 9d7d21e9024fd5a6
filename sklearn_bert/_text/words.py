"""Where each token stands in a text, and which of its words it belongs to."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """The place of a token.

    Attributes
    ----------
    side : int
        Which text of a pair it is of, 0 or 1.
    word : int
        Number of its word, counted over both texts of a pair.
    start, stop : int
        Its characters, without white space.
    """

    side: int
    word: int
    start: int
    stop: int


def find_places(encoding, texts):
    """Return the `Place` of each token, None for the special tokens.

    Words are those of the tokenizer, cut at white space too, since some tokenizers take a whole
    text for one word. Tokens of white space alone go with the word after them.

    Parameters
    ----------
    encoding : tokenizers.Encoding
        Of a text, or a pair.
    texts : tuple of str
        The text, or the two of the pair.
    """
    n_spaces = [np.cumsum([0, *map(str.isspace, text)]) for text in texts]
    tokens = list(zip(encoding.sequence_ids, encoding.word_ids, encoding.offsets, strict=True))
    spans, words = [], []
    for side, word, (start, stop) in tokens:
        if side is not None:
            start, stop = _strip(texts[side], start, stop)
        spans.append((start, stop))
        words.append(None if side is None else (side, word, int(n_spaces[side][start])))
    is_blank = [start == stop for start, stop in spans]
    _give_blanks_a_word(words, is_blank)
    numbers = {word: number for number, word in enumerate(dict.fromkeys(filter(None, words)))}
    return [
        None if word is None else Place(word[0], numbers[word], *span)
        for word, span in zip(words, spans, strict=True)
    ]


def _strip(text, start, stop):
    """Return a span without the white space at its ends."""
    while start < stop and text[start].isspace():
        start += 1
    while start < stop and text[stop - 1].isspace():
        stop -= 1
    return start, stop


def _give_blanks_a_word(words, is_blank):
    """Let tokens of white space belong to the word after them, else to the one before."""
    neighbours = list(pairwise(range(len(words))))
    for token, after in reversed(neighbours):
        if is_blank[token] and _same_side(words[token], words[after]):
            words[token], is_blank[token] = words[after], is_blank[after]
    for before, token in neighbours:
        if is_blank[token] and _same_side(words[token], words[before]):
            words[token] = words[before]


def _same_side(word, other):
    """Return whether two words are of the same text."""
    return word is not None and other is not None and word[0] == other[0]
