"""The benchmarks run from end to end, on a tiny model and made-up texts."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_rehearsal_of_the_speed_benchmark_prints_its_tables(tmp_path):
    models = ["Ours", "OursHalf", "PipelineOfOurs"]  # the others are not installed by the tests
    command = [sys.executable, FOLDER / "speed.py", "--tiny", "--rounds", "2", "--models", *models]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False
    )
    assert result.returncode == 0, result.stderr
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    for name in ("sklearn-bert |", "dtype='bfloat16' |", "transformers.pipeline |"):
        assert any(row.startswith("| docstrings 64 / 16 | ") and name in row for row in rows)
    assert "% of the" in result.stdout
    assert "Error" not in result.stdout  # what stands in place of the figures of a way that failed
    assert sum("packed, bfloat16" in row for row in rows) == 4
    assert any(row.startswith("| sklearn-bert | ") for row in rows)
    assert list(tmp_path.iterdir()) == []


def test_the_study_of_the_preview_finds_the_law_that_the_runs_follow(tmp_path):
    runs = []
    for name, least in (("one", 0.1), ("two", 0.2), ("mrpc", 0.3)):  # the last is not balanced
        for size, n_rows in (("8c", 16), ("100", 100), ("400", 400), ("all", 3000)):
            errors = {"tfidf": 0.4, "static": 0.35, "frozen": 0.3, "majority": 0.5}
            errors["default"] = 0.3 * 1.2 * (n_rows / 16) ** -least
            for model, error in errors.items():
                run = {"set": name, "size": size, "n_train": n_rows, "model": model, "n_test": 1000}
                runs += [{**run, "seed": seed, "accuracy": 1 - error} for seed in range(2)]
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(map(json.dumps, runs)), encoding="utf-8")
    command = [sys.executable, FOLDER / "preview.py", path]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")]
    pairs = [(row[0][2:], row[1], row[2]) for row in rows if row[0][2:] in ("one", "two", "mrpc")]
    assert pairs.count(("one", "16", "3,000")) == 1 and ("mrpc", "16", "100") not in pairs
    fall = float(out.rpartition("FALL = ")[2].partition(",")[0])
    assert 0.1 < fall < 0.3
    # The fall of "two" is that of both others on average.
    (held,) = [row for row in rows if row[0] == "| two" and row[1:3] == ["100", "400"]]
    forecast, real = float(held[4]), float(held[6])
    assert forecast == pytest.approx(real, abs=1) and held[7] == "2 |"


@pytest.mark.slow
def test_accuracy_at_every_size_has_all_kinds_of_sets_and_does_no_run_twice(tmp_path, tiny_model):
    words = ("good", "bad", "fine", "poor")
    texts = [f"the {words[i % 4]} {('film', 'book')[i % 3 % 2]}" for i in range(60)]
    labels = [("neg", "pos")[i % 4 // 2] for i in range(60)]
    columns = {"one": [int(i % 2 == 0) for i in range(60)], "two": [int(i > 9) for i in range(60)]}
    tables = {
        "texts": {"text": texts, "label": labels},
        "pairs": {"text_a": texts, "text_b": texts[::-1], "label": labels},
        "several": {"text": texts, **columns},
    }
    for name, table in tables.items():
        (tmp_path / name).mkdir()
        for part in ("train", "test"):
            pd.DataFrame(table).to_csv(tmp_path / name / f"{part}.csv.gz", index=False)
    out = tmp_path / "runs.jsonl"
    models = [
        "majority",
        "tfidf",
        "frozen",
        "first-default",
        "default",
    ]  # of the others' libraries none
    command = [sys.executable, FOLDER / "every_size.py", "--data", tmp_path, "--sets", *tables]
    command += ["--sizes", "4c", "40", "all", "100", "--models", *models, "--seeds", "2"]
    command += ["--test-rows", "20", "--model", tiny_model, "--out", out]

    def tables_of(*more):
        """Return what the script prints."""
        result = subprocess.run(
            [*command, *more], capture_output=True, text=True, timeout=900, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    printed = tables_of()
    runs = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert {run["size"] for run in runs} == {"4c", "40", "all"}  # there are no 100 rows
    assert len(runs) == 3 * (2 * 5 * 2 + 3 + 2 * 2)  # at "all" three models have one seed
    assert {run["n_train"] for run in runs if run["size"] == "4c" and run["set"] == "texts"} == {8}
    rows = [line for line in printed.splitlines() if line.startswith("| ")]
    for name in tables:
        assert sum(row.startswith(f"| {name} | 40 | ") for row in rows) == 4
    assert tables_of() == tables_of("--table") == printed
    assert len(out.read_text(encoding="utf-8").splitlines()) == len(runs)
