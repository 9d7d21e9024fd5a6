"""What the fits of a search share: a 3 x 3 search with nothing shared, and with GridSearchCV.

    python benchmarks/search.py --data DIR --set banking77:2000

Three learning rates and three folds, on ``--workers`` processes of one thread each:

- nothing shared: a new process for each fit, which imports torch, reads the weights and tokenizes
- the workers of `GridSearchCV(n_jobs=...)`: each imports once, finds the weights in the page cache,
  and the token ids of folds that it has seen in its memory
- the same with `memory=`: what one worker has tokenized, the others read

The ways take turns for ``--rounds`` rounds. The set is ``DIR/NAME/train.csv.gz`` with the columns
``text`` and ``label``.
"""

import argparse
import datetime
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from accuracy import environment, find_device, read_set
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from sklearn_bert import BertTextClassifier

RATES = (5e-5, 1e-4, 2e-4)
FOLDS = 3


def main():
    """Print the table."""
    options = parse_arguments()
    environ = environment(find_device("cpu"))
    print(
        f"{datetime.date.today()}; {environ}; {options.workers} workers of 1 thread\n", flush=True
    )
    _, (X, y), _ = read_set(options.data, options.set)
    X, y = np.array(X, dtype=object), np.asarray(y)
    runs = {name: [] for name in ("nothing shared", "GridSearchCV", "GridSearchCV, memory=")}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            runs["nothing shared"].append(alone(options, X, y))
            runs["GridSearchCV"].append(search(options, X, y, None))
            runs["GridSearchCV, memory="].append(search(options, X, y, folder))
    base = [seconds for seconds, _ in runs["nothing shared"]]
    print("| way | s | times as fast (range) | best mean accuracy % |\n|---|---:|---:|---:|")
    for name, rows in runs.items():
        ratios = [one / seconds for one, (seconds, _) in zip(base, rows, strict=True)]
        print(
            f"| {name} | {statistics.median(seconds for seconds, _ in rows):.1f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"| {100 * rows[-1][1]:.1f} |"
        )


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--set", default="banking77:2000", metavar="NAME[:ROWS]")
    add("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    add("--epochs", type=int, default=1)
    add("--workers", type=int, default=2)
    add("--rounds", type=int, default=1)
    return parser.parse_args()


def classifier(options, **parameters):
    """Return what is searched over."""
    return BertTextClassifier(
        options.model, epochs=options.epochs, random_state=0, device="cpu", **parameters
    )


def folds():
    """Return how the rows are split."""
    return StratifiedKFold(FOLDS, shuffle=True, random_state=0)


def alone(options, X, y):
    """Return seconds and the best mean accuracy of fits in a process each."""
    start = time.perf_counter()
    jobs = [(options, X, y, rate, fold) for rate in RATES for fold in range(FOLDS)]
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(options.workers, maxtasksperchild=1) as pool:
        scores = pool.starmap(fit, jobs, chunksize=1)
    seconds = time.perf_counter() - start
    return seconds, np.reshape(scores, (len(RATES), FOLDS)).mean(axis=1).max()


def fit(options, X, y, rate, fold):
    """Return the accuracy of a fit."""
    import torch

    torch.set_num_threads(1)
    train, test = list(folds().split(X, y))[fold]
    clf = classifier(options, learning_rate=rate).fit(X[train], y[train])
    return clf.score(X[test], y[test])


def search(options, X, y, memory):
    """Return seconds and the best mean accuracy of a search on new workers."""
    get_reusable_executor().shutdown(wait=True)
    start = time.perf_counter()
    with parallel_config("loky", inner_max_num_threads=1):
        found = GridSearchCV(
            classifier(options, memory=memory),
            {"learning_rate": RATES},
            cv=folds(),
            n_jobs=options.workers,
            refit=False,
        ).fit(X, y)
    return time.perf_counter() - start, found.cv_results_["mean_test_score"].max()


if __name__ == "__main__":
    main()
