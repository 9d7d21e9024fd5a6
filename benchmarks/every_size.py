"""Accuracy at every size of the training data, from 8 texts a class on, beside other models.

    python -m pip install -c constraints.txt -e . -r benchmarks/requirements.txt
    python benchmarks/every_size.py --data DIR --out FILE
    python benchmarks/every_size.py --out FILE --table

SetFit may have an interpreter of its own: ``--setfit-python PYTHON``.

Each set is ``DIR/NAME/{train,test}.csv.gz``, its rows shuffled, with the columns ``text``, or
``text_a`` and ``text_b``, and ``label``, or one column of 0 and 1 for each of several labels. The
test rows are the first ``--test-rows`` of the test part. That of tweet_eval_hate is known to be
unlike its training part, so the first training rows are tested on instead, and not trained on.

A size is a number of rows, ``all``, or texts a class: ``8c``. Each seed puts the training rows into
an order of its own, the same for all models, and a size takes the first of them. With several
labels a text, ``8c`` keeps each row that has a label of which there are less than 8 so far, until
all labels have 8: frequent ones get more. Sizes for which a set has too few rows, and texts a class
that make more than 3,000 rows, are left out.

With several labels, "accuracy" is the micro-F1, and macro-F1 is the mean over the labels. The
simple models and SetFit read the two texts of a pair as one.

Fit seconds count loading and tokenizing; CPU seconds are those of the fit. The vectors of
``frozen`` are computed once for all runs, and are counted in each as if they were not shared; the
distillation of ``static``, about 40 s on one core, is told in the file and is not counted.

The learning rate of the Trainer is chosen by its accuracy on the test rows at seed 0, which is
generous to it. Models in which nothing is random but the rows drawn have one seed at ``all``.

With ``--out FILE`` each finished run becomes a line of JSON in FILE, and a run that FILE has is
not repeated: use a new file after a change that is not one of the defaults of `BertTextClassifier`.
``--out FILE --table`` only prints the tables of what FILE holds.

Regret is what is lost by not having taken the best other model: the mean difference to it over the
seeds that both have, with its standard error. The best is known only afterwards and is the best of
several noisy means, so that regret is overstated; below 0 the model itself is the best.
"""

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import accuracy
import numpy as np
import pandas as pd
import tasks
import transformers
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_bert import BertTextClassifier, BertTextEmbedder, TextsCutWarning
from sklearn_bert._engine.device import find_device, find_dtype
from sklearn_bert._engine.hub import locate
from sklearn_bert._text import tokens as _tokens
from sklearn_bert._text.token_cache import TokenCache

SETS = (
    "sst2_sentences",
    "ag_news",
    "banking77",
    "tweet_eval_hate",
    "sms_spam",
    "mrpc",
    "go_emotions",
)
SHIFTED = ("tweet_eval_hate",)  # sets whose test part is not like their training part
SIZES = ("8c", "16c", "64c", "320", "1000", "3000", "all")
FEW = ("8c", "16c")  # sizes at which chance decides much: more seeds
MOST_PER_CLASS = 3000  # rows in all that a size in texts a class may make

# By whether there are several labels, all of them rare: without weights, the simple models would
# find next to none of them.
BALANCE = {False: None, True: "balanced"}
RATES = (5e-5, 1e-4, 3e-4)  # that the Trainer tries
# The first default, which was the same for any number of labels. It had no mean of the weights.
FIRST = {"epochs": 3, "batch_size": 32, "head": "new", "pooling": "cls"}


def main():
    """Do the runs that are still missing and print the tables."""
    options = parse_arguments()
    runs = accuracy.read_runs(options.out)
    if not options.table:
        silence()
        runs = list(finished_runs(options, runs))
    print_tables(options, runs)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, help="folder of the data sets")
    add("--sets", nargs="+", default=SETS, metavar="NAME")
    add("--sizes", nargs="+", default=SIZES, metavar="SIZE", help="rows, 'all', or '8c' a class")
    add("--models", nargs="+", choices=MODELS, default=list(MODELS))
    add("--seeds", type=int, default=3, help="number of seeds, from 0")
    add("--few-seeds", type=int, default=10, help=f"the same at {' and '.join(FEW)}")
    add("--test-rows", type=int, default=1000)
    add("--model", default=tasks.MINILM, help="hub name or folder")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    add("--setfit-python", default=sys.executable, help="interpreter that has setfit")
    add("--regret-of", default="default", metavar="MODEL", help="whom the others are compared to")
    add("--out", type=Path, help="file of finished runs, to go on from and to append to")
    add("--table", action="store_true", help="only print the tables of what --out holds")
    options = parser.parse_args()
    if options.table and (options.out is None or not options.out.exists()):
        parser.error("--table needs --out, a file of finished runs")
    if not options.table and options.data is None:
        parser.error("--data is needed")
    return options


def silence():
    """Switch off progress bars, and the warnings that small samples are bound to give."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.simplefilter("ignore", TextsCutWarning)
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "Label .* is present in all training examples")


@dataclass(frozen=True)
class Task:
    """A set: what to draw the training rows from, and the test rows.

    `texts` are a list of str, or an array of two columns; `labels` are one a text, or a matrix of
    0 and 1 with a column for each of several labels.
    """

    name: str
    texts: list | np.ndarray
    labels: np.ndarray
    test_texts: list | np.ndarray
    test_labels: np.ndarray

    def rows(self, numbers):
        """Return the texts and the labels of these training rows."""
        if isinstance(self.texts, list):
            return [self.texts[i] for i in numbers], self.labels[numbers]
        return self.texts[numbers], self.labels[numbers]


def read_task(folder, name, n_test):
    """Return a set as a task."""
    train, test = (
        pd.read_csv(folder / name / f"{part}.csv.gz", dtype=str, keep_default_na=False)
        for part in ("train", "test")
    )
    if name in SHIFTED:
        train, test = train.iloc[n_test:], train
    return Task(name, *texts_and_labels(train), *texts_and_labels(test.head(n_test)))


def texts_and_labels(table):
    """Return the texts and the labels of a table, as a `Task` has them."""
    pair = ["text_a", "text_b"]
    texts = table["text"].tolist() if "text" in table else table[pair].to_numpy(dtype=object)
    if "label" in table:
        return texts, table["label"].to_numpy(dtype=object)
    return texts, table.drop(columns=["text", *pair], errors="ignore").to_numpy().astype(int)


def draw(task, size, seed):
    """Return the numbers of the training rows, or None if the set has too few for this size."""
    order = np.random.default_rng(seed).permutation(len(task.labels))
    if size == "all":
        return order
    if not size.endswith("c"):
        return order[: int(size)] if int(size) <= len(order) else None
    return draw_of_each_class(indicator(task.labels), int(size[:-1]), order)


def indicator(labels):
    """Return a matrix of booleans, a column a class."""
    return labels == 1 if labels.ndim == 2 else labels[:, None] == np.unique(labels)


def draw_of_each_class(indicator, count, order):
    """Return the first rows of `order` that have a class of which there are too few so far."""
    n_classes = indicator.shape[1]
    if count * n_classes > MOST_PER_CLASS or indicator.sum(axis=0).min() < count:
        return None
    counts, kept = np.zeros(n_classes, int), []
    for row in order:
        if (indicator[row] & (counts < count)).any():
            kept.append(row)
            counts += indicator[row]
    return np.array(kept)


def finished_runs(options, runs):
    """Yield all runs that the options ask for; do and append those that `runs` has not."""
    done = {run_key(run): run for run in runs}
    for name in options.sets:
        task = read_task(options.data, name, options.test_rows)
        for size in options.sizes:
            tuned = []
            for seed in range(options.few_seeds if size in FEW else options.seeds):
                rows = draw(task, size, seed)
                if rows is None:
                    break
                for kind, settings in planned(options, size, seed, tuned):
                    run = {"set": name, "size": size, "n_train": len(rows)}
                    run |= {"n_test": len(task.test_labels), "model": kind, "seed": seed}
                    run |= {"settings": settings}
                    if run_key(run) not in done:
                        run |= measure(options, run, task, rows)
                        done[run_key(run)] = run
                        accuracy.report(run, options.out)
                    run = done[run_key(run)]
                    if kind == "trainer":
                        tuned.append(run)
                    yield run


def run_key(run):
    """Return what makes a run the same as another one."""
    keys = ("set", "size", "n_train", "n_test", "model", "seed", "settings")
    return json.dumps([run[key] for key in keys], sort_keys=True)


def planned(options, size, seed, tuned):
    """Yield the models to run, each with its settings: they take turns at each seed.

    `tuned` are the Trainer's runs so far: at seed 0 it tries all rates, then the best of them.
    """
    device = find_device(options.device)
    dtype = str(find_dtype("auto", device)).removeprefix("torch.")
    shared = {"model": options.model, "device": str(device)}
    for kind in options.models:
        if size == "all" and seed > 0 and not MODELS[kind].chance:
            continue  # it would learn the same from the same rows
        rates = (None,)
        if kind == "trainer":
            rates = RATES if seed == 0 else (best_rate(tuned),)
        for rate in rates:
            settings = shared if MODELS[kind].uses_bert else {}
            if MODELS[kind].trains_bert_here:
                settings = settings | {"dtype": dtype}
            if rate is not None:
                settings = settings | {"learning_rate": rate}
            if issubclass(MODELS[kind], Default):
                parameters = BertTextClassifier(**MODELS[kind].parameters).get_params()
                settings = parameters | settings  # so that other defaults are other runs
            yield kind, settings


def best_rate(runs):
    """Return the learning rate of the run of seed 0 with the best accuracy."""
    tried = [run for run in runs if run["seed"] == 0]
    return max(tried, key=lambda run: run["accuracy"])["settings"]["learning_rate"]


def measure(options, run, task, rows):
    """Train and score one model; return the results, and where and when they were got."""
    model = MODELS[run["model"]](options, run["seed"], run["settings"])
    texts, labels = task.rows(rows)
    accuracy.free_memory()
    _tokens.CACHE = TokenCache(0)  # each tokenizes anew
    fit_seconds, cpu_seconds = seconds_of(model, lambda: model.fit(texts, labels))
    found = []
    predict_seconds, _ = seconds_of(model, lambda: found.append(model.predict(task.test_texts)))
    average = "micro" if task.labels.ndim == 2 else None
    return {
        "accuracy": score(task.test_labels, found[0], average),
        "macro_f1": score(task.test_labels, found[0], "macro"),
        "fit_seconds": round(fit_seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "predict_seconds": round(predict_seconds, 3),
        **model.told,
        "date": datetime.date.today().isoformat(),
        "environment": accuracy.environment(find_device(options.device)) + model.library(),
    }


def seconds_of(model, work):
    """Return the seconds and the CPU seconds of some work, with those that the model adds."""
    model.added = np.zeros(2)
    start = clocks()
    work()
    return (clocks() - start + model.added).tolist()


def score(labels, predicted, average):
    """Return the F1 of that average, or the accuracy if there is none."""
    if average is None:
        return float(accuracy_score(labels, predicted))
    return float(f1_score(labels, predicted, average=average, zero_division=0))


class Model:
    """A model of the table; `fit` also loads and tokenizes."""

    chance = False  # whether anything is random but the rows drawn
    uses_bert = True
    trains_bert_here = False  # in this process

    def __init__(self, options, seed, settings):
        """Keep what it is given."""
        self.options, self.seed, self.settings = options, seed, settings
        self.added = np.zeros(2)  # seconds and CPU seconds that this process does not see
        self.told = {}  # further results

    def fit(self, texts, labels):
        """Train."""
        self.head = self.classifier(labels).fit(self.features(texts), labels)

    def predict(self, texts):
        """Return the labels of the texts."""
        return self.head.predict(self.features(texts))

    def classifier(self, labels):
        """Return the classifier of the features, one for each of several labels."""
        head = self.make_head(labels.ndim == 2)
        return OneVsRestClassifier(head) if labels.ndim == 2 else head

    def library(self):
        """Return the version of what the model is built on, if only it is."""
        return ""


class Majority(Model):
    """The most frequent label, for all texts."""

    uses_bert = False

    def fit(self, texts, labels):
        """Count."""
        if labels.ndim == 2:
            self.label = np.eye(labels.shape[1], dtype=int)[labels.sum(axis=0).argmax()]
        else:
            classes, counts = np.unique(labels, return_counts=True)
            self.label = classes[counts.argmax()]

    def predict(self, texts):
        """Return the label of each text."""
        return np.array([self.label] * len(texts))


class Tfidf(Model):
    """A linear SVM on TF-IDF of words and word pairs."""

    uses_bert = False

    def fit(self, texts, labels):
        """Train."""
        self.vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        self.vectorizer.fit(joined(texts))
        super().fit(texts, labels)

    def features(self, texts):
        """Return the TF-IDF of the texts."""
        return self.vectorizer.transform(joined(texts))

    def make_head(self, several):
        """Return the SVM."""
        return LinearSVC(C=0.5, random_state=self.seed, class_weight=BALANCE[several])


class Frozen(Model):
    """A logistic regression on the mean vectors of BERT as it was pretrained.

    The regression is that of sklearn-bert's own comparison of models.
    """

    def __init__(self, options, seed, settings):
        """Have the encoder loaded."""
        super().__init__(options, seed, settings)
        self.vectors = shared_vectors(options.model, options.device)

    def fit(self, texts, labels):
        """Train."""
        self.added += self.vectors.loading
        super().fit(texts, labels)

    def features(self, texts):
        """Return the vectors, each of which is computed once a process."""
        vectors, saved = self.vectors.get(texts)
        self.added += saved
        return vectors

    def make_head(self, several):
        """Return the regression."""
        head = LogisticRegression(C=0.03, max_iter=1000, class_weight=BALANCE[several])
        return make_pipeline(StandardScaler(), head)


class Static(Model):
    """A logistic regression on model2vec's static vectors, distilled from the same BERT.

    Of C = 1 and C = 10 the latter is better by far with few texts, and by little worse with many.
    """

    def __init__(self, options, seed, settings):
        """Have the static model distilled."""
        super().__init__(options, seed, settings)
        self.static, seconds = distilled(options.model)
        self.told = {"distil_seconds": seconds}

    def features(self, texts):
        """Return the vectors."""
        # Its helper processes, from 10,000 texts on, would escape the CPU seconds.
        return self.static.encode(joined(texts), use_multiprocessing=False)

    def make_head(self, several):
        """Return the regression."""
        return LogisticRegression(C=10, max_iter=1000, class_weight=BALANCE[several])

    def library(self):
        """Return the version of model2vec."""
        import model2vec

        return f", model2vec {model2vec.__version__}"


class SetFit(Model):
    """SetFit, in a process of its own; see ``setfit_worker.py`` for its recipe."""

    chance = True

    def __init__(self, options, seed, settings):
        """Have the worker started."""
        super().__init__(options, seed, settings)
        folder, device = locate(options.model), find_device(options.device)
        self.worker, about = setfit_worker(options.setfit_python, str(folder), str(device))
        self.told, self.versions = {"recipe": about["recipe"]}, about["versions"]

    def fit(self, texts, labels):
        """Train."""
        self.several = labels.ndim == 2
        self.classes, codes = None, labels
        if not self.several:
            self.classes, codes = np.unique(labels, return_inverse=True)
        self.ask({"texts": joined(texts), "labels": codes.tolist(), "seed": self.seed})

    def predict(self, texts):
        """Return the labels of the texts."""
        found = np.array(self.ask({"texts": joined(texts)})["predicted"])
        return found.astype(int) if self.several else self.classes[found]

    def ask(self, request):
        """Return the worker's answer."""
        self.worker.stdin.write(json.dumps(request) + "\n")
        self.worker.stdin.flush()
        answer = json.loads(self.worker.stdout.readline())
        self.added += [0, answer["cpu_seconds"]]
        return answer

    def library(self):
        """Return the worker's versions."""
        return f"; the worker: {self.versions}"


class Trainer(Model):
    """Hugging Face's Trainer: 3 epochs in batches of 16."""

    chance = True
    trains_bert_here = True

    def fit(self, texts, labels):
        """Train."""
        self.several = labels.ndim == 2
        if self.several:
            self.classes, codes = np.arange(labels.shape[1]), labels.astype(np.float32)
        else:
            self.classes, codes = np.unique(labels, return_inverse=True)
        problem = "multi_label_classification" if self.several else "single_label_classification"
        self.tokenizer, self.module = tasks.trainer_module(
            self.options, len(self.classes), self.seed, problem
        )
        options = SimpleNamespace(
            epochs=3, batch_size=16, device=self.options.device, trainer_plain=False
        )
        rate = self.settings["learning_rate"]
        rows = self.encode(texts, codes if self.several else codes.tolist())
        self.trainer = accuracy.trained(options, self.seed, rate, self.module, self.tokenizer, rows)

    def encode(self, texts, labels):
        """Return one dict a text, as the Trainer reads them."""
        columns = [texts] if isinstance(texts, list) else [list(column) for column in texts.T]
        return tasks.encode(self.tokenizer, self.module, columns, labels)

    def predict(self, texts):
        """Return the labels of the texts."""
        shape = (len(texts), len(self.classes))
        unknown = np.zeros(shape, np.float32) if self.several else [0] * len(texts)
        logits = accuracy.trainer_logits(self.trainer, self.encode(texts, unknown))
        return (logits > 0).astype(int) if self.several else self.classes[logits.argmax(axis=1)]


class Default(Model):
    """sklearn-bert with the defaults of the version that is installed."""

    chance = True
    trains_bert_here = True
    parameters = {}

    def fit(self, texts, labels):
        """Train."""
        self.clf = BertTextClassifier(
            self.options.model,
            device=self.options.device,
            random_state=self.seed,
            **self.parameters,
        ).fit(texts, labels)
        self.told = {"learning_rate": float(self.clf.learning_rate_)}

    def predict(self, texts):
        """Return the labels of the texts."""
        return self.clf.predict(texts)


class FirstDefault(Default):
    """sklearn-bert with its first default."""

    parameters = FIRST


class BalancedDefault(Default):
    """The same, with the weights that the simple models have where there are several labels."""

    parameters = {"class_weight": "balanced"}


MODELS = {
    "majority": Majority,
    "tfidf": Tfidf,
    "frozen": Frozen,
    "static": Static,
    "setfit": SetFit,
    "trainer": Trainer,
    "first-default": FirstDefault,
    "default": Default,
    "default-balanced": BalancedDefault,
}


def joined(texts):
    """Return the texts as a list of str; the two of a pair are one text to the simple models."""
    if isinstance(texts, list):
        return texts
    return [" [SEP] ".join(pair) for pair in texts]


class SharedVectors:
    """The mean vectors of texts or pairs, kept for other seeds and sizes."""

    def __init__(self, model, device):
        """Load the encoder."""
        start = clocks()
        self.embedder = BertTextEmbedder(model, pooling="mean", device=device).fit(["a text"])
        self.loading = clocks() - start
        self.kept = {}  # text or pair -> vector, and the seconds and CPU seconds that it took

    def get(self, texts):
        """Return the vectors, and the seconds and CPU seconds that were saved."""
        keys = [text if isinstance(text, str) else tuple(text) for text in texts]
        new = list(dict.fromkeys(key for key in keys if key not in self.kept))
        spent = np.zeros(2)
        if new:
            start = clocks()
            batch = new if isinstance(new[0], str) else np.array(new, dtype=object)
            vectors = self.embedder.transform(batch)
            spent = clocks() - start
            each = [(vector, spent / len(new)) for vector in vectors]
            self.kept.update(zip(new, each, strict=True))
        vectors, seconds = zip(*(self.kept[key] for key in keys), strict=True)
        return np.stack(vectors), np.sum(seconds, axis=0) - spent


def clocks():
    """Return the seconds and the CPU seconds."""
    return np.array([time.perf_counter(), time.process_time()])


@cache
def shared_vectors(model, device):
    """Return the vectors that all runs share."""
    return SharedVectors(model, device)


@cache
def distilled(model):
    """Return the static model of a checkpoint, and the seconds that its distillation took."""
    from model2vec.distill import distill

    start = time.perf_counter()
    static = distill(str(locate(model)))
    return static, round(time.perf_counter() - start, 3)


@cache
def setfit_worker(python, folder, device):
    """Return the process that has SetFit, and what it said when it started."""
    script = Path(__file__).with_name("setfit_worker.py")
    worker = subprocess.Popen(
        [python, "-W", "ignore", script, folder, device],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError("setfit did not start; see --setfit-python")
    return worker, json.loads(line)


def print_tables(options, runs):
    """Print the tables of these runs."""
    mine = [run for run in runs if run["settings"].get("model", options.model) == options.model]
    cells = chosen(mine)
    kinds = [kind for kind in MODELS if any(key[-1] == kind for key in cells)]
    scores = (
        ("Accuracy (of several labels: micro-F1), %", "accuracy"),
        ("Macro-F1, %", "macro_f1"),
    )
    for title, name in scores:
        print_cells(f"{title}: mean ± standard deviation (seeds)", cells, kinds, name, mean_and_sd)
    print_cells("CPU seconds of a fit, median", cells, kinds, "cpu_seconds", median)
    print_regret(cells, options.regret_of)
    dates = sorted({run["date"] for run in mine})
    print(f"\n{' to '.join(dict.fromkeys((dates[0], dates[-1])))}; model {options.model}")
    for environment in sorted({run["environment"] for run in mine}):
        print(f"- {environment}")


def chosen(runs):
    """Return the runs that count, by set, size, test rows and model, in the order of the script.

    Those of the Trainer are the ones at its best rate; of the others, those with the settings that
    were run last.
    """
    cells = {}
    for run in runs:
        key = (run["set"], run["size"], run["n_test"], run["model"])
        cells.setdefault(key, []).append(run)
    for key, group in cells.items():
        settings = group[-1]["settings"]
        if key[-1] == "trainer":
            settings = settings | {"learning_rate": best_rate(group)}
        cells[key] = [run for run in group if run["settings"] == settings]
    places = {name: i for i, name in enumerate((*SETS, *SIZES, *MODELS))}
    return dict(sorted(cells.items(), key=lambda cell: [places.get(part, -1) for part in cell[0]]))


def print_cells(title, cells, kinds, name, text):
    """Print a table with a row for each set and size, and a column for each model."""
    print(f"\n{title}\n")
    print("| set | size | rows train/test | " + " | ".join(kinds) + " |")
    print("|---|---|---|" + "---:|" * len(kinds))
    for place in dict.fromkeys(key[:3] for key in cells):
        groups = [cells.get((*place, kind), []) for kind in kinds]
        n_train = statistics.median_low([run["n_train"] for group in groups for run in group])
        row = [*place[:2], f"{n_train:,} / {place[2]:,}"]
        row += [text([run[name] for run in group]) if group else "" for group in groups]
        print("| " + " | ".join(row) + " |")


def mean_and_sd(values):
    """Return mean and standard deviation in per cent, and the number of values."""
    spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.fmean(values):.1f}{spread} ({len(values)})"


def median(values):
    """Return the median."""
    return f"{statistics.median(values):.1f}"


def print_regret(cells, kind):
    """Print the regret of a model for each set and size, and its mean and worst by size."""
    found = [regret(cells, key) for key in cells if key[-1] == kind]
    found = [row for row in found if row is not None]
    if not found:
        print(f"\nNo regret: no runs of {kind} beside those of others.")
        return
    print(f"\nRegret of {kind}: the best other model's accuracy minus its own, points\n")
    print(f"| set | size | best other | its accuracy % | {kind} % | regret ± s.e. | seeds |")
    print("|---|---|---|---:|---:|---:|---:|")
    for row in found:
        values = f"{row['other_mean']:.1f} | {row['mean']:.1f} | {with_error(row)} | {row['seeds']}"
        print(f"| {row['set']} | {row['size']} | {row['other']} | {values} |")
    print("\n| size | mean regret ± s.e. | worst | its set | sets | compared with |")
    print("|---|---:|---:|---|---:|---|")
    for size in dict.fromkeys(row["size"] for row in found):
        rows = [row for row in found if row["size"] == size]
        worst = max(rows, key=lambda row: row["regret"])
        errors = [row["error"] for row in rows if row["error"] is not None]
        mean = {"regret": statistics.fmean(row["regret"] for row in rows), "error": None}
        if len(errors) == len(rows):
            mean["error"] = sum(error**2 for error in errors) ** 0.5 / len(rows)
        others = [kind for kind in MODELS if any(kind in row["others"] for row in rows)]
        values = f"{with_error(mean)} | {with_error(worst)} | {worst['set']} | {len(rows)}"
        print(f"| {size} | {values} | {', '.join(others)} |")


def regret(cells, key):
    """Return how much better the best other model is at this set and size, or None if alone."""
    own, rows = by_seed(cells[key]), []
    others = [other for other in cells if other[:-1] == key[:-1] and other != key]
    for other in others:
        theirs = by_seed(cells[other])
        if key[1] == "all" and not MODELS[other[-1]].chance:
            theirs = dict.fromkeys(own, theirs[0])
        seeds = sorted(own.keys() & theirs.keys())
        if len(seeds) < min(2, len(own)):  # a single one would be best by luck
            continue
        differences = [theirs[seed] - own[seed] for seed in seeds]
        error = statistics.stdev(differences) / len(seeds) ** 0.5 if len(seeds) > 1 else None
        row = {"set": key[0], "size": key[1], "other": other[-1], "seeds": len(seeds)}
        row |= {"regret": statistics.fmean(differences), "error": error}
        row["mean"] = statistics.fmean(own[seed] for seed in seeds)
        row["other_mean"] = statistics.fmean(theirs[seed] for seed in seeds)
        rows.append(row)
    if not rows:
        return None
    best = max(rows, key=lambda row: row["regret"])
    return best | {"others": [row["other"] for row in rows]}


def by_seed(runs):
    """Return the accuracies in per cent, by seed."""
    return {run["seed"]: 100 * run["accuracy"] for run in runs}


def with_error(row):
    """Return the regret with its standard error, if there is one."""
    error = "" if row["error"] is None else f" ± {row['error']:.1f}"
    return f"{row['regret']:+.1f}{error}"


if __name__ == "__main__":
    main()
