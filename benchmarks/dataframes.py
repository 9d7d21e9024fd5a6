"""The examples for what does not fit in memory: rows a second and peak memory by workers.

    pip install 'sklearn-bert[cluster]' psutil
    python benchmarks/dataframes.py --rows 100000 --workers 1 2

`examples/predict_dask.py` and `examples/predict_spark.py` predict Parquet files of generated texts
with an exported model of BERT's architecture, two layers deep and 128 wide (random weights: the
answers do not matter here), so small that whatever the engines add shows. Beside them, one process
predicts the same files one after the other, without an engine. All have one thread a process. Each
command runs with as many rows, and with twice as many: rows a second are those that the second half
adds, so that the start of an engine, which is told apart, does not count. Memory is the largest
resident set of any one of its processes, which should be the same for twice as many rows.
"""

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
from accuracy import environment, find_device
from transformers import AutoTokenizer, BertConfig, BertModel

from sklearn_bert import BertTextClassifier
from sklearn_bert._encoder import locate

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = 8  # a half
WORDS = [
    "a",
    "good",
    "bad",
    "fine",
    "poor",
    "film",
    "book",
    "of",
    "the",
    "and",
    "with",
    "story",
    "plot",
    "actors",
    "never",
    "always",
    "was",
]
ALONE = """
import sys
from pathlib import Path
sys.path.insert(0, {examples!r})
import predict_dask
for file in sorted(Path({folder!r}).glob("*.parquet")):
    predict_dask.predict_file(str(file), out={out!r}, model={model!r}, column="text")
"""


def main():
    """Print the table."""
    options = parse_arguments()
    print(f"{datetime.date.today()}; {environment(find_device('cpu'))}\n", flush=True)
    print(
        "| way | workers | rows/s | of one process x workers | start s | peak MB | twice the rows |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model = make_model(folder)
        halves = [make_rows(folder / str(n), options.rows, n) for n in (1, 2)]
        base = measure(options, folder, halves, alone_command, model, 1)
        report(options, "one process", 1, base, base)
        for name, way in (("Dask", dask_command), ("Spark", spark_command)):
            for workers in options.workers:
                found = measure(options, folder, halves, way, model, workers)
                report(options, name, workers, found, base)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--rows", type=int, default=100_000)
    add("--workers", type=int, nargs="+", default=[1, 2])
    return parser.parse_args()


def make_model(folder):
    """Return the folder of an exported classifier."""
    tokenizer = AutoTokenizer.from_pretrained(locate("sentence-transformers/all-MiniLM-L6-v2"))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=512,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    clf = BertTextClassifier(folder / "base", epochs=1, random_state=0, device="cpu")
    clf.fit(["good", "bad"] * 8, ["pos", "neg"] * 8).export_onnx(folder / "exported")
    return folder / "exported"


def make_rows(folder, n_rows, n_halves):
    """Return a folder of Parquet files with so many halves of texts."""
    folder.mkdir()
    for number in range(FILES * n_halves):
        drawn = np.random.RandomState(number).choice(WORDS, (n_rows // FILES, 12))
        frame = pd.DataFrame({"text": [" ".join(row) for row in drawn]})
        frame.to_parquet(folder / f"part-{number:03}.parquet")
    return folder


def alone_command(model, rows, out, workers):
    """Return the command of one process without an engine."""
    out.mkdir()
    paths = {"examples": EXAMPLES, "folder": rows, "out": out, "model": model}
    return ["-c", ALONE.format(**{name: str(path) for name, path in paths.items()})]


def dask_command(model, rows, out, workers):
    """Return the command of the example for Dask."""
    return [EXAMPLES / "predict_dask.py", model, rows, out, "--workers", str(workers)]


def spark_command(model, rows, out, workers):
    """Return the command of the example for Spark."""
    master = ["--master", f"local[{workers}]", "--files", str(FILES)]
    return [EXAMPLES / "predict_spark.py", model, rows, out, *master]


def measure(options, folder, halves, way, model, workers):
    """Return rows a second, seconds to start, and the peak of memory for one half and for both."""
    seconds, peaks = [], []
    for rows in halves:
        out = folder / "out"
        taken, peak = watched([sys.executable, *way(model, rows, out, workers)])
        seconds.append(taken)
        peaks.append(peak)
        shutil.rmtree(out)
    half = seconds[1] - seconds[0]
    return options.rows / half, seconds[0] - half, *peaks


def watched(command):
    """Return the seconds that a command takes, and the largest memory of its processes in MB."""
    environ = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    start, peak = time.perf_counter(), 0
    process = psutil.Popen(
        [str(part) for part in command],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        try:
            for one in [process, *process.children(recursive=True)]:
                if "java" not in one.name():  # Spark's own
                    peak = max(peak, one.memory_info().rss)
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return time.perf_counter() - start, peak / 1e6


def report(options, name, workers, found, base):
    """Print a row."""
    rate, begin, one, both = found
    share = 100 * rate / (base[0] * workers)
    print(
        f"| {name} | {workers} | {rate:,.0f} | {share:.0f} % | {begin:.1f} | {one:.0f} "
        f"| {both:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
