"""Token ids become batches of texts of similar length, and batches pieces that fit the memory."""

import numpy as np
import torch

# Batches that are sorted by length together: 3 % padding is left, and the order stays random.
_BATCHES_PER_POOL = 50


class Texts:
    """Some texts of a `RaggedIds`, in order.

    Parameters
    ----------
    ragged : RaggedIds
        All texts.
    rows : ndarray of shape (n_rows,), dtype int64
        Those that are meant.
    """

    def __init__(self, ragged, rows):
        self.ragged = ragged
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, piece):
        return Texts(self.ragged, self.rows[piece])

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
    random_state : RandomState instance or None
        Draws the order. None gives the texts sorted by length, the same each time.
    """

    def __init__(self, ragged, targets, weights, *, batch_size, random_state=None):
        self.ragged = ragged
        self.targets = targets
        self.weights = weights
        self.batch_size = batch_size
        self.random_state = random_state

    def take(self, rows, random_state=None):
        """Return the batches of the texts of `rows`."""
        return TrainingBatches(
            self.ragged.take(rows),
            self.targets[rows],
            self.weights[rows],
            batch_size=self.batch_size,
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
            targets = torch.from_numpy(self.targets[rows])
            yield Texts(self.ragged, rows), (targets, torch.from_numpy(self.weights[rows]))

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
