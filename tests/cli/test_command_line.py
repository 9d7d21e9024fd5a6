"""The command line: what it prints, where, and with which exit code."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_bert
from sklearn_bert.__main__ import main

TEXTS = [f"the {word} film number {i}" for i in range(20) for word in ("good", "bad")]
LABELS = ["pos", "neg"] * 20
PAIRS = list(zip(TEXTS, LABELS, strict=True))
MODELS = [
    *("majority class", "TF-IDF + logistic regression", "TF-IDF + linear SVM"),
    *("naive-Bayes SVM", "static embeddings + logistic regression"),
    *("frozen BERT + logistic regression", "BERT (tiny)"),
]

BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}  # as stdout is unless asked otherwise


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


def watch_compare(monkeypatch):
    """Return a dict that gets what `compare` is called with; the call ends the command."""
    seen = {}

    def see(*args, **options):
        seen.update(options)
        raise ValueError("seen")

    monkeypatch.setattr("sklearn_bert._cli.compare.compare", see)
    return seen


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
    assert main(["compare", table, *options, "--test-size", "0.25"]) == 0
    captured = capsys.readouterr()
    data, results, closing = captured.out.split("\n\n")
    assert data == f"40 texts of 2 classes, 30 to train on and 10 to judge on: {table}"
    _, heading, *rows = results.splitlines()
    assert heading.startswith("model ") and max(map(len, results.splitlines())) < 80
    names = " ".join(re.sub(r"  +[\d-].*", "", row).strip() for row in rows)
    assert names == " ".join(MODELS)
    verdict, _, interval = " ".join(closing.split()).partition(" Interval: ")
    assert re.match(r"(BERT (is|was)|No difference|Too little) .*\.$", verdict)
    assert interval.startswith("grouped jackknife over 10 texts")


def test_a_preview_is_told_in_place_of_the_verdict(tmp_path, options, capsys):
    path = tmp_path / "reviews.csv"
    rows = [f"{text},{label}" for text, label in PAIRS * 2]
    path.write_text("\n".join(["text,label", *rows]))
    dropped = [word for name in MODELS[2:-1] for word in ("--drop", name)]
    argv = ["compare", str(path), *options, *dropped, "--cv", "2", "--quiet", "--preview"]
    assert main(argv) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Preview: with all 40 training texts, BERT (tiny) " in out
    assert "compare without preview" in out and "Interval" not in out


def test_labels_that_are_likely_wrong_are_told(tmp_path, options, capsys):
    rows = [f"{text},{label}" for text, label in PAIRS]
    rows[6] = f"{TEXTS[6]},neg"
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["text,label", *rows]))
    dropped = [word for name in MODELS[2:-1] for word in ("--drop", name)]
    assert main(["compare", str(path), *options, *dropped, "--cv", "2", "--quiet"]) == 0
    captured = capsys.readouterr().out
    assert max(map(len, captured.splitlines()[2:])) < 80
    assert "The labels that are most likely wrong are those of the rows 6" in " ".join(
        captured.split()
    )


def test_progress_goes_to_stderr_as_it_comes(table, options, capsys):
    assert main(["compare", table, *options, "--cv", "2"]) == 0
    err = capsys.readouterr().err
    assert err.index("majority class") < err.index("BERT (tiny): about ") < err.index("6/6")


def test_quiet_leaves_stderr_empty(table, options, capsys):
    assert main(["compare", table, *options, "--cv", "2", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_five_folds_are_the_default(monkeypatch, table):
    seen = watch_compare(monkeypatch)
    main(["compare", table])
    assert seen["cv"] == 5


def test_a_folder_is_compared(folder, options, capsys):
    assert main(["compare", folder, *options, "--test-size", "0.5", "--encoding", "ascii"]) == 0
    data = capsys.readouterr().out.splitlines()[0]
    assert data == f"40 texts of 2 classes, 20 to train on and 20 to judge on: {folder}"


def test_a_folder_that_is_split_keeps_its_split(tmp_path, options, capsys):
    for part, n_texts in ("train", 12), ("test", 4):
        for label, word in ("pos", "good"), ("neg", "bad"):
            (tmp_path / part / label).mkdir(parents=True)
            for i in range(n_texts):
                (tmp_path / part / label / f"{i}.txt").write_text(f"the {word} film")
    assert main(["compare", str(tmp_path), *options, "--quiet"]) == 0
    data = capsys.readouterr().out.splitlines()[0]
    assert "32 texts of 2 classes, 24 to train on and 8 to judge on" in data
    line = usage_error(capsys, str(tmp_path), "--cv", "3")
    assert "--cv: not for a folder that is split into train and test, got 3; leave it out" in line


def test_standard_input_is_compared(monkeypatch, options, capsys):
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    stdin = io.TextIOWrapper(io.BytesIO("\n".join(["text,label", *rows]).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["compare", "-", *options, "--cv", "2", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("40 texts of 2 classes, 2 folds: standard input\n")


def test_columns_are_named_by_options(tmp_path, options, capsys):
    path = tmp_path / "reviews.tsv"
    rows = [f"{label}\t{text}\tauthor {i // 4}" for i, (text, label) in enumerate(PAIRS)]
    path.write_text("\n".join(["stars\treview\twho", *rows]))
    columns = ["--text", "review", "--label", "stars", "--groups", "who"]
    assert main(["compare", str(path), *columns, "--cv", "2", "--quiet", *options]) == 0
    assert capsys.readouterr().out.startswith("40 texts of 2 classes, ")


def test_groups_stay_together(monkeypatch, tmp_path):
    path = tmp_path / "reviews.csv"
    rows = [f"{text},{label},{i // 4}" for i, (text, label) in enumerate(PAIRS)]
    path.write_text("\n".join(["text,label,who", *rows]))
    seen = watch_compare(monkeypatch)
    main(["compare", str(path), "--groups", "who"])
    assert seen["groups"] == [str(i // 4) for i in range(40)]


def test_the_split_is_stratified_and_seeded(table, options, capsys):
    outcomes = []
    for seed in "0", "0":
        argv = ["compare", table, *options, "--test-size", "0.25", "--random-state", seed]
        assert main(argv) == 0
        rows = capsys.readouterr().out.splitlines()[3:13]
        outcomes.append([re.findall(r" \d\.\d{3} ", row) for row in rows])
    assert outcomes[0] == outcomes[1]


def test_report_and_figures_are_written_where_asked(table, options, tmp_path, capsys):
    html, figures = tmp_path / "report.html", tmp_path / "figures.json"
    argv = ["compare", table, *options, "--cv", "2", "--quiet", "--html", str(html)]
    assert main([*argv, "--json", str(figures)]) == 0
    verdict = json.loads(figures.read_text(encoding="utf-8"))["verdict"]
    assert verdict in " ".join(capsys.readouterr().out.split())
    report = html.read_text(encoding="utf-8")
    assert report.startswith("<!doctype html>")
    assert "<dd>reviews.csv</dd>" in report and str(tmp_path) not in report
    assert json.loads(figures.read_text(encoding="utf-8"))["data"]["name"] == "reviews.csv"
    assert error_line(capsys, table, "--html", str(html)).startswith(
        "sklearn-bert: error: --html must name a new file"
    )
    assert main([*argv, "--force"]) == 0


def test_a_report_without_a_folder_is_told_before_anything_is_trained(table, tmp_path, capsys):
    line = error_line(capsys, table, "--html", str(tmp_path / "no" / "report.html"))
    assert "--html must name a file in a folder that is there" in line


def test_the_options_of_judging_reach_compare(monkeypatch, table):
    seen = watch_compare(monkeypatch)
    argv = ["--scoring", "f1_macro,accuracy", "--drop", "naive-Bayes SVM", "--budget", "9min"]
    main(["compare", table, *argv, "--learning-curve", "--tune", "--quiet", "--preview"])
    expected = {"scoring": ["f1_macro", "accuracy"], "estimators": {"naive-Bayes SVM": "drop"}}
    expected |= {"budget": "9min", "learning_curve": True, "verbose": 0, "random_state": 0}
    expected |= {"tune": True, "preview": True}
    assert {name: seen[name] for name in expected} == expected


def test_a_model_that_is_not_there_is_told_before_anything_is_trained(table, tmp_path, capsys):
    assert main(["compare", table, "--model", str(tmp_path / "no"), "--cv", "2"]) == 1
    captured = capsys.readouterr()
    assert "TF-IDF" not in captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith("sklearn-bert: error: ") and "there is no such folder" in line


def test_a_bert_that_fails_keeps_the_table_and_exits_with_1(monkeypatch, table, options, capsys):
    def fail(self, *args, **kwargs):
        raise MemoryError("no room")

    monkeypatch.setattr("sklearn_bert.BertTextClassifier.fit", fail)
    status = main(["compare", table, *options, "--cv", "2", "--quiet"])
    captured = capsys.readouterr()
    assert status == 1
    assert "TF-IDF + linear SVM" in captured.out and "failed: MemoryError" in captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith("sklearn-bert: error: BERT (tiny) failed, so there is nothing to say")


def test_ctrl_c_prints_what_is_done_and_exits_with_130(monkeypatch, table, options, capsys):
    def interrupt(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_bert.BertTextClassifier.fit", interrupt)
    assert main(["compare", table, *options, "--cv", "2", "--quiet"]) == 130
    captured = capsys.readouterr()
    assert "TF-IDF + linear SVM" in captured.out and "Interrupted by Ctrl-C" in captured.out
    assert captured.err == "sklearn-bert: interrupted\n"


def test_the_options_reach_the_classifier(monkeypatch, table):
    bert = watch_compare(monkeypatch)
    argv = ["--model", "m", "--epochs", "5", "--batch-size", "4", "--max-length", "9"]
    argv += ["--learning-rate", "1e-4", "--device", "cuda:1", "--random-state", "7", "--quiet"]
    main(["compare", table, *argv])
    seen = vars(bert["bert"])
    given = {"model": "m", "epochs": 5, "batch_size": 4, "max_length": 9, "learning_rate": 1e-4}
    given |= {"device": "cuda:1", "random_state": 7, "verbose": 0}
    assert {name: seen[name] for name in given} == given


def test_without_options_the_classifier_has_its_own_defaults(monkeypatch, table, tmp_path):
    bert = watch_compare(monkeypatch)
    main(["compare", table])
    expected = sklearn_bert.BertTextClassifier(random_state=0, verbose=1)
    assert vars(bert["bert"]) == vars(expected)
    seen = []
    monkeypatch.setattr("sklearn_bert.BertTextClassifier.fit", lambda self, X, y: seen.append(self))
    main(["fit", table, "--out", str(tmp_path / "m")])
    assert vars(seen[0]) == vars(expected)


def test_without_data_the_model_is_the_one_that_a_package_carries(monkeypatch, minilm, capsys):
    bert = watch_compare(monkeypatch)
    main(["compare", "--n-per-class", "4"])
    assert bert["bert"].model == minilm
    assert minilm in capsys.readouterr().out
    main(["compare", "--n-per-class", "4", "--model", "other"])
    assert bert["bert"].model == "other"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--epochs", "0"], "argument --epochs: must be a whole number from 1, or 'auto', got '0'"),
        (["--batch-size", "x"], "--batch-size: must be a whole number from 1, or 'auto', got 'x'"),
        (["--test-size", "1"], "argument --test-size: must be a number between 0 and 1, got '1'"),
        (["--learning-rate", "no"], "must be a number above 0, 'auto' or 'find', got 'no'"),
        (["--learning-rate", "inf"], "must be a number above 0, 'auto' or 'find', got 'inf'"),
        (["--random-state", "-1"], "argument --random-state: "),
        (["--random-state", "4294967296"], "from 0 to 2**32 - 1, got '4294967296'"),
        (["--text", "review"], "--text: not for the demonstration, got 'review'; leave it out"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--cv", "1"], "--cv: must be a whole number from 2, got '1'; for one split, use --test-"),
        (["--epochs", "9" * 5000], "argument --epochs: must be a whole number from 1"),
    ],
)
def test_wrong_usage_exits_with_2(argv, message, capsys):
    assert message in usage_error(capsys, *argv)


def test_options_of_another_kind_of_data_are_wrong_usage(table, folder, capsys):
    line = usage_error(capsys, folder, "--sep", ";")
    assert line.endswith("--sep: not for a folder, got ';'; leave it out")
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
    assert line.startswith("sklearn-bert: error: PATH must be a file or a folder, and there is ")
    assert "'no/such/place'" in line


def test_a_missing_column_is_one_line_that_names_the_others(table, capsys):
    line = error_line(capsys, table, "--text", "review")
    assert line.startswith("sklearn-bert: error: ")
    assert "'review'" in line and "['text', 'label']" in line


def test_a_class_of_one_text_is_one_line(tmp_path, capsys):
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\ngood film,pos\nbad film,neg\nfine film,pos\n")
    line = error_line(capsys, str(path), "--test-size", "0.5")
    assert line.startswith("sklearn-bert: error: Each class must have at least 2 texts, ")
    assert "'neg' has one" in line


@pytest.fixture
def fail(monkeypatch):
    """Return a function that lets ``compare`` raise an error."""

    def arrange(error):
        def raise_it(*args, **options):
            raise error

        monkeypatch.setattr("sklearn_bert._cli.compare.compare", raise_it)

    return arrange


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first line\nsecond  line"), "ValueError: first line second line"),
        (
            MemoryError(),
            "The memory of this machine is used up; use a smaller model or fewer texts.",
        ),
        (
            MemoryError("no 9 GiB"),
            "The memory of this machine is used up (no 9 GiB); use a smaller",
        ),
        (PermissionError(13, "Permission denied", "/x"), "'/x' cannot be used: permission denied."),
        (OSError(28, "No space left on device"), "The output cannot be used: no space left on"),
        (ImportError("No module named 'x'"), "ImportError: No module named 'x'"),
    ],
)
def test_an_error_of_others_is_one_line(error, line, fail, table, capsys):
    fail(error)
    assert error_line(capsys, table).startswith(f"sklearn-bert: error: {line}")


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), RecursionError(), KeyError("a")])
def test_a_bug_is_one_line_and_its_traceback_an_option(error, fail, table, capsys):
    fail(error)
    line = error_line(capsys, table)
    assert line.startswith(f"sklearn-bert: error: unexpected {type(error).__name__}")
    assert line.endswith("please report it, with what --traceback adds.")
    assert main(["compare", table, "--quiet", "--traceback"]) == 1
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "Traceback (most recent call last):" and last == line


def test_a_known_error_has_a_traceback_too_if_asked(capsys):
    assert main(["compare", "no/such/place", "--traceback"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and err.count("\nsklearn-bert: error: PATH must be") == 1


def test_ctrl_c_exits_with_130(monkeypatch, table, capsys):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_bert._cli.compare.compare", interrupt)
    assert main(["compare", table]) == 130
    assert capsys.readouterr().err == "sklearn-bert: interrupted\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_one_line_and_nothing_follows_at_the_exit():
    command = [sys.executable, "-m", "sklearn_bert", "--version"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, env=BUFFERED, stdout=full, stderr=subprocess.PIPE, text=True)
    line = "sklearn-bert: error: The output cannot be used: no space left on device.\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_help_may_be_cut_off_by_its_reader():
    command = [sys.executable, "-m", "sklearn_bert", "compare", "--help"]
    process = subprocess.Popen(
        command, env=BUFFERED, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert (process.wait(600), process.stderr.read()) == (141, b"")
    process.stderr.close()


def test_ctrl_c_while_it_starts_is_one_line(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_bert.__main__._make_parser", interrupt)
    assert main(["compare"]) == 130
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


def test_the_demonstration_says_what_it_is_and_shows_a_text_of_each_class(monkeypatch, capsys):
    watch_compare(monkeypatch)
    assert main(["compare", "--n-per-class", "8", "--quiet"]) == 1
    first, installed, yours, _, question, *examples, _, data, _ = (
        capsys.readouterr().out.splitlines()
    )
    assert first.startswith("A demonstration, since no PATH was given, on docstrings and a model")
    assert installed == "installed: sentence-transformers/all-MiniLM-L6-v2."
    assert "compare PATH" in yours and question.startswith("Does a docstring describe a class or")
    assert [example.split()[0] for example in examples] == ["class", "function"]
    assert all(15 < len(example) <= 80 for example in examples)
    assert data == "16 texts of 2 classes, 5 folds: docstrings of installed packages"


@pytest.mark.slow
def test_the_main_job_ends_in_a_verdict(minilm, capsys):
    assert main(["compare", "--n-per-class", "250", "--test-size", "0.25", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert re.search("500 texts of 2 classes, 375 to train on and 125 to judge on: docstrings", out)
    verdict = r"BERT .*percentage points of accuracy,? \(?95 % interval"
    assert re.search(verdict, " ".join(out.split()))


def test_several_models_are_candidates(monkeypatch, table, tiny_model, tmp_path, capsys):
    seen = watch_compare(monkeypatch)
    main(["compare", "--model", "one", "--model", "two", table, "--epochs", "5"])
    assert [(bert.model, bert.epochs) for bert in seen["bert"]] == [("one", 5), ("two", 5)]
    monkeypatch.undo()
    other = shutil.copytree(tiny_model, tmp_path / "other")
    argv = ["compare", table, "--model", tiny_model, "--model", str(other), "--epochs", "2"]
    assert main([*argv, "--learning-rate", "3e-3", "--test-size", "0.25", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "BERT (tiny)" in out and "BERT (other)" in out and "the best of 2 candidates" in out


def test_the_same_model_twice_is_told(table, capsys):
    line = usage_error(capsys, table, "--model", "one", "--model", "one")
    assert line.endswith("argument --model: must name different models, got 'one' twice")
