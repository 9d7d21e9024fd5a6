"""Token ids become batches of texts of similar length, and batches pieces that fit the memory."""

import copy

import numpy as np
import torch

from .._text.ragged import RaggedRows

# Batches that are sorted by length together: 3 % padding is left, and the order stays random.
_BATCHES_PER_POOL = 50


class TrainingBatches:
    """Batches of texts of similar length, in a new random order at each iteration.

    The texts are shuffled and cut into pools of 50 batches; each pool is sorted by length and
    cut into batches; the batches are shuffled.

    Parameters
    ----------
    ragged : RaggedIds
        The texts, or windows over them.
    targets : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        What is to be learnt of each text.
    weights : ndarray of shape (n_texts,)
        Weight of each text in the loss; the windows of a text share it.
    batch_size : int
        Texts, or windows, a batch; the last one of a pool may hold fewer.
    random_state : RandomState instance or None
        Draws the order. None gives the texts sorted by length, the same each time.
    """

    def __init__(self, ragged, targets, weights, *, batch_size, random_state=None):
        self.ragged = ragged
        self.batch_size = batch_size
        self.random_state = random_state
        counts = np.ones(len(ragged), dtype=np.int64) if ragged.counts is None else ragged.counts
        self.owners = np.repeat(np.arange(len(counts)), counts)
        self.targets = targets[self.owners]
        weights = (weights / counts)[self.owners]
        self.weights = (weights / weights.mean()).astype(np.float32)

    def take(self, texts, random_state=None):
        """Return the batches of some of the texts, given by number."""
        rows = texts
        if self.ragged.counts is not None:
            rows = np.flatnonzero(np.isin(self.owners, texts))
        taken = copy.copy(self)
        taken.random_state = random_state
        taken.ragged = self.ragged.take(rows)
        taken.owners, taken.targets, taken.weights = (
            values[rows] for values in (self.owners, self.targets, self.weights)
        )
        return taken

    def reordered(self, random_state):
        """Return the same batches in an order of their own."""
        other = copy.copy(self)
        other.random_state = random_state
        return other

    def state_dict(self):
        """Return what the order of the iterations to come depends on."""
        return {"random_state": self.random_state.get_state()}

    def load_state_dict(self, state):
        """Go on from a state, whose arrays may be lists."""
        name, keys, *rest = state["random_state"]
        self.random_state.set_state((name, np.array(keys, dtype=np.uint32), *rest))

    @property
    def n_tokens(self):
        """Tokens of all texts together."""
        return len(self.ragged.ids)

    def __len__(self):
        return -(-len(self.ragged) // self.batch_size)

    def __iter__(self):
        for rows in self._rows():
            targets = torch.from_numpy(self.targets[rows])
            yield RaggedRows(self.ragged, rows), (targets, torch.from_numpy(self.weights[rows]))

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
