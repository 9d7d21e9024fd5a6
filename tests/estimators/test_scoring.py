"""Scorers that cannot judge the labels are refused before training; one that fails voids none."""

import json
import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import f1_score, get_scorer, make_scorer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from sklearn_bert import BertTextClassifier, BertTextRegressor, compare

NO_MODEL = "no/such-model"  # asking for it would be another error

TEXTS = [f"{('good', 'bad')[i % 2]} film {i}" for i in range(24)]
HAM = ["ham", "spam"] * 12
THREE = ["a", "b", "c"] * 8
SEVERAL = np.random.RandomState(0).randint(0, 2, (24, 3))
NUMBERS = np.linspace(0, 1, 24)


class Untrained(ClassifierMixin, BaseEstimator):
    """A classifier that fails the test if it is trained."""

    def fit(self, X, y):
        """Fail."""
        pytest.fail("something was trained")

    def predict(self, X):
        """Never get here."""


class Plain(ClassifierMixin, BaseEstimator):
    """A classifier that gives labels only."""

    def fit(self, X, y):
        """Learn the labels."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Return the first label, but the second for texts with a 1 in them."""
        return self.classes_[np.array(["1" in text for text in X]).astype(int)]


def quietly(y=HAM, *, bert=None, **options):
    """Return a comparison that prints nothing."""
    options = {
        "estimators": dict.fromkeys(("TF-IDF + linear SVM", "naive-Bayes SVM"), "drop"),
        **options,
    }
    bert = Plain() if bert is None else bert
    return compare(TEXTS, y, bert=bert, cv=2, random_state=0, verbose=0, **options)


@pytest.mark.parametrize(
    ("y", "scoring", "message"),
    [
        (HAM, "f1", r"positive one, 'ham' or 'spam'; pass scoring=make_scorer\(f1_score, "
                    r"pos_label='spam'\), or use 'f1_macro'"),
        (HAM, "recall", r"make_scorer\(recall_score, pos_label='spam'\)"),
        (HAM, "average_precision", r"average_precision_score, pos_label='spam', response_method="),
        (HAM, "neg_brier_score", r"brier_score_loss, pos_label='spam', greater_is_better=False"),
        (HAM, make_scorer(f1_score), r"make_scorer\(..., pos_label='spam'\)"),
        ([3, 5] * 12, "jaccard", r"positive one, 3 or 5"),
        (HAM, "r2", r"scoring='r2' judges numbers, got labels such as 'ham'; use 'accuracy' or"),
        (HAM, "f1_samples", r"cannot judge one label a text, such as 'ham'"),
        (THREE, "f1", r"scoring='f1' needs 2 classes, got 3; use 'f1_macro' or 'f1_weighted'"),
        (THREE, "precision", r"use 'precision_macro' or 'precision_weighted'"),
        (THREE, "roc_auc", r"needs 2 classes, got 3; use 'roc_auc_ovr'"),
        (SEVERAL, "f1", r"cannot judge several labels a text; use 'f1_macro' or 'f1_micro'"),
        (SEVERAL, "balanced_accuracy", r"cannot judge several labels a text"),
    ],
)  # fmt: skip
def test_early_stopping_refuses_a_scorer_before_a_model_is_loaded(y, scoring, message):
    clf = BertTextClassifier(NO_MODEL, early_stopping=True, scoring=scoring)
    with pytest.raises(ValueError, match=message):
        clf.fit(TEXTS, y)


@pytest.mark.parametrize("scoring", ["f1", "accuracy", "roc_auc", "neg_log_loss"])
@pytest.mark.parametrize("y", [NUMBERS, np.arange(24)])
def test_early_stopping_of_a_regressor_refuses_scorers_of_labels(y, scoring):
    reg = BertTextRegressor(NO_MODEL, early_stopping=True, scoring=scoring)
    with pytest.raises(ValueError, match=f"scoring='{scoring}' cannot judge numbers; use 'r2' or"):
        reg.fit(TEXTS, y)


def test_a_scorer_is_not_looked_at_without_early_stopping(make_classifier):
    assert make_classifier(epochs=1, scoring="f1").fit(TEXTS, HAM).n_epochs_ == 1


def test_a_scorer_that_knows_the_positive_label_is_taken(make_classifier):
    scorer = make_scorer(f1_score, pos_label="spam")
    clf = make_classifier(early_stopping=True, scoring=scorer, validation_fraction=0.5)
    assert "valid_score" in clf.fit(TEXTS, HAM).history_[0]


def test_a_function_may_look_at_more_than_predictions(make_classifier):
    def layers(estimator, X, y):
        return estimator.module_.config.num_hidden_layers

    clf = make_classifier(epochs=1, early_stopping=True, scoring=layers, validation_fraction=0.5)
    assert clf.fit(TEXTS, HAM).history_[0]["valid_score"] == 2


def test_texts_held_out_that_lack_a_class_are_told_before_training(make_classifier):
    y = [*(["a", "b"] * 11), "c", "c"]
    clf = make_classifier(early_stopping=True, scoring="neg_log_loss", validation_fraction=4)
    with pytest.raises(ValueError, match="there is no text of the class 'c' among the 4; use"):
        clf.fit(TEXTS, y)


@pytest.mark.parametrize("scoring", ["f1", ["accuracy", "f1"], {"mine": "f1"}])
def test_a_comparison_refuses_a_scorer_before_anything_is_trained(scoring):
    drop = dict.fromkeys(["majority class"], Untrained())
    message = r"scoring='f1' .* 'ham' or 'spam'; pass pos_label='spam', or use 'f1_macro'"
    with pytest.raises(ValueError, match=message):
        quietly(bert=Untrained(), estimators=drop, scoring=scoring)


def test_a_comparison_refuses_the_scorer_of_early_stopping_too():
    bert = BertTextClassifier(NO_MODEL, early_stopping=True, scoring="f1")
    with pytest.raises(ValueError, match=r"scoring=make_scorer\(f1_score, pos_label='spam'\)"):
        quietly(bert=bert, estimators={"majority class": Untrained()})


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (THREE, {"scoring": "f1"}, "needs 2 classes, got 3; use 'f1_macro' or 'f1_weighted'"),
        (THREE, {"pos_label": "a"}, r"pos_label needs 2 classes, and y has 3, got 'a'"),
        (HAM, {"pos_label": "eggs"}, "one of the labels of y, 'ham' or 'spam', got 'eggs'"),
        (HAM, {"pos_label": ["spam"]}, r"'ham' or 'spam', got \['spam'\]"),
        (HAM, {"scoring": "acuracy"}, "got 'acuracy'; use 'accuracy'"),
        (HAM, {"scoring": {"accuracy"}}, "must name at least one scorer"),
        (HAM, {"scoring": {"fold": "accuracy"}}, "no column of the results already, got 'fold'"),
        (HAM, {"scoring": lambda e, X, y: e.nope}, r"<lambda> failed on .* no attribute 'nope'"),
        (HAM, {"scoring": [lambda e, X, y: 1, lambda e, X, y: 2]}, "got '<lambda>' twice"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(y, options, message):
    with pytest.raises(ValueError, match=message):
        quietly(y, bert=Untrained(), **options)


def test_a_metric_is_no_scorer():
    with pytest.raises(TypeError, match=r"got f1_score; use make_scorer\(f1_score\)"):
        quietly(bert=Untrained(), scoring=f1_score)


@pytest.mark.parametrize("pos_label", ["ham", "spam"])
def test_the_positive_label_is_that_of_the_user(pos_label):
    names = ["f1", "precision", "recall", "jaccard", "accuracy"]
    found = quietly(scoring=names, pos_label=pos_label)
    predictions = found.predictions_
    mine = predictions[predictions["model"] == "BERT"]
    for name in names[:-1]:
        scorer = get_scorer(name)
        expected = [
            scorer._score_func(
                part["label"], part["predicted"], pos_label=pos_label, average="binary"
            )
            for _, part in mine.groupby("fold")
        ]
        assert found.rows_[-1][name] == pytest.approx(np.mean(expected)), name
    assert f"of f1 for '{pos_label}'" in found.verdict_
    line = f"The positive label of f1, precision, recall, jaccard is '{pos_label}'."
    assert line in str(found).splitlines()
    assert "The positive label of f1" in found.to_html()
    assert json.loads(found.to_json())["settings"]["pos_label"] == pos_label


@pytest.mark.parametrize("y", [HAM, [0, 1] * 12])
def test_a_made_scorer_takes_the_positive_label_unless_it_has_its_own(y):
    first, second = np.unique(y).tolist()
    own = make_scorer(f1_score, pos_label=first)
    scoring = {"name": "f1", "made": make_scorer(f1_score), "own": own}
    row = quietly(y, scoring=scoring, pos_label=second).rows_[0]
    assert row["name"] == row["made"] != row["own"]
    row = quietly(y, scoring=scoring, pos_label=first).rows_[0]
    assert row["name"] == row["made"] == row["own"]


@pytest.mark.parametrize("pos_label", ["ham", "spam"])
@pytest.mark.parametrize("name", ["average_precision", "neg_brier_score", "roc_auc"])
def test_probabilities_are_those_of_the_positive_label(name, pos_label):
    bert = make_pipeline(CountVectorizer(), MultinomialNB())
    found = quietly(bert=bert, scoring=name, pos_label=pos_label)
    table = found.predictions_
    table = table[table["model"] == "BERT"]
    expected = []
    for _, part in table.groupby("fold"):
        y = (part["label"] == pos_label).astype(int)
        metric = get_scorer(name)
        expected.append(metric._sign * metric._score_func(y, part[pos_label]))
    assert found.rows_[-1][name] == pytest.approx(np.mean(expected))


def test_a_score_that_only_some_models_lack_voids_no_other():
    found = quietly(scoring=["accuracy", "neg_log_loss"])
    *cheap, bert = found.rows_
    assert np.isnan(bert["neg_log_loss"]) and np.isfinite(bert["accuracy"]) and not bert["error"]
    assert all(np.isfinite(row["neg_log_loss"]) for row in cheap)
    note = "No neg_log_loss of BERT on 2 of 2 folds: the model gives no probabilities."
    assert note in found.notes_ and note in str(found)
    assert found.worth_it(scoring="neg_log_loss") is None
    assert np.isnan(found.differences_["neg_log_loss"].mean)
    assert re.search(r"^BERT .* \S  ", str(found), re.M) and "nan" not in str(found).lower()
    assert json.loads(found.to_json())["models"][-1]["neg_log_loss"] is None
    assert "nan" not in re.sub("<style>.*?</style>", "", found.to_html()).lower()


def test_without_the_deciding_score_there_is_no_verdict():
    found = quietly(scoring=["neg_log_loss", "accuracy"], learning_curve=[0.5])
    assert found.verdict_ == "There is no neg_log_loss of BERT, so there is no verdict."
    assert found.worth_it() is None and found.best_cheap_ is None
    assert "</html>" in found.to_html()


def test_a_fold_that_lacks_a_class_has_no_log_loss_and_the_others_count():
    y = np.array(["a", "b"] * 11 + ["c", "c"])
    rows = np.arange(24)
    folds = [(rows[8:], rows[:8]), (np.r_[0:8, 16:23], np.r_[8:16, 23])]
    scoring = ["accuracy", "neg_log_loss"]
    found = compare(TEXTS, y, bert=Plain(), cv=folds, scoring=scoring, random_state=0, verbose=0)
    row = found.rows_[1]
    assert np.isfinite(row["neg_log_loss"]) and np.isnan(row["neg_log_loss_std"])
    assert any("the test part has no 'c'" in note for note in found.notes_)
