"""Going on from the last fit."""

import numpy as np
import pytest
import torch

from sklearn_bert import BertTextClassifier, BertTextRegressor


@pytest.fixture
def clf(make_classifier, reviews):
    return make_classifier(warm_start=True, epochs=3).fit(*reviews)


def test_a_second_fit_goes_on_from_the_first(clf, make_classifier, reviews):
    first = clf.training_curve_["loss"][:3].mean()
    clf.fit(*reviews)
    assert clf.training_curve_["loss"][:3].mean() < first / 2
    assert clf.n_epochs_ == 3
    clf.set_params(warm_start=False).fit(*reviews)
    assert clf.training_curve_["loss"][:3].mean() == pytest.approx(first)


def test_an_unfitted_one_starts_from_the_checkpoint(make_classifier, reviews):
    warm, cold = (make_classifier(warm_start=flag).fit(*reviews) for flag in (True, False))
    np.testing.assert_array_equal(warm.predict_proba(reviews[0]), cold.predict_proba(reviews[0]))


def test_a_failure_or_an_interruption_loses_nothing(clf, reviews, monkeypatch):
    before = clf.predict_proba(reviews[0])
    with pytest.raises(ValueError, match="inconsistent"):
        clf.fit(reviews[0], reviews[1][:-1])

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_bert._engine.progress.EpochRecord.on_epoch_end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*reviews)
    np.testing.assert_array_equal(clf.predict_proba(reviews[0]), before)
    assert not clf.module_.training


def test_new_classes_are_an_error_and_fewer_are_not(clf, reviews):
    X, y = reviews
    with pytest.raises(ValueError, match=r"classes of the first fit, \['neg', 'pos'\], got 'meh'"):
        clf.fit(X, ["meh", *y[1:]])
    three = BertTextClassifier(**clf.get_params()).fit(X, ["meh", *y[1:]])
    three.fit(X[1:], y[1:])
    assert three.classes_.tolist() == ["meh", "neg", "pos"]
    assert three.score(X[1:], y[1:]) > 0.9


def test_another_kind_of_y_or_x_is_an_error(clf, reviews):
    X, y = reviews
    Y = np.array([[label == "pos", label == "neg"] for label in y], dtype=int)
    with pytest.raises(ValueError, match="warm_start=True needs the classes of the first fit"):
        clf.fit(X, Y)
    with pytest.raises(ValueError, match=r"must hold single texts, .* got pairs"):
        clf.fit([(text, text) for text in X], y)
    several = BertTextClassifier(**clf.get_params()).fit(X, Y)
    several.fit(X, Y)
    with pytest.raises(ValueError, match="classes of the first fit"):
        several.fit(X, np.hstack([Y, Y]))
    with pytest.raises(ValueError, match="classes of the first fit"):
        several.fit(X, y)


def test_the_head_is_no_longer_new(clf, reviews):
    heads = []

    class Rates:
        """Record the learning rate of the head."""

    from skorch.callbacks import Callback

    class Record(Callback):
        def on_batch_end(self, net, **kwargs):
            groups = net.optimizer_.param_groups
            heads.append(groups[-1]["lr"] / groups[0]["lr"])

    clf.set_params(learning_rate=1e-5)
    clf.set_params(callbacks=[Record()])
    clf.fit(*reviews)
    assert np.allclose(heads, 1)


def test_the_model_that_was_fitted_is_not_changed_in_place(clf, reviews):
    module = clf.module_
    before = {name: value.clone() for name, value in module.state_dict().items()}
    clf.fit(*reviews)
    assert clf.module_ is not module
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_a_regressor_goes_on_with_the_same_standard(tiny_model, reviews):
    X = reviews[0]
    y = np.arange(60.0)
    reg = BertTextRegressor(
        tiny_model, warm_start=True, epochs=12, batch_size=8, learning_rate=5e-3, random_state=0
    ).fit(X, y)
    mean = reg.target_mean_
    reg.fit(X, y + 100)
    assert reg.target_mean_ == mean
    assert reg.predict(X).mean() > 80
    with pytest.raises(ValueError, match="as many columns as in the first fit"):
        reg.fit(X, np.stack([y, y], axis=1))
