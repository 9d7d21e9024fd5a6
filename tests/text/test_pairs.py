"""Pairs of texts, in the shapes that they come in."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from transformers import AutoTokenizer

from sklearn_bert import (
    BertTextEmbedder,
    BertTextRegressor,
    OnnxTextClassifier,
    TextsCutWarning,
    top_losses,
)
from sklearn_bert._engine.encoder import load_encoder
from sklearn_bert._text.tokens import tokenize


@pytest.fixture(scope="module")
def pairs():
    """Pairs of which both words are of one kind, or not."""
    words = {"good": 1, "fine": 1, "bad": 0, "poor": 0}
    texts = [(f"the {a} film", f"a {b} book") for a in words for b in words] * 5
    labels = ["same" if words[a] == words[b] else "other" for a in words for b in words] * 5
    return texts, labels


@pytest.fixture(scope="module")
def fitted_to_pairs(tiny_model, pairs):
    from sklearn_bert import BertTextClassifier

    return BertTextClassifier(
        tiny_model, epochs=8, batch_size=8, learning_rate=5e-3, random_state=0
    ).fit(*pairs)


def test_what_stands_between_two_texts_is_learnt(fitted_to_pairs, pairs):
    assert fitted_to_pairs.pairs_
    assert fitted_to_pairs.score(*pairs) > 0.9


@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        np.array,
        lambda pairs: np.array(pairs, dtype=object),
        lambda pairs: [list(pair) for pair in pairs],
        lambda pairs: pd.DataFrame(pairs, columns=["premise", "hypothesis"]),
        lambda pairs: pl.DataFrame(pairs, schema=["a", "b"], orient="row"),
        lambda pairs: pa.table({"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}),
    ],
)
def test_two_columns_are_pairs_whatever_holds_them(fitted_to_pairs, pairs, convert):
    expected = fitted_to_pairs.predict_proba(pairs[0][:6])
    np.testing.assert_array_equal(fitted_to_pairs.predict_proba(convert(pairs[0][:6])), expected)


@pytest.fixture(scope="module")
def frame(pairs):
    return pd.DataFrame(pairs[0], columns=["premise", "hypothesis"])


@pytest.fixture(scope="module")
def fitted_to_frame(tiny_model, frame, pairs):
    from sklearn_bert import BertTextClassifier

    return BertTextClassifier(
        tiny_model, epochs=1, batch_size=20, learning_rate=5e-3, warm_start=True, random_state=0
    ).fit(frame, pairs[1])


SWAPPED = ["hypothesis", "premise"]
OTHER_ORDER = (
    r"^The feature names should match those that were passed during fit, in the same order: X must "
    r"have the columns \['premise', 'hypothesis'\], got \['hypothesis', 'premise'\]; pass X\[\["
)


def to_dataset(frame):
    return pytest.importorskip("datasets").Dataset.from_pandas(frame)


def to_relation(frame):
    connection = pytest.importorskip("duckdb").connect()
    connection.register("frame", frame)
    return connection.sql("SELECT * FROM frame")


@pytest.mark.integrations
@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame,
        pl.DataFrame,
        pa.Table.from_pandas,
        lambda frame: frame.to_records(index=False),
        to_dataset,
        to_relation,
    ],
)
def test_columns_in_another_order_are_refused(fitted_to_frame, frame, convert):
    assert fitted_to_frame.feature_names_in_.tolist() == ["premise", "hypothesis"]
    assert fitted_to_frame.n_features_in_ == 2
    fitted_to_frame.predict(convert(frame[:3]))
    with pytest.raises(ValueError, match=OTHER_ORDER):
        fitted_to_frame.predict(convert(frame[SWAPPED][:3]))


@pytest.mark.parametrize(
    "use",
    [
        lambda clf, X, y: clf.score(X, y),
        lambda clf, X, y: clf.predict_proba(X),
        lambda clf, X, y: clf.predict_log_proba(X),
        lambda clf, X, y: clf.decision_function(X),
        lambda clf, X, y: clf.fit(X, y),
        lambda clf, X, y: top_losses(clf, X, y),
        lambda clf, X, y: pickle.loads(pickle.dumps(clf)).predict(X),
        lambda clf, X, y: clf.export_onnx("nowhere", X=X),
        lambda clf, X, y: BertTextEmbedder(estimator=clf).fit(X),
    ],
)
def test_columns_in_another_order_are_refused_wherever_they_are_read(
    fitted_to_frame, frame, pairs, use
):
    with pytest.raises(ValueError, match="feature names should match"):
        use(fitted_to_frame, frame[SWAPPED], pairs[1])
    with pytest.raises(ValueError, match=r"got \['premise', 'question'\]"):
        use(fitted_to_frame, frame.rename(columns={"hypothesis": "question"}), pairs[1])


def test_pairs_without_names_are_taken_with_a_warning(fitted_to_frame, frame, pairs):
    expected = fitted_to_frame.predict_proba(frame[:4])
    told = "X does not have valid feature names, but BertTextClassifier was fitted with feature"
    for X in (pairs[0][:4], frame[:4].set_axis([0, 1], axis=1)):
        with pytest.warns(UserWarning, match=told) as caught:
            np.testing.assert_array_equal(fitted_to_frame.predict_proba(X), expected)
        assert caught[0].filename == __file__
    worst = top_losses(fitted_to_frame, frame[:4], pairs[1][:4])
    assert worst["text"].iloc[0] in pairs[0]


def test_names_travel_with_a_saved_classifier(fitted_to_frame, frame, tmp_path):
    fitted_to_frame.save_pretrained(tmp_path / "saved")
    loaded = type(fitted_to_frame).from_pretrained(tmp_path / "saved")
    assert loaded.feature_names_in_.tolist() == ["premise", "hypothesis"]
    with pytest.raises(ValueError, match=OTHER_ORDER):
        loaded.predict(frame[SWAPPED])


@pytest.mark.slow
def test_names_travel_with_an_exported_classifier(fitted_to_frame, frame, pairs, tmp_path):
    fitted_to_frame.export_onnx(tmp_path / "exported")
    light = OnnxTextClassifier.from_pretrained(tmp_path / "exported")
    light.predict(frame[:3])
    with pytest.raises(ValueError, match=OTHER_ORDER):
        light.score(frame[SWAPPED], pairs[1])


def test_names_are_those_of_the_last_fit(make_classifier, frame, pairs, reviews):
    clf = make_classifier(epochs=1, batch_size=20).fit(frame, pairs[1])
    assert not hasattr(clone(clf), "feature_names_in_")
    clf.fit(frame[SWAPPED], pairs[1]).predict(frame[SWAPPED])
    clf.fit(*pairs)
    assert not hasattr(clf, "feature_names_in_")
    clf.predict(frame)
    clf.fit(*reviews)
    assert not hasattr(clf, "n_features_in_")


def test_one_column_may_have_any_name(make_classifier, reviews):
    clf = make_classifier(epochs=1).fit(pd.DataFrame({"text": reviews[0]}), reviews[1])
    assert not hasattr(clf, "feature_names_in_")
    expected = clf.predict_proba(reviews[0])
    np.testing.assert_array_equal(clf.predict_proba(pd.DataFrame({"title": reviews[0]})), expected)


def test_early_stopping_and_regressors_know_the_columns(tiny_model, frame, pairs):
    reg = BertTextRegressor(
        tiny_model, epochs=1, batch_size=20, early_stopping=True, scoring=None, random_state=0
    ).fit(frame, [float(label == "same") for label in pairs[1]])
    reg.predict(frame)
    with pytest.raises(ValueError, match=OTHER_ORDER):
        reg.predict(frame[SWAPPED])


def test_an_embedder_knows_the_columns(tiny_model, frame):
    embedder = BertTextEmbedder(tiny_model).fit(frame)
    assert embedder.feature_names_in_.tolist() == ["premise", "hypothesis"]
    assert embedder.transform(frame[:2]).shape == (2, 32)
    with pytest.raises(ValueError, match=OTHER_ORDER):
        embedder.transform(frame[SWAPPED])
    embedder.fit(frame["premise"]).transform(frame[SWAPPED])


def test_a_list_of_two_texts_is_two_texts(make_classifier):
    clf = make_classifier().fit(["good film", "bad film"], [1, 0])
    assert not clf.pairs_
    assert clf.predict(["good film", "bad film"]).shape == (2,)


@pytest.mark.parametrize("max_length", [64, 9, 6])
def test_ids_types_and_cuts_are_the_tokenizers_own(tiny_model, max_length):
    pairs = [("good film", "bad book"), ("a " * 20, "good"), ("good", "the " * 30), ("", "bad")]
    ragged = tokenize(AutoTokenizer.from_pretrained(tiny_model), pairs, max_length)
    first, second = map(list, zip(*pairs, strict=True))
    expected = AutoTokenizer.from_pretrained(tiny_model)(
        first, second, truncation="longest_first", max_length=max_length
    )
    assert [ragged[row].tolist() for row in range(4)] == expected["input_ids"]
    assert [ragged.types_of(row).tolist() for row in range(4)] == expected["token_type_ids"]
    assert ragged.uncut.tolist() == [7, 24, 34, 4]
    taken = ragged.take(np.array([2, 0]))
    assert taken.types_of(1).tolist() == expected["token_type_ids"][0]


@pytest.mark.parametrize("packed", [True, False])
def test_logits_are_those_of_transformers(tiny_model, monkeypatch, packed):
    import torch

    from sklearn_bert._engine import forward as _forward
    from sklearn_bert._engine.inference import predict_outputs

    if not packed:
        monkeypatch.setattr(_forward, "packed_model", lambda *_: None)
    tokenizer, module = load_encoder(tiny_model, 2)
    pairs = [("good film", "bad book"), ("a film of a book", "good"), ("", "bad bad film")]
    found = predict_outputs(
        module, tokenize(tokenizer, pairs, 64), torch.device("cpu"), torch.float32
    )
    for pair, logits in zip(pairs, found, strict=True):
        with torch.no_grad():
            expected = module(**tokenizer(*pair, return_tensors="pt")).logits[0].numpy()
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_the_order_of_a_pair_counts(fitted_to_pairs):
    one, other = fitted_to_pairs.predict_log_proba([("good film", "bad"), ("bad", "good film")])
    assert not np.allclose(one, other)


def test_pairs_are_not_mistaken_for_each_other(tiny_model):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    ragged = tokenize(tokenizer, [("good film", "bad"), ("good", " filmbad"), ("go", "od")], 16)
    again = tokenize(tokenizer, [("good", "filmbad"), ("good film", "bad"), ("good", "")], 16)
    assert again[1].tolist() == ragged[0].tolist()
    assert again[0].tolist() == ragged[1].tolist() != ragged[0].tolist()


def test_a_long_pair_is_told(make_classifier, pairs):
    texts = [*pairs[0][:20], ("the film " * 20, "good")]
    with pytest.warns(TextsCutWarning, match=r"4.8 % of the texts \(1 of 21\) .* 59 % of theirs"):
        make_classifier(max_length=18).fit(texts, [*pairs[1][:20], "same"])


def test_single_texts_are_refused_where_pairs_were_learnt(fitted_to_pairs, fitted):
    with pytest.raises(ValueError, match=r"must hold pairs of texts, .* got single texts"):
        fitted_to_pairs.predict(["good film"])
    with pytest.raises(ValueError, match=r"must hold single texts, .* got pairs of texts"):
        fitted.predict([("good film", "bad")])


def test_a_missing_text_of_a_pair_is_named(make_classifier):
    with pytest.raises(TypeError, match="got None of type NoneType at row 1"):
        make_classifier().fit([("good", "bad"), ("good", None)], [0, 1])
    with pytest.raises(TypeError, match="got None of type NoneType at row 1"):
        make_classifier().fit([("good", "bad"), ("good",)], [0, 1])


def test_three_columns_are_refused(make_classifier):
    with pytest.raises(ValueError, match=r"one column of texts, or two .*got shape \(2, 3\)"):
        make_classifier().fit([("a", "b", "c")] * 2, [0, 1])


@pytest.mark.parametrize("long_text", ["tail", "head+tail", "windows"])
def test_pairs_are_cut_in_one_way_only(make_classifier, pairs, long_text):
    with pytest.raises(ValueError, match=f"long_text='{long_text.replace('+', '.')}' needs single"):
        make_classifier(long_text=long_text).fit(*pairs)


def test_a_search_takes_pairs(make_classifier, pairs):
    search = GridSearchCV(make_classifier(epochs=1), {"learning_rate": [1e-3, 5e-3]}, cv=2)
    search.fit(pd.DataFrame(pairs[0]), pairs[1])
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()
    assert search.predict(pairs[0][:3]).shape == (3,)


def test_a_pair_is_one_text_of_the_texts_to_hold_out(make_classifier, pairs):
    clf = make_classifier(early_stopping=True, scoring="accuracy", epochs=8).fit(*pairs)
    assert 0 <= clf.history_[-1]["valid_score"] <= 1
