"""The examples for what does not fit in memory: rows a second and peak memory by workers.

    python -m pip install -c constraints.txt -e ".[cluster]" psutil
    python benchmarks/dataframes.py --rows 40000 --workers 2 --rounds 5

`examples/predict_dask.py` and `examples/predict_spark.py` predict Parquet files of generated texts
with an exported model of BERT's architecture, two layers deep and 128 wide (random weights: the
answers do not matter here), so small that whatever the engines add shows. Beside them, one process
predicts the same files one after the other, and as many processes as workers divide them up, both
without an engine: the latter is what the machine gives. All have one thread a process. Each command
runs with as many rows, and with four times as many: rows a second are those that the other three
quarters add, so that the start of an engine, which is told apart, does not count. The ways take
turns; the table has medians over the rounds and, in brackets, the lowest and the highest. Memory is
the largest resident set of any one of the processes, which should not grow with the rows.
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
from sklearn_bert._engine.hub import locate

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = 8  # for as many rows as asked for
TIMES = 4  # so many times that for the longer run
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
for file in sorted(Path({folder!r}).glob("*.parquet"))[int(sys.argv[1]) :: int(sys.argv[2])]:
    predict_dask.predict_file(str(file), out={out!r}, model={model!r}, column="text")
"""


def main():
    """Print a line for each run as it ends, and the table."""
    options = parse_arguments()
    print(f"{datetime.date.today()}; {environment(find_device('cpu'))}\n", flush=True)
    ways = [("one process", alone_command, 1)]
    for workers in options.workers:
        ways += [("processes", alone_command, workers)] if workers > 1 else []
        ways += [("Dask", dask_command, workers), ("Spark", spark_command, workers)]
    found = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model = make_model(folder)
        sizes = [make_rows(folder / str(n), options.rows, n) for n in (1, TIMES)]
        for number in range(options.rounds):
            shift = number % len(ways)
            for way in ways[shift:] + ways[:shift]:
                found[way].append(measure(options, folder, sizes, *way[1:], model))
                print(f"round {number + 1}: {way[0]} x {way[2]}: {found[way][-1]}", flush=True)
    report(options, found)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--rows", type=int, default=40_000)
    add("--workers", type=int, nargs="+", default=[1, 2])
    add("--rounds", type=int, default=5)
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


def make_rows(folder, n_rows, times):
    """Return a folder of Parquet files with so many times the rows."""
    folder.mkdir()
    for number in range(FILES * times):
        drawn = np.random.RandomState(number).choice(WORDS, (n_rows // FILES, 12))
        frame = pd.DataFrame({"text": [" ".join(row) for row in drawn]})
        frame.to_parquet(folder / f"part-{number:03}.parquet")
    return folder


def alone_command(model, rows, out, workers):
    """Return the commands of processes without an engine."""
    out.mkdir()
    paths = {"examples": EXAMPLES, "folder": rows, "out": out, "model": model}
    code = ALONE.format(**{name: str(path) for name, path in paths.items()})
    return [["-c", code, str(worker), str(workers)] for worker in range(workers)]


def dask_command(model, rows, out, workers):
    """Return the command of the example for Dask."""
    return [[EXAMPLES / "predict_dask.py", model, rows, out, "--workers", str(workers)]]


def spark_command(model, rows, out, workers):
    """Return the command of the example for Spark."""
    master = ["--master", f"local[{workers}]", "--files", str(FILES)]
    return [[EXAMPLES / "predict_spark.py", model, rows, out, *master]]


def measure(options, folder, sizes, command, workers, model):
    """Return rows a second, seconds to start, and the peak of memory for both sizes."""
    seconds, peaks = [], []
    for rows in sizes:
        out = folder / "out"
        taken, peak = watched(command(model, rows, out, workers))
        seconds.append(taken)
        peaks.append(peak)
        shutil.rmtree(out)
    more = (TIMES - 1) * options.rows / (seconds[1] - seconds[0])
    return more, seconds[0] - options.rows / more, *peaks


def watched(commands):
    """Return the seconds that commands take together, and their largest process's memory in MB."""
    environ = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    start, peak = time.perf_counter(), 0
    running = [
        psutil.Popen(
            [sys.executable, *map(str, command)],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    while any(process.poll() is None for process in running):
        for process in running:
            try:
                for one in [process, *process.children(recursive=True)]:
                    if "java" not in one.name():  # Spark's own
                        peak = max(peak, one.memory_info().rss)
            except psutil.NoSuchProcess:
                pass
        time.sleep(0.1)
    if any(process.returncode for process in running):
        raise RuntimeError(f"one of {commands} failed")
    return time.perf_counter() - start, peak / 1e6


def report(options, found):
    """Print the table."""
    header = ["way", "workers", "rows/s", "% of one process x workers", "% of processes", "start s"]
    header += [f"peak MB, {options.rows * times:,} rows" for times in (1, TIMES)]
    print("\n| " + " | ".join(header) + " |\n|---|" + "---:|" * (len(header) - 1))
    for (name, _, workers), rounds in found.items():
        rates, begins, *peaks = np.array(rounds).T
        plain = found["one process" if workers == 1 else "processes", alone_command, workers]
        cells = [
            spread(rates, ",.0f"),
            spread(100 * rates / (rates_of(found["one process", alone_command, 1]) * workers)),
            spread(100 * rates / rates_of(plain)),
            spread(begins, ".1f"),
            *(f"{np.median(peak):.0f}" for peak in peaks),
        ]
        print(f"| {name} | {workers} | " + " | ".join(cells) + " |")


def rates_of(rounds):
    """Return the rows a second of each round."""
    return np.array(rounds)[:, 0]


def spread(values, form=".0f"):
    """Return the median with the range in brackets."""
    median, low, high = (format(f(values), form) for f in (np.median, np.min, np.max))
    return f"{median} ({low}-{high})"


if __name__ == "__main__":
    main()
