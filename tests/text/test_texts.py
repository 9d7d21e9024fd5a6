"""Every kind of input that holds texts, and the sentence for every kind that does not."""

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from sklearn_bert._text.texts import check_texts, check_texts_or_pairs

TEXTS = ["good film", "", "naïve 電影 🎬"]

COLUMNS = {
    "list": TEXTS,
    "tuple": tuple(TEXTS),
    "generator": (text for text in TEXTS),
    "list of lists": [[text] for text in TEXTS],
    "list of numpy strings": [np.str_(text) for text in TEXTS],
    "object array": np.array(TEXTS, dtype=object),
    "unicode array": np.array(TEXTS),
    "StringDType array": np.array(TEXTS, dtype=np.dtypes.StringDType()),
    "masked array without a mask": np.ma.array(TEXTS),
    "structured array": np.array([(text,) for text in TEXTS], dtype=[("text", "U20")]),
    "list of arrays of one": [np.array([text]) for text in TEXTS],
    "dict values": dict(enumerate(TEXTS)).values(),
    "(n, 1) array": np.array(TEXTS, dtype=object).reshape(-1, 1),
    "(n, 1) unicode array": np.array(TEXTS).reshape(-1, 1),
    "pandas Series": pd.Series(TEXTS),
    "pandas Series, other index": pd.Series(TEXTS, index=[7, 7, 3]),
    "pandas object Series": pd.Series(TEXTS, dtype=object),
    "pandas python string Series": pd.Series(TEXTS, dtype="string[python]"),
    "pandas Arrow string Series": pd.Series(TEXTS, dtype="string[pyarrow]"),
    "pandas ArrowDtype Series": pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())),
    "pandas categorical Series": pd.Series(TEXTS, dtype="category"),
    "pandas Index": pd.Index(TEXTS),
    "pandas string array": pd.array(TEXTS, dtype="string"),
    "pandas frame": pd.DataFrame({"text": TEXTS}),
    "pandas frame, other index": pd.DataFrame({"text": TEXTS}, index=[2, 1, 0]),
    "polars Series": pl.Series(TEXTS),
    "polars categorical Series": pl.Series(TEXTS, dtype=pl.Categorical),
    "polars frame": pl.DataFrame({"text": TEXTS}),
    "Arrow array": pa.array(TEXTS),
    "Arrow large string array": pa.array(TEXTS, type=pa.large_string()),
    "Arrow dictionary array": pa.array(TEXTS).dictionary_encode(),
    "Arrow chunked array": pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
    "Arrow table": pa.table({"text": TEXTS}),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_takes_a_column_of_texts(kind):
    texts = check_texts(COLUMNS[kind])
    assert texts == TEXTS
    assert isinstance(texts, list)


def hugging_face(frame):
    return pytest.importorskip("datasets").Dataset.from_pandas(frame)


def duckdb(frame):
    connection = pytest.importorskip("duckdb").connect()
    connection.register("frame", frame)
    return connection.sql("SELECT * FROM frame")


@pytest.mark.integrations
@pytest.mark.parametrize(
    "convert",
    [
        hugging_face,
        lambda frame: hugging_face(frame).with_format("numpy"),
        lambda frame: hugging_face(frame)["text"],
        lambda frame: hugging_face(frame).to_iterable_dataset()["text"],
        duckdb,
    ],
)
def test_takes_a_column_of_a_dataset_or_a_database(convert):
    assert check_texts(convert(pd.DataFrame({"text": TEXTS}))) == TEXTS


@pytest.mark.integrations
def test_takes_the_rows_of_a_dataset_that_were_selected():
    assert check_texts(hugging_face(pd.DataFrame({"text": TEXTS})).select([2, 0])) == TEXTS[::-2]


@pytest.mark.integrations
@pytest.mark.parametrize(
    "convert",
    [
        hugging_face,
        duckdb,
        lambda frame: list(frame.values),
        lambda frame: [row for _, row in frame.iterrows()],
        lambda frame: list(frame.itertuples(index=False)),
        lambda frame: zip(frame["a"], frame["b"], strict=True),
        lambda frame: frame.to_records(index=False),
        lambda frame: pl.Series(frame.values.tolist()),
        lambda frame: pa.array(frame.values.tolist()),
        lambda frame: pa.RecordBatch.from_pandas(frame),
        lambda frame: frame.astype("category"),
        lambda frame: frame.set_axis(pd.MultiIndex.from_product([["x"], ["a", "b"]]), axis=1),
        lambda frame: frame.rename(columns={"a": "column_names", "b": "toarray"}),
    ],
)
def test_two_columns_of_any_kind_are_pairs(convert):
    frame = pd.DataFrame({"a": TEXTS, "b": TEXTS[::-1]})
    expected = list(zip(TEXTS, TEXTS[::-1], strict=True))
    assert check_texts_or_pairs(convert(frame)) == expected


@pytest.mark.integrations
@pytest.mark.parametrize("convert", [hugging_face, duckdb])
def test_three_columns_are_refused_before_they_are_read(convert):
    frame = pd.DataFrame({"a": TEXTS, "b": TEXTS, "c": TEXTS})
    with pytest.raises(ValueError, match=r"got shape \(3, 3\); select one column"):
        check_texts(convert(frame))


class Lazy:
    """What Dask, Spark and their like look like: columns, and a method that computes."""

    columns = ["text"]

    def compute(self):
        raise AssertionError("the caller decides when to compute")


@pytest.mark.parametrize(
    ("X", "way"),
    [
        (Lazy(), r"X\.compute\(\)"),
        (pl.LazyFrame({"text": TEXTS}), r"X\.collect\(\)"),
    ],
)
def test_what_is_computed_on_request_is_left_to_the_caller(X, way):
    with pytest.raises(TypeError, match=rf"^X must be in memory, got the Lazy.*; pass {way}\.$"):
        check_texts(X)


@pytest.mark.integrations
def test_rows_with_names_lead_to_the_texts_alone():
    rows = [{"text": text, "label": 1} for text in TEXTS]
    with pytest.raises(TypeError, match=r"at row 0; pass .*, as in \[row\['text'\] for row in X\]"):
        check_texts(rows)
    with pytest.raises(TypeError, match=r"of type dict; pass a list of str, such as X\['text'\]"):
        check_texts({"text": TEXTS})
    stream = hugging_face(pd.DataFrame(rows)).to_iterable_dataset()
    with pytest.raises(TypeError, match=r"a stream of rows; pass a list, as in \[row\['text'\]"):
        check_texts(stream)


def test_a_masked_text_is_missing():
    pairs = np.ma.array([TEXTS[:2], TEXTS[1:]], mask=[[0, 0], [0, 1]])
    for X in (pairs, pairs[:, 1]):
        with pytest.raises(TypeError, match="got None of type NoneType at row 1"):
            check_texts_or_pairs(X)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None of type NoneType"),
        (float("nan"), "nan of type float"),
        (np.nan, "nan of type float"),
        (pd.NA, "<NA> of type NAType"),
        (b"good", "b'good' of type bytes"),
        (3, "3 of type int"),
        (decimal.Decimal(1), r"Decimal\('1'\) of type Decimal"),
        (["a", "b"], r"\['a', 'b'\] of type list"),
    ],
)
@pytest.mark.parametrize("container", [list, lambda X: pd.Series(X, dtype=object)])
def test_names_the_row_and_the_value_that_is_no_text(value, shown, container):
    with pytest.raises(
        TypeError,
        match=rf"^X must hold texts of type str, got {shown} at row 1; "
        r"fill missing texts with '' or drop those rows\.$",
    ):
        check_texts(container(["good", value]))


@pytest.mark.parametrize(
    "X",
    [
        pd.Series(["good", None]),
        pd.Series(["good", None], dtype="string"),
        pd.DataFrame({"text": ["good", None]}),
        pl.Series(["good", None]),
        pa.array(["good", None]),
        np.array([["good"], [None]], dtype=object),
        np.array(["good", np.nan], dtype=object),
    ],
)
def test_names_the_row_of_a_missing_text(X):
    with pytest.raises(TypeError, match=r"of type \w+ at row 1; fill missing texts"):
        check_texts(X)


def test_names_the_row_of_a_number_in_a_numeric_array():
    with pytest.raises(TypeError, match=r"got 0\.5 of type float at row 0"):
        check_texts(np.array([0.5, 1.5]))


def test_refuses_a_single_text():
    with pytest.raises(
        ValueError,
        match=r"^X must be an array-like of texts, got the single text 'good film'; "
        r"pass \[text\]\.$",
    ):
        check_texts("good film")


@pytest.mark.parametrize("X", [None, b"good", 3, 3.5, {"a": 1}, {"good"}, object()])
def test_refuses_what_is_no_array_like(X):
    with pytest.raises(TypeError, match=r"^X must be an array-like of texts, got .*; pass a list"):
        check_texts(X)


def test_refuses_a_sparse_matrix():
    with pytest.raises(TypeError, match="got a sparse matrix; pass the texts themselves"):
        check_texts(scipy.sparse.eye(2, format="csr"))


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"a": TEXTS, "b": TEXTS}),
        pl.DataFrame({"a": TEXTS, "b": TEXTS}),
        pa.table({"a": TEXTS, "b": TEXTS}),
        np.array([TEXTS, TEXTS], dtype=object).T,
        [(text, text) for text in TEXTS],
    ],
)
def test_refuses_two_columns(X):
    with pytest.raises(
        ValueError,
        match=r"^X must be one column of texts, got shape \(3, 2\); select one column, as in "
        r"X\['text'\], or use a ColumnTransformer\.$",
    ):
        check_texts(X)


def test_refuses_three_dimensions():
    with pytest.raises(ValueError, match=r"got shape \(3, 1, 1\)"):
        check_texts(np.array(TEXTS).reshape(3, 1, 1))


@pytest.mark.parametrize("X", [[], (), np.array([], dtype=object), pd.Series([], dtype=object)])
def test_refuses_no_texts_at_all(X):
    with pytest.raises(ValueError, match=r"^X must hold at least one text, got 0"):
        check_texts(X)


def test_names_the_row_of_a_lone_surrogate():
    with pytest.raises(ValueError, match=r"lone surrogate at row 1; decode the source"):
        check_texts(["good", "caf\udce9"])


def test_cuts_a_long_value_in_the_message():
    with pytest.raises(TypeError) as caught:
        check_texts([b"x" * 10_000])
    assert len(str(caught.value)) < 250
