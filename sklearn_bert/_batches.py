"""Texts become token ids once; token ids become batches of similar length, many times."""

from itertools import chain

import numpy as np
import torch

# Texts tokenized per call: large enough for the tokenizer's own threads, small enough that its
# lists of Python integers (60 times the size of the array) never pile up.
_TEXTS_PER_CALL = 4096

# Batches that are sorted by length together: 3 % padding is left, and the order stays random.
_BATCHES_PER_POOL = 50


class RaggedIds:
    """The token ids of many texts, without padding.

    Parameters
    ----------
    ids : ndarray of shape (n_tokens,), dtype int32
        The ids of all texts, one text after the other.
    offsets : ndarray of shape (n_texts + 1,), dtype int64
        Text `i` is ``ids[offsets[i]:offsets[i + 1]]``.
    """

    def __init__(self, ids, offsets):
        self.ids = ids
        self.offsets = offsets
        self.lengths = np.diff(offsets)  # tokens of each text, special tokens included

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, row):
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows):
        """Return the texts of `rows`, in that order."""
        ids = np.concatenate([self[row] for row in rows])
        return RaggedIds(ids, _offsets(self.lengths[rows]))


def _offsets(lengths):
    """Return where each text begins, and at last where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def tokenize(tokenizer, texts, max_length):
    """Return the `RaggedIds` of `texts`, each cut at `max_length` tokens."""
    pieces, lengths = [], []
    for start in range(0, len(texts), _TEXTS_PER_CALL):
        rows = tokenizer(
            texts[start : start + _TEXTS_PER_CALL],
            truncation=True,
            max_length=max_length,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        lengths += map(len, rows)
        pieces.append(np.fromiter(chain.from_iterable(rows), dtype=np.int32))
    return RaggedIds(np.concatenate(pieces), _offsets(lengths))


def collate(ragged, rows, pad_token_id):
    """Return the model's input for `rows`, padded to the longest of them.

    Returns
    -------
    inputs : dict of str to Tensor of shape (len(rows), longest)
        ``input_ids`` and ``attention_mask``, both int64.
    """
    lengths = ragged.lengths[rows]
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, pad_token_id, dtype=np.int64)
    ids[mask] = np.concatenate([ragged[row] for row in rows])
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask.astype(np.int64)),
    }


class TrainingBatches:
    """Batches of texts of similar length, in a new random order at each iteration.

    The texts are shuffled and cut into pools of 50 batches; each pool is sorted by length and
    cut into batches; the batches are shuffled.

    Parameters
    ----------
    ragged : RaggedIds
        The texts.
    targets : ndarray of shape (n_texts,), dtype int64
        Index of the class of each text.
    weights : ndarray of shape (n_texts,), dtype float32
        Weight of each text in the loss.
    batch_size : int
        Texts a batch; the last one of a pool may hold fewer.
    pad_token_id : int
        Fills up the shorter texts.
    random_state : RandomState instance or None
        Draws the order. None gives the texts sorted by length, the same each time.
    """

    def __init__(self, ragged, targets, weights, *, batch_size, pad_token_id, random_state=None):
        self.ragged = ragged
        self.targets = targets
        self.weights = weights
        self.batch_size = batch_size
        self.pad_token_id = pad_token_id
        self.random_state = random_state

    def take(self, rows, random_state=None):
        """Return the batches of the texts of `rows`."""
        return TrainingBatches(
            self.ragged.take(rows),
            self.targets[rows],
            self.weights[rows],
            batch_size=self.batch_size,
            pad_token_id=self.pad_token_id,
            random_state=random_state,
        )

    @property
    def n_tokens(self):
        """Tokens of all texts together."""
        return len(self.ragged.ids)

    def __len__(self):
        return -(-len(self.ragged) // self.batch_size)

    def __iter__(self):
        for rows in self._rows():
            inputs = collate(self.ragged, rows, self.pad_token_id)
            targets = torch.from_numpy(self.targets[rows])
            yield inputs, (targets, torch.from_numpy(self.weights[rows]))

    def _rows(self):
        """Return the rows of each batch."""
        lengths, size = self.ragged.lengths, self.batch_size
        if self.random_state is None:
            pools = [np.arange(len(lengths))]
        else:
            order = self.random_state.permutation(len(lengths))
            pool_size = size * _BATCHES_PER_POOL
            pools = [order[i : i + pool_size] for i in range(0, len(order), pool_size)]
        batches = []
        for pool in pools:
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            batches += [pool[i : i + size] for i in range(0, len(pool), size)]
        if self.random_state is not None:
            self.random_state.shuffle(batches := list(batches))
        return batches
