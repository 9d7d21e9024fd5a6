"""How well a preview of `compare` forecasts what BERT gains, and the figures that it goes by.

    python benchmarks/every_size.py --data DIR --out FILE --models tfidf frozen static default
    python benchmarks/preview.py FILE

FILE is what every_size.py has written; of several files, the runs of later ones count. A fit of
BERT to few rows and the cheap models on the same rows are the short fit, the mean over all seeds
of a larger size is what it is to forecast, where there are at least 2.5 times as many rows.

Of the errors of BERT and of the best cheap model, the ratio is taken: its logarithm falls with that
of the number of rows. `FALL` of sklearn_bert/comparison/_preview.py is how fast, and `SPREAD` the
standard deviation of what is left, without what the choice of the test rows explains: of that, the
variance is known for a paired ratio, if half of the errors of the better model are those of the
other one, too. Both figures are found on the sets, precise ratios count more, by short fits to 100
rows or more, as a preview has them. They are judged on a set that was left out.

Sizes in texts a class have other shares of the classes than sizes in rows, and than the test rows,
unless all classes are equally frequent: of the other sets, only sizes of one kind are paired.
"""

import argparse
import collections
import json
import math
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CHEAP = ("tfidf", "frozen", "static")
# Sets whose classes are not equally frequent.
UNBALANCED = ("tweet_eval_hate", "sms_spam", "mrpc", "go_emotions")
LEAST_ROWS = 100  # of the short fits that the figures are found by
LEAST_TIMES = 2.5
SHARED = 0.5  # of the errors of the better model
QUANTILE = statistics.NormalDist().inv_cdf(0.9)  # of an interval that holds 80 %
CLEAR = 0.01  # a gain from which on its sign must be right
ROUNDS = 200  # until the figures stay the same


@dataclass(frozen=True)
class Errors:
    """The errors of BERT and of the best cheap model, as shares of the test rows."""

    bert: float
    cheap: float
    n_test: int

    @property
    def ratio(self):
        """Return the logarithm of their ratio."""
        return math.log(self.bert / self.cheap)

    @property
    def variance(self):
        """Return the variance of that by the choice of the test rows."""
        both = SHARED * min(self.bert, self.cheap)
        differ = self.bert + self.cheap - 2 * both
        return differ / (self.n_test * self.bert * self.cheap)


@dataclass(frozen=True)
class Case:
    """A short fit and what it is to forecast: the errors with few and with all rows."""

    name: str
    n_short: int
    n: int
    few: Errors
    all: Errors

    @property
    def times(self):
        """Return the logarithm of how many times the rows there are."""
        return math.log(self.n / self.n_short)

    @property
    def change(self):
        """Return by how much the logarithm of the ratio changed."""
        return self.all.ratio - self.few.ratio

    @property
    def variance(self):
        """Return the variance of that by the choice of the test rows."""
        return self.few.variance + self.all.variance

    @property
    def gain(self):
        """Return what BERT gains with all rows."""
        return self.all.cheap - self.all.bert


@dataclass(frozen=True)
class Judged:
    """A case with its forecast, made without its set."""

    case: Case
    forecast: float
    low: float
    high: float

    @property
    def error(self):
        """Return how far the forecast is from what came."""
        return abs(self.forecast - self.case.gain)

    @property
    def holds(self):
        """Return whether the interval holds what came."""
        return self.low <= self.case.gain <= self.high

    @property
    def has_sign(self):
        """Return whether it was foreseen which of the two is ahead."""
        return (self.forecast > 0) == (self.case.gain > 0)


def main():
    """Print the table, what it comes to, and the figures of all sets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args()
    cases = find_cases(read_runs(options.files))
    judged = [each for name in dict.fromkeys(c.name for c in cases) for each in judge(cases, name)]
    print_table(judged)
    print_summary(judged)
    fall, spread = fit(cases)
    print(f"\nOn all sets: FALL = {fall:.4f}, SPREAD = {spread:.3f}")


def read_runs(files):
    """Return the runs by set, size and model, and in them by seed."""
    runs = collections.defaultdict(dict)
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            run = json.loads(line)
            runs[run["set"], run["size"], run["model"]][run["seed"]] = run
    return runs


def find_cases(runs):
    """Return all pairs of a short fit and a larger size."""
    sizes = [(name, size) for name, size, model in runs if model == "default"]
    sizes = [key for key in sizes if all((*key, model) in runs for model in CHEAP)]
    cases = []
    for name, size in sizes:
        for short in (short for other, short in sizes if other == name):
            is_mixed = short.endswith("c") != size.endswith("c")
            if not (name in UNBALANCED and is_mixed):
                cases += pair(runs, name, short, size)
    return cases


def pair(runs, name, short, size):
    """Return the cases of a short fit by each seed."""
    n_short, n = (rows_of(runs[name, some, "default"]) for some in (short, size))
    if n < LEAST_TIMES * n_short:
        return []
    whole = Errors(
        mean_error(runs[name, size, "default"]),
        min(mean_error(runs[name, size, model]) for model in CHEAP),
        n_test_of(runs[name, size, "default"]),
    )
    cases = []
    for seed, run in runs[name, short, "default"].items():
        others = [runs[name, short, model].get(seed) for model in CHEAP]
        if None not in others:
            few = Errors(error(run), min(map(error, others)), run["n_test"])
            cases.append(Case(name, n_short, n, few, whole))
    return cases


def rows_of(runs):
    """Return the training rows, of several seeds on average."""
    return round(statistics.mean(run["n_train"] for run in runs.values()))


def n_test_of(runs):
    """Return the test rows."""
    return next(iter(runs.values()))["n_test"]


def error(run):
    """Return the share of errors, half a row if there is none; of several labels 1 - micro-F1."""
    return max(1 - run["accuracy"], 0.5 / run["n_test"])


def mean_error(runs):
    """Return the mean over the seeds."""
    return statistics.mean(map(error, runs.values()))


def fit(cases):
    """Return how fast the ratio falls, and the spread of what is left."""
    cases = [case for case in cases if case.n_short >= LEAST_ROWS]
    times, changes, variances = (
        np.array([getattr(case, key) for case in cases]) for key in ("times", "change", "variance")
    )
    weights, spread = even_weights(cases), 0.2
    for _ in range(ROUNDS):
        precise = weights / (spread**2 + variances)
        fall = -(precise * times * changes).sum() / (precise * times**2).sum()
        left = (changes + fall * times) ** 2 / (spread**2 + variances)
        spread *= math.sqrt(np.average(left, weights=weights))
    return fall, spread


def even_weights(cases):
    """Return weights by which sets count alike, in them pairs of sizes, and in those seeds."""
    seeds = collections.Counter((case.name, case.n_short, case.n) for case in cases)
    pairs = collections.Counter(name for name, *_ in seeds)
    return np.array(
        [1 / seeds[case.name, case.n_short, case.n] / pairs[case.name] for case in cases]
    )


def judge(cases, name):
    """Return the cases of a set with forecasts by the others."""
    fall, spread = fit([case for case in cases if case.name != name])
    judged = []
    for case in (case for case in cases if case.name == name):
        expected = case.few.ratio - fall * case.times
        margin = QUANTILE * math.sqrt(spread**2 + case.variance)
        gains = [case.all.cheap * -math.expm1(expected + shift) for shift in (0, margin, -margin)]
        judged.append(Judged(case, *gains))
    return judged


def groups(judged):
    """Return the cases by set and both sizes."""
    found = collections.defaultdict(list)
    for each in judged:
        found[each.case.name, each.case.n_short, each.case.n].append(each)
    return found


def print_table(judged):
    """Print a line a set and pair of sizes, means over the seeds of the short fit."""
    print("| Set | Fitted to | Rows | Seeds | Forecast | 80 % interval | Real | Held |")
    print("|---|---:|---:|---:|---:|---|---:|---:|")
    for (name, n_short, n), some in sorted(groups(judged).items()):
        forecast, low, high = (
            100 * statistics.mean(getattr(each, key) for each in some)
            for key in ("forecast", "low", "high")
        )
        print(
            f"| {name} | {n_short:,} | {n:,} | {len(some)} | {forecast:+.1f} | {low:+.1f} to "
            f"{high:+.1f} | {100 * some[0].case.gain:+.1f} | {sum(e.holds for e in some)} |"
        )


def print_summary(judged):
    """Print how good the forecasts are: each pair of sizes of a set counts alike."""
    kinds = {
        "all": lambda case: True,
        "fitted to less than 100 rows": lambda case: case.n_short < LEAST_ROWS,
        "fitted to 100 rows or more": lambda case: case.n_short >= LEAST_ROWS,
        "fitted to 300 rows or more": lambda case: case.n_short >= 300,
        "from there to more than 2,000 rows": lambda case: case.n_short >= 300 and case.n > 2000,
    }
    print("\n| Cases | Sets | Pairs | Mean error | Largest | Interval holds | Width | Sign |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for kind, is_in in kinds.items():
        some = [each for each in judged if is_in(each.case)]
        if some:
            print(f"| {kind} | {' | '.join(figures(some))} |")


def figures(judged):
    """Return the cells of a line of the summary."""
    pairs = groups(judged).values()

    def mean(key, some=lambda each: True):
        """Return the mean over the pairs of the means over the seeds."""
        kept = [[key(each) for each in pair if some(each)] for pair in pairs]
        return statistics.mean(statistics.mean(values) for values in kept if values)

    clear = [each for each in judged if abs(each.case.gain) > CLEAR]
    return [
        str(len({each.case.name for each in judged})),
        str(len(pairs)),
        f"{100 * mean(lambda each: each.error):.2f}",
        f"{100 * max(each.error for each in judged):.1f}",
        f"{100 * mean(lambda each: each.holds):.0f} %",
        f"{100 * mean(lambda each: each.high - each.low):.1f}",
        f"{100 * mean(lambda each: each.has_sign, lambda each: each in clear):.0f} %"
        if clear
        else "-",
    ]


if __name__ == "__main__":
    main()
