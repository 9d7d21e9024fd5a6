"""A sentence-transformers model gives the vectors of its own `encode`."""

import functools
import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer

from sklearn_bert import BertTextClassifier, BertTextEmbedder

TEXTS = ["the good film", "a bad book of a film", "good", "Good the FILM"]
WAYS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
POOLED = {
    "cls": lambda states: states[0],
    "max": lambda states: states.max(0),
    "mean": lambda states: states.mean(0),
    "mean_sqrt_len_tokens": lambda states: states.sum(0) / np.sqrt(len(states)),
    "weightedmean": lambda states: np.average(states, axis=0, weights=range(1, len(states) + 1)),
    "lasttoken": lambda states: states[-1],
}
PACKAGES = {
    "Transformer": "sentence_transformers.base.modules.transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling",
    "Dense": "sentence_transformers.base.modules.dense",
    "Normalize": "sentence_transformers.base.modules.normalize",
}


@pytest.fixture
def make_model(tiny_model, tmp_path):
    """Return a function that writes the tiny model as sentence-transformers does."""

    def make(*modules, reader=None, prompts=None, path="", is_old=False):
        folder = tmp_path / "model"
        shutil.copytree(tiny_model, folder / path)
        rows = [("Transformer", reader, {})] + [(*module, {})[:3] for module in modules]
        listed = []
        for number, (kind, config, weights) in enumerate(rows):
            place = f"{number}_{kind}" if number else path
            package = "sentence_transformers.models" if is_old else PACKAGES.get(kind, "own.module")
            listed.append({"idx": number, "name": str(number), "path": place})
            listed[-1]["type"] = f"{package}.{kind}"
            if config is None:  # an empty folder, which git does not keep
                continue
            (folder / place).mkdir(exist_ok=True)
            file = "config.json" if number else "sentence_bert_config.json"
            (folder / place / file).write_text(json.dumps(config))
            if weights:
                save_file(weights, folder / place / "model.safetensors")
        (folder / "modules.json").write_text(json.dumps(listed))
        if prompts is not None:
            file = folder / "config_sentence_transformers.json"
            file.write_text(json.dumps(prompts))
        return folder

    return make


def pooling(*ways, **more):
    """Return a Pooling, as newer versions write it."""
    return ("Pooling", {"embedding_dimension": 32, "pooling_mode": list(ways), **more})


def dense(in_features=32, out_features=8, activation="torch.nn.modules.activation.Tanh", **more):
    """Return a Dense with random weights."""
    generator = torch.Generator().manual_seed(0)
    weights = {
        "linear.weight": torch.randn(out_features, in_features, generator=generator),
        "linear.bias": torch.randn(out_features, generator=generator),
    }
    if more.get("use_residual") and in_features != out_features:
        weights["residual.weight"] = torch.randn(out_features, in_features, generator=generator)
    if not more.get("bias", True):
        del weights["linear.bias"]
    config = {"in_features": in_features, "out_features": out_features, "bias": True, **more}
    return ("Dense", {**config, "activation_function": activation}, weights)


@functools.cache
def load(folder):
    """Return tokenizer and model by transformers alone."""
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


def hidden_states(folder, text, max_length=64):
    """Return the last hidden states of a text."""
    tokenizer, model = load(folder)
    inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_length)
    with torch.no_grad():
        return model(**inputs).last_hidden_state[0].numpy()


def pooled(folder, texts, *ways, **options):
    """Return what poolings make of the hidden states of transformers."""
    states = [hidden_states(folder, text, **options) for text in texts]
    return np.array([np.concatenate([POOLED[way](rows) for way in ways]) for rows in states])


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("ways", [*[(way,) for way in WAYS], ("lasttoken", "cls", "max")])
def test_all_ways_of_pooling(make_model, tiny_model, monkeypatch, packed, ways):
    if not packed:
        monkeypatch.setattr("sklearn_bert._engine.forward.packed_model", lambda *_: None)
    texts = [*TEXTS, "the " * 40, ""] * 5  # more than a long row is filled up from
    embedder = BertTextEmbedder(make_model(pooling(*ways)))
    vectors = embedder.fit_transform(texts)
    np.testing.assert_allclose(vectors, pooled(tiny_model, texts, *ways), atol=1e-5)
    assert embedder.pooling_ == (ways[0] if len(ways) == 1 else ways)
    assert vectors.shape[1] == len(embedder.get_feature_names_out()) == 32 * len(ways)


@pytest.mark.parametrize("ways", [*[(way,) for way in WAYS], ("cls", "mean"), ()])
def test_the_flags_of_older_models(make_model, tiny_model, ways):
    flags = {
        f"pooling_mode_{way}" + ("" if way[:4] in ("mean", "last") and way != "mean" else "_tokens")
        for way in ways
        if way != "cls"
    } | ({"pooling_mode_cls_token"} if "cls" in ways else set())
    config = {"word_embedding_dimension": 32, **dict.fromkeys(flags, True)}
    model = make_model(("Pooling", config), is_old=True)
    vectors = BertTextEmbedder(model).fit_transform(TEXTS)
    np.testing.assert_allclose(vectors, pooled(tiny_model, TEXTS, *ways or ("mean",)), atol=1e-5)


@pytest.mark.parametrize("is_normalized", [True, False])
def test_dense_and_normalize(make_model, tiny_model, is_normalized):
    after = [("Normalize", None)] if is_normalized else []
    model = make_model(pooling("cls", "mean"), dense(64, 8), dense(8, 8, use_residual=True), *after)
    embedder = BertTextEmbedder(model).fit(TEXTS)
    expected = torch.from_numpy(pooled(tiny_model, TEXTS, "cls", "mean")).float()
    for _, config, weights in (dense(64, 8), dense(8, 8, use_residual=True)):
        found = torch.tanh(expected @ weights["linear.weight"].T + weights["linear.bias"])
        expected = found + expected if config.get("use_residual") else found
    if is_normalized:
        expected = expected / expected.norm(dim=1, keepdim=True)
    vectors = embedder.transform(TEXTS)
    assert vectors.dtype == np.float32 and isinstance(vectors, np.ndarray)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert len(embedder.get_feature_names_out()) == 8
    again = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(again.transform(TEXTS), vectors)
    with torch.autocast("cpu", torch.bfloat16):
        np.testing.assert_array_equal(embedder.transform(TEXTS), vectors)


def test_windows_are_averaged_before_what_follows(make_model):
    model = make_model(pooling("mean"), ("Normalize", None))
    vectors = BertTextEmbedder(model, max_length=8, long_text="windows").fit_transform(
        ["good the film of a bad book " * 4]
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)


def test_the_pooling_of_the_user_stands_alone(make_model, tiny_model):
    model = make_model(pooling("max"), dense(), ("Dropout", {}))
    vectors = BertTextEmbedder(model, pooling="cls").fit_transform(TEXTS)
    np.testing.assert_allclose(vectors, pooled(tiny_model, TEXTS, "cls"), atol=1e-5)


def test_how_far_and_in_which_letters_it_reads(make_model, tiny_model):
    model = make_model(pooling("mean"), reader={"max_seq_length": 4, "do_lower_case": True})
    embedder = BertTextEmbedder(model).fit(TEXTS)
    lower = [text.lower() for text in TEXTS]
    expected = pooled(tiny_model, lower, "mean", max_length=4)
    np.testing.assert_allclose(embedder.transform(TEXTS), expected, atol=1e-5)
    assert embedder.max_length_ == 4
    assert BertTextEmbedder(model, max_length=6).fit(TEXTS).max_length_ == 6


@pytest.mark.parametrize("includes", [True, False])
def test_its_prompt_is_put_before_each_text(make_model, tiny_model, includes):
    prompts = {"prompts": {"query": "the book of "}, "default_prompt_name": "query"}
    model = make_model(pooling(*WAYS, include_prompt=includes), prompts=prompts)
    embedder = BertTextEmbedder(model).fit(TEXTS)
    n_left_out = 0 if includes else 4  # [CLS] and three words
    expected = []
    for text in TEXTS:
        states = hidden_states(tiny_model, "the book of " + text)
        places = np.arange(1, len(states) + 1)[n_left_out:]
        rows = [POOLED[way](states[n_left_out:]) for way in WAYS]
        rows[WAYS.index("weightedmean")] = np.average(states[n_left_out:], axis=0, weights=places)
        expected.append(np.concatenate(rows))
    np.testing.assert_allclose(embedder.transform(TEXTS), expected, atol=1e-5)
    pair = embedder.transform([("good", "bad")])
    assert pair.shape == (1, 32 * len(WAYS))


def test_a_prompt_that_is_not_the_default_is_not_used(make_model, tiny_model):
    model = make_model(pooling("mean"), prompts={"prompts": {"query": "the "}})
    vectors = BertTextEmbedder(model).fit_transform(TEXTS)
    np.testing.assert_allclose(vectors, pooled(tiny_model, TEXTS, "mean"), atol=1e-5)


def test_a_transformer_in_a_folder_of_its_own(make_model, tiny_model):
    model = make_model(pooling("mean"), path="0_Transformer", is_old=True)
    vectors = BertTextEmbedder(model).fit_transform(TEXTS)
    np.testing.assert_allclose(vectors, pooled(tiny_model, TEXTS, "mean"), atol=1e-5)
    clf = BertTextClassifier(model, epochs=1).fit(TEXTS, [0, 1, 0, 1])
    assert clf.predict(TEXTS).shape == (4,)
    shutil.rmtree(model / "0_Transformer")
    with pytest.raises(FileNotFoundError, match="looks for them in '0_Transformer', which is"):
        BertTextEmbedder(model).fit(TEXTS)


def test_weights_of_a_dense_saved_by_torch(make_model, tmp_path):
    model = make_model(pooling("mean"), dense())
    expected = BertTextEmbedder(model).fit_transform(TEXTS)
    (model / "2_Dense" / "model.safetensors").unlink()
    torch.save(dense()[2], model / "2_Dense" / "pytorch_model.bin")
    np.testing.assert_array_equal(BertTextEmbedder(model).fit_transform(TEXTS), expected)
    torch.save({**dense()[2], "run": shutil.rmtree}, model / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(ValueError, match="weights of a Dense that do not fit it, 2_Dense"):
        BertTextEmbedder(model).fit(TEXTS)


@pytest.mark.parametrize(
    ("modules", "reason"),
    [
        ([pooling("mean"), ("Dropout", {})], "number 2 of its modules is 'own.module.Dropout'"),
        ([pooling("mean"), pooling("mean")], "number 2 of its modules is 'Pooling'"),
        ([("Normalize", None)], "number 1 of its modules is 'Normalize'"),
        ([], "has no Pooling"),
        ([pooling("median")], "the pooling_mode 'median'"),
        ([pooling("mean"), dense(activation="own.Act")], "activation_function 'own.Act'"),
        ([pooling("mean"), dense(activation="torch.hub.load")], "function 'torch.hub.load'"),
        ([pooling("mean"), dense(activation="torch.nn.Linear")], "function 'torch.nn.Linear'"),
        ([pooling("mean"), dense(activation="torch.nn.Own")], "function 'torch.nn.Own'"),
        ([pooling("mean"), dense(module_input_name="token_embeddings")], "module_input_name"),
        ([pooling("mean"), dense(in_features=64)], "in_features=64 after 32"),
        ([pooling("mean"), ("Dense", {"in_features": 32})], "without sizes or weights"),
        ([pooling("mean"), (*dense()[:2], dense(16, 8)[2])], "weights of a Dense that do not fit"),
    ],
)
def test_what_is_not_known_is_named(make_model, modules, reason):
    model = make_model(*modules)
    with pytest.raises(ValueError, match=f"{reason}.*; use pooling='mean' for the mean of"):
        BertTextEmbedder(model).fit(TEXTS)
    assert BertTextEmbedder(model, pooling="mean").fit_transform(TEXTS).shape == (4, 32)
    BertTextClassifier(model, epochs=1).fit(TEXTS, [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("modules.json", "[", "modules.json is no JSON"),
        ("modules.json", '[{"type": "own.Module", "path": "../up"}]', "inside of the folder"),
        ("modules.json", "{}", "is no list of modules"),
        ("1_Pooling/config.json", "", "config.json is empty"),
        ("2_Dense/model.safetensors", "version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    ],
)
def test_a_file_that_is_none_is_named(make_model, file, content, reason):
    model = make_model(pooling("mean"), dense())
    (model / file).write_text(content)
    with pytest.raises(ValueError, match=f"cannot be loaded: .*{reason}"):
        BertTextEmbedder(model).fit(TEXTS)


def test_the_real_model_is_of_length_one_and_reads_256_tokens(minilm):
    embedder = BertTextEmbedder(minilm).fit(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(embedder.transform(TEXTS), axis=1), 1, rtol=1e-6)
    assert embedder.max_length_ == 256


MODELS = {
    "mean": [pooling("mean")],
    "several": [pooling(*WAYS)],
    "dense": [pooling("max"), dense(), ("Normalize", {})],
    "activations": [
        pooling("weightedmean"),
        dense(32, 32, "torch.nn.modules.linear.Identity", use_residual=True, bias=False),
        dense(32, 8, "torch.nn.modules.activation.GELU", use_residual=True),
    ],
    "prompt": [pooling("mean", "cls", "max", include_prompt=False)],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*MODELS, "old", "minilm"])
def test_vectors_are_those_of_encode(make_model, minilm, kind):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    texts = [*TEXTS, "the film of a book " * 80]
    if kind == "minilm":
        from sklearn_bert._engine.hub import locate

        model = locate(minilm)
    elif kind == "old":
        config = {"pooling_mode_mean_tokens": True, "pooling_mode_lasttoken": True}
        config["word_embedding_dimension"] = 32
        reader = {"max_seq_length": 7, "do_lower_case": True}
        model = make_model(("Pooling", config), dense(64), reader=reader, is_old=True)
    else:
        prompts = {"prompts": {"q": "the book of "}, "default_prompt_name": "q"}
        prompts = prompts if kind == "prompt" else None
        model = make_model(*MODELS[kind], reader={"max_seq_length": 32}, prompts=prompts)
    encoder = sentence_transformers.SentenceTransformer(str(model), device="cpu")
    vectors = BertTextEmbedder(model).fit_transform(texts)
    np.testing.assert_allclose(vectors, encoder.encode(texts), rtol=1e-4, atol=1e-5)
