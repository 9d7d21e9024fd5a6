"""Which parameters learn, and how fast: frozen layers and layer-wise rates."""

import numpy as np
import pytest
import torch

from sklearn_bert._engine import frozen_encoder as _frozen
from sklearn_bert._engine.encoder import load_encoder
from sklearn_bert._engine.inference import predict_outputs
from sklearn_bert._engine.layers import freeze_layers, is_frozen, parameter_depths
from sklearn_bert._engine.optimizer import parameter_groups, set_learning_rates
from sklearn_bert._text.tokens import tokenize


@pytest.fixture
def module(tiny_model):
    return load_encoder(tiny_model, 2)[1]


def test_depths_count_from_the_embeddings_to_the_head(module):
    depths, n_layers = parameter_depths(module)
    assert n_layers == 2
    assert {depths[name] for name in depths if "embeddings" in name} == {0}
    assert {depths[name] for name in depths if "layer.0." in name} == {1}
    assert {depths[name] for name in depths if "layer.1." in name} == {2}
    assert {depths[name] for name in depths if "pooler" in name or "classifier" in name} == {3}
    assert depths.keys() == dict(module.named_parameters()).keys()


@pytest.mark.parametrize(("freeze", "highest"), [(0, -1), (1, 1), (2, 2), ("all", 2)])
def test_freezing_fixes_the_embeddings_and_the_layers_above(module, freeze, highest):
    freeze_layers(module, freeze)
    depths, _ = parameter_depths(module)
    for name, parameter in module.named_parameters():
        assert parameter.requires_grad == (depths[name] > highest)
    assert is_frozen(module) == (highest == 2)
    learning = {id(p) for group in parameter_groups(module, 0.01) for p in group["params"]}
    assert learning == {id(p) for p in module.parameters() if p.requires_grad}


def test_more_layers_than_there_are_is_an_error(make_classifier, reviews):
    with pytest.raises(ValueError, match=r"freeze must be at most 2, .*'bert' model, got 3"):
        make_classifier(freeze=3).fit(*reviews)


def test_each_layer_learns_at_a_factor_of_the_one_above(module):
    depths, _ = parameter_depths(module)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    groups = parameter_groups(module, 0.01, layer_decay=0.5)
    set_learning_rates(groups, 1e-4, "new")
    for group in groups:
        for parameter in group["params"]:
            depth = depths[names[id(parameter)]]
            expected = (
                1e-2 if "classifier" in names[id(parameter)] else 1e-4 * 0.5 ** max(2 - depth, 0)
            )
            assert group["lr"] == pytest.approx(expected)
    assert sum(len(group["params"]) for group in groups) == len(names)


def changed(clf, tiny_model):
    """Return the names of the parameters of the body that differ from the checkpoint's."""
    before = dict(load_encoder(tiny_model, 2)[1].bert.named_parameters())
    after = dict(clf.module_.bert.named_parameters())
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("freeze", [1, 2, "all"])
def test_what_is_frozen_stays_as_it_was(make_classifier, reviews, tiny_model, freeze):
    clf = make_classifier(freeze=freeze, epochs=4).fit(*reviews)
    names = changed(clf, tiny_model)
    assert any("pooler" in name for name in names)
    assert any("layer.1" in name for name in names) == (freeze == 1)
    assert not any("embeddings" in name or "layer.0" in name for name in names)
    assert all(parameter.requires_grad for parameter in clf.module_.parameters())
    assert clf.score(*reviews) > 0.8


def test_the_lower_layers_change_less_with_layer_decay(make_classifier, reviews, tiny_model):
    before = load_encoder(tiny_model, 2)[1].bert.encoder.layer[0].output.dense.weight

    def change(layer_decay):
        clf = make_classifier(layer_decay=layer_decay).fit(*reviews)
        return (clf.module_.bert.encoder.layer[0].output.dense.weight - before).abs().mean().item()

    assert change(0.1) < 0.3 * change(1.0)


def test_the_encoder_runs_once_when_it_is_frozen(make_classifier, reviews, monkeypatch):
    lengths = []
    original = _frozen.compute
    monkeypatch.setattr(
        _frozen,
        "compute",
        lambda f, r, d: lengths.append(len(r)) or original(f, r, d),
    )
    make_classifier(freeze="all", epochs=5).fit(*reviews)
    assert lengths == [60]
    make_classifier(freeze="all", epochs=5, early_stopping=True).fit(*reviews)
    assert sorted(lengths) == [6, 54, 60]


@pytest.mark.parametrize("packed", [True, False])
def test_the_logits_of_a_frozen_encoder_are_those_of_the_whole(tiny_model, monkeypatch, packed):
    from sklearn_bert._engine import forward as _forward
    from sklearn_bert._text.ragged import RaggedRows

    if not packed:
        monkeypatch.setattr(_forward, "packed_model", lambda *_: None)
    tokenizer, module = load_encoder(tiny_model, 2)
    ragged = tokenize(tokenizer, ["good film", "a bad book of a film", ""], 64)
    forward = _frozen.FrozenForward(module.eval(), torch.device("cpu"), torch.float32)
    rows = np.array([2, 0])
    found = forward(RaggedRows(ragged, rows)).detach().numpy()
    expected = predict_outputs(module, ragged, torch.device("cpu"), torch.float32)[rows]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_head_is_all_that_gets_a_gradient(tiny_model):
    from sklearn_bert._text.ragged import RaggedRows

    tokenizer, module = load_encoder(tiny_model, 2)
    ragged = tokenize(tokenizer, ["good film", "bad"], 64)
    freeze_layers(module, "all")
    forward = _frozen.training_forward(module.train(), torch.device("cpu"), torch.float32)
    forward(RaggedRows(ragged, np.arange(2))).sum().backward()
    with_gradient = {name for name, p in module.named_parameters() if p.grad is not None}
    assert with_gradient == {
        name for name in dict(module.named_parameters()) if "pooler" in name or "classif" in name
    }
    assert module.training
