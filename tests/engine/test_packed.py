"""Unpadded texts give the logits of padded ones, in every architecture that can do it."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
import torch
import transformers
from waiting import n_waits

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine.attention import attend
from sklearn_bert._engine.attention_kernels import EFFICIENT, FLASH
from sklearn_bert._engine.forward import Forward
from sklearn_bert._engine.frozen_encoder import FrozenForward
from sklearn_bert._engine.packing import PackedTexts
from sklearn_bert._text.ragged import RaggedIds, RaggedRows, pad

SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 300,
}
TOKENS = dict.fromkeys(("bos_token_id", "eos_token_id", "mask_token_id"), 3)  # not of 50,000
TOKENS["pad_token_id"] = 0
WINDOWS = {"local_attention": 16, "global_attn_every_n_layers": 2}
WINDOWS.update(TOKENS, cls_token_id=3, sep_token_id=3)
CONFIGS = {
    "bert": transformers.BertConfig(**SIZES),
    "roberta": transformers.RobertaConfig(**SIZES, pad_token_id=1),
    "camembert": transformers.CamembertConfig(**SIZES, pad_token_id=1),
    "xlm-roberta": transformers.XLMRobertaConfig(**SIZES, pad_token_id=1),
    "electra": transformers.ElectraConfig(**SIZES, embedding_size=16),
    "electra-wide": transformers.ElectraConfig(**SIZES, embedding_size=32),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=100, dim=32, n_layers=3, n_heads=4, hidden_dim=64, max_position_embeddings=300
    ),
    "albert": transformers.AlbertConfig(**SIZES, embedding_size=16),
    "albert-groups": transformers.AlbertConfig(
        **{**SIZES, "num_hidden_layers": 5},
        embedding_size=16,
        num_hidden_groups=2,
        inner_group_num=2,
    ),
    "ernie": transformers.ErnieConfig(**SIZES, use_task_id=True),
    "modernbert": transformers.ModernBertConfig(**SIZES, **WINDOWS),
    "modernbert-mean": transformers.ModernBertConfig(**SIZES, **WINDOWS, classifier_pooling="mean"),
    "nomic-bert": transformers.NomicBertConfig(**SIZES),
    "eurobert": transformers.EuroBertConfig(**SIZES, **TOKENS, classifier_pooling="bos"),
    "eurobert-mean": transformers.EuroBertConfig(**SIZES, **TOKENS, classifier_pooling="mean"),
    "eurobert-late": transformers.EuroBertConfig(
        **SIZES, **TOKENS, classifier_pooling="late", num_key_value_heads=2
    ),
}
for kind in ("Data2VecText", "JinaEmbeddingsV3", "RobertaPreLayerNorm", "XLMRobertaXL", "Gte"):
    if hasattr(transformers, f"{kind}Config"):  # Gte came late
        CONFIGS[kind] = getattr(transformers, f"{kind}Config")(**SIZES)
CPU = torch.device("cpu")


def make_module(config):
    config.num_labels, config.initializer_range = 3, 0.2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return transformers.AutoModelForSequenceClassification.from_config(config)


def make_texts(pad_token_id, lengths):
    lengths = np.asarray(lengths)
    ids = np.random.RandomState(0).randint(5, 100, lengths.sum()).astype(np.int32)
    return RaggedRows(RaggedIds(ids, lengths, pad_token_id), np.arange(len(lengths)))


def both_logits(module, texts, device=CPU, dtype=torch.float32):
    """Return the packed and the padded logits."""
    forward = Forward(module, device, dtype)
    assert forward.packed_model is not None
    packed = forward(texts)
    forward.packed_model = None
    return packed, forward(texts)


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize(
    "lengths", [[7], [1, 1], [3, 3, 8, 9, 9, 9, 20], [200, 3, 150, 150, 40, 3], [250] * 3]
)
def test_packed_logits_equal_padded_ones(kind, lengths):
    module = make_module(CONFIGS[kind]).eval()
    texts = make_texts(module.config.pad_token_id or 0, lengths)
    with torch.inference_mode():
        packed, padded = both_logits(module, texts)
    assert packed.std() > 0.05 or len(lengths) < 3
    torch.testing.assert_close(packed, padded, atol=1e-5, rtol=0)


def test_texts_lie_end_to_end_in_the_order_asked_for():
    texts = make_texts(0, [4, 2, 6, 6])[np.array([2, 0, 3])]
    packed = PackedTexts(texts, CPU)
    ids = [texts.ragged[row].tolist() for row in (2, 0, 3)]
    assert packed.ids.tolist() == [token for row in ids for token in row]
    assert packed.positions.tolist() == [*range(6), *range(4), *range(6)]
    assert packed.boundaries.tolist() == [0, 6, 10, 16]
    assert packed.groups == [(1, 6), (1, 4), (1, 6)]
    assert (len(packed), packed.longest, packed.n_filled) == (3, 6, 0)


def test_long_rows_are_filled_up_at_their_end():
    packed = PackedTexts(make_texts(0, [200, 200, 201]), CPU)
    assert (packed.n_filled, len(packed.ids), len(packed.positions)) == (7, 608, 608)
    assert packed.boundaries[-1] == 601


@pytest.mark.parametrize("first_only", [False, True])
@pytest.mark.parametrize("window", [None, 4, 20])
def test_a_ragged_kernel_is_told_where_texts_begin_and_end(first_only, window):
    """The kernel for GPUs, played by a plain loop."""

    def kernel(query, key, value, begin_q, begin_k, longest_q, longest_k, *, scale, **settings):
        assert begin_q.dtype == begin_k.dtype == torch.int32
        assert longest_q == begin_q.diff().max() and longest_k == begin_k.diff().max()
        assert settings == {"dropout_rate": 0.0, "window": 4 if near else None}
        contexts = []
        for i in range(len(begin_q) - 1):
            q, k = slice(begin_q[i], begin_q[i + 1]), slice(begin_k[i], begin_k[i + 1])
            states = (s.transpose(0, 1) for s in (query[q], key[k], value[k]))
            places = torch.arange(k.stop - k.start)
            mask = (places[:, None] - places).abs() < 4 if near else None
            context = torch.nn.functional.scaled_dot_product_attention(
                *states, scale=scale, attn_mask=mask
            )
            contexts.append(context.transpose(0, 1))
        return torch.cat(contexts)

    near = window == 4 and not first_only  # no text is longer than 20 tokens
    packed = PackedTexts(make_texts(0, [3, 3, 8, 20]), CPU)
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(34, 4, 8, generator=generator) for _ in range(3))
    if first_only:
        query = query[packed.first]
    settings = {"first_only": first_only, "scale": 0.3, "window": window}
    expected = attend(query, key, value, packed, **settings)
    context = attend(query, key, value, packed, kernel=kernel, **settings)
    torch.testing.assert_close(context, expected[: len(query)])


@pytest.mark.parametrize("operator", [FLASH, EFFICIENT], ids=lambda operator: operator.name)
def test_torch_has_the_private_operators_as_they_are_called(operator):
    """Fails with a torch that has changed them: texts are then packed by another, or padded."""
    assert operator.is_known(), getattr(torch.ops.aten, operator.name).default._schema


def gradients_of(forward, texts):
    """Return the gradients of all parameters, as they come out of a new backward pass."""
    forward.module.zero_grad()
    targets = torch.tensor([0, 1, 2, 1], device=forward.device)
    torch.nn.functional.cross_entropy(forward(texts), targets).backward()
    return {name: parameter.grad for name, parameter in forward.module.named_parameters()}


def check_gradients(found, expected):
    for name, gradient in found.items():
        if expected[name] is None:
            assert gradient is None
        else:
            torch.testing.assert_close(gradient, expected[name], atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("kind", CONFIGS)
def test_packed_gradients_equal_padded_ones(kind):
    module = make_module(CONFIGS[kind]).eval()  # without dropout, which draws differently
    texts = make_texts(module.config.pad_token_id or 0, [3, 8, 8, 150])
    forward = Forward(module, CPU, torch.float32)
    packed = gradients_of(forward, texts)
    forward.packed_model = None
    check_gradients(packed, gradients_of(forward, texts))


@pytest.mark.parametrize("kind", CONFIGS)
def test_checkpointed_gradients_equal_those_that_are_not(kind):
    """With dropout, which draws the same again."""
    module = make_module(CONFIGS[kind]).train()
    texts = make_texts(module.config.pad_token_id or 0, [3, 8, 8, 150])
    forward, gradients = Forward(module, CPU, torch.float32), []
    for checkpoints in (False, True):
        if checkpoints and not forward.start_checkpointing():
            assert kind.startswith("albert")
            return
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            gradients.append(gradients_of(forward, texts))
    check_gradients(*gradients)
    assert not any(getattr(child, "gradient_checkpointing", False) for child in module.modules())


@pytest.mark.parametrize("kind", [kind for kind in CONFIGS if kind[-4:] not in ("mean", "late")])
@pytest.mark.parametrize("packs", [True, False])
def test_a_frozen_encoder_with_its_head_gives_the_same_logits(kind, packs):
    module = make_module(CONFIGS[kind]).eval()
    texts = make_texts(module.config.pad_token_id or 0, [3, 20, 9, 150])
    forward = FrozenForward(module, CPU, torch.float32)
    if not packs:
        forward.packed_model = None
    found = forward(texts[np.array([2, 0])])
    expected = Forward(module, CPU, torch.float32)(texts)[[2, 0]]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_module_stays_as_it_is(kind, tmp_path):
    """Others may compute with it meanwhile, save or copy it."""
    module = make_module(CONFIGS[kind])
    before, known = copy.deepcopy(module.config.to_dict()), {}
    for name, child in module.named_modules():
        known[name] = {key: value for key, value in vars(child).items() if key[0] != "_"}
    attention = module.config._attn_implementation
    texts = make_texts(module.config.pad_token_id or 0, [3, 8, 8, 150])
    forward = Forward(module, CPU, torch.float32)
    forward.start_checkpointing()
    gradients_of(forward, texts)
    forward.stop_checkpointing()
    assert module.config.to_dict() == before
    assert module.config._attn_implementation == attention
    for name, child in module.named_modules():
        public = {key: value for key, value in vars(child).items() if key[0] != "_"}
        assert public.keys() == known[name].keys()
        assert all(public[key] is known[name][key] for key in public)
    module.save_pretrained(tmp_path)
    assert "packed" not in (tmp_path / "config.json").read_text()
    assert "packed" not in str(vars(pickle.loads(pickle.dumps(module)).config))


def test_no_module_outlives_its_user_until_garbage_is_collected():
    gc.collect()
    gc.disable()
    try:
        for kind in ("bert", "modernbert-mean", "eurobert-late", "nomic-bert"):
            module = make_module(CONFIGS[kind])
            forward = Forward(module, CPU, torch.float32)
            gradients_of(forward, make_texts(0, [3, 8, 8, 150]))
            weight = weakref.ref(module.get_input_embeddings())
            del module, forward
            assert weight() is None
    finally:
        gc.enable()


def replace_weights(module):
    weights = {name: 2 * weight for name, weight in module.state_dict().items()}
    module.load_state_dict(weights, assign=True)


def replace_a_layer(module):
    module.bert.encoder.layer[1] = copy.deepcopy(module.bert.encoder.layer[0])


def replace_a_linear(module):
    linear = module.bert.encoder.layer[1].attention.self.query
    module.bert.encoder.layer[1].attention.self.query = torch.nn.Sequential(linear, torch.nn.Tanh())


def replace_the_activation(module):
    module.bert.encoder.layer[0].intermediate.intermediate_act_fn = torch.nn.Tanh()


def hook_a_layer(module):
    module.bert.encoder.layer[1].register_forward_hook(lambda layer, inputs, output: 2 * output)


def change_an_attribute(module):
    module.bert.encoder.layer[0].attention.self.scaling = 3.0


def give_it_a_forward_pass(module):
    layer = module.bert.encoder.layer[1].intermediate
    layer.forward = lambda states, forward=layer.forward: forward(states).tanh()


@pytest.mark.parametrize(
    "change",
    [
        replace_weights,
        replace_a_layer,
        replace_a_linear,
        replace_the_activation,
        hook_a_layer,
        change_an_attribute,
        give_it_a_forward_pass,
    ],
)
def test_what_becomes_of_a_module_between_two_calls_counts(change):
    module = make_module(CONFIGS["bert"]).eval()
    texts = make_texts(0, [3, 8, 20])
    with torch.inference_mode():
        before = Forward(module, CPU, torch.float32)(texts)
    change(module)
    with torch.inference_mode():
        found = Forward(module, CPU, torch.float32)(texts)
        padded = Forward(module, CPU, torch.float32)
        padded.packed_model = None
        torch.testing.assert_close(found, padded(texts), atol=1e-4, rtol=0)
    assert not torch.allclose(found, before, atol=1e-3)


def test_training_and_evaluation_mode_are_told_apart():
    module, texts = make_module(CONFIGS["bert"]).eval(), make_texts(0, [3, 8, 20])
    forward = Forward(module, CPU, torch.float32)
    with torch.random.fork_rng(), torch.no_grad():
        first = forward(texts)
        module.train()
        assert not torch.equal(forward(texts), first)
        assert not torch.equal(forward(texts), forward(texts))
        module.eval()
        assert torch.equal(forward(texts), first)


def test_the_real_model_gives_the_same_logits(minilm):
    X, y = ["a fine film " * (i % 30) for i in range(40)], [0, 1] * 20
    clf = BertTextClassifier(minilm, epochs=1, random_state=0).fit(X, y)
    tokens = clf.tokenizer_(X, return_tensors="pt", padding=True)
    with torch.inference_mode():
        logits = clf.module_(**tokens).logits.double().numpy()
    np.testing.assert_allclose(clf.decision_function(X), logits[:, 1] - logits[:, 0], atol=1e-5)


def test_bfloat16_rounds_alike():
    module = make_module(CONFIGS["bert"]).eval()
    texts = make_texts(0, [3, 3, 8, 9, 200])
    with torch.inference_mode():
        packed, padded = both_logits(module, texts, dtype=torch.bfloat16)
        exact, _ = both_logits(module, texts)
    assert packed.dtype == torch.float32
    assert (packed - exact).abs().max() < 0.1
    assert (packed - exact).abs().max() < 3 * (padded - exact).abs().max() + 0.01


DROPOUTS = ("hidden_dropout_prob", "classifier_dropout", "mlp_dropout", "embedding_dropout")


@pytest.mark.parametrize("kind", ["bert", "distilbert", "albert", "nomic-bert", "eurobert"])
def test_attention_dropout_is_applied_where_a_module_has_it(kind):
    settings = CONFIGS[kind].to_dict()
    settings.update(dict.fromkeys([*DROPOUTS, "dropout", "seq_classif_dropout"], 0.0))
    settings.update(attention_probs_dropout_prob=0.5, attention_dropout=0.5)
    module = make_module(type(CONFIGS[kind])(**settings))
    texts = make_texts(0, [3, 8, 200])
    forward = Forward(module.train(), CPU, torch.float32)
    with torch.random.fork_rng(), torch.no_grad():
        assert not torch.equal(forward(texts), forward(texts))
    forward = Forward(module.eval(), CPU, torch.float32)
    with torch.no_grad():
        assert torch.equal(forward(texts), forward(texts))


@pytest.mark.parametrize(
    "config",
    [
        transformers.DebertaV2Config(**SIZES, pos_att_type=["c2p", "p2c"], relative_attention=True),
        transformers.MPNetConfig(**SIZES, pad_token_id=1),
    ],
    ids=["deberta-v2", "mpnet"],
)
def test_architectures_with_positions_in_the_scores_are_padded(config):
    module = make_module(config).eval()
    texts = make_texts(module.config.pad_token_id, [3, 8, 20])
    forward = Forward(module, CPU, torch.float32)
    assert forward.packed_model is None
    with torch.inference_mode():
        alone = torch.cat([forward(texts[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(forward(texts), alone, atol=1e-5, rtol=0)


def test_a_module_with_a_forward_pass_of_its_own_is_padded():
    texts = make_texts(0, [3, 8, 20])
    module = make_module(CONFIGS["bert"]).eval()
    expected = Forward(module, CPU, torch.float32)(texts)
    module.bert.forward = module.bert.forward  # as libraries do that wrap it
    forward = Forward(module, CPU, torch.float32)
    assert forward.packed_model is None
    torch.testing.assert_close(forward(texts), expected, atol=1e-5, rtol=0)


def test_padding_is_masked_and_as_wide_as_the_longest():
    texts = make_texts(9, [3, 8, 5])
    inputs = pad(texts.ragged, texts.rows)
    assert inputs["input_ids"].shape == (3, 8)
    assert inputs["attention_mask"].sum(1).tolist() == [3, 8, 5]
    assert not inputs["token_type_ids"].any()
    for row in range(3):
        is_text = inputs["attention_mask"][row] == 1
        assert inputs["input_ids"][row][is_text].tolist() == texts.ragged[row].tolist()
        assert set(inputs["input_ids"][row][~is_text].tolist()) <= {9}


@pytest.mark.gpu
@pytest.mark.simulated_gpu
@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("lengths", [[7], [200, 3, 150, 150, 40, 3]])
def test_on_a_gpu_packed_logits_equal_padded_ones_up_to_bfloat16(kind, lengths):
    device = torch.device("cuda")
    module = make_module(CONFIGS[kind]).to(device).eval()
    texts = make_texts(module.config.pad_token_id or 0, lengths)
    with torch.inference_mode():
        packed, padded = both_logits(module, texts, device, torch.bfloat16)
        exact = Forward(module, device, torch.float32)(texts)
    assert (packed - exact).abs().max() < 3 * (padded - exact).abs().max() + 0.01


# Memory-efficient attention has no windows.
FULL = [kind for kind in CONFIGS if not kind.startswith("modernbert")]


@pytest.mark.gpu
@pytest.mark.simulated_gpu
@pytest.mark.parametrize("kind", FULL)
@pytest.mark.parametrize("lengths", [[7], [200, 3, 150, 150, 40, 3]])
def test_on_a_gpu_packed_logits_equal_padded_ones_in_float32(kind, lengths):
    device = torch.device("cuda")
    module = make_module(CONFIGS[kind]).to(device).eval()
    texts = make_texts(module.config.pad_token_id or 0, lengths)
    with torch.inference_mode():
        packed, padded = both_logits(module, texts, device)
    torch.testing.assert_close(packed, padded, atol=1e-4, rtol=0)


@pytest.mark.gpu
@pytest.mark.simulated_gpu
@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_a_gpu_packed_gradients_equal_padded_ones(kind, dtype):
    device = torch.device("cuda")
    module = make_module(CONFIGS[kind]).to(device).eval()
    texts = make_texts(module.config.pad_token_id or 0, [3, 8, 8, 150])
    forward = Forward(module, device, dtype)
    assert (forward.packed_model is None) == (kind not in FULL and dtype == torch.float32)
    packed = gradients_of(forward, texts)
    forward = Forward(module, device, torch.float32)
    forward.packed_model = None
    exact = gradients_of(forward, texts)
    if dtype == torch.float32:
        return check_gradients(packed, exact)
    forward = Forward(module, device, dtype)
    forward.packed_model = None
    padded = gradients_of(forward, texts)
    assert distance(packed, exact) < 2 * distance(padded, exact)


def distance(gradients, exact):
    """Return how far gradients are from the exact ones, altogether."""
    squares = [
        (gradient - exact[name]).square().sum()
        for name, gradient in gradients.items()
        if exact[name] is not None
    ]
    return torch.stack(squares).sum().sqrt()


@pytest.mark.gpu
@pytest.mark.simulated_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_a_gpu_attention_dropout_is_drawn_again_for_checkpoints(dtype):
    device = torch.device("cuda")
    module = make_module(CONFIGS["bert"]).to(device).train()
    assert module.config.attention_probs_dropout_prob > 0
    texts = make_texts(0, [3, 8, 8, 150])
    forward, gradients = Forward(module, device, dtype), []
    assert forward.packed_model is not None
    for checkpoints in (False, True):
        if checkpoints:
            forward.start_checkpointing()
        torch.cuda.manual_seed(0)
        torch.manual_seed(0)
        gradients.append(gradients_of(forward, texts))
    check_gradients(*gradients)


@pytest.mark.gpu
def test_on_a_gpu_training_packed_learns(minilm):
    X, y = ["a joy " * 9, "a bore " * 20, "lovely", "dull and long"] * 16, [1, 0, 1, 0] * 16
    clf = BertTextClassifier(minilm, device="cuda", random_state=0).fit(X, y)
    assert clf.score(X, y) == 1.0
    half = clf.set_params(dtype="bfloat16").predict_proba(X)
    np.testing.assert_allclose(half, clf.set_params(dtype="float32").predict_proba(X), atol=0.02)


@pytest.mark.gpu
@pytest.mark.simulated_gpu
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"freeze": 1},
        {"gradient_checkpointing": True},
        {"class_weight": "balanced"},
        {"dtype": "float32"},
    ],
)
def test_on_a_gpu_no_step_waits_for_the_device(make_classifier, settings):
    """Losses are read once an epoch: the device is waited for as often, however many steps."""
    X, y = ["a " * (i % 40 + 1) for i in range(256)], [0, 1] * 128
    settings = {"dtype": "bfloat16", **settings}
    clf = make_classifier(device="cuda", epochs=1, **settings).fit(X[:16], y[:16])
    assert 0 < n_waits(clf, X[:64], y[:64]) == n_waits(clf, X, y)
