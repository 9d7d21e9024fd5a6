"""What a tokenizer is set to do is done, and saved: transformers gives the same of any text."""

import json
import shutil
import warnings

import numpy as np
import pytest
import torch
import transformers
from conftest import make_tokenizer
from tokenizers import normalizers, processors

from sklearn_bert import BertTextClassifier, BertTextEmbedder, TextsCutWarning
from sklearn_bert._text.tokens import count_tokens, tokenize

ODD = [
    "",
    "the [PAD] film",
    "[CLS] good [SEP] bad",
    "[MASK]",
    "a [PAD]",
    "[PAD] good",
    "good " * 30,
]


@pytest.fixture
def make_model(tiny_model, tmp_path):
    """Return a function that saves the tiny model with another tokenizer or other settings."""

    def make(tokenizer=None, name="model", **settings):
        folder = shutil.copytree(tiny_model, tmp_path / name)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
        file = folder / "tokenizer_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))
        return folder

    return make


@pytest.fixture
def fit(reviews):
    """Return a function that fits quickly, to texts that are cut."""

    def fit(model, **parameters):
        clf = BertTextClassifier(
            model, max_length=8, epochs=1, learning_rate=5e-3, random_state=0, **parameters
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TextsCutWarning)
            return clf.fit([f"{text} {'a ' * 9} bad" for text in reviews[0]], reviews[1])

    return fit


def answers_of_transformers(folder, texts):
    """Return the probabilities that a pipeline gives, in one batch."""
    pipeline = transformers.pipeline("text-classification", str(folder), top_k=None)
    rows = pipeline(list(texts), truncation=True, padding=True, batch_size=len(texts))
    return np.array([[score["score"] for score in sorted(row, key=label)] for row in rows])


def label(score):
    """Return what to sort by."""
    return score["label"]


def without_special_tokens():
    """Return a tokenizer that puts nothing around a text."""
    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$A $B:1"
    )
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("nothing", "")
    return tokenizer


@pytest.mark.parametrize("texts", [["", "good", "nothing"], [("", ""), ("good", "")]])
def test_every_text_has_a_token(texts):
    tokenizer = without_special_tokens()
    ragged = tokenize(tokenizer, texts, 4)
    assert ragged.lengths.tolist() == [1] * len(texts)
    assert ragged[0].tolist() == [tokenizer.pad_token_id]


@pytest.mark.parametrize("long_text", ["head", "tail", "head+tail", "windows"])
def test_texts_without_a_token_have_answers(make_model, fit, tmp_path, long_text):
    clf = fit(make_model(without_special_tokens()), long_text=long_text)
    texts = ["", " ", "nothing", "good", "good " * 20]
    proba = clf.predict_proba(texts)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba[1:3], proba[[0, 0]], rtol=1e-6)
    vectors = BertTextEmbedder(estimator=clf, pooling="mean").fit_transform(texts)
    assert np.isfinite(vectors).all()
    clf.save_pretrained(tmp_path / "saved")
    again = BertTextClassifier.from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(texts), proba, rtol=1e-6)


def test_a_vocabulary_without_the_letter_a_is_cut(make_model):
    tokenizer = make_tokenizer()
    backend = tokenizer.backend_tokenizer
    backend.normalizer = normalizers.Replace("a", "")
    ragged = tokenize(tokenizer, ["good film " * 4], 5)
    assert tokenizer.decode(ragged[0]) == "[CLS] good film good [SEP]"
    assert count_tokens(tokenizer, ["good film"]).tolist() == [4]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("long_text", ["head", "tail"])
def test_the_saved_folder_cuts_as_we_do(make_model, fit, tmp_path, side, long_text):
    folder = make_model(truncation_side=side)
    clf = fit(folder, long_text=long_text)
    texts = ["good the film of a book of bad film of the book", *ODD[1:]]
    proba = clf.predict_proba(texts)
    clf.save_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(answers_of_transformers(tmp_path / "saved", texts), proba, atol=1e-6)
    again = BertTextClassifier.from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(texts), proba, atol=1e-6)
    expected = tokenize(transformers.AutoTokenizer.from_pretrained(folder), texts, 8, long_text)
    kept = clf.tokenizer_.decode(expected[0]).split()
    assert (kept[1] == "good") == ((side, long_text) == ("right", "head"))


def test_a_folder_saved_with_the_tail_is_read_from_its_beginning_again(tiny_model, fit, tmp_path):
    clf = fit(tiny_model, long_text="tail")
    texts = ["good the film of a book of bad film of the book"]
    clf.save_pretrained(tmp_path / "saved")
    again = BertTextClassifier.from_pretrained(tmp_path / "saved").set_params(long_text="head")
    head = clf.set_params(long_text="head").predict_proba(texts)
    np.testing.assert_allclose(again.predict_proba(texts), head, atol=1e-6)
    started = fit(tmp_path / "saved")
    assert started.tokenizer_.truncation_side == "right"


def test_pairs_are_cut_on_the_side_of_the_tokenizer():
    tokenizer = make_tokenizer()
    tokenizer.truncation_side = "left"
    pairs = [("good film of a book", "bad the film of a book"), ("a", "the good film of a book")]
    ragged = tokenize(tokenizer, pairs, 8)
    expected = make_tokenizer()
    expected.truncation_side = "left"
    expected = expected(
        *map(list, zip(*pairs, strict=True)), truncation="longest_first", max_length=8
    )
    assert [ragged[row].tolist() for row in range(2)] == expected["input_ids"]
    assert [ragged.types_of(row).tolist() for row in range(2)] == expected["token_type_ids"]


def test_padding_on_the_left_is_not_saved(make_model, fit, tmp_path):
    clf = fit(make_model(padding_side="left"))
    assert clf.tokenizer_.padding_side == "left"
    clf.save_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(
        answers_of_transformers(tmp_path / "saved", ODD), clf.predict_proba(ODD), atol=1e-6
    )


@pytest.mark.parametrize("split", [True, False])
def test_special_tokens_in_a_text_are_read_as_the_tokenizer_does(split):
    tokenizer, own = make_tokenizer(), make_tokenizer()
    tokenizer.split_special_tokens = own.split_special_tokens = split
    texts = [*ODD, "bad[SEP]good"]
    expected = own(texts, truncation=True, max_length=8)["input_ids"]
    for some in (texts, texts[-1:]):
        ragged = tokenize(tokenizer, some, 8)
        assert [ragged[row].tolist() for row in range(len(some))] == expected[-len(some) :]


@pytest.mark.parametrize("long_text", ["head", "tail", "windows"])
def test_types_of_single_texts_are_those_of_the_tokenizer(long_text):
    """Funnel's [CLS] has a type of its own."""
    tokenizer, own = make_tokenizer(), make_tokenizer()
    for one in (tokenizer, own):
        one.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS]:2 $A:0 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    ragged = tokenize(tokenizer, ODD, 8, long_text)
    expected = own(ODD, truncation=True, max_length=8)["token_type_ids"]
    assert [ragged.types_of(row).tolist() for row in range(len(ODD))] == expected
    assert tokenize(make_tokenizer(), ODD, 8, long_text).types is None


def test_truncation_and_padding_of_the_tokenizer_itself_are_not_used(make_model, fit):
    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=16)
    ragged = tokenize(tokenizer, ODD, 8)
    expected = make_tokenizer()(ODD, truncation=True, max_length=8)["input_ids"]
    assert [ragged[row].tolist() for row in range(len(ODD))] == expected
    tokenizer.backend_tokenizer.enable_truncation(4)
    proba = fit(make_model(tokenizer)).predict_proba(ODD)
    np.testing.assert_array_equal(proba, fit(make_model(name="again")).predict_proba(ODD))


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "camembert", "bert", "electra"])
def test_a_padding_token_in_a_text_has_the_position_that_transformers_gives_it(kind):
    from sklearn_bert._engine.forward import Forward
    from sklearn_bert._text.ragged import RaggedRows

    sizes = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2}
    config = transformers.AutoConfig.for_model(
        kind, vocab_size=300, intermediate_size=32, pad_token_id=1, initializer_range=0.2, **sizes
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    tokenizer = make_tokenizer(special=("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
    texts = ["good <pad> film", "<pad> <pad> a book", "the film", "<mask> a </s> <pad>", ""] * 20
    ragged = tokenize(tokenizer, texts, 64)
    forward = Forward(module, torch.device("cpu"), torch.float32)
    assert forward.packed_model is not None
    with torch.inference_mode():
        found = forward(RaggedRows(ragged, np.argsort(-ragged.lengths)))
        inputs = [tokenizer(text, return_tensors="pt") for text in texts]
        expected = torch.cat(
            [
                module(row["input_ids"], attention_mask=row["attention_mask"]).logits
                for row in inputs
            ]
        )
    torch.testing.assert_close(found, expected[np.argsort(-ragged.lengths)], atol=1e-5, rtol=0)
