"""What packed input costs and saves, by architecture: CPU seconds of padded and packed batches.

    OMP_NUM_THREADS=1 python benchmarks/packing.py [--before FOLDER] [--rounds 9]
        [--models bert ...] [--texts mixed ...]

A batch is 32 short texts (8 to 23 tokens), 8 long ones (200 to 255), or 16 of mixed lengths (5 to
256, log-normal). Computed are the logits in inference mode, and the gradients of a step of training
in float32. The models have random weights, 6 layers and a width of 384: the size of MiniLM. Each
round measures all ways of a case one after the other, in an order that is turned round each time;
told are medians, and the median of the rounds' ratios. Seconds of the processor, since other work
on the machine makes those of the clock longer.

FOLDER holds another version of the package, whose packed batches are measured in a process of its
own in the same rounds: ``git worktree add FOLDER COMMIT``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from statistics import median

import numpy as np
import torch
import transformers

from sklearn_bert._engine.forward import Forward
from sklearn_bert._text.ragged import RaggedIds, RaggedRows

SIZES = {
    "vocab_size": 1000,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
}
TOKENS = dict.fromkeys(("bos_token_id", "eos_token_id", "mask_token_id"), 3)
CONFIGS = {
    "bert": lambda: transformers.BertConfig(**SIZES),
    "albert": lambda: transformers.AlbertConfig(**SIZES, embedding_size=128),
    "modernbert": lambda: transformers.ModernBertConfig(
        **{**SIZES, "intermediate_size": 768}, **TOKENS, pad_token_id=0, cls_token_id=3
    ),
    "nomic_bert": lambda: transformers.NomicBertConfig(**SIZES),
    "eurobert": lambda: transformers.EuroBertConfig(
        **{**SIZES, "intermediate_size": 1024}, **TOKENS, pad_token_id=0
    ),
}
OLD = ("bert",)  # what was packed before, too
LENGTHS = {
    "short": lambda random: random.randint(8, 24, 32),
    "long": lambda random: random.randint(200, 256, 8),
    "mixed": lambda random: np.exp(random.normal(4, 1, 16)).clip(5, 256).astype(np.int64),
}


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--models", nargs="+", default=list(CONFIGS), choices=CONFIGS)
    parser.add_argument("--texts", nargs="+", default=list(LENGTHS), choices=LENGTHS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work()
        return
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    print(f"{date.today()}; {versions}, {torch.get_num_threads()} threads\n")
    print("| model | texts | what | padded s | packed s | padded / packed | packed / before |")
    print("|---|---|---|---:|---:|---:|---:|", flush=True)
    now = Worker(os.environ.get("PYTHONPATH", ""))
    before = Worker(options.before) if options.before else None
    for model in options.models:
        for kind in options.texts:
            for what in ("logits", "step"):
                print_case(model, kind, what, now, before if model in OLD else None, options.rounds)


def print_case(model, kind, what, now, before, rounds):
    """Print the row of a case."""
    ways = {"padded": (now, False), "packed": (now, True)}
    if before is not None:
        ways["before"] = (before, True)
    seconds = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way in list(ways)[:: 1 if number % 2 else -1]:
            worker, packs = ways[way]
            seconds[way].append(worker.ask(model, kind, what, packs))
    seconds = {way: np.array(values[1:]) for way, values in seconds.items()}  # the first warms up
    cells = [model, kind, what, *(f"{median(seconds[way]):.3f}" for way in ("padded", "packed"))]
    cells.append(f"{np.median(seconds['padded'] / seconds['packed']):.2f}")
    is_old = "before" in seconds
    cells.append(f"{np.median(seconds['packed'] / seconds['before']):.3f}" if is_old else "")
    print("| " + " | ".join(cells) + " |", flush=True)


class Worker:
    """A process that measures with the package of a folder.

    Parameters
    ----------
    folder : str
        Where the package lies.
    """

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker"],
            env={**os.environ, "PYTHONPATH": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, *case):
        """Return the CPU seconds of a case."""
        print(json.dumps(case), file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def work():
    """Answer until the input ends."""
    modules = {}
    for line in sys.stdin:
        model, kind, what, packs = json.loads(line)
        if model not in modules:
            torch.manual_seed(0)
            modules = {model: new_module(CONFIGS[model]())}
        forward = Forward(modules[model], torch.device("cpu"), torch.float32)
        if forward.packed_model is None:
            raise RuntimeError("cannot be packed here")
        if not packs:
            forward.packed_model = None
        print(seconds_of(forward, new_texts(kind), what), flush=True)


def new_module(config):
    """Return a classifier of two classes."""
    config.num_labels = 2
    return transformers.AutoModelForSequenceClassification.from_config(config)


def new_texts(kind):
    """Return texts of random tokens, sorted by length as in training."""
    random = np.random.RandomState(0)
    lengths = np.sort(LENGTHS[kind](random))
    ids = random.randint(5, SIZES["vocab_size"], lengths.sum()).astype(np.int32)
    return RaggedRows(RaggedIds(ids, lengths, 0), np.arange(len(lengths)))


def seconds_of(forward, texts, what):
    """Return the CPU seconds of the logits, or of the gradients too."""
    forward.module.train(what == "step")
    begin = time.process_time()
    if what == "logits":
        with torch.inference_mode():
            forward(texts)
    else:
        target = torch.zeros(len(texts), dtype=torch.int64)
        torch.nn.functional.cross_entropy(forward(texts), target).backward()
    seconds = time.process_time() - begin
    forward.module.zero_grad()
    return seconds


if __name__ == "__main__":
    main()
