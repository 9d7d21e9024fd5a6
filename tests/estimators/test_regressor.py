"""Numbers from texts."""

import decimal
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_bert import BertTextRegressor
from sklearn_bert._estimators.targets import check_numbers


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


@pytest.mark.integrations
@pytest.mark.parametrize(
    "convert",
    [
        pd.DataFrame,
        pl.DataFrame,
        torch.tensor,
        lambda Y: pd.DataFrame(Y).astype("Float64"),
        lambda Y: pa.table({"a": Y[:, 0], "b": Y[:, 1]}),
        lambda Y: pd.Series(Y.tolist()),
        lambda Y: list(Y),
        lambda Y: pl.Series(Y.tolist()),
        lambda Y: pa.array(Y.tolist()),
        lambda Y: [[decimal.Decimal(value) for value in row] for row in Y],
        lambda Y: pytest.importorskip("datasets").Dataset.from_dict({"y": Y.tolist()})["y"],
        lambda Y: iter(Y.tolist()),
    ],
)
def test_numbers_in_any_shape_are_the_same(convert):
    Y = np.array([[1.5, 2.0], [3.0, -4.0], [0.0, 1.0]])
    np.testing.assert_array_equal(check_numbers(convert(Y)), Y)


@pytest.mark.parametrize(
    "convert",
    [
        tuple,
        iter,
        torch.tensor,
        pl.Series,
        pa.array,
        lambda y: pa.chunked_array([y[:1], y[1:]]),
        lambda y: pd.Series(y, dtype="Float64"),
        lambda y: [decimal.Decimal(value) for value in y],
        lambda y: list(torch.tensor(y)),
        lambda y: torch.tensor(y, dtype=torch.bfloat16, requires_grad=True),
    ],
)
def test_one_number_a_text_in_any_shape_is_the_same(convert):
    np.testing.assert_array_equal(check_numbers(convert([1.5, 2.0, -4.0])), [1.5, 2.0, -4.0])


@pytest.mark.parametrize(
    ("y", "told"),
    [
        ([[1, 2], [3]], "as many numbers for each text, got 1 at row 1 after 2 at row 0"),
        (pd.Series([[1, 2], [3]]), "as many numbers for each text, got 1 at row 1"),
        ([[1, 2], None], r"got None at row 1 after \[1, 2\] at row 0"),
        ([{1, 2}, {3}], r"got \{1, 2\} at row 0; pass lists"),
        (pd.Series([1.5, None], dtype="Float64"), "finite numbers, got nan .* at row 1"),
        (pa.array([1.5, None]), "finite numbers, got nan .* at row 1"),
        (pl.DataFrame({"a": [1, None], "b": [1, 2]}), r"got \[nan, 2.0\] .* at row 1"),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "finite numbers, got nan .* at row 1"),
        ([1.0, 10**400], "finite numbers, got inf .* at row 1"),
        (pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01"])), "real numbers, got datetime64"),
        (np.zeros((2, 0)), r"got float64 of shape \(2, 0\)"),
    ],
)
def test_rows_that_are_no_numbers_are_named(y, told):
    with pytest.raises(ValueError, match=told):
        check_numbers(y)


@pytest.mark.parametrize("y", [{"a": [1.0, 2.0]}, {1.0, 2.0}, "12", 3.0, object()])
def test_what_holds_no_rows_is_refused(y):
    with pytest.raises(TypeError, match=r"^y must be an array-like of numbers, got .*; pass .*\.$"):
        check_numbers(y)


def test_columns_in_another_order_are_not_mistaken_for_each_other(make_regressor, rated, tmp_path):
    X, Y = rated[0], pd.DataFrame({"praise": rated[1], "blame": -rated[1]})
    reg = make_regressor(warm_start=True, epochs=4).fit(X, Y)
    assert reg.target_names_ == ["praise", "blame"]
    assert reg.score(X, Y) == reg.score(X, Y.to_numpy())
    reg.save_pretrained(tmp_path / "saved")
    told = r"columns of the outputs in the order of the fit, \['praise', 'blame'\], got \['blame'"
    for use in (reg.fit, reg.score, BertTextRegressor.from_pretrained(tmp_path / "saved").score):
        with pytest.raises(ValueError, match=told):
            use(X, Y[["blame", "praise"]])
    with pytest.raises(ValueError, match="got 'praise' for the columns 0 and 1"):
        make_regressor().fit(X, Y.set_axis(["praise", "praise"], axis=1))


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
    new = make_regressor(head="new", epochs=4)
    search = GridSearchCV(new, {"learning_rate": [1e-6, 5e-3]}, cv=2)
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
