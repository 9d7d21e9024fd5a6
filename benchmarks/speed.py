"""Seconds to fit and to predict, and peak memory: sklearn-bert and its peers on the same work.

    python -m pip install -c constraints.txt -e . -r benchmarks/requirements.txt
    python benchmarks/speed.py --data DIR

All have the same weights, texts, epochs, batch size, maximal length and learning rate. Each model
has a process of its own; they take turns, one run each, for ``--rounds`` rounds, so that what
else the machine does hits all alike. Ratios are of a peer's seconds to those of sklearn-bert in
the same round: their median and range. Fit counts loading the model and tokenizing.

Each set is ``DIR/NAME/train.csv.gz`` and ``DIR/NAME/test.csv.gz`` with the columns ``text`` and
``label``, given as NAME:ROWS:TESTROWS, the first rows of each.

``--device cuda`` also prints the tokens a second of each way to batch texts, at the size of
bert-base, and the seconds of an epoch over a whole set; see ``throughput.py``. ``--tiny`` is a
rehearsal of everything on a tiny model and the package's own texts, whose figures mean nothing.
"""

import argparse
import datetime
import gc
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accuracy import environment, read_set
from peers import (
    Embeddings,
    Pipeline,
    SetFit,
    Settings,
    SimpleTransformers,
    SkorchRecipe,
    TrainerBest,
    TrainerDynamic,
)
from throughput import matrix_product_flops, print_throughput, training_flops

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine.device import find_device, find_dtype
from sklearn_bert._engine.hub import locate

SETS = ("sst2_sentences:640:400", "ag_news:320:320", "imdb:128:96")
COLUMNS = (
    *("set", "model", "fit s", "fit, times ours (range)"),
    *("predict s", "predict, times ours (range)", "peak MB", "accuracy %"),
)


class Ours:
    """sklearn-bert."""

    name = "sklearn-bert"
    dtype = "auto"
    note = ""

    def __init__(self, settings):
        self.clf = BertTextClassifier(
            settings.folder,
            max_length=settings.max_length,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            pooling="cls",  # and a new head: the peers' work, no more and no less
            head="new",
            device=settings.device,
            dtype=self.dtype,
            random_state=settings.seed,
        )

    def fit(self, texts, labels):
        """Train."""
        self.clf.fit(texts, labels)

    def predict(self, texts):
        """Return the labels."""
        return self.clf.predict(texts)


class OursHalf(Ours):
    """sklearn-bert that is asked for bfloat16, and so predicts in it too."""

    name = "sklearn-bert, dtype='bfloat16'"
    dtype = "bfloat16"


class PipelineOfOurs:
    """The pipeline of transformers, predicting with a model that sklearn-bert has trained."""

    name = Pipeline.name
    note = Pipeline.note

    def __init__(self, settings):
        self.settings = settings

    def fit(self, texts, labels):
        """Train with sklearn-bert."""
        ours = Ours(self.settings)
        ours.fit(texts, labels)
        clf = ours.clf
        clf.module_.config.id2label = dict(enumerate(clf.classes_.tolist()))
        self.pipeline = Pipeline(self.settings, clf.module_, clf.tokenizer_)

    def predict(self, texts):
        """Return the labels."""
        return self.pipeline.predict(texts)


MODELS = {
    kind.__name__: kind
    for kind in (
        *(Ours, OursHalf, TrainerDynamic, TrainerBest, PipelineOfOurs),
        *(SkorchRecipe, SimpleTransformers, Embeddings, SetFit),
    )
}


def main():
    """Time the models on each set and print the tables."""
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(options, folder)
        device = find_device(settings.device)
        shown = replace(settings, folder="a tiny model" if options.tiny else options.model)
        print(f"{datetime.date.today()}; {environment(device)}; {shown}\n")
        print("| " + " | ".join(COLUMNS) + " |")
        print("|---|---|" + "---:|" * (len(COLUMNS) - 2), flush=True)
        sets = tiny_sets() if options.tiny else [read_set(options.data, s) for s in options.sets]
        notes = {}
        for name, train, test in sets:
            notes |= time_set(options, settings, name, train, test)
        for name, note in notes.items():
            print(f"- {name}: {note}")
        if options.tiny or device.type == "cuda":
            data = sets[-1] if options.tiny else read_set(options.data, options.epoch)
            print_throughput(settings, data, tiny=options.tiny)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, help="folder of the data sets")
    add("--sets", nargs="+", default=SETS, metavar="NAME:ROWS:TESTROWS")
    add("--epoch", default="imdb", metavar="NAME[:ROWS[:TESTROWS]]", help="the whole set, on CUDA")
    add("--models", nargs="+", choices=MODELS, default=list(MODELS))
    add("--rounds", type=int, default=5)
    add("--model", default="sentence-transformers/all-MiniLM-L6-v2", help="hub name or folder")
    add("--max-length", type=int, default=512)
    add("--batch-size", type=int, default=32)
    add("--learning-rate", type=float, default=1e-4)
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--tiny", action="store_true", help="rehearse on a tiny model and the package's texts")
    options = parser.parse_args()
    if not options.tiny and options.data is None:
        parser.error("--data or --tiny is needed")
    if "Ours" not in options.models:
        parser.error("the ratios need Ours among --models")
    return options


def make_settings(options, folder):
    """Return what all models share."""
    device = find_device(options.device)
    return Settings(
        folder=str(tiny_model(folder) if options.tiny else locate(options.model)),
        max_length=64 if options.tiny else options.max_length,
        epochs=1,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        device=options.device,
        bf16=find_dtype("auto", device) == torch.bfloat16,
        seed=0,
    )


def time_set(options, settings, name, train, test):
    """Print the rows of a set; return the notes on its models."""
    workers = {}
    for key in options.models:  # one after the other: threads of several would wait for each other
        workers[key] = Worker(key, settings, train, test)
        workers[key].wait()
    runs = {key: [] for key in workers}
    for _ in range(options.rounds):
        for key, worker in workers.items():
            run = worker.run()
            if isinstance(run, str):
                print(f"{MODELS[key].name} on {name}: {run}", file=sys.stderr)
            else:
                runs[key].append(run)
                report = f"{name} {key}: {run['fit']:.2f} + {run['predict']:.2f} s"
                print(report, file=sys.stderr, flush=True)
    for worker in workers.values():
        worker.close()
    size = f"{name} {len(train[0])} / {len(test[0])}"
    for key in workers:
        if len(runs[key]) == options.rounds:
            print("| " + " | ".join([size, *row(MODELS[key], runs[key], runs["Ours"])]) + " |")
    ours = runs["Ours"]
    print(f"\n{size}: {utilisation(ours, find_device(settings.device))}\n", flush=True)
    return {MODELS[key].name: MODELS[key].note for key in workers if MODELS[key].note}


class Worker:
    """A process in which one model is timed, whenever it is its turn."""

    def __init__(self, key, settings, train, test):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=work, args=(theirs, key, settings, train, test), daemon=True
        )
        self.process.start()
        theirs.close()  # so that the end of the process is noticed
        self.ended = None

    def wait(self):
        """Wait until it has warmed up."""
        if (answer := self.receive()) != "ready":
            self.ended = answer

    def run(self):
        """Return the measurements of one run, or a sentence that says why there are none."""
        if self.ended is None:
            self.connection.send("run")
            answer = self.receive()
            if isinstance(answer, dict):
                return answer
            self.ended = answer
        return self.ended

    def receive(self):
        """Return what the process sends, or a sentence where it has ended."""
        try:
            return self.connection.recv()
        except EOFError:
            return "its process has ended, perhaps for want of memory"

    def close(self):
        """End the process."""
        self.process.terminate()
        self.process.join()


def work(connection, key, settings, train, test):
    """Time one run each time one is asked for; stop at the first that fails."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    try:
        warm_up(key, settings, train, test)
        connection.send("ready")
        while connection.recv() == "run":
            connection.send(measure(MODELS[key](settings), settings, train, test))
    except EOFError:
        pass
    except Exception as error:
        connection.send(f"{type(error).__name__}: {str(error).splitlines()[0]}")


def warm_up(key, settings, train, test):
    """Import what the model needs, and start its device, before the clock runs."""
    model = MODELS[key](settings)
    classes, first = np.unique(train[1], return_index=True)
    rows = np.tile(first, max(1, 8 // len(classes)))
    model.fit([train[0][i][:60] for i in rows], [train[1][i] for i in rows])
    model.predict(test[0][:4])


def measure(model, settings, train, test):
    """Return seconds, accuracy and peak memory of one run."""
    from sklearn_bert._text import tokens as _tokens
    from sklearn_bert._text.token_cache import TokenCache

    _tokens.CACHE = TokenCache(_tokens.CACHE.n_bytes)  # no run profits from the last one
    gc.collect()
    texts, labels = train
    start = time.perf_counter()
    model.fit(texts, list(labels))
    fitted = time.perf_counter()
    predicted = model.predict(test[0])
    end = time.perf_counter()
    run = {
        "fit": fitted - start,
        "predict": end - fitted,
        "accuracy": float(np.mean(np.asarray(predicted) == np.asarray(test[1]))),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if settings.device == "cuda":
        run["megabytes"] = torch.cuda.max_memory_allocated() / 2**20
    if isinstance(model, Ours):
        run |= useful_work(model.clf, texts)
    return run


def useful_work(clf, texts):
    """Return the operations and tokens of training, and its seconds."""
    rows = clf.tokenizer_(texts, truncation=True, max_length=clf.max_length_)["input_ids"]
    lengths = [len(row) for row in rows]
    return {
        "flops": training_flops(clf.module_.config, lengths),
        "tokens": sum(lengths),
        "train_seconds": sum(row["seconds"] for row in clf.history_),
    }


def row(kind, runs, ours):
    """Return the cells of a model's row."""
    cells = [kind.name]
    for what, shown in (("fit", kind is not PipelineOfOurs), ("predict", True)):
        ratios = [run[what] / own[what] for run, own in zip(runs, ours, strict=True)]
        seconds = statistics.median(run[what] for run in runs)
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        cells += [f"{seconds:.2f}", ratio] if shown else ["", ""]
    memory = "" if kind is PipelineOfOurs else f"{max(run['megabytes'] for run in runs):,.0f}"
    return [*cells, memory, f"{100 * statistics.median(run['accuracy'] for run in runs):.1f}"]


def utilisation(runs, device):
    """Return a sentence on how near training came to what the chip can do."""
    rate = statistics.median(run["flops"] / run["train_seconds"] for run in runs)
    tokens = statistics.median(run["tokens"] / run["train_seconds"] for run in runs)
    peak = matrix_product_flops(device)
    return (
        f"sklearn-bert trains on {tokens:,.0f} tokens/s, {rate / 1e9:,.0f} GFLOP/s of use, "
        f"{100 * rate / peak:.0f} % of the {peak / 1e9:,.0f} of a matrix product"
    )


def tiny_model(folder):
    """Return the folder of a tiny random BERT with the tokenizer of the packaged model."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(locate("sentence-transformers/all-MiniLM-L6-v2"))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_sets():
    """Return one small set of the package's own texts."""
    from sklearn_bert.datasets import load_docstrings

    X, y = load_docstrings()
    texts, labels = list(X[:64]), np.asarray(y[:64], dtype=object)
    return [("docstrings", (texts, labels), (texts[:16], labels[:16]))]


if __name__ == "__main__":
    main()
