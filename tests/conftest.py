"""A tiny checkpoint made on the fly, and the real MiniLM from its package."""

import json
import os
import shutil
import subprocess
import sys

# Before anything imports the Hugging Face libraries: no test asks the network.
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from sklearn_bert import BertTextClassifier

# Tests run side by side: threads that wait for each other would only slow them down.
torch.set_num_threads(1)


def pytest_collection_modifyitems(config, items):
    """Skip what needs simulated devices where they have not been asked for."""
    if config.pluginmanager.hasplugin("simulated_cuda"):
        return
    reason = "needs -p simulated_cuda, see CONTRIBUTING.md"
    for item in items:
        if item.get_closest_marker("simulated_gpu") and not item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish(session):
    """Hide the GPUs of the machine unless a test is for them: the others expect the CPU."""
    if not any(item.get_closest_marker("gpu") for item in session.items):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


N_FEATURES = 12
LEVELS = range(-8, 9)
GOOD, BAD = ("good", "fine"), ("bad", "poor")


def words():
    """The words that the tiny tokenizer knows: those of the numeric adapter, and a few of ours."""
    numeric = [f"x{feature}_{level}" for feature in range(N_FEATURES) for level in LEVELS]
    return [*numeric, *GOOD, *BAD, "the", "a", "of", "film", "book"]


def make_tokenizer(special=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")):
    """Return a word-level fast tokenizer that frames texts as BERT's does."""
    pad, unk, cls, sep, mask = special
    vocabulary = {word: index for index, word in enumerate([*special, *words()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unk))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(cls, vocabulary[cls]), (sep, vocabulary[sep])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],  # as BERT's
        pad_token=pad,
        unk_token=unk,
        cls_token=cls,
        sep_token=sep,
        mask_token=mask,
    )


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The folder of a random BERT: 2 layers, hidden size 32, no dropout."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = make_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,  # the usual 0.02 hardly learns at this width
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def make_folder(tmp_path):
    """Return a function that saves a random model of a configuration with our tokenizer."""

    def make(config, model_class=transformers.AutoModel, tokenizer=None):
        if config.pad_token_id == 1:
            tokenizer = make_tokenizer(special=("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model_class.from_config(config).save_pretrained(tmp_path / "model")
        (tokenizer or make_tokenizer()).save_pretrained(tmp_path / "model")
        return tmp_path / "model"

    return make


@pytest.fixture(scope="session")
def minilm():
    """The name of the real model that the `offline` extra carries."""
    return "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="session")
def reviews():
    """Sixty texts that two words decide, and their labels."""
    texts = []
    for i in range(60):
        word = (GOOD if i % 2 else BAD)[i % 4 // 2]
        texts.append(f"the {word} {('film', 'book')[i % 5 % 2]} {'of a ' * (i % 3)}")
    return texts, ["pos" if i % 2 else "neg" for i in range(60)]


@pytest.fixture
def make_classifier(tiny_model):
    """Return a function that makes quick classifiers of the tiny model."""

    def make(**parameters):
        defaults = {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3, "random_state": 0}
        defaults["head"] = "new"  # a probe alone would solve the toy problems
        return BertTextClassifier(tiny_model, **{**defaults, **parameters})

    return make


@pytest.fixture(scope="session")
def fitted(tiny_model, reviews):
    """A fitted classifier that no test may change."""
    return BertTextClassifier(
        tiny_model, head="new", epochs=3, batch_size=8, learning_rate=5e-3, random_state=0
    ).fit(*reviews)


@pytest.fixture(scope="session")
def model_with_dropout(tiny_model, tmp_path_factory):
    """The folder of the same model with dropout, as published ones have it."""
    folder = tmp_path_factory.mktemp("dropout") / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.3}))
    return str(folder)


@pytest.fixture(scope="session")
def run_python():
    """Return a function that runs code in a fresh interpreter and returns what it prints."""

    def run(code, **environment):
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        ).stdout

    return run


@pytest.fixture
def no_window():
    """Draw without a screen, and close all figures."""
    import matplotlib
    import matplotlib.pyplot as plt

    backend = matplotlib.get_backend()
    matplotlib.use("agg")
    yield
    plt.close("all")
    matplotlib.use(backend)
