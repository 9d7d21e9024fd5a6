"""Texts to vectors."""

import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import AutoModel, AutoTokenizer

from sklearn_bert import BertTextClassifier, BertTextEmbedder

TEXTS = ["the good film", "", "a bad book of a film", "good"]


def hidden_states(folder, *text, max_length=64):
    """Return the last hidden states of a text or pair by transformers alone."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    inputs = tokenizer(*text, return_tensors="pt", truncation=True, max_length=max_length)
    with torch.no_grad():
        return model.eval()(**inputs).last_hidden_state[0].numpy()


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("packed", [True, False])
def test_vectors_are_the_pooled_hidden_states(tiny_model, monkeypatch, pooling, packed):
    from sklearn_bert._engine import forward as _forward

    if not packed:
        monkeypatch.setattr(_forward, "packed_model", lambda *_: None)
    vectors = BertTextEmbedder(tiny_model, pooling=pooling).fit(TEXTS).transform(TEXTS)
    assert vectors.shape == (4, 32) and vectors.dtype == np.float32
    for text, vector in zip(TEXTS, vectors, strict=True):
        states = hidden_states(tiny_model, text)
        expected = states.mean(axis=0) if pooling == "mean" else states[0]
        np.testing.assert_allclose(vector, expected, atol=1e-5)


def test_pairs_have_vectors(tiny_model):
    pairs = [("good film", "bad"), ("a", "the book")]
    vectors = BertTextEmbedder(tiny_model).fit_transform(pd.DataFrame(pairs))
    for pair, vector in zip(pairs, vectors, strict=True):
        np.testing.assert_allclose(vector, hidden_states(tiny_model, *pair).mean(0), atol=1e-5)


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": "mean"}, "mean"),
        (None, "mean"),
    ],
)
def test_a_checkpoint_says_what_it_was_made_for(tiny_model, tmp_path, config, pooling):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    if config is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    assert BertTextEmbedder(folder).fit(TEXTS).pooling_ == pooling


def test_vectors_of_length_one(tiny_model):
    vectors = BertTextEmbedder(tiny_model, normalize=True).fit_transform(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)


def test_long_texts_are_cut_or_read_in_windows(tiny_model):
    text = "good film " * 20
    head = BertTextEmbedder(tiny_model, max_length=8).fit_transform([text])[0]
    np.testing.assert_allclose(
        head, hidden_states(tiny_model, text, max_length=8).mean(0), atol=1e-5
    )
    windows = BertTextEmbedder(tiny_model, max_length=8, long_text="windows", stride=0)
    parts = BertTextEmbedder(tiny_model).fit_transform(["good film " * 3])
    same = windows.fit_transform(["good film " * 6])
    np.testing.assert_allclose(same, parts, atol=1e-5)
    with pytest.raises(ValueError, match="stride must be at most 3"):
        BertTextEmbedder(tiny_model, max_length=8, long_text="windows", stride=4).fit([text])
    with pytest.raises(ValueError, match="needs single texts, got pairs"):
        BertTextEmbedder(tiny_model, long_text="windows").fit([("a", "b")])


def test_names_and_frames(tiny_model):
    embedder = BertTextEmbedder(tiny_model).set_output(transform="pandas")
    column = pd.Series(TEXTS, index=[3, 1, 2, 0])
    frame = embedder.fit_transform(column)
    assert frame.index.tolist() == [3, 1, 2, 0]
    assert frame.columns.tolist() == embedder.get_feature_names_out().tolist()
    assert frame.columns[0] == "berttextembedder0" and frame.shape == (4, 32)


def test_beside_numeric_columns(tiny_model, reviews):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"text": reviews[0], "n": rng.rand(60), "m": rng.rand(60)})
    columns = ColumnTransformer(
        [("text", BertTextEmbedder(tiny_model), "text"), ("rest", StandardScaler(), ["n", "m"])]
    )
    clf = make_pipeline(columns, LogisticRegression(max_iter=1000))
    assert cross_val_score(clf, frame, reviews[1], cv=2).mean() > 0.7
    names = columns.fit(frame).get_feature_names_out()
    assert len(names) == 34 and names[0] == "text__text_0"


def test_a_search_goes_over_its_parameters(tiny_model, reviews):
    pipeline = make_pipeline(BertTextEmbedder(tiny_model), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"berttextembedder__pooling": ["mean", "cls"]}, cv=2)
    assert search.fit(*reviews).best_score_ > 0.8


def test_a_fitted_classifier_lends_its_encoder(fitted, reviews):
    embedder = BertTextEmbedder(estimator=fitted).fit(reviews[0])
    assert embedder.estimator_ is fitted
    assert embedder.pooling_ == "cls"
    vectors = torch.tensor(embedder.transform(reviews[0]))
    with torch.no_grad():
        pooled = fitted.module_.bert.pooler(vectors[:, None])
        logits = fitted.module_.classifier(pooled).numpy()
    np.testing.assert_allclose(
        logits[:, 1] - logits[:, 0], fitted.decision_function(reviews[0]), atol=1e-4
    )


def test_one_that_is_not_fitted_is_fitted_in_each_fold(make_classifier, reviews, monkeypatch):
    sizes = []
    original = BertTextClassifier.fit
    monkeypatch.setattr(
        BertTextClassifier, "fit", lambda self, X, y: sizes.append(len(X)) or original(self, X, y)
    )
    clf = make_pipeline(
        BertTextEmbedder(estimator=make_classifier()), LogisticRegression(max_iter=1000)
    )
    folds = StratifiedKFold(3)
    assert cross_val_score(clf, *reviews, cv=folds).mean() > 0.9
    assert sizes == [40, 40, 40]


def test_a_frozen_one_is_shared_by_copies(fitted, reviews):
    embedder = clone(BertTextEmbedder(estimator=FrozenEstimator(fitted)))
    assert embedder.fit(reviews[0]).module_ is fitted.module_


def test_what_can_not_lend_is_named(fitted, make_classifier):
    with pytest.raises(TypeError, match="got LogisticRegression; for an encoder by name"):
        BertTextEmbedder(estimator=LogisticRegression()).fit(TEXTS)
    with pytest.raises(ValueError, match="y must be given to fit an estimator"):
        BertTextEmbedder(estimator=make_classifier()).fit(TEXTS)


def test_before_a_fit_and_on_bad_texts_it_says_so(tiny_model):
    with pytest.raises(NotFittedError):
        BertTextEmbedder(tiny_model).transform(TEXTS)
    embedder = BertTextEmbedder(tiny_model).fit(TEXTS)
    with pytest.raises(TypeError, match="got None of type NoneType at row 1"):
        embedder.transform(["good", None])
    with pytest.raises(ValueError, match="single text"):
        embedder.transform("good")
    with pytest.raises(ValueError, match="pooling"):
        BertTextEmbedder(tiny_model, pooling="max").fit(TEXTS)


def test_copies_travel(tiny_model):
    embedder = BertTextEmbedder(tiny_model).fit(TEXTS)
    again = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(again.transform(TEXTS), embedder.transform(TEXTS))
    assert not hasattr(clone(embedder), "module_")


def test_a_vector_does_not_depend_on_what_stands_beside_it(tiny_model):
    embedder = BertTextEmbedder(tiny_model).fit(TEXTS)
    together = embedder.transform(TEXTS * 3)
    alone = np.concatenate([embedder.transform([text]) for text in TEXTS])
    np.testing.assert_allclose(together[:4], alone, atol=1e-5)


def test_bfloat16_is_close(minilm):
    exact, half = (
        BertTextEmbedder(minilm, dtype=dtype).fit(TEXTS).transform(["a fine film", "boring"])
        for dtype in ("float32", "bfloat16")
    )
    assert 0 < np.abs(exact - half).max() < 0.05


def test_global_random_state_is_left_alone(tiny_model):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    BertTextEmbedder(tiny_model).fit_transform(TEXTS)
    assert torch.equal(torch.get_rng_state(), state)


# Names of columns


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("shape", ["frame", "series"])
def test_names_are_those_of_the_column(tiny_model, library, shape):
    frame = pytest.importorskip(library).DataFrame({"review": TEXTS})
    X = frame if shape == "frame" else frame["review"]
    embedder = BertTextEmbedder(tiny_model).set_output(transform=library)
    names = [f"review_{i}" for i in range(32)]
    assert list(embedder.fit_transform(X).columns) == names
    assert embedder.get_feature_names_out().tolist() == names
    assert hasattr(embedder, "feature_names_in_") == (shape == "frame")
    if shape == "frame":
        assert embedder.feature_names_in_.tolist() == ["review"]
        assert embedder.get_feature_names_out(["review"]).tolist() == names
        with pytest.raises(ValueError, match="input_features"):
            embedder.get_feature_names_out(["other"])
    again = pickle.loads(pickle.dumps(embedder))
    assert list(again.transform(TEXTS).columns) == names


def test_names_without_a_column_are_those_of_the_class(tiny_model):
    embedder = BertTextEmbedder(tiny_model)
    for X in (
        TEXTS,
        np.array(TEXTS),
        pd.Series(TEXTS),
        pd.Series(TEXTS, name=0),
        pd.DataFrame({0: TEXTS}),
        pd.DataFrame({"a": TEXTS, "b": TEXTS}),
    ):
        assert embedder.fit(pd.DataFrame({"text": TEXTS})).fit(X).get_feature_names_out()[0] == (
            "berttextembedder0"
        )
        assert hasattr(embedder, "feature_names_in_") == (getattr(X, "columns", [0])[-1] == "b")


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("column", ["text", ["text"]])
def test_names_beside_other_columns(tiny_model, library, column):
    if library == "polars" and sklearn.__version__.startswith("1.8"):
        pytest.skip("scikit-learn 1.8 cannot select columns of polars 2")
    frame = pytest.importorskip(library).DataFrame({"n": [1.0, 2, 3, 4], "text": TEXTS})
    columns = ColumnTransformer(
        [("t", BertTextEmbedder(tiny_model), column), ("rest", "passthrough", ["n"])],
        verbose_feature_names_out=False,
    ).set_output(transform=library)
    names = [*(f"text_{i}" for i in range(32)), "n"]
    assert list(columns.fit_transform(frame).columns) == names
    assert columns.get_feature_names_out().tolist() == names


@pytest.mark.integrations
@pytest.mark.slow
def test_names_in_a_frame_of_skrub(tiny_model):
    skrub = pytest.importorskip("skrub")
    frame = pd.DataFrame({"n": [1.0, 2, 3, 4], "text": TEXTS})
    found = skrub.ApplyToCols(BertTextEmbedder(tiny_model), cols="text").fit_transform(frame)
    assert list(found.columns) == ["n", *(f"text_{i}" for i in range(32))]


def test_pairs_in_another_order_of_columns_are_refused(tiny_model):
    frame = pd.DataFrame({"premise": TEXTS, "hypothesis": TEXTS[::-1]})
    embedder = BertTextEmbedder(tiny_model).fit(frame)
    assert embedder.feature_names_in_.tolist() == ["premise", "hypothesis"]
    with pytest.raises(ValueError, match=r"must have the columns \['premise', 'hypothesis'\]"):
        embedder.transform(frame[["hypothesis", "premise"]])
    assert embedder.transform(frame).shape == (4, 32)


# What is read once, and what weighs


@pytest.mark.parametrize("make", [iter, lambda X: (text for text in X), lambda X: map(str, X)])
def test_what_gives_its_texts_only_once_is_read_once(tiny_model, make_classifier, make):
    expected = BertTextEmbedder(tiny_model).fit_transform(TEXTS)
    np.testing.assert_array_equal(BertTextEmbedder(tiny_model).fit_transform(make(TEXTS)), expected)
    lending = BertTextEmbedder(estimator=make_classifier(epochs=1))
    vectors = lending.fit(make(TEXTS), [0, 1, 0, 1]).transform(make(TEXTS))
    np.testing.assert_array_equal(lending.fit_transform(make(TEXTS), [0, 1, 0, 1]), vectors)


def test_the_estimator_is_fitted_with_the_weights(make_classifier, reviews):
    X, y = reviews
    weights = [float(label == "pos") + 1 for label in y]
    clf = make_classifier(epochs=1)
    embedder = BertTextEmbedder(estimator=clf).fit(X, y, sample_weight=weights)
    expected = clone(clf).fit(X, y, sample_weight=weights).predict_proba(X)
    np.testing.assert_array_equal(embedder.estimator_.predict_proba(X), expected)
    assert not np.array_equal(clone(clf).fit(X, y).predict_proba(X), expected)
    vectors = BertTextEmbedder(estimator=clf).fit_transform(X, y, sample_weight=weights)
    np.testing.assert_array_equal(vectors, embedder.transform(X))


def test_weights_are_routed(make_classifier, reviews):
    with sklearn.config_context(enable_metadata_routing=True):
        embedder = BertTextEmbedder(estimator=make_classifier(epochs=1))
        clf = make_pipeline(
            embedder.set_fit_request(sample_weight=True),
            LogisticRegression(max_iter=1000).set_fit_request(sample_weight=False),
        )
        weights = np.zeros(60)
        weights[:40] = 1
        clf.fit(*reviews, sample_weight=weights)
    assert clf[0].estimator_.n_samples_fit_ == 40
