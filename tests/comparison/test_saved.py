"""A comparison that is saved, loaded, and continued without computing anything twice."""

import json

import numpy as np
import pandas as pd
import pytest
from comparing import CHEAP, FailsOn, make_reader, make_texts
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import StratifiedKFold

from sklearn_bert import compare
from sklearn_bert.comparison import Comparison, _runner

OPTIONS = {"cv": 3, "random_state": 0, "verbose": 0}
DROPPED = dict.fromkeys(CHEAP[2:], "drop")


def quietly(**options):
    """Return a comparison that prints nothing."""
    options = {"bert": make_reader(), "estimators": DROPPED, **OPTIONS, **options}
    return compare(*make_texts(0.5), **options)


def reloaded(found, path, X=None):
    """Return a comparison that was saved and loaded."""
    found.to_json(path, predictions=True)
    return Comparison.load(path, X)


@pytest.fixture
def counted(monkeypatch):
    """The names of the models that were fitted, one for each fit."""
    fitted, run = [], _runner.run_fold

    def count(name, *args, **options):
        fitted.append(name)
        return run(name, *args, **options)

    monkeypatch.setattr(_runner, "run_fold", count)
    return fitted


@pytest.mark.usefixtures("no_window")
def test_what_is_loaded_is_what_was_saved(tmp_path):
    found = quietly(scoring=["accuracy", "neg_log_loss"], learning_curve=[0.5])
    loaded = reloaded(found, tmp_path / "found.json", make_texts(0.5)[0])
    assert str(loaded) == str(found) and repr(loaded) == repr(found)
    pd.testing.assert_frame_equal(loaded.table_, found.table_)
    pd.testing.assert_frame_equal(loaded.folds_, found.folds_)
    pd.testing.assert_frame_equal(loaded.learning_curve_, found.learning_curve_)
    pd.testing.assert_frame_equal(loaded.predictions_, found.predictions_)
    assert loaded.differences_ == found.differences_ and loaded.settings_ == found.settings_
    assert loaded.worth_it() == found.worth_it() and loaded.to_html() == found.to_html()
    assert loaded.to_json(predictions=True) == found.to_json(predictions=True)
    loaded.plot("learning_curve")


def test_bert_its_forecast_and_a_mixture_are_loaded_too(tmp_path, make_classifier):
    drop = dict.fromkeys([*CHEAP[2:], "static embeddings + logistic regression"], "drop")
    found = quietly(bert=make_classifier(epochs=1), estimators=drop)
    found.mixture_ = {"BERT (tiny)": 0.5, CHEAP[1]: 0.5}
    loaded = reloaded(found, tmp_path / "found.json", make_texts(0.5)[0])
    assert str(loaded.forecast_) == str(found.forecast_) and loaded.mixture_ == found.mixture_
    assert loaded.to_html() == found.to_html()


@pytest.mark.parametrize(
    ("y", "bert"),
    [
        (np.arange(100) / 8, DummyRegressor()),
        (np.arange(300).reshape(100, 3) % 2, DummyClassifier()),
        (np.arange(100) % 3, DummyClassifier()),
        (np.arange(100) % 2 == 0, DummyClassifier()),
    ],
)
def test_numbers_and_labels_of_any_kind_are_loaded(tmp_path, y, bert):
    options = {**OPTIONS, "bert": bert, "sample_weight": np.linspace(1, 2, 100)}
    found = compare(make_texts(0.5)[0], y, **options)
    loaded = reloaded(found, tmp_path / "found.json")
    pd.testing.assert_frame_equal(loaded.predictions_, found.predictions_)
    again = compare(make_texts(0.5)[0], y, earlier=loaded, **options)
    assert again.verdict_ == found.verdict_ and again.notes_ == found.notes_


def test_without_texts_there_is_no_report_and_without_models_no_estimator(tmp_path):
    found = quietly()
    path = tmp_path / "found.json"
    loaded = reloaded(found, path)
    assert "the film" not in path.read_text()
    with pytest.raises(ValueError, match=r"loaded without them; pass them to Comparison.load as X"):
        loaded.to_html()
    with pytest.raises(ValueError, match="best_estimator needs the models, which no file holds"):
        loaded.best_estimator()
    with pytest.raises(ValueError, match="X must hold the texts that were compared on, in"):
        Comparison.load(path, make_texts(0.5)[0][::-1])


def test_only_files_with_predictions_are_loaded(tmp_path):
    path = tmp_path / "found.json"
    quietly().to_json(path)
    assert "state" not in json.loads(path.read_text())
    with pytest.raises(ValueError, match=r"Only a file that to_json\(path, predictions=True\) has"):
        Comparison.load(path)
    path.write_text("no JSON")
    with pytest.raises(ValueError, match="Only a file that"):
        Comparison.load(path)
    later = json.loads(quietly().to_json(predictions=True))
    later["state"]["format"] = 99
    path.write_text(json.dumps(later))
    with pytest.raises(ValueError, match=r"has format 99, and this version .* install a newer one"):
        Comparison.load(path)


def test_more_models_are_added_and_nothing_is_fitted_twice(tmp_path, counted):
    first = reloaded(quietly(), tmp_path / "found.json")
    assert counted == [name for name in [*CHEAP[:2], "BERT"] for _ in range(3)]
    counted.clear()
    found = quietly(earlier=first, estimators={"naive-Bayes SVM": "drop"})
    assert counted == [CHEAP[2]] * 3
    whole = quietly(estimators={"naive-Bayes SVM": "drop"})
    assert (found.table_["accuracy"] == whole.table_["accuracy"]).all()
    assert found.differences_["accuracy"].mean == whole.differences_["accuracy"].mean
    assert found.best_estimator() is not None


def test_more_folds_are_added(counted):
    splits = list(StratifiedKFold(5, shuffle=True, random_state=0).split(*make_texts(0.5)))
    first = quietly(cv=splits[:2])
    counted.clear()
    found = quietly(cv=splits, earlier=first)
    assert counted == [name for name in [*CHEAP[:2], "BERT"] for _ in range(3)]
    assert {row["n_folds"] for row in found.rows_} == {5}


def test_what_was_interrupted_or_failed_is_done(monkeypatch, counted):
    monkeypatch.setattr(FailsOn, "fits", 0)
    bert = FailsOn([1], KeyboardInterrupt())
    first = quietly(bert=bert)
    assert first.interrupted_
    counted.clear()
    found = quietly(bert=bert, earlier=first)
    assert counted == ["BERT"] * 2 and found.rows_[-1]["n_folds"] == 3
    assert not found.interrupted_ and found.notes_ == []


def test_other_scores_are_judged_from_what_was_predicted(counted):
    first = quietly()
    counted.clear()
    found = quietly(earlier=first, scoring=["f1_macro", "accuracy"])
    assert counted == []
    assert (found.table_["accuracy"] == first.table_["accuracy"]).all()
    assert "f1_macro" in found.verdict_


def test_a_model_with_other_parameters_is_fitted(counted):
    first = quietly()
    counted.clear()
    quietly(earlier=first, bert=make_reader().set_params(logisticregression__C=1))
    assert counted == ["BERT"] * 3


def test_the_seed_of_then_is_taken():
    first = quietly(random_state=3)
    found = quietly(earlier=first, random_state=None)
    assert found.settings_["random_state"] == 3


def test_bert_is_not_probed_again(make_classifier, monkeypatch, counted):
    drop = dict.fromkeys([*CHEAP[2:], "static embeddings + logistic regression"], "drop")
    options = {"bert": make_classifier(epochs=1), "estimators": drop}
    first = quietly(**options)
    counted.clear()
    monkeypatch.setattr("sklearn_bert.comparison._forecast.forecast", lambda *args: pytest.fail())
    found = quietly(**options, earlier=first)
    assert counted == [] and found.forecast_ is first.forecast_


def test_other_data_and_other_folds_are_refused():
    first = quietly()
    with pytest.raises(ValueError, match="earlier must be a comparison on the same texts, labels"):
        compare(*make_texts(0.4), bert=make_reader(), earlier=first, **OPTIONS)
    with pytest.raises(ValueError, match="a fold in common with cv, and has none of its 3; pass"):
        quietly(earlier=first, random_state=1)
    with pytest.raises(TypeError, match=r"earlier must be a Comparison, got 'a\.json'; load"):
        quietly(earlier="a.json")


@pytest.mark.slow
def test_folds_in_processes_of_their_own_give_the_same(monkeypatch):
    monkeypatch.setattr(_runner, "_TO_START", 0)
    alone, together = quietly(), quietly(n_jobs=2)
    assert (together.table_["accuracy"] == alone.table_["accuracy"]).all()
    assert together.table_["fit_seconds"].gt(0).all() and together.notes_ == alone.notes_
    pd.testing.assert_frame_equal(together.predictions_, alone.predictions_)


@pytest.mark.parametrize("n_jobs", [0, 1.5, True, "all"])
def test_numbers_of_processes_that_are_none_are_told(n_jobs):
    with pytest.raises(ValueError, match="n_jobs must be an int other than 0, or None, got"):
        quietly(n_jobs=n_jobs)
