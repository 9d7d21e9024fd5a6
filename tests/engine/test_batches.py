"""Batches of similar length, and the pieces they are computed in."""

import numpy as np
import pytest

from sklearn_bert._engine.batches import TrainingBatches
from sklearn_bert._text.ragged import RaggedIds, RaggedRows


@pytest.fixture
def ragged():
    """Five hundred texts; token ids tell the text that they belong to."""
    lengths = np.random.RandomState(0).randint(1, 60, size=500)
    ids = np.repeat(np.arange(500, dtype=np.int32) + 1, lengths)
    return RaggedIds(ids, lengths, pad_token_id=0)


def make_batches(ragged, random_state, batch_size=8):
    n_texts = len(ragged)
    targets, weights = np.arange(n_texts), np.arange(n_texts, dtype=np.float32) / 2
    return TrainingBatches(
        ragged,
        targets,
        weights,
        batch_size=batch_size,
        random_state=random_state,
    )


@pytest.mark.parametrize("batch_size", [1, 7, 8, 600])
def test_each_text_is_in_one_batch_with_its_own_target_and_weight(ragged, batch_size):
    batches = make_batches(ragged, np.random.RandomState(0), batch_size)
    seen = []
    for texts, (targets, weights) in batches:
        assert len(texts) == len(targets) <= batch_size
        seen += targets.tolist()
        assert [texts.ragged[row][0] for row in texts.rows] == (targets + 1).tolist()
        assert np.allclose(weights, targets / np.arange(500).mean())
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


def test_lengths_are_similar_in_a_batch_and_random_from_batch_to_batch(ragged):
    batches = [texts.lengths for texts, _ in make_batches(ragged, np.random.RandomState(0))]
    longest = np.array([lengths.max() for lengths in batches])
    assert sum(longest * [len(lengths) for lengths in batches]) < 1.1 * len(ragged.ids)
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.5


@pytest.mark.parametrize(("median", "spread"), [(24, 0.45), (220, 0.6)])
def test_little_is_padded_at_the_lengths_of_real_texts(median, spread):
    """Lengths spread as those of sentences and of reviews, in batches of 32."""
    lengths = np.random.RandomState(0).lognormal(np.log(median), spread, size=6400).clip(3, 512)
    lengths = lengths.astype(int)
    ragged = RaggedIds(np.zeros(lengths.sum(), dtype=np.int32), lengths, pad_token_id=0)
    batches = make_batches(ragged, np.random.RandomState(0), 32)
    positions = sum(len(texts) * texts.lengths.max() for texts, _ in batches)
    assert positions < 1.05 * lengths.sum()


def test_without_a_generator_batches_are_the_same_each_time(ragged):
    batches = make_batches(ragged, None)
    first, second = ([targets.tolist() for _, (targets, _) in batches] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("n_tokens", [1, 59, 100, 1000, 10**6])
def test_pieces_hold_all_texts_in_order_and_fit(ragged, n_tokens):
    texts = RaggedRows(ragged, np.random.RandomState(1).permutation(500))
    pieces = [texts[piece] for piece in texts.pieces(n_tokens)]
    assert np.concatenate([piece.rows for piece in pieces]).tolist() == texts.rows.tolist()
    for piece in pieces:
        assert len(piece) == 1 or len(piece) * piece.lengths.max() <= n_tokens
    assert n_tokens < 10**6 or len(pieces) == 1
