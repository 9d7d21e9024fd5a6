"""The benchmark for GPUs runs from end to end, on tiny models."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Run in a process of its own, since it seeds and silences what it compares with.
START = """
import runpy, sys
from pathlib import Path
import simulated_cuda
simulated_cuda.start(Path(sys.argv.pop(1)))
import torch
torch.cuda.device_count = lambda: 1  # as gpu.sh has it
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.simulated_gpu
@pytest.mark.parametrize("mode", [[], ["--as-t4"]], ids=["as it is", "as a T4"])
def test_every_section_prints_its_figures(tmp_path, mode):
    script = str(ROOT / "benchmarks" / "gpu.py")
    code = f"import sys; sys.argv[0] = {script!r}{START}"
    folders = [ROOT, ROOT / "benchmarks", ROOT / "tests" / "gpu", os.environ.get("PYTHONPATH", "")]
    result = subprocess.run(
        [sys.executable, "-c", code, ROOT / "build", "--tiny", "--out", tmp_path / "out", *mode],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    printed = (tmp_path / "out").read_text(encoding="utf-8")
    assert printed.startswith("### Simulated H100" + (", as a T4" if mode else ""))
    # What stands below for figures that are missing; the tests do not install the Trainer's peer.
    failures = [line for line in printed.splitlines() if " failed: " in line]
    assert all("accelerate" in line for line in failures), failures
    tables = [
        [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
        for part in printed.split("\n\n")
        if part.startswith("| ")
    ]
    training, memory, prediction, epoch = (table[2:] for table in tables)
    assert len(training) == 3 * 3
    assert all(float(cells[2].replace(",", "")) > 0 for cells in training)
    assert memory[0][1] == "all"
    assert int(memory[-1][1].replace(",", "")) > 0  # it was computed in pieces
    assert float(memory[-1][3]) < 0.01
    assert {cells[2].split(",")[0] for cells in prediction} == {"ours", "pipeline"}
    assert all(float(cells[3].replace(",", "")) > 0 for cells in prediction)
    assert [cells[:2] for cells in epoch] == [["MiniLM", "64"], ["bert-base", "64"]]
    assert all(float(cells[2]) > 0 for cells in epoch)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
