"""Texts are packed where the card and the build of torch have flash attention, else padded."""

import pytest
import torch

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
