"""The losses, against their formulas and against torch's own."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from sklearn_bert._engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError


@pytest.fixture
def logits():
    return torch.randn(7, 4, generator=torch.Generator().manual_seed(0)) * 3


@pytest.fixture
def weights():
    return torch.tensor([1.0, 0.5, 2.0, 0.0, 1.0, 1.5, 1.0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_cross_entropy_is_torchs(logits, weights, smoothing):
    classes = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    found = CrossEntropy(smoothing)(logits, (classes, weights))
    each = cross_entropy(logits, classes, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(found, (each * weights).mean())


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_is_that_of_the_paper(logits, gamma):
    classes = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    found = CrossEntropy(focal_gamma=gamma)(logits, (classes, torch.ones(7)))
    proba = torch.softmax(logits, 1)[torch.arange(7), classes]
    torch.testing.assert_close(found, (-((1 - proba) ** gamma) * proba.log()).mean())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_focal_loss_of_exponent_nothing_is_cross_entropy(logits, weights, smoothing):
    classes = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    tiny = CrossEntropy(smoothing, focal_gamma=1e-9)(logits, (classes, weights))
    torch.testing.assert_close(tiny, CrossEntropy(smoothing)(logits, (classes, weights)))


def test_smoothing_and_focus_compose(logits):
    classes = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    found = CrossEntropy(0.1, 2.0)(logits, (classes, torch.ones(7)))
    proba = torch.softmax(logits, 1)
    truth = torch.full((7, 4), 0.1 / 4)
    truth[torch.arange(7), classes] += 0.9
    torch.testing.assert_close(found, -(truth * (1 - proba) ** 2 * proba.log()).sum(1).mean())


def binary(smoothing=0.0, gamma=0.0, present=(1, 1, 1, 1), absent=(1, 1, 1, 1)):
    return BinaryCrossEntropy(
        torch.tensor(present, dtype=torch.float32),
        torch.tensor(absent, dtype=torch.float32),
        smoothing,
        gamma,
    )


def test_binary_cross_entropy_is_torchs(logits, weights):
    truth = (torch.arange(28).reshape(7, 4) % 3 == 0).float()
    each = binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(1)
    torch.testing.assert_close(binary()(logits, (truth, weights)), (each * weights).mean())
    weighted = binary(present=(3, 1, 1, 2))(logits, (truth, weights))
    each = binary_cross_entropy_with_logits(
        logits, truth, reduction="none", pos_weight=torch.tensor([3.0, 1, 1, 2])
    ).mean(1)
    torch.testing.assert_close(weighted, (each * weights).mean())


def test_binary_focal_loss_and_smoothing_compose(logits):
    truth = (torch.arange(28).reshape(7, 4) % 3 == 0).float()
    found = binary(0.2, 2.0)(logits, (truth, torch.ones(7)))
    proba, smooth = torch.sigmoid(logits), truth * 0.8 + 0.1
    each = smooth * (1 - proba) ** 2 * proba.log() + (1 - smooth) * proba**2 * (1 - proba).log()
    torch.testing.assert_close(found, -each.mean())


def test_squared_error_is_numpys(logits, weights):
    truth = torch.zeros(7, 4)
    expected = ((logits.numpy() ** 2).mean(1) * weights.numpy()).mean()
    np.testing.assert_allclose(SquaredError()(logits, (truth, weights)), expected, rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.3, 0.5, 2.0])
def test_gradients_stay_finite_where_the_model_is_sure(gamma):
    logits = torch.tensor([[80.0, -80.0], [-80.0, 80.0]], requires_grad=True)
    loss = CrossEntropy(0.1, gamma)(logits, (torch.tensor([0, 0]), torch.ones(2)))
    loss = loss + BinaryCrossEntropy(torch.ones(2), torch.ones(2), 0.1, gamma)(
        logits, (torch.ones(2, 2), torch.ones(2))
    )
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()


def test_smoothing_makes_less_sure_and_focus_does_too(make_classifier, reviews):
    sure = make_classifier(epochs=6).fit(*reviews).predict_proba(reviews[0]).max()
    for parameter in ({"label_smoothing": 0.3}, {"focal_gamma": 4.0}):
        clf = make_classifier(epochs=6, **parameter).fit(*reviews)
        assert clf.score(*reviews) == 1
        assert clf.predict_proba(reviews[0]).max() < sure - 0.02


@pytest.mark.parametrize(
    "parameter",
    [{"label_smoothing": 1.0}, {"label_smoothing": -0.1}, {"focal_gamma": -1}],
)
def test_values_out_of_range_are_refused(make_classifier, reviews, parameter):
    with pytest.raises(ValueError, match=next(iter(parameter))):
        make_classifier(**parameter).fit(*reviews)


def test_a_classifier_that_collapses_on_the_texts_held_out_says_so(make_classifier, reviews):
    X = [*reviews[0], *["the film"] * 60]
    y = [*["a", "b"] * 6, *["a"] * 108]
    with pytest.warns(UserWarning, match=r"All 12 texts held out .* to have 'a': .*one answer"):
        make_classifier(early_stopping=True, learning_rate=1e-4).fit(X, y)
