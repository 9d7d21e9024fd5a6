"""What BERT is going to gain, told after a fit to a few texts."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from comparing import CHEAP, PRETRAINED, FailsOn, make_reader, make_texts
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline

from sklearn_bert import BertTextClassifier, BertTextRegressor, compare
from sklearn_bert.comparison import Comparison, _runner
from sklearn_bert.comparison._data import Data
from sklearn_bert.comparison._fold_result import FoldResult
from sklearn_bert.comparison._forecast import Forecast
from sklearn_bert.comparison._preview import best_value, find_preview
from sklearn_bert.comparison._summary import Pair

OPTIONS = {"cv": 2, "random_state": 0, "verbose": 0}
DROPPED = dict.fromkeys([*CHEAP[2:], *PRETRAINED], "drop")
TEXTS = make_texts(0.5, 160)


def make_bert(model, **parameters):
    """Return a quick classifier of the tiny model."""
    settings = {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3, "random_state": 0}
    return BertTextClassifier(model, head="new", **{**settings, **parameters})


def foresee(bert, data=TEXTS, **options):
    """Return a preview."""
    options = {"preview": True, "estimators": DROPPED, **OPTIONS, **options}
    return compare(*data, bert=bert, **options)


@pytest.fixture(scope="module")
def found(tiny_model):
    """A preview that no test may change."""
    return foresee(make_bert(tiny_model))


@pytest.fixture
def fits(monkeypatch):
    """The texts and the steps of each fit of a BERT."""
    seen, fit = [], BertTextClassifier.fit

    def watch(self, X, *args, **options):
        fit(self, X, *args, **options)
        seen.append((len(X), len(self.training_curve_["loss"])))
        return self

    monkeypatch.setattr(BertTextClassifier, "fit", watch)
    return seen


@pytest.fixture
def counted(monkeypatch):
    """The names of the models that were fitted, one for each fit."""
    fitted, run = [], _runner.run_fold

    def count(name, *args, **options):
        fitted.append(name)
        return run(name, *args, **options)

    monkeypatch.setattr(_runner, "run_fold", count)
    return fitted


def test_it_tells_the_gain_its_interval_the_price_and_from_where_on(found):
    told = found.preview_
    assert re.fullmatch(
        r"Preview: with all 80 training texts, BERT \(tiny\) is expected to (gain|lose) [\d.]+ "
        rf"percentage points of accuracy (over|against) {re.escape(told.best_cheap)} \(80 % "
        r"interval [+-][\d.]+ to [+-][\d.]+\), at about [\d.,]+ times its training time; it .+\. "
        r"It has been fitted to 40 texts only, in [\d.]+ % of the time of the full comparison "
        r"\(about [\d.]+ \w+\).* compare without preview.*\.",
        found.verdict_,
    )
    assert (told.bert, told.n_train, told.n_texts) == ("BERT (tiny)", 80, 40)
    assert told.interval[0] < told.gain < told.interval[1]
    assert f"{abs(100 * told.gain):.1f} percentage points" in found.verdict_
    assert told.share == pytest.approx(told.seconds / found.forecast_.seconds)


def test_nothing_is_claimed_that_was_not_measured(found):
    assert [row["model"] for row in found.rows_] == CHEAP[:2]
    assert found.best_cheap_ == found.preview_.best_cheap == CHEAP[1]
    assert found.worth_it() is None and found.differences_ == {} and found.mixture_ is None
    with pytest.raises(ValueError, match="there are none: Preview: with all 80 training texts"):
        found.best_estimator()
    assert found.verdict_ in repr(found) and found.settings_["preview"] is True
    assert "Interval:" not in str(found) and len(found.forecast_.fit_seconds) == 2


def test_bert_is_fitted_once_for_as_many_steps_as_few_texts_take(tiny_model, fits):
    told = foresee(make_bert(tiny_model)).preview_
    _, *others = fits  # but for the probe
    assert [n_texts for n_texts, _ in others] == [told.n_texts]
    assert others[0][1] >= 100  # two epochs would be 10 steps


def test_of_many_texts_a_few_are_enough(tiny_model):
    told = foresee(make_bert(tiny_model, epochs=4), make_texts(0.5, 1200)).preview_
    assert 200 < told.n_texts < 240 and told.n_train == 600
    assert told.share < 0.5


def test_without_preview_only_bert_is_left_to_do(found, tiny_model, counted):
    bert = make_bert(tiny_model)
    whole = compare(*TEXTS, bert=bert, estimators=DROPPED, earlier=found, **OPTIONS)
    assert counted == ["BERT (tiny)"] * 2
    assert whole.preview_ is None and "preview" not in whole.settings_
    assert "Preview" not in str(whole) and list(whole.differences_) == ["accuracy"]
    counted.clear()
    with pytest.raises(ValueError, match=r"earlier has 'BERT \(tiny\)', which was; leave preview"):
        foresee(bert, earlier=whole)
    assert counted == []


def test_it_is_saved_loaded_and_reported(found, tmp_path):
    path = tmp_path / "found.json"
    figures = json.loads(found.to_json(path, predictions=True))
    assert figures["preview"]["gain"] == found.preview_.gain
    loaded = Comparison.load(path, TEXTS[0])
    assert loaded.preview_ == found.preview_ and str(loaded) == str(found)
    assert loaded.best_cheap_ == found.best_cheap_ and loaded.to_html() == found.to_html()
    assert "Preview: with all 80" in found.to_html() and "Preview: " in found._repr_html_()
    pd.testing.assert_frame_equal(loaded.table_, found.table_)
    assert json.loads(loaded.to_json())["preview"] == figures["preview"]


def test_what_was_found_before_the_key_was_there_has_none(found, tmp_path):
    saved = json.loads(found.to_json(predictions=True))
    del saved["preview"]
    path = tmp_path / "found.json"
    path.write_text(json.dumps(saved))
    assert Comparison.load(path).preview_ is None


def test_the_best_candidate_is_told_first_and_the_interval_is_wider(tiny_model, found):
    good, bad = make_bert(tiny_model), make_bert(tiny_model, learning_rate=1e-7)
    both = foresee({"bad": bad, "good": good})
    assert both.bert_ == both.cheapest_ == both.preview_.bert == "good"
    assert both.verdict_.startswith("Preview: with all 80 training texts, good is expected")
    assert any(note.startswith("Preview: with all 80 training texts, bad ") for note in both.notes_)
    assert any("bad was trained for 100 steps, and " in note for note in both.notes_)
    assert both.preview_.gain == pytest.approx(found.preview_.gain)
    assert both.preview_.interval[0] < found.preview_.interval[0]
    assert [*both.forecasts_] == ["bad", "good"]


def test_numbers_are_foreseen_too(tiny_model):
    texts, y = make_texts(0.5, 160)
    numbers = (y == "pos") + np.arange(160) % 2 / 4
    bert = BertTextRegressor(tiny_model, epochs=2, batch_size=8, random_state=0)
    drop = {"static embeddings + ridge": "drop", "frozen BERT + ridge": "drop"}
    found = foresee(bert, (texts, numbers), estimators=drop)
    assert found.preview_.best_cheap == "TF-IDF + ridge" and found.preview_.n_texts == 40
    assert re.search(r"(percentage points of|in) r2 (over|against) TF-IDF \+ ridge", found.verdict_)


def test_several_labels_and_weights_are_foreseen_too(tiny_model):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=(160, 2))
    texts = [f"the {'good' if a else 'bad'} {'film' if b else 'book'}" for a, b in y]
    y ^= rng.random((160, 2)) < 0.2
    found = foresee(make_bert(tiny_model), (texts, y), sample_weight=np.linspace(1, 2, 160))
    assert "percentage points of f1_micro" in found.verdict_
    assert found.preview_.n_texts <= 40


def test_a_rare_class_is_no_obstacle(tiny_model):
    texts, y = make_texts(0.5, 160)
    y = np.where(np.arange(160) < 4, "rare", y)
    assert foresee(make_bert(tiny_model), (texts, y)).preview_.n_texts == 40


@pytest.mark.slow
def test_a_tuned_bert_is_tuned_on_the_few_texts(tiny_model):
    found = foresee(make_bert(tiny_model), tune=True)
    assert found.preview_.n_texts == 40 and found.settings_["tune"] is True
    plain = foresee(make_bert(tiny_model))
    assert found.forecast_.seconds > 3 * plain.forecast_.seconds


def test_a_bert_that_fails_says_so(tiny_model, monkeypatch):
    def fail(self, *args, **kwargs):
        raise MemoryError("no  room")

    monkeypatch.setattr(BertTextClassifier, "fit", fail)
    found = foresee(make_bert(tiny_model))
    assert found.preview_ is None and found.rows_[-1]["error"] == "MemoryError: no room"
    assert found.verdict_.startswith("BERT (tiny) failed, so there is nothing to say about it: ")


def test_a_short_fit_that_fails_says_so(tiny_model, monkeypatch):
    fit, n_fits = BertTextClassifier.fit, iter(range(9))

    def fail(self, *args, **kwargs):
        if next(n_fits):
            raise MemoryError("no room")
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(BertTextClassifier, "fit", fail)
    found = foresee(make_bert(tiny_model))
    assert found.verdict_.endswith("nothing to say about it: MemoryError: no room")
    assert found.forecast_ is not None


def test_ctrl_c_keeps_what_is_done(tiny_model, monkeypatch):
    def interrupt(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(BertTextClassifier, "fit", interrupt)
    found = foresee(make_bert(tiny_model))
    assert found.interrupted_ and found.preview_ is None
    assert found.verdict_ == "BERT (tiny) was not run, so there is nothing to say about it."


def test_a_budget_without_time_for_it_is_told(tiny_model, monkeypatch):
    sentence = "The budget of 60 min leaves no time for a preview of BERT (tiny)."
    monkeypatch.setattr("sklearn_bert.comparison._deadline.perf_counter", lambda: np.inf)
    found = foresee(make_bert(tiny_model), budget="1h")
    assert found.notes_ == [sentence] and "was not run" in found.verdict_
    monkeypatch.setattr(
        "sklearn_bert.comparison._short_fit.ShortFit.seconds", lambda self, n_texts: 4000
    )
    assert foresee(make_bert(tiny_model), budget="1h").notes_ == [sentence]
    used_up = foresee(make_bert(tiny_model), budget=1e-9)
    assert used_up.notes_[-1].endswith("leaves no time for a preview of BERT (tiny).")


def test_a_budget_that_is_enough_changes_nothing(tiny_model, found):
    again = foresee(make_bert(tiny_model), budget="1h")
    assert again.preview_.gain == found.preview_.gain and again.notes_ == []


def length(y, predicted):
    """Return a score of which nobody knows the best value."""
    return accuracy_score(y, predicted)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"preview": "yes"}, TypeError, "preview must be a bool, got 'yes'; use True for a"),
        ({"distill": True}, ValueError, "and distill needs it fitted on all folds; leave one of"),
        ({"learning_curve": [0.5]}, ValueError, "and learning_curve needs it fitted on all folds"),
        ({"scoring": make_scorer(length)}, ValueError, "whose best value is known, such as 'acc"),
        (
            {"bert": make_pipeline(make_reader())},
            ValueError,
            "BertTextClassifier or BertTextRegressor, and 'BERT' is a Pipeline; leave preview out.",
        ),
        ({"cv": [(np.arange(30), np.arange(30, 60))]}, ValueError, "there are 30 training texts;"),
    ],
)
def test_what_cannot_be_foreseen_is_told_before_anything_is_trained(
    tiny_model, monkeypatch, options, error, message
):
    monkeypatch.setattr(FailsOn, "fits", 0)
    options = {"bert": make_bert(tiny_model), "estimators": {CHEAP[0]: FailsOn()}, **options}
    with pytest.raises(error, match=re.escape(message)):
        foresee(**options)
    assert FailsOn.fits == 0


# The forecast itself


def judged(model, n_wrong, n_texts, n_train, scores=None):
    """Return the result of a model that is wrong on the first texts."""
    y = np.arange(n_texts) % 2
    labels = np.where(np.arange(n_texts) < n_wrong, 1 - y, y)
    recorded = Data([""] * n_texts, y, np.arange(2)).record(labels)
    rows = np.arange(n_texts)
    result = FoldResult(model, 0, rows, n_train, {"accuracy": 1 - n_wrong / n_texts}, 1.0, 1.0)
    result.recorded = recorded
    return result


def expect(cheap, bert, full, n_texts=1000, n_train=4000):
    """Return the preview and its sentence, of a fit to 400 texts; errors in per cent."""
    few = [judged(name, n, n_texts, 400) for name, n in (("SVM", cheap), ("BERT", bert))]
    whole = [judged("SVM", full, n_texts, n_train)]
    data = Data([""] * n_texts, np.arange(n_texts) % 2, np.arange(2))
    folds = [(np.arange(n_train), np.arange(100))]
    forecast = Forecast([90.0], [10.0], np.array([4]), 64, "cpu", 1.0)
    scorers = {"accuracy": make_scorer(accuracy_score)}
    return find_preview(Pair(few[:1], few[1:]), whole, scorers, data, folds, forecast, least=16)


def test_the_ratio_of_the_errors_is_carried_over_and_falls():
    same, _ = expect(200, 200, 100)
    less, told = expect(200, 100, 100)
    assert 0 < same.gain < 0.03 < 0.05 < less.gain < 0.07
    assert less.n_ahead == 0 and "it is ahead from the smallest sizes on" in told
    assert (
        less.share == 0.02 and "in 2 % of the time of the full comparison (about 1.7 min)" in told
    )
    assert less.times_longer == 90
    assert same.n_ahead == 400
    more, told = expect(200, 210, 100)
    assert 400 < more.n_ahead < 4000 and "it is ahead from about 800 texts on" in told
    far, told = expect(200, 300, 100)
    assert far.n_ahead is None and far.gain < 0
    assert "is expected to lose" in told and "with ten times as many texts either" in told


def test_the_interval_is_wider_if_there_are_few_test_texts():
    widths = [
        np.subtract(*expect(n // 5, n // 10, n // 10, n)[0].interval) for n in (100, 400, 2000)
    ]
    assert widths[0] < widths[1] < widths[2] < -0.01


def test_models_without_errors_are_no_obstacle():
    no_errors, _ = expect(20, 0, 10, 100)
    assert 0.08 < no_errors.gain < 0.1 and no_errors.interval[0] > 0
    none, told = expect(0, 0, 0)
    assert none.gain == 0 and "has nothing to gain over SVM, which makes no error" in told
    assert expect(0, 2, 1)[0].gain < 0


def test_a_preview_that_costs_as_much_as_the_comparison_says_so(tiny_model):
    found = foresee(make_bert(tiny_model), cv=[(np.arange(80), np.arange(80, 160))])
    assert found.preview_.share > 1 / 3
    assert found.verdict_.endswith("), which is the better bargain: compare without preview.")


@pytest.mark.parametrize(
    ("name", "best"),
    [
        *[("accuracy", 1), ("f1_macro", 1), ("roc_auc", 1), ("r2", 1), ("matthews_corrcoef", 1)],
        *[("neg_log_loss", 0), ("neg_mean_absolute_error", 0)],
        *[("positive_likelihood_ratio", None), ("mutual_info_score", None)],
    ],
)
def test_the_best_value_of_a_score_is_known(name, best):
    from sklearn.metrics import get_scorer

    assert best_value(get_scorer(name)) == best
    assert best_value(lambda *args: 1.0) is None
