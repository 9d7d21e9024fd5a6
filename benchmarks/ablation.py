"""What each choice of the package does for accuracy: the same fits with one undone at a time.

    python benchmarks/ablation.py --data DIR --sets sst2_sentences:2000 ag_news:1000:1500 --seeds 5

Each set is given as to ``accuracy.py``, from which this takes its data and its ``--out`` file of
finished runs. Two choices make training fast: attention dropout is off, and batches are of similar
length, shuffled as `TrainingBatches` says. The others are those of the default for few labels: the
mean of the weights, a head that starts from a logistic regression, the mean over the tokens, at
least 100 steps, and the contrast of classes first. The rows of a set are its first ones, so that a
seed changes the fit only. The differences to the package's own choice are paired by seed; their
interval is that of Student's t.
"""

import argparse
import json
import statistics
import time
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

from accuracy import environment, mean_and_sd, read_runs, read_set, report
from scipy.stats import t as student
from sklearn.metrics import accuracy_score, f1_score

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine import batches as _batches
from sklearn_bert._engine import encoder as _encoder
from sklearn_bert._engine import weight_average as _averaging
from sklearn_bert._engine.device import find_device
from sklearn_bert._estimators import recipe as _recipe

CHOICES = {
    "sklearn-bert": nullcontext,
    "random batches": lambda: mock.patch.object(_batches, "_BATCHES_PER_POOL", 1),
    "attention dropout": lambda: mock.patch.object(_encoder, "_ATTENTION_DROPOUTS", ()),
    "last weights": lambda: mock.patch.object(_averaging, "_SHARE", 0.0),
    "new head": nullcontext,
    "first token only": nullcontext,
    "three epochs": lambda: mock.patch.object(_recipe, "_LEAST_STEPS", 0),
    "no contrast": lambda: mock.patch.object(_recipe, "_VERY_FEW", 0),
}
PARAMETERS = {"new head": {"head": "new"}, "first token only": {"pooling": "cls"}}


def main():
    """Do the runs that are still missing and print the table."""
    options = parse_arguments()
    done = {run_key(run): run for run in read_runs(options.out)}
    print("| set | rows train/test | choice | accuracy % | difference, points | seeds |")
    print("|---|---|---|---:|---:|---:|")
    for spec in options.sets:
        name, train, test = read_set(options.data, spec)
        runs = {choice: [] for choice in options.choices}
        for seed in range(options.seeds):
            for choice in options.choices:
                run = {"set": name, "n_train": len(train[0]), "n_test": len(test[0])}
                run |= {"model": choice, "seed": seed, "settings": settings(options)}
                if run_key(run) not in done:
                    report(run := run | measure(choice, options, seed, train, test), options.out)
                    done[run_key(run)] = run
                runs[choice].append(done[run_key(run)]["accuracy"])
        for choice in options.choices:
            row = [name, f"{len(train[0]):,} / {len(test[0]):,}", choice]
            row += [mean_and_sd(runs[choice]), difference(runs[choice], runs["sklearn-bert"])]
            print("| " + " | ".join([*row, str(options.seeds)]) + " |", flush=True)
    print(f"\n{environment(find_device('auto'))}; {settings(options)}")


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--sets", nargs="+", required=True, metavar="NAME[:ROWS[:TESTROWS]]")
    add("--seeds", type=int, default=5)
    add("--choices", nargs="+", choices=CHOICES, default=list(CHOICES))
    add("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    add("--epochs", type=epochs, default="auto", help="a number, or auto")
    add("--max-length", type=int, default=None)
    add("--out", type=Path, help="file of finished runs, to go on from and to append to")
    return parser.parse_args()


def epochs(text):
    """Return "auto", or the number."""
    return text if text == "auto" else int(text)


def settings(options):
    """Return what a run depends on beside its set and seed."""
    return {name: getattr(options, name) for name in ("model", "epochs", "max_length")}


def run_key(run):
    """Return what makes a run the same as another one."""
    keys = ("set", "n_train", "n_test", "model", "seed", "settings")
    return json.dumps([run[key] for key in keys], sort_keys=True)


def measure(choice, options, seed, train, test):
    """Train and score with one choice undone."""
    clf = BertTextClassifier(
        options.model,
        epochs=options.epochs,
        max_length=options.max_length,
        random_state=seed,
        **PARAMETERS.get(choice, {}),
    )
    with CHOICES[choice]():
        clf.fit(*train)
    start = time.perf_counter()
    predicted = clf.predict(test[0])
    return {
        "accuracy": float(accuracy_score(test[1], predicted)),
        "macro_f1": float(f1_score(test[1], predicted, average="macro", zero_division=0)),
        "fit_seconds": sum(row["seconds"] for row in clf.history_),
        "predict_seconds": time.perf_counter() - start,
    }


def difference(scores, reference):
    """Return the mean of the paired differences with its 95 % interval, in points."""
    differences = [100 * (a - b) for a, b in zip(scores, reference, strict=True)]
    mean = statistics.fmean(differences)
    if len(differences) < 2 or scores == reference:
        return f"{mean:+.2f}" if scores != reference else "\N{EN DASH}"
    half = student.ppf(0.975, len(differences) - 1) * statistics.stdev(differences)
    half /= len(differences) ** 0.5
    return f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})"


if __name__ == "__main__":
    main()
