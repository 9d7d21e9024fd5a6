"""Explanations: attributions that add up, words that stand out, and explainers of others."""

import re
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from html import escape

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_bert import BertTextClassifier, BertTextRegressor, explain
from sklearn_bert._install import install_command

METHODS = ("integrated_gradients", "occlusion")


def captum_or_skip(method="integrated_gradients"):
    """Skip where Captum is needed and missing."""
    if method == "integrated_gradients":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip("captum.attr")


@pytest.fixture(scope="module")
def real(minilm, reviews):
    """A real model, which knows the mask token, fitted to the reviews."""
    clf = BertTextClassifier(minilm, epochs=2, batch_size=8, learning_rate=1e-4, random_state=0)
    return clf.fit(*reviews)


@pytest.mark.parametrize("text", ["the good film", "a bad book of a film", "", "good unknownword"])
def test_integrated_gradients_sum_to_the_difference_in_logit(fitted, text):
    captum_or_skip()
    (found,) = explain(fitted, [text], n_steps=200)
    assert found.attributions.sum() == pytest.approx(found.logit - found.baseline_logit, abs=0.02)


@pytest.mark.slow
def test_they_do_so_in_a_real_model(minilm):
    captum_or_skip()
    texts = ["a joy from start to end", "what a waste of time"] * 8
    clf = BertTextClassifier(minilm, batch_size=4, random_state=0)
    clf.fit(texts, ["good", "bad"] * 8)
    for found in explain(clf, texts[:2], n_steps=200):
        difference = found.logit - found.baseline_logit
        assert found.attributions.sum() == pytest.approx(
            difference, abs=0.02 + 0.02 * abs(difference)
        )


@pytest.mark.parametrize("method", METHODS)
def test_the_word_that_decides_stands_out(real, method):
    captum_or_skip(method)
    for text, word, label in (("the good film", "good", "pos"), ("the poor book", "poor", "neg")):
        (found,) = explain(real, [text], method=method)
        assert found.target == label
        assert max(found.words, key=lambda pair: pair[1])[0] == word


@pytest.mark.parametrize("method", METHODS)
def test_against_the_other_class_the_same_word_counts_the_other_way(real, method):
    captum_or_skip(method)
    (found,) = explain(real, ["the good film"], target="neg", method=method)
    assert min(found.words, key=lambda pair: pair[1])[0] == "good"


@pytest.mark.parametrize("method", METHODS)
def test_the_logit_is_that_of_the_classifier(fitted, method):
    captum_or_skip(method)
    (found,) = explain(fitted, ["the good film"], target="pos", method=method)
    assert found.logit == pytest.approx(fitted._outputs(["the good film"])[0, 1], abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_special_tokens_have_no_say(fitted, method):
    captum_or_skip(method)
    (found,) = explain(fitted, ["the good film"], method=method)
    assert found.tokens[0] == "[CLS]" and found.tokens[-1] == "[SEP]"
    assert found.attributions[[0, -1]] == pytest.approx([0, 0])
    assert len(found.tokens) == len(found.attributions) == 5


@pytest.mark.parametrize("method", METHODS)
def test_the_classifier_is_as_before(fitted, method):
    captum_or_skip(method)
    before = fitted.decision_function(["the good film"])
    explain(fitted, ["the good film"], method=method)
    assert (fitted.decision_function(["the good film"]) == before).all()
    assert not fitted.module_.training
    assert all(p.grad is None and p.requires_grad for p in fitted.module_.parameters())


def test_pieces_of_a_word_are_added_up(real):
    (found,) = explain(real, ["unbelievably entertaining"], method="occlusion")
    assert [word for word, _ in found.words] == ["unbelievably", "entertaining"]
    assert sum(value for _, value in found.words) == pytest.approx(found.attributions.sum())


def test_the_text_is_shown_whole_with_coloured_words(fitted):
    text = "the  good\nfilm <script>alert(1)</script> & more"
    html = explain(fitted, [text], method="occlusion").to_html()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "good</span>" in html and "background:rgba(0,114,178" in html
    shown = explain(fitted, [text], method="occlusion")[0]
    assert shown._repr_html_() == shown.to_html()


def test_a_repr_names_class_and_strongest_words(real):
    (found,) = explain(real, ["the good film"], method="occlusion")
    assert repr(found).startswith(f"<Explanation for 'pos', probability {found.proba:.2f}: good +")


def test_the_probability_is_that_of_the_class(fitted, reader):
    for clf, target in ((fitted, "neg"), (fitted, None), (reader, 2), (reader, None)):
        (found,) = explain(clf, ["the good film"], target=target, method="occlusion")
        column = clf.classes_.tolist().index(found.target)
        assert found.proba == pytest.approx(clf.predict_proba(["the good film"])[0, column])


def test_class_and_probability_come_first_then_the_words_for_and_against(fitted):
    (found,) = explain(fitted, ["the good film <b>"], target="neg", method="occlusion")
    html = found.to_html()
    shown = re.sub("<[^>]*>", " ", html).split()
    assert shown[:3] == ["neg", ",", "probability"] and float(shown[3]) == round(found.proba, 2)
    told, _, text = html.partition("logit")
    against = [word for word, value in sorted(found.words, key=lambda w: w[1]) if value < 0]
    assert f"against</span> {escape(against[0])} -" in told
    strongest = max(abs(value) for _, value in found.words)
    for_it = told.partition("against")[0]
    for word, value in found.words:
        assert (f"{escape(word)} +" in for_it) == (value > 0.01 * strongest)
    assert "<b>" not in text


def test_words_that_are_missing_on_a_side_are_told(fitted):
    (found,) = explain(fitted, [""], method="occlusion")
    assert found.to_html().count("no word") == 2


LONG = "the good film of a book " * 4  # 24 words, of which 6 are read of a head of 8 tokens


@pytest.fixture(scope="module", params=["head", "tail", "head+tail", "windows"])
def reader(request, tiny_model, reviews):
    """A classifier of three classes that reads eight tokens, in each of the ways."""
    clf = BertTextClassifier(
        tiny_model,
        epochs=2,
        batch_size=8,
        learning_rate=5e-3,
        random_state=0,
        max_length=8,
        long_text=request.param,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clf.fit(reviews[0], np.arange(60) % 3)


def check_sum(clf, texts, target=None, **options):
    """Check that attributions add up to what `decision_function` gives, less the baseline."""
    decisions = clf.decision_function(texts)
    explanations = explain(clf, texts, target=target, **options)
    for found, decision in zip(explanations, decisions, strict=True):
        assert found.logit == decision[clf.classes_.tolist().index(found.target)]
        added = found.baseline_logit + found.attributions.sum()
        assert added == pytest.approx(found.logit, abs=0.02)


@pytest.mark.parametrize("target", [None, 1])
def test_attributions_add_up_to_the_decision_however_long_texts_are_read(reader, target):
    captum_or_skip()
    check_sum(reader, ["the good film", LONG, "the book", ""], target)


def test_of_two_classes_the_decision_is_the_difference_of_two_explanations(fitted):
    captum_or_skip()
    one, other = (explain(fitted, ["the good film"], target=y)[0] for y in ("pos", "neg"))
    decision = fitted.decision_function(["the good film"])[0]
    assert one.logit - other.logit == pytest.approx(decision, abs=1e-6)
    without = one.baseline_logit - other.baseline_logit
    added = (one.attributions - other.attributions).sum()
    assert added == pytest.approx(decision - without, abs=0.02)


def test_what_is_hidden_is_a_word_of_the_text_that_is_predicted(reader):
    """Occlusion by hand: the text is given with one word less, in all of its windows."""
    text = "the good film of a bad book"
    (found,) = explain(reader, [text], target=1, method="occlusion")
    assert found.logit == reader.decision_function([text])[0, 1]
    words, shares = text.split(), dict(found.words)
    for i, word in enumerate(words):
        hidden = " ".join([*words[:i], "[MASK]", *words[i + 1 :]])
        fall = found.logit - reader.decision_function([hidden])[0, 1]
        assert shares.get(word, 0.0) == pytest.approx(fall, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_words_are_those_that_are_read(reader, method):
    captum_or_skip(method)
    (found,) = explain(reader, [LONG], method=method)
    words = LONG.split()
    expected = {
        "head": words[:6],
        "tail": words[-6:],
        "head+tail": words[:1] + words[-5:],
        "windows": words,
    }
    assert [word for word, _ in found.words] == expected[reader.long_text]
    assert len(found.tokens) == len(found.attributions) == len(found.words) + 2
    assert found.to_html().count("not read") == (reader.long_text != "windows")


def test_windows_share_what_stands_in_both(make_classifier, reviews):
    captum_or_skip()
    clf = make_classifier(max_length=8, long_text="windows", stride=2).fit(*reviews)
    words = ["the", "good", "film", "of", "a", "book", "the", "bad", "poor", "book"]
    (found,) = explain(clf, [" ".join(words)], target="pos")
    first, second = explain(clf, [" ".join(words[:6]), " ".join(words[4:])], target="pos")
    assert found.logit == pytest.approx((first.logit + second.logit) / 2, abs=1e-5)
    halves = np.zeros((2, 10))
    halves[0, :6] = [value for _, value in first.words]
    halves[1, 4:] = [value for _, value in second.words]
    values = [value for _, value in found.words]
    assert values == pytest.approx(halves.mean(axis=0).tolist(), abs=1e-4)


def test_long_texts_are_explained_up_to_where_they_are_cut(make_classifier, reviews):
    clf = make_classifier(max_length=8, long_text="head+tail").fit(*reviews)
    (found,) = explain(clf, ["the good film " * 10], method="occlusion")
    assert len(found.tokens) == 8
    assert found.to_html().count("the good film") >= 1


@pytest.fixture(scope="module")
def fitted_to_pairs(tiny_model):
    """A classifier of pairs, in three classes, that reads ten tokens."""
    words = ("good", "fine", "bad", "poor")
    pairs = [(f"the {one} film", f"a {two} book") for one in words for two in words]
    clf = BertTextClassifier(
        tiny_model, epochs=2, batch_size=8, learning_rate=5e-3, random_state=0, max_length=10
    )
    return clf.fit(pairs, np.arange(16) % 3)


PAIRS = [
    ("the good film", "a bad book"),
    ("the film " * 9, "a bad book"),
    ("good", "of a " * 9),
    ("", "bad"),
    ("", ""),
]


def test_attributions_of_a_pair_add_up_to_the_decision(fitted_to_pairs):
    captum_or_skip()
    check_sum(fitted_to_pairs, PAIRS)


@pytest.mark.parametrize("method", METHODS)
def test_both_texts_of_a_pair_are_explained_and_shown_apart(fitted_to_pairs, method):
    captum_or_skip(method)
    whole, cut, *_ = explain(fitted_to_pairs, PAIRS, method=method)
    assert [word for word, _ in whole.words] == ["the", "good", "film", "a", "bad", "book"]
    assert whole.sides == [None, 0, 0, 0, None, 1, 1, 1, None]
    first, second = whole.to_html().split("line-height")[1:]
    assert "good" in first and "bad" not in first and "book</span>" in second
    assert [word for word, _ in cut.words] == ["the", "film", "the", "film", "a", "bad", "book"]


def test_a_number_is_explained_in_its_own_units(tiny_model, reviews):
    captum_or_skip()
    y = np.where(np.array(reviews[1]) == "pos", 150.0, 100.0)
    reg = BertTextRegressor(
        tiny_model, epochs=2, batch_size=8, learning_rate=5e-3, random_state=0
    ).fit(reviews[0], y)
    (found,) = explain(reg, ["the good film"])
    assert found.target is None and found.kind == "number"
    assert found.logit == pytest.approx(reg.predict(["the good film"])[0])
    added = found.baseline_logit + found.attributions.sum()
    assert added == pytest.approx(found.logit, abs=0.02 * reg.target_scale_)
    assert f"<b>{found.logit:.4g}</b>" in found.to_html() and "raised by" in found.to_html()
    assert repr(found).startswith("<Explanation: ") and found.proba is None
    with pytest.raises(ValueError, match=r"numbers of the outputs \[0\], got 'pos'"):
        explain(reg, ["good"], target="pos")


def test_of_several_numbers_one_is_explained(tiny_model, reviews):
    y = np.column_stack([np.arange(60), np.arange(60)[::-1]])
    reg = BertTextRegressor(tiny_model, epochs=1, batch_size=8, random_state=0).fit(reviews[0], y)
    (found,) = explain(reg, ["good"], target=1, method="occlusion")
    assert found.target == 1
    assert found.logit == pytest.approx(reg.predict(["good"])[0, 1])
    with pytest.raises(ValueError, match=r"must be the number of an output, one of \[0, 1\]"):
        explain(reg, ["good"], method="occlusion")


def test_of_several_labels_the_most_probable_one_is_explained(make_classifier, reviews):
    positive = np.array(reviews[1]) == "pos"
    frame = pd.DataFrame({"good": positive, "bad": ~positive, "book": positive}).astype(int)
    clf = make_classifier().fit(reviews[0], frame)
    texts = reviews[0][:4]
    found = explain(clf, texts, method="occlusion")
    likely = clf.classes_[clf.predict_proba(texts).argmax(axis=1)]
    assert [one.target for one in found] == likely.tolist()
    assert [one.proba for one in found] == clf.predict_proba(texts).max(axis=1).tolist()
    (other,) = explain(clf, texts[:1], target="book", method="occlusion")
    assert other.logit == clf.decision_function(texts[:1])[0, clf.classes_.tolist().index("book")]


def test_hidden_words_are_tried_a_few_at_a_time(fitted, monkeypatch):
    (expected,) = explain(fitted, ["the good film of a book"], method="occlusion")
    monkeypatch.setattr("sklearn_bert.inspection._attribution._VARIANTS_AT_ONCE", 16)
    (found,) = explain(fitted, ["the good film of a book"], method="occlusion")
    assert found.attributions == pytest.approx(expected.attributions, abs=1e-5)


def test_others_may_predict_meanwhile(fitted, reviews):
    captum_or_skip()
    expected = fitted.decision_function(reviews[0][:1])
    with ThreadPoolExecutor(2) as threads:
        explained = threads.submit(explain, fitted, reviews[0][:5])
        while not explained.done():
            assert (fitted.decision_function(reviews[0][:1]) == expected).all()
        explained.result()


def test_without_captum_the_way_out_is_named(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    way_out = re.escape(f"run {install_command('explain')}, or use method='occlusion'.")
    with pytest.raises(ImportError, match=f"needs Captum, .*{way_out}"):
        explain(fitted, ["the good film"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "maybe"}, r"one of the classes \['neg', 'pos'\], got 'maybe'"),
        ({"target": ["pos"]}, r"one of the classes .* got \['pos'\]"),
        ({"method": "lime"}, "must be one of .* got 'lime'"),
        ({"n_steps": 0}, "n_steps must be an int above 0, got 0"),
        ({"X": [("good", "film")]}, "must hold single texts"),
    ],
)
def test_wrong_options_are_told(fitted, options, message):
    with pytest.raises(ValueError, match=message):
        explain(fitted, **{"X": ["good"], **options})


def test_an_unfitted_classifier_is_told():
    with pytest.raises(NotFittedError):
        explain(BertTextClassifier(), ["good"])


def test_lime_explains_it_unmodified(fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lime_text = pytest.importorskip("lime.lime_text")
        explainer = lime_text.LimeTextExplainer(
            class_names=fitted.classes_.tolist(), random_state=0
        )
        found = explainer.explain_instance(
            "the good film", fitted.predict_proba, num_samples=100, num_features=3
        )
    assert max(found.as_list(), key=lambda pair: pair[1])[0] == "good"


@pytest.mark.slow
def test_shap_explains_it_unmodified(real):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shap = pytest.importorskip("shap")
        state = np.random.get_state()
        try:
            explainer = shap.Explainer(
                lambda texts: real.predict_proba(texts.tolist()), shap.maskers.Text(r"\W+")
            )
            found = explainer(["the good film"], silent=True)
        finally:
            np.random.set_state(state)
    words = dict(zip(found.data[0], found.values[0, :, 1], strict=True))
    assert max(words, key=words.get).strip() == "good"
