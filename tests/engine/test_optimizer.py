"""The rule of the learning rate, and the gradient of the word embeddings."""

import pytest
import torch

from sklearn_bert._engine.optimizer import RowGradients, auto_learning_rate


@pytest.mark.parametrize("n_steps", [10, 100, 1_000, 100_000])
def test_the_rule_gives_the_articles_rate_at_berts_width(n_steps):
    assert auto_learning_rate(768, n_steps) == pytest.approx(2e-5)


def test_the_rule_wants_more_of_narrow_models_and_of_short_runs():
    assert auto_learning_rate(384, 100) > auto_learning_rate(384, 10_000) > 2e-5
    assert auto_learning_rate(1024, 500) < 2e-5
    assert auto_learning_rate(32, 10) <= 5e-4


def test_the_embeddings_gradient_is_the_dense_one_at_every_step():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        embedding, dense = torch.nn.Embedding(50, 4), torch.nn.Embedding(50, 4)
    dense.load_state_dict(embedding.state_dict())
    rows = RowGradients(embedding, torch.device("cpu"), torch.float32)
    for words in ([1, 1, 7], [7, 3], [49]):
        for module in (embedding, dense):
            module.weight.grad = None
            for _ in range(2):  # two pieces of a batch
                (module(torch.tensor(words)) ** 2).sum().backward()
        rows.fill()
        assert embedding.weight.grad.layout == torch.strided
        torch.testing.assert_close(embedding.weight.grad, dense.weight.grad)
    rows.close()
    assert not embedding.sparse


def test_frozen_embeddings_have_no_gradient_to_fill():
    embedding = torch.nn.Embedding(50, 4)
    embedding.weight.requires_grad_(False)
    rows = RowGradients(embedding, torch.device("cpu"), torch.float32)
    rows.fill()
    assert embedding.weight.grad is None
