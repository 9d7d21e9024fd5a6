"""Parameters that come from NumPy, as in a grid of np.arange, are what Python's would be."""

import numpy as np
import pytest

from sklearn_bert import (
    BertTextClassifier,
    BertTextEmbedder,
    BertTextRegressor,
    LearningRateFinderDisplay,
    compare,
    explain,
    load_docstrings,
    top_losses,
)

PARAMETERS = {
    "max_length": 12,
    "long_text": "windows",
    "stride": 2,
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.0078125,  # the same in all widths of floats
    "layer_decay": 0.5,
    "freeze": 1,
    "weight_decay": 0.25,
    "early_stopping": True,
    "validation_fraction": 0.25,
    "n_iter_no_change": 2,
    "warm_start": False,
    "checkpoint_every": 100,
    "gradient_checkpointing": True,
    "dtype": "float32",
    "device": "cpu",
    "random_state": 0,
    "verbose": 0,
}
OF_CLASSIFIERS = {
    "class_weight": {"pos": 1.5, "neg": 1.0},
    "label_smoothing": 0.125,
    "focal_gamma": 1.5,
    "scoring": "accuracy",
}


def by(int_type, float_type, value):
    """Return a value as NumPy has it."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, dict):
        return {key: float_type(item) for key, item in value.items()}
    kinds = {int: int_type, float: float_type, str: np.str_}
    return kinds[type(value)](value)


@pytest.mark.parametrize(
    ("int_type", "float_type"), [(np.int64, np.float32), (np.uint8, np.float64)]
)
@pytest.mark.parametrize("kind", [BertTextClassifier, BertTextRegressor])
def test_a_fit_is_the_same_bit_by_bit(tiny_model, reviews, tmp_path, kind, int_type, float_type):
    X, y = reviews[0], reviews[1] if kind is BertTextClassifier else np.arange(60.0)
    parameters = {**PARAMETERS, **(OF_CLASSIFIERS if kind is BertTextClassifier else {})}
    expected = kind(tiny_model, **parameters).fit(X, y)
    given = {name: by(int_type, float_type, value) for name, value in parameters.items()}
    model = kind(tiny_model, checkpoint_dir=tmp_path / "checkpoints", **given).fit(X, y)
    np.testing.assert_array_equal(model._outputs(X), expected._outputs(X))
    assert all(model.get_params()[name] is value for name, value in given.items())
    assert {type(value) for row in model.history_ for value in row.values()} <= {int, float, bool}
    model.save_pretrained(tmp_path / "saved")
    assert "`np." not in (tmp_path / "saved" / "README.md").read_text()
    loaded = kind.from_pretrained(tmp_path / "saved", device="cpu")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert {name: loaded.get_params()[name] for name in parameters} == parameters


@pytest.mark.parametrize("parameter", ["validation_fraction", "random_state", "checkpoint_every"])
def test_so_are_whole_numbers_where_others_are_meant_otherwise(
    make_classifier, reviews, tmp_path, parameter
):
    parameters = {"early_stopping": True, "checkpoint_dir": tmp_path / "checkpoints"}
    expected = make_classifier(**parameters, **{parameter: 7}).fit(*reviews)
    clf = make_classifier(**parameters, **{parameter: np.int16(7)}).fit(*reviews)
    np.testing.assert_array_equal(clf._outputs(reviews[0]), expected._outputs(reviews[0]))


def test_the_embedder_takes_them(tiny_model, reviews):
    options = {"max_length": 12, "long_text": "windows", "stride": 3, "normalize": True}
    expected = BertTextEmbedder(tiny_model, **options).fit_transform(reviews[0])
    given = {name: by(np.int64, np.float32, value) for name, value in options.items()}
    embedder = BertTextEmbedder(tiny_model, **given).fit(reviews[0])
    np.testing.assert_array_equal(embedder.transform(reviews[0]), expected)
    assert type(embedder.max_length_) is int


def test_so_do_the_tools(make_classifier, fitted, reviews):
    display = LearningRateFinderDisplay.from_estimator(
        make_classifier(), *reviews, n_steps=np.int64(10), plot=False
    )
    assert len(display.losses) <= 10
    assert len(top_losses(fitted, *reviews, n=np.int64(3))) == 3
    assert len(load_docstrings(n_per_class=np.int64(2), random_state=np.int64(0))[0]) > 2
    pytest.importorskip("captum")
    explanation = explain(fitted, reviews[0][:1], n_steps=np.int64(5))[0]
    expected = explain(fitted, reviews[0][:1], n_steps=5)[0]
    np.testing.assert_array_equal(explanation.attributions, expected.attributions)


def test_so_does_compare(make_classifier, reviews, capfd, tmp_path):
    options = {"cv": np.int64(2), "random_state": np.int64(0), "budget": np.float32(100)}
    bert = make_classifier(epochs=np.int64(1), batch_size=np.int64(16))
    comparison = compare(*reviews, bert=bert, **options)
    assert len(comparison.table_) > 1
    comparison.to_html(tmp_path / "report.html")
    assert comparison.settings_["cv"] == "2"
    assert type(comparison.settings_["budget"]) is float
