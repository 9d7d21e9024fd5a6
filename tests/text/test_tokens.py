"""Texts become one flat array of token ids, and no text is tokenized twice."""

import copy
import gc
from pathlib import Path

import numpy as np
import pytest
from conftest import make_tokenizer
from joblib import Memory, parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from transformers import AutoTokenizer

from sklearn_bert._engine.hub import locate
from sklearn_bert._text import tokens as _tokens
from sklearn_bert._text.ragged import RaggedIds
from sklearn_bert._text.token_cache import TokenCache
from sklearn_bert._text.tokens import tokenize


class Counting:
    """A tokenizer that counts the texts it is given."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.texts = []

    @property
    def backend_tokenizer(self):
        return self

    def encode_batch_fast(self, texts):
        self.texts += texts
        return self.tokenizer.backend_tokenizer.encode_batch_fast(texts)

    def to_str(self):
        return self.tokenizer.backend_tokenizer.to_str()

    def __len__(self):
        return len(self.tokenizer)

    def __getattr__(self, name):
        backend = self.tokenizer.backend_tokenizer
        return getattr(backend if hasattr(backend, name) else self.tokenizer, name)


@pytest.fixture
def cache(monkeypatch):
    """A cache of its own for the test."""
    monkeypatch.setattr(_tokens, "CACHE", cache := TokenCache(2**20))
    return cache


@pytest.fixture
def tokenizer(cache):
    return Counting(make_tokenizer())


TEXTS = ["the good film", "", "bad", "a unheard of a book", "good " * 100]


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1]])
def test_tokenizing_gives_what_the_tokenizer_gives(tokenizer, texts, monkeypatch):
    monkeypatch.setattr("sklearn_bert._text.tokens._TEXTS_PER_CALL", 2)
    ragged = tokenize(tokenizer, texts, 16)
    expected = make_tokenizer()(texts, truncation=True, max_length=16)["input_ids"]
    assert [ragged[row].tolist() for row in range(len(ragged))] == expected
    assert ragged.ids.dtype == np.int32
    assert ragged.ids.flags.writeable
    assert ragged.lengths.tolist() == [5, 2, 3, 7, 16][: len(texts)]
    assert ragged.pad_token_id == 0


LONG = {
    "words": "the good film, a bad book;  of a\nfilm " * 30,
    "a word": "a " + "film" * 200 + " book " * 40,
    "one word": "film" * 500,
    "no spaces": "好的电影" * 200,
    "spaces": " " * 700 + "good" + "\n" * 700,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
@pytest.mark.parametrize("long_text", ["head", "tail", "head+tail", "windows"])
def test_a_text_in_pieces_is_as_if_it_were_whole(minilm, cache, text, long_text, monkeypatch):
    tokenizer = AutoTokenizer.from_pretrained(locate(minilm))
    several = ["the good film", text, "", text + "good"], [text]
    wholes = [tokenize(tokenizer, texts, 16, long_text, 4) for texts in several]
    monkeypatch.setattr(_tokens, "CACHE", TokenCache(2**20))
    monkeypatch.setattr(_tokens, "_CHARACTERS_PER_PIECE", 100)
    for texts, whole in zip(several, wholes, strict=True):
        ragged = tokenize(tokenizer, texts, 16, long_text, 4)
        for name in ("ids", "lengths", "uncut", "counts"):
            np.testing.assert_array_equal(getattr(ragged, name), getattr(whole, name))
    assert max(map(len, _tokens._pieces(LONG["words"]))) <= 100


def test_taking_rows_keeps_their_order(tokenizer):
    ragged = tokenize(tokenizer, TEXTS, 16)
    taken = ragged.take(np.array([4, 4, 0]))
    assert [taken[i].tolist() for i in range(3)] == [ragged[row].tolist() for row in (4, 4, 0)]
    assert isinstance(taken, RaggedIds)
    assert taken.ids.dtype == np.int32


def test_a_text_is_tokenized_once(tokenizer):
    first = tokenize(tokenizer, TEXTS * 2, 16)
    assert sorted(tokenizer.texts) == sorted(TEXTS)
    again = tokenize(tokenizer, [*TEXTS[::-1], "new"], 16)
    assert tokenizer.texts[len(TEXTS) :] == ["new"]
    assert [again[i].tolist() for i in range(5)] == [first[i].tolist() for i in range(5)][::-1]


def test_a_copy_of_the_tokenizer_finds_the_same(tokenizer):
    tokenize(tokenizer, TEXTS, 16)
    other = Counting(make_tokenizer())
    tokenize(other, TEXTS, 16)
    assert other.texts == []


def test_lengths_share_what_is_tokenized(tokenizer):
    tokenize(tokenizer, TEXTS, 16)
    ragged = tokenize(tokenizer, TEXTS, 3)
    assert len(tokenizer.texts) == len(TEXTS)
    expected = make_tokenizer()(TEXTS, truncation=True, max_length=3)
    assert [ragged[row].tolist() for row in range(5)] == expected["input_ids"]


@pytest.mark.parametrize("change", ["token", "tokenizer"])
def test_other_ids_are_not_mistaken(tokenizer, change):
    tokenize(tokenizer, TEXTS, 16)
    if change == "token":
        other = tokenizer
        tokenizer.texts.clear()
        other.tokenizer.add_tokens(["unheard"])
    else:
        other = Counting(make_tokenizer(("[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]")))
    ragged = tokenize(other, TEXTS, 16)
    expected = copy.deepcopy(other.tokenizer)(TEXTS, truncation=True, max_length=16)
    assert [ragged[row].tolist() for row in range(5)] == expected["input_ids"]
    assert len(other.texts) == 5


def test_what_is_held_is_bounded(monkeypatch, tokenizer):
    monkeypatch.setattr(_tokens, "CACHE", cache := TokenCache(2000))
    texts = [f"good {i}" for i in range(200)]
    tokenize(tokenizer, texts, 16)
    assert 0 < cache._held <= 2000
    assert cache._held == sum(len(ids) + 250 for ids in cache._ids.values())
    tokenizer.texts.clear()
    ragged = tokenize(tokenizer, texts, 16)  # the last ones are there, the first ones are not
    assert 190 < len(tokenizer.texts) < 200
    assert len(ragged) == 200


def test_tokenizers_are_not_kept_alive(cache):
    tokenizer = Counting(make_tokenizer())
    tokenize(tokenizer, TEXTS, 16)
    del tokenizer
    gc.collect()
    assert len(cache._names) == 0


@pytest.fixture
def seen(monkeypatch):
    """The texts that are given to a tokenizer, as they come."""
    seen = []
    encodings = _tokens._encodings
    monkeypatch.setattr(
        _tokens, "_encodings", lambda t, texts: seen.extend(texts) or encodings(t, texts)
    )
    return seen


def test_candidates_and_folds_share(make_classifier, reviews, cache, seen):
    """Of all texts, each is tokenized once in a search over candidates and folds."""
    X = [f"{text} {i}" for i, text in enumerate(reviews[0])]
    search = GridSearchCV(make_classifier(epochs=1), {"learning_rate": [1e-3, 5e-3]}, cv=3)
    search.fit(X, reviews[1])
    assert sorted(seen) == sorted(X)


# On the disk


def forget(monkeypatch):
    """Be a process that has seen no text."""
    monkeypatch.setattr(_tokens, "CACHE", TokenCache(2**20))


PAIRS = list(zip(TEXTS, TEXTS[::-1], strict=True))


@pytest.mark.parametrize("texts", [TEXTS, PAIRS, TEXTS[:1]], ids=["texts", "pairs", "one"])
@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_what_is_read_from_the_disk_is_what_was_tokenized(
    cache, seen, tmp_path, monkeypatch, texts, mmap_mode
):
    memory = Memory(tmp_path, mmap_mode=mmap_mode, verbose=0)
    expected = tokenize(make_tokenizer(), texts, 16)
    forget(monkeypatch)
    tokenize(make_tokenizer(), texts, 16, memory=memory)
    forget(monkeypatch)
    seen.clear()
    for max_length in (16, 4):  # what is cut off is no part of what is kept
        found = tokenize(make_tokenizer(), texts, max_length, memory=memory)
        assert seen == []
        if max_length == 16:
            for name in ("ids", "lengths", "uncut", "types"):
                np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
            assert type(found.ids) is np.ndarray
            assert found.ids.flags.writeable


@pytest.mark.parametrize("change", ["order", "text", "tokenizer"])
def test_other_texts_are_not_mistaken_for_those_on_the_disk(
    cache, seen, tmp_path, monkeypatch, change
):
    memory = Memory(tmp_path, verbose=0)
    tokenize(make_tokenizer(), TEXTS, 16, memory=memory)
    forget(monkeypatch)
    seen.clear()
    special = ("[UNK]", "[PAD]") if change == "tokenizer" else ("[PAD]", "[UNK]")
    tokenizer = make_tokenizer((*special, "[CLS]", "[SEP]", "[MASK]"))
    texts = {"order": TEXTS[::-1], "text": [*TEXTS[:-1], "good"]}.get(change, TEXTS)
    found = tokenize(tokenizer, texts, 16, memory=memory)
    expected = tokenizer(texts, truncation=True, max_length=16)["input_ids"]
    assert [found[row].tolist() for row in range(len(found))] == expected
    assert len(seen) == len(TEXTS)


@pytest.mark.parametrize("kind", [str, Path, Memory])
def test_fits_share_what_is_on_the_disk(
    make_classifier, reviews, cache, seen, tmp_path, monkeypatch, capfd, kind
):
    folder = tmp_path / "ids"
    memory = Memory(folder, verbose=0) if kind is Memory else kind(folder)
    expected = make_classifier().fit(*reviews).predict_proba(reviews[0])
    for epochs in (2, 1, 2):
        forget(monkeypatch)
        seen.clear()
        clf = clone(make_classifier(epochs=epochs, memory=memory)).fit(*reviews)
        assert folder.is_dir()
        if epochs == 1:
            assert seen == []
    assert seen == []
    forget(monkeypatch)
    np.testing.assert_array_equal(clf.predict_proba(reviews[0]), expected)
    assert seen != []  # prediction neither reads nor writes: what a server is asked is not kept
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_workers_share_what_is_on_the_disk(make_classifier, reviews, tmp_path):
    clf = make_classifier(epochs=1, memory=str(tmp_path))
    grid = {"learning_rate": [1e-3, 2e-3, 5e-3]}
    with parallel_config("loky", inner_max_num_threads=1):
        found = GridSearchCV(clf, grid, cv=2, n_jobs=2, refit=False).fit(*reviews)
    alone = GridSearchCV(clf.set_params(memory=None), grid, cv=2, refit=False).fit(*reviews)
    np.testing.assert_allclose(
        found.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    kept = list(tmp_path.rglob("output.pkl"))
    assert len(kept) == 2  # the training texts of each fold, for three candidates


def test_nothing_is_written_that_was_not_asked_for(make_classifier, reviews, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_classifier(epochs=1).fit(*reviews)
    assert not any(tmp_path.iterdir())


def test_what_cannot_keep_anything_is_refused(make_classifier, reviews):
    with pytest.raises(ValueError, match="The 'memory' parameter of BertTextClassifier must be"):
        make_classifier(memory=3).fit(*reviews)


def test_a_folder_that_cannot_be_made_is_one_sentence(make_classifier, reviews, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        OSError, match=r"^memory must be a folder that can be written, got '.*file'"
    ):
        make_classifier(memory=tmp_path / "file").fit(*reviews)
    clf = make_classifier(memory=tmp_path / "file" / "deeper")
    with pytest.raises(OSError, match=r"Not a directory; choose another one, or None.$"):
        clf.fit(*reviews)
    assert not hasattr(clf, "module_")


def test_what_is_damaged_is_tokenized_again(cache, seen, tmp_path, monkeypatch):
    memory = Memory(tmp_path, verbose=0)
    expected = tokenize(make_tokenizer(), TEXTS, 16, memory=memory)
    (file,) = tmp_path.rglob("output.pkl")
    file.write_bytes(file.read_bytes()[:-40])
    forget(monkeypatch)
    found = tokenize(make_tokenizer(), TEXTS, 16, memory=memory)
    np.testing.assert_array_equal(found.ids, expected.ids)
