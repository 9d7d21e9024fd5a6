"""Which peak learning rate is best: the table behind ``learning_rate="auto"``.

Trains on a part of each set's training rows and scores on other training rows, never on the
test rows, at several peaks, sizes and seeds.

    python benchmarks/learning_rate.py --data DIR --sets sst2_sentences:1000 banking77:2000

How the rule "auto" and the range test "find" compare with the best of a grid, and what the range
test suggests in its three ways:

    python benchmarks/learning_rate.py --data DIR --sets sst2_sentences:2000 banking77:3000 \
        ag_news:2000 --rates auto find 1e-5 2e-5 5e-5 1e-4 2e-4 --seeds 2

``--head 10`` lets the head learn at ten times the peak, without an upper limit, instead of at the
rate of the package's own rule.

Each set is ``DIR/NAME/train.csv.gz`` with the columns ``text`` and ``label``; the number after
the colon is the number of training rows.
"""

import argparse
import statistics
import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

from sklearn_bert import BertTextClassifier, LearningRateFinderDisplay
from sklearn_bert._engine import optimizer as _optimizer


def main():
    """Print one row a set and size, one column a peak."""
    options = parse_arguments()
    if options.head is not None:
        _optimizer.head_learning_rate = lambda learning_rate, head: options.head * learning_rate
    print("| set | rows | steps | " + " | ".join(map(str, options.rates)) + " |")
    print("|---|---|---|" + "---|" * len(options.rates))
    for name, _, n_rows in (item.partition(":") for item in options.sets):
        table = pd.read_csv(options.data / name / "train.csv.gz", dtype=str, keep_default_na=False)
        X, X_valid, y, y_valid = train_test_split(
            table["text"],
            table["label"],
            train_size=int(n_rows),
            test_size=min(options.validation, len(table) - int(n_rows)),
            stratify=table["label"],
            random_state=0,
        )
        cells = [mean_score(options, rate, X, y, X_valid, y_valid) for rate in options.rates]
        steps = options.epochs * -(-int(n_rows) // 32)
        print(f"| {name} | {n_rows} | {steps} | " + " | ".join(cells) + " |", flush=True)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", required=True, help="NAME:ROWS")
    parser.add_argument(
        "--rates", nargs="+", type=read_rate, default=[2e-5, 5e-5, 1e-4, 2e-4, 4e-4]
    )
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--max-length", type=int, default=None)
    parser.add_argument("--head", type=float, default=None, help="the head's rate, times the peak")
    parser.add_argument("--validation", type=int, default=1000, help="rows to score on")
    return parser.parse_args()


def read_rate(text):
    """Return a number, or a word that the classifier knows."""
    return text if text in ("auto", "find") else float(text)


def mean_score(options, rate, X, y, X_valid, y_valid):
    """Return the accuracy over the seeds in per cent, with the rate where it was not given."""
    scores, used = [], []
    for seed in range(options.seeds):
        clf = BertTextClassifier(
            options.model,
            learning_rate=rate,
            epochs=options.epochs,
            max_length=options.max_length,
            random_state=seed,
        )
        if rate == "find":
            found = LearningRateFinderDisplay.from_estimator(clf, X, y, plot=False)
            ways = ", ".join(f"{name} {value:.1e}" for name, value in found.suggestions_.items())
            print(f"seed {seed} finds {ways}", file=sys.stderr, flush=True)
        scores.append(100 * clf.fit(X, y).score(X_valid, y_valid))
        used.append(f"{clf.learning_rate_:.1e}")
    spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    rates = f" ({', '.join(dict.fromkeys(used))})" if isinstance(rate, str) else ""
    return f"{statistics.mean(scores):.1f}{spread}{rates}"


if __name__ == "__main__":
    main()
