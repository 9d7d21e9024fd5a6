"""Static embeddings: distilled once from the checkpoint of BERT, in silence, then fast."""

import os
import pickle
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
import transformers
from architectures import ARCHITECTURES
from outer_settings import OUTER
from sklearn.base import clone
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from sklearn_bert import BertTextClassifier, compare
from sklearn_bert._install import install_command
from sklearn_bert.comparison._pretrained_models import StaticBert
from sklearn_bert.comparison._static_embeddings import StaticEmbeddings

pytest.importorskip("model2vec.distill")

STATIC = "static embeddings + logistic regression"
CORPUS = ["the good film of a book", "the bad film was poor", "a fine day in the town"] * 10
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@pytest.fixture(scope="module")
def embeddings(tiny_model):
    """Those of the tiny model, which no test may change."""
    made = StaticEmbeddings(tiny_model, "cpu")
    made.distil()
    return made


def judge(reviews, bert, **options):
    """Return a comparison that prints nothing and has no rows but these and one cheap one."""
    names = ("TF-IDF + logistic regression", "TF-IDF + linear SVM", "naive-Bayes SVM")
    estimators = {**dict.fromkeys(names, "drop"), **options.pop("estimators", {})}
    options = {"cv": 2, "random_state": 0, "verbose": 0, **options}
    texts = [f"{text} {number}" for number, text in enumerate(reviews[0])]  # each is another one
    return compare(texts, reviews[1], bert=bert, estimators=estimators, **options)


def row_of(found, name):
    """Return the row of a model, None if there is none."""
    return next((row for row in found.rows_ if row["model"] == name), None)


def test_a_text_is_the_weighted_mean_of_what_its_tokens_are_alone(tiny_model, embeddings):
    tokenizer, model = (
        AutoTokenizer.from_pretrained(tiny_model),
        AutoModel.from_pretrained(tiny_model),
    )
    tokens = embeddings.static.tokens
    ranks = 1 / np.arange(2, len(tokens) + 2)
    weights = 1e-4 / (1e-4 + ranks / ranks.sum())
    vectors = []
    for word in ("good", "film", "film"):
        with torch.no_grad():
            hidden = model.eval()(**tokenizer(word, return_tensors="pt")).last_hidden_state[0]
        vectors.append(hidden.mean(0).numpy() * weights[tokens.index(word)])
    expected = np.mean(vectors, axis=0)
    expected /= np.linalg.norm(expected)
    for texts in (["good film film"], ["good film film", "a longer text of the book " * 30]):
        assert np.allclose(embeddings.get(texts)[0], expected, atol=1e-5)


def test_no_text_is_cut(embeddings):
    long, longer = "good " * 100 + "film", "good " * 100 + "film " * 200
    assert not np.allclose(*embeddings.get([long, longer]), atol=1e-3)


def test_vectors_are_those_of_model2vec(embeddings, reviews):
    texts = [*reviews[0], "", "zzz", "good film " * 50] * 20
    expected = embeddings.static.encode(texts, max_length=None, use_multiprocessing=False)
    assert np.allclose(embeddings.get(texts), expected, atol=1e-6)
    assert embeddings.get(texts).dtype == np.float32


def test_a_text_without_known_tokens_is_nought(embeddings):
    assert (embeddings.get(["", "zzz"]) == 0).all()


def test_copies_share_what_was_distilled_and_tell_what_that_took(tiny_model, reviews):
    model = StaticBert(StaticEmbeddings(tiny_model, "cpu")).fit(*reviews)
    assert model.once_seconds_ > 0 and model.saved_seconds_ == 0
    assert model.score(*reviews) == 1
    copy = clone(model).fit(*reviews)
    assert copy.once_seconds_ == 0 and copy.saved_seconds_ == copy.embeddings.seconds > 0
    assert copy.saved_cpu_seconds_ == copy.embeddings.cpu_seconds > 0
    assert (copy.predict(reviews[0]) == model.predict(reviews[0])).all()
    assert copy.saved_seconds_ == 0, "a prediction shares nothing"


def test_what_it_will_take_is_told_if_that_is_long(make_classifier, reviews, monkeypatch, capsys):
    monkeypatch.setattr(StaticEmbeddings, "expected_seconds", lambda self: 90.0)
    judge(reviews, make_classifier(), verbose=1)
    lines = capsys.readouterr().out.splitlines()
    place = lines.index(f"{STATIC}: distilling takes about 1.5 min")
    assert lines[place + 1].startswith(f"{STATIC}: accuracy ")


def test_a_probe_is_a_fair_guess(tiny_model):
    embeddings = StaticEmbeddings(tiny_model, "cpu")
    assert 0 < embeddings.expected_seconds() < 10
    assert embeddings.static is None


def test_a_pickle_holds_neither_texts_nor_the_encoder(tiny_model, reviews):
    model = StaticBert(StaticEmbeddings(tiny_model, "cpu"))
    model.fit(*reviews)
    data = pickle.dumps(model)
    assert b"the good film" not in data and len(data) < 100_000
    expected = model.predict_proba(reviews[0])
    assert np.allclose(pickle.loads(data).predict_proba(reviews[0]), expected)


def make_tokenizer(model, trainer, *, normalizer=None, pre_tokenizer, decoder=None):
    """Return a fast tokenizer that was trained on the corpus."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    for name, part in (("normalizer", normalizer), ("decoder", decoder)):
        if part is not None:
            setattr(tokenizer, name, part)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    names = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        cls_token="<s>",
        sep_token="</s>",
        **dict(zip(names, SPECIAL, strict=True)),
    )


TOKENIZERS = {
    "byte-level BPE": lambda: make_tokenizer(
        models.BPE(),
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
    ),
    "Unigram": lambda: make_tokenizer(
        models.Unigram(),
        trainers.UnigramTrainer(
            vocab_size=80, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
        ),
        normalizer=normalizers.NFKC(),
        pre_tokenizer=pre_tokenizers.Metaspace(),
        decoder=decoders.Metaspace(),
    ),
    "WordPiece": lambda: make_tokenizer(
        models.WordPiece(unk_token="<unk>"),
        trainers.WordPieceTrainer(vocab_size=150, special_tokens=SPECIAL, show_progress=False),
        normalizer=normalizers.BertNormalizer(),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
    ),
}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_any_tokenizer_will_do(kind, tmp_path, reviews):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(ARCHITECTURES["roberta"]).save_pretrained(tmp_path)
    TOKENIZERS[kind]().save_pretrained(tmp_path)
    model = StaticBert(StaticEmbeddings(tmp_path, "cpu")).fit(*reviews)
    assert model.score(*reviews) == 1


@pytest.mark.parametrize("kind", ["deberta-v2", "albert", "mpnet", "modernbert"])
def test_any_encoder_will_do(kind, tmp_path, reviews):
    from conftest import make_tokenizer

    config = ARCHITECTURES[kind]
    special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(tmp_path)
    tokenizer = make_tokenizer(special) if config.pad_token_id == 1 else make_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    assert StaticBert(StaticEmbeddings(tmp_path, "cpu")).fit(*reviews).score(*reviews) > 0.9


def test_it_is_silent_asks_no_hub_and_changes_no_random_state(
    tiny_model, capfd, monkeypatch, recwarn, caplog
):
    def ask(*args, **options):
        pytest.fail("the hub was asked")

    monkeypatch.setattr("model2vec.distill.distillation.model_info", ask)
    np.random.seed(3)
    torch.manual_seed(1)
    before = np.random.get_state()[1].copy(), torch.get_rng_state(), torch.get_num_threads()
    outer = dict(os.environ), list(warnings.filters), threading.active_count()
    with caplog.at_level("WARNING"):
        StaticEmbeddings(tiny_model, "cpu").distil()
    assert capfd.readouterr() == ("", "") and not recwarn.list and not caplog.records
    assert (dict(os.environ), list(warnings.filters), threading.active_count()) == outer
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1]) and torch.get_num_threads() == before[2]


@pytest.mark.parametrize("outer", ["inference mode", "default dtype", "pandas"])
def test_what_the_caller_set_changes_nothing(tiny_model, embeddings, reviews, outer):
    with OUTER[outer]():
        made = StaticEmbeddings(tiny_model, "cpu")
        made.distil()
        vectors = made.get(reviews[0])
    np.testing.assert_array_equal(vectors, embeddings.get(reviews[0]))


def test_its_row_has_all_columns(make_classifier, reviews):
    row = row_of(judge(reviews, make_classifier()), STATIC)
    assert row["accuracy"] == 1 and row["n_folds"] == 2 and not row["error"]
    assert 0 < row["size_mb"] < 0.2 and row["predictions_per_second"] > 500


def test_the_seconds_of_each_fold_are_with_distillation(make_classifier, reviews, monkeypatch):
    distil = StaticEmbeddings.distil

    def slow(self):
        seconds = distil(self)
        if seconds:
            seconds += 100
            self.seconds += 100
        return seconds

    monkeypatch.setattr(StaticEmbeddings, "distil", slow)
    found = judge(reviews, make_classifier())
    fit_seconds = found.folds_.set_index("model").loc[STATIC, "fit_seconds"].tolist()
    assert fit_seconds[1] > 100


def test_what_cannot_be_distilled_fails_in_its_own_row(make_classifier, reviews, monkeypatch):
    def fail(*args, **options):
        raise ValueError("no such tokenizer")

    monkeypatch.setattr("model2vec.distill.distill_from_model", fail)
    found = judge(reviews, make_classifier())
    assert row_of(found, STATIC)["error"] == "ValueError: no such tokenizer"
    assert found.rows_[-1]["n_folds"] == 2
    assert found.best_cheap_ == "frozen BERT + logistic regression"


def test_a_budget_is_kept_by_the_distillation_too(make_classifier, reviews, monkeypatch):
    monkeypatch.setattr(StaticEmbeddings, "expected_seconds", lambda self: 7200.0)
    monkeypatch.setattr(StaticEmbeddings, "distil", lambda self: pytest.fail("it was distilled"))
    found = judge(reviews, make_classifier(), budget="1h")
    assert row_of(found, STATIC) is None and found.rows_[-1]["n_folds"] == 2
    (note,) = found.notes_
    assert f"a fold of {STATIC} is expected to take 2 h: 0 of 2 folds" in note


@pytest.fixture
def without_model2vec(monkeypatch):
    """An installation without the extra."""
    monkeypatch.setitem(sys.modules, "model2vec", None)


@pytest.mark.usefixtures("without_model2vec")
def test_without_model2vec_the_row_is_left_out_and_a_note_says_how_to_have_it(
    make_classifier, reviews
):
    found = judge(reviews, make_classifier())
    assert row_of(found, STATIC) is None
    assert found.notes_ == [
        f"{STATIC} is left out, since model2vec is not installed: {install_command('static')}."
    ]


@pytest.mark.usefixtures("without_model2vec")
@pytest.mark.parametrize("instead", ["drop", BertTextClassifier("none")])
def test_who_has_dropped_or_replaced_it_needs_no_note(make_classifier, reviews, instead):
    found = judge(reviews, make_classifier(), estimators={STATIC: instead})
    assert found.notes_ == []


@pytest.mark.slow
def test_static_embeddings_of_minilm_beat_tf_idf_on_few_texts(minilm):
    transformers.logging.disable_progress_bar()
    words = {"pos": ["happy", "joyful", "glad", "cheerful", "delighted", "merry"]}
    words["neg"] = ["sad", "gloomy", "unhappy", "sorrowful", "miserable", "dismal"]
    texts = [f"they were {word} today" for label in words for word in words[label]]
    y = np.repeat(["pos", "neg"], 6)
    train, test = np.arange(12) % 6 < 4, np.arange(12) % 6 >= 4
    model = StaticBert(StaticEmbeddings(minilm, "cpu"))
    model.fit([text for text, is_in in zip(texts, train, strict=True) if is_in], y[train])
    assert (
        model.predict([t for t, is_in in zip(texts, test, strict=True) if is_in]) == y[test]
    ).all()
