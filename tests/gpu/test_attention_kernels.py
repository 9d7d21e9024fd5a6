"""Texts are packed by the best kernel that the card and the build of torch have, else padded."""

from dataclasses import replace

import numpy as np
import pytest
import simulated_attention
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, ModernBertConfig

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine import attention_kernels as _kernels
from sklearn_bert._engine.forward import Forward
from sklearn_bert._text.ragged import RaggedIds, RaggedRows

pytestmark = pytest.mark.simulated_gpu
CUDA = torch.device("cuda")
HALF, SINGLE, BRAIN = torch.float16, torch.float32, torch.bfloat16
ROUNDS = {HALF: 0.03, SINGLE: 1e-5, BRAIN: 0.2}
SIZES = {"vocab_size": 300, "num_hidden_layers": 2, "max_position_embeddings": 64}
SIZES |= {"num_attention_heads": 2, "intermediate_size": 64}
SPECIAL = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3}
SPECIAL |= {"bos_token_id": 2, "eos_token_id": 3}


def make_module(width=16, dropout=0.0):
    rates = {"attention_probs_dropout_prob": dropout, "hidden_dropout_prob": 0.0}
    spread = 0.8 / width**0.5  # so that what half precision rounds away is as much for each width
    return make(BertConfig(**SIZES, hidden_size=2 * width, initializer_range=spread, **rates))


def make_windows(n_layers):
    """Return a model in whose every second layer, from the second on, tokens see 4 on each side."""
    sizes = {**SIZES, "num_hidden_layers": n_layers, "hidden_size": 32, "local_attention": 8}
    every = {"global_attn_every_n_layers": 2, "initializer_range": 0.5}
    return make(ModernBertConfig(**sizes, **SPECIAL, **every))


def make(config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForSequenceClassification.from_config(config)


def make_texts(lengths):
    ids = np.random.RandomState(0).randint(5, 300, sum(lengths)).astype(np.int32)
    return RaggedRows(RaggedIds(ids, np.array(lengths), 0), np.arange(len(lengths)))


@pytest.fixture
def old_card(monkeypatch):
    """Let the cards be a T4, or a V100."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (7, 5))


@pytest.fixture
def no_flash(monkeypatch):
    """Let the build be that for Windows: torch has the operator, no kernel."""
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: False)


@pytest.fixture
def no_efficient(monkeypatch):
    monkeypatch.setattr(simulated_attention, "has_efficient_attention", False)


def check(module, dtype, lengths=(20, 3, 3, 1, 9), packs=True):
    """Look at logits and gradients, packed, against those of the CPU in float32."""
    module.eval().to("cpu")
    texts, found = make_texts(lengths), []
    for device, arithmetic in ((torch.device("cpu"), SINGLE), (CUDA, dtype)):
        forward = Forward(module.to(device), device, arithmetic)
        module.zero_grad()
        logits = forward(texts)
        logits.square().sum().backward()
        gradients = [p.grad.flatten() for p in module.parameters() if p.grad is not None]
        found.append([tensor.cpu() for tensor in (logits.detach(), torch.cat(gradients))])
    assert (forward.packed_model is not None) == packs
    for expected, values in zip(*found, strict=True):
        assert (values - expected).norm() <= ROUNDS[dtype] * expected.norm()


@pytest.mark.parametrize("dtype", [HALF, SINGLE, BRAIN])
def test_all_arithmetics_are_packed(dtype):
    check(make_module(), dtype)


@pytest.mark.parametrize("dtype", [HALF, SINGLE, BRAIN])
def test_a_build_without_flash_attention_packs_all_the_same(no_flash, dtype):
    check(make_module(), dtype)


@pytest.mark.parametrize(("dtype", "packs"), [(HALF, True), (SINGLE, True), (BRAIN, False)])
def test_a_card_before_ampere_packs_what_it_computes(old_card, dtype, packs):
    check(make_module(), dtype, packs=packs)


@pytest.mark.parametrize(("dtype", "packs"), [(HALF, True), (SINGLE, False), (BRAIN, True)])
def test_a_build_without_memory_efficient_attention(no_efficient, dtype, packs):
    check(make_module(), dtype, packs=packs)


@pytest.mark.parametrize("dtype", [HALF, SINGLE, BRAIN])
def test_a_build_without_kernels_pads(no_flash, no_efficient, dtype):
    check(make_module(), dtype, packs=False)


@pytest.mark.parametrize("dtype", [HALF, SINGLE, BRAIN])
@pytest.mark.parametrize("width", [26, 264])
def test_heads_of_any_width_are_packed(dtype, width):
    """26 as in rubert-tiny2 and TinyBERT_General_4L_312D; flash attention ends at 256."""
    check(make_module(width), dtype)


@pytest.mark.parametrize("n_layers", [2, 3])
@pytest.mark.parametrize("lengths", [(40, 3, 9, 5, 6), (5, 4, 3)])
@pytest.mark.parametrize(("dtype", "packs"), [(HALF, True), (SINGLE, False), (BRAIN, True)])
def test_windows_are_packed_by_flash_attention(n_layers, lengths, dtype, packs):
    check(make_windows(n_layers), dtype, lengths, packs=packs)


def test_windows_are_padded_without_flash_attention(no_flash):
    check(make_windows(2), BRAIN, packs=False)


def test_amd_has_flash_attention_without_windows_only(monkeypatch):
    monkeypatch.setattr(torch.version, "hip", "7.0")
    check(make_module(), BRAIN)
    check(make_module(), SINGLE, packs=False)
    check(make_windows(2), BRAIN, packs=False)


def test_kernels_drop_attention_weights():
    texts = make_texts([20, 3, 9])
    for dtype in (SINGLE, BRAIN):
        forward = Forward(make_module(dropout=0.5).to(CUDA), CUDA, dtype)
        assert forward.packed_model is not None
        assert not torch.equal(forward(texts), forward(texts))


def change(monkeypatch, name):
    """Let an operator take other arguments than those that it is known with."""
    operator = getattr(_kernels, name)
    arguments = operator.arguments.replace("dropout_p", "dropout_rate")
    monkeypatch.setattr(_kernels, name, replace(operator, arguments=arguments))


def test_operators_that_torch_has_changed_are_not_called(monkeypatch, no_efficient):
    pytest.importorskip("torch.nn.attention.varlen")
    change(monkeypatch, "FLASH")
    check(make_module(), BRAIN)  # by the public function
    for needs_more in (make_module(dropout=0.1), make_windows(2)):
        check(needs_more, BRAIN, packs=False)
    monkeypatch.setattr(_kernels, "varlen_attention", lambda: None)
    check(make_module(), BRAIN, packs=False)


def test_texts_are_padded_where_torch_has_changed_all(monkeypatch):
    change(monkeypatch, "FLASH")
    change(monkeypatch, "EFFICIENT")
    check(make_module(), SINGLE, packs=False)
    check(make_module(dropout=0.1), BRAIN, packs=False)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_fit_on_odd_heads_is_that_of_the_cpu(make_folder, reviews, dtype):
    config = BertConfig(**SIZES, hidden_size=52, hidden_dropout_prob=0.0, initializer_range=0.2)
    model, settings = str(make_folder(config)), {"epochs": 1, "batch_size": 8, "random_state": 0}
    probas = [
        BertTextClassifier(
            model, dtype=dtype, device=device, head="new", learning_rate=1e-3, **settings
        )
        .fit(*reviews)
        .predict_proba(reviews[0])
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*probas, atol=1e-3 if dtype == "float32" else 0.02)


def test_a_fit_without_kernels_learns(make_classifier, reviews, no_flash, no_efficient):
    clf = make_classifier(dtype="bfloat16").fit(*reviews)
    assert clf.module_.device.type == "cuda"
    assert clf.score(*reviews) == 1.0
