"""What the commands read, in which columns, and what they say of it on stderr."""

import csv
import io
import json
import warnings

import joblib
import numpy as np
import pytest
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import sklearn_bert
from sklearn_bert import BertTextClassifier, BertTextRegressor
from sklearn_bert.__main__ import main
from sklearn_bert._cli.phrases import in_words_of_options

ROWS = [
    {"title": f"the {word}", "body": f"film {i}", "label": label, "joy": joy, "file": 1 - joy}
    for i in range(10)
    for word, label, joy in (("good", "pos", 1), ("bad", "neg", 0))
]


@pytest.fixture
def table(tmp_path):
    """A CSV with two columns of texts, one of classes and two of labels."""
    return write_table(tmp_path / "table.csv", ROWS)


@pytest.fixture
def seen(monkeypatch):
    """What `fit` of the classifier is called with, without training."""
    calls = {}

    def fit(self, X, y):
        calls.update(X=X, y=y, clf=self)
        raise ValueError("seen")

    monkeypatch.setattr("sklearn_bert.BertTextClassifier.fit", fit)
    return calls


def write_table(path, rows, **options):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), **options)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def fit(tmp_path, *argv):
    """Run ``fit`` as far as the call of the classifier."""
    assert main(["fit", *argv, "--out", str(tmp_path / "m"), "--quiet"]) == 1


def usage_error(capsys, *argv):
    """Return the last line that wrong usage writes to stderr."""
    with pytest.raises(SystemExit) as stop:
        main(list(argv))
    assert stop.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def error_line(capsys, *argv):
    """Return the last line on stderr, after a check of the exit code."""
    assert main(list(argv)) == 1
    return capsys.readouterr().err.splitlines()[-1]


def predict(capsys, *argv):
    """Return what ``predict`` writes to stdout, as dicts."""
    assert main(["predict", *argv]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def dump(path, model):
    joblib.dump(model, path)
    return str(path)


def one_file(folder):
    """Return a folder that holds one text."""
    (folder / "in").mkdir()
    (folder / "in" / "a.txt").write_text("the good film")
    return str(folder / "in")


@pytest.fixture
def words(tmp_path):
    """The file of a quick classifier of texts."""
    texts = [f"{row['title']} {row['body']}" for row in ROWS]
    model = make_pipeline(CountVectorizer(), LogisticRegression())
    return dump(tmp_path / "words", model.fit(texts, [row["label"] for row in ROWS]))


# Columns of texts


def test_several_columns_of_texts_are_joined_by_a_blank_line(table, tmp_path, seen):
    fit(tmp_path, table, "--text", "title", "body")
    assert seen["X"][0] == "the good\n\nfilm 0"
    fit(tmp_path, table, "--text", "title")
    assert seen["X"][0] == "the good"


def test_an_empty_field_adds_no_blank_line(tmp_path, seen):
    path = write_table(tmp_path / "t.csv", [{**row, "title": ""} for row in ROWS])
    fit(tmp_path, path, "--text", "title", "body")
    assert seen["X"][0] == "film 0"


def test_two_columns_are_a_pair_where_asked_for(table, tmp_path, seen, capsys):
    fit(tmp_path, table, "--text", "title", "body", "--pair")
    assert seen["X"][0] == ("the good", "film 0")
    argv = ["fit", table, "--pair", "--text", "title", "--out", str(tmp_path / "m")]
    assert usage_error(capsys, *argv).endswith("--pair: needs two columns by --text, got 1")


def test_path_may_stand_behind_the_columns(table, tmp_path, seen, words, capsys):
    fit(tmp_path, "--label", "label", "--text", "title", table)
    assert seen["X"][0] == "the good"
    assert len(predict(capsys, words, "--text", "title", "body", table)) == len(ROWS)
    line = usage_error(capsys, "fit", "--text", "title", "--out", str(tmp_path / "m"))
    assert line.endswith("the following arguments are required: PATH")


def test_a_model_of_pairs_is_asked_for_pairs(table, tmp_path, tiny_model, capsys):
    model = str(tmp_path / "pairs.joblib")
    argv = ["--model", tiny_model, "--epochs", "1", "--quiet", "--out", model]
    assert main(["fit", table, "--text", "title", "body", "--pair", *argv]) == 0
    capsys.readouterr()
    found = predict(capsys, model, table, "--text", "title", "body", "--proba")
    expected = joblib.load(model).predict_proba([(row["title"], row["body"]) for row in ROWS])
    assert np.allclose([float(row["proba_neg"]) for row in found], expected[:, 0], atol=1e-6)
    line = error_line(capsys, "predict", model, table, "--text", "title")
    assert "fitted to pairs of texts, so --text must name two columns, got 1" in line
    (tmp_path / "t.txt").write_text("the good film\n")
    line = error_line(capsys, "predict", model, str(tmp_path / "t.txt"))
    assert "fitted to pairs of texts, and PATH is texts one a line" in line


def test_a_model_of_single_texts_takes_no_pairs(table, tmp_path, fitted, capsys):
    model = dump(tmp_path / "m", fitted)
    line = usage_error(capsys, "predict", model, table, "--text", "title", "body", "--pair")
    assert line.endswith("--pair: MODEL was fitted to single texts; leave it out")


# Columns of labels


def test_several_labels_are_trained_and_predicted(table, tmp_path, tiny_model, capsys):
    model = str(tmp_path / "several.joblib")
    argv = ["--model", tiny_model, "--epochs", "1", "--quiet", "--out", model]
    assert main(["fit", table, "--text", "title", "--label", "joy", "file", *argv]) == 0
    assert "20 texts of 2 labels, 1 epoch" in capsys.readouterr().out
    found = predict(capsys, model, table, "--text", "title", "--proba")
    expected = joblib.load(model).predict_proba([row["title"] for row in ROWS])
    assert list(found[0]) == ["joy", "file", "proba_joy", "proba_file"]
    assert [row["joy"] for row in found] == [str(int(p > 0.5)) for p in expected[:, 0]]
    assert np.allclose([float(row["proba_file"]) for row in found], expected[:, 1], atol=1e-6)
    (row,) = predict(capsys, model, one_file(tmp_path), "--proba")
    assert list(row) == ["file", "label_joy", "label_file", "proba_joy", "proba_file"]
    assert row["file"] == "a.txt" and row["label_joy"] in ("0", "1")


def test_classes_may_be_called_as_columns_of_the_output_are(tmp_path, capsys):
    model = make_pipeline(CountVectorizer(), LogisticRegression())
    model.fit([row["title"] for row in ROWS], ["file" if row["joy"] else "label" for row in ROWS])
    (row,) = predict(capsys, dump(tmp_path / "m", model), one_file(tmp_path), "--proba")
    assert list(row) == ["file", "label", "proba_file", "proba_label"]
    assert (row["file"], row["label"]) == ("a.txt", "file")


def see_compare(monkeypatch, capsys, *argv):
    """Return the texts and the labels that `compare` is given, and with what else."""
    seen = []

    def compare(X, y, **options):
        seen.append((X, y, options))
        raise ValueError("seen")

    monkeypatch.setattr("sklearn_bert._cli.compare.compare", compare)
    assert main(["compare", *argv, "--quiet"]) == 1
    return *seen[0], capsys.readouterr().out


def test_compare_takes_pairs_and_several_labels(table, monkeypatch, capsys):
    argv = ["--text", "title", "body", "--pair", "--label", "joy", "file", "--test-size", "0.5"]
    X, y, options, said = see_compare(monkeypatch, capsys, table, *argv)
    assert [(row["title"], row["body"]) for row in ROWS] == X
    assert list(y) == ["joy", "file"] and set(y["joy"]) == {0, 1}
    assert isinstance(options["bert"], BertTextClassifier)
    assert said.startswith("20 pairs of 2 labels, several a text, 10 to train on and 10 to judge")


@pytest.mark.parametrize(
    ("values", "argv", "numbers"),
    [
        (["1", "2.5", "4"], [], True),
        (["1", "2", "4"], [], False),
        (["1", "2", "4"], ["--task", "regression"], True),
        (["1.1", "1.10", "1.2"], [], False),
        (["1.5", "2.5", "3.5"], ["--task", "classification"], False),
        (["1.5", "2.5", "high"], [], False),
    ],
)
def test_compare_finds_numbers_or_is_told(tmp_path, monkeypatch, capsys, values, argv, numbers):
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["text,label", *(f"so {value},{value}" for value in values * 4)]))
    _, y, options, said = see_compare(monkeypatch, capsys, str(path), *argv)
    assert y.tolist() == [float(value) if numbers else value for value in values * 4]
    kind = BertTextRegressor if numbers else BertTextClassifier
    assert isinstance(options["bert"], kind)
    assert ("with numbers from 1 to 4" in said) is numbers


def test_numbers_go_with_no_option_of_classes(table, capsys):
    argv = ["--text", "title", "--task", "regression"]
    line = usage_error(capsys, "compare", table, *argv, "--label", "joy", "file")
    assert "argument --task: regression is for one column of --label, got several" in line
    line = usage_error(capsys, "compare", table, *argv, "--label", "joy", "--min-per-class", "2")
    assert "argument --min-per-class: not for --task regression; leave it out" in line
    line = error_line(
        capsys, "compare", table, *argv, "--label", "joy", "--pos-label", "1", "--quiet"
    )
    assert "--pos-label is for one column of two labels; leave it out." in line


@pytest.mark.parametrize(("label", "pos_label"), [("label", "pos"), ("joy", "1")])
def test_pos_label_reaches_compare_if_it_is_given(table, monkeypatch, capsys, label, pos_label):
    calls = []

    def compare(X, y, **options):
        calls.append(options)
        raise ValueError("seen")

    monkeypatch.setattr("sklearn_bert._cli.compare.compare", compare)
    argv = ["compare", table, "--text", "title", "--label", label, "--quiet"]
    error_line(capsys, *argv)
    error_line(capsys, *argv, "--pos-label", pos_label)
    assert "pos_label" not in calls[0] and calls[1]["pos_label"] == pos_label
    line = error_line(capsys, *argv, "--pos-label", "so")
    assert "--pos-label must be one of the labels, [" in line and line.endswith("got 'so'.")


def test_pos_label_has_the_type_of_the_labels(tmp_path, monkeypatch, capsys):
    calls = {}

    def compare(X, y, **options):
        calls.update(options)
        raise ValueError("seen")

    monkeypatch.setattr("sklearn_bert._cli.compare.compare", compare)
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{"text": row["title"], "label": row["joy"]} for row in ROWS]))
    error_line(capsys, "compare", str(path), "--pos-label", "1")
    assert calls["pos_label"] == 1


# Rare classes


@pytest.fixture
def rare(tmp_path):
    """A CSV of four classes, two of which have one and two texts."""
    labels = ["pos"] * 6 + ["neg"] * 5 + ["odd"] * 2 + ["once"]
    rows = [{"text": f"text {i}", "label": x, "who": i} for i, x in enumerate(labels)]
    return write_table(tmp_path / "rare.csv", rows)


def test_rare_classes_are_dropped_and_told(rare, tmp_path, seen, capsys):
    fit(tmp_path, rare, "--min-per-class", "3")
    assert len(seen["X"]) == 11 and set(seen["y"]) == {"pos", "neg"}
    note, _ = capsys.readouterr().err.splitlines()
    assert note == (
        "sklearn-bert: note: dropped 3 of 14 texts: 2 classes have fewer than 3: 'odd' (2), "
        "'once' (1)"
    )


def test_rare_classes_are_merged_and_told(rare, tmp_path, seen, capsys):
    fit(tmp_path, rare, "--min-per-class", "3", "--merge-rare", "something else")
    assert seen["y"].tolist()[-3:] == ["something else"] * 3 and len(seen["X"]) == 14
    assert "note: merged 3 of 14 texts into 'something else': 2 cl" in capsys.readouterr().err


def test_without_rare_classes_nothing_is_said(rare, tmp_path, seen, capsys):
    fit(tmp_path, rare, "--min-per-class", "1")
    assert len(seen["X"]) == 14 and "note" not in capsys.readouterr().err


def test_groups_and_a_given_test_part_lose_rare_classes_too(rare, tmp_path, monkeypatch, capsys):
    calls = {}

    def compare(X, y, **options):
        calls.update(options, X=X, y=y)
        raise ValueError("seen")

    monkeypatch.setattr("sklearn_bert._cli.compare.compare", compare)
    error_line(capsys, "compare", rare, "--groups", "who", "--min-per-class", "3")
    assert calls["groups"] == [str(i) for i in range(11)]
    for part, counts in ("train", {"a": 3, "b": 3, "c": 1}), ("test", {"a": 1, "b": 1, "c": 2}):
        for label, n in counts.items():
            (tmp_path / "data" / part / label).mkdir(parents=True)
            for i in range(n):
                (tmp_path / "data" / part / label / f"{i}.txt").write_text(label)
    error_line(capsys, "compare", str(tmp_path / "data"), "--min-per-class", "2")
    assert calls["y"].tolist() == ["a"] * 3 + ["b"] * 3 + ["a", "b"] == calls["X"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--min-per-class", "6"], "and only 'pos' has; lower it"),
        (["--min-per-class", "4", "--merge-rare", "x"], "4 texts together, .* and have 3; lower"),
        (["--min-per-class", "9", "--merge-rare", "x"], "--merge-rare leaves only 'x'; lower"),
        (["--min-per-class", "3", "--label", "label", "who"], "must hold 0 or 1"),
    ],
)
def test_rare_classes_that_leave_too_little_are_an_error(rare, argv, message, tmp_path, capsys):
    line = error_line(capsys, "fit", rare, *argv, "--out", str(tmp_path / "m"))
    assert all(part in line for part in message.split(" .* "))


def test_merge_rare_needs_a_number_of_texts(rare, tmp_path, capsys):
    line = usage_error(capsys, "fit", rare, "--merge-rare", "x", "--out", str(tmp_path / "m"))
    assert line.endswith("--merge-rare: only with --min-per-class; add it")


# Files


def test_encoding_and_separator_are_given_or_told(tmp_path, seen, capsys):
    pytest.importorskip("charset_normalizer")
    path = tmp_path / "t.csv"
    path.write_bytes("text;label\ncafé;à\nthé;b\n".encode("cp1252"))
    fit(tmp_path, str(path))
    assert seen["X"] == ["café", "thé"] and seen["y"].tolist() == ["à", "b"]
    warning, _ = capsys.readouterr().err.splitlines()
    assert warning == (
        f"sklearn-bert: warning: {str(path)!r} is read as cp1252, separated by ';'; give "
        "--encoding or --sep if that is wrong."
    )
    fit(tmp_path, str(path), "--encoding", "latin-1", "--sep", ";")
    assert seen["X"] == ["café", "thé"] and len(capsys.readouterr().err.splitlines()) == 1


def test_a_table_without_a_header_has_columns_from_1(tmp_path, seen, capsys):
    path = tmp_path / "SMSSpamCollection"
    path.write_text('ham\tSo "good\nspam\tWIN" now\n')
    argv = [str(path), "--no-header", "--label", "1"]
    fit(tmp_path, *argv, "--text", "2")
    assert seen["X"] == ['So "good', 'WIN" now'] and seen["y"].tolist() == ["ham", "spam"]
    capsys.readouterr()
    out = ["--out", str(tmp_path / "m")]
    line = error_line(capsys, "fit", *argv, "--text", "3", *out)
    assert "--text must be the number of a column of" in line and "from 1 to 2, got 3" in line
    line = usage_error(capsys, "fit", *argv, "--text", "0", *out)
    assert line.endswith("--text: with --no-header, columns are numbers from 1, got '0'")
    line = usage_error(capsys, "fit", *argv, *out)
    assert line.endswith("--no-header: needs --text as the number of a column, from 1; add it")


@pytest.mark.parametrize("sep", ["tab", "\\t", "\t"])
def test_a_tab_can_be_typed(tmp_path, seen, sep):
    path = tmp_path / "t.csv"
    path.write_text("text\tlabel\na\tx\n")
    fit(tmp_path, str(path), "--sep", sep)
    assert seen["X"] == ["a"]


def test_a_separator_of_two_characters_is_wrong_usage(table, tmp_path, capsys):
    line = usage_error(capsys, "fit", table, "--sep", "::", "--out", str(tmp_path / "m"))
    assert line.endswith("--sep: must be one character, or tab, got '::'")


TEXTS = ['"open', 'close"', "lone\rreturn", "\x0b\x0c\x1c\x85\u2028", '"', "nul\0", " ", "z"]


def test_as_many_predictions_as_lines(tmp_path, words, capsys):
    lines = "".join(f"{text}\n" for text in [*TEXTS, ""])
    content = {"t.txt": lines, "t.tsv": "text\n" + lines}
    content["wide.tsv"] = "text\tid\n" + "".join(f"{text}\t1\n" for text in TEXTS)
    for name, data in content.items():
        (tmp_path / name).write_bytes(data.encode())
        expected = len(TEXTS) + (name != "wide.tsv")
        assert len(predict(capsys, words, str(tmp_path / name))) == expected, name


def test_lines_are_read_in_another_encoding(tmp_path, fitted, capsys):
    path = tmp_path / "t.txt"
    path.write_bytes("the good film\nthe bad film\n".encode("utf-16-le"))
    model = dump(tmp_path / "m", fitted)
    found = predict(capsys, model, str(path), "--encoding", "utf-16-le")
    assert [row["label"] for row in found] == ["pos", "neg"]


def test_files_that_are_not_read_are_told(tmp_path, words, capsys):
    (tmp_path / "in").mkdir()
    for name in "a.TXT", "b.md":
        (tmp_path / "in" / name).write_text("the good film")
    assert main(["predict", words, str(tmp_path / "in"), "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "file,label\na.TXT,pos\n"
    assert captured.err == (
        f"sklearn-bert: warning: 1 file in {str(tmp_path / 'in')!r} is not read, since only .txt "
        "files are: .md (1); rename what holds a text.\n"
    )


# Words


@pytest.mark.filterwarnings("ignore::sklearn_bert.NothingLearntWarning")
@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_in_words_of_options(table, tmp_path, tiny_model, capsys):
    argv = ["--model", tiny_model, "--epochs", "1", "--max-length", "3", "--quiet", "--force"]
    argv = ["fit", table, "--text", "body", *argv, "--out", str(tmp_path / "m.joblib")]
    assert main(argv) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sklearn-bert: warning: 100.0 % of the texts (20 of 20) are longer ")
    assert "--max-length" in line and "--long-text windows" in line and "_" not in line
    assert main([*argv, "--long-text", "windows"]) == 0
    assert capsys.readouterr().err == ""
    assert joblib.load(tmp_path / "m.joblib").long_text == "windows"


def test_each_way_to_read_long_texts_can_be_asked_for(table, tmp_path, seen):
    (ways,) = (
        constraint.options
        for constraint in sklearn_bert.BertTextClassifier._parameter_constraints["long_text"]
    )
    for way in ways:
        fit(tmp_path, table, "--text", "title", "--long-text", way)
        assert seen["clf"].long_text == way


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("text must name a\n column, got 'text=1'", "--text must name a column, got 'text=1'"),
        ("lower max_length, or long_text='head'.", "lower --max-length, or --long-text head."),
        ("in '/my_dir/max_length=3.csv' it is", "in '/my_dir/max_length=3.csv' it is"),
        ("needs header=False", "needs --no-header"),
        ("y must have labels", "The labels must have labels"),
    ],
)
def test_messages_to_python_become_messages_to_the_command_line(message, line):
    assert in_words_of_options(message) == line


def test_options_that_a_command_lacks_are_not_advised():
    message = "device='cuda' is not on this machine; use 'auto'. Predicting on 'cpu'."
    line = "MODEL was fitted on cuda, which this machine lacks: predicting on cpu."
    assert in_words_of_options(message, options=()) == line
    assert in_words_of_options("a lower learning_rate", options=()) == "a lower learning_rate"


@pytest.mark.filterwarnings("default")
def test_a_model_of_another_scikit_learn_is_told_in_one_line(words, tmp_path, monkeypatch, capsys):
    (tmp_path / "t.txt").write_text("the good film\n")
    load = joblib.load

    def warned(path):
        for name in "CountVectorizer", "LogisticRegression":
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=name,
                    current_sklearn_version="1.9",
                    original_sklearn_version="1.8",
                ),
                stacklevel=2,
            )
        return load(path)

    monkeypatch.setattr("joblib.load", warned)
    assert main(["predict", words, str(tmp_path / "t.txt"), "--quiet"]) == 0
    assert capsys.readouterr().err == (
        "sklearn-bert: warning: MODEL was written by scikit-learn 1.8 and is read by 1.9; if "
        "results differ, fit it again.\n"
    )


def test_any_text_can_be_written_whatever_the_locale(table, tmp_path, seen, monkeypatch):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    assert main(["fit", table, "--text", "é☕", "--out", str(tmp_path / "m")]) == 1
    err.flush()
    assert "got 'é☕'" in err.buffer.getvalue().decode()
    assert (out.encoding, err.encoding) == ("ascii", "ascii")
