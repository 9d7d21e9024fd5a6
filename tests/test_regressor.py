"""Numbers from texts."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_bert import BertTextRegressor


@pytest.fixture
def make_regressor(tiny_model):
    def make(**parameters):
        defaults = {"epochs": 12, "batch_size": 8, "learning_rate": 5e-3, "random_state": 0}
        return BertTextRegressor(tiny_model, **{**defaults, **parameters})

    return make


@pytest.fixture(scope="module")
def rated():
    """Texts, and how many of their words praise, around 1,000."""
    rng = np.random.RandomState(0)
    n_good = rng.randint(5, size=80)
    texts = [" ".join(["the", *["good"] * n, *["bad"] * (4 - n), "film"]) for n in n_good]
    return texts, 1000.0 + 10 * n_good


@pytest.fixture(scope="module")
def fitted_regressor(tiny_model, rated):
    return BertTextRegressor(
        tiny_model, epochs=12, batch_size=8, learning_rate=5e-3, random_state=0
    ).fit(*rated)


def test_numbers_are_learnt_on_their_own_scale(fitted_regressor, rated):
    assert is_regressor(fitted_regressor)
    assert fitted_regressor.score(*rated) > 0.9
    predicted = fitted_regressor.predict(rated[0])
    assert predicted.shape == (80,) and predicted.dtype == np.float64
    assert abs(predicted.mean() - rated[1].mean()) < 5
    assert fitted_regressor.target_mean_ == pytest.approx(rated[1].mean())
    assert fitted_regressor.target_scale_ == pytest.approx(rated[1].std())


def test_the_scale_of_y_does_not_matter(make_regressor, rated):
    X, y = rated
    one = make_regressor(epochs=2).fit(X, y).predict(X)
    other = make_regressor(epochs=2).fit(X, 1e6 * y).predict(X)
    np.testing.assert_allclose(other, 1e6 * one, rtol=1e-4)


def test_several_numbers_a_text(make_regressor, rated):
    X, y = rated
    Y = np.stack([y, -y / 100], axis=1)
    reg = make_regressor().fit(X, pd.DataFrame(Y))
    assert reg.predict(X).shape == (80, 2)
    assert reg.score(X, Y) > 0.8
    assert reg.target_mean_.shape == (2,)


def test_pairs_have_a_number(make_regressor):
    words = ["good", "bad", "film", "book"]
    pairs = [(a, b) for a in words for b in words] * 6
    y = [float(a == b) for a, b in pairs]
    reg = make_regressor(epochs=20).fit(pd.DataFrame(pairs), y)
    assert reg.pairs_
    assert reg.score(pairs, y) > 0.5


def test_a_constant_is_predicted_as_it_is(make_regressor, rated):
    reg = make_regressor(epochs=1, learning_rate=1e-6).fit(rated[0], np.full(80, 7.0))
    assert np.abs(reg.predict(rated[0]) - 7).max() < 3


def test_weights_count_and_zeros_leave_out(make_regressor, rated):
    X, y = rated
    low = (y <= 1010).astype(float)
    reg = make_regressor(epochs=4).fit(X, y, sample_weight=low)
    assert reg.target_mean_ == pytest.approx(y[low > 0].mean())
    left_out = make_regressor(epochs=4).fit(
        [text for text, w in zip(X, low, strict=True) if w], y[low > 0]
    )
    np.testing.assert_array_equal(reg.predict(X), left_out.predict(X))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.nan, "finite numbers, got nan"),
        (np.inf, "finite numbers, got inf"),
        (None, "finite numbers, got nan"),
        ("many", "must hold numbers, got 'many' at row 3; use BertTextClassifier for labels"),
    ],
)
def test_what_is_no_number_is_named_with_its_row(make_regressor, rated, value, told):
    y = rated[1].tolist()
    y[3] = value
    with pytest.raises(ValueError, match=told) as error:
        make_regressor().fit(rated[0], y)
    assert "at row 3" in str(error.value)


def test_no_y_and_y_of_another_length_are_refused(make_regressor, rated):
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        make_regressor().fit(rated[0], None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_regressor().fit(rated[0], rated[1][:-1])


def test_before_a_fit_it_says_so():
    with pytest.raises(NotFittedError):
        BertTextRegressor().predict(["good"])


def test_copies_and_searches(fitted_regressor, make_regressor, rated):
    again = pickle.loads(pickle.dumps(fitted_regressor))
    np.testing.assert_array_equal(
        again.predict(rated[0][:5]), fitted_regressor.predict(rated[0][:5])
    )
    assert clone(fitted_regressor).get_params() == fitted_regressor.get_params()
    search = GridSearchCV(make_regressor(epochs=4), {"learning_rate": [1e-6, 5e-3]}, cv=2)
    assert search.fit(*rated).best_params_ == {"learning_rate": 5e-3}
    scores = cross_val_score(make_regressor(), *rated, cv=2, scoring="neg_mean_absolute_error")
    assert scores.min() > -20


def test_early_stopping_scores_on_the_users_scale(make_regressor, rated):
    reg = make_regressor(early_stopping=True, scoring="neg_mean_absolute_error").fit(*rated)
    assert reg.history_[0]["valid_score"] < -1
    assert reg.n_epochs_ <= 12


def test_windows_are_averaged(make_regressor, rated):
    reg = make_regressor(max_length=5, long_text="windows", stride=0).fit(*rated)
    assert reg.score(*rated) > 0.8
