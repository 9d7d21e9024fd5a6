"""Prediction as a server does it: one text at a time, and many; cold start; what 8 bits cost.

    python -m venv OPTIMUM && OPTIMUM/bin/pip install optimum-onnx onnxruntime onnx
    python benchmarks/serving.py --data DIR --sets sst2_sentences:2000 ag_news:1000 \\
        --optimum OPTIMUM/bin/python

A classifier is fine-tuned, saved and exported; all ways predict with its weights, in one process,
in turns: latency of one text at a time (the first test texts, each new to all caches), and texts a
second for ``--texts`` of them. Ratios are to transformers.pipeline in the same round. Cold start
and peak memory are those of a fresh process that imports, loads and predicts one text. Optimum has
an interpreter of its own, since it needs an older transformers; asking it over a pipe takes 0.1 ms.
Ways that do not start are left out. Then 500 requests of 8 clients go to gunicorn with 2 workers.

Each set is ``DIR/NAME/{train,test}.csv.gz`` with the columns ``text`` and ``label``; NAME:ROWS
trains on the first rows only. The last table tells what becomes of the accuracy on the whole test
part.
"""

import argparse
import datetime
import http.client
import itertools
import json
import logging
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accuracy import environment, find_device, read_set

from sklearn_bert import BertTextClassifier, OnnxTextClassifier
from sklearn_bert._text import tokens as _tokens
from sklearn_bert._text.token_cache import TokenCache

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
BATCH = 32
CLIENTS, REQUESTS = 8, 500
OPTIMUM_PYTHON = sys.executable  # or what --optimum says
PAUSE = 0.3  # seconds: threads of the last way spin for a while


class Torch:
    """sklearn-bert."""

    name = "sklearn-bert"
    dtype = "auto"

    def __init__(self, folder):
        self.clf = BertTextClassifier.from_pretrained(folder / "saved", device="cpu")
        self.clf.set_params(dtype=self.dtype)

    def predict(self, texts):
        """Return the probabilities."""
        return self.clf.predict_proba(texts)


class TorchHalf(Torch):
    """sklearn-bert in bfloat16."""

    name = 'sklearn-bert, dtype="bfloat16"'
    dtype = "bfloat16"


class Onnx:
    """sklearn-bert's exported graph."""

    name = "OnnxTextClassifier"
    exported = "onnx"

    def __init__(self, folder):
        self.clf = OnnxTextClassifier.from_pretrained(folder / self.exported)

    def predict(self, texts):
        """Return the probabilities."""
        return self.clf.predict_proba(texts)


class OnnxInt8(Onnx):
    """The graph in 8 bits."""

    name = "OnnxTextClassifier, int8"
    exported = "int8"


class Pipeline:
    """transformers.pipeline, in batches of 32 for more than one text."""

    name = "transformers.pipeline"

    def __init__(self, folder):
        from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

        saved = folder / "saved"
        tokenizer = AutoTokenizer.from_pretrained(saved)
        model = self.load(saved, AutoModelForSequenceClassification)
        self.pipeline = pipeline(
            "text-classification", model=model, tokenizer=tokenizer, device="cpu"
        )
        self.classes = [model.config.id2label[i] for i in range(model.config.num_labels)]

    def load(self, saved, kind):
        """Return the model."""
        return kind.from_pretrained(saved)

    def predict(self, texts):
        """Return the probabilities."""
        size = min(BATCH, len(texts))
        rows = self.pipeline(texts, top_k=None, truncation=True, batch_size=size)
        scores = [{entry["label"]: entry["score"] for entry in row} for row in rows]
        return np.array([[row[label] for label in self.classes] for row in scores])


class PipelineInt8(Pipeline):
    """The pipeline over torch's own dynamic quantisation."""

    name = "transformers.pipeline, torch int8"

    def load(self, saved, kind):
        """Return the model with its linear layers in 8 bits."""
        from torch.ao.quantization import quantize_dynamic

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return quantize_dynamic(kind.from_pretrained(saved), {torch.nn.Linear})


class Optimum:
    """Optimum's pipeline over onnxruntime, of the weights as Optimum exports them."""

    name = "optimum"
    quantize = ()

    def __init__(self, folder):
        script = Path(__file__).with_name("optimum_worker.py")
        self.worker = subprocess.Popen(
            [OPTIMUM_PYTHON, script, folder / "saved", *self.quantize],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if not self.worker.stdout.readline():
            raise RuntimeError("optimum did not start; see --optimum")

    def predict(self, texts):
        """Return the probabilities."""
        print(json.dumps(texts), file=self.worker.stdin, flush=True)
        return np.array(json.loads(self.worker.stdout.readline()))


class OptimumInt8(Optimum):
    """The same with Optimum's dynamic quantisation for this kind of CPU."""

    name = "optimum, int8"
    quantize = ("int8",)


WAYS = {
    kind.__name__: kind
    for kind in (
        *(Pipeline, PipelineInt8, Optimum, OptimumInt8),
        *(Torch, TorchHalf, Onnx, OnnxInt8),
    )
}


def main():
    """Print the tables."""
    options = parse_arguments()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    device = find_device("cpu")
    print(f"{datetime.date.today()}; {environment(device)}; model {options.model}\n", flush=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        for i, name in enumerate(options.sets):
            path = Path(folder) / str(i)
            path.mkdir()
            set_name, (X, y), (X_test, y_test) = read_set(options.data, name)
            prepare(options, path, X, y)
            ways = load(options, path)
            if i == 0:
                print_speed(options, ways, set_name, X_test)
                print_cold_start(options, path, X_test[0])
                print_server(options, path, X_test)
            print_accuracy(ways, set_name, X_test, y_test)


def parse_arguments():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--sets", nargs="+", required=True, metavar="NAME:ROWS")
    add("--model", default=MINILM)
    add("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    add("--optimum", metavar="PYTHON", help="interpreter that has optimum-onnx")
    add("--texts", type=int, default=10_000)
    add("--calls", type=int, default=300, help="single texts a round")
    add("--rounds", type=int, default=3)
    add("--threads", type=int, help="of torch; by default as many as cores")
    options = parser.parse_args()
    if options.optimum:
        globals()["OPTIMUM_PYTHON"] = options.optimum
    return options


def prepare(options, folder, X, y):
    """Fine-tune, save and export."""
    clf = BertTextClassifier(options.model, epochs=2, random_state=0, device="cpu").fit(X, y)
    clf.save_pretrained(folder / "saved")
    for name, quantize in (("onnx", None), ("int8", "int8")):
        start = time.perf_counter()
        largest = clf.export_onnx(folder / name, quantize=quantize, X=X[:200])
        (graph,) = (folder / name).rglob("*.onnx")
        size = graph.stat().st_size / 1e6
        print(
            f"export_onnx(quantize={quantize!r}): {time.perf_counter() - start:.0f} s, {size:.1f} "
            f"MB, largest difference of probabilities {largest:.1e}",
            flush=True,
        )


def load(options, folder):
    """Return the ways that are installed, by name."""
    ways = {}
    for key in options.ways:
        try:
            ways[key] = WAYS[key](folder)
        except Exception as error:
            print(f"{WAYS[key].name}: {type(error).__name__}: {error}"[:300], file=sys.stderr)
    return ways


def print_speed(options, ways, name, texts):
    """Print latency and throughput, measured in turns."""
    many = list(itertools.islice(itertools.cycle(texts), options.texts))
    latencies, seconds = ({key: [] for key in ways} for _ in range(2))
    for _ in range(options.rounds):
        for key, way in ways.items():
            time.sleep(PAUSE)
            way.predict(texts[:1])
            for text in texts[: options.calls]:
                latencies[key].append(timed(way.predict, [text]))
        for key, way in ways.items():
            time.sleep(PAUSE)
            _tokens.CACHE = TokenCache(0)  # each tokenizes anew
            seconds[key].append(timed(way.predict, many))
            print(f"{name} {key}: {seconds[key][-1]:.1f} s", file=sys.stderr, flush=True)
    print(f"\n{name}, {len(many):,} texts, {options.rounds} rounds\n")
    print("| way | one text: p50 ms | p99 ms | texts/s | times the pipeline's (range) |")
    print("|---|---:|---:|---:|---:|")
    base = seconds.get("Pipeline", next(iter(seconds.values())))
    for key, spent in seconds.items():
        cuts = statistics.quantiles(latencies[key], n=100)
        ratios = [peer / mine for peer, mine in zip(base, spent, strict=True)]
        print(
            f"| {WAYS[key].name} | {1e3 * cuts[49]:.1f} | {1e3 * cuts[98]:.1f} "
            f"| {len(many) / statistics.median(spent):.0f} | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) |",
            flush=True,
        )


def timed(function, *args):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


COLD = """
import json, time
start = time.perf_counter()
{code}
seconds = time.perf_counter() - start
lines = open("/proc/self/status").read().splitlines()  # not getrusage: it knows the parent's too
(peak,) = [int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM")]
print(json.dumps([seconds, peak]))
"""
COLD_WAYS = {
    "sklearn-bert": """
from sklearn_bert import BertTextClassifier
BertTextClassifier.from_pretrained({saved!r}).predict([{text!r}])""",
    "OnnxTextClassifier": """
from sklearn_bert import OnnxTextClassifier
OnnxTextClassifier.from_pretrained({onnx!r}).predict([{text!r}])""",
    "OnnxTextClassifier, int8": """
from sklearn_bert import OnnxTextClassifier
OnnxTextClassifier.from_pretrained({int8!r}).predict([{text!r}])""",
    "transformers.pipeline": """
from transformers import pipeline
pipeline("text-classification", {saved!r})({text!r})""",
}


def print_cold_start(options, folder, text):
    """Print seconds and memory from a fresh process to its first answer."""
    print("\n| way | first answer after s (range) | peak MB |\n|---|---:|---:|")
    paths = {name: str(folder / name) for name in ("saved", "onnx", "int8")}
    runs = {name: [] for name in COLD_WAYS}
    for _ in range(options.rounds):
        for name, code in COLD_WAYS.items():
            code = COLD.format(code=code.format(text=text, **paths))
            answer = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", code],
                capture_output=True,
                text=True,
                check=True,
            )
            runs[name].append(json.loads(answer.stdout.splitlines()[-1]))
    for name, rows in runs.items():
        seconds, peaks = zip(*rows, strict=True)
        print(
            f"| {name} | {statistics.median(seconds):.2f} ({min(seconds):.2f} to "
            f"{max(seconds):.2f}) | {statistics.median(peaks):.0f} |",
            flush=True,
        )


def print_server(options, folder, texts):
    """Print what a gunicorn over `examples/serve.py` answers, its workers forked after loading."""
    print("\n| served by gunicorn | requests/s | p50 ms | p99 ms | errors |")
    print("|---|---:|---:|---:|---:|")
    example = Path(__file__).parents[1] / "examples"
    names = {"saved": "BertTextClassifier", "onnx": "OnnxTextClassifier", "int8": "the same, int8"}
    for saved, name in names.items():
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            command = [sys.executable, "-m", "gunicorn", "--chdir", str(example), "--preload"]
            server = subprocess.Popen(
                [*command, "--workers", "2", "--bind", f"fd://{listener.fileno()}", "serve:app"],
                env={**os.environ, "SKLEARN_BERT_MODEL": str(folder / saved)},
                pass_fds=[listener.fileno()],
                stderr=subprocess.DEVNULL,
            )
            try:
                ask(port, texts[0])  # waits until it is up
                start = time.perf_counter()
                with ThreadPoolExecutor(CLIENTS) as clients:
                    answers = list(clients.map(partial(ask, port), texts[:REQUESTS]))
                rate = len(answers) / (time.perf_counter() - start)
            finally:
                server.terminate()
                server.wait()
        cuts = statistics.quantiles([1e3 * seconds for seconds, _ in answers], n=100)
        errors = sum(status != 200 for _, status in answers)
        print(f"| {name} | {rate:.0f} | {cuts[49]:.0f} | {cuts[98]:.0f} | {errors} |", flush=True)


def ask(port, text):
    """Return seconds and status of one request."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/predict", json.dumps({"texts": [text]}))
    status = connection.getresponse().status
    connection.close()
    return time.perf_counter() - start, status


def print_accuracy(ways, name, texts, labels):
    """Print what each way gets right, and how far it is from float32."""
    print(f"\n{name}, {len(texts):,} texts\n")
    print("| way | accuracy % | labels that change % | largest difference of probabilities |")
    print("|---|---:|---:|---:|")
    exact = ways["Torch"].clf.predict_proba(texts)
    classes = ways["Torch"].clf.classes_
    for key, way in ways.items():
        proba = way.predict(texts)
        winners = proba.argmax(axis=1)
        score = 100 * np.mean(classes[winners] == np.asarray(labels))
        changed = 100 * np.mean(winners != exact.argmax(axis=1))
        gap = np.abs(proba - exact).max()
        print(f"| {WAYS[key].name} | {score:.2f} | {changed:.2f} | {gap:.1e} |", flush=True)


if __name__ == "__main__":
    main()
