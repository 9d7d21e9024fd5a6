"""Tokens a second of each way to feed texts to the encoder, and the seconds of a whole epoch.

Called by ``speed.py --device cuda``, and small by ``speed.py --tiny``. At the size of bert-base
the weights are random: they cost the same.
"""

import re
import tempfile
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
import transformers
from peers import TrainerDynamic
from transformers import AutoTokenizer

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine.batches import TrainingBatches
from sklearn_bert._engine.device import find_device, find_dtype, seeded
from sklearn_bert._engine.encoder import load_encoder
from sklearn_bert._engine.losses import CrossEntropy
from sklearn_bert._engine.net import FineTuningNet
from sklearn_bert._engine.settings import TrainingSettings
from sklearn_bert._text import tokens as _tokens
from sklearn_bert._text.ragged import RaggedRows
from sklearn_bert._text.token_cache import TokenCache
from sklearn_bert._text.tokens import tokenize

# TFLOPS of half precision with sums in float32 and without sparsity, by the makers' data sheets. Of
# the words that are in the name of a card, the first count.
PEAKS = {
    **{"B200": 2250, "H200": 989, "H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "A100": 312},
    **{"L40S": 362, "L40": 181, "L4": 121, "A40": 149.7, "A30": 165, "A10G": 70, "A10": 125},
    **{"V100-SXM2": 125, "V100": 112, "T4": 65, "MI300X": 1307, "RTX 4090": 165, "RTX 3090": 71},
}
SECONDS = 4.0  # of each way


def print_throughput(settings, data, *, tiny):
    """Print the table of ways at several lengths, then the seconds of an epoch over the set."""
    device = find_device(settings.device)
    with tempfile.TemporaryDirectory() as folder:
        base = base_model(Path(folder), settings.folder, tiny)
        print("\n| model | max length | way | tokens/s | texts/s | % of peak |")
        print("|---|---:|---|---:|---:|---:|")
        for name, model in (("bert-base size", base), ("MiniLM", settings.folder)):
            for max_length in (16, 32) if tiny else (128, 256, 512):
                texts = data[1][0][: 64 if tiny else 4000]
                print_ways(name, model, texts, max_length, device, 0.1 if tiny else SECONDS)
        print_epoch(replace(settings, folder=base, learning_rate=2e-5), data)


def base_model(folder, tokenizer_folder, tiny):
    """Return the folder of a random model of bert-base's size, or of a tiny one."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2} if tiny else {}
    config = transformers.BertConfig(vocab_size=len(tokenizer), **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def print_ways(name, model, texts, max_length, device, seconds):
    """Print a row for each way to train on the texts."""
    with seeded(0, device):
        tokenizer, module = load_encoder(model, 2)
    ragged = tokenize(tokenizer, texts, max_length)
    ways = {
        "padded, float32": (ragged, 1, torch.float32, False),
        "padded, bfloat16": (ragged, 1, torch.bfloat16, False),
        "similar lengths, bfloat16": (ragged, 50, torch.bfloat16, False),
        "packed, bfloat16": (ragged, 50, torch.bfloat16, True),
    }
    for way, (ids, pool, dtype, packs) in ways.items():
        try:
            tokens, n_texts = rate(module, ids, pool, dtype, packs, device, seconds)
        except Exception as error:  # one way that fails keeps the others
            print(f"| {name} | {max_length} | {way} | {type(error).__name__}: {error} | | |")
            continue
        per_token = training_flops(module.config, ragged.lengths) / ragged.lengths.sum()
        use = per_token * tokens / peak_flops(device)[0]
        cells = [
            name,
            str(max_length),
            way,
            f"{tokens:,.0f}",
            f"{n_texts:,.0f}",
            f"{100 * use:.0f}",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


def rate(module, ragged, pool, dtype, packs, device, seconds):
    """Return the real tokens and the texts a second of training steps of 32 texts."""
    rows = np.random.RandomState(0).permutation(len(ragged))
    batches = random_batches(ragged, rows) if pool == 1 else similar_batches(ragged)
    net = make_net(module, dtype, device)
    forward = net.logits_of_
    if not packs:
        forward.packed_model = None
    elif forward.packed_model is None:
        raise RuntimeError("cannot be packed here")
    try:
        return timed(net, batches, device, seconds)
    finally:
        net.close()


def make_net(module, dtype, device):
    """Return an initialized net that trains the module."""
    settings = TrainingSettings(
        criterion=CrossEntropy(),
        device=device,
        dtype=dtype,
        learning_rate=1e-6,
        gradient_checkpointing=False,
    )
    return FineTuningNet(module, settings).initialize()


def random_batches(ragged, rows):
    """Return batches of texts of any length."""
    return [RaggedRows(ragged, rows[i : i + 32]) for i in range(0, len(rows) - 31, 32)]


def similar_batches(ragged):
    """Return full batches as training makes them."""
    ones = np.ones(len(ragged), dtype=np.float32)
    batches = TrainingBatches(
        ragged, ones.astype(np.int64), ones, batch_size=32, random_state=np.random.RandomState(0)
    )
    return [texts for texts, _ in batches if len(texts) == 32]


def timed(net, batches, device, seconds):
    """Return tokens and texts a second, after the first tenth of the time for warming up."""
    n_tokens = n_texts = 0
    begin, start, step = time.perf_counter(), None, 0
    while start is None or time.perf_counter() - start < seconds:
        texts = batches[step % len(batches)]
        step += 1
        targets = torch.zeros(len(texts), dtype=torch.int64), torch.ones(len(texts))
        net.optimizer_.zero_grad(set_to_none=True)
        net.train_step_single((texts, targets))
        torch.nn.utils.clip_grad_norm_(net.module_.parameters(), 1.0)
        net.optimizer_.step()
        if start is None and step >= 8 and time.perf_counter() - begin > seconds / 10:
            synchronize(device)
            start = time.perf_counter()
        elif start is not None:
            n_tokens += int(texts.lengths.sum())
            n_texts += len(texts)
            if step % 16 == 0:  # no run ahead of the clock
                synchronize(device)
    synchronize(device)
    elapsed = time.perf_counter() - start
    return n_tokens / elapsed, n_texts / elapsed


def synchronize(device):
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def training_flops(config, lengths):
    """Return the floating-point operations of training on texts of these lengths once.

    Six for each weight of the encoder's layers and each real token, and those of attention:
    twelve for each pair of tokens of a text, each layer and each unit of width. Layers of
    ModernBERT have three maps instead of two behind attention, and most see neighbours only.
    """
    layers, width = config.num_hidden_layers, config.hidden_size
    n_maps = 3 if config.model_type == "modernbert" else 2
    weights = layers * (4 * width**2 + n_maps * width * config.intermediate_size)
    lengths = np.asarray(lengths, dtype=float)
    n_local = (getattr(config, "layer_types", None) or []).count("sliding_attention")
    seen = np.minimum(lengths, config.local_attention + 1) if n_local else lengths
    pairs = (layers - n_local) * (lengths**2).sum() + n_local * (lengths * seen).sum()
    return 6 * weights * lengths.sum() + 12 * width * pairs


def peak_flops(device):
    """Return the operations a second of half precision at best, and where the number is from.

    Of a card that is known, that of its data sheet; else that of a large matrix product.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    is_whole = not re.search(r"\b(MIG|Laptop)\b", name)
    for words, peak in PEAKS.items():
        if is_whole and re.search(rf"\b{words}\b", name):
            return peak * 1e12, "its data sheet"
    return matrix_product_flops(device), "a matrix product"


@cache
def matrix_product_flops(device):
    """Return the operations a second of a large matrix product, in the dtype of training."""
    n = 2048 if device.type == "cpu" else 8192
    matrix = torch.ones(n, n, device=device, dtype=find_dtype("auto", device))
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        (matrix @ matrix)[0, 0].item()
        best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


class TrainerHalf(TrainerDynamic):
    """The Trainer with dynamic padding, in bfloat16."""

    bf16 = True


def clock(function, *arguments):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def print_epoch(settings, data):
    """Print the seconds of one epoch over the set and of predicting its test part."""
    name, (texts, labels), (test_texts, _) = data
    print(f"\nOne epoch of {len(texts):,} texts of {name} at the size of bert-base, seconds:\n")
    print("| model | fit | of it tokenizing | predict | predict in bfloat16 |")
    print("|---|---:|---:|---:|---:|")
    clf = BertTextClassifier(
        settings.folder,
        epochs=1,
        batch_size=32,
        pooling="cls",  # and a new head: the Trainer's work
        head="new",
        max_length=settings.max_length,
        learning_rate=settings.learning_rate,
        device=settings.device,
        random_state=0,
    )
    seconds = [clock(clf.fit, texts, labels)]
    _tokens.CACHE = TokenCache(0)  # else it would be found there
    seconds.append(clock(tokenize, clf.tokenizer_, texts, clf.max_length_))
    seconds.append(clock(clf.predict, test_texts))
    clf.set_params(dtype="bfloat16")
    seconds.append(clock(clf.predict, test_texts))
    print("| sklearn-bert | " + " | ".join(f"{value:.1f}" for value in seconds) + " |", flush=True)
    try:
        trainer = TrainerHalf(settings)
        seconds = [clock(trainer.fit, texts, list(labels)), clock(trainer.predict, test_texts)]
        print(f"| {trainer.name}, bfloat16 | {seconds[0]:.1f} | | | {seconds[1]:.1f} |")
    except ImportError as error:
        print(f"The Trainer was left out: {error}")
