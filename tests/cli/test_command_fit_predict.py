"""The commands fit and predict: files that are whole, pipes that behave, one sentence an error."""

import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import sklearn_bert
from sklearn_bert.__main__ import main

TEXTS = [f"the {word} film number {i}" for i in range(20) for word in ("good", "bad")]
LABELS = ["pos", "neg"] * 20


@pytest.fixture
def table(tmp_path):
    """A CSV of 40 texts in two classes."""
    path = tmp_path / "reviews.csv"
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_text("\n".join(["text,label", *rows]))
    return str(path)


@pytest.fixture
def options(tiny_model):
    """Options that make a quick run of the tiny model."""
    return ["--model", tiny_model, "--epochs", "4", "--batch-size", "8", "--learning-rate", "5e-3"]


@pytest.fixture(scope="module")
def model(tmp_path_factory, fitted):
    """The file of a fitted classifier."""
    path = tmp_path_factory.mktemp("model") / "model.joblib"
    joblib.dump(fitted, path)
    return str(path)


def give(monkeypatch, text):
    """Let standard input hold a text, or bytes."""
    data = text if isinstance(text, bytes) else text.encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def predict(capsys, *argv):
    """Return what ``predict`` writes to stdout."""
    assert main(["predict", *argv, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def error_line(capsys, *argv):
    """Return the only line on stderr, after a check of the exit code and of an empty stdout."""
    assert main([*argv, "--quiet"]) == 1
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert captured.out == "" and line.startswith("sklearn-bert: error: ")
    return line


def test_fit_writes_a_classifier_that_joblib_loads(table, options, tmp_path, capsys):
    out = tmp_path / "model.joblib"
    assert main(["fit", table, *options, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{out} (0.")
    assert "40 texts of 2 classes, 4 epochs in " in captured.out
    assert "20/20" in captured.err, "the progress bar"
    assert joblib.load(out).score(TEXTS, LABELS) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.joblib", "reviews.csv"]


def test_fit_says_how_good_it_is_where_there_is_a_test_folder(tmp_path, options, capsys):
    for part in "train", "test":
        for label, word in ("pos", "good"), ("neg", "bad"):
            (tmp_path / "data" / part / label).mkdir(parents=True)
            for i in range(8):
                file = tmp_path / "data" / part / label / f"{i}.txt"
                file.write_text(f"the {word} film")
    out = str(tmp_path / "m")
    assert main(["fit", str(tmp_path / "data"), *options, "--out", out, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1].startswith("accuracy on the 16 texts of ")
    assert captured.err == ""


def test_fit_reads_json_lines_from_standard_input(monkeypatch, options, tmp_path, capsys):
    lines = [
        json.dumps({"review": text, "stars": 5 if label == "pos" else 1})
        for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    give(monkeypatch, "\n".join(lines))
    columns = ["--input-format", "jsonl", "--text", "review", "--label", "stars"]
    argv = ["fit", "-", *columns, *options, "--out", str(tmp_path / "m.pkl"), "--quiet"]
    assert main(argv) == 0
    assert joblib.load(tmp_path / "m.pkl").classes_.tolist() == [1, 5]


def test_fit_never_replaces_a_file_unasked(table, options, tmp_path, capsys):
    out = tmp_path / "model.joblib"
    out.write_text("mine")
    line = error_line(capsys, "fit", table, *options, "--out", str(out), "--quiet")
    assert "--out must name a new file" in line and "--force to replace it" in line
    assert out.read_text() == "mine"
    assert main(["fit", table, *options, "--out", str(out), "--force", "--quiet"]) == 0
    assert joblib.load(out).classes_.tolist() == ["neg", "pos"]


def test_fit_tells_of_a_missing_folder_before_it_trains(table, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sklearn_bert.BertTextClassifier.fit", lambda *args: 1 / 0)
    line = error_line(capsys, "fit", table, "--out", str(tmp_path / "no" / "model.joblib"))
    assert "in a folder that is there" in line


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("sklearn_bert.BertTextClassifier.fit", "m"),
        ("sklearn_bert.BertTextClassifier.save_pretrained", "m"),
        ("joblib.dump", "m.joblib"),
    ],
)
def test_ctrl_c_in_fit_leaves_nothing(place, name, table, tmp_path, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_bert.BertTextClassifier.fit", lambda self, X, y: self)
    monkeypatch.setattr(place, interrupt)
    assert main(["fit", table, "--out", str(tmp_path / name)]) == 130
    assert capsys.readouterr().err == "sklearn-bert: interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["reviews.csv"]


def test_fit_without_out_is_wrong_usage(table, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", table])
    assert stop.value.code == 2
    assert "required: --out" in capsys.readouterr().err


def test_predict_reads_lines_and_writes_a_label_a_line(monkeypatch, model, capsys):
    give(monkeypatch, "the good film\nthe bad film\n\n")
    header, *labels = predict(capsys, model).splitlines()
    assert header == "label" and labels[:2] == ["pos", "neg"] and len(labels) == 3


def test_probabilities_are_those_of_the_classifier(monkeypatch, model, fitted, capsys):
    give(monkeypatch, "the good film\nthe bad film\n")
    rows = list(csv.DictReader(io.StringIO(predict(capsys, model, "--proba"))))
    found = [[float(row["proba_neg"]), float(row["proba_pos"])] for row in rows]
    expected = fitted.predict_proba(["the good film", "the bad film"])
    assert np.allclose(found, expected, atol=1e-6)
    assert [row["label"] for row in rows] == ["pos", "neg"]


def test_rows_keep_their_order_whatever_their_length(monkeypatch, model, fitted, capsys):
    texts = ["good " * (1 + i % 9) if i % 3 else "bad film" for i in range(60)]
    give(monkeypatch, "\n".join(texts))
    monkeypatch.setattr("sklearn_bert._cli.predict._ROWS_AT_ONCE", 7)
    assert predict(capsys, model).split()[1:] == fitted.predict(texts).tolist()


def test_a_table_needs_no_labels(model, tmp_path, capsys):
    path = tmp_path / "new.csv"
    path.write_text('review,id\n"the good, good film",1\nthe bad film,2\n')
    assert predict(capsys, model, str(path), "--text", "review") == "label\npos\nneg\n"


def test_json_lines_in_and_out(model, tmp_path, capsys):
    path = tmp_path / "new.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "the good film"}\n'))
    line = predict(capsys, model, str(path), "--format", "jsonl", "--proba")
    row = json.loads(line)
    assert row["label"] == "pos" and set(row) == {"label", "proba_neg", "proba_pos"}


def test_a_folder_names_the_file_of_each_row(model, tmp_path, capsys):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("the good film")
    (tmp_path / "in" / "sub" / "b.txt").write_text("the bad film")
    out = predict(capsys, model, str(tmp_path / "in"))
    assert out == "file,label\na.txt,pos\nsub/b.txt,neg\n"


def test_a_file_is_written_in_the_format_of_its_name(monkeypatch, model, tmp_path, capsys):
    give(monkeypatch, "the good film\n")
    out = tmp_path / "out.jsonl"
    assert predict(capsys, model, "--out", str(out)) == ""
    assert json.loads(out.read_text()) == {"label": "pos"}


def test_no_text_gives_no_row(monkeypatch, model, capsys):
    give(monkeypatch, "")
    assert predict(capsys, model) == "label\n"


def test_a_pipeline_predicts_too(monkeypatch, tmp_path, capsys):
    pipeline = make_pipeline(CountVectorizer(), LinearSVC()).fit(TEXTS, LABELS)
    joblib.dump(pipeline, tmp_path / "svm")
    give(monkeypatch, "the good film\n")
    assert predict(capsys, str(tmp_path / "svm")) == "label\npos\n"
    give(monkeypatch, "the good film\n")
    line = error_line(capsys, "predict", str(tmp_path / "svm"), "--proba")
    assert "--proba needs a classifier with predict_proba, and the Pipeline in" in line


def test_fit_writes_a_folder_that_holds_data_alone(table, options, tmp_path, capsys, monkeypatch):
    out = tmp_path / "stars"
    assert main(["fit", table, *options, "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out.startswith(f"{out} (0.")
    assert sklearn_bert.BertTextClassifier.from_pretrained(out).score(TEXTS, LABELS) == 1
    give(monkeypatch, "the good film\n")
    assert predict(capsys, str(out)) == "label\npos\n"


def test_fit_replaces_a_model_in_a_folder_only_if_asked(table, options, tmp_path, capsys):
    out = str(tmp_path / "stars")
    argv = ["fit", table, *options, "--out", out]
    (tmp_path / "stars").mkdir()
    assert main([*argv, "--quiet"]) == 0, "an empty folder is in nobody's way"
    capsys.readouterr()
    assert "--out must name a new folder" in error_line(capsys, *argv)
    assert main([*argv, "--quiet", "--force"]) == 0
    (tmp_path / "stars" / "mine.txt").write_text("mine")
    capsys.readouterr()
    line = error_line(capsys, *argv, "--force")
    assert "--out must be new" in line and "'mine.txt' was not written by sklearn-bert" in line
    assert (tmp_path / "stars" / "mine.txt").read_text() == "mine"
    line = error_line(capsys, "fit", table, "--out", table, "--force")
    assert "--out must name a folder" in line and "ends in .joblib for a pickle" in line


def test_a_folder_of_save_pretrained_predicts_too(monkeypatch, fitted, tmp_path, capsys):
    fitted.save_pretrained(tmp_path / "saved")
    give(monkeypatch, "the good film\n")
    assert predict(capsys, str(tmp_path / "saved")) == "label\npos\n"


def test_a_folder_of_export_onnx_predicts_too(monkeypatch, fitted, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    fitted.export_onnx(tmp_path / "exported")
    give(monkeypatch, "the good film\nthe bad film\n")
    rows = list(csv.DictReader(io.StringIO(predict(capsys, str(tmp_path / "exported"), "--proba"))))
    expected = fitted.predict_proba(["the good film", "the bad film"])
    assert [row["label"] for row in rows] == ["pos", "neg"]
    assert np.allclose([float(row["proba_pos"]) for row in rows], expected[:, 1], atol=1e-5)


def test_a_regressor_gives_numbers(monkeypatch, tiny_model, tmp_path, capsys):
    numbers = [[float(i), -float(i)] for i in range(8)]
    regressor = sklearn_bert.BertTextRegressor(tiny_model, epochs=1, random_state=0)
    regressor.fit(TEXTS[:8], [row[0] for row in numbers])
    regressor.save_pretrained(tmp_path / "saved")
    joblib.dump(regressor, tmp_path / "dumped")
    expected = regressor.predict(["the good film"])
    for name in "saved", "dumped":
        give(monkeypatch, "the good film\n")
        header, number = predict(capsys, str(tmp_path / name)).split()
        assert header == "value" and np.isclose(float(number), expected[0], rtol=1e-5)
    assert "--proba needs a" in error_line(capsys, "predict", str(tmp_path / "saved"), "--proba")
    joblib.dump(make_pipeline(CountVectorizer(), Ridge()).fit(TEXTS[:8], numbers), tmp_path / "two")
    give(monkeypatch, "the good film\n")
    assert predict(capsys, str(tmp_path / "two")).splitlines()[0] == "value_1,value_2"


def test_a_folder_that_is_no_model_is_one_sentence(tiny_model, tmp_path, capsys):
    line = error_line(capsys, "predict", str(tmp_path))
    assert "MODEL must be a folder that fit, save_pretrained or export_onnx has written" in line
    line = error_line(capsys, "predict", tiny_model)
    assert line.endswith(f"make one of this checkpoint by fit --model {tiny_model}.")


def test_predict_tells_what_it_does_on_stderr(monkeypatch, model, tmp_path, capsys):
    give(monkeypatch, "the good film\nthe bad film\n")
    out = str(tmp_path / "out.csv")
    assert main(["predict", model, "--out", out]) == 0
    captured = capsys.readouterr()
    loading, predicting, done = captured.err.splitlines()
    assert captured.out == "" and loading == f"sklearn-bert: loading {model!r}"
    assert predicting == "sklearn-bert: predicting 2 texts"
    assert re.fullmatch(rf"sklearn-bert: 2 rows in \d+\.\d s: {out!r}", done)
    give(monkeypatch, "the good film\n")
    assert main(["predict", model]) == 0
    captured = capsys.readouterr()
    assert captured.out == "label\npos\n"
    assert re.search(r"predicting 1 text\n.* 1 row in \d\.\d s: standard output\n$", captured.err)


def test_a_missing_path_is_told_before_the_model_is_loaded(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sklearn_bert._cli.predict.load_model", lambda *args, **kwargs: 1 / 0)
    assert "PATH must be a file" in error_line(capsys, "predict", "m", str(tmp_path / "no"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "MODEL must name a file or a folder, and there is neither at "),
        ("no model", "cannot be loaded"),
        ({"a": 1}, "holds an object of type dict"),
        (sklearn_bert.BertTextClassifier(), "is not fitted"),
        (
            MultiOutputClassifier(DummyClassifier()).fit([[0], [0]], [[0, 1], [1, 0]]),
            "must hold a classifier with one array of classes_, and the MultiOutputClassifier",
        ),
    ],
)
def test_a_model_that_is_none_is_one_sentence(content, message, tmp_path, capsys, monkeypatch):
    path = tmp_path / "model"
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        joblib.dump(content, path)
    give(monkeypatch, "the good film\n")
    assert message in error_line(capsys, "predict", str(path))


def test_input_that_is_not_utf8_is_named_by_its_line(monkeypatch, model, capsys):
    give(monkeypatch, b"the good film\ncaf\xe9\n")
    line = error_line(capsys, "predict", model)
    assert "line 2" in line and "UTF-8" in line


def test_pipes_work_in_any_locale_and_a_reader_may_stop(model, tmp_path):
    command = [sys.executable, "-m", "sklearn_bert", "predict", model, "--quiet"]
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    texts = ("the good film ☕\n" * 50_000).encode()
    process.stdout.close()
    _, err = process.communicate(texts, timeout=600)
    assert (process.returncode, err) == (141, b"")


def test_help_teaches_with_examples(capsys):
    for command in "fit", "predict":
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        out = capsys.readouterr().out
        assert f"python -m sklearn_bert {command} " in out and "Exit codes: " in out
    assert "load only files you trust" in " ".join(out.split())
