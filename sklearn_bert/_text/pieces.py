"""Texts become pieces of words, each word tokenized once: what a fast model reads."""

import re
from itertools import chain, islice

import numpy as np

# A word with the space before it, which some tokenizers take for a part of it, or a sign of ASCII.
# What is more to split, such as the signs of other scripts, is left to the tokenizer.
_WORDS = re.compile(r" ?[^\s!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]")

# Words whose pieces are kept, and the longest of them: some tens of megabytes.
_MOST_WORDS = 200_000
_LONGEST_WORD = 40

# Of a text of ten megabytes, no more characters are looked at than so many a piece.
_CHARACTERS_PER_PIECE = 40


class Pieces(dict):
    """The ids of the pieces of words, by word, found by a tokenizer when a word is first seen.

    Of a tokenizer that splits texts at white space and punctuation first, as that of BERT does,
    they are the tokens of a text. Others may split a text otherwise now and then.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        One that cuts nothing off and fills nothing up.
    longest : int
        Pieces read of each text.
    nothing : int
        The id that stands for a text without any.
    """

    def __init__(self, tokenizer, longest, nothing):
        super().__init__()
        self.tokenizer = tokenizer
        self.longest = longest
        self.nothing = nothing

    def __missing__(self, word):
        ids = tuple(self.tokenizer.encode(word, add_special_tokens=False).ids)
        if len(word) <= _LONGEST_WORD and len(self) < _MOST_WORDS:
            self[word] = ids
        return ids

    def of_texts(self, texts):
        """Return the ids of the pieces of all texts, one after the other, and how many each has.

        Parameters
        ----------
        texts : list of str

        Returns
        -------
        ids : ndarray of shape (n_pieces,), dtype int64
        counts : ndarray of shape (n_texts,), dtype int64
            At least 1.
        """
        find, end = self.__getitem__, self.longest * _CHARACTERS_PER_PIECE
        words = (map(find, _WORDS.findall(text, 0, end)) for text in texts)
        rows = [list(islice(chain.from_iterable(some), self.longest)) for some in words]
        rows = [row or [self.nothing] for row in rows]
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        return np.fromiter(chain.from_iterable(rows), np.int64, counts.sum()), counts
