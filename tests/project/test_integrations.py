"""Other libraries of the scikit-learn family work on the estimators, unmodified.

LIME and SHAP stand in test_explanation.py.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_bert import BertTextClassifier, BertTextEmbedder, BertTextRegressor

# What the others do is not ours to mend.
pytestmark = [pytest.mark.integrations, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def clf(make_classifier):
    return make_classifier(epochs=3)


def test_cleanlab_finds_the_wrong_labels(make_classifier, reviews):
    classification = pytest.importorskip("cleanlab.classification")
    X, y = np.array(reviews[0] * 4), np.array([int(label == "pos") for label in reviews[1] * 4])
    wrong = np.arange(0, 240, 17)  # no period of the texts: else most copies of a text are wrong
    y[wrong] = 1 - y[wrong]
    lab = classification.CleanLearning(make_classifier(epochs=4), seed=0, cv_n_folds=3)
    lab.fit(X, y)
    issues = lab.get_label_issues()
    lowest = np.argsort(issues["label_quality"])[: len(wrong)]
    assert set(lowest) == set(wrong)
    assert len(set(np.flatnonzero(issues["is_label_issue"])) ^ set(wrong)) <= 3
    assert lab.predict(X[:4]).tolist() == [0, 1, 0, 1]


def test_imbalanced_learn_samples_texts_in_its_pipeline(clf, reviews):
    pipeline = pytest.importorskip("imblearn.pipeline")
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    keep = [i for i, label in enumerate(reviews[1]) if label == "pos" or i < 12]
    X = np.array(reviews[0], dtype=object)[keep][:, None]
    y = np.array(reviews[1])[keep]
    steps = [("sample", over_sampling.RandomOverSampler(random_state=0)), ("clf", clf)]
    pipe = pipeline.Pipeline(steps).fit(X, y)
    assert len(pipe["sample"].sample_indices_) == 60
    assert pipe.score(X, y) > 0.95


def test_hiclass_predicts_down_a_hierarchy_of_vectors(tiny_model):
    """HiClass turns X into numbers itself, so texts go through the embedder first."""
    hiclass = pytest.importorskip("hiclass")
    rng = np.random.RandomState(0)
    paths = {"good": ("nice", "very"), "fine": ("nice", "quite"), "bad": ("not", "at all")}
    words = rng.choice(list(paths), 90)
    X = np.array([f"the {word} film" for word in words], dtype=object)
    Y = np.array([paths[word] for word in words], dtype=object)
    local = hiclass.LocalClassifierPerParentNode(LogisticRegression(C=100))
    with pytest.raises(ValueError, match="could not convert string to float"):
        clone(local).fit(X[:, None], Y)
    pipe = make_pipeline(BertTextEmbedder(tiny_model), local).fit(X, Y)
    assert (pipe.predict(X) == Y).all(axis=1).mean() > 0.9


def test_optuna_searches_its_parameters(make_classifier, reviews):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-6, 1e-2, log=True)
        return cross_val_score(make_classifier(learning_rate=rate), *reviews, cv=2).mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=8)
    assert study.best_value > 0.8
    assert study.best_params["learning_rate"] > 1e-4


def test_mapie_gives_sets_of_labels_that_hold_the_truth(clf, reviews):
    classification = pytest.importorskip("mapie.classification")
    X, y = np.array(reviews[0] * 2), np.array(reviews[1] * 2)
    fitted = clf.fit(X[:60], y[:60])
    conformal = classification.SplitConformalClassifier(fitted, confidence_level=0.9, prefit=True)
    conformal.conformalize(X[60:], y[60:])
    _, sets = conformal.predict_set(X[60:])
    truth = (y[60:] == "pos").astype(int)
    assert sets[np.arange(60), truth, 0].mean() >= 0.9


def fitted_estimators(model, texts, labels):
    """Return one fitted estimator of each kind, and ones that hold them."""
    quick = {"epochs": 1, "batch_size": 20, "random_state": 0}
    clf = BertTextClassifier(model, **quick).fit(texts, labels)
    return {
        "classifier": clf,
        "regressor": BertTextRegressor(model, **quick).fit(texts, range(len(texts))),
        "embedder": BertTextEmbedder(model).fit(texts),
        "embedder of a classifier": BertTextEmbedder(estimator=clf).fit(texts),
        "pipeline": make_pipeline(BertTextEmbedder(model), LogisticRegression()).fit(texts, labels),
        "search": GridSearchCV(clf, {"batch_size": [20]}, cv=2).fit(texts, labels),
    }


def results(estimator, texts):
    """Return all that an estimator says of texts."""
    methods = ("predict", "predict_proba", "transform")
    return [getattr(estimator, name)(texts) for name in methods if hasattr(estimator, name)]


def test_skops_brings_back_the_same_predictions(tiny_model, reviews, tmp_path):
    io = pytest.importorskip("skops.io")
    file = tmp_path / "model.skops"
    for name, estimator in fitted_estimators(tiny_model, *reviews).items():
        io.dump(estimator, file)
        names = io.get_untrusted_types(file=file)
        ours = [name for name in names if not name.startswith("sklearn.")]
        assert all(name.startswith("sklearn_bert.") for name in ours), name
        loaded = io.load(file, trusted=names)
        for one, other in zip(
            results(loaded, reviews[0]), results(estimator, reviews[0]), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_skops_brings_back_what_is_not_fitted(make_classifier, tmp_path):
    io = pytest.importorskip("skops.io")
    clf = make_classifier(class_weight={"neg": 2}, random_state=np.random.RandomState(3))
    io.dump(clf, tmp_path / "model.skops")
    loaded = io.load(
        tmp_path / "model.skops", trusted=["sklearn_bert.classifier.BertTextClassifier"]
    )
    assert loaded.class_weight == {"neg": 2}
    assert loaded.random_state.randint(10**6) == clf.random_state.randint(10**6)


def test_mlflow_loads_its_default_format(fitted, reviews, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", minversion="3")
    pytest.importorskip("skops")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    trusted = ["sklearn_bert.classifier.BertTextClassifier"]
    options = {"skops_trusted_types": trusted, "pip_requirements": ["sklearn-bert"]}
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(fitted, name="model", **options)
    mlflow.sklearn.save_model(fitted, tmp_path / "saved", **options)
    for place in (logged.model_uri, str(tmp_path / "saved")):
        native = mlflow.sklearn.load_model(place)
        np.testing.assert_array_equal(
            native.predict_proba(reviews[0]), fitted.predict_proba(reviews[0])
        )
        texts = pd.DataFrame({"text": reviews[0]})
        predicted = mlflow.pyfunc.load_model(place).predict(texts)
        np.testing.assert_array_equal(predicted, fitted.predict(reviews[0]))


def test_stacking_text_and_numbers_out_of_fold(make_classifier, reviews):
    """The recipe of the README: no model sees the answer of a text that it was trained on."""
    X, y = reviews
    numbers = np.random.RandomState(0).rand(60, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proba = cross_val_predict(make_classifier(), X, y, cv=3, method="predict_proba")
    stacked = LogisticRegression().fit(np.hstack([proba, numbers]), y)
    assert stacked.score(np.hstack([proba, numbers]), y) > 0.9
    assert clone(make_classifier()).get_params()["epochs"] == 2
