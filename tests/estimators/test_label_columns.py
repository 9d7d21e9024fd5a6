"""Several columns of labels: one of several classes in each of them."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score

from sklearn_bert import BertTextClassifier, explain

WORDS, KINDS, THINGS = ["good", "bad", "fine"], ["a", "of", "the"], ["film", "book"]


@pytest.fixture(scope="module")
def sorted_out():
    """Texts of three words, and what they are: three words of three and two kinds."""
    rng = np.random.RandomState(0)
    words, kinds, things = (rng.choice(choice, 90) for choice in (WORDS, KINDS, THINGS))
    texts = [" ".join(row) for row in zip(kinds, words, things, strict=True)]
    numbers = np.array([KINDS.index(kind) + 1 for kind in kinds])
    return texts, pd.DataFrame({"word": words, "stars": numbers, "thing": things})


@pytest.fixture(scope="module")
def sorter(tiny_model, sorted_out):
    """A classifier that no test may change."""
    clf = BertTextClassifier(
        tiny_model, epochs=10, batch_size=8, learning_rate=5e-3, random_state=0
    )
    return clf.fit(*sorted_out)


def test_each_column_is_learnt(sorter, sorted_out):
    X, Y = sorted_out
    predicted = sorter.predict(X)
    assert (predicted == Y.to_numpy()).mean() > 0.95
    assert sorter.score(X, Y) == (predicted == Y.to_numpy()).all(axis=1).mean() > 0.9
    weights = np.arange(len(X)) < 10
    assert sorter.score(X, Y, weights) == sorter.score(X[:10], Y[:10])


def test_it_has_the_shapes_of_scikit_learn(sorter, sorted_out):
    X, Y = sorted_out
    coded = Y.apply(lambda column: pd.factorize(column, sort=True)[0])
    forest = RandomForestClassifier(3).fit(np.zeros((len(X), 1)), coded)
    assert sorter.n_outputs_ == forest.n_outputs_ == 3
    assert list(map(len, sorter.classes_)) == list(map(len, forest.classes_)) == [3, 3, 2]
    assert sorter.target_names_ == ["word", "stars", "thing"]
    proba, expected = sorter.predict_proba(X[:5]), forest.predict_proba(np.zeros((5, 1)))
    assert [each.shape for each in proba] == [each.shape for each in expected]
    logs, logits = sorter.predict_log_proba(X[:5]), sorter.decision_function(X[:5])
    assert [each.shape for each in logits] == [(5, 3), (5, 3), (5,)]
    predicted = sorter.predict(X[:5])
    assert predicted.shape == (5, 3)
    for number, (each, log) in enumerate(zip(proba, logs, strict=True)):
        np.testing.assert_allclose(each.sum(axis=1), 1)
        np.testing.assert_allclose(np.exp(log), each)
        found = sorter.classes_[number][each.argmax(axis=1)]
        assert predicted[:, number].tolist() == found.tolist()
    assert predicted[0, 1] in (1, 2, 3)
    clf = BertTextClassifier(sorter.model, head="new", epochs=1, random_state=0)
    assert clf.fit(X, coded.to_numpy()).predict(X[:2]).dtype.kind == "i"


@pytest.mark.integrations
@pytest.mark.parametrize(
    "convert",
    [
        lambda Y: Y.to_numpy(),
        lambda Y: Y.astype({"word": "category"}),
        pl.from_pandas,
        lambda Y: pa.Table.from_pandas(Y, preserve_index=False),
        lambda Y: Y.to_records(index=False),
    ],
)
def test_columns_of_any_kind_are_the_same(make_classifier, sorted_out, convert):
    X, Y = sorted_out
    expected = make_classifier(epochs=1).fit(X, Y)
    clf = make_classifier(epochs=1).fit(X, convert(Y))
    np.testing.assert_array_equal(clf.decision_function(X)[0], expected.decision_function(X)[0])
    assert [each.tolist() for each in clf.classes_] == [each.tolist() for each in expected.classes_]
    assert clf.score(X, convert(Y)) == expected.score(X, Y)


def test_numbers_beyond_0_and_1_are_columns_of_labels(make_classifier, sorted_out):
    X, Y = sorted_out
    numbers = np.column_stack([Y["stars"], Y["stars"] == 1])
    clf = make_classifier(epochs=1).fit(X, numbers)
    assert [each.tolist() for each in clf.classes_] == [[1, 2, 3], [0, 1]]
    assert make_classifier(epochs=1).fit(X, (numbers == 1).astype(int)).multilabel_


def test_after_columns_one_label_is_learnt_as_ever(make_classifier, sorted_out):
    X, Y = sorted_out
    clf = make_classifier(epochs=1).fit(X, Y).fit(X, Y["word"])
    assert not hasattr(clf, "n_outputs_")
    assert clf.predict(X).shape == (90,)
    assert clf.classes_.tolist() == ["bad", "fine", "good"]


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (pd.DataFrame({"a": ["x", None], "b": [1, 2]}), "In the column 'a' of y: y must have a la"),
        (pd.DataFrame({"a": ["x", 1], "b": ["y", "z"]}), "In the column 'a' of y: .* of one type"),
        (np.array([["x", "y"], ["x", "z"]]), "at least 2 classes .* in each column, .* column 0;"),
        (pd.DataFrame([["x", "y"]] * 2, columns=["a", "a"]), "got 'a' for the columns 0 and 1"),
        ([["x", "y"], ["z", "y"]], "0 and 1 only, got 'x' at row 0, column 0"),
    ],
)
def test_what_are_no_columns_of_labels_is_named(make_classifier, y, told):
    with pytest.raises(ValueError, match=told):
        make_classifier().fit(["the film", "the book"], y)


def test_weights_are_the_product_of_those_of_the_columns(make_classifier, sorted_out):
    X, Y = sorted_out
    weights = np.where(Y["word"] == "bad", 3.0, 1.0) * np.where(Y["stars"] == 2, 0.0, 1.0)
    expected = make_classifier(epochs=1).fit(X, Y[weights > 0].pipe(lambda _: Y), weights)
    clf = make_classifier(epochs=1, class_weight=[{"bad": 3}, {2: 0}, {}]).fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X)[0], expected.predict_proba(X)[0])
    assert make_classifier(epochs=1, class_weight="balanced").fit(X, Y).n_outputs_ == 3
    for wrong in ({"bad": 3}, [{}], [{}, {}, {}, {}]):
        with pytest.raises(
            ValueError, match="a dict for each of the 3 columns of y, or 'balanced'"
        ):
            make_classifier(class_weight=wrong).fit(X, Y)
    with pytest.raises(ValueError, match="a list is for several columns"):
        make_classifier(class_weight=[{}, {}]).fit(X, Y["word"])


@pytest.mark.parametrize("parameters", [{"label_smoothing": 0.1}, {"focal_gamma": 1.0}])
def test_the_loss_is_the_mean_over_the_columns(make_classifier, sorted_out, parameters):
    X, Y = sorted_out
    clf = make_classifier(epochs=1, batch_size=90, **parameters)
    loss = clf.fit(X, Y[["word", "word"]].set_axis(["a", "b"], axis=1)).training_curve_["loss"]
    plain = clf.set_params(label_smoothing=0.0, focal_gamma=0.0).fit(X, Y).training_curve_["loss"]
    assert loss != plain
    found = clf.fit(X, Y, X_val=X, y_val=Y)
    proba = [
        each[np.arange(len(X)), np.searchsorted(classes, Y.iloc[:, number])]
        for number, (each, classes) in enumerate(
            zip(found.predict_proba(X), found.classes_, strict=True)
        )
    ]
    assert found.history_[0]["valid_loss"] == pytest.approx(-np.log(proba).mean(), rel=1e-5)


@pytest.mark.filterwarnings("ignore:All .* texts held out")
def test_early_stopping_holds_out_each_class(make_classifier, sorted_out):
    X, Y = sorted_out
    Y = Y.assign(word=["rare"] * 2 + Y["word"].tolist()[2:])
    clf = make_classifier(early_stopping=True, scoring=None, epochs=8).fit(X, Y)
    assert clf.history_[-1]["valid_score"] > 0.3

    def right(Y, predicted):
        return (np.asarray(Y)[:, 0] == predicted[:, 0]).mean()

    clf.set_params(scoring=make_scorer(right)).fit(X, Y)
    assert max(row["valid_score"] for row in clf.history_) > 0.8
    with pytest.raises(ValueError, match="scoring='f1_macro' must be able to judge the "):
        clf.set_params(scoring="f1_macro").fit(X, Y)


def test_validation_data_have_the_same_columns(make_classifier, sorted_out):
    X, Y = sorted_out
    clf = make_classifier(epochs=1)
    few = Y.assign(stars=1)[:5]
    assert "valid_loss" in clf.fit(X, Y, X_val=X[:5], y_val=few).history_[0]
    for y_val, told in (
        (Y["word"], "y_val has one label a text and y has several columns of labels; pass both"),
        (Y[["stars", "word", "thing"]], "in the order of the fit"),
        (Y.assign(stars=7), r"y_val must have the classes of the fit, \[1, 2, 3\], got 7 at row 0"),
        (Y.to_numpy()[:, :2], "y_val must have the 3 columns of labels of the fit, got 2"),
    ):
        with pytest.raises(ValueError, match=told):
            clf.fit(X, Y, X_val=X, y_val=y_val)


def test_score_refuses_other_columns(sorter, sorted_out):
    X, Y = sorted_out
    assert sorter.score(X, Y.to_numpy()) == sorter.score(X, Y)
    for y, told in (
        (Y["word"], "the 3 columns of labels of the fit, got one"),
        (Y.to_numpy()[:, :2], "the 3 columns of labels of the fit, got 2"),
        (Y[["thing", "stars", "word"]], "in the order of the fit"),
        (Y[:3], "inconsistent numbers of samples"),
    ):
        with pytest.raises(ValueError, match=told):
            sorter.score(X, y)


def test_few_texts_start_from_a_logistic_regression_of_each_column(make_classifier, sorted_out):
    X, Y = sorted_out
    clf = make_classifier(head="probe", epochs=1, learning_rate=1e-12).fit(X, Y)
    assert clf.score(X, Y) > 0.5


def test_a_fit_goes_on_with_the_same_columns(make_classifier, sorted_out):
    X, Y = sorted_out
    clf = make_classifier(warm_start=True, epochs=4).fit(X, Y)
    clf.fit(X[:30], Y[:30].assign(stars=[1, 3] * 15))
    assert [len(each) for each in clf.classes_] == [3, 3, 2]
    for y, told in (
        (Y["word"], "needs several columns of labels, as in the first fit, got one column"),
        (Y.assign(stars=Y["stars"] + 1), r"y must have the classes of the fit, .* got 4 at row"),
        (Y[["thing", "stars", "word"]], "in the order of the fit"),
    ):
        with pytest.raises(ValueError, match=told):
            clf.fit(X, y)
    clf = make_classifier(warm_start=True, epochs=1).fit(X, Y["word"])
    with pytest.raises(ValueError, match="needs one column of labels, as in the first fit, got"):
        clf.fit(X, Y)


def test_search_and_cross_validation_score_whole_rows(make_classifier, sorted_out):
    X, Y = sorted_out
    Y = Y.astype(str)  # scikit-learn's splitters cannot sort numbers among str
    search = GridSearchCV(make_classifier(epochs=6), {"learning_rate": [1e-6, 5e-3]}, cv=2)
    assert search.fit(X, Y).best_params_["learning_rate"] == 5e-3
    assert cross_val_score(make_classifier(epochs=1), X, Y, cv=2).shape == (2,)
    proba = cross_val_predict(make_classifier(epochs=1), X, Y, cv=2, method="predict_proba")
    assert [each.shape for each in proba] == [(90, 3), (90, 3), (90, 2)]


def test_copies_travel(sorter, sorted_out, tmp_path):
    X, _ = sorted_out
    sorter.save_pretrained(tmp_path / "model")
    for again in (
        pickle.loads(pickle.dumps(sorter)),
        BertTextClassifier.from_pretrained(tmp_path / "model"),
    ):
        assert again.predict(X).tolist() == sorter.predict(X).tolist()
        for one, other in zip(again.predict_proba(X), sorter.predict_proba(X), strict=True):
            np.testing.assert_array_equal(one, other)
        assert again.target_names_ == ["word", "stars", "thing"]
    assert "a label in each of 3 columns" in (tmp_path / "model" / "README.md").read_text()


def test_other_readers_see_all_labels_by_column(sorter, sorted_out, tmp_path):
    from transformers import pipeline

    X, _ = sorted_out
    sorter.save_pretrained(tmp_path / "model")
    pipe = pipeline("text-classification", str(tmp_path / "model"), function_to_apply="none")
    found = {row["label"]: row["score"] for row in pipe(X[0], top_k=None)}
    assert next(iter(found)).split(": ")[0] in ("word", "stars", "thing")
    logits = sorter.decision_function(X[:1])
    np.testing.assert_allclose(found["stars: 2"], logits[1][0, 1], atol=1e-5)


def test_what_is_for_one_column_says_so(sorter, sorted_out, tmp_path):
    with pytest.raises(ValueError, match="export_onnx needs one column of labels, got 3; fit"):
        sorter.export_onnx(tmp_path / "onnx")
    with pytest.raises(ValueError, match="must have one column of labels, got 3 columns; fit"):
        explain(sorter, sorted_out[0][:1], method="occlusion")


def test_a_fit_that_learns_nothing_says_so(make_classifier, sorted_out):
    X, Y = sorted_out
    clf = make_classifier(epochs=2, learning_rate=1e-7)
    with pytest.warns(UserWarning, match="hardly better than always predicting the same labels"):
        clf.fit(["the film"] * len(X), Y)
