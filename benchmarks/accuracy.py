"""Accuracy and time of sklearn-bert, of TF-IDF with a linear SVM, and of Hugging Face's Trainer.

All three learn from the same rows and are scored on the same test rows; the Trainer has the
same weights, epochs, batch size, tokens and peak learning rate as sklearn-bert.

    python -m pip install -c constraints.txt -e . -r benchmarks/requirements.txt
    python benchmarks/accuracy.py --data DIR --sets sst2_sentences banking77 ag_news:2000 --seeds 3

Each set is ``DIR/NAME/train.csv.gz`` and ``DIR/NAME/test.csv.gz`` with the columns ``text`` and
``label``, their rows shuffled. NAME:ROWS takes the first training rows only, NAME:ROWS:TESTROWS
also the first test rows only, and NAME::TESTROWS all training rows.

With ``--out FILE`` each finished run becomes a line of JSON in FILE, and a run that FILE has is
not repeated: a benchmark that was cut off goes on where it stopped. ``--out FILE --table`` only
prints the table of what FILE holds.

The run of the article, where 93.71 % is to be beaten:

    python benchmarks/accuracy.py --data DIR --sets imdb --model bert-base-uncased \
--max-length 500 --epochs 1 --batch-size 6 --learning-rate 2e-5 --seeds 1

Fit seconds count loading and tokenizing too. The Trainer also predicts in bfloat16 where it
trains so, sklearn-bert always in float32.
"""

import argparse
import datetime
import gc
import json
import platform
import statistics
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
import skorch
import torch
import transformers
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import sklearn_bert
from sklearn_bert import BertTextClassifier
from sklearn_bert._engine.device import find_device, find_dtype
from sklearn_bert._engine.encoder import longest_input
from sklearn_bert._engine.hub import locate

KINDS = ("tfidf", "sklearn-bert", "trainer")
COLUMNS = (
    *("set", "rows train/test", "model", "accuracy %", "macro-F1 %"),
    *("fit s (median)", "predict s (median)", "seeds"),
)


def main():
    """Do the runs that are still missing and print the table."""
    options = parse_arguments()
    runs = read_runs(options.out)
    if not options.table:
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        warm_up(options)
        runs = list(finished_runs(options, runs))
    print_tables(runs)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, help="folder of the data sets")
    add("--sets", nargs="+", metavar="NAME[:ROWS[:TESTROWS]]", help="first ROWS and TESTROWS")
    add("--seeds", type=int, default=1, help="number of seeds, from 0")
    add("--models", nargs="+", choices=KINDS, default=KINDS)
    add("--model", default="sentence-transformers/all-MiniLM-L6-v2", help="hub name or folder")
    add("--epochs", type=int, default=3)
    add("--batch-size", type=int, default=32)
    add("--max-length", type=int, default=None, help="tokens kept of each text")
    add("--learning-rate", type=rate_or_auto, default="auto", help="peak, of both; default: auto")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    add("--trainer-plain", action="store_true", help="no length grouping in the Trainer")
    add("--out", type=Path, help="file of finished runs, to go on from and to append to")
    add("--table", action="store_true", help="only print the table of what --out holds")
    return checked(parser, parser.parse_args())


def rate_or_auto(text):
    """Return "auto", or the learning rate as a number."""
    return text if text == "auto" else float(text)


def checked(parser, options):
    """Return the options, or end with what is wrong with them."""
    kinds = set(options.models)
    if options.table and (options.out is None or not options.out.exists()):
        parser.error("--table needs --out, a file of finished runs")
    if not options.table and (options.data is None or not options.sets):
        parser.error("--data and --sets are needed")
    if options.learning_rate == "auto" and "trainer" in kinds and "sklearn-bert" not in kinds:
        parser.error("the trainer takes the rate of sklearn-bert: run both or --learning-rate")
    cuda = not options.table and find_device(options.device).type == "cuda"
    if cuda and "trainer" in kinds and torch.cuda.device_count() > 1:
        parser.error("the trainer would use all GPUs: set CUDA_VISIBLE_DEVICES to one")
    return options


def read_runs(path):
    """Return the finished runs of the file at `path`."""
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def warm_up(options):
    """Keep what happens once a process, such as starting the GPU, out of the first fit's time."""
    if set(options.models) != {"tfidf"}:
        locate(options.model)
    square = torch.ones(64, 64, device=find_device(options.device))
    (square @ square).sum().item()


def finished_runs(options, runs):
    """Yield all runs that the options ask for; do and append those that `runs` has not."""
    done = {run_key(run): run for run in runs}
    for spec in options.sets:
        name, train, test = read_set(options.data, spec)
        rate = options.learning_rate
        for kind, seed in planned(options):
            run = {"set": name, "n_train": len(train[0]), "n_test": len(test[0])}
            run |= {"model": kind, "seed": seed, "settings": settings(options)}
            if run_key(run) not in done:
                run |= measure(kind, options, seed, rate, train, test)
                done[run_key(run)] = run
                report(run, options.out)
            run = done[run_key(run)]
            if kind == "sklearn-bert":
                rate = run["learning_rate"]
            yield run


def run_key(run):
    """Return what makes a run the same as another one."""
    keys = ("set", "n_train", "n_test", "model", "seed", "settings")
    return json.dumps([run[key] for key in keys], sort_keys=True)


def planned(options):
    """Return the pairs of model and seed to run: the models take turns at each seed."""
    trainer = "trainer-plain" if options.trainer_plain else "trainer"
    names = {"sklearn-bert": "sklearn-bert", "trainer": trainer}
    pairs = [("tfidf", 0)] if "tfidf" in options.models else []
    for seed in range(options.seeds):
        pairs += [(names[kind], seed) for kind in names if kind in options.models]
    return pairs


def settings(options):
    """Return the settings of a run, with what "auto" stands for on this machine."""
    device = find_device(options.device)
    names = ("model", "epochs", "batch_size", "max_length", "learning_rate")
    return {name: getattr(options, name) for name in names} | {
        "device": str(device),
        "dtype": str(find_dtype("auto", device)).removeprefix("torch."),
    }


def read_set(folder, spec):
    """Return the name of a set, and its training and its test part, each as texts and labels."""
    name, *counts = spec.split(":")
    parts = []
    for part, count in zip(("train", "test"), (*counts, "", "")[:2], strict=True):
        path = folder / name / f"{part}.csv.gz"
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table.head(int(count)) if count else table
        parts.append((table["text"].tolist(), table["label"].to_numpy(dtype=object)))
    return name, *parts


def measure(kind, options, seed, rate, train, test):
    """Train and score one model; return the results, and where and when they were got."""
    fit = {"tfidf": fit_tfidf, "sklearn-bert": fit_ours}.get(kind, fit_trainer)
    free_memory()
    start = time.perf_counter()
    predict, used_rate = fit(options, seed, rate, *train)
    fitted = time.perf_counter()
    predicted = predict(*test)
    end = time.perf_counter()
    f1 = f1_score(test[1], predicted, average="macro", zero_division=0)
    return {
        "accuracy": float(accuracy_score(test[1], predicted)),
        "macro_f1": float(f1),
        "fit_seconds": round(fitted - start, 3),
        "predict_seconds": round(end - fitted, 3),
        "learning_rate": used_rate,
        "date": datetime.date.today().isoformat(),
        "environment": environment(find_device(options.device)),
    }


def free_memory():
    """Free what the last run left behind."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def fit_tfidf(options, seed, rate, texts, labels):
    """Return the prediction function of a linear SVM on TF-IDF."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    clf = make_pipeline(vectorizer, LinearSVC(C=0.5, random_state=seed)).fit(texts, labels)
    return lambda texts, labels: clf.predict(texts), None


def fit_ours(options, seed, rate, texts, labels):
    """Return the prediction function of sklearn-bert, and the peak learning rate it used."""
    clf = BertTextClassifier(
        options.model,
        epochs=options.epochs,
        batch_size=options.batch_size,
        max_length=options.max_length,
        learning_rate=options.learning_rate,
        device=options.device,
        random_state=seed,
    ).fit(texts, labels)
    return lambda texts, labels: clf.predict(texts), float(clf.learning_rate_)


def fit_trainer(options, seed, rate, texts, labels):
    """Return the prediction function of a Trainer, and its peak learning rate."""
    folder, classes = locate(options.model), np.unique(labels)
    transformers.set_seed(seed)  # for the new head
    tokenizer = AutoTokenizer.from_pretrained(folder)
    module = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=len(classes), dtype=torch.float32, ignore_mismatched_sizes=True
    )
    max_length = options.max_length or longest_input(tokenizer, module)
    rows = encode(tokenizer, max_length, classes, texts, labels)
    trainer = trained(options, seed, rate, module, tokenizer, rows)

    def predict(texts, labels):
        rows = encode(tokenizer, max_length, classes, texts, labels)
        return classes[trainer_logits(trainer, rows).argmax(axis=1)]

    return predict, rate


def trained(options, seed, rate, module, tokenizer, rows):
    """Return a Trainer that has trained `module` on the rows."""
    with tempfile.TemporaryDirectory() as output:
        trainer = transformers.Trainer(
            module,
            training_arguments(options, seed, rate, output),
            train_dataset=rows,
            data_collator=transformers.DataCollatorWithPadding(tokenizer),
            processing_class=tokenizer,
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return trainer


def training_arguments(options, seed, rate, output):
    """Return the Trainer's arguments: its defaults, as fast as it can be."""
    device = find_device(options.device)
    return transformers.TrainingArguments(
        output_dir=output,
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=rate,
        weight_decay=0.01,
        bf16=find_dtype("auto", device) == torch.bfloat16,
        use_cpu=device.type == "cpu",
        seed=seed,
        logging_strategy="no",
        logging_nan_inf_filter=False,  # it would wait for the GPU at every step
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        train_sampling_strategy="random" if options.trainer_plain else "group_by_length",
    )


def encode(tokenizer, max_length, classes, texts, labels):
    """Return one dict a text, as the Trainer reads them; classes not trained on become -100."""
    columns = dict(tokenizer(texts, truncation=True, max_length=max_length))
    index = {label: code for code, label in enumerate(classes)}
    columns["labels"] = [index.get(label, -100) for label in labels]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def trainer_logits(trainer, rows):
    """Return the logits of the rows, in their order, computed in batches sorted by length.

    With length grouping the Trainer returns predictions in the order of its random batches, so
    the rows are sorted here and the Trainer has to take them as they come.
    """
    trainer.args.train_sampling_strategy = "random"  # at prediction: one row after the other
    order = np.argsort([-len(row["input_ids"]) for row in rows], kind="stable")
    output = trainer.predict([rows[i] for i in order])
    given = np.array([rows[i]["labels"] for i in order])
    if not np.array_equal(output.label_ids, given):
        raise AssertionError("The Trainer has changed the order of the test rows.")
    logits = np.empty_like(output.predictions)
    logits[order] = output.predictions
    return logits


def environment(device):
    """Return the versions and the machine that a run depends on."""
    modules = (sklearn_bert, torch, transformers, sklearn, skorch)
    versions = [f"{module.__name__} {module.__version__}" for module in modules]
    processor = processor_name()
    if device.type == "cuda":
        processor = f"{torch.cuda.get_device_name(device)}, {processor}"
    versions.append(f"Python {platform.python_version()}")
    return ", ".join([*versions, processor, f"{torch.get_num_threads()} threads"])


def processor_name():
    """Return the name of the CPU."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def report(run, out):
    """Print a finished run on one line and append it to the file `out`, if there is one."""
    print(
        f"{run['set']} {run['n_train']}/{run['n_test']} {run['model']} seed {run['seed']}: "
        f"accuracy {100 * run['accuracy']:.2f} %, macro-F1 {100 * run['macro_f1']:.2f} %, "
        f"fit {run['fit_seconds']:.1f} s, predict {run['predict_seconds']:.1f} s",
        file=sys.stderr,
        flush=True,
    )
    if out is not None:
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps(run, ensure_ascii=False) + "\n")


def print_tables(runs):
    """Print a table for each machine and setting among the runs."""

    def place(run):
        return run["environment"], json.dumps(run["settings"])

    for _, group in groupby(sorted(runs, key=place), key=place):
        print_table(list(group))


def print_table(runs):
    """Print the heading line and one row for each set and model."""
    dates = sorted({run["date"] for run in runs})
    date = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    details = ", ".join(f"{key} {value}" for key, value in runs[0]["settings"].items())
    print(f"\n{date}; {runs[0]['environment']}; {details}\n")
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---|---|---|" + "---:|" * (len(COLUMNS) - 3))
    groups = {}
    for run in runs:
        size = f"{run['n_train']:,} / {run['n_test']:,}"
        groups.setdefault((run["set"], size, run["model"]), []).append(run)
    for key, group in groups.items():
        scores = [mean_and_sd([run[name] for run in group]) for name in ("accuracy", "macro_f1")]
        seconds = [
            f"{statistics.median(run[name] for run in group):.1f}"
            for name in ("fit_seconds", "predict_seconds")
        ]
        print("| " + " | ".join([*key, *scores, *seconds, str(len(group))]) + " |")


def mean_and_sd(values):
    """Return mean ± standard deviation in per cent; a dash is that of a single value."""
    spread = f"{100 * statistics.stdev(values):.2f}" if len(values) > 1 else "\N{EN DASH}"
    return f"{100 * statistics.fmean(values):.2f} ± {spread}"


if __name__ == "__main__":
    main()
