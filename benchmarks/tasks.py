"""Other things to learn: several labels, pairs, long texts, imbalance, frozen layers, vectors.

    python benchmarks/tasks.py multilabel --data DIR --set go_emotions:10000
    python benchmarks/tasks.py pairs --data DIR --set mrpc
    python benchmarks/tasks.py long --data DIR --set imdb:2000:2000 --max-length 128 256
    python benchmarks/tasks.py imbalance --data DIR --set tweet_eval_hate:3000
    python benchmarks/tasks.py frozen --data DIR --set sst2_sentences:2000
    python benchmarks/tasks.py embed --data DIR --set ag_news:1000

Each set is ``DIR/NAME/{train,test}.csv.gz``, with the columns ``text``, or ``text_a`` and
``text_b``, and ``label``, or one column of 0 and 1 for each of several labels; NAME:ROWS:TESTROWS
takes the first rows only. The Hugging Face Trainer has the same weights, epochs, batch size and
peak learning rate, bfloat16 where sklearn-bert has, and batches of similar length.
"""

import argparse
import datetime
import statistics
import time
import warnings

import accuracy
import numpy as np
import pandas as pd
import torch
import transformers
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sklearn_bert import BertTextClassifier, BertTextEmbedder, TextsCutWarning
from sklearn_bert._engine.encoder import longest_input
from sklearn_bert._engine.hub import locate
from sklearn_bert._text import tokens as _tokens
from sklearn_bert._text.token_cache import TokenCache
from sklearn_bert.comparison._statistics import expected_calibration_error

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def main():
    """Run one of the tasks."""
    options = parse_arguments()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.simplefilter("ignore", TextsCutWarning)
    train, test = read(options)
    print(f"\n{options.set}, {len(train):,} / {len(test):,} rows, {options.epochs} epochs\n")
    TASKS[options.task](options, train, test)
    device = accuracy.find_device(options.device)
    print(f"\n{datetime.date.today()}; {accuracy.environment(device)}; model {options.model}")


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("task", choices=TASKS)
    add("--data", required=True, help="folder of the data sets")
    add("--set", required=True, metavar="NAME[:ROWS[:TESTROWS]]")
    add("--model", default=MINILM)
    add("--epochs", type=int, default=3)
    add("--batch-size", type=int, default=32)
    add("--max-length", type=int, nargs="+", default=[128])
    add("--seeds", type=int, default=3)
    add("--device", default="cpu")
    options = parser.parse_args()
    options.trainer_plain = False
    return options


def read(options):
    """Return the training and the test table."""
    name, *counts = options.set.split(":")
    tables = []
    for part, count in zip(("train", "test"), (*counts, "", "")[:2], strict=True):
        path = f"{options.data}/{name}/{part}.csv.gz"
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        tables.append(table.head(int(count)) if count else table)
    return tables


def classifier(options, seed=0, **parameters):
    """Return our classifier."""
    return BertTextClassifier(
        options.model,
        epochs=options.epochs,
        batch_size=options.batch_size,
        device=options.device,
        random_state=seed,
        **parameters,
    )


def trainer_module(options, n_labels, seed, problem_type):
    """Return the tokenizer and the module that a Trainer is given."""
    folder = locate(options.model)
    transformers.set_seed(seed)
    module = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=n_labels, dtype=torch.float32, problem_type=problem_type
    )
    return AutoTokenizer.from_pretrained(folder), module


def timed(function, *args):
    """Return what the function returns, and the seconds that it took."""
    start = time.perf_counter()
    found = function(*args)
    return found, time.perf_counter() - start


def spread(values):
    """Return mean and standard deviation in per cent."""
    deviation = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.1f}{deviation}"


def multilabel(options, train, test):
    """Micro- and macro-F1 at a threshold of 0.5, beside TF-IDF and the Trainer."""
    labels = train.columns.drop("text")
    Y, Y_test = (table[labels].to_numpy().astype(int) for table in (train, test))
    texts, test_texts = train["text"].tolist(), test["text"].tolist()
    print("| model | micro-F1 % | macro-F1 % | fit s | predict s |\n|---|---:|---:|---:|---:|")

    def show(name, runs):
        """Print a row; `runs` are tuples of predictions and seconds."""
        micro, macro = (
            spread([f1_score(Y_test, run[0], average=kind, zero_division=0) for run in runs])
            for kind in ("micro", "macro")
        )
        fit, predict = (statistics.median(run[i] for run in runs) for i in (1, 2))
        print(f"| {name} | {micro} | {macro} | {fit:.1f} | {predict:.1f} |", flush=True)

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    for name, weight in (("", None), (", balanced", "balanced")):
        svm = LinearSVC(C=0.5, random_state=0, class_weight=weight)
        model = make_pipeline(vectorizer, OneVsRestClassifier(svm))
        _, fit = timed(model.fit, texts, Y)
        predicted, predict = timed(model.predict, test_texts)
        show(f"TF-IDF + linear SVM, one against the rest{name}", [(predicted, fit, predict)])
    ours, balanced, trainer = [], [], []
    for seed in range(options.seeds):
        for runs, weight in ((ours, None), (balanced, "balanced")):
            clf = classifier(options, seed, class_weight=weight)
            _, fit = timed(clf.fit, texts, Y)
            predicted, predict = timed(clf.predict, test_texts)
            runs.append((predicted, fit, predict))
        start = time.perf_counter()
        tokenizer, module = trainer_module(options, len(labels), seed, "multi_label_classification")
        rows = encode(tokenizer, module, [texts], Y.astype(np.float32))
        peer = accuracy.trained(options, seed, clf.learning_rate_, module, tokenizer, rows)
        fit = time.perf_counter() - start
        logits, predict = timed(
            accuracy.trainer_logits,
            peer,
            encode(tokenizer, module, [test_texts], Y_test.astype(np.float32)),
        )
        trainer.append(((logits > 0).astype(int), fit, predict))
    show("sklearn-bert", ours)
    show('sklearn-bert, class_weight="balanced"', balanced)
    show("Hugging Face Trainer", trainer)


def encode(tokenizer, module, columns, labels):
    """Return one dict a text or pair, as the Trainer reads them."""
    length = longest_input(tokenizer, module)
    inputs = dict(tokenizer(*columns, truncation=True, max_length=length))
    inputs["labels"] = list(labels)
    return [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]


def pairs(options, train, test):
    """Accuracy and F1 of pairs, beside the Trainer."""
    X, X_test = (table[["text_a", "text_b"]] for table in (train, test))
    y, y_test = (table["label"].to_numpy().astype(int) for table in (train, test))
    found = {"sklearn-bert": [], "Hugging Face Trainer": []}
    for seed in range(options.seeds):
        clf = classifier(options, seed)
        _, fit = timed(clf.fit, X, y)
        predicted, predict = timed(clf.predict, X_test)
        found["sklearn-bert"].append((predicted, fit, predict))
        start = time.perf_counter()
        tokenizer, module = trainer_module(options, 2, seed, "single_label_classification")
        rows, test_rows = (
            encode(tokenizer, module, [part["text_a"].tolist(), part["text_b"].tolist()], labels)
            for part, labels in ((X, y.tolist()), (X_test, y_test.tolist()))
        )
        peer = accuracy.trained(options, seed, clf.learning_rate_, module, tokenizer, rows)
        fit = time.perf_counter() - start
        logits, predict = timed(accuracy.trainer_logits, peer, test_rows)
        found["Hugging Face Trainer"].append((logits.argmax(axis=1), fit, predict))
    print("| model | accuracy % | F1 % | fit s | predict s |\n|---|---:|---:|---:|---:|")
    for name, runs in found.items():
        scores = [
            spread([score(y_test, run[0]) for run in runs]) for score in (accuracy_score, f1_score)
        ]
        seconds = [f"{statistics.median(run[i] for run in runs):.1f}" for i in (1, 2)]
        print("| " + " | ".join([name, *scores, *seconds]) + " |")


def long(options, train, test):
    """Accuracy and seconds of the three ways to read a long text."""
    X, y, X_test, y_test = single(train, test)
    print("| max_length | long_text | accuracy % | fit s | predict s |\n|---:|---|---:|---:|---:|")
    for max_length in options.max_length:
        for long_text in ("head", "head+tail", "windows"):
            runs = []
            for seed in range(options.seeds):
                clf = classifier(options, seed, max_length=max_length, long_text=long_text)
                _, fit = timed(clf.fit, X, y)
                score, predict = timed(clf.score, X_test, y_test)
                runs.append((score, fit, predict))
            scores, fits, predicts = zip(*runs, strict=True)
            print(
                f"| {max_length} | {long_text} | {spread(scores)} | {statistics.median(fits):.0f} "
                f"| {statistics.median(predicts):.0f} |",
                flush=True,
            )


def single(train, test):
    """Return texts and labels of both parts."""
    return [
        table[column].tolist() if column == "text" else table[column].to_numpy()
        for table in (train, test)
        for column in ("text", "label")
    ]


def imbalance(options, train, test):
    """What weights, smoothing and focus do to macro-F1 and to calibration."""
    X, y, X_test, y_test = single(train, test)
    settings = {
        "plain": {},
        'class_weight="balanced"': {"class_weight": "balanced"},
        "label_smoothing=0.1": {"label_smoothing": 0.1},
        "focal_gamma=2": {"focal_gamma": 2.0},
        'class_weight="balanced", focal_gamma=2': {
            "class_weight": "balanced",
            "focal_gamma": 2.0,
        },
    }
    print("| setting | accuracy % | macro-F1 % | calibration error % |\n|---|---:|---:|---:|")
    svm = CalibratedClassifierCV(LinearSVC(C=0.5, random_state=0))
    tfidf = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), svm)
    show_quality("TF-IDF + linear SVM, calibrated", [tfidf.fit(X, y)], X_test, y_test)
    for name, parameters in settings.items():
        fits = [classifier(options, seed, **parameters).fit(X, y) for seed in range(options.seeds)]
        show_quality(name, fits, X_test, y_test)


def show_quality(name, fits, X, y):
    """Print accuracy, macro-F1 and the expected calibration error of fitted classifiers."""
    scores = []
    for clf in fits:
        proba = clf.predict_proba(X)
        predicted = clf.classes_[proba.argmax(axis=1)]
        error = expected_calibration_error(y, predicted, proba)
        scores.append(
            (accuracy_score(y, predicted), f1_score(y, predicted, average="macro"), error)
        )
    cells = [spread(column) for column in zip(*scores, strict=True)]
    print("| " + " | ".join([name, *cells]) + " |", flush=True)


def frozen(options, train, test):
    """Accuracy and seconds with more and more layers frozen, and with layer-wise rates."""
    X, y, X_test, y_test = single(train, test)
    settings = [{}, {"layer_decay": 0.8}, *({"freeze": n} for n in (2, 4, 6, "all"))]
    print("| setting | accuracy % | fit s |\n|---|---:|---:|")
    for parameters in settings:
        name = ", ".join(f"{key}={value!r}" for key, value in parameters.items()) or "plain"
        runs = []
        for seed in range(options.seeds):
            clf = classifier(options, seed, **parameters)
            _, fit = timed(clf.fit, X, y)
            runs.append((clf.score(X_test, y_test), fit))
        scores, fits = zip(*runs, strict=True)
        print(f"| {name} | {spread(scores)} | {statistics.median(fits):.1f} |", flush=True)


def embed(options, train, test):
    """Embeddings a second beside sentence-transformers, in turns, and what they are good for."""
    from sentence_transformers import SentenceTransformer

    X, y, X_test, y_test = single(train, test)
    encoder = SentenceTransformer(str(locate(options.model)), device=options.device)
    encoder.max_seq_length = 512
    exact, half = (
        BertTextEmbedder(options.model, device=options.device, normalize=True, dtype=dtype).fit(X)
        for dtype in ("float32", "bfloat16")
    )
    ways = {
        "sentence-transformers": encoder.encode,
        "BertTextEmbedder": exact.transform,
        'BertTextEmbedder, dtype="bfloat16"': half.transform,
    }
    seconds, vectors = {name: [] for name in ways}, {}
    for _ in range(5):
        for name, way in ways.items():
            _tokens.CACHE = TokenCache(0)  # each tokenizes anew
            vectors[name], spent = timed(way, X)
            seconds[name].append(spent)
    print("| model | texts/s, median of 5 | range | largest difference | accuracy % |")
    print("|---|---:|---:|---:|---:|")
    for name, spent in seconds.items():
        slowest, median, fastest = (
            len(X) / value for value in (max(spent), statistics.median(spent), min(spent))
        )
        gap = np.abs(vectors[name] - vectors["sentence-transformers"]).max()
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=1000))
        score = 100 * head.fit(vectors[name], y).score(ways[name](X_test), y_test)
        print(
            f"| {name} | {median:.0f} | {slowest:.0f} to {fastest:.0f} | {gap:.1e} | {score:.1f} |"
        )


TASKS = {
    "multilabel": multilabel,
    "pairs": pairs,
    "long": long,
    "imbalance": imbalance,
    "frozen": frozen,
    "embed": embed,
}

if __name__ == "__main__":
    main()
