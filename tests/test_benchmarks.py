"""The benchmarks run from end to end, on a tiny model and the package's own texts."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


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
