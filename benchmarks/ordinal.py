"""Ordered labels: stars learnt as classes, as numbers and by cumulative logits.

    python benchmarks/ordinal.py --data DIR --texts 300 --test 400 --seeds 3 --max-length 40

``DIR/imdb/{train,test}.csv.gz`` have the columns ``text`` and ``rating``, from 1 to 10 without 5
and 6: half of it, rounded up, are the stars 1, 2, 4 and 5. What is predicted of them, by

- classes: the most probable class, or the median or the rounded mean of the probabilities;
- numbers: the prediction of `BertTextRegressor`, rounded to the nearest star that there is;
- cumulative logits: how many of the labels "more than 1 star", "more than 2", "more than 4" are
  predicted, with one slope for all of them and a threshold for each, as in CORAL.
"""

import argparse
import datetime
import platform
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
import torch
import transformers
from sklearn.metrics import accuracy_score, cohen_kappa_score, mean_absolute_error
from skorch.callbacks import Callback

import sklearn_bert
from sklearn_bert import BertTextClassifier, BertTextRegressor


class OneSlope(Callback):
    """Have the outputs of the head share their weights: only their constants differ."""

    def on_train_begin(self, net, **kwargs):
        """Begin with the mean."""
        self.weight_ = [value for value in net.module_.parameters() if value.ndim == 2][-1]
        with torch.no_grad():
            self.weight_.copy_(self.weight_.mean(dim=0).expand_as(self.weight_))

    def on_grad_computed(self, net, named_parameters, **kwargs):
        """Let all move alike."""
        self.weight_.grad.copy_(self.weight_.grad.mean(dim=0).expand_as(self.weight_))


def main():
    """Print one row for each way, the mean and standard deviation over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--texts", type=int, default=400, help="to train on")
    parser.add_argument("--test", type=int, default=1000, help="to score on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-length", type=int, default=128, help="tokens, of both ends")
    parser.add_argument("--freeze", action="store_true", help="train the head only")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    found = []
    for seed in range(args.seeds):
        training, test = (
            read(args.data / "imdb" / f"{part}.csv.gz", n_rows, seed)
            for part, n_rows in (("train", args.texts), ("test", args.test))
        )
        options = {"max_length": args.max_length, "long_text": "head+tail", "random_state": seed}
        options |= {"freeze": "all"} if args.freeze else {}
        for way, predicted in predictions(args.model, *training, test[0], options):
            found.append({"way": way, **scores(test[1], predicted)})
            print(seed, found[-1], flush=True)
    print_table(pd.DataFrame(found))
    print(
        f"\n{args.texts} texts to train on, {args.test} to score on, at most {args.max_length} "
        f"tokens, {args.seeds} seeds; {datetime.date.today()}, sklearn_bert "
        f"{sklearn_bert.__version__}, torch {torch.__version__}, transformers "
        f"{transformers.__version__}, scikit-learn {sklearn.__version__}, Python "
        f"{platform.python_version()}"
    )


def read(path, n_rows, seed):
    """Return texts and their stars."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table = table.sample(n_rows, random_state=seed)
    return table["text"].tolist(), (table["rating"].astype(int).to_numpy() + 1) // 2


def predictions(model, X, y, X_test, options):
    """Yield the name of each way, and the stars that it predicts."""
    stars = np.unique(y)
    proba = BertTextClassifier(model, **options).fit(X, y).predict_proba(X_test)
    yield "classes", stars[proba.argmax(axis=1)]
    yield "classes, median", stars[(proba.cumsum(axis=1) >= 0.5).argmax(axis=1)]
    yield "classes, mean", stars[nearest(proba @ stars, stars)]

    numbers = BertTextRegressor(model, **options).fit(X, y).predict(X_test)
    yield "numbers, rounded", stars[nearest(numbers, stars)]

    above = (y[:, None] > stars[:-1]).astype(int)
    clf = BertTextClassifier(model, **options, callbacks=[OneSlope()]).fit(X, above)
    yield "cumulative logits", stars[clf.predict(X_test).sum(axis=1)]


def nearest(numbers, stars):
    """Return the index of the star that is nearest to each number."""
    return np.abs(numbers[:, None] - stars).argmin(axis=1)


def scores(y, predicted):
    """Return the scores of predictions."""
    return {
        "mean absolute error": mean_absolute_error(y, predicted),
        "quadratic kappa": cohen_kappa_score(y, predicted, weights="quadratic"),
        "accuracy %": 100 * accuracy_score(y, predicted),
    }


def print_table(found):
    """Print the mean over the seeds, and the standard deviation."""
    groups = found.groupby("way", sort=False)
    mean, deviation = groups.mean(), groups.std()
    print("\n| way | " + " | ".join(mean.columns) + " |")
    print("|---|" + "---:|" * len(mean.columns))
    for way in mean.index:
        cells = [
            f"{mean.loc[way, name]:.{digits}f} ± {deviation.loc[way, name]:.{digits}f}"
            for name, digits in zip(mean.columns, (3, 3, 1), strict=True)
        ]
        print(f"| {way} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
