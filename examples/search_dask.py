"""Search parameters on the workers of a Dask cluster, and keep what is finished, whatever happens.

    python -m pip install -c constraints.txt -e ".[cluster]"
    python examples/search_dask.py reviews.csv OUT --text review --label stars \\
        --epochs 2 3 --learning-rate 5e-5 1e-4 --workers 4

Each candidate is cross-validated, and each of its fits leaves a small file in OUT. After Ctrl-C, or
when a machine was lost, the same command does what is missing. Without that, scikit-learn's own
``GridSearchCV`` under ``joblib.parallel_config("dask", retries=2)`` is shorter.

The file and OUT are in a place that all workers see; ``--scheduler ADDRESS`` is that of a running
cluster. A worker that is lost costs its fit, which Dask starts again on another one; a fit that
fails, for lack of memory say, is tried ``--retries`` times more.
"""

import argparse
import functools
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import ParameterGrid, StratifiedKFold

from sklearn_bert import BertTextClassifier, load_text_table


def main(argv=None):
    """Do the fits that are missing, and print the mean score of each candidate."""
    options = parse_arguments(argv)
    grid = {"epochs": options.epochs, "learning_rate": options.learning_rate}
    settings = {
        **{name: str(getattr(options, name)) for name in ("file", "text", "label", "model", "out")},
        **{"n_folds": options.folds, "threads": options.threads},
    }
    with open(options.file, "rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    jobs = [
        {**settings, "data": data, "candidate": candidate, "fold": fold}
        for candidate in ParameterGrid(grid)
        for fold in range(options.folds)
    ]
    missing = [job for job in jobs if not result_file(job).exists()]
    print(f"{len(jobs) - len(missing)} of {len(jobs)} fits are done", flush=True)
    if missing:
        cluster = options.scheduler or LocalCluster(
            n_workers=options.workers, threads_per_worker=1, dashboard_address=None
        )
        with Client(cluster) as client:
            client.gather(client.map(fit, missing, retries=options.retries, pure=False))
    rows = [job["candidate"] | json.loads(result_file(job).read_text()) for job in jobs]
    table = pd.DataFrame(rows).groupby(list(grid))[["score", "seconds"]].agg(["mean", "std"])
    print(table.sort_values(("score", "mean"), ascending=False).round(4))


def parse_arguments(argv):
    """Return the command line's options; end with a sentence on a wrong one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="table of labelled texts")
    add("out", type=Path, metavar="OUT", help="folder of the results")
    add("--text", default="text", help="column of the texts")
    add("--label", default="label", help="column of the labels")
    add("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    add("--epochs", type=int, nargs="+", default=[3])
    add("--learning-rate", type=float, nargs="+", default=[5e-5, 1e-4, 2e-4])
    add("--folds", type=int, default=3)
    add("--workers", type=int, default=os.cpu_count())
    add("--threads", type=int, default=1, help="of torch, a worker")
    add("--retries", type=int, default=2)
    add("--scheduler", help="address of a running cluster")
    options = parser.parse_args(argv)
    for name, least in (("folds", 2), ("workers", 1), ("threads", 1), ("retries", 0)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(options, name)}")
    try:
        load(options.file, options.text, options.label)  # here first: an error on a worker is long
        options.out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, ImportError) as error:
        parser.error(str(error))
    return options


def result_file(job):
    """Return where the result of a fit is, named after all that it depends on."""
    kept = {name: job[name] for name in ("data", "text", "label", "model", "n_folds")}
    kept |= {"candidate": job["candidate"], "fold": job["fold"]}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    return Path(job["out"], f"{digest[:16]}.json")


@functools.cache
def load(file, text, label):
    """Return texts and labels, once a worker."""
    X, y = load_text_table(file, text=text, label=label)
    return np.array(X, dtype=object), y


def fit(job):
    """Fit a candidate on the other folds, and leave its score on this one."""
    import time

    import torch

    torch.set_num_threads(job["threads"])
    X, y = load(job["file"], job["text"], job["label"])
    folds = StratifiedKFold(job["n_folds"], shuffle=True, random_state=0)
    train, test = list(folds.split(X, y))[job["fold"]]
    start = time.perf_counter()
    clf = BertTextClassifier(
        job["model"],
        random_state=0,
        memory=Path(job["out"], "token-ids"),  # those of a fold serve all candidates
        **job["candidate"],
    ).fit(X[train], y[train])
    result = {"score": clf.score(X[test], y[test]), "seconds": time.perf_counter() - start}
    target = result_file(job)
    unfinished = target.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(result))
    os.replace(unfinished, target)


if __name__ == "__main__":
    main()
