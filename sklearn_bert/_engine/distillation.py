"""A network of n-grams learns the outputs of a fine-tuned encoder; NumPy computes it afterwards."""

import math

import numpy as np
import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    dropout,
    embedding,
    mse_loss,
)

from .device import find_device, seeded
from .forks import in_living_threads
from .torch_state import own_torch_state

_N_FEATURES = 64
_WIDTH = 128  # of the vectors of pieces, their first principal components

_BATCH_SIZE = 128
_EPOCHS = 10
_LEAST_STEPS = 2000
_LEARNING_RATE = 2e-3
_WARM_UP = 0.05  # share of the steps
_BETAS = 0.9, 0.99
_PIECES_DROPPED = 0.1  # their share of a text, in training
_FEATURES_DROPPED = 0.3
_SHARE_OF_SQUARES = 0.1  # of the squared error of the logits, in the loss
_BATCHES_PER_POOL = 20

# Of a table: 24 MB in half precision.
_MOST_NUMBERS = 12_000_000


@in_living_threads
@own_torch_state()
def distil(ids, counts, outputs, embeddings, kind, seed):
    """Return the arrays of an `NgramNetwork` that gives the outputs of an encoder, or nearly.

    Parameters
    ----------
    ids : ndarray of shape (n_pieces,), dtype int64
        The ids of the pieces of all texts; ``len(embeddings)`` stands for a text without any.
    counts : ndarray of shape (n_texts,), dtype int64
        Pieces of each text, at least 1.
    outputs : ndarray of shape (n_texts, n_outputs)
        What the encoder gives for each text.
    embeddings : ndarray of shape (n_ids, width)
        The vectors that the encoder begins with, by id.
    kind : {"labels", "several labels", "numbers"}
        What the outputs stand for: the loss is the cross-entropy of their probabilities, of all
        classes or of each label, and some of their squared error, or that alone.
    seed : int
        Of all that is random.
    """
    seen, number = np.unique(ids, return_inverse=True)
    seen, has_empty = seen[seen < len(embeddings)], seen[-1] == len(embeddings)
    vectors = _principal_components(embeddings, _WIDTH)
    with seeded(seed, find_device("cpu")):
        network = _Network(vectors[seen], outputs.mean(axis=0))
        if has_empty:
            number[ids == len(embeddings)] = network.end
        texts = np.split(number, np.cumsum(counts)[:-1])
        _train(network, texts, torch.tensor(outputs, dtype=torch.float32), kind)
    frequencies = np.bincount(ids, minlength=len(embeddings))[: len(embeddings)]
    return network.to_arrays(vectors, seen, frequencies)


def _principal_components(embeddings, width):
    """Return the embeddings in fewer dimensions, with a standard deviation of 1 in all."""
    centred = embeddings.astype(np.float32) - embeddings.mean(axis=0, dtype=np.float32)
    _, directions = np.linalg.eigh(centred.T @ centred)
    found = centred @ directions[:, ::-1][:, :width]
    return found / max(float(found.std()), 1e-12)


class _Network(torch.nn.Module):
    """The network while it is trained: rows are a map of the vectors, and a deviation of their own.

    So pieces that are in no text of the training have rows, too.

    Parameters
    ----------
    vectors : ndarray of shape (n_pieces, width)
        Of the pieces that are trained on.
    mean : ndarray of shape (n_outputs,)
        Of the outputs.
    """

    def __init__(self, vectors, mean):
        super().__init__()
        n_pieces, width = vectors.shape
        self.unknown, self.end = n_pieces, n_pieces + 1
        n_columns = 3 * _N_FEATURES + len(mean)
        self.vectors = torch.zeros(n_pieces + 2, width)
        self.vectors[:n_pieces] = torch.tensor(vectors)
        map_ = torch.randn(width, n_columns) / math.sqrt(3 * width)
        map_[:, 3 * _N_FEATURES :] *= 0.1
        self.map = torch.nn.Parameter(map_)
        self.deviations = _SparseAdam(torch.zeros(n_pieces + 2, n_columns))
        self.bias = torch.nn.Parameter(torch.zeros(_N_FEATURES))
        self.coef = torch.nn.Parameter(torch.randn(2 * _N_FEATURES, len(mean)) / 20)
        self.intercept = torch.nn.Parameter(torch.tensor(mean, dtype=torch.float32))

    def forward(self, texts):
        """Return the outputs for some texts, each an array of numbers of pieces."""
        counts = torch.tensor([len(text) for text in texts])
        padded = torch.full((len(texts), int(counts.max()) + 2), self.end)
        for row, text in zip(padded, texts, strict=True):
            row[1 : len(text) + 1] = torch.from_numpy(text)
        is_dropped = (torch.rand(padded.shape) < _PIECES_DROPPED) & (padded != self.end)
        padded[is_dropped] = self.unknown
        used, places = torch.unique(padded, return_inverse=True)
        table = self.vectors[used] @ self.map + self.deviations.rows(used)
        before, own, after, weights = table.split([_N_FEATURES] * 3 + [len(self.intercept)], dim=1)
        features = embedding(places[:, :-2], before) + embedding(places[:, 1:-1], own)
        features = (features + embedding(places[:, 2:], after) + self.bias).relu()
        is_text = (torch.arange(features.shape[1]) < counts[:, None])[:, :, None]
        features = features * is_text
        counts = counts[:, None].float()
        pooled = torch.cat([features.amax(dim=1), features.sum(dim=1) / counts], dim=1)
        linear = (embedding(places[:, 1:-1], weights) * is_text).sum(dim=1) / counts.sqrt()
        return dropout(pooled, _FEATURES_DROPPED) @ self.coef + linear + self.intercept

    @torch.no_grad()
    def to_arrays(self, vectors, seen, frequencies):
        """Return what NumPy needs, with rows for all ids, or as many as there is room for.

        Parameters
        ----------
        vectors : ndarray of shape (n_ids, width)
            Of all ids.
        seen : ndarray of int
            The ids that were trained on.
        frequencies : ndarray of shape (n_ids,)
            How often. Of ids that are as rare, the first ones have rows: vocabularies mostly begin
            with what is frequent.
        """
        n_rows = min(len(vectors), _MOST_NUMBERS // self.map.shape[1])
        kept = np.argsort(-frequencies, kind="stable")[:n_rows]
        rows = np.full(len(vectors) + 1, n_rows, dtype=np.int32)
        rows[kept] = np.arange(n_rows)
        rows[-1] = n_rows + 1
        table = torch.zeros(n_rows + 2, self.map.shape[1])
        table[:n_rows] = torch.tensor(vectors[kept]) @ self.map
        numbers = torch.from_numpy(rows[seen].astype(np.int64))
        is_kept = numbers < n_rows
        table[numbers[is_kept]] += self.deviations.values[:-2][is_kept]
        table[n_rows:] = self.deviations.values[-2:]
        return {
            "rows": rows,
            "table": table.numpy().astype(np.float16),
            **{name: getattr(self, name).numpy().copy() for name in ("bias", "coef", "intercept")},
        }


class _SparseAdam:
    """Rows that are optimized by Adam, each in the steps only that read it.

    torch's own, with its sparse gradients, takes several times as long.
    """

    def __init__(self, values):
        self.values = values
        self.first, self.second = torch.zeros_like(values), torch.zeros_like(values)

    def rows(self, used):
        """Return the rows of some numbers, all different, of which a gradient is wanted."""
        self.used = used
        self.read = self.values[used].requires_grad_()
        return self.read

    @torch.no_grad()
    def step(self, learning_rate, number):
        """Change the rows that were read last; `number` is that of the step, from 1."""
        gradient = self.read.grad
        first = self.first[self.used].lerp_(gradient, 1 - _BETAS[0])
        second = self.second[self.used].lerp_(gradient.square(), 1 - _BETAS[1])
        self.first[self.used], self.second[self.used] = first, second
        first, second = (
            moment / (1 - beta**number)
            for moment, beta in zip((first, second), _BETAS, strict=True)
        )
        self.values[self.used] -= learning_rate * first / (second.sqrt() + 1e-8)


def _train(network, texts, outputs, kind):
    """Train a network on the outputs for texts."""
    n_batches = math.ceil(len(texts) / _BATCH_SIZE)
    n_epochs = max(_EPOCHS, math.ceil(_LEAST_STEPS / n_batches))
    n_steps, number = n_epochs * n_batches, 0
    optimizer = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE, betas=_BETAS)
    for _ in range(n_epochs):
        for rows in _draw_batches([len(text) for text in texts]):
            left = 1 - number / n_steps
            rate = _LEARNING_RATE * min(number / n_steps / _WARM_UP, left)
            optimizer.param_groups[0]["lr"] = rate
            number += 1
            loss = _loss(network([texts[row] for row in rows]), outputs[rows], kind)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            network.deviations.step(rate, number)


def _draw_batches(lengths):
    """Return the rows of each batch of an epoch, of texts of similar length."""
    lengths, order = torch.tensor(lengths), torch.randperm(len(lengths))
    batches = []
    for pool in order.split(_BATCH_SIZE * _BATCHES_PER_POOL):
        batches += pool[lengths[pool].argsort(stable=True)].split(_BATCH_SIZE)
    return [batches[number].tolist() for number in torch.randperm(len(batches))]


def _loss(found, outputs, kind):
    """Return the loss of what was found for the outputs of some texts."""
    squares = mse_loss(found, outputs)
    if kind == "numbers":
        return squares
    if kind == "labels":
        entropy = cross_entropy(found, outputs.softmax(dim=1))
    else:
        entropy = binary_cross_entropy_with_logits(found, outputs.sigmoid())
    return entropy + _SHARE_OF_SQUARES * squares
