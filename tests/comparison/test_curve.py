"""Learning curves, and where they cross."""

import numpy as np
import pytest

from sklearn_bert.comparison._fold_result import FoldResult
from sklearn_bert.comparison._learning_curve import Curve, crossing, find_curves, with_full_size


def make_result(model, fold, n_train, score, error=""):
    """Return a result with a score."""
    return FoldResult(model, fold, np.arange(5), n_train, {"accuracy": score}, error=error)


def curve(model, *scores, sizes=(10, 100, 1000)):
    """Return a curve without spread."""
    return Curve(model, np.array(sizes), np.array(scores), np.zeros(len(scores)))


def test_folds_of_nearly_the_same_size_are_one_point():
    results = [make_result("m", fold, 20 + fold % 2, 0.5 + 0.1 * fold) for fold in range(2)]
    results += [make_result("m", fold, 100, 0.9) for fold in range(2)]
    (found,) = find_curves(results, "accuracy")
    assert found.sizes.tolist() == [20.5, 100]
    assert found.mean == pytest.approx([0.55, 0.9])
    assert found.std == pytest.approx([0.05 * np.sqrt(2), 0])


def test_all_texts_are_the_last_point_and_failures_are_none():
    smaller = [make_result("a", 0, 10, 0.5), make_result("a", 1, 10, 0.5, error="MemoryError: x")]
    found = with_full_size(smaller, [make_result("a", 0, 100, 0.8)])
    assert sorted(result.n_train for result in found) == [10, 100]


def test_texts_on_which_a_model_has_no_score_are_no_point_of_the_others_either():
    results = [make_result(name, fold, 10, 0.5) for name in "ab" for fold in range(2)]
    results += [make_result("a", 0, 100, 0.7), make_result("b", 0, 100, np.nan)]
    first, second = find_curves(results, "accuracy")
    assert first.sizes.tolist() == second.sizes.tolist() == [10]
    assert crossing(curve("a", 0.5, sizes=[10]), curve("b", 0.5, sizes=[20]), "b") == (
        "BERT and a have no size of the learning curve in common."
    )


@pytest.mark.parametrize(
    ("cheap", "bert", "sentence"),
    [
        ((0.6, 0.7, 0.8), (0.5, 0.8, 0.9), "BERT overtakes SVM at about 32 training texts."),
        ((0.6, 0.7, 0.8), (0.7, 0.8, 0.9), "BERT is ahead of SVM from 10 training texts on."),
        (
            (0.6, 0.7, 0.8),
            (0.7, 0.8, 0.8),
            "Up to 1,000 training texts, BERT is not ahead of SVM.",
        ),
        # Ahead, behind and ahead again: the last crossing counts.
        ((0.5, 0.8, 0.8), (0.6, 0.7, 0.9), "BERT overtakes SVM at about 320 training texts."),
    ],
)
def test_the_sentence_tells_from_where_on_bert_is_ahead(cheap, bert, sentence):
    curves = curve("SVM", *cheap), curve("BERT", *bert)
    assert crossing(*curves, "BERT") == crossing(*curves[::-1], "BERT") == sentence
