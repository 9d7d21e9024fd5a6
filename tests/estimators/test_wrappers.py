"""What looks inside a model finds it in pipelines, searches and other wrappers."""

import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_bert import (
    BertTextClassifier,
    BertTextEmbedder,
    BertTextRegressor,
    LearningRateFinderDisplay,
    TrainingCurveDisplay,
    explain,
    top_losses,
)


def select():
    """Return the step that picks the column of texts."""
    return make_column_transformer(("passthrough", ["text"]))


def as_table(texts):
    """Return a data frame with one column of texts among others."""
    return pd.DataFrame({"number": range(len(texts)), "text": texts, "other": 1.5})


def explained(estimator, X, **options):
    """Return the classes, logits and words that are explained."""
    found = explain(estimator, X, method="occlusion", **options)
    return [(one.target, one.logit, one.words) for one in found]


def curve_of(estimator):
    """Return the losses of the training."""
    return TrainingCurveDisplay.from_estimator(estimator, plot=False).loss


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf, y: make_pipeline("passthrough", clf),
        lambda clf, y: make_pipeline(FunctionTransformer(lambda X: X), None, clf),
        lambda clf, y: FrozenEstimator(clf),
        lambda clf, y: CalibratedClassifierCV(FrozenEstimator(clf), cv=2),
        lambda clf, y: FixedThresholdClassifier(FrozenEstimator(clf)),
        lambda clf, y: TunedThresholdClassifierCV(FrozenEstimator(clf), cv="prefit", refit=False),
        lambda clf, y: make_pipeline(make_pipeline(FrozenEstimator(clf))),
    ],
)
def test_the_classifier_inside_is_looked_at(fitted, reviews, wrap):
    wrapped = wrap(fitted, reviews[1])
    if not isinstance(wrapped, Pipeline):
        wrapped.fit(*reviews)
    assert explained(wrapped, reviews[0][:3]) == explained(fitted, reviews[0][:3])
    assert (curve_of(wrapped) == fitted.training_curve_["loss"]).all()
    assert top_losses(wrapped, *reviews, n=1).index[0] in range(60)


def test_a_pipeline_that_selects_a_column_is_given_the_table(fitted, reviews):
    table = as_table(reviews[0])
    wrapped = Pipeline([("select", select().fit(table)), ("classify", fitted)])
    assert explained(wrapped, table[:3]) == explained(fitted, reviews[0][:3])
    expected = top_losses(fitted, *reviews)
    pd.testing.assert_frame_equal(top_losses(wrapped, table, reviews[1]), expected)
    proba = fitted.predict_proba(reviews[0])
    unfitted = make_pipeline(select(), BertTextClassifier())
    again = top_losses(unfitted, table, reviews[1], proba=proba)
    pd.testing.assert_frame_equal(again, expected)


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_the_best_of_a_search_is_looked_at_through_its_pipeline(make_classifier, reviews, search):
    table = as_table(reviews[0])
    pipeline = Pipeline([("select", select()), ("bert", make_classifier(epochs=1))])
    options = {"n_iter": 1} if search is RandomizedSearchCV else {}
    wrapped = search(pipeline, {"bert__batch_size": [16]}, cv=2, **options)
    with pytest.raises(NotFittedError, match=search.__name__):
        explain(wrapped, table)
    wrapped.fit(table, reviews[1])
    best = wrapped.best_estimator_.named_steps["bert"]
    assert explained(wrapped, table[:3]) == explained(best, reviews[0][:3])
    assert (curve_of(wrapped) == best.training_curve_["loss"]).all()
    assert top_losses(wrapped, table, reviews[1], n=2)["text"].isin(reviews[0]).all()


def test_the_class_is_what_the_wrapper_predicts_and_the_logit_that_of_the_model(fitted, reviews):
    texts = reviews[0][:2]
    assert fitted.predict(texts).tolist() == ["neg", "pos"]
    strict = FixedThresholdClassifier(FrozenEstimator(fitted), threshold=1.0, pos_label="pos")
    found = explain(strict.fit(*reviews), texts, method="occlusion")
    assert [one.target for one in found] == ["neg", "neg"] == strict.predict(texts).tolist()
    inner = explain(fitted, texts, target="neg", method="occlusion")
    assert [one.logit for one in found] == [one.logit for one in inner]


def test_texts_may_come_from_a_generator(fitted, reviews):
    found = explained(make_pipeline(fitted), (text for text in reviews[0][:3]))
    assert found == explained(fitted, reviews[0][:3])


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: make_pipeline(select(), clf),
        lambda clf: GridSearchCV(make_pipeline(select(), clf), {}),
        lambda clf: TunedThresholdClassifierCV(make_pipeline(select(), clf)),
        lambda clf: CalibratedClassifierCV(make_pipeline(select(), clf)),
    ],
)
def test_the_finder_runs_on_copies_of_what_is_not_fitted(make_classifier, reviews, wrap):
    expected = LearningRateFinderDisplay.from_estimator(
        make_classifier(), *reviews, n_steps=10, plot=False
    )
    wrapped = wrap(make_classifier())
    found = LearningRateFinderDisplay.from_estimator(
        wrapped, as_table(reviews[0]), reviews[1], n_steps=10, plot=False
    )
    assert (found.losses == expected.losses).all()
    with pytest.raises(NotFittedError):
        explain(wrapped, as_table(reviews[0]))


def test_the_finder_and_the_curve_take_regressors(tiny_model, reviews):
    reg = BertTextRegressor(tiny_model, epochs=1, batch_size=8, random_state=0)
    found = LearningRateFinderDisplay.from_estimator(
        reg, reviews[0], range(60), n_steps=10, plot=False
    )
    assert 5e-6 <= found.suggestion_ <= 5e-4
    assert len(curve_of(reg.fit(reviews[0], range(60)))) == 8


def several(clf, X, y):
    """Return a calibrated classifier that holds two."""
    return CalibratedClassifierCV(FrozenEstimator(clf), cv=2, ensemble=True).fit(X, y)


class FakeOnnx:
    """Stands for an exported classifier."""


FakeOnnx.__name__ = "OnnxTextClassifier"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda clf, X, y: None, "got None; pass one, or"),
        (lambda clf, X, y: "bert", "got 'bert'; pass one, or"),
        (lambda clf, X, y: BertTextClassifier, "got the class BertTextClassifier; make an inst"),
        (lambda clf, X, y: MultinomialNB(), "got MultinomialNB; pass one, or a BertTextRegressor"),
        (several, r"CalibratedClassifierCV; it holds 2 .* or fit it with ensemble=False"),
        (
            lambda clf, X, y: make_pipeline(CountVectorizer(), LogisticRegression()),
            "got Pipeline; of a Pipeline, .*, which LogisticRegression is not",
        ),
        (
            lambda clf, X, y: make_pipeline(BertTextEmbedder(), LogisticRegression()),
            "got Pipeline; of a Pipeline, .*, which LogisticRegression is not",
        ),
        (lambda clf, X, y: make_pipeline(clf, "passthrough"), "which 'passthrough' is not"),
        (lambda clf, X, y: BertTextEmbedder(estimator=clf).fit(X), "pass its estimator_, which"),
        (lambda clf, X, y: BertTextEmbedder(), "it gives vectors"),
        (lambda clf, X, y: FakeOnnx(), "got OnnxTextClassifier; pass the BertTextClassifier"),
        (lambda clf, X, y: VotingClassifier([("bert", clf)]), "it combines several models"),
        (lambda clf, X, y: OneVsRestClassifier(clf), "got OneVsRestClassifier; pass one"),
        (lambda clf, X, y: BaggingClassifier(clf), "got BaggingClassifier; pass one"),
        (lambda clf, X, y: TransformedTargetRegressor(clf), "got TransformedTargetRegressor; pas"),
    ],
)
def test_what_has_no_model_of_ours_inside_is_named_with_the_way_out(fitted, reviews, make, message):
    estimator = make(fitted, *reviews)
    message = f"^estimator must be a BertTextClassifier, .*{message}"
    with pytest.raises(TypeError, match=message):
        explain(estimator, reviews[0][:1])
    with pytest.raises(TypeError, match=message):
        TrainingCurveDisplay.from_estimator(estimator)
    if make is not several:  # not fitted, it has one inside
        with pytest.raises(TypeError, match=message):
            LearningRateFinderDisplay.from_estimator(estimator, *reviews)


def test_a_search_that_keeps_nothing_is_told(make_classifier, reviews):
    search = GridSearchCV(make_classifier(epochs=1), {"batch_size": [16]}, cv=2, refit=False)
    search.fit(*reviews)
    with pytest.raises(TypeError, match=r"got GridSearchCV; .* fit it with refit=True"):
        explain(search, reviews[0])


def test_a_step_that_cannot_transform_is_told(fitted, reviews):
    pipeline = Pipeline([("sample", FakeOnnx()), ("classify", fitted)])
    with pytest.raises(TypeError, match="has no transform, pass the last step and its own X"):
        explain(pipeline, reviews[0])


@pytest.mark.parametrize(
    "estimator", [None, BertTextClassifier, BertTextRegressor(), BertTextEmbedder(), "bert"]
)
def test_worst_errors_need_probabilities(estimator, reviews):
    with pytest.raises(TypeError, match=r"with predict_proba, got .*; or give .* by proba\.$"):
        top_losses(estimator, *reviews)
