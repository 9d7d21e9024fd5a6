"""Several candidates in one comparison: a row each, and a verdict on the best of them."""

import json
import re

import numpy as np
import pytest
from comparing import CHEAP, FailsOn, make_reader, make_texts
from scipy.stats import t as student_t
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_bert import BertTextClassifier, compare

DROPPED = dict.fromkeys(["TF-IDF + linear SVM", "naive-Bayes SVM"], "drop")
STATIC, FROZEN = "static embeddings{} + logistic regression", "frozen BERT{} + logistic regression"


def quietly(bert, noise=0.5, *, n_texts=100, **options):
    """Return a comparison that prints nothing."""
    options = {"cv": 2, "random_state": 0, "verbose": 0, "estimators": DROPPED, **options}
    return compare(*make_texts(noise, n_texts), bert=bert, **options)


def names_of(found):
    """Return the names of the rows."""
    return [row["model"] for row in found.rows_]


@pytest.fixture
def both():
    """A candidate that guesses, and after it one that reads every sign."""
    return {"blind": DummyClassifier(), "reader": make_reader()}


def test_each_has_a_row_and_the_verdict_is_on_the_best(both):
    found = quietly(both, 0.6, cv=5)
    assert names_of(found) == [*CHEAP[:2], "blind", "reader"]
    assert found.candidates_ == ["blind", "reader"] and found.bert_ == "reader"
    gain = found.differences_["accuracy"]
    assert gain.mean > 0.2
    assert found.verdict_.startswith(f"reader is better by {100 * gain.mean:.1f} percentage")
    assert found.best_cheap_ in CHEAP
    assert found.worth_it() is True


def test_the_order_does_not_matter(both):
    turned = dict(reversed(both.items()))
    assert quietly(turned).bert_ == quietly(both).bert_ == "reader"


@pytest.mark.parametrize(
    ("scoring", "best"),
    [(["accuracy", "recall_macro"], "usual"), (["recall_macro", "accuracy"], "fair")],
)
def test_the_first_score_chooses(scoring, best):
    y = np.array(["rare", *["usual"] * 5] * 10)
    marks = ["!" if label == "rare" or i % 3 == 1 else "?" for i, label in enumerate(y)]
    texts = [f"text {' '.join(str(i))} {mark}" for i, mark in enumerate(marks)]
    fair = make_reader().set_params(
        countvectorizer__vocabulary=["!"], logisticregression__class_weight="balanced"
    )
    options = {"cv": 2, "random_state": 0, "verbose": 0, "estimators": DROPPED}
    bert = {"usual": DummyClassifier(), "fair": fair}
    assert compare(texts, y, bert=bert, scoring=scoring, **options).bert_ == best


def test_the_interval_is_widened_for_the_choice_and_a_note_tells_of_it(both):
    alone, chosen = quietly({"reader": both["reader"]}, cv=5), quietly(both, cv=5)
    one, other = alone.differences_["accuracy"], chosen.differences_["accuracy"]
    assert one.mean == other.mean
    # The t-distribution with as many degrees of freedom as texts but one, at 97.5 and 98.75 %.
    wider = student_t.ppf([0.975, 0.9875], len(alone.predictions_["row"].unique()) - 1)
    assert (other.high - other.mean) / (one.high - one.mean) == pytest.approx(wider[1] / wider[0])
    assert other.method == (
        f"{one.method}, widened for the choice of the best of 2 candidates (Bonferroni)"
    )
    assert chosen.notes_ == [
        "reader is the best of 2 candidates by accuracy: having been chosen, it looks a little "
        "better than it is."
    ]
    assert alone.notes_ == []


@pytest.mark.parametrize("scoring", ["accuracy", pytest.param("f1_macro", marks=pytest.mark.slow)])
def test_so_it_is_on_a_single_split(both, scoring):
    cv = [(np.arange(60), np.arange(60, 100))]
    alone = quietly({"reader": both["reader"]}, cv=cv, scoring=scoring).differences_[scoring]
    chosen = quietly(both, cv=cv, scoring=scoring).differences_[scoring]
    assert chosen.low < alone.low and chosen.high >= alone.high
    assert "40 texts" in chosen.method and "best of 2 candidates" in chosen.method


def test_other_candidates_are_no_cheap_models():
    readers = [make_reader(), clone(make_reader()).set_params(logisticregression__C=1)]
    found = quietly({"one": readers[0], "two": readers[1]})
    assert found.best_cheap_ in CHEAP


def test_all_figures_know_all_of_them(both):
    found = quietly(both, n_texts=200, learning_curve=[0.5])
    assert set(found.learning_curve_["model"]) == {found.best_cheap_, "reader"}
    assert str(found).splitlines()[-1].startswith(("reader ", "Up to "))
    assert set(found.predictions_["model"]) == set(names_of(found))
    assert found.settings_["bert"] == {name: repr(each) for name, each in both.items()}
    results = json.loads(found.to_json())
    assert results["bert"] == "reader" and results["candidates"] == ["blind", "reader"]
    assert results["settings"]["bert"] == found.settings_["bert"]
    html = found.to_html()
    assert "blind: DummyClassifier()" in html and "reader right" in html
    assert found.verdict_ in html


@pytest.mark.usefixtures("no_window")
def test_plots_show_all_of_them(both):
    found = quietly(both, n_texts=200, learning_curve=[0.5])
    assert found.plot().get_legend_handles_labels()[1] == names_of(found)
    curves = [line.get_label() for line in found.plot("learning_curve").lines]
    assert curves == [found.best_cheap_, "reader"]


def test_overlapping_texts_are_told_of_the_best(both):
    texts, y = make_texts(0.5)
    found = compare([*texts, *texts[:10]], [*y, *y[:10]], bert=both, cv=2, verbose=0)
    assert set(found.overlap_["scores_without"]) == {found.best_cheap_, "reader"}


def test_one_that_fails_does_not_take_the_others_down(monkeypatch):
    monkeypatch.setattr(FailsOn, "fits", 0)
    found = quietly({"broken": FailsOn(range(9), OSError("no file")), "reader": make_reader()})
    rows = {row["model"]: row for row in found.rows_}
    assert rows["broken"]["error"] == "OSError: no file" and found.bert_ == "reader"
    assert found.verdict_.startswith("reader is probably better by")
    assert found.notes_ == [], "there was nothing to choose from"
    assert "failed: OSError: no file" in str(found)


def test_one_that_finished_fewer_folds_is_not_chosen(monkeypatch):
    monkeypatch.setattr(FailsOn, "fits", 0)
    found = quietly({"once": FailsOn([1], OSError("no file")), "blind": DummyClassifier()})
    assert found.bert_ == "blind"
    assert found.table_.loc["once", "accuracy"] > found.table_.loc["blind", "accuracy"]
    assert found.notes_[-1] == "Not chosen from, with fewer folds: once."


def test_if_all_fail_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr(FailsOn, "fits", 0)
    error = OSError("no file")
    found = quietly({"a": FailsOn(range(9), error), "b": FailsOn(tuple(range(9)), error)})
    assert found.verdict_ == (
        "No candidate came to the end of a fold, so there is nothing to say about them; a failed: "
        "OSError: no file"
    )
    assert "</html>" in found.to_html() and json.loads(found.to_json())["best_cheap"] is None


def test_a_budget_may_leave_all_of_them_out(both):
    found = quietly(both, budget=1e-9)
    assert found.verdict_ == "No candidate was run, so there is nothing to say about them."
    assert found.notes_[-1].endswith("0 of 2 folds of reader were done.")
    assert "</html>" in found.to_html()


def test_a_score_that_none_has_leaves_no_verdict(both):
    texts, y = make_texts(0.5)
    cv = [(np.arange(50), np.flatnonzero(y == "pos")[30:])]
    options = {"cv": cv, "verbose": 0, "estimators": DROPPED}
    found = compare(texts, y, bert=both, scoring="roc_auc", **options)
    assert found.verdict_ == "There is no roc_auc of any candidate, so there is no verdict."


def test_ctrl_c_keeps_the_candidates_that_were_run(monkeypatch):
    monkeypatch.setattr(FailsOn, "fits", 0)
    found = quietly({"reader": make_reader(), "late": FailsOn([0], KeyboardInterrupt())})
    assert found.interrupted_ and found.bert_ == "reader" and found.verdict_


def test_berts_of_one_checkpoint_share_the_frozen_and_the_static_row(make_classifier):
    found = quietly([make_classifier(epochs=1), make_classifier(epochs=4)], 0.0)
    names = ["BERT (tiny, epochs=1)", "BERT (tiny, epochs=4)"]
    assert names_of(found) == [*CHEAP[:2], STATIC.format(""), FROZEN.format(""), *names]
    assert list(found.forecasts_) == names
    one, four = (sum(found.forecasts_[name].fit_seconds) for name in names)
    assert four > one
    assert found.forecast_ is found.forecasts_[found.bert_]
    forecasts = json.loads(found.to_json())["forecasts"]
    assert list(forecasts) == names and forecasts[names[0]]["max_length"] == 64


def test_each_checkpoint_has_rows_of_its_own(make_classifier, tiny_model, tmp_path):
    import shutil

    other = shutil.copytree(tiny_model, tmp_path / "other")
    berts = [
        make_classifier(epochs=1),
        make_classifier(epochs=1).set_params(model=other),
        make_classifier(epochs=1, max_length=16),
    ]
    found = quietly(berts, 0.0)
    assert names_of(found)[2:] == [
        STATIC.format(" (tiny)"),
        STATIC.format(" (other)"),
        FROZEN.format(" (tiny, max_length=None)"),
        FROZEN.format(" (other, max_length=None)"),
        FROZEN.format(" (tiny, max_length=16)"),
        "BERT (tiny, max_length=None)",
        "BERT (other, max_length=None)",
        "BERT (tiny, max_length=16)",
    ]
    assert not any(row["error"] for row in found.rows_)
    drop = {STATIC.format(""): "drop", FROZEN.format(" (tiny, max_length=16)"): "drop"}
    left = names_of(quietly(berts, 0.0, estimators={**DROPPED, **drop}))
    assert len([name for name in left if "static" in name]) == 0
    assert len([name for name in left if "frozen" in name]) == 2
    own = {FROZEN.format(""): make_reader()}
    replaced = names_of(quietly(berts, 0.0, estimators={**DROPPED, **own}))
    assert [name for name in replaced if "frozen" in name] == [FROZEN.format("")]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([{"model": "a/small"}, {"model": "a/large"}], ["BERT (small)", "BERT (large)"]),
        ([{"model": "a/bert"}, {"model": "b/bert"}], ["BERT (a/bert)", "BERT (b/bert)"]),
        (
            [{"model": "a/small", "epochs": 2}, {"model": "a/small", "epochs": 3}],
            ["BERT (small, epochs=2)", "BERT (small, epochs=3)"],
        ),
        (
            [
                {"class_weight": {f"a long label {i}": 1.0 for i in range(9)}},
                {"class_weight": {f"a long label {i}": 2.0 for i in range(9)}},
            ],
            ["BERT (bert-base-uncased, no. 1)", "BERT (bert-base-uncased, no. 2)"],
        ),
        ([{"model": "a/small"}], ["BERT (small)"]),
    ],
)
def test_in_a_list_they_are_named_by_what_tells_them_apart(given, names, monkeypatch):
    monkeypatch.setattr("sklearn_bert.comparison._speed.check_models", lambda *args, **options: {})
    found = quietly([BertTextClassifier(**each) for each in given], budget=1e-9)
    assert found.candidates_ == names


def test_those_without_a_model_are_named_by_their_kind_or_their_parameters():
    def named(*berts):
        return quietly(list(berts), budget=1e-9).candidates_

    assert named(make_reader()) == ["BERT"]
    assert named(DummyClassifier(), make_reader()) == ["BERT (DummyClassifier)", "BERT (Pipeline)"]
    assert named(DummyClassifier(), DummyClassifier(strategy="uniform")) == [
        "BERT (DummyClassifier, strategy='prior')",
        "BERT (DummyClassifier, strategy='uniform')",
    ]


class Counts(ClassifierMixin, BaseEstimator):
    """A classifier that notes whether it was ever fitted."""

    fits = 0

    def fit(self, X, y):
        """Count."""
        type(self).fits += 1
        return self

    def predict(self, X):
        """Never come here."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("bert", "error", "message"),
    [
        ([], ValueError, r"bert must hold at least one classifier, got \[\]; leave it out"),
        ({}, ValueError, r"bert must hold at least one classifier, got \{\}; leave it out"),
        ({3: make_reader()}, TypeError, "names of type str .* got 3; choose names such as 'small'"),
        ({" ": make_reader()}, TypeError, "names of type str .* not blank, got ' '"),
        (
            {"majority class": make_reader()},
            ValueError,
            "names that no cheap model has, got 'majority class'; choose another name",
        ),
        (
            [DummyClassifier(), DummyClassifier()],
            ValueError,
            r"classifiers that differ, got DummyClassifier\(\) twice; leave one out, or",
        ),
        (
            [make_reader(), "bert-base-uncased"],
            TypeError,
            r"pass BertTextClassifier\('bert-base",
        ),
        ({"x": LogisticRegression}, TypeError, r"pass an instance, LogisticRegression\(\)"),
        ([make_reader(), 3], TypeError, "got 3; pass an estimator with fit and predict"),
        ([BertTextClassifier(epochs=-1), make_reader()], ValueError, "'epochs' parameter"),
    ],
)
def test_wrong_candidates_are_told_before_anything_is_trained(bert, error, message, monkeypatch):
    monkeypatch.setattr(Counts, "fits", 0)
    with pytest.raises(error, match=message):
        quietly(bert, estimators={"own": Counts()})
    assert Counts.fits == 0


def test_a_cheap_model_may_not_have_the_name_of_a_candidate(both):
    with pytest.raises(ValueError, match="not 'reader', which is that of bert, got 'reader'"):
        quietly(both, estimators={"reader": make_pipeline(CountVectorizer(), DummyClassifier())})


def test_the_same_twice_may_have_names():
    assert quietly({"a": DummyClassifier(), "b": DummyClassifier()}).bert_ == "a"


def test_a_budget_leaves_out_the_one_that_would_take_too_long(make_classifier):
    found = quietly(
        [make_classifier(epochs=200_000), make_classifier(epochs=4)], 0.0, budget="10min"
    )
    assert found.bert_ == "BERT (tiny, epochs=4)" and found.rows_[-1]["n_folds"] == 2
    (note,) = found.notes_
    assert note.endswith("0 of 2 folds of BERT (tiny, epochs=200000) were done.")
    assert list(found.forecasts_) == ["BERT (tiny, epochs=200000)", "BERT (tiny, epochs=4)"]


class Slow(BaseEstimator, ClassifierMixin):
    """A reader whose training takes its time."""

    def fit(self, X, y):
        """Learn, many times over: waiting would take none of the processor's time."""
        for _ in range(20):
            self.model_ = make_reader().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        """Return the labels."""
        return self.model_.predict(X)


def test_the_cheapest_that_is_not_worse_is_named(both):
    found = quietly({"slow": Slow(), **both}, cv=5)
    assert found.bert_ == "slow" and found.cheapest_ == "reader"
    (told,) = [note for note in found.notes_ if "cheapest" in note]
    assert re.fullmatch(
        r"reader is the cheapest candidate that is not shown to be worse: \+0\.0 percentage points "
        r"of accuracy against slow \(95 % interval \+0\.0 to \+0\.0\), at a training "
        r"(processor )?time [\d.,]+ times shorter\.",
        told,
    )
    assert json.loads(found.to_json())["cheapest"] == "reader"


def test_where_the_best_is_the_cheapest_nothing_is_said_of_it(both):
    found = quietly(both)
    assert found.cheapest_ == found.bert_ == "reader"
    assert "cheapest" not in str(found)
