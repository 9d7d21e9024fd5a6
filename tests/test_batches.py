"""Tokens without padding, and batches of similar length."""

import numpy as np
import pytest
import torch

from sklearn_bert._batches import (
    RaggedIds,
    TrainingBatches,
    collate,
    tokenize,
)


@pytest.fixture
def ragged():
    """Five hundred texts; token ids tell the text that they belong to."""
    lengths = np.random.RandomState(0).randint(1, 60, size=500)
    ids = np.repeat(np.arange(500, dtype=np.int32) + 1, lengths)
    return RaggedIds(ids, np.r_[0, lengths.cumsum()])


def make_batches(ragged, random_state, batch_size=8):
    n_texts = len(ragged)
    targets, weights = np.arange(n_texts), np.arange(n_texts, dtype=np.float32) / 2
    return TrainingBatches(
        ragged,
        targets,
        weights,
        batch_size=batch_size,
        pad_token_id=0,
        random_state=random_state,
    )


def test_tokenizing_gives_what_the_tokenizer_gives(fitted, monkeypatch):
    monkeypatch.setattr("sklearn_bert._batches._TEXTS_PER_CALL", 2)
    texts = ["the good film", "", "bad", "a unheard of a book", "good " * 100]
    ragged = tokenize(fitted.tokenizer_, texts, 16)
    expected = fitted.tokenizer_(texts, truncation=True, max_length=16)["input_ids"]
    assert [ragged[row].tolist() for row in range(len(ragged))] == expected
    assert ragged.ids.dtype == np.int32
    assert ragged.lengths.tolist() == [5, 2, 3, 7, 16]


def test_collating_pads_to_the_longest_of_the_batch(ragged):
    rows = np.array([3, 0, 7])
    inputs = collate(ragged, rows, pad_token_id=9)
    assert inputs["input_ids"].shape == (3, ragged.lengths[rows].max())
    assert inputs["attention_mask"].sum(1).tolist() == ragged.lengths[rows].tolist()
    for row, ids, mask in zip(rows, inputs["input_ids"], inputs["attention_mask"], strict=True):
        assert ids[mask.bool()].tolist() == ragged[row].tolist()
        assert set(ids[~mask.bool()].tolist()) <= {9}


@pytest.mark.parametrize("batch_size", [1, 7, 8, 600])
def test_each_text_is_in_one_batch_with_its_own_target_and_weight(ragged, batch_size):
    batches = make_batches(ragged, np.random.RandomState(0), batch_size)
    seen = []
    for inputs, (targets, weights) in batches:
        assert len(targets) <= batch_size
        seen += targets.tolist()
        assert inputs["input_ids"][:, 0].tolist() == (targets + 1).tolist()
        assert weights.tolist() == (targets / 2).tolist()
    assert sorted(seen) == list(range(500))


@pytest.mark.parametrize(("n_texts", "batch_size"), [(500, 8), (500, 7), (3, 8), (401, 1)])
def test_length_is_the_number_of_batches(ragged, n_texts, batch_size):
    batches = make_batches(ragged.take(np.arange(n_texts)), np.random.RandomState(0), batch_size)
    assert len(batches) == len(list(batches)) == -(-n_texts // batch_size)


def test_each_epoch_has_a_new_order_and_a_seed_repeats_it(ragged):
    def two_epochs(seed):
        batches = make_batches(ragged, np.random.RandomState(seed))
        return [[target for _, (targets, _) in batches for target in targets] for _ in range(2)]

    first, second = two_epochs(0)
    assert first != second
    assert two_epochs(0) == [first, second]
    assert two_epochs(1) != [first, second]


def test_little_is_padded_and_the_order_of_lengths_is_random(ragged):
    masks = [
        inputs["attention_mask"] for inputs, _ in make_batches(ragged, np.random.RandomState(0))
    ]
    assert sum(mask.numel() for mask in masks) < 1.1 * len(ragged.ids)
    widths = [mask.shape[1] for mask in masks]
    assert abs(np.corrcoef(widths, np.arange(len(widths)))[0, 1]) < 0.5


def test_without_a_generator_batches_are_the_same_each_time(ragged):
    batches = make_batches(ragged, None)
    first, second = ([targets.tolist() for _, (targets, _) in batches] for _ in range(2))
    assert first == second


def test_taking_rows_keeps_their_order(ragged):
    rows = np.array([4, 4, 0])
    taken = ragged.take(rows)
    assert [taken[i].tolist() for i in range(3)] == [ragged[row].tolist() for row in rows]
    assert torch.from_numpy(taken.ids).dtype == torch.int32
