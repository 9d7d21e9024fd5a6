"""The students that `distill` gives: points lost, speed, size, seconds, more texts or none.

    python benchmarks/distill.py --data DIR --keep FOLDER --seeds 1
        --sets sst2_sentences:3000:20000 banking77:3000:20000 ag_news:2000:12000:2000

A set is NAME:ROWS:UNLABELLED[:TESTROWS]: so many training texts with a label, at random, then at
most so many without. ``DIR/NAME/{train,test}.csv.gz`` have the columns ``text`` and ``label``;
where the training texts do not suffice, the texts of ``--more NAME=OTHER`` are taken for further
ones, and then the test texts that are not judged on. No text is both judged on and distilled on.
Teachers and their answers are kept in FOLDER, for the next run. With ``--n-layers 2``, the student
is the encoder of the teacher with so many layers, and not the fast network.
"""

import argparse
import datetime
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accuracy import environment
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine.device import find_device
from sklearn_bert._text import tokens as _tokens
from sklearn_bert._text.token_cache import TokenCache

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
HEADER = (
    "| set | texts with / without label / test | TF-IDF + SVM | teacher | student, training texts "
    "| way | student, with those without label | way | points lost | times as fast (range) "
    "| long texts | µs a text | MB | s to distil: teacher's answers, network | seeds |"
)
WORDS = ("good", "bad", "long", "text", "that", "never", "ends", ",")


def main():
    """Print the table."""
    options = parse_arguments()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"{datetime.date.today()}; {environment(find_device('cpu'))}; model {options.model}\n")
    print(HEADER + "\n|---|---|" + "---:|" * (HEADER.count("|") - 3), flush=True)
    for name in options.sets:
        runs = [run(options, name, seed) for seed in range(options.seeds)]
        print_row(name, runs)
    if options.n_layers is None:
        print_start(options)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--sets", nargs="+", required=True, metavar="NAME:ROWS:UNLABELLED[:TESTROWS]")
    add("--more", nargs="*", default=[], metavar="NAME=OTHER")
    add("--keep", type=Path, required=True, help="folder of the teachers")
    add("--model", default=MINILM)
    add("--epochs", type=int, default=3)
    add("--seeds", type=int, default=3)
    add("--n-layers", type=int, help="layers of a smaller encoder, which is the student then")
    options = parser.parse_args()
    options.more = dict(entry.split("=") for entry in options.more)
    return options


def read(options, name, part):
    """Return texts and labels."""
    path = options.data / name / f"{part}.csv.gz"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table["text"].tolist(), table["label"].to_numpy()


def split(options, spec, seed):
    """Return texts with labels, texts without, and what is judged on."""
    name, *counts = spec.split(":")
    n_rows, n_unlabelled, n_test = (*map(int, counts), None)[:3]
    (X, y), (X_test, y_test) = (read(options, name, part) for part in ("train", "test"))
    random = np.random.default_rng(seed)
    order, tested = random.permutation(len(X)), np.random.default_rng(99).permutation(len(X_test))
    X, y = [X[row] for row in order], y[order]
    judged, rest = tested[:n_test], X[n_rows:]
    if name in options.more:
        others, _ = read(options, options.more[name], "train")
        known = {*X, *X_test}
        drawn = (others[row] for row in random.permutation(len(others)))
        rest += [text for text in drawn if text not in known]
    else:
        rest += [X_test[row] for row in tested[len(judged) :]]
    X_test = [X_test[row] for row in judged]
    not_seen = set(X_test)
    more = [text for text in rest if text not in not_seen][:n_unlabelled]
    return X[:n_rows], y[:n_rows], more, X_test, y_test[judged]


def run(options, spec, seed):
    """Return the figures of one seed."""
    X, y, more, X_test, y_test = split(options, spec, seed)
    found = {"sizes": (len(X), len(more), len(X_test))}
    tfidf = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC(C=0.5))
    found["svm"] = tfidf.fit(X, y).score(X_test, y_test)
    name = f"{spec.partition(':')[0]}-{len(X)}-{seed}"
    teacher, answers = kept(options, name, X, y, [*X, *more, *X_test], seed)
    found["teacher"] = np.mean(teacher.predict_of(answers, X_test) == y_test)
    found["answer_seconds"] = teacher.text_seconds * (len(X) + len(more))
    for key, texts in (("alone", X), ("student", X + more))[: 1 + bool(more)]:
        start = time.process_time()
        student = teacher.distill(answers, texts, seed, options.n_layers)
        found[f"{key}_seconds"] = time.process_time() - start
        found[key] = student.score(X_test, y_test)
    for key in ("", "_seconds"):
        found.setdefault(f"student{key}", found[f"alone{key}"])
    student.save_pretrained(options.keep / "student")
    files = (options.keep / "student").iterdir()
    found["mb"] = sum(file.stat().st_size for file in files) / 1e6
    long = [" ".join(np.random.default_rng(n).choice(WORDS, 150)) for n in range(40)]
    for key, texts in (("short", X_test[:150]), ("long", long)):
        repeats = 20 if options.n_layers is None else 1  # or the clock is too coarse
        found[key], found[f"{key}_us"] = compare_speed(teacher.clf, student, texts, repeats)
    print(f"{name}: {found}", file=sys.stderr, flush=True)
    return found


class Teacher:
    """A fitted classifier whose answers are known already.

    Parameters
    ----------
    clf : BertTextClassifier
        Fitted.
    text_seconds : float
        Of the processor, for one text.
    """

    def __init__(self, clf, text_seconds):
        self.clf = clf
        self.text_seconds = text_seconds

    def predict_of(self, answers, texts):
        """Return the labels."""
        return self.clf.classes_[[answers[text].argmax() for text in texts]]

    def distill(self, answers, texts, seed, n_layers):
        """Return the student, without computing the answers again."""
        self.clf._outputs = lambda X: np.array([answers[text] for text in X], dtype=np.float64)
        student = self.clf.distill(texts, n_layers=n_layers, random_state=seed)
        del self.clf._outputs
        return student


def kept(options, name, X, y, texts, seed):
    """Return a teacher and its logits by text, computed or from the folder."""
    options.keep.mkdir(exist_ok=True)
    folder, file = options.keep / name, options.keep / f"{name}.npz"
    if not folder.is_dir():
        clf = BertTextClassifier(options.model, epochs=options.epochs, random_state=seed)
        clf.fit(X, y).save_pretrained(folder)
    clf = BertTextClassifier.from_pretrained(folder)
    texts = list(dict.fromkeys(texts))
    if not file.is_file():
        start = time.process_time()
        logits = clf.decision_function(texts)
        if logits.ndim == 1:
            logits = np.column_stack([-logits / 2, logits / 2])
        seconds = (time.process_time() - start) / len(texts)
        np.savez(file, logits=logits.astype(np.float32), seconds=seconds)
    stored = np.load(file)
    answers = dict(zip(texts, stored["logits"], strict=True))
    return Teacher(clf, float(stored["seconds"])), answers


def compare_speed(clf, student, texts, repeats, rounds=3):
    """Return how many times as fast the student is, in turns on one core, and its µs a text."""
    ratios, micros = [], []
    many = texts * repeats
    student.predict(texts)
    for _ in range(rounds):
        _tokens.CACHE = TokenCache(0)  # both tokenize anew
        mine, other = timed(student.predict, many) / repeats, timed(clf.predict, texts)
        ratios.append(other / mine)
        micros.append(1e6 * mine / len(texts))
    return ratios, statistics.median(micros)


def timed(function, *args):
    """Return the seconds of the processor that a call takes."""
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def print_row(name, runs):
    """Print the mean over the seeds."""

    def mean(key):
        return statistics.mean(each[key] for each in runs)

    def points(key):
        values = [100 * each[key] for each in runs]
        deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):.1f}{deviation}"

    def way(key):
        """Return how far it is from the linear SVM to the teacher."""
        gap = mean("teacher") - mean("svm")
        return f"{100 * (mean(key) - mean('svm')) / gap:.0f} %"

    sizes = " / ".join(f"{size:,}" for size in runs[0]["sizes"])
    ratios = [ratio for each in runs for ratio in each["short"]]
    long = [ratio for each in runs for ratio in each["long"]]
    lost = 100 * (mean("teacher") - mean("student"))
    print(
        f"| {name.partition(':')[0]} | {sizes} | {points('svm')} | {points('teacher')} "
        f"| {points('alone')} | {way('alone')} | {points('student')} | {way('student')} "
        f"| {lost:.1f} | {statistics.median(ratios):.0f} ({min(ratios):.0f} to {max(ratios):.0f}) "
        f"| {statistics.median(long):.0f} ({min(long):.0f} to {max(long):.0f}) "
        f"| {mean('short_us'):.0f} | {mean('mb'):.1f} | {mean('answer_seconds'):.0f}, "
        f"{mean('student_seconds'):.0f} | {len(runs)} |",
        flush=True,
    )


def print_start(options, rounds=5):
    """Print the seconds from a fresh process to its first answer."""
    code = (
        "import time; start = time.perf_counter(), time.process_time()\n"
        "from sklearn_bert import DistilledTextClassifier\n"
        f"DistilledTextClassifier.from_pretrained({str(options.keep / 'student')!r})"
        ".predict(['a joy from start to end'])\n"
        "print(time.perf_counter() - start[0], time.process_time() - start[1])"
    )
    command = [sys.executable, "-c", code]
    lines = [subprocess.check_output(command, text=True).split() for _ in range(rounds)]
    wall, processor = zip(*(map(float, line) for line in lines), strict=True)
    print(
        f"\nFirst answer of a fresh process: {statistics.median(wall):.2f} s ({min(wall):.2f} to "
        f"{max(wall):.2f}), of the processor {statistics.median(processor):.2f} s "
        f"({min(processor):.2f} to {max(processor):.2f})"
    )


if __name__ == "__main__":
    main()
