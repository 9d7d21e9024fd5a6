"""Labels of every type come back as they came in."""

import dataclasses
import datetime
import decimal
import enum
import fractions

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.model_selection import cross_val_score

from sklearn_bert import BertTextClassifier
from sklearn_bert._estimators.labels import encode_labels


class Topic(str, enum.Enum):  # noqa: UP042 - whose str() is not its value
    """Names of other lengths than their values, which NumPy cuts them to."""

    TECHNOLOGY = "it"
    SPORTS = "run"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


Plain = enum.Enum("Plain", ["A", "B"])


@dataclasses.dataclass(frozen=True)
class Point:
    x: int


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
    "Arrow dictionary": (pa.array(["b", "a", "b"]).dictionary_encode(), ["a", "b"], "OU"),
    "torch tensor": (torch.tensor([3, 1, 3]), [1, 3], "i"),
    "list of tensors": (list(torch.tensor([3, 1, 3])), [1, 3], "i"),
    "generator": ((label for label in "bab"), ["a", "b"], "U"),
    "IntEnum": ([Level.HIGH, Level.LOW, Level.HIGH], [1, 2], "i"),
    "signed and unsigned": ([np.uint64(3), np.int64(1), np.uint64(3)], [1, 3], "i"),
    "long": (["b" * 2_000, "a", "b" * 2_000], ["a", "b" * 2_000], "O"),
    "null at the end": (["a\0", "a", "a\0"], ["a", "a\0"], "O"),
    "StringDType, null at the end": (
        np.array(["a\0", "a", "a\0"], dtype=np.dtypes.StringDType()),
        ["a", "a\0"],
        "O",
    ),
}


@pytest.mark.parametrize("kind", LABELS)
def test_keeps_the_type_of_labels(kind):
    y, expected, dtype_kinds = LABELS[kind]
    classes, targets = encode_labels(y, estimator_name="Classifier")
    assert classes.tolist() == expected
    assert classes.dtype.kind in dtype_kinds
    assert targets.tolist() == [1, 0, 1]
    assert targets.dtype == np.int64


@pytest.mark.parametrize("container", [list, lambda y: np.array(y, dtype=object)])
@pytest.mark.parametrize("kind", [Topic, enum.StrEnum("Color", ["RED", "BLUE"])])
def test_members_of_an_enum_of_str_stay_members(container, kind):
    one, other = kind
    classes, targets = encode_labels(container([one, other, one]), estimator_name="Classifier")
    assert [type(label) for label in classes] == [kind, kind]
    assert classes[targets].tolist() == [one, other, one]


def test_what_is_predicted_are_the_labels_that_were_given(make_classifier, reviews, tmp_path):
    X = reviews[0]
    y = [Topic.TECHNOLOGY if label == "pos" else Topic.SPORTS for label in reviews[1]]
    clf = make_classifier(epochs=4).fit(X, y)
    assert clf.score(X, y) == 1
    assert clf.predict(X).tolist() == y
    assert (clf.predict(X) == np.array(y, dtype=object)).all()
    assert all(isinstance(label, Topic) for label in clf.predict(X))
    assert cross_val_score(clf, X, y, cv=2).min() > 0.8
    clf.save_pretrained(tmp_path / "saved")
    loaded = BertTextClassifier.from_pretrained(tmp_path / "saved")
    assert loaded.predict(X).tolist() == y  # as plain str, which equal the members
    assert loaded.score(X, y) == 1
    assert loaded.module_.config.id2label == {0: "it", 1: "run"}


@pytest.mark.parametrize("container", [list, lambda y: pd.Series(y, dtype=object)])
@pytest.mark.parametrize(
    ("labels", "way"),
    [
        (list(Plain), "label.name"),
        ([b"a", b"b"], r"label.decode\(\)"),
        ([{"name": "a"}, {"name": "b"}], r"label\['name'\]"),
        ([Point(0), Point(1)], r"str\(label\)"),
        ([datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)], r"str\(label\)"),
        ([pd.Period("2020"), pd.Period("2021")], r"str\(label\)"),
        ([pd.Interval(0, 1), pd.Interval(1, 2)], r"str\(label\)"),
        ([decimal.Decimal(1), decimal.Decimal(2)], r"str\(label\)"),
        ([fractions.Fraction(1, 2), fractions.Fraction(1, 3)], r"str\(label\)"),
        ([1j, 2j], r"str\(label\)"),
    ],
)
def test_names_a_label_that_scikit_learn_cannot_carry(container, labels, way):
    with pytest.raises(
        ValueError,
        match=r"^y must have labels of type str, bool, int or float, got .* at row 0; convert "
        rf"them, as in \[{way} for label in y\]\.$",
    ):
        encode_labels(container(labels), estimator_name="Classifier")


@pytest.mark.parametrize("labels", [[2**63, -1], [10**30, 1]])
def test_refuses_numbers_that_numpy_would_round(labels):
    with pytest.raises(ValueError, match=r"fit into 64 bits, got \d+ at row 0; convert them all"):
        encode_labels(labels, estimator_name="Classifier")


@pytest.mark.parametrize("y", [{"a": [0, 1]}, {0, 1}, "ab", 3, np.array(3), object()])
def test_refuses_what_holds_no_rows(y):
    with pytest.raises(TypeError, match=r"^y must be an array-like of labels, got .*; pass .*\.$"):
        encode_labels(y, estimator_name="Classifier")


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
        np.ma.array([1, 2], mask=[0, 1]),
        [1.0, float("inf")],
        np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
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
