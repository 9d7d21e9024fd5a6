"""Copies of the weights in half precision give what autocast gives, and leave the module alone."""

import copy

import numpy as np
import pytest
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_bert._engine import half_weights as _half
from sklearn_bert._engine.forward import Forward
from sklearn_bert._engine.half_weights import HalfForward
from sklearn_bert._text.ragged import RaggedIds, RaggedRows

CPU = torch.device("cpu")
SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "num_labels": 3,
    "initializer_range": 0.2,
}
TOKENS = dict.fromkeys(("bos_token_id", "eos_token_id", "mask_token_id"), 3)
# Those of the first have attention in three maps that are computed as one.
JOINED = {
    "bert": transformers.BertConfig(**SIZES),
    "distilbert": transformers.DistilBertConfig(
        **{"vocab_size": 100, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64},
        **{"max_position_embeddings": 64, "num_labels": 3, "initializer_range": 0.2},
    ),
    "albert": transformers.AlbertConfig(**SIZES, embedding_size=16),
    "eurobert": transformers.EuroBertConfig(
        **SIZES, **TOKENS, classifier_pooling="mean", num_key_value_heads=2
    ),
}
OTHERS = {
    "modernbert": transformers.ModernBertConfig(
        **SIZES, **TOKENS, cls_token_id=3, sep_token_id=3, local_attention=16
    ),
    "deberta-v2": transformers.DebertaV2Config(**SIZES),
    "mpnet": transformers.MPNetConfig(**SIZES),
}


def make_module(config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return transformers.AutoModelForSequenceClassification.from_config(config).eval()


@pytest.fixture(scope="module")
def texts():
    lengths = np.array([3, 3, 8, 20])
    ids = np.random.RandomState(0).randint(5, 100, lengths.sum()).astype(np.int32)
    return RaggedRows(RaggedIds(ids, lengths, 0), np.arange(len(lengths)))


def learn(forward, texts):
    """Return logits, and the gradients of all parameters by name."""
    forward.begin_step()
    logits = forward(texts)
    logits.square().sum().backward()
    parameters = dict(forward.module.named_parameters())
    found = {name: value.grad for name, value in parameters.items() if value.grad is not None}
    forward.module.zero_grad()
    return logits.detach(), found


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", [*JOINED, *OTHERS])
def test_logits_and_gradients_are_those_of_autocast(kind, dtype, texts):
    module = make_module({**JOINED, **OTHERS}[kind])
    logits, gradients = learn(HalfForward(module, CPU, dtype), texts)
    expected, expected_gradients = learn(Forward(module, CPU, dtype), texts)
    assert gradients.keys() == expected_gradients.keys()
    assert {value.dtype for value in gradients.values()} == {torch.float32}
    if kind in OTHERS:
        assert torch.equal(logits, expected)
        assert all(map(torch.equal, gradients.values(), expected_gradients.values()))
        return
    torch.testing.assert_close(logits, expected, rtol=0.02, atol=0.05)
    scale = max(value.norm() for value in expected_gradients.values())
    for name, value in expected_gradients.items():
        assert (gradients[name] - value).norm() < 0.03 * (value.norm() + 0.01 * scale), name


class Casts(TorchDispatchMode):
    """Count the casts of single tensors, and the copies of all at once."""

    def __init__(self):
        super().__init__()
        self.n_single = self.n_together = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        self.n_together += "_foreach_copy" in str(function)
        if "_to_copy" in str(function):
            self.n_single += output.dtype == torch.bfloat16 and args[0].dtype == torch.float32
        return output


def test_weights_are_cast_together(texts):
    """What is left are the states: of each layer what attention reads, and the wide map."""
    module = make_module(JOINED["bert"])
    half, plain = HalfForward(module, CPU, torch.bfloat16), Forward(module, CPU, torch.bfloat16)
    with Casts() as together:
        learn(half, texts)
    with Casts() as single:
        learn(plain, texts)
    assert together.n_together == 2
    assert single.n_together == 0
    n_weights = sum(2 for child in module.modules() if isinstance(child, torch.nn.Linear))
    assert together.n_single <= single.n_single - n_weights


def test_gradients_are_cast_in_several_groups_where_there_are_many(texts, monkeypatch):
    monkeypatch.setattr(_half, "_CAST_TOGETHER", 5000)
    module = make_module(JOINED["bert"])
    half = HalfForward(module, CPU, torch.bfloat16)
    assert len(half.copies.groups) > 2
    _, gradients = learn(half, texts)
    monkeypatch.undo()
    _, expected = learn(HalfForward(module, CPU, torch.bfloat16), texts)
    assert all(map(torch.equal, gradients.values(), expected.values()))


def test_what_does_not_learn_gets_no_gradient(texts):
    module = make_module(JOINED["bert"])
    module.bert.encoder.layer[0].requires_grad_(False)
    module.bert.encoder.layer[1].attention.self.key.requires_grad_(False)
    module.bert.embeddings.requires_grad_(False)
    half = HalfForward(module, CPU, torch.bfloat16)
    _, gradients = learn(half, texts)
    assert gradients.keys() == {n for n, value in module.named_parameters() if value.requires_grad}
    module.bert.encoder.layer[1].requires_grad_(False)  # as a callback may do
    _, gradients = learn(half, texts)
    assert gradients.keys() == {n for n, value in module.named_parameters() if value.requires_grad}


@pytest.mark.parametrize("kind", ["bert", "deberta-v2"])
def test_layers_can_be_computed_again(kind, texts):
    module = make_module({**JOINED, **OTHERS}[kind]).train()
    for child in module.modules():
        if hasattr(child, "p"):
            child.p = child.drop_prob = 0.0
    half = HalfForward(module, CPU, torch.bfloat16)
    logits, gradients = learn(half, texts)
    assert half.start_checkpointing()
    again, gradients_again = learn(half, texts)
    assert torch.equal(again, logits)
    assert all(map(torch.equal, gradients_again.values(), gradients.values()))
    half.stop_checkpointing()
    assert not any(getattr(m, "gradient_checkpointing", False) for m in module.modules())


def test_the_module_stays_as_it_is(texts):
    module = make_module(JOINED["bert"])
    before = [dict(vars(child)) for child in module.modules()]
    state = copy.deepcopy(module.state_dict())
    half = HalfForward(module, CPU, torch.bfloat16)
    learn(half, texts)
    module.train()
    learn(half, texts)
    module.eval()
    assert [dict(vars(child)) for child in module.modules()] == before
    assert all(map(torch.equal, module.state_dict().values(), state.values()))


def test_steps_read_the_weights_and_the_mode_as_they_are(texts):
    module = make_module(JOINED["bert"])
    half, plain = HalfForward(module, CPU, torch.bfloat16), Forward(module, CPU, torch.bfloat16)
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(1.1)
    torch.testing.assert_close(learn(half, texts)[0], learn(plain, texts)[0], rtol=0.02, atol=0.05)
    module.train()  # with dropout
    assert not torch.equal(learn(half, texts)[0], learn(half, texts)[0])
    module.eval()
    half.begin_step()
    with torch.no_grad():
        torch.testing.assert_close(half(texts), plain(texts), rtol=0.02, atol=0.05)
        assert torch.equal(half(texts), half(texts))
