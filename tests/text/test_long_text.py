"""Texts longer than the model reads: head, head and tail, windows."""

import warnings

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_bert import BertTextClassifier, NothingLearntWarning, TextsCutWarning
from sklearn_bert._engine.encoder import load_encoder
from sklearn_bert._engine.inference import predict_outputs
from sklearn_bert._text.tokens import tokenize

FILLER = "of a " * 20


@pytest.fixture
def tokenizer(tiny_model):
    return load_encoder(tiny_model, 2)[0]


def sequences(ragged, tokenizer):
    """Return the words of each sequence."""
    return [tokenizer.decode(ragged[row]).split() for row in range(len(ragged))]


def numbered(n_words):
    """Return a text of words that are all known and all different."""
    return " ".join(f"x{i // 17}_{i % 17 - 8}" for i in range(n_words))


def test_the_head_is_the_beginning(tokenizer):
    words = numbered(20).split()
    ragged = tokenize(tokenizer, [numbered(20), "good"], 8)
    assert sequences(ragged, tokenizer)[0] == ["[CLS]", *words[:6], "[SEP]"]
    assert ragged.uncut.tolist() == [22, 3]


@pytest.mark.parametrize(
    ("max_length", "head", "tail"), [(8, 1, 5), (12, 2, 8), (64, 15, 47), (3, 0, 1)]
)
def test_head_and_tail_are_a_quarter_and_the_rest(tokenizer, max_length, head, tail):
    words = numbered(100).split()
    ragged = tokenize(tokenizer, [numbered(100)], max_length, "head+tail")
    expected = ["[CLS]", *words[:head], *words[len(words) - tail :], "[SEP]"]
    assert sequences(ragged, tokenizer) == [expected]


@pytest.mark.parametrize("max_length", [3, 8, 64])
def test_the_tail_is_the_end_as_transformers_cuts_it(tokenizer, max_length):
    texts = [numbered(100), "good", "", "the film " * 3]
    ragged = tokenize(tokenizer, texts, max_length, "tail")
    tokenizer.truncation_side = "left"
    expected = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    assert [ragged[row].tolist() for row in range(4)] == expected
    assert ragged.counts is None
    assert ragged.uncut.tolist() == [102, 3, 2, 8]


@pytest.mark.parametrize("stride", [0, 2, 3])
@pytest.mark.parametrize("n_words", [6, 7, 9, 10, 12, 13, 50])
def test_windows_cover_the_text_and_overlap(tokenizer, stride, n_words):
    words = numbered(n_words).split()
    ragged = tokenize(tokenizer, ["good", numbered(n_words), "bad"], 8, "windows", stride)
    windows = sequences(ragged, tokenizer)
    assert ragged.counts is None or ragged.counts[0] == ragged.counts[2] == 1
    assert windows[0][1] == "good" and windows[-1][1] == "bad"
    found = [window[1:-1] for window in windows[1:-1]]
    assert all(window[0] == "[CLS]" and window[-1] == "[SEP]" for window in windows)
    assert all(len(window) == 6 for window in found[:-1])
    assert found[0] + [word for window in found[1:] for word in window[stride:]] == words
    assert all(found[i][6 - stride :] == found[i + 1][:stride] for i in range(len(found) - 1))
    assert stride < len(found[-1]) <= 6


def test_outputs_of_windows_are_averaged(tokenizer, tiny_model):
    module = load_encoder(tiny_model, 2)[1]
    texts = [numbered(6), numbered(6) + " " + "good " * 6, "bad"]
    whole = tokenize(tokenizer, texts, 8, "windows")
    parts = tokenize(tokenizer, [numbered(6), "good " * 6, "bad"], 8)
    logits, apart = (
        predict_outputs(module, ragged, torch.device("cpu"), torch.float32)
        for ragged in (whole, parts)
    )
    np.testing.assert_allclose(logits[[0, 2]], apart[[0, 2]], atol=1e-5)
    np.testing.assert_allclose(logits[1], apart[:2].mean(axis=0), atol=1e-5)


@pytest.fixture(scope="module")
def late():
    """Texts whose label stands at their end, beyond what is read of their beginning."""
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=60)
    return [f"the {FILLER} {('bad', 'good')[label]} film" for label in y], y


@pytest.mark.parametrize("long_text", ["tail", "head+tail", "windows"])
def test_what_stands_at_the_end_is_found(make_classifier, late, long_text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = make_classifier(max_length=16, long_text=long_text, epochs=12).fit(*late)
    assert clf.score(*late) > 0.95
    np.testing.assert_array_equal(
        clf.predict(late[0]), clf.classes_[clf.predict_proba(late[0]).argmax(axis=1)]
    )


def test_the_head_alone_does_not_know_and_says_so(make_classifier, late):
    told = (
        r"100.0 % of the texts \(60 of 60\) are longer than 16 tokens and lose 64 % of theirs; a "
        r"larger max_length or long_text='head\+tail' or long_text='windows' would keep more"
    )
    with pytest.warns(TextsCutWarning, match=told) as record:
        clf = make_classifier(max_length=16).fit(*late)
    cut, learnt_nothing = record
    assert cut.filename == learnt_nothing.filename == __file__
    assert learnt_nothing.category is NothingLearntWarning
    assert np.ptp(clf.predict_proba(late[0])[:, 0]) < 1e-5


class Watch(Callback):
    """Keeps what the training is given."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        Watch.seen = X


def seen_by_training(clf, X, y):
    """Return the training and the validation batches of a fit."""
    clf.set_params(callbacks=[Watch()]).fit(X, y)
    return Watch.seen


def test_a_text_counts_once_however_many_windows_it_has(make_classifier):
    """A long text and a short one of another label, else the same: as many windows say 0."""
    X = ["film " * 10, "film"] * 30
    clf = make_classifier(max_length=5, long_text="windows", stride=0, epochs=4)
    proba = clf.fit(X, [0, 1] * 30).predict_proba(["film film film"])
    assert clf.predict_proba(["film"])[0, 1] > 0.3
    batches, _ = seen_by_training(clf, X, [0, 1] * 30)
    weights, targets = batches.weights, batches.targets
    assert len(weights) == 30 * (4 + 1)
    np.testing.assert_allclose(weights[targets == 0].sum(), weights[targets == 1].sum(), rtol=1e-5)
    assert proba.shape == (1, 2)


def test_windows_of_a_text_are_held_out_together(make_classifier, late):
    clf = make_classifier(
        max_length=16, long_text="windows", early_stopping=True, validation_fraction=0.2, epochs=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batches, held_out = seen_by_training(clf, *late)
    trained, judged = set(batches.owners.tolist()), set(held_out.owners.tolist())
    assert len(judged) == 12 and len(trained) == 48
    assert not trained & judged
    assert len(held_out.owners) > len(judged), "each text has several windows"


def test_the_way_to_read_may_change_after_the_fit(make_classifier, late):
    with pytest.warns(TextsCutWarning):
        clf = make_classifier(max_length=16).fit(["good", "bad", *late[0]], [1, 0, *late[1]])
    head = clf.predict_proba(late[0])
    assert not np.allclose(clf.set_params(long_text="windows").predict_proba(late[0]), head)


@pytest.mark.parametrize("stride", [4, 100])
def test_a_stride_of_more_than_half_a_window_is_refused(make_classifier, late, stride):
    with pytest.raises(ValueError, match=f"at most 3, half of the 6 .* got {stride}"):
        make_classifier(max_length=8, long_text="windows", stride=stride).fit(*late)


def test_a_copy_reads_in_the_same_way(make_classifier, late):
    import pickle

    clf = make_classifier(max_length=16, long_text="windows", epochs=1).fit(*late)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(late[0]), clf.predict_proba(late[0]))


def test_the_warning_can_be_silenced(make_classifier, late):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextsCutWarning)
        assert isinstance(make_classifier(max_length=16).fit(*late), BertTextClassifier)
