"""Tables as the world writes them: quotes, separators, encodings, headers, several columns."""

import bz2
import codecs
import csv
import datetime
import gzip
import io
import json
import lzma
import sys
import zipfile

import numpy as np
import pytest

from sklearn_bert.datasets import load_text_table


def write(file, content):
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def load(file, text="text", label="label", **options):
    X, y = load_text_table(file, text=text, label=label, **options)
    return X, y.tolist()


def load_content(folder, content, name="t.csv", **options):
    return load(write(folder / name, content), **options)


# Quotes


@pytest.mark.parametrize(
    "texts",
    [
        ['"The good film', 'bad one"', "fine"],
        ['"', '""', '"""'],
        ['"a phrase"', "plain", '"another"'],
        ['"a phrase", and more', 'He said "no"'],
        ['it is 5" long', '"open'],
        ["lone\rreturn", "\x0b\x0c\x1c\x85\u2028\u2029", "nul\0", " "],
        ['"Well, well"', "fine"],
        ['"doubled ""quotes"" here', 'end"'],
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_in_a_table_of_tabs_a_quote_is_a_letter_and_each_line_a_row(tmp_path, texts, end):
    rows = [f"{text}\tpos" for text in texts]
    assert load_content(tmp_path, end.join(["text\tlabel", *rows, ""]), "t.tsv")[0] == texts
    content = end.join(row.replace("\t", "\t1\t") for row in rows)
    columns = {"text": 0, "label": 2, "header": False}
    assert load_content(tmp_path, content, "t.tsv", **columns)[0] == texts


TRICKY = ["tab\there", "two\nlines", 'say "hi"', "plain", "a, b", "", '"whole"']


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("texts", [TRICKY, TRICKY[2:], TRICKY[3:], ['say "hi"', "plain"]])
def test_a_table_of_tabs_from_a_writer_that_quotes_comes_back_as_it_was(tmp_path, quoting, texts):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter="\t", quoting=quoting)
    writer.writerows([["text", "label"], *([text, "a b"] for text in texts)])
    assert load_content(tmp_path, stream.getvalue(), "t.tsv")[0] == texts


def test_quotes_around_all_of_some_columns_enclose_them(tmp_path):
    content = '"text"\t"label"\n"good"\t1\n"bad, ""so"" bad"\t0\n'
    assert load_content(tmp_path, content, "t.tsv") == (["good", 'bad, "so" bad'], ["1", "0"])


def test_excel_encloses_commas_in_a_table_of_tabs(tmp_path):
    content = 'text\tlabel\n"well, well"\t1\n"so ""good"""\t0\nplain\t1\n'
    assert load_content(tmp_path, content, "t.tsv")[0] == ["well, well", 'so "good"', "plain"]


@pytest.mark.parametrize("texts", [["a\rb", "\r"], ['"a\rb"', '"c\r"'], ['"a\rb"', "c\rd"]])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_lone_carriage_return_ends_no_row(tmp_path, texts, name):
    sep = "," if name == "t.csv" else "\t"
    content = "".join(f"{row}{sep}1\n" for row in texts)
    found = load_content(tmp_path, f"text{sep}label\n{content}", name)[0]
    assert found == ([text.strip('"') for text in texts] if sep == "," else texts)


def test_files_of_old_macs_have_no_other_ends_of_lines(tmp_path):
    for name, sep in ("t.csv", ","), ("t.tsv", "\t"):
        content = f"text{sep}label\ra{sep}1\rb{sep}0\r"
        assert load_content(tmp_path, content, name) == (["a", "b"], ["1", "0"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('a,1\n"open,0\nb,1\n', "the quote of a field in line 3 .* never closes; enclose"),
        ('a,1\n"so" good,0\n', "the quote of a field in line 3 .* closes before the field ends"),
    ],
)
def test_a_quote_that_does_not_close_is_an_error_with_its_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        load_content(tmp_path, "text,label\n" + content)


def test_a_blank_line_among_tabs_is_an_error_but_at_the_end(tmp_path):
    with pytest.raises(ValueError, match=r"must have 2 fields, row 1 has \[\].* \(line 3\)"):
        load_content(tmp_path, "text\tlabel\na\t1\n\nb\t0\n", "t.tsv")
    assert load_content(tmp_path, "text\tlabel\na\t1\nb\t0\n\n\n", "t.tsv")[0] == ["a", "b"]


# Separators


@pytest.mark.parametrize(("sep", "name"), [(";", "';'"), ("|", r"'\|'"), ("\t", "a tab")])
def test_another_separator_is_found_and_said(tmp_path, sep, name):
    content = f'id,n{sep}text{sep}label\n1,5{sep}"a{sep} b, c"{sep}x\n2,5{sep}d{sep}y\n'
    with pytest.warns(UserWarning, match=f"t.csv' is read separated by {name}; give sep=") as seen:
        assert load_content(tmp_path, content) == ([f"a{sep} b, c", "d"], ["x", "y"])
    assert [warning.filename for warning in seen] == [__file__]
    assert load_content(tmp_path, content, sep=sep)[1] == ["x", "y"]


def test_the_separator_is_found_for_names_that_are_not_there_too(tmp_path):
    with pytest.raises(ValueError, match=r"its columns are \['Text', 'stars'\]; perhaps 'Text' is"):
        load_content(tmp_path, "Text;stars\ngood, really;5\n")


def test_excel_says_the_separator_in_a_line_of_its_own(tmp_path):
    assert load_content(tmp_path, "sep=;\r\ntext;label\r\na,b;x\r\n") == (["a,b"], ["x"])


def test_commas_in_texts_do_not_make_a_tsv_a_csv(tmp_path):
    content = "x\tone, two, three\ny\tfour, five, six\n"
    found = load_content(tmp_path, content, "t.tsv", text=1, label=0, header=False)
    assert found == (["one, two, three", "four, five, six"], ["x", "y"])


@pytest.mark.parametrize("sep", ["", "::", '"', 3])
def test_a_separator_that_is_no_character_is_an_error(tmp_path, sep):
    with pytest.raises(ValueError, match=f"sep must be the one character .*, got {sep!r}"):
        load_content(tmp_path, "text,label\na,b\n", sep=sep)


def test_separators_at_the_ends_of_lines_do_not_matter(tmp_path):
    for content in "text,label\na,1,\nb,0,,\n", "text,label,,\na,1,,\nb,0\n":
        assert load_content(tmp_path, content) == (["a", "b"], ["1", "0"])


# Encodings

WORDS = {
    "cp1252": ["naïve café, “so” schön, señor", "déjà vu, garçon, être là"],
    "latin-1": ["très mauvais café, déjà vu", "à bientôt, garçon, être là"],
    "gb18030": ["这部电影非常好看", "太无聊了, 不好看"],
    "cp1251": ["Очень хороший фильм", "Плохой фильм, скучно"],
}


@pytest.mark.parametrize("encoding", WORDS)
def test_an_encoding_is_found_and_said(tmp_path, encoding):
    pytest.importorskip("charset_normalizer")
    content = f"text;label\n{WORDS[encoding][0]};x\n{WORDS[encoding][1]};y\n".encode(encoding)
    found = {"latin-1": "cp1252"}.get(encoding, encoding)
    with pytest.warns(UserWarning, match=f"as {found}, separated by ';'; give encoding= or sep="):
        assert load_content(tmp_path, content)[0] == WORDS[encoding]
    assert load_content(tmp_path, content, encoding=encoding, sep=";")[0] == WORDS[encoding]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_found_with_and_without_a_mark(tmp_path, encoding):
    content = "text,label\ncafé 好,x\n".encode(encoding)
    if encoding == "utf-32":
        content = codecs.BOM_UTF32_LE + "text,label\ncafé 好,x\n".encode("utf-32-le")
    with pytest.warns(UserWarning, match=f"is read as {encoding}"):
        assert load_content(tmp_path, content) == (["café 好"], ["x"])
    assert load_content(tmp_path, content, encoding=encoding) == (["café 好"], ["x"])


def test_zeros_in_a_text_do_not_make_it_utf_16(tmp_path):
    for text in "\0\0", "a\0", "\0b\0":
        assert load_content(tmp_path, f"text,label\na,x\n{text},y\n")[0] == ["a", text]


def test_a_byte_order_mark_decides_and_is_no_part_of_a_name(tmp_path):
    content = codecs.BOM_UTF8 + "text,label\ncafé,x\n".encode()
    for encoding in None, "utf-8", "latin-1":
        assert load_content(tmp_path, content, encoding=encoding) == (["café"], ["x"])


def test_without_the_library_the_encoding_must_be_given(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    content = "text,label\ncafé,x\n".encode("latin-1")
    with pytest.raises(ModuleNotFoundError, match=r"t.csv' is not UTF-8, .* or give encoding="):
        load_content(tmp_path, content)
    assert load_content(tmp_path, content, encoding="latin-1")[0] == ["café"]


@pytest.mark.parametrize("encoding", ["utf-nine", "base64"])
def test_an_unknown_encoding_is_an_error(tmp_path, encoding):
    with pytest.raises(ValueError, match=f"text encoding Python knows, got '{encoding}'"):
        load_content(tmp_path, "text,label\na,b\n", encoding=encoding)


def test_a_wrong_encoding_is_an_error_with_the_line(tmp_path):
    with pytest.raises(ValueError, match=r"text in encoding='ascii', and line 2 is not \(byte 3: "):
        load_content(tmp_path, "text,label\ncafé,x\n", encoding="ascii")


# Headers and columns


def test_columns_of_a_table_without_a_header_are_numbers_from_0(tmp_path):
    content = 'ham\tSo good, "really\nspam\tWIN\n'
    for header in False, None:
        found = load_content(tmp_path, content, "t.tsv", text=1, label=0, header=header)
        assert found == (['So good, "really', "WIN"], ["ham", "spam"])


@pytest.mark.parametrize("name", ["SMSSpamCollection", "t.txt", "t.data.gz"])
def test_a_table_may_have_any_name_if_its_fields_are_described(tmp_path, name):
    content = b'ham\tSo, good, "really\nspam\tWIN, now, or\n'
    file = write(tmp_path / name, gzip.compress(content) if "gz" in name else content)
    for options in {"header": False}, {"header": False, "sep": "\t"}:
        assert load(file, text=1, label=0, **options)[0] == ['So, good, "really', "WIN, now, or"]
    with pytest.raises(ValueError, match=r"path must end in .*; convert it, or give sep= if"):
        load(file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": 1}, "text and label must name different columns, got 1 for both"),
        ({"text": "text"}, "text must be the number of a column, from 0, where .* got 'text'"),
        ({"text": 2}, "text must be the number of a column of .*, from 0 to 1, got 2"),
        ({"text": -1}, "from 0 to 1, got -1"),
        ({"text": True}, "text must be the name of a column, its number from 0, or a list"),
        ({"text": []}, r"or a list of these, got \[\]"),
        ({"label": [1, 1]}, r"label must name different columns, got \[1, 1\]"),
        ({"text": [0, 1, 2]}, "text must name one column of texts, or two of pairs"),
        ({"text": None}, "or a list of these, got None"),
        ({"header": 0}, "header must be True, or False .*, got 0"),
    ],
)
def test_columns_that_cannot_be_are_an_error(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        load_content(tmp_path, "a,b\n", **{"text": 0, "label": 1, "header": False, **options})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("Text,label", "got 'text'; its columns are .*; perhaps 'Text' is meant"),
        (" text,label", "perhaps ' text' is meant"),
        ("txt,label", "perhaps 'txt' is meant"),
        ("text,text,label", r"\['text', 'text', 'label'\], 2 of them 'text': rename all but one"),
        ("So good,pos", "a table without a header needs header=False"),
    ],
)
def test_a_column_of_another_name_is_an_error_with_the_way_out(tmp_path, header, message):
    width = header.count(",") + 1
    with pytest.raises(ValueError, match=message):
        load_content(tmp_path, f"{header}\n{','.join('abc'[:width])}\n")


def test_other_columns_may_have_the_same_name_or_none(tmp_path):
    content = ",text,a,a,label\n0,x,1,2,y\n"
    assert load_content(tmp_path, content) == (["x"], ["y"])


def test_two_columns_of_texts_are_pairs(tmp_path):
    content = "premise,hypothesis,label\na,b,x\nc,,y\n"
    X, _ = load_content(tmp_path, content, text=["premise", "hypothesis"])
    assert X == [("a", "b"), ("c", "")]
    assert load_content(tmp_path, content, text=["premise"])[0] == ["a", "c"]


@pytest.mark.parametrize("values", [("1", "0"), ("1.0", "0.0"), ("True", "false")])
def test_several_columns_of_labels_are_a_frame_of_0_and_1(tmp_path, values):
    yes, no = values
    content = f"text,joy,anger\na,{yes},{no}\nb,{no},{no}\n"
    file = write(tmp_path / "t.csv", content)
    _, y = load_text_table(file, text="text", label=["joy", "anger"])
    assert list(y.columns) == ["joy", "anger"]
    assert np.array_equal(y.to_numpy(), [[1, 0], [0, 0]])
    assert load(file, label=["joy"])[1] == [yes, no]


@pytest.mark.parametrize("value", ["2", "", "yes"])
def test_a_label_of_several_that_is_not_0_or_1_is_an_error_with_its_row(tmp_path, value):
    content = f"text,joy,anger\na,1,0\nb,0,{value}\n"
    with pytest.raises(ValueError, match=f"column 'anger' .* has {value!r} in row 1; convert it"):
        load_content(tmp_path, content, label=["joy", "anger"])


# JSON and labels with types


def test_a_json_array_is_read_and_so_are_lines_in_a_file_called_json(tmp_path):
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": 2, "more": [1]}]
    for content in json.dumps(rows, indent=1), "\n".join(map(json.dumps, rows)):
        assert load_content(tmp_path, content, "t.json") == (["a", "b"], [1, 2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"text": "a", "label": 1}, 3]', "must be a JSON array of objects, row 1 has 3; write"),
        ('[{"text": "a", ', "must be a JSON array of objects, and is no JSON"),
        ('[{"text": "a", "Label": 1}]', "got 'label', and row 0 has .*; perhaps 'Label' is meant"),
        ("[]", "needs at least one row, '.*t.json' has none"),
        ('{"data": [\n{"text": "a"}]}', "must be a JSON object, row 0 .* is no JSON"),
    ],
)
def test_json_of_another_kind_is_an_error(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        load_content(tmp_path, content, "t.json")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"id": 3, "name": "x"}, r"row 0 has \{'id': 3, .*; make a column of .* such as .* 'id'"),
        ({}, r"row 0 has \{\}; make a column"),
        (["x", "y"], r"row 0 has \['x', 'y'\]; for one label a row, .* a column of 0 and 1 for"),
    ],
)
def test_labels_that_are_no_values_are_an_error_from_the_first_row_on(tmp_path, label, message):
    lines = "\n".join(json.dumps({"text": "a", "label": label}) for _ in range(2))
    with pytest.raises(ValueError, match=message) as caught:
        load_content(tmp_path, lines, "t.jsonl")
    assert "and row 0 has" not in str(caught.value)


@pytest.mark.parametrize(
    "labels", ["lists", "structs", "decimals", "times", "days", "bytes", "categories"]
)
def test_labels_of_parquet_are_values_or_an_error(tmp_path, labels):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    from decimal import Decimal

    day = datetime.date(2024, 1, 31)
    values = {
        "lists": [["a"], ["b", "c"]],
        "structs": [{"a": 1}, {"a": 2}],
        "decimals": [Decimal("1.0"), Decimal("2.0")],
        "times": [datetime.datetime(2024, 1, 31, 12)] * 2,
        "days": [day, day],
        "bytes": [b"a", b"b"],
        "categories": pa.array([1, 2]).dictionary_encode(),
    }[labels]
    parquet.write_table(pa.table({"text": ["a", "b"], "label": values}), tmp_path / "t.parquet")
    if labels == "categories":
        assert load(tmp_path / "t.parquet")[1] == [1, 2]
        return
    with pytest.raises(ValueError, match="all strings, all numbers or all booleans, row 0 has"):
        load(tmp_path / "t.parquet")


# Excel


def save_workbook(path, *rows, more_sheets=()):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name in more_sheets:
        book.create_sheet(name)
    book.save(path)
    return path


def test_a_workbook_is_read_as_a_reader_sees_it(tmp_path):
    day = datetime.datetime(2024, 1, 31)
    rows = [["null", 1], [None, 2.5], [5.0, "NA"], [day, True], [0.1 + 0.2, " x "]]
    path = save_workbook(tmp_path / "t.xlsx", ["text", "label"], *rows, [None, None])
    X, y = load(path)
    assert X == ["null", "", "5", "2024-01-31", "0.3"]
    assert y == ["1", "2.5", "NA", "TRUE", " x "]
    assert load(path, text=0, label=1, header=False)[0] == ["text", *X]


def test_which_of_several_sheets_is_read_is_said(tmp_path):
    path = save_workbook(tmp_path / "t.xlsx", ["text", "label"], ["a", "b"], more_sheets=["notes"])
    with pytest.warns(UserWarning, match="Of the 2 sheets of .* only the first, 'Sheet', is read"):
        assert load(path) == (["a"], ["b"])


def test_without_openpyxl_a_workbook_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ModuleNotFoundError, match="pip install openpyxl, or save the sheet as CSV"):
        load(write(tmp_path / "t.xlsx", b""))


def test_a_damaged_or_empty_workbook_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"must be an Excel workbook \(.xlsx\), and cannot"):
        load(write(tmp_path / "t.xlsx", b"text,label\na,b\n"))
    with pytest.raises(ValueError, match="must have a table on its first sheet, and that is empty"):
        load(save_workbook(tmp_path / "t.xlsx"))


# Files of another kind than their name says


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 and more", "is a zip archive or an Excel workbook; name it .zip or .xlsx"),
        (b"\x1f\x8b\x08 and more", "is packed by gzip; add .gz to its name"),
        (b"PAR1 and more", "is a Parquet file; name it .parquet"),
        (b"\xd0\xcf\x11\xe0 and more", "is an old Excel workbook; save it as"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "is a pointer of git-LFS .* git lfs pu",
        ),
        (b"\n<!DOCTYPE html>\n<html>404", "is a web page .*; download it again"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        load_content(tmp_path, content)


def zipped(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "text,label\na,b\n")
    return stream.getvalue()


def test_packed_tables_are_unpacked_by_their_suffix(tmp_path):
    content = b"text,label\na,b\n"
    packed = {".bz2": bz2.compress(content), ".xz": lzma.compress(content)}
    packed |= {".zip": zipped("t.csv", "__MACOSX/t.csv")}
    for suffix, data in packed.items():
        assert load(write(tmp_path / f"t.csv{suffix}", data)) == (["a"], ["b"])


def test_a_table_packed_by_zstd_is_unpacked_by_pyarrow(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    stream = pa.BufferOutputStream()
    with pa.CompressedOutputStream(stream, "zstd") as packed:
        packed.write(b"text,label\na,b\n")
    file = write(tmp_path / "t.csv.zst", stream.getvalue().to_pybytes())
    assert load(file) == (["a"], ["b"])
    with pytest.raises(ValueError, match=r"name ends in .zst must be packed by zstd"):
        load(write(tmp_path / "u.csv.zst", "text,label\na,b\n"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pyarrow, or unpack the file"):
        load(file)


@pytest.mark.parametrize("suffix", [".bz2", ".xz", ".zip"])
def test_a_file_that_is_not_packed_as_its_suffix_says_is_an_error(tmp_path, suffix):
    with pytest.raises(ValueError, match=f"name ends in {suffix} must be packed by .* is damaged"):
        load(write(tmp_path / f"t.csv{suffix}", "text,label\na,b\n"))


def test_an_archive_of_several_files_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"must hold one file, and '.*zip' holds 2; unpack it"):
        load(write(tmp_path / "t.csv.zip", zipped("a.csv", "b.csv")))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("t.jsonl", {"sep": ";"}, "sep is for CSV and TSV only, got ';' for JSON lines"),
        ("t.parquet", {"encoding": "utf-8"}, "encoding is for text only, got .* for Parquet"),
        ("t.json", {"header": False}, "header=False is for CSV, TSV and Excel only: JSON always"),
    ],
)
def test_an_option_of_another_format_is_an_error(tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        load_content(tmp_path, b"", name, **options)
