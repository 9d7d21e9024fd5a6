"""Models that are tuned inside each training part, and what the table says of it."""

import re

import numpy as np
import pytest
from comparing import CHEAP, make_reader, make_texts
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline

from sklearn_bert import BertTextClassifier, BertTextRegressor, Comparison, compare
from sklearn_bert.comparison import _forecast
from sklearn_bert.comparison._forecast import Forecast

OPTIONS = {"cv": 2, "random_state": 0, "verbose": 0, "tune": True}
EMBEDDINGS = ["static embeddings + logistic regression", "frozen BERT + logistic regression"]
DROPPED = dict.fromkeys(CHEAP[2:], "drop")
NO_CHEAP = dict.fromkeys([*CHEAP[1:], *EMBEDDINGS], "drop")


def make_hard_texts(n_texts=150):
    """Return texts of two classes whose words tell little, so that C matters."""
    rng = np.random.default_rng(0)
    y = np.array(["neg", "pos"])[rng.integers(2, size=n_texts)]
    numbers = rng.integers(60, size=(n_texts, 6)) + 12 * (y == "pos")[:, None]
    return [" ".join(f"word{number}" for number in row) for row in numbers], y


def tuned(**options):
    """Return a comparison with tuned models."""
    options = {"bert": make_reader(), "estimators": DROPPED, **OPTIONS, **options}
    return compare(*make_hard_texts(), **options)


@pytest.fixture
def fits(monkeypatch):
    """For each fit of a BERT: its learning rate, its epochs, and the number of its texts."""
    seen, fit = [], BertTextClassifier.fit

    def watch(self, X, *args, **options):
        fit(self, X, *args, **options)
        seen.append((self.learning_rate_, self.n_epochs_, len(X)))
        return self

    monkeypatch.setattr(BertTextClassifier, "fit", watch)
    return seen


# The cheap models


def test_c_is_that_of_a_search_on_the_training_part():
    found = tuned(estimators=dict.fromkeys([CHEAP[0], *CHEAP[2:]], "drop"), cv=3)
    texts, y = make_hard_texts()
    folds = StratifiedKFold(3, shuffle=True, random_state=0).split(texts, y)
    chosen = found.folds_.query("model == @CHEAP[1]")["best_params"].tolist()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    for (train, _), params in zip(folds, chosen, strict=True):
        vectors = vectorizer.fit_transform([texts[row] for row in train])
        model = LogisticRegression(max_iter=1000, random_state=0)
        search = GridSearchCV(model, {"C": [10, 1, 100]}, cv=StratifiedKFold(3))
        assert search.fit(vectors, y[train]).best_params_ == params
    assert found.table_.loc[CHEAP[1], "n_fits"] == 10


def test_the_table_tells_the_fits_and_only_if_models_are_tuned():
    found, plain = tuned(estimators={}), tuned(tune=False)
    assert found.table_["n_fits"].tolist() == [1, 10, 10, 10, 1]
    heading = str(found).splitlines()[1].split()
    assert heading[:3] == ["model", "accuracy", "fits"] and "<th>fits</th>" in found.to_html()
    assert "n_fits" not in plain.table_ and "best_params" not in plain.folds_
    assert "fits" not in str(plain) and "tune" not in plain.settings_
    assert found.settings_["tune"] is True


def test_the_first_score_decides():
    found = [tuned(scoring=name) for name in ("accuracy", "neg_log_loss")]
    chosen = [each.folds_["best_params"].tolist() for each in found]
    assert chosen[0] != chosen[1]


@pytest.mark.parametrize("scoring", ["roc_auc", "f1", "custom"])
def test_scores_of_all_kinds_can_decide(scoring):
    def custom(estimator, X, y):
        assert all(isinstance(text, str) for text in X)
        return f1_score(y, estimator.predict(X), average="macro")

    more = {"scoring": custom} if scoring == "custom" else {"scoring": scoring, "pos_label": "pos"}
    found = tuned(**more)
    assert found.table_["n_fits"].tolist() == [1, 10, 1]
    assert np.isfinite(found.table_[found.settings_["scoring"][0]]).all()


def test_your_own_models_are_left_as_they_are():
    search = make_pipeline(CountVectorizer(), GridSearchCV(LogisticRegression(), {"C": [1, 9]}))
    found = tuned(estimators={"mine": LogisticRegressionOfWords(), "search": search})
    assert found.table_.loc["mine", "n_fits"] == 1
    assert found.table_.loc["search", "n_fits"] == 11


class LogisticRegressionOfWords(type(make_pipeline(None))):
    """A pipeline of the user's, with a C."""

    def __init__(self, steps=None):
        super().__init__(steps or make_reader().steps)


def test_a_rare_class_and_weights_are_no_obstacle():
    texts, y = make_hard_texts()
    y = y.astype("U9")
    y[:2] = "rare"
    folds = [(np.arange(100), np.arange(100, 150)), (np.arange(1, 100), np.arange(100, 150))]
    weights = np.linspace(0.5, 2, 150)
    found = compare(texts, y, sample_weight=weights, bert=make_reader(), **{**OPTIONS, "cv": folds})
    assert not found.table_["error"].any()


def test_models_of_several_labels_and_of_numbers_are_tuned_too(make_classifier):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=(90, 2))
    texts = [f"{'good' if good else 'bad'} {'loud' if loud else 'low'} x" for good, loud in y]
    bert = make_pipeline(CountVectorizer(), MultiOutputClassifier(LogisticRegression()))
    found = compare(texts, y, bert=bert, estimators=DROPPED, **OPTIONS)
    assert found.table_["n_fits"].tolist() == [1, 10, 1]
    names = {name for params in found.folds_["best_params"] for name in params}
    assert names == {"estimator__C"}
    numbers = compare(
        texts, y.sum(axis=1) + 0.5, bert=make_pipeline(CountVectorizer(), Ridge()), **OPTIONS
    )
    assert numbers.table_["n_fits"].tolist() == [1, 13, 1]  # its penalty is found anyway


# BERT


def test_bert_is_tried_with_other_rates_and_more_epochs(make_classifier, fits):
    bert = make_classifier(epochs=1)
    found = compare(*make_texts(0.5, 60), bert=bert, estimators=NO_CHEAP, **OPTIONS)
    probe, fits = fits[:1], fits[1:]
    assert probe and len(fits) == 10
    for fold in (fits[:5], fits[5:]):
        rates = [5e-3, 2.5e-3, 1e-2, 5e-3]
        assert fold[:4] == [(rate, 1 + (n == 3), 24) for n, rate in enumerate(rates)]
        assert fold[4][2] == 30
    assert found.table_.loc["BERT (tiny)", "n_fits"] == 5
    for params, last in zip(found.folds_["best_params"][-2:], (fits[4], fits[9]), strict=True):
        expected = {"learning_rate": 5e-3, "epochs": 1, **params}
        assert (expected["learning_rate"], expected["epochs"]) == last[:2]


def test_a_bert_that_ends_early_keeps_its_epochs(make_classifier, fits):
    bert = make_classifier(epochs=3, early_stopping=True)
    found = compare(*make_texts(0.0, 80), bert=bert, estimators=NO_CHEAP, **OPTIONS)
    assert not found.table_["error"].any(), found.table_["error"].tolist()
    assert [rate for rate, *_ in fits[1:5]][:3] == [5e-3, 2.5e-3, 1e-2] and len(fits) == 9


def test_what_was_chosen_most_often_is_what_is_fitted_on_everything(make_classifier):
    bert = make_classifier(epochs=1, learning_rate=1e-5)  # far too little
    found = compare(
        *make_texts(1.0, 80), bert=bert, estimators=NO_CHEAP, **{**OPTIONS, "random_state": 1}
    )
    chosen = found.folds_["best_params"][-2:].tolist()
    best = found._estimators["BERT (tiny)"]
    assert isinstance(best, BertTextClassifier) and not hasattr(best, "module_")
    params = {name: best.get_params()[name] for name in ("learning_rate", "epochs")}
    wanted = [{"learning_rate": 1e-5, "epochs": 1, **each} for each in chosen]
    assert params in wanted


def test_user_loggers_and_checkpoints_see_the_last_fit_only(make_classifier, tmp_path, fits):
    bert = make_classifier(epochs=1, checkpoint_dir=tmp_path / "state")
    found = compare(*make_texts(0.5, 60), bert=bert, estimators=NO_CHEAP, **OPTIONS)
    assert not found.table_["error"].any() and len(fits) == 11


def test_the_forecast_counts_all_fits(make_classifier, capsys):
    options = {"bert": make_classifier(epochs=1), "estimators": NO_CHEAP, **OPTIONS, "verbose": 1}
    expected = Forecast([10.0, 10.0], [1.0, 1.0], np.array([5]), 64, "cpu", 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_forecast, "forecast", lambda *args: expected)
        found = compare(*make_texts(0.5, 100), **options)
    # 0.8 of the texts, four settings of which one is twice as long; 5 x 10 texts to judge on 50.
    steps = 5 / 7  # batches of eight
    assert found.forecast_.fit_seconds == pytest.approx([10 * (1 + 5 * steps) + 4 * 10 / 50] * 2)
    said = " ".join(capsys.readouterr().out.split())
    assert "BERT (tiny): tuned by 4 settings in each fold BERT (tiny): about" in said


def test_a_budget_that_is_too_short_for_that_leaves_bert_as_it_is(make_classifier, fits):
    options = {"bert": make_classifier(epochs=1), "estimators": NO_CHEAP, **OPTIONS}
    expected = Forecast([100.0, 100.0], [1.0, 1.0], np.array([5]), 64, "cpu", 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_forecast, "forecast", lambda *args: expected)
        found = compare(*make_texts(0.5, 60), budget="10min", **options)
    assert len(fits) == 2 and found.table_.loc["BERT (tiny)", "n_fits"] == 1
    (note,) = (note for note in found.notes_ if "tuned" in note)
    assert re.match(
        r"BERT \(tiny\) was not tuned: that was expected to take \d+ min, and 10 min were left of "
        r"the budget of 10 min\.$",
        note,
    )


def test_a_tuned_fit_is_ended_by_the_budget(make_classifier, monkeypatch):
    monkeypatch.setattr("sklearn_bert.comparison._runner._LATEST", 0.0)
    options = {"bert": make_classifier(epochs=1), "estimators": NO_CHEAP, **OPTIONS}
    expected = Forecast([0.0, 0.0], [0.0, 0.0], np.array([5]), 64, "cpu", 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_forecast, "forecast", lambda *args: expected)
        found = compare(*make_texts(0.5, 60), budget="10min", **options)
    assert any("The fit of BERT (tiny) on fold 0 was ended" in note for note in found.notes_)


def test_a_regressor_of_pairs_is_tuned(tiny_model):
    texts, y = make_texts(0.0, 60)
    bert = BertTextRegressor(tiny_model, epochs=1, batch_size=8, random_state=0)
    options = {**OPTIONS, "cv": [(np.arange(40), np.arange(40, 60))]}
    pairs = [(text, "once again") for text in texts]
    numbers = (y == "pos") + np.linspace(0, 0.1, 60)
    drop = dict.fromkeys(["static embeddings + ridge", "frozen BERT + ridge"], "drop")
    found = compare(pairs, numbers, bert=bert, estimators=drop, **options)
    assert found.table_["n_fits"].tolist() == [1, 13, 5]


def test_embeddings_are_computed_once_for_all_of_their_fits(make_classifier):
    drop = dict.fromkeys([*CHEAP[1:], EMBEDDINGS[0]], "drop")
    bert = make_classifier(epochs=1)
    found = compare(*make_texts(0.5, 60), bert=bert, estimators=drop, **OPTIONS)
    assert found.table_.loc[EMBEDDINGS[1], "n_fits"] == 10
    assert found.table_.loc[EMBEDDINGS[1], "error"] == ""


# What comes of it


def test_the_winner_is_scikit_learns_and_is_tuned_again():
    found = tuned(bert=DummyClassifier())
    winner = found.best_estimator()
    search = winner.steps[-1][1]
    assert type(search) is GridSearchCV and search.cv == 3
    assert repr(search.scoring) == "make_scorer(accuracy_score, response_method='predict')"
    assert winner.fit(*make_hard_texts()).predict(["word1 word2"]).tolist() == ["neg"]


def test_it_is_saved_and_continued_but_not_mixed_with_what_was_not_tuned(tmp_path):
    found = tuned()
    found.to_json(tmp_path / "found.json", predictions=True)
    loaded = Comparison.load(tmp_path / "found.json")
    assert str(loaded) == str(found)
    assert loaded.folds_["best_params"].tolist() == found.folds_["best_params"].tolist()
    again = tuned(earlier=loaded)
    assert again.folds_["fit_seconds"].tolist() == found.folds_["fit_seconds"].tolist()
    plain = tuned(earlier=loaded, tune=False)
    same = plain.table_["fit_seconds"] == found.table_["fit_seconds"]
    assert same.tolist() == [True, False, True]


@pytest.mark.parametrize("tune", [None, 1, "C"])
def test_what_is_no_bool_is_told(tune):
    with pytest.raises(TypeError, match=r"tune must be a bool, got .*; use True to tune the"):
        tuned(tune=tune)
