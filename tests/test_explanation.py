"""Explanations: attributions that add up, words that stand out, and explainers of others."""

import sys
import warnings

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_bert import BertTextClassifier, explain

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
    assert repr(found).startswith("<Explanation for 'pos': good +")


def test_long_texts_are_explained_up_to_where_they_are_cut(make_classifier, reviews):
    clf = make_classifier(max_length=8, long_text="head+tail").fit(*reviews)
    (found,) = explain(clf, ["the good film " * 10], method="occlusion")
    assert len(found.tokens) == 8
    assert found.to_html().count("the good film") >= 1


def test_without_captum_the_way_out_is_named(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r"needs Captum.*sklearn-bert\[explain\].*occlusion"):
        explain(fitted, ["the good film"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "maybe"}, r"one of the classes \['neg', 'pos'\], got 'maybe'"),
        ({"method": "lime"}, "must be one of .* got 'lime'"),
    ],
)
def test_wrong_options_are_told(fitted, options, message):
    with pytest.raises(ValueError, match=message):
        explain(fitted, ["good"], **options)


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
