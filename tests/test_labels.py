"""Labels of every type come back as they came in."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklearn_bert._labels import encode_labels

LABELS = {
    "list of str": (["b", "a", "b"], ["a", "b"], "U"),
    "tuple of int": ((3, 1, 3), [1, 3], "i"),
    "list of bool": ([True, False, True], [False, True], "b"),
    "unicode array": (np.array(["b", "a", "b"]), ["a", "b"], "U"),
    "StringDType": (np.array(["b", "a", "b"], dtype=np.dtypes.StringDType()), ["a", "b"], "U"),
    "object array of str": (np.array(["b", "a", "b"], dtype=object), ["a", "b"], "O"),
    "object array of int": (np.array([3, 1, 3], dtype=object), [1, 3], "i"),
    "object array of bool": (np.array([True, False, True], dtype=object), [False, True], "b"),
    "int8 array": (np.array([3, 1, 3], dtype=np.int8), [1, 3], "i"),
    "whole floats": (np.array([3.0, 1.0, 3.0]), [1.0, 3.0], "f"),
    "pandas str": (pd.Series(["b", "a", "b"]), ["a", "b"], "O"),
    "pandas string": (pd.Series(["b", "a", "b"], dtype="string"), ["a", "b"], "O"),
    "pandas Int64": (pd.Series([3, 1, 3], dtype="Int64"), [1, 3], "i"),
    "pandas boolean": (pd.Series([True, False, True], dtype="boolean"), [False, True], "b"),
    "pandas category of str": (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"], "O"),
    "pandas category of int": (pd.Series([3, 1, 3], dtype="category"), [1, 3], "i"),
    "polars str": (pl.Series(["b", "a", "b"]), ["a", "b"], "OU"),
    "polars int": (pl.Series([3, 1, 3]), [1, 3], "i"),
    "Arrow str": (pa.array(["b", "a", "b"]), ["a", "b"], "OU"),
    "Arrow int": (pa.chunked_array([[3, 1], [3]]), [1, 3], "i"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_keeps_the_type_of_labels(kind):
    y, expected, dtype_kinds = LABELS[kind]
    classes, targets = encode_labels(y, estimator_name="Classifier")
    assert classes.tolist() == expected
    assert classes.dtype.kind in dtype_kinds
    assert targets.tolist() == [1, 0, 1]
    assert targets.dtype == np.int64


def test_takes_a_column_vector_with_scikit_learns_warning():
    with pytest.warns(match="A column-vector y was passed"):
        _, targets = encode_labels(np.array([[1], [0]]), estimator_name="Classifier")
    assert targets.tolist() == [1, 0]


@pytest.mark.parametrize(
    "y",
    [
        ["a", None],
        ["a", float("nan")],
        np.array(["a", np.nan], dtype=object),
        [0.0, float("nan")],
        pd.Series(["a", None]),
        pd.Series(["a", None], dtype="string"),
        pd.Series([1, None], dtype="Int64"),
        pd.Series(["a", None], dtype="category"),
        pl.Series(["a", None]),
    ],
)
def test_names_the_row_of_a_missing_label(y):
    with pytest.raises(
        ValueError, match=r"^y must have a label for each text, got .* at row 1; drop the rows"
    ):
        encode_labels(y, estimator_name="Classifier")


@pytest.mark.parametrize("container", [list, lambda y: np.array(y, dtype=object)])
@pytest.mark.parametrize("y", [[1, "a"], [True, 1], ["a", 2.5]])
def test_refuses_labels_of_two_types(y, container):
    with pytest.raises(
        ValueError, match=r"^y must have labels of one type, got .* at row 1 after .* at row 0;"
    ):
        encode_labels(container(y), estimator_name="Classifier")


def test_refuses_missing_y():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        encode_labels(None, estimator_name="Classifier")


def test_refuses_numbers_that_are_no_labels():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        encode_labels([0.5, 1.5], estimator_name="Classifier")


def test_refuses_several_columns():
    with pytest.raises(ValueError, match="y should be a 1d array"):
        encode_labels([[1, 0], [0, 1]], estimator_name="Classifier")
