"""scikit-learn's own battery of checks, through numeric data rendered as words."""

from inspect import isclass

import pytest
from numeric_as_text import (
    NumericAsTextClassifier,
    NumericAsTextEmbedder,
    NumericAsTextRegressor,
)
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import (
    check_estimator,
    estimator_checks_generator,
    parametrize_with_checks,
)
from skorch.callbacks import EpochTimer

import sklearn_bert
from sklearn_bert import BertTextClassifier, BertTextEmbedder, BertTextRegressor
from sklearn_bert._engine import inference as _inference

# scikit-learn expects the same of SGDClassifier: a row of weight 2 in one batch is not the row
# twice, in two batches.
WEIGHTS = {"check_sample_weight_equivalence_on_dense_data": "weights do not repeat rows under SGD"}
EXPECTED_FAILURES = {
    "NumericAsTextClassifier": WEIGHTS,
    "NumericAsTextRegressor": WEIGHTS,
    "NumericAsTextEmbedder": {},
}
ADAPTERS = [NumericAsTextClassifier(), NumericAsTextRegressor(), NumericAsTextEmbedder()]
CLASSES = [BertTextClassifier, BertTextRegressor, BertTextEmbedder]

DATA_FREE_CHECKS = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_mixin_order",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_param_validation",
]


# Of sklearn.tests.test_common: what is not among the checks that an estimator is given.
COMMON_CHECKS = ["check_dataframe_column_names_consistency", "check_inplace_ensure_writeable"]
COMMON_CHECKS_OF_TRANSFORMERS = [
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_requires_y_none",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_transformer_preserve_dtypes",
]


@pytest.fixture(autouse=True)
def tiny_model_of_the_adapter(monkeypatch, tiny_model):
    monkeypatch.setenv("TINY_MODEL", tiny_model)
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


@pytest.fixture(autouse=True)
def one_text_at_a_time_where_batches_are_compared(monkeypatch, request):
    """Those checks compare to 1e-7, but float32 rounds by 1e-6 when a batch has other rows.

    How little the company of a text matters is tested to 1e-6 beside the classifier.
    """
    if "invariance" in request.node.name:
        monkeypatch.setitem(_inference._TOKENS_AT_ONCE, "cpu", 1)


@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings on purpose
@parametrize_with_checks(
    ADAPTERS, expected_failed_checks=lambda adapter: EXPECTED_FAILURES[type(adapter).__name__]
)
def test_passes_the_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_each_expected_failure_names_a_check_that_ran(adapter):
    names = {
        getattr(check, "func", check).__name__ for _, check in estimator_checks_generator(adapter)
    }
    assert len(names) > 40
    assert names >= EXPECTED_FAILURES[type(adapter).__name__].keys()


@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings on purpose
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for kind, names in [
            (NumericAsTextClassifier, [*COMMON_CHECKS, "check_classifier_multioutput"]),
            (NumericAsTextEmbedder, COMMON_CHECKS + COMMON_CHECKS_OF_TRANSFORMERS),
        ]
        for name in names
    ],
)
def test_passes_the_common_test(name, kind):
    if "polars" in name:
        pytest.importorskip("polars")
    getattr(estimator_checks, name)(kind.__name__, kind())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", DATA_FREE_CHECKS)
def test_the_class_itself_passes_the_check(name, kind):
    getattr(estimator_checks, name)(kind.__name__, kind())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.filterwarnings("ignore")  # it warns of the checks that text input skips
def test_check_estimator_passes_on_the_class_itself(kind):
    assert check_estimator(kind())


def test_tags_tell_of_texts():
    tags = BertTextClassifier().__sklearn_tags__()
    assert is_classifier(BertTextClassifier())
    assert is_regressor(BertTextRegressor())
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert tags.classifier_tags.multi_label


# Docstrings, as scikit-learn checks its own


def public_methods(kind):
    """Return the names of the public methods that are written in this package."""
    return [
        name
        for name in dir(kind)
        if not name.startswith("_")
        and getattr(getattr(kind, name), "__module__", "").startswith("sklearn_bert.")
    ]


@pytest.mark.parametrize("public", sorted(set(sklearn_bert.__all__) - {"__version__"}))
def test_docstrings_are_numpydoc_and_name_all_parameters(public):
    validate = pytest.importorskip("numpydoc.validate")
    ignored = {"GL01", "GL02", "RT02"}  # as scikit-learn does, whose style they are not
    if public == "Comparison":
        ignored.add("PR01")  # `compare` makes it
    kind = getattr(sklearn_bert, public)
    for name in [None, *(public_methods(kind) if isclass(kind) else [])]:
        path = f"{kind.__module__}.{kind.__name__}" + (f".{name}" if name else "")
        only_of_classes = {"ES01", "SA01", "EX01"} if name else set()
        errors = [
            error
            for error in validate.validate(path)["errors"]
            if error[0] not in ignored | only_of_classes
        ]
        assert errors == [], path


@pytest.mark.parametrize("kind", CLASSES)
def test_documented_attributes_are_those_of_a_fit(kind, tiny_model, reviews):
    docscrape = pytest.importorskip("numpydoc.docscrape")
    y = range(60) if kind is BertTextRegressor else reviews[1]
    options = {} if kind is BertTextEmbedder else {"epochs": 1, "callbacks": [EpochTimer()]}
    fitted = kind(tiny_model, **options).fit(reviews[0], y)
    found = {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")}
    documented = {
        name
        for attribute in docscrape.ClassDoc(kind)["Attributes"]
        for name in attribute.name.split(", ")
    }
    # Those of an embedder with an estimator, of data frames, and of several columns of labels.
    of_frames, of_columns = {"feature_names_in_", "n_features_in_"}, {"n_outputs_", "target_names_"}
    assert documented - found <= {"estimator_", *of_frames, *of_columns}
    assert found <= documented
