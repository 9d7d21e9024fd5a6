"""Reading a learning rate off a curve, and the run that the curve comes from."""

from pathlib import Path

import numpy as np
import pytest

import sklearn_bert
from sklearn_bert import BertTextClassifier
from sklearn_bert._engine.lr_finder import RangeTest, _steepest, _valley


def found(losses, low=-7, high=-1):
    """Return a range test with these losses."""
    rates = np.geomspace(10.0**low, 10.0**high, len(losses))
    return RangeTest(rates, np.array(losses), np.array(losses))


def bowl(n_steps=61, fall=30, end=45):
    """Return losses that are flat, fall fastest at `fall`, are lowest at `end` and rise."""
    steps = np.arange(n_steps)
    losses = 1 / (1 + np.exp((steps - fall) / 2))
    return losses + np.where(steps > end, (steps - end) * 0.2, 0.0)


def test_the_steepest_descent_is_where_the_loss_falls_fastest():
    test = found(bowl())
    assert test.suggestions["steepest"] == pytest.approx(1e-4)


def test_a_tenth_of_the_minimum_and_the_valley_stand_beside_it():
    suggestions = found(bowl()).suggestions
    assert list(suggestions) == ["steepest", "minimum/10", "valley"]
    lowest = np.geomspace(1e-7, 1e-1, 61)[bowl().argmin()]
    assert suggestions["minimum/10"] == pytest.approx(min(lowest / 10, 5e-4))
    assert 1e-5 < suggestions["valley"] <= 5e-4


@pytest.mark.parametrize("losses", [np.linspace(1, 2, 50), np.linspace(2, 1, 50), np.ones(50)])
def test_any_curve_gives_rates_that_are_sane(losses):
    assert all(5e-6 <= rate <= 5e-4 for rate in found(losses).suggestions.values())


def test_a_curve_of_one_step_has_suggestions_too():
    assert set(found([1.0]).suggestions.values()) == {5e-6}


def test_a_steep_rebound_after_the_minimum_is_not_taken_for_a_descent():
    losses = np.array([1.0, 0.9, 0.7, 0.2, 5.0, 1.0])
    assert _steepest(losses) <= 3


def test_the_valley_is_two_thirds_down_the_longest_fall():
    falling = np.concatenate([np.full(10, 1.0), np.linspace(1, 0.4, 31), np.linspace(0.5, 2, 10)])
    assert 25 <= _valley(falling) <= 35


def test_the_rate_that_was_found_is_used_and_the_fit_is_that_of_the_rate(make_classifier, reviews):
    clf = make_classifier(learning_rate="find").fit(*reviews)
    assert 5e-6 <= clf.learning_rate_ <= 5e-4
    given = make_classifier(learning_rate=clf.learning_rate_).fit(*reviews)
    assert (clf.decision_function(reviews[0]) == given.decision_function(reviews[0])).all()


def test_the_same_seed_finds_the_same_rate(make_classifier, reviews):
    rates = {make_classifier(learning_rate="find").fit(*reviews).learning_rate_ for _ in range(2)}
    assert len(rates) == 1


def test_ctrl_c_in_the_test_leaves_the_classifier_as_it_was(make_classifier, reviews, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    clf = make_classifier(learning_rate="find")
    before = dict(vars(clf))
    monkeypatch.setattr("sklearn_bert._engine.net.FineTuningNet.train_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*reviews)
    assert vars(clf) == before


def test_pytest_takes_no_module_for_a_test():
    package = Path(sklearn_bert.__file__).parent
    assert not [*package.rglob("test_*.py"), *package.rglob("*_test.py")]


def test_a_word_that_is_no_rate_is_told():
    with pytest.raises(ValueError, match="'learning_rate' parameter"):
        BertTextClassifier(learning_rate="fast").fit(["a", "b"], [0, 1])


def test_weights_that_are_no_numbers_are_said(make_classifier, reviews):
    clf = make_classifier(epochs=1).fit(*reviews)
    clf.module_.classifier.weight.data.fill_(float("nan"))
    clf.set_params(warm_start=True, learning_rate="find")
    with pytest.raises(ValueError, match=r"^The loss must be a number at the lowest learning rate"):
        clf.fit(*reviews)
