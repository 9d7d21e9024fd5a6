"""How much faster several processes train one model: `fit` under torchrun.

    python benchmarks/scaling.py --data DIR --set sst2_sentences:1000 --processes 1 2

Each process has one thread on a CPU, and a GPU of its own where there are several. The numbers of
processes take turns for ``--rounds`` rounds; the seconds are those of `fit` and `predict_proba` in
process 0, after a first fit of a few texts. Efficiency is the speed-up by the number of processes.

The set is ``DIR/NAME/{train,test}.csv.gz`` with the columns ``text`` and ``label``.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from accuracy import environment, find_device, read_set

from sklearn_bert import BertTextClassifier


def main():
    """Start the processes and print the table, or be one of them."""
    options = parse_arguments()
    if "RANK" in os.environ:
        work(options)
        return
    device = find_device(options.device)
    print(f"{datetime.date.today()}; {environment(device)}; {options.set}, model {options.model}\n")
    runs = {n: [] for n in options.processes}
    for _ in range(options.rounds):
        for n in options.processes:
            command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
            answer = subprocess.run(
                [*command, f"--nproc-per-node={n}", *sys.argv],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            runs[n].append(json.loads(answer.stdout.splitlines()[-1]))
    print(
        "| processes | fit s | speed-up (range) | efficiency | predict s | speed-up | accuracy % |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|")
    base = runs[options.processes[0]]
    for n, rows in runs.items():
        fits = [one["fit"] / row["fit"] for one, row in zip(base, rows, strict=True)]
        predicts = [one["predict"] / row["predict"] for one, row in zip(base, rows, strict=True)]
        gain = statistics.median(fits)
        print(
            f"| {n} | {median(rows, 'fit'):.1f} | {gain:.2f} ({min(fits):.2f} to {max(fits):.2f}) "
            f"| {100 * gain / n:.0f} % | {median(rows, 'predict'):.1f} "
            f"| {statistics.median(predicts):.2f} | {median(rows, 'accuracy'):.1f} |"
        )


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--set", required=True, metavar="NAME[:ROWS[:TESTROWS]]")
    add("--processes", type=int, nargs="+", default=[1, 2])
    add("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    add("--batch-size", type=int, default=32)
    add("--rounds", type=int, default=3)
    add("--device", default="auto")
    return parser.parse_args()


def median(rows, name):
    """Return the median of a value over the rounds."""
    return statistics.median(row[name] for row in rows)


def work(options):
    """Train and predict as one of the processes; process 0 tells the seconds."""
    torch.set_num_threads(1)
    _, (X, y), (X_test, y_test) = read_set(options.data, options.set)
    clf = BertTextClassifier(
        options.model,
        epochs=1,
        batch_size=options.batch_size,
        head="new",
        device=options.device,
        random_state=0,
    )
    y = np.asarray(y)
    first = [np.flatnonzero(y == label)[0] for label in np.unique(y)]
    clf.fit([X[row] for row in first], y[first])
    start = time.perf_counter()
    clf.fit(X, y)
    fitted = time.perf_counter()
    predicted = clf.predict(X_test)
    end = time.perf_counter()
    if os.environ["RANK"] == "0":
        accuracy = 100 * float(np.mean(predicted == np.asarray(y_test)))
        print(json.dumps({"fit": fitted - start, "predict": end - fitted, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
