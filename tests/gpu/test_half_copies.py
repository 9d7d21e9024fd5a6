"""Training on a GPU computes by one copy of the weights in half precision: as autocast, sooner."""

import itertools
import pickle

import numpy as np
import pytest
import torch
import transformers
from skorch.callbacks import Callback
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sklearn_bert import BertTextClassifier
from sklearn_bert._engine import frozen_encoder as _frozen_encoder
from sklearn_bert._engine import net as _net
from sklearn_bert._engine.distributed import ProcessGroup
from sklearn_bert._engine.forward import Forward

pytestmark = pytest.mark.simulated_gpu


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"dtype": "float16"},
        {"freeze": 1, "layer_decay": 0.8},
        {"freeze": "all"},
        {"gradient_checkpointing": True},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"head": "auto", "epochs": 1},
        {"learning_rate": "find", "epochs": 1},
    ],
    ids=str,
)
def test_a_fit_is_that_of_autocast(make_classifier, reviews, monkeypatch, parameters):
    settings = {"device": "cuda", "dtype": "bfloat16", "learning_rate": 1e-3, **parameters}
    by_copies = make_classifier(**settings).fit(*reviews)
    monkeypatch.setattr(_frozen_encoder, "HalfForward", Forward)
    by_autocast = make_classifier(**settings).fit(*reviews)
    for name in ("train_loss", "valid_loss"):
        losses = [[row.get(name, 0) for row in clf.history_] for clf in (by_copies, by_autocast)]
        np.testing.assert_allclose(*losses, atol=0.02)
    probas = [clf.predict_proba(reviews[0]) for clf in (by_copies, by_autocast)]
    np.testing.assert_allclose(*probas, atol=0.05)


class Fails(Callback):
    """End a fit in the midst, and keep its module."""

    modules = []

    def __init__(self, error):
        self.error = error

    def on_batch_end(self, net, training=False, **kwargs):
        self.modules[:] = [net.module_]
        if len(net.history[-1]["batches"]) == 3:
            raise self.error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_in_the_module_of_a_fit_that_ends_in_the_midst(
    make_classifier, reviews, error
):
    clf = make_classifier(device="cuda", callbacks=[Fails(error)])
    held = torch.cuda.memory_allocated()
    with pytest.raises(error):
        clf.fit(*reviews)
    module = Fails.modules.pop()
    n_bytes = sum(value.nbytes for value in (*module.parameters(), *module.buffers()))
    for child in module.modules():
        assert "forward" not in vars(child)
        assert {value.dtype for value in child.parameters()} <= {torch.float32}
    assert len(pickle.dumps(module)) < 1.5 * n_bytes
    assert torch.cuda.memory_allocated() - held < 2.5 * n_bytes  # of which one for the mean


class Freezes(Callback):
    """Let a layer learn no more from the second epoch on, and note its weights."""

    def on_epoch_begin(self, net, **kwargs):
        self.noted_ = getattr(self, "noted_", [])
        layer = net.module_.bert.encoder.layer[0]
        layer.requires_grad_(len(net.history) < 2)

    def on_batch_end(self, net, training=False, **kwargs):
        weight = net.module_.bert.encoder.layer[0].attention.self.key.weight
        self.noted_.append(weight.detach().clone())


def test_layers_may_be_frozen_in_the_midst(make_classifier, reviews):
    clf = make_classifier(device="cuda", dtype="bfloat16", callbacks=[Freezes()]).fit(*reviews)
    noted = clf.callbacks_[0][1].noted_
    same = [torch.equal(*pair) for pair in itertools.pairwise(noted)]
    assert same == [False] * 7 + [True] * 8


def test_gradients_of_several_processes_are_sent_as_they_are_complete(
    make_classifier, reviews, monkeypatch
):
    """Most of them while the rest is still being computed."""
    sent = []

    class Message:
        def __init__(self, tensors):
            self.tensors = [tensor.clone() for tensor in tensors]
            sent.append(torch._C._current_autograd_node() is not None)

        def wait(self):
            return self.tensors

    group = ProcessGroup(0, 1)
    monkeypatch.setattr(group, "start_sum", Message)
    monkeypatch.setattr(_net, "find_ranks", lambda: group)
    monkeypatch.setattr("sklearn_bert._engine.gradient_sums._BUCKET", 1000)
    monkeypatch.setattr("sklearn_bert._engine.half_weights._CAST_TOGETHER", 1000)
    settings = {"device": "cuda", "dtype": "bfloat16", "epochs": 1, "learning_rate": 1e-3}
    summed = make_classifier(**settings).fit(*reviews)
    assert sum(sent) > len(sent) / 2
    monkeypatch.undo()
    alone = make_classifier(**settings).fit(*reviews)
    probas = [clf.predict_proba(reviews[0]) for clf in (summed, alone)]
    np.testing.assert_allclose(*probas, atol=0.01)


class Kernels(TorchDispatchMode):
    """Count what is launched on the device: neither views nor memory that is only asked for."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        aliases = [value.alias_info for value in function._schema.returns]
        is_view = any(alias is not None and not alias.is_write for alias in aliases)
        is_empty = str(function).startswith(("aten.empty", "aten._unsafe_view", "aten.detach"))
        tensors = tree_leaves((args, kwargs, output))
        is_cuda = any(isinstance(value, torch.Tensor) and value.is_cuda for value in tensors)
        self.n += is_cuda and not is_view and not is_empty
        return output


@pytest.fixture
def like_minilm(make_folder):
    """A model of as many layers as MiniLM has, with dropout."""
    config = transformers.BertConfig(
        **{"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 6},
        **{"num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64},
    )
    return str(make_folder(config))


def test_a_step_launches_few_kernels(like_minilm, reviews):
    """It was 555 when each weight was cast for itself."""
    counts = []
    for n_steps in (2, 6):
        X, y = (values[: 8 * n_steps] for values in reviews)
        clf = BertTextClassifier(
            like_minilm,
            device="cuda",
            dtype="bfloat16",
            **{"batch_size": 8, "epochs": 1, "head": "new", "pooling": "cls"},
        )
        with Kernels() as kernels:
            clf.fit(X, y)
        counts.append(kernels.n)
    assert 100 < (counts[1] - counts[0]) / 4 <= 315
