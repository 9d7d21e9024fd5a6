"""Texts are packed where the card and the build of torch have flash attention, else padded."""

import numpy as np
import pytest
import torch
from transformers import BertConfig

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine.forward import Forward

pytestmark = pytest.mark.simulated_gpu


def test_a_build_without_flash_attention_pads(make_classifier, reviews, monkeypatch):
    """As the wheels for Windows, and ROCm on some cards: torch has the function, no kernel."""
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: False)
    clf = make_classifier(dtype="bfloat16").fit(*reviews)
    assert clf.module_.device.type == "cuda"
    assert clf.score(*reviews) == 1.0


def test_a_card_before_ampere_pads(make_classifier, reviews, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (7, 5))
    assert make_classifier(dtype="bfloat16").fit(*reviews).score(*reviews) == 1.0


@pytest.fixture
def odd_heads(make_folder):
    """A model whose heads are 26 numbers wide, as in rubert-tiny2 and TinyBERT_General_4L_312D."""
    config = BertConfig(
        vocab_size=300,
        hidden_size=52,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        attention_probs_dropout_prob=0.0,
        hidden_dropout_prob=0.0,
        initializer_range=0.2,
    )
    return str(make_folder(config))


def test_heads_may_have_any_width(odd_heads, reviews):
    settings = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "random_state": 0}
    probas = [
        BertTextClassifier(odd_heads, dtype="bfloat16", device=device, head="new", **settings)
        .fit(*reviews)
        .predict_proba(reviews[0])
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*probas, atol=0.02)


def test_heads_of_any_width_are_packed(odd_heads):
    clf = BertTextClassifier(odd_heads, epochs=1).fit(["good", "bad"] * 4, [1, 0] * 4)
    forward = Forward(clf.module_, torch.device("cuda"), torch.bfloat16)
    assert forward.packed_model is not None
