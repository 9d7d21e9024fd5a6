"""The host waits for a GPU as often as it asks for results: not once a batch, nor once a step."""

import warnings

import numpy as np
import pytest
import torch
from architectures import ARCHITECTURES

from sklearn_bert import BertTextClassifier, BertTextEmbedder
from sklearn_bert._engine import contrastive, inference, lr_finder
from sklearn_bert._engine.forward import Forward
from sklearn_bert._text.ragged import RaggedIds, RaggedRows

pytestmark = [pytest.mark.gpu, pytest.mark.simulated_gpu]

CUDA = torch.device("cuda")
X = [f"the {word} film " + "of a " * (i % 7) for i, word in enumerate(["good", "bad"] * 24)]
Y = [1, 0] * 24


def count_waits(function):
    """Return how often the host waits for the device in a function."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


def test_waits_are_counted():
    """What these tests rely on."""
    ones = torch.ones(3, device=CUDA)
    assert count_waits(lambda: ones[ones > 0]) > 0
    assert count_waits(lambda: ones + 1) == 0


@pytest.fixture
def in_batches(monkeypatch):
    """Return a function that tells whether another one waits as often for many batches as for one.

    It must be called once before: what it does the first time does not count.
    """

    def waits(function):
        function()
        counts = []
        for n_tokens in (65536, 64):
            monkeypatch.setattr(inference, "_TOKENS_AT_ONCE_ON_A_GPU", n_tokens)
            counts.append(count_waits(function))
        return counts

    return waits


@pytest.mark.parametrize("dtype", ["auto", "float32", "bfloat16"])
def test_prediction_waits_once_a_call_and_not_once_a_batch(make_classifier, in_batches, dtype):
    clf = make_classifier(device="cuda", dtype=dtype, epochs=1).fit(X, Y)
    one, many = in_batches(lambda: clf.predict(X))
    assert 0 < one == many


@pytest.mark.parametrize("pooling", ["auto", "cls"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_embedding_waits_once_a_call_and_not_once_a_batch(tiny_model, in_batches, dtype, pooling):
    embedder = BertTextEmbedder(tiny_model, device="cuda", dtype=dtype, pooling=pooling).fit(X)
    one, many = in_batches(lambda: embedder.transform(X))
    assert 0 < one == many


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:0"])
def test_predicting_again_moves_no_module(make_classifier, monkeypatch, name):
    clf = make_classifier(epochs=1, device=name).fit(X, Y)
    moved = []
    monkeypatch.setattr(type(clf.module_), "to", lambda self, *args: moved.append(args))
    clf.predict(X)
    assert moved == []


@pytest.mark.parametrize("kind", [kind for kind in ARCHITECTURES if "deberta" not in kind])
@pytest.mark.parametrize("lengths", [[9, 3, 20], [9, 9, 9]])
def test_a_padded_forward_pass_never_waits(make_folder, kind, lengths):
    """transformers looks whether anything is padding, to leave the mask out."""
    folder = make_folder(ARCHITECTURES[kind])
    clf = BertTextClassifier(folder, device="cpu", epochs=1).fit(["good", "bad"] * 4, [1, 0] * 4)
    lengths = np.array(lengths)
    ids = np.random.RandomState(0).randint(5, 200, lengths.sum()).astype(np.int32)
    texts = RaggedRows(RaggedIds(ids, lengths, clf.tokenizer_.pad_token_id), np.arange(3))
    logits = []
    for device in (torch.device("cpu"), CUDA):
        forward = Forward(clf.module_.to(device), device, torch.float32)
        forward.packed_model = None

        def compute(forward=forward):
            logits.append(forward(texts).detach())

        assert count_waits(compute) == 0
    np.testing.assert_allclose(logits[0], logits[1].cpu(), atol=1e-4)


@pytest.mark.parametrize(
    "settings", [{}, {"dtype": "float32"}, {"freeze": "all"}, {"early_stopping": True}], ids=str
)
def test_no_step_of_training_waits(make_classifier, settings):
    """As many waits for eight times as many steps."""
    clf = make_classifier(device="cuda", epochs=1, **settings).fit(X, Y)
    few, many = (count_waits(lambda n=n: clf.fit(X * n, Y * n)) for n in (1, 8))
    assert 0 < few == many


def test_the_range_test_waits_once_in_ten_steps(make_classifier, monkeypatch):
    monkeypatch.setattr(lr_finder, "_STOP_FACTOR", np.inf)
    clf = make_classifier(device="cuda", epochs=1).fit(X, Y)
    counts = [
        count_waits(lambda n=n: clf._find_learning_rate(X, Y, None, n_steps=n)) for n in (10, 50)
    ]
    assert counts[1] == counts[0] + 4


def test_no_step_that_draws_texts_of_a_class_together_waits(make_classifier, monkeypatch):
    counts = []
    clf = make_classifier(device="cuda", head="auto", epochs="auto").fit(X[:16], Y[:16])
    for n_steps in (10, 40):
        monkeypatch.setattr(contrastive, "STEPS", n_steps)
        counts.append(count_waits(lambda: clf.fit(X[:16], Y[:16])))
    assert 0 < counts[0] == counts[1]
