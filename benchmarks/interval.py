"""How honest the intervals of `compare` are: how often they hold what they are meant to hold.

    python -m pip install -c constraints.txt -e . -r benchmarks/requirements.txt
    python benchmarks/interval.py --data DIR

From each set, many small samples are drawn, and two models are compared on each by cross-validation
as `compare` does it: TF-IDF with a linear SVM, and logistic regression on the vectors of a frozen
BERT, which stands for a BERT that is fine-tuned, since there are thousands of fits. The truth that
an interval is to hold is the mean difference of the same fits on all other rows of the set, of
which there are many times as many as in the sample.

Each set is ``DIR/NAME/train.csv.gz`` with the columns ``text`` and ``label``. Vectors are computed
once a set.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tasks
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_bert import BertTextEmbedder
from sklearn_bert.comparison._statistics import fold_difference, texts_difference

SETS = ("sst2_sentences", "ag_news", "tweet_eval_hate", "banking77")
# A class needs texts in each fold.
LEAST_PER_CLASS = 5


def macro_f1(y, found):
    """Return what scikit-learn's ``f1_score`` does, in a hundredth of its time."""
    size = 1 + max(y.max(), found.max())
    both = np.bincount(y, minlength=size) + np.bincount(found, minlength=size)
    hits = np.bincount(y[y == found], minlength=size)
    return np.mean(2 * hits[both > 0] / both[both > 0])


SCORES = {"accuracy": lambda y, found: np.mean(y == found), "macro-F1": macro_f1}


def main():
    """Draw the samples of each set and print a line for each case."""
    options = parse_arguments()
    print("| Set | Texts | Folds | Score | Holds | Width | Over folds: holds | Width |")
    print("|---|---|---|---|---|---|---|---|")
    for name in options.sets:
        frame = pd.read_csv(options.data / name / "train.csv.gz").head(options.rows)
        judged = Judged(frame, options.model)
        for n_texts in options.sizes:
            if n_texts < 6 * len(np.unique(judged.y)):
                continue
            for n_folds in options.folds:
                start = time.perf_counter()
                drawn = [judged.draw(n_texts, n_folds, seed) for seed in range(options.draws)]
                for score in SCORES:
                    cells = summary([found[score] for found in drawn])
                    print("|", " | ".join([name, f"{n_texts}", f"{n_folds}", score, *cells]), "|")
                print(f"<!-- {time.perf_counter() - start:.0f} s -->", flush=True)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--sets", nargs="+", default=SETS, metavar="NAME")
    add("--sizes", nargs="+", type=int, default=(300, 900))
    add("--folds", nargs="+", type=int, default=(3, 5))
    add("--draws", type=int, default=100)
    add("--rows", type=int, default=10_000, help="rows of a set that are used")
    add("--model", default=tasks.MINILM)
    return parser.parse_args()


class Judged:
    """A set whose texts have been read once: their words counted, their vectors computed."""

    def __init__(self, frame, model):
        texts = frame["text"].tolist()
        self.y = pd.factorize(frame["label"])[0]
        self.counts = CountVectorizer(ngram_range=(1, 2), min_df=2).fit_transform(texts)
        self.vectors = BertTextEmbedder(model).fit_transform(texts)

    def draw(self, n_texts, n_folds, seed):
        """Return, by score, the truth and both intervals of one sample."""
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(self.y))
        rows, rest = rows[:n_texts], rows[n_texts:]
        classes, counts = np.unique(self.y[rows], return_counts=True)
        frequent = classes[counts >= max(LEAST_PER_CLASS, n_folds)]
        rows, rest = (some[np.isin(self.y[some], frequent)] for some in (rows, rest))
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        found = [
            self.fit(rows[train], rows[test], rest)
            for train, test in splitter.split(rows, self.y[rows])
        ]
        tests = [test for _, test in splitter.split(rows, self.y[rows])]
        return {name: self.judge(score, rows, rest, tests, found) for name, score in SCORES.items()}

    def fit(self, train, test, rest):
        """Return what both models predict for the test part, and for the rest."""
        y = self.y[train]
        counts = self.counts[:, np.unique(self.counts[train].indices)]
        tfidf = TfidfTransformer(sublinear_tf=True).fit(counts[train])
        cheap = LinearSVC().fit(tfidf.transform(counts[train]), y)
        scaler = StandardScaler().fit(self.vectors[train])
        bert = LogisticRegression(C=0.01, max_iter=1000).fit(
            scaler.transform(self.vectors[train]), y
        )
        return [
            (
                cheap.predict(tfidf.transform(counts[some])),
                bert.predict(scaler.transform(self.vectors[some])),
            )
            for some in (test, rest)
        ]

    def judge(self, score, rows, rest, tests, found):
        """Return the truth, the interval over texts, and the one over folds."""
        y = self.y[rows]

        def gain(fold, kept):
            cheap, bert = (labels[kept] for labels in found[fold][0])
            right = y[tests[fold][kept]]
            return score(right, bert) - score(right, cheap)

        truth = np.mean(
            [score(self.y[rest], bert) - score(self.y[rest], cheap) for _, (cheap, bert) in found]
        )
        gains = [gain(fold, np.arange(len(test))) for fold, test in enumerate(tests)]
        sizes = [(len(rows) - len(test), len(test)) for test in tests]
        return (
            truth,
            texts_difference(tests, gain),
            fold_difference(gains, *zip(*sizes, strict=True)),
        )


def summary(found):
    """Return the cells of a line: how often an interval holds the truth, and its mean width."""
    cells = []
    for number in (1, 2):
        holds = [each[number].low <= each[0] <= each[number].high for each in found]
        width = np.mean([each[number].high - each[number].low for each in found])
        cells += [f"{100 * np.mean(holds):.1f} %", f"{100 * width:.1f}"]
    return cells


if __name__ == "__main__":
    main()
