"""Several labels a text."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.preprocessing import MultiLabelBinarizer

from sklearn_bert import BertTextClassifier

NAMES = ["film", "good", "bad"]


@pytest.fixture(scope="module")
def tagged():
    """Texts, and which of three words they hold."""
    rng = np.random.RandomState(0)
    Y = rng.randint(2, size=(80, 3))
    texts = ["the " + " ".join(np.array(NAMES)[row == 1]) for row in Y]
    return texts, Y


@pytest.fixture(scope="module")
def tagger(tiny_model, tagged):
    return BertTextClassifier(
        tiny_model, epochs=8, batch_size=8, learning_rate=5e-3, random_state=0
    ).fit(*tagged)


def test_each_label_is_learnt_for_itself(tagger, tagged):
    X, Y = tagged
    assert tagger.multilabel_
    assert f1_score(Y, tagger.predict(X), average="macro") > 0.95
    proba = tagger.predict_proba(X)
    assert proba.shape == Y.shape
    assert not np.allclose(proba.sum(axis=1), 1)
    assert ((proba >= 0) & (proba <= 1)).all()


def test_predictions_are_one_set_of_numbers(tagger, tagged):
    X = tagged[0][:10]
    proba, predicted = tagger.predict_proba(X), tagger.predict(X)
    assert predicted.dtype.kind == "i"
    np.testing.assert_array_equal(predicted, proba > 0.5)
    np.testing.assert_allclose(np.exp(tagger.predict_log_proba(X)), proba)
    np.testing.assert_allclose(1 / (1 + np.exp(-tagger.decision_function(X))), proba)


@pytest.mark.integrations
@pytest.mark.parametrize(
    "convert",
    [
        lambda Y: Y.tolist(),
        lambda Y: Y.astype(bool),
        lambda Y: Y.astype(float),
        csr_matrix,
        lambda Y: pd.DataFrame(Y, columns=NAMES),
        lambda Y: pl.DataFrame(Y, schema=NAMES),
        lambda Y: pd.DataFrame(Y, columns=NAMES).astype(bool),
        lambda Y: pd.DataFrame(Y, columns=NAMES).astype("Int64"),
        lambda Y: pa.table(dict(zip(NAMES, Y.T, strict=True))),
        lambda Y: pd.Series(Y.tolist()),
        lambda Y: pd.Series(list(Y)),
        lambda Y: pl.Series(Y.tolist()),
        lambda Y: pa.array(Y.tolist()),
        lambda Y: list(Y),
        torch.tensor,
        lambda Y: pytest.importorskip("datasets").Dataset.from_dict({"y": Y.tolist()})["y"],
        lambda Y: iter(Y.tolist()),
    ],
)
def test_an_indicator_of_any_kind_is_the_same(make_classifier, tagged, convert):
    X, Y = tagged
    X, Y = X[:16], Y[:16]
    clf = make_classifier(epochs=1).fit(X, convert(Y))
    expected = make_classifier(epochs=1).fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    has_names = hasattr(convert(Y), "columns")
    assert clf.classes_.tolist() == (NAMES if has_names else [0, 1, 2])
    assert clf.score(X, convert(Y)) == expected.score(X, Y)


def test_one_column_is_labels_as_ever(make_classifier, reviews):
    y = np.array([label == "pos" for label in reviews[1]], dtype=int)
    with pytest.warns(match="column-vector"):
        clf = make_classifier(epochs=1).fit(reviews[0], y[:, None])
    assert not clf.multilabel_
    assert clf.predict(reviews[0][:2]).shape == (2,)


def test_lists_of_labels_name_the_way_out(make_classifier):
    y = [["film", "good"], ["bad"], []]
    X = ["the film good", "the bad", "the"]
    with pytest.raises(ValueError, match=r"got the labels \['film', 'good'\] at row 0; "):
        make_classifier().fit(X, y)
    clf = make_classifier().fit(X, MultiLabelBinarizer().fit_transform(y))
    assert clf.predict(X).shape == (3, 3)


@pytest.mark.integrations
@pytest.mark.parametrize(
    "convert",
    [list, pd.Series, lambda y: pytest.importorskip("datasets").Dataset.from_dict({"y": y})["y"]],
)
@pytest.mark.parametrize("y", [[["film", "good"], ["bad"]], [[3, 5], [1]], [[1, 0], [1]]])
def test_lists_of_other_lengths_are_refused_whatever_holds_them(make_classifier, y, convert):
    with pytest.raises(ValueError, match=r"at row 0; convert them with MultiLabelBinarizer\(\)"):
        make_classifier().fit(["the film", "the bad"], convert(y))


@pytest.mark.parametrize("convert", [list, pd.Series])
@pytest.mark.parametrize(
    ("y", "told"),
    [
        ([{"film"}, {"bad"}], r"the labels \{'film'\} at row 0; convert .* MultiLabelBinarizer"),
        ([[1, 0], None], r"got None at row 1 after \[1, 0\] at row 0; .* MultiLabelBinarizer"),
        (
            ["film", ["bad"]],
            r"got \['bad'\] at row 1 after 'film' at row 0; .* MultiLabelBinarizer",
        ),
        ([[1, None], [0, 1]], "0 and 1 only, got None at row 0, column 1"),
        ([["1", "0"], ["0", "1"]], "0 and 1 only, got '1' at row 0, column 0"),
    ],
)
def test_rows_that_are_no_indicator_are_named(make_classifier, y, told, convert):
    with pytest.raises(ValueError, match=told):
        make_classifier().fit(["the film", "the bad"], convert(y))


@pytest.mark.parametrize(
    ("Y", "told"),
    [
        (pd.DataFrame({"a": [1, None], "b": [0, 1]}, dtype="Int64"), "got <NA> at row 1, column 0"),
        (pd.DataFrame({"a": [1, None], "b": [0, 1]}, dtype="boolean"), "got <NA> at row 1"),
        (pl.DataFrame({"a": [1, None], "b": [0, 1]}), "got nan at row 1, column 0"),
        (np.ma.array([[1, 0], [0, 1]], mask=[[0, 0], [1, 0]]), "got None at row 1, column 0"),
        (pd.DataFrame([[1, 0], [0, 1]], columns=["a", "a"]), "got 'a' for the columns 0 and 1"),
        (
            pd.DataFrame([[1, 0]] * 2, columns=pd.MultiIndex.from_product([["a"], ["b", "c"]])),
            r"got \('a', 'b'\) for column 0",
        ),
        (np.zeros((2, 0)), "at least one column, got none"),
    ],
)
def test_frames_that_are_no_indicator_are_named(make_classifier, Y, told):
    with pytest.raises(ValueError, match=told):
        make_classifier().fit(["the film", "the bad"], Y)


def test_names_of_two_types_stay_as_they_are(make_classifier, tagged):
    Y = pd.DataFrame(tagged[1], columns=["film", 1, "bad"])
    assert make_classifier(epochs=1).fit(tagged[0], Y).classes_.tolist() == ["film", 1, "bad"]


def test_labels_in_another_order_are_not_mistaken_for_each_other(make_classifier, tagged):
    X, Y = tagged[0], pd.DataFrame(tagged[1], columns=NAMES)
    clf = make_classifier(warm_start=True, epochs=8).fit(X, Y)
    assert clf.score(X, Y) == clf.score(X, tagged[1]) > 0.9
    other = Y[["good", "film", "bad"]]
    told = (
        r"^y must have the columns of the labels in the order of the fit, \['film', 'good', 'bad'\]"
        r", got \['good', 'film', 'bad'\]; pass y\[\['film', 'good', 'bad'\]\]\.$"
    )
    for use in (clf.fit, clf.score):
        with pytest.raises(ValueError, match=told):
            use(X, other)
    with pytest.raises(ValueError, match="in the order of the fit"):
        clf.score(X, Y.rename(columns={"bad": "sad"}))
    numbered = make_classifier(warm_start=True, epochs=1).fit(X, tagged[1])
    with pytest.raises(ValueError, match="in the order of the fit"):
        numbered.fit(X, pd.DataFrame(tagged[1])[[2, 1, 0]])


@pytest.mark.parametrize("value", [2, -1, np.nan, 0.5])
def test_a_value_that_is_neither_0_nor_1_is_named(make_classifier, tagged, value):
    Y = tagged[1].astype(float)
    Y[7, 2] = value
    with pytest.raises(ValueError, match=rf"got .*{value}.* at row 7, column 2"):
        make_classifier().fit(tagged[0], Y)


def test_y_of_another_length_is_refused(make_classifier, tagged):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_classifier().fit(tagged[0][:-1], tagged[1])


def test_a_label_that_none_has_is_no_obstacle(make_classifier, tagged):
    Y = tagged[1].copy()
    Y[:, 1] = 0
    for class_weight in (None, "balanced"):
        clf = make_classifier(epochs=4, class_weight=class_weight).fit(tagged[0], Y)
        assert clf.predict_proba(tagged[0])[:, 1].max() < 0.5


def test_class_weights_are_those_of_the_texts_that_have_the_label(make_classifier, tagged):
    X, Y = tagged
    Y = Y.copy()
    Y[8:, 2] = 0  # hardly any text has it
    frame = pd.DataFrame(Y, columns=NAMES)
    plain, balanced, by_name = (
        make_classifier(class_weight=weight).fit(X, frame).predict_proba(X)[:, 2].mean()
        for weight in (None, "balanced", {"bad": 20})
    )
    assert plain < balanced
    assert plain < by_name


def test_a_class_weight_of_an_unknown_label_is_named(make_classifier, tagged):
    with pytest.raises(ValueError, match="got 'sad'; the labels are"):
        make_classifier(class_weight={"sad": 2}).fit(*tagged)


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        ({"bad": -1}, "not negative, got -1 for 'bad'"),
        ({"bad": None}, "got None for 'bad'"),
        ({"bad": 1e30}, r"0 or from 1e-09 to 1e\+09, got 1e\+30 for 'bad'"),
        (dict.fromkeys(NAMES, 0), "above 0 for at least one class"),
    ],
)
def test_a_class_weight_that_is_none_is_named(make_classifier, tagged, weight, told):
    frame = pd.DataFrame(tagged[1], columns=NAMES)
    with pytest.raises(ValueError, match=rf"^class_weight .*{told}"):
        make_classifier(class_weight=weight).fit(tagged[0], frame)


def test_balanced_weights_do_not_count_texts_that_are_left_out(make_classifier, tagged):
    X, Y = tagged
    kept = np.arange(len(X)) < 50
    Y = Y.copy()
    Y[~kept] = 1
    fits = make_classifier(class_weight="balanced"), make_classifier(class_weight="balanced")
    fits[0].fit(X, Y, sample_weight=kept)
    fits[1].fit(X[:50], Y[:50])
    np.testing.assert_array_equal(fits[0].predict_proba(X), fits[1].predict_proba(X))


def test_weights_of_texts_count(make_classifier, tagged):
    X, Y = tagged
    weights = Y[:, 0].astype(float)  # only texts with the first label
    clf = make_classifier(epochs=4).fit(X, Y, sample_weight=weights)
    assert clf.predict(X)[:, 0].all()


def test_copies_travel(tagger, tagged):
    import pickle

    again = pickle.loads(pickle.dumps(tagger))
    np.testing.assert_array_equal(again.predict(tagged[0][:5]), tagger.predict(tagged[0][:5]))
    assert not hasattr(clone(tagger), "multilabel_")


def test_search_and_cross_validation_score_by_multilabel_metrics(make_classifier, tagged):
    search = GridSearchCV(
        make_classifier(), {"learning_rate": [1e-6, 5e-3]}, scoring="f1_macro", cv=2
    )
    assert search.fit(*tagged).best_params_["learning_rate"] == 5e-3
    proba = cross_val_predict(make_classifier(), *tagged, cv=2, method="predict_proba")
    assert proba.shape == tagged[1].shape


def test_early_stopping_holds_out_and_tells_of_a_collapse(make_classifier, tagged):
    clf = make_classifier(early_stopping=True, scoring="f1_micro", epochs=6).fit(*tagged)
    assert clf.history_[-1]["valid_score"] > 0.5
    Y = np.zeros_like(tagged[1])
    Y[:4] = tagged[1][:4]
    with pytest.warns(UserWarning, match=r"predicted to have no label: .*class_weight"):
        make_classifier(early_stopping=True).fit(tagged[0], Y)
