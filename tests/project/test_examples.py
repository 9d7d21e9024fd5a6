"""Examples that are given nothing, or what is wrong, end with one sentence that tells the rule."""

import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDS = {
    "serve": "json",
    "search_dask": "dask.distributed",
    "predict_dask": "dask.distributed",
    "predict_spark": "pyspark",
}


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs an example to its end, and returns the last line of stderr."""

    monkeypatch.setenv("RAYON_NUM_THREADS", "1")  # set by some of them

    def run(name, *arguments):
        pytest.importorskip(NEEDS[name])
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        assert ended.value.code in (2, 3)
        return capsys.readouterr().err.splitlines()[-1]

    return run


@pytest.fixture
def folder(tmp_path):
    """A folder with one Parquet file."""
    (tmp_path / "in").mkdir()
    pd.DataFrame({"text": ["good"], "id": [1]}).to_parquet(tmp_path / "in" / "a.parquet")
    return tmp_path / "in"


def test_each_example_is_tried_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(NEEDS)


def test_a_server_without_a_model_says_what_is_not_set(run, monkeypatch):
    monkeypatch.delenv("SKLEARN_BERT_MODEL", raising=False)
    assert run("serve").startswith("serve.py: SKLEARN_BERT_MODEL must name the folder of a model")


def test_a_server_of_no_model_says_what_is_wrong_with_it(run, monkeypatch, tmp_path):
    monkeypatch.setenv("SKLEARN_BERT_MODEL", str(tmp_path))
    assert run("serve").startswith("serve.py: ") and str(tmp_path) in run("serve")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["search_dask", "predict_dask", "predict_spark"])
def test_without_arguments_those_that_are_needed_are_named(run, name):
    assert "the following arguments are required: " in run(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predict_dask", "predict_spark"])
def test_what_cannot_be_predicted_is_said_before_anything_starts(run, name, folder, tmp_path):
    out = tmp_path / "out"
    line = run(name, tmp_path, tmp_path / "no", out)
    assert f"IN must be a folder of Parquet files, got {str(tmp_path / 'no')!r}" in line
    line = run(name, tmp_path, folder, out, "--column", "texts")
    assert "--column must be one of ['text', 'id'], got 'texts'" in line
    assert str(tmp_path / "no") in run(name, tmp_path / "no", folder, out)
    number = "--files" if name == "predict_spark" else "--workers"
    assert f"{number} must be at least 1, got 0" in run(name, tmp_path, folder, out, number, 0)
    assert not out.exists()


@pytest.mark.slow
def test_what_cannot_be_searched_is_said_before_anything_starts(run, tmp_path):
    table, out = tmp_path / "reviews.csv", tmp_path / "out"
    table.write_text("text,label\ngood,1\nbad,0\n")
    assert str(tmp_path / "no.csv") in run("search_dask", tmp_path / "no.csv", out)
    assert "'stars'" in run("search_dask", table, out, "--label", "stars")
    assert "--folds must be at least 2, got 1" in run("search_dask", table, out, "--folds", 1)
    assert not out.exists()
