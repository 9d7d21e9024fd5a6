"""Tables of texts: CSV, TSV, JSON, Excel and Parquet, from files and streams."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from sklearn_bert.datasets import load_text_table
from sklearn_bert.datasets._tables import find_format, read_lines, read_table


def write(file, content):
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def write_parquet(folder, **columns):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


# CSV, TSV and Parquet


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".CSV"])
def test_delimited_files_keep_every_field_as_it_stands(tmp_path, suffix):
    rows = [["null", "1"], ["", "NA"], ['two\n\nlines, a\ttab and "quotes"', "01"], [" a ", "x"]]
    file = tmp_path / f"table{suffix}"
    opened = gzip.open if suffix.endswith("gz") else open
    with opened(file, "wt", newline="", encoding="utf-8-sig") as stream:
        delimiter = "\t" if suffix.startswith(".tsv") else ","
        csv.writer(stream, delimiter=delimiter).writerows([["text", "label"], *rows])
    texts, y = load_text_table(file, text="text", label="label")
    assert texts == [text for text, _ in rows]
    assert type(texts) is list
    assert y.tolist() == ["1", "NA", "01", "x"]
    assert y.dtype.kind == "U"


def test_other_columns_and_blank_lines_do_not_matter(tmp_path):
    file = write(tmp_path / "t.csv", "id,y,x\n1,b,a\n\n,d,c\n")
    X, y = load_text_table(str(file), text="x", label="y")
    assert (X, y.tolist()) == (["a", "c"], ["b", "d"])


def test_long_texts_are_read_and_the_limit_of_csv_stays(tmp_path):
    limit = csv.field_size_limit()
    file = write(tmp_path / "t.csv", "x,y\n" + "a" * 200_000 + ",b\n")
    X, _ = load_text_table(file, text="x", label="y")
    assert len(X[0]) == 200_000
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("labels", "kind"), [([3, 1], "i"), ([True, False], "b"), ([0.5, 1.0], "f"), (["a", "b"], "U")]
)
def test_parquet_keeps_the_type_of_its_labels(tmp_path, labels, kind):
    file = write_parquet(tmp_path, x=["", "null"], y=labels)
    X, y = load_text_table(file, text="x", label="y")
    assert X == ["", "null"]
    assert type(X[0]) is str
    assert y.tolist() == labels
    assert y.dtype.kind == kind


def test_categorical_strings_of_parquet_are_strings(tmp_path):
    pa = pytest.importorskip("pyarrow")
    file = write_parquet(tmp_path, x=["a", "b"], y=pa.array(["u", "v"]).dictionary_encode())
    _, y = load_text_table(file, text="x", label="y")
    assert y.tolist() == ["u", "v"]
    assert y.dtype.kind == "U"


@pytest.mark.parametrize("texts", [["a", None], [None, None]])
def test_a_missing_text_of_parquet_is_an_error_with_its_row(tmp_path, texts):
    file = write_parquet(tmp_path, x=texts, y=[0, 1])
    message = f"must have a text in column 'x', row {texts.index(None)} has .*; drop the row"
    with pytest.raises(ValueError, match=message):
        load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("value", [7, b"bytes"])
def test_a_text_of_parquet_that_is_no_string_is_an_error_with_row_and_value(tmp_path, value):
    file = write_parquet(tmp_path, x=[value, value], y=[0, 1])
    with pytest.raises(ValueError, match=f"must be a string, row 0 has {value!r}; convert"):
        load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("labels", [[1, None], ["a", None], ["a", ""], [0.5, float("nan")]])
def test_a_missing_label_of_parquet_is_an_error_with_its_row(tmp_path, labels):
    file = write_parquet(tmp_path, x=["a", "b"], y=labels)
    with pytest.raises(ValueError, match=r"must have a label in column 'y', row 1 has .*; drop"):
        load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("empty", ["", '""', " "])
def test_an_empty_label_of_csv_is_an_error_with_its_row(tmp_path, empty):
    file = write(tmp_path / "t.csv", f"x,y\na,b\nc,{empty}\n")
    with pytest.raises(ValueError, match=r"must have a label in column 'y', row 1 has ' ?'; drop"):
        load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("order", ["x,y", "y,x"])
def test_a_row_with_too_few_fields_is_an_error_with_its_row(tmp_path, order):
    file = write(tmp_path / "t.csv", f"{order}\na,b\nc,d\ne\n")
    with pytest.raises(ValueError, match=r"must have 2 fields, row 2 has \['e'\]; add"):
        load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("rows", ["a,b\nc, d,e\n", "a, b,c\nd, e,f\n"])
def test_rows_with_too_many_fields_are_an_error_with_the_line(tmp_path, rows):
    file = write(tmp_path / "t.csv", "x,y\n" + rows)
    message = (
        r"must have 2 fields, row \d \(line \d\) has 3: \['.*; put fields with ',' in them into q"
    )
    with pytest.raises(ValueError, match=message):
        load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("content", ["", "\n\r\n", "\ufeff"])
def test_an_empty_file_is_an_error(tmp_path, content):
    file = write(tmp_path / "t.tsv", content)
    with pytest.raises(
        ValueError, match=r"'.*t.tsv' must be a table with a header row .* is empty"
    ):
        load_text_table(file, text="x", label="y")


def test_a_table_without_rows_is_an_error(tmp_path):
    file = write(tmp_path / "t.csv", "x,y\n")
    with pytest.raises(ValueError, match=r"at least one row below its header, '.*t.csv' has none"):
        load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("make", ["csv", "parquet"])
def test_a_missing_column_is_an_error_that_lists_the_columns(tmp_path, make):
    if make == "csv":
        file = write(tmp_path / "t.csv", "x,y\na,b\n")
    else:
        file = write_parquet(tmp_path, x=["a"], y=["b"])
    with pytest.raises(ValueError, match=r"text must name .*, got 'z'; its columns are \['x', 'y'"):
        load_text_table(file, text="z", label="y")
    with pytest.raises(
        ValueError, match=r"label must name .*, got 'z'; its columns are \['x', 'y'"
    ):
        load_text_table(file, text="x", label="z")


def test_a_column_that_stands_twice_is_an_error(tmp_path):
    file = write(tmp_path / "t.csv", "x,y,x\na,b,c\n")
    with pytest.raises(ValueError, match="text must name exactly one column"):
        load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("name", ["t.xls", "t", "t.gz", "csv"])
def test_an_unknown_suffix_is_an_error_that_names_the_readable_ones(tmp_path, name):
    file = write(tmp_path / name, "x,y\na,b\n")
    with pytest.raises(ValueError, match=rf"\.csv, .* or \.parquet, got '.*{name}'"):
        load_text_table(file, text="x", label="y")


def test_a_missing_table_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is none at '.*t.csv'"):
        load_text_table(tmp_path / "t.csv", text="x", label="y")


# JSON lines


def json_lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def load_rows(folder, *rows):
    file = write(folder / "t.jsonl", json_lines(*rows))
    return load_text_table(file, text="x", label="y")


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".jsonl.gz", ".NDJSON.GZ"])
def test_json_lines_are_read_whatever_else_an_object_holds(tmp_path, suffix):
    content = json_lines({"x": "caf\xe9\u2028 two", "y": "a", "z": [1]}, {"y": "b", "x": ""})
    content = ("\ufeff" + content.replace("\n", "\r\n\r\n")).encode()
    file = write(
        tmp_path / f"t{suffix}", gzip.compress(content) if "g" in suffix.lower() else content
    )
    X, y = load_text_table(file, text="x", label="y")
    assert X == ["caf\xe9\u2028 two", ""]
    assert y.tolist() == ["a", "b"]
    assert y.dtype.kind == "U"


@pytest.mark.parametrize(
    ("labels", "kind"), [([3, 1], "i"), ([True, False], "b"), ([0.5, 1], "f"), (["1", "2"], "U")]
)
def test_json_lines_keep_the_type_of_their_labels(tmp_path, labels, kind):
    _, y = load_rows(tmp_path, *({"x": "a", "y": label} for label in labels))
    assert y.tolist() == labels
    assert y.dtype.kind == kind


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'x': 1}", r"row 1 \(line 3\) is no JSON \(Expecting .*\); write one object a line"),
        ('{"x": "a", "y": NaN}', r"row 1 \(line 3\) is no JSON \(NaN is no value in JSON\)"),
        ("[" * 100_000, r"row 1 \(line 3\) is no JSON \(maximum recursion depth"),
        ('["a", "b"]', r"row 1 \(line 3\) has \['a', 'b'\]; write one such as"),
        ('{"x": "a", "z": 1}', r"label must name a key of .*, got 'y', and row 1 .* \['x', 'z'\]"),
        ('{"x": 7, "y": "b"}', r"column 'x' of .* must be a string, row 1 has 7; convert"),
        ('{"x": null, "y": "b"}', r"must have a text in column 'x', row 1 has None; drop"),
        ('{"x": "a", "y": null}', r"must have a label in column 'y', row 1 has None; drop"),
        ('{"x": "a", "y": " "}', r"must have a label in column 'y', row 1 has ' '; drop"),
        ('{"x": "a", "y": 1}', r"all strings, .* row 1 has 1 and row 0 has 'first'; convert them"),
        ('{"x": "a", "y": ["b"]}', r"all strings, .* row 1 has \['b'\] and row 0 has 'first'"),
    ],
)
def test_a_bad_line_of_json_is_an_error_with_its_row(tmp_path, line, message):
    file = write(tmp_path / "t.jsonl", '{"x": "a", "y": "first"}\n\n' + line + "\n")
    with pytest.raises(ValueError, match=message):
        load_text_table(file, text="x", label="y")


def test_labels_that_are_lists_are_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"column 'y' of .* row 0 has \['b'\]"):
        load_rows(tmp_path, {"x": "a", "y": ["b"]})


def test_true_is_no_number_among_labels(tmp_path):
    with pytest.raises(ValueError, match="row 1 has True and row 0 has 1; convert them"):
        load_rows(tmp_path, {"x": "a", "y": 1}, {"x": "b", "y": True})


def test_json_lines_that_are_not_utf8_are_an_error_with_the_line(tmp_path):
    file = write(tmp_path / "t.jsonl", b'{"x": "a", "y": 1}\n{"x": "caf\xe9", "y": 1}\n')
    with pytest.raises(ValueError, match=r"must be UTF-8 text, and line 2 is not .*; save it"):
        load_text_table(file, text="x", label="y")


def test_json_lines_without_a_line_are_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"needs at least one row, '.*t.jsonl' has none"):
        load_rows(tmp_path)


# Damaged files


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz"])
@pytest.mark.parametrize("damage", [gzip.decompress, lambda packed: packed[:-9]])
def test_a_damaged_gzip_file_is_an_error(tmp_path, name, damage):
    file = write(tmp_path / name, damage(gzip.compress(b'{"x": "a", "y": "b"}\n' * 99)))
    with pytest.raises(ValueError, match=r"must be packed by gzip, and '.*gz' is not or is dam"):
        load_text_table(file, text="x", label="y")


def test_a_damaged_parquet_file_is_an_error(tmp_path):
    pytest.importorskip("pyarrow")
    file = write(tmp_path / "t.parquet", b"x,y\n")
    with pytest.raises(ValueError, match=r"'.*t.parquet' must be a Parquet file, and is not: "):
        load_text_table(file, text="x", label="y")


# Streams


@pytest.mark.parametrize(
    ("form", "content"),
    [("csv", "x,y\na,b\n"), ("tsv", "x\ty\na\tb\n"), ("jsonl", '{"x": "a", "y": "b"}\n')],
)
def test_a_stream_is_read_and_stays_open(form, content):
    stream = io.BytesIO(content.encode())
    table = read_table(stream, form, where="standard input", text="x", label="y")
    assert (table.X, table.y.tolist(), table.note) == (["a"], ["b"], None)
    assert not stream.closed


def test_without_a_label_only_the_texts_are_asked_for():
    rows = b'{"x": "a"}\n{"x": "b", "y": null}\n'
    table = read_table(io.BytesIO(rows), "jsonl", where="it", text="x")
    assert (table.X, table.y) == (["a", "b"], None)


@pytest.mark.parametrize(("form", "content"), [("csv", b"x,y\n"), ("jsonl", b"")])
def test_no_rows_are_fine_where_the_caller_says_so(form, content):
    table = read_table(io.BytesIO(content), form, where="it", text="x", empty_ok=True)
    assert table.X == []


def test_each_line_is_a_text_empty_ones_too(tmp_path):
    content = "\ufeffone\r\n\n two\u2028\x0c more \nlast".encode()
    expected = ["one", "", " two\u2028\x0c more ", "last"]
    assert read_lines(io.BytesIO(content), where="it") == (expected, None)
    file = write(tmp_path / "t.txt.gz", gzip.compress(content))
    assert read_lines(file, where="it") == (expected, None)
    assert read_lines(io.BytesIO(b""), where="it") == ([], None)


def test_whatever_stands_in_a_line_it_stays_one_text():
    texts = ["a\rb", "a\x0bb\x0cc\x1cd\x85e\u2029f", '"', "nul\0", " ", "\r", "", "z\r"]
    content = "".join(f"{text}\n" for text in texts).encode()
    assert read_lines(io.BytesIO(content), where="it")[0] == [*texts[:5], "", "", "z"]
    assert read_lines(io.BytesIO(content.replace(b"\n", b"\r\n")), where="it")[0] == texts


def test_a_line_that_is_not_utf8_is_an_error_with_its_number():
    with pytest.raises(ValueError, match=r"it must be UTF-8 text, and line 2 is not .byte 3: "):
        read_lines(io.BytesIO(b"a\ncaf\xe9\n"), where="it")


def test_the_name_tells_the_format():
    names = {"a.csv": "csv", "a.TSV.gz": "tsv", "a.b.ndjson": "jsonl", "a.parquet": "parquet"}
    names |= {"a.JSON.zip": "json", "a.xlsx": "xlsx", "a.tab.bz2": "tsv"}
    names |= {"csv": None, "a.txt": None, "a.gz": None, "a.parquet.gz": None}
    assert {name: find_format(Path(name)) for name in names} == names
