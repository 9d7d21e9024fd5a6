"""The command line: what it prints, where, and with which exit code."""

import re
import subprocess
import sys

import pytest

import sklearn_bert
from sklearn_bert.__main__ import main

TEXTS = [f"the {word} film number {i}" for i in range(20) for word in ("good", "bad")]
LABELS = ["pos", "neg"] * 20


@pytest.fixture
def table(tmp_path):
    """A CSV of 40 texts in two classes, in the columns that are the default."""
    path = tmp_path / "reviews.csv"
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_text("\n".join(["text,label", *rows]))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    """The same texts as files in class folders."""
    for label in set(LABELS):
        (tmp_path / "reviews" / label).mkdir(parents=True)
    for i, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
        (tmp_path / "reviews" / label / f"{i}.txt").write_text(text)
    return str(tmp_path / "reviews")


@pytest.fixture
def options(tiny_model):
    """Options that make a quick run of the tiny model."""
    return ["--model", tiny_model, "--epochs", "2", "--batch-size", "8", "--learning-rate", "3e-3"]


def usage_error(capsys, *argv):
    """Return the last line that wrong usage writes to stderr, after a check of the exit code."""
    with pytest.raises(SystemExit) as stop:
        main(["compare", *argv])
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()[-1]


def error_line(capsys, *argv):
    """Return the only line that a known error writes to stderr, after a check of the exit code."""
    assert main(["compare", *argv, "--quiet"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_table_is_compared_data_first_verdict_last(table, options, capsys):
    assert main(["compare", table, *options]) == 0
    captured = capsys.readouterr()
    data, empty, heading, cheap, bert, _, verdict = captured.out.splitlines()
    assert data == f"40 texts of 2 classes, 30 to train on and 10 to judge on: table {table}"
    assert empty == ""
    assert heading.startswith("model ")
    assert cheap.startswith("TF-IDF + logistic regression ")
    assert bert.startswith("BERT (tiny) ")
    assert re.match(r"(BERT is better|BERT is worse|No difference shown) .*\.$", verdict)
    assert "8/8" in captured.err, "the progress bar: 2 epochs of 4 batches"


def test_quiet_leaves_stderr_empty(table, options, capsys):
    assert main(["compare", table, *options, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_folder_is_compared(folder, options, capsys):
    assert main(["compare", folder, *options, "--test-size", "0.5", "--encoding", "ascii"]) == 0
    data = capsys.readouterr().out.splitlines()[0]
    assert data == f"40 texts of 2 classes, 20 to train on and 20 to judge on: folder {folder}"


def test_columns_are_named_by_options(tmp_path, options, capsys):
    path = tmp_path / "reviews.tsv"
    rows = [f"{label}\t{text}" for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_text("\n".join(["stars\treview", *rows]))
    assert main(["compare", str(path), "--text", "review", "--label", "stars", *options]) == 0
    assert capsys.readouterr().out.startswith("40 texts of 2 classes, ")


def test_the_split_is_stratified_and_seeded(table, options, capsys):
    outcomes = []
    for seed in "0", "0":
        assert main(["compare", table, *options, "--random-state", seed]) == 0
        rows = capsys.readouterr().out.splitlines()[3:5]
        outcomes.append([re.findall(r" \d\.\d{3} ", row) for row in rows])
    assert outcomes[0] == outcomes[1]


def test_the_options_reach_the_classifier(monkeypatch, table):
    seen = {}
    monkeypatch.setattr(
        "sklearn_bert.__main__.compare_on_split", lambda *split, bert: seen.update(vars(bert))
    )
    argv = ["--model", "m", "--epochs", "5", "--batch-size", "4", "--max-length", "9"]
    argv += ["--learning-rate", "1e-4", "--device", "cuda:1", "--random-state", "7", "--quiet"]
    assert main(["compare", table, *argv]) == 0
    given = {"model": "m", "epochs": 5, "batch_size": 4, "max_length": 9, "learning_rate": 1e-4}
    given |= {"device": "cuda:1", "random_state": 7, "verbose": 0}
    assert {name: seen[name] for name in given} == given


def test_without_options_the_classifier_has_its_own_defaults(monkeypatch, table):
    seen = {}
    monkeypatch.setattr(
        "sklearn_bert.__main__.compare_on_split", lambda *split, bert: seen.update(vars(bert))
    )
    assert main(["compare", table]) == 0
    model = "sentence-transformers/all-MiniLM-L6-v2"
    expected = sklearn_bert.BertTextClassifier(model, random_state=0, verbose=1)
    assert seen == vars(expected)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--epochs", "0"], "argument --epochs: must be a whole number from 1, got '0'"),
        (["--batch-size", "x"], "argument --batch-size: must be a whole number from 1, got 'x'"),
        (["--test-size", "1"], "argument --test-size: must be a number between 0 and 1, got '1'"),
        (["--learning-rate", "no"], "must be a number above 0 or 'auto', got 'no'"),
        (["--learning-rate", "inf"], "must be a number above 0 or 'auto', got 'inf'"),
        (["--random-state", "-1"], "argument --random-state: "),
        (["--random-state", "4294967296"], "from 0 to 2**32 - 1, got '4294967296'"),
        (["--text", "review"], "argument --text: not for docstrings, got 'review'; leave it out"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_usage_exits_with_2(argv, message, capsys):
    assert message in usage_error(capsys, *argv)


def test_options_of_another_kind_of_data_are_wrong_usage(table, folder, capsys):
    line = usage_error(capsys, table, "--encoding", "latin-1")
    assert line.endswith("--encoding: not for a table, got 'latin-1'; leave it out")
    line = usage_error(capsys, table, "--n-per-class", "3")
    assert line.endswith("--n-per-class: not for a table, got 3; leave it out")
    assert "--label: not for a folder" in usage_error(capsys, folder, "--label", "y")


def test_no_command_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "required: COMMAND" in capsys.readouterr().err


def test_a_missing_path_is_one_line(capsys):
    line = error_line(capsys, "no/such/place")
    assert line.startswith("sklearn-bert: error: PATH must be a table or a folder, and there is ")
    assert "'no/such/place'" in line


def test_a_missing_column_is_one_line_that_names_the_others(table, capsys):
    line = error_line(capsys, table, "--text", "review")
    assert line.startswith("sklearn-bert: error: ")
    assert "'review'" in line and "['text', 'label']" in line


def test_a_class_of_one_text_is_one_line(tmp_path, capsys):
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\ngood film,pos\nbad film,neg\nfine film,pos\n")
    line = error_line(capsys, str(path))
    assert line.startswith("sklearn-bert: error: Each class must have at least 2 texts, ")
    assert "'neg' has one" in line


def test_a_missing_model_is_one_line(table, tmp_path, capsys):
    line = error_line(capsys, table, "--model", str(tmp_path / "nowhere"))
    assert line.startswith("sklearn-bert: error: model=") and "nowhere" in line


def test_lines_of_an_error_become_one(monkeypatch, table, capsys):
    def fail(*split, bert):
        raise MemoryError("first line\nsecond  line")

    monkeypatch.setattr("sklearn_bert.__main__.compare_on_split", fail)
    assert error_line(capsys, table) == "sklearn-bert: error: first line second line"


def test_a_bug_keeps_its_traceback(monkeypatch, table):
    def fail(*split, bert):
        raise ZeroDivisionError

    monkeypatch.setattr("sklearn_bert.__main__.compare_on_split", fail)
    with pytest.raises(ZeroDivisionError):
        main(["compare", table])


def test_ctrl_c_exits_with_130(monkeypatch, table, capsys):
    def interrupt(*split, bert):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_bert.__main__.compare_on_split", interrupt)
    assert main(["compare", table]) == 130
    assert capsys.readouterr().err == "sklearn-bert: interrupted\n"


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"sklearn-bert {sklearn_bert.__version__}\n"


def test_help_does_not_wait_for_torch():
    command = [sys.executable, "-X", "importtime", "-m", "sklearn_bert", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: python -m sklearn_bert ")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "sklearn_bert.comparison" in imported
    assert not {"torch", "transformers", "skorch"} & imported


def test_help_on_compare_shows_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["compare", "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "python -m sklearn_bert compare reviews.csv --text review --label stars" in out


@pytest.mark.slow
def test_the_main_job_runs_on_few_docstrings(minilm, capsys):
    argv = ["compare", "--model", minilm, "--n-per-class", "12", "--epochs", "1", "--quiet"]
    assert main(argv) == 0
    data, *_, cheap, bert, _, verdict = capsys.readouterr().out.splitlines()
    assert re.match(r"72 texts of 6 classes, 54 to train on and 18 to judge on: .*docstrings", data)
    assert cheap.startswith("TF-IDF") and bert.startswith("BERT (all-MiniLM-L6-v2)")
    assert verdict.endswith(".")
