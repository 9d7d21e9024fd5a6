"""The token ids of many texts in one flat array, and padded where a model cannot do without."""

import numpy as np


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


class RaggedRows:
    """Some sequences of a `RaggedIds`, in order.

    Parameters
    ----------
    ragged : RaggedIds
        All sequences.
    rows : ndarray of shape (n_rows,), dtype int64
        Those that are meant.
    """

    def __init__(self, ragged, rows):
        self.ragged = ragged
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, piece):
        return RaggedRows(self.ragged, self.rows[piece])

    @property
    def lengths(self):
        """Tokens of each text."""
        return self.ragged.lengths[self.rows]

    def pieces(self, n_tokens):
        """Yield slices of at most `n_tokens` positions, padding included, or of one text."""
        start, longest = 0, 0
        for stop, length in enumerate(self.lengths.tolist()):
            longest = max(longest, length)
            if stop > start and (stop + 1 - start) * longest > n_tokens:
                yield slice(start, stop)
                start, longest = stop, length
        yield slice(start, len(self))


def pad(ragged, rows):
    """Return some sequences as matrices, filled up to the longest of them.

    Parameters
    ----------
    ragged : RaggedIds
        All sequences.
    rows : ndarray of shape (n_rows,), dtype int64
        Those that are meant.

    Returns
    -------
    inputs : dict of str to ndarray of shape (n_rows, longest), dtype int64
        ``input_ids``, ``attention_mask`` and ``token_type_ids``, as transformers calls them.
    """
    lengths = ragged.lengths[rows]
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, ragged.pad_token_id, dtype=np.int64)
    ids[mask] = np.concatenate([ragged[row] for row in rows])
    types = np.zeros(mask.shape, dtype=np.int64)
    if ragged.types is not None:
        types[mask] = np.concatenate([ragged.types_of(row) for row in rows])
    return {"input_ids": ids, "attention_mask": mask.astype(np.int64), "token_type_ids": types}
