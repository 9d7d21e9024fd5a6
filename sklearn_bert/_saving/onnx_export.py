"""A fitted classifier becomes an ONNX graph, checked against torch on real texts."""

import logging
import warnings
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from .._engine.device import copy_to_cpu, find_device
from .._engine.inference import predict_outputs
from .._engine.packing import reads_types
from .._engine.torch_state import own_torch_state
from .._files.manifest import CARD, seal, to_json
from .._files.own_files import check_target
from .._text.probabilities import probabilities
from .._text.tokenizer import kept_side
from .._versions import find_versions
from ..datasets._docstring_corpus import draw_corpus
from .card import onnx_card
from .onnx_graph import GRAPH_NAMES, KIND, Graph, import_onnxruntime
from .portable import MADE_WITH, class_names, write_folder, write_shared

OPSET = 18

_LARGEST_FILE = 1_900_000_000  # bytes; a protocol buffer ends at 2 GiB, larger weights lie beside
_ANY = torch.export.Dim.DYNAMIC  # batch and length
_TOLERANCE = 1e-3  # of probabilities, in float32
_TEXTS_PER_PACKAGE = 16


class _Logits(torch.nn.Module):
    """A transformers module that takes tensors in a fixed order and returns the logits alone."""

    def __init__(self, module, names):
        super().__init__()
        self.module = module
        self.names = names

    def forward(self, *tensors):
        return self.module(**dict(zip(self.names, tensors, strict=True))).logits


@own_torch_state()
def export(clf, path, quantize, texts):
    """Write the folder of a fitted classifier; return the largest difference of probabilities."""
    import_onnxruntime()
    check_target(path, KIND)
    if texts is None:
        texts = _example_texts(clf.pairs_)
    module = copy_to_cpu(clf.module_).eval()
    names = ["input_ids", "attention_mask"]
    names += ["token_type_ids"] if reads_types(module) else []
    ragged = clf._tokenize(texts, clf.tokenizer_, clf.max_length_)
    expected = predict_outputs(module, ragged, find_device("cpu"), torch.float32)
    expected = probabilities(expected, multilabel=clf.multilabel_)
    found = []

    def write(folder):
        """Write all files."""
        file = folder / GRAPH_NAMES[quantize]
        _write_graph(module, names, file, quantize)
        logits = ragged.mean_of_windows(Graph(file, n_threads=None, providers=None).run(ragged))
        proba = probabilities(logits, multilabel=clf.multilabel_)
        found.append(float(np.abs(expected - proba).max()))
        if quantize is None and not found[0] <= _TOLERANCE:
            raise ValueError(
                f"The ONNX graph must give the probabilities that torch gives, got a difference of "
                f"{found[0]:.2g} for {type(module).__name__}; nothing was written, use "
                "save_pretrained instead."
            )
        write_shared(clf, "classifier", folder, **{"transformers.js_config": _for_js(file)})
        manifest = _manifest(clf, quantize, found[0], len(texts))
        (folder / CARD).write_text(onnx_card(clf, class_names(clf), manifest), encoding="utf-8")
        seal(folder, manifest)

    write_folder(path, KIND, write)
    return found[0]


def _write_graph(module, names, file, quantize):
    """Write the graph, and the weights beside it where they are too large for one file."""
    file.parent.mkdir()
    if quantize is None:
        _export_graph(module, names, file)
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory(dir=file.parent) as folder:
        whole = Path(folder) / "model.onnx"
        _export_graph(module, names, whole)
        with _silence():
            quantize_dynamic(whole, file, weight_type=QuantType.QInt8, per_channel=True)


def _export_graph(module, names, file):
    """Let torch write the graph in float32."""
    inputs = tuple(torch.ones(2, 8, dtype=torch.int64) for _ in names)
    n_bytes = sum(value.numel() * value.element_size() for value in module.parameters())
    lie_beside = n_bytes > _LARGEST_FILE
    with _silence():
        try:
            torch.onnx.export(
                _Logits(module, names).eval(),
                inputs,
                file,
                input_names=names,
                output_names=["logits"],
                opset_version=OPSET,
                dynamic_shapes={"tensors": tuple({0: _ANY, 1: _ANY} for _ in names)},
                external_data=lie_beside,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ValueError(
                f"torch cannot export {type(module).__name__} to ONNX ({reason}); nothing was "
                "written, use save_pretrained instead."
            ) from error
    if lie_beside:
        _rename_weights(file)


def _rename_weights(file):
    """Give the weights beside a graph the name by which transformers.js asks for them."""
    import onnx

    weights = file.with_name(f"{file.name}_data")
    file.with_name(f"{file.name}.data").rename(weights)
    model = onnx.load(file, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = weights.name
    onnx.save(model, file)


def _for_js(file):
    """Return what transformers.js is to know: which graph it is, and whether weights lie beside."""
    config = {"dtype": "q8" if file.name == "model_quantized.onnx" else "fp32"}
    if file.with_name(f"{file.name}_data").exists():
        config["use_external_data_format"] = True
    return config


@contextmanager
def _silence():
    """Let neither warnings nor log lines of the exporters through."""
    root, nothing, level = logging.getLogger(), logging.NullHandler(), logging.root.manager.disable
    root.addHandler(nothing)  # or the first line logged would set up a handler for good
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        root.removeHandler(nothing)


def _example_texts(pairs):
    """Return real texts, or pairs of them, to compare on."""
    texts, _ = draw_corpus(_TEXTS_PER_PACKAGE, np.random.RandomState(0))
    return list(pairwise(texts)) if pairs else texts


def _manifest(clf, quantize, largest, n_texts):
    """Return what prediction needs beside graph and tokenizer, and where it comes from."""
    names = ["classes_", "multilabel_", "pairs_", "max_length_"]
    names += ["feature_names_in_"] if hasattr(clf, "feature_names_in_") else []
    return {
        "estimator": KIND,
        "versions": find_versions(*MADE_WITH, "onnx", "onnxruntime"),
        "fitted": {name: to_json(getattr(clf, name)) for name in names},
        "inputs": {
            "long_text": kept_side(clf.tokenizer_, clf.long_text),
            "overlap": clf._overlap(clf.tokenizer_, clf.max_length_),
            "pad_token_id": clf.tokenizer_.pad_token_id,
            "split_special_tokens": clf.tokenizer_.split_special_tokens,
            "has_types": "token_type_ids" in clf.tokenizer_.model_input_names,
        },
        "quantize": quantize,
        "checked": {"texts": n_texts, "largest difference of probabilities": largest},
    }
