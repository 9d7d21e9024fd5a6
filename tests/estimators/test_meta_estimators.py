"""The classifier inside scikit-learn's pipelines, searches, ensembles and calibration."""

from importlib import import_module
from operator import itemgetter

import numpy as np
import pandas as pd
import pytest
import sklearn
from joblib import parallel_config
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import EarlyStopping
from skorch.utils import noop


@pytest.fixture(autouse=True)
def workers():
    """Give the worker processes one thread, as here: then their results are bit-equal to ours.

    They import torch at once. One whose first task is none of ours would grow by torch's size with
    the next, which joblib takes for a leak: it warns and replaces the worker, and with warnings as
    errors its own thread ends instead, and the test waits for ever.
    """
    with parallel_config(
        "loky",
        inner_max_num_threads=1,
        initializer=import_module,
        initargs=["sklearn_bert._engine.encoder"],
    ):
        yield


@pytest.fixture
def clf(make_classifier):
    """An unfitted classifier that learns the reviews."""
    return make_classifier(epochs=3, batch_size=4, learning_rate=1e-2)


@pytest.fixture(scope="module")
def learned(fitted, reviews):
    """A classifier that has learned the reviews and that no test may change."""
    return clone(fitted).set_params(batch_size=4, learning_rate=1e-2).fit(*reviews)


def as_series(texts):
    """Return the texts as a column whose index does not start at 0."""
    return pd.Series(texts, index=range(100, 100 + len(texts)))


def as_frame(texts):
    """Return the texts as a one-column frame whose index does not start at 0."""
    return as_series(texts).to_frame("text")


def as_objects(texts):
    """Return the texts as an object array."""
    return np.array(texts, dtype=object)


def as_column(texts):
    """Return the texts as an object array of one column."""
    return as_objects(texts).reshape(-1, 1)


def lower(texts):
    return [text.lower() for text in texts]


# Pipelines


@pytest.mark.parametrize("container", [list, as_series, as_objects])
def test_a_pipeline_transforms_the_texts_before_the_classifier(clf, reviews, container):
    texts, labels = reviews
    # In upper case the tiny model knows no word at all.
    shouted = container([text.upper() for text in texts])
    pipeline = make_pipeline(FunctionTransformer(lower), clf).fit(shouted, labels)
    assert pipeline.score(shouted, labels) == 1.0
    direct = clone(clf).fit(texts, labels)
    np.testing.assert_array_equal(pipeline.predict_proba(shouted), direct.predict_proba(texts))
    np.testing.assert_array_equal(pipeline.classes_, ["neg", "pos"])


def test_a_pipeline_sets_the_classifiers_parameters(clf, reviews):
    pipeline = Pipeline([("lower", FunctionTransformer(lower)), ("clf", clf)])
    pipeline.set_params(clf__epochs=1, clf__max_length=12).fit(*reviews)
    assert len(pipeline["clf"].history_) == 1
    assert pipeline["clf"].max_length_ == 12


def test_the_slices_of_a_pipeline_do_what_the_whole_does(clf, reviews):
    texts, labels = reviews
    pipeline = make_pipeline(FunctionTransformer(lower), clf).fit(texts, labels)
    shouted = as_series([text.upper() for text in texts])
    prepared = pipeline[:-1].transform(shouted)
    assert prepared == texts
    np.testing.assert_array_equal(pipeline[-1].predict(prepared), pipeline.predict(shouted))


def test_a_pipeline_hands_sample_weight_to_the_classifier(clf, reviews):
    texts, labels = reviews
    # Half of the texts come again with the wrong label, and weigh nothing.
    wrong = ["neg" if label == "pos" else "pos" for label in labels[:30]]
    weights = np.repeat([1.0, 0.0], [60, 30])
    pipeline = Pipeline([("lower", FunctionTransformer(lower)), ("clf", clf)])
    pipeline.fit(texts + texts[:30], labels + wrong, clf__sample_weight=weights)
    direct = clone(clf).fit(texts, labels)
    np.testing.assert_array_equal(pipeline.predict_proba(texts), direct.predict_proba(texts))


# A text column beside numeric ones


@pytest.mark.parametrize(
    "select_text",
    [
        FunctionTransformer(itemgetter("text")),
        FunctionTransformer(itemgetter(["text"])),
        make_column_transformer(("passthrough", ["text"])),
    ],
    ids=["1-D column", "one-column frame", "ColumnTransformer"],
)
def test_a_text_column_is_stacked_with_numeric_columns(clf, reviews, select_text):
    texts, labels = reviews
    frame = as_frame(texts).assign(
        stars=np.random.RandomState(0).uniform(1, 5, len(texts)), length=[*map(len, texts)]
    )
    numbers = make_pipeline(
        make_column_transformer((StandardScaler(), ["stars", "length"])), LogisticRegression()
    )
    stack = StackingClassifier(
        [("text", make_pipeline(select_text, clf)), ("numbers", numbers)], cv=2, n_jobs=2
    ).fit(frame, labels)
    assert stack.score(frame, labels) > 0.9
    np.testing.assert_array_equal(stack.classes_, ["neg", "pos"])
    direct = clone(clf).fit(texts, labels)
    expected = [direct.predict_proba(texts), numbers.fit(frame, labels).predict_proba(frame)]
    np.testing.assert_allclose(
        stack.transform(frame), np.column_stack([proba[:, 1] for proba in expected])
    )


# Searches


def test_grid_search_finds_the_settings_that_learn(clf, reviews):
    texts, labels = reviews
    grid = {"epochs": [1, 3], "learning_rate": [1e-6, 1e-2]}
    search = GridSearchCV(clf, grid, cv=2, n_jobs=2).fit(as_series(texts), labels)
    assert search.best_params_["learning_rate"] == 1e-2
    assert search.best_score_ > 0.9
    assert search.predict(texts).tolist() == labels
    best = clone(clf).set_params(**search.best_params_).fit(texts, labels)
    np.testing.assert_array_equal(search.predict_proba(texts), best.predict_proba(texts))


@pytest.mark.parametrize("named", [True, False])
def test_grid_search_sets_the_parameters_of_a_callback(clf, reviews, named):
    # No epoch is better by 100: training stops after `patience` epochs.
    stop = EarlyStopping("train_loss", threshold=100, threshold_mode="abs", sink=noop)
    before = dict(vars(stop))
    clf.set_params(epochs=4, callbacks=[("stop", stop) if named else stop])
    name = "stop" if named else "EarlyStopping"
    grid = {f"callbacks__{name}__patience": [1, 2]}
    search = GridSearchCV(clf, grid, scoring=n_epochs, cv=2, n_jobs=2).fit(*reviews)
    one, two = search.cv_results_["mean_test_score"]
    assert two == one + 1 < 4
    assert search.best_params_ == {f"callbacks__{name}__patience": 2}
    assert search.best_estimator_.n_epochs_ == two
    # What was given to the search is as it was.
    assert vars(stop) == before
    assert clf.get_params()[f"callbacks__{name}__patience"] == stop.patience


def n_epochs(estimator, X, y):
    """Score a classifier by how long it trained."""
    return estimator.n_epochs_


def test_randomized_search_draws_settings(clf, reviews):
    texts, labels = reviews
    settings = {"learning_rate": loguniform(5e-3, 1e-2), "weight_decay": [0, 0.01]}
    search = RandomizedSearchCV(clf, settings, n_iter=2, cv=2, n_jobs=2, random_state=0)
    search.fit(as_objects(texts), labels)
    assert search.best_score_ > 0.9
    assert 5e-3 <= search.best_estimator_.learning_rate_ <= 1e-2
    assert search.predict(texts).tolist() == labels


def test_successive_halving_gives_epochs_to_the_best(clf, reviews):
    search = HalvingGridSearchCV(
        clf,
        {"learning_rate": [1e-6, 1e-2]},
        resource="epochs",
        min_resources=2,
        max_resources=4,
        factor=2,
        cv=2,
        n_jobs=2,
        random_state=0,
    ).fit(*reviews)
    assert search.n_resources_ == [2, 4]
    assert search.best_params_ == {"learning_rate": 1e-2, "epochs": 4}
    assert search.best_estimator_.n_epochs_ == 4
    assert search.best_score_ > 0.9


def test_successive_halving_gives_texts_to_the_best(clf, reviews):
    texts, labels = reviews
    search = HalvingGridSearchCV(
        clf,
        {"learning_rate": [1e-6, 1e-2]},
        resource="n_samples",
        min_resources=30,
        factor=2,
        cv=2,
        n_jobs=2,
        random_state=0,
    ).fit(as_series(texts), labels)
    assert search.n_resources_ == [30, 60]
    assert search.best_params_ == {"learning_rate": 1e-2}
    assert search.predict(texts).tolist() == labels


# Cross-validation


@pytest.mark.parametrize("container", [list, as_series, as_objects, as_frame])
def test_cross_val_predict_has_a_column_a_class(clf, reviews, container):
    texts, labels = reviews
    proba = cross_val_predict(clf, container(texts), labels, cv=2, method="predict_proba", n_jobs=2)
    assert proba.shape == (60, 2)
    assert np.array(["neg", "pos"])[proba.argmax(axis=1)].tolist() == labels


def test_threads_give_the_results_of_one_after_the_other(clf, reviews):
    one, two = (
        cross_val_predict(clf, *reviews, cv=2, method="predict_proba", n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    with parallel_config("threading"):
        threads = cross_val_predict(clf, *reviews, cv=2, method="predict_proba", n_jobs=2)
    np.testing.assert_array_equal(one, threads)
    np.testing.assert_array_equal(one, two)


def test_cross_validate_routes_sample_weight(clf, reviews):
    texts, labels = np.array(reviews[0]), np.array(reviews[1])
    weights = np.random.RandomState(0).randint(3, size=len(texts))
    with sklearn.config_context(enable_metadata_routing=True):
        requesting = clone(clf).set_fit_request(sample_weight=True)
        results = cross_validate(
            requesting.set_score_request(sample_weight=True),
            texts,
            labels,
            cv=2,
            params={"sample_weight": weights},
            return_estimator=True,
            return_indices=True,
            n_jobs=2,
        )
    assert results["test_score"].min() > 0.9
    for estimator, rows in zip(results["estimator"], results["indices"]["train"], strict=True):
        direct = clone(clf).fit(texts[rows], labels[rows], sample_weight=weights[rows])
        np.testing.assert_array_equal(estimator.predict_proba(texts), direct.predict_proba(texts))
        unweighted = clone(clf).fit(texts[rows], labels[rows]).predict_proba(texts)
        assert not np.array_equal(estimator.predict_proba(texts), unweighted)


def test_a_learning_curve_rises_with_the_texts(clf, reviews):
    texts, labels = reviews
    sizes, _, scores = learning_curve(
        clf, as_series(texts), labels, train_sizes=[4, 40], cv=3, n_jobs=2
    )
    assert sizes.tolist() == [4, 40]
    assert scores.shape == (2, 3)
    assert scores[1].mean() > 0.9
    assert scores[0].mean() < scores[1].mean()


# Ensembles


def test_soft_voting_averages_with_tfidf(clf, reviews):
    texts, labels = reviews
    tfidf = make_pipeline(TfidfVectorizer(), LogisticRegression())
    vote = VotingClassifier([("bert", clf), ("tfidf", tfidf)], voting="soft", n_jobs=2)
    vote.fit(as_series(texts), labels)
    assert vote.predict(texts).tolist() == labels
    each = [clone(part).fit(texts, labels).predict_proba(texts) for part in (clf, tfidf)]
    np.testing.assert_allclose(vote.predict_proba(texts), np.mean(each, axis=0))


def test_stacking_learns_from_the_probabilities(clf, reviews):
    texts, labels = reviews
    tfidf = make_pipeline(TfidfVectorizer(), LogisticRegression())
    stack = StackingClassifier([("bert", clf), ("tfidf", tfidf)], cv=2, n_jobs=2)
    stack.fit(as_objects(texts), labels)
    assert stack.predict(texts).tolist() == labels
    direct = clone(clf).fit(texts, labels)
    np.testing.assert_allclose(stack.transform(texts)[:, 0], direct.predict_proba(texts)[:, 1])


@pytest.mark.parametrize("container", [as_column, as_frame])
def test_bagging_draws_from_one_column(clf, reviews, container):
    texts, labels = reviews
    bagging = BaggingClassifier(clf, n_estimators=2, n_jobs=2, random_state=0)
    bagging.fit(container(texts), labels)
    assert bagging.predict(container(texts)).tolist() == labels
    each = [member.predict_proba(texts) for member in bagging.estimators_]
    assert not np.array_equal(*each)
    np.testing.assert_allclose(bagging.predict_proba(container(texts)), np.mean(each, axis=0))


def test_boosting_weighs_one_column(clf, reviews):
    texts, labels = reviews
    # A third of the labels of one kind are wrong, so that the first member has errors to weigh.
    noisy = ["pos" if i % 6 == 0 else label for i, label in enumerate(labels)]
    boosting = AdaBoostClassifier(clf, n_estimators=2, random_state=0)
    boosting.fit(as_column(texts), noisy, sample_weight=np.linspace(1, 2, len(texts)))
    assert len(boosting.estimators_) == 2
    first, second = (member.predict_proba(texts) for member in boosting.estimators_)
    assert not np.array_equal(first, second)
    assert boosting.score(as_column(texts), labels) > 0.5
    assert set(boosting.predict(as_column(texts))) == {"neg", "pos"}


@pytest.mark.slow
def test_one_vs_rest_splits_three_classes(clf):
    words = ["good", "bad", "fine"] * 16
    texts = [f"the {word} {('film', 'book')[i % 2]}" for i, word in enumerate(words)]
    one_vs_rest = OneVsRestClassifier(clf, n_jobs=2).fit(as_series(texts), words)
    np.testing.assert_array_equal(one_vs_rest.classes_, ["bad", "fine", "good"])
    assert len(one_vs_rest.estimators_) == 3
    assert one_vs_rest.predict_proba(texts).shape == (48, 3)
    assert one_vs_rest.score(texts, words) > 0.6


# Probabilities and thresholds


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration_keeps_the_classes(clf, reviews, method):
    texts, labels = reviews
    calibrated = CalibratedClassifierCV(clf, method=method, cv=2, n_jobs=2)
    calibrated.fit(as_series(texts), labels)
    np.testing.assert_array_equal(calibrated.classes_, ["neg", "pos"])
    assert calibrated.predict(texts).tolist() == labels
    np.testing.assert_allclose(calibrated.predict_proba(texts).sum(axis=1), 1)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration_of_a_fitted_classifier_leaves_it_as_it_is(learned, reviews, method):
    texts, labels = reviews
    before = learned.predict_proba(texts)
    calibrated = CalibratedClassifierCV(FrozenEstimator(learned), method=method, cv=2)
    calibrated.fit(texts, labels)
    assert calibrated.predict(texts).tolist() == labels
    np.testing.assert_array_equal(learned.predict_proba(texts), before)


def test_a_tuned_threshold_predicts_labels(clf, reviews):
    texts, labels = reviews
    tuned = TunedThresholdClassifierCV(clf, scoring="balanced_accuracy", cv=2, n_jobs=2)
    tuned.fit(as_objects(texts), labels)
    assert tuned.best_score_ > 0.9
    assert tuned.score(texts, labels) > 0.9
    of_pos = tuned.predict_proba(texts)[:, 1]
    np.testing.assert_array_equal(
        tuned.predict(texts), np.where(of_pos >= tuned.best_threshold_, "pos", "neg")
    )


def test_a_fixed_threshold_cuts_the_probability_of_its_label(learned, reviews):
    texts, labels = reviews
    of_neg = learned.predict_proba(texts)[:, 0]
    threshold = np.median(of_neg[of_neg > 0.5])
    fixed = FixedThresholdClassifier(
        FrozenEstimator(learned),
        threshold=threshold,
        pos_label="neg",
        response_method="predict_proba",
    ).fit(texts, labels)
    expected = np.where(of_neg >= threshold, "neg", "pos")
    assert 0 < (expected == "neg").sum() < 30
    np.testing.assert_array_equal(fixed.predict(texts), expected)


# Inspection


def test_permutation_importance_is_that_of_the_texts(learned, reviews):
    texts, labels = reviews
    result = permutation_importance(
        learned, as_frame(texts), labels, n_repeats=4, n_jobs=2, random_state=0
    )
    assert result.importances.shape == (1, 4)
    # Shuffled, a text says nothing of a label: of an accuracy of 1, half remains.
    assert 0.3 < result.importances_mean[0] < 0.7
