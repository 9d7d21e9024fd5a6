"""What the optimizer gets: groups of parameters, learning rates, the gradient of embeddings."""

import math

import numpy as np
import torch
from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import OneCycleLR

from .layers import parameter_depths


def parameter_groups(module, weight_decay, layer_decay=1.0):
    """Return the parameters that learn: body and head, matrices apart from biases and norms.

    Only the matrices decay. ``scale`` is the group's share of the learning rate: 1 from the last
    layer on, `layer_decay` for the layer below, and so on down to the embeddings.
    """
    body = {id(parameter) for parameter in module.base_model.parameters()}
    depths, n_layers = parameter_depths(module)
    groups = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        part = "body" if id(parameter) in body else "head"
        scale = layer_decay ** max(n_layers - depths[name], 0)
        groups.setdefault((part, parameter.ndim > 1, scale), []).append(parameter)
    return [
        {
            "params": parameters,
            "part": part,
            "scale": scale,
            "weight_decay": weight_decay * is_matrix,
        }
        for (part, is_matrix, scale), parameters in groups.items()
    ]


def set_learning_rates(groups, learning_rate, head):
    """Set the learning rate of each parameter group, given that of the body.

    `head` is what the head starts from, see `head_learning_rate`.
    """
    rates = {"body": learning_rate, "head": head_learning_rate(learning_rate, head)}
    for group in groups:
        group["lr"] = rates[group["part"]] * group["scale"]


class OneCycle(LRScheduler):
    """The one-cycle policy: linearly up for half of the steps, then linearly down.

    Each parameter group peaks at the learning rate that it has before the first step.

    Parameters
    ----------
    n_steps : int
        Of the whole fit.

    References
    ----------
    L. N. Smith (2018). A disciplined approach to neural network hyper-parameters: part 1.
    arXiv:1803.09820.
    """

    def __init__(self, n_steps):
        super().__init__(_one_cycle, step_every="batch", event_name=None, n_steps=n_steps)

    def state_dict(self):
        """Return what the steps to come depend on."""
        return self.lr_scheduler_.state_dict()

    def load_state_dict(self, state):
        """Go on from a state."""
        self.lr_scheduler_.load_state_dict(state)


def _one_cycle(optimizer, n_steps, last_epoch):
    """Return torch's scheduler."""
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=max(n_steps, 3),  # torch divides by zero, or never warms up, below three
        pct_start=0.5,
        anneal_strategy="linear",
        div_factor=10,
        final_div_factor=100,
        base_momentum=0.85,
        max_momentum=0.95,
        last_epoch=last_epoch,
    )


def auto_learning_rate(width, n_steps):
    """Return the peak learning rate for a model of hidden size `width` and a run of `n_steps`.

    2e-5 at BERT's width; narrower models want more, and still more when there are few steps.
    """
    exponent = 2.0
    if width < 768:
        exponent += float(np.interp(math.log(n_steps), [math.log(100), math.log(1000)], [1, 0]))
    return min(2e-5 * (768 / width) ** exponent, 5e-4)


# The rate of the head: so many times that of the body, and at most so much.
_HEAD_RATES = {
    "new": (100, 0.01),
    "probe": (10, 1e-3),
    "contrast": (10, 1e-3),
    "teacher": (10, 1e-3),
    "kept": (1, 0.0),
}


def head_learning_rate(learning_rate, head):
    """Return the peak learning rate of the head, given that of the body.

    Parameters
    ----------
    learning_rate : float
        That of the body.
    head : {"new", "probe", "contrast", "teacher", "kept"}
        What it starts from. A new one starts from nothing: at the rate of the body it would
        hardly have begun to tell many classes apart when a short run ends. One that starts from a
        linear model, after a contrast of the classes or not, or from that of a teacher with more
        layers has less to learn, and one that was kept of an earlier fit no more than the body has.
    """
    factor, most = _HEAD_RATES[head]
    return max(learning_rate, min(factor * learning_rate, most))


class RowGradients:
    """The gradient of the word embeddings, filled in for the words of a batch only.

    torch gives it as a new matrix with a row for each word of the vocabulary. On a CPU, getting
    and clearing that memory takes an eighth of a step on short texts: here one matrix is kept,
    and only the rows that were used are touched.

    Parameters
    ----------
    embedding : torch.nn.Embedding
        The word embeddings.
    device : torch.device
        Where they are; only on a CPU is there anything to be gained.
    dtype : torch.dtype
        Arithmetic. When float16 overflows, clipping the gradient makes all rows NaN, those too that
        are not touched again: it gets a new matrix each time.
    ranks : ProcessGroup, default=None
        The processes whose gradients are summed: the rows that any of them used.
    """

    def __init__(self, embedding, device, dtype, ranks=None):
        self.embedding = embedding
        self.ranks = ranks
        self.is_used = device.type == "cpu" and type(embedding) is torch.nn.Embedding
        self.is_used = self.is_used and not embedding.sparse and embedding.weight.requires_grad
        self.is_used = self.is_used and dtype != torch.float16
        if self.is_used:
            embedding.sparse = True
            self.dense = torch.zeros_like(embedding.weight)
            self.rows = torch.zeros(0, dtype=torch.int64)

    def fill(self):
        """Make the gradient of the weights dense."""
        weight = self.embedding.weight
        if not self.is_used or weight.grad is None:
            return
        gradient = weight.grad.coalesce()
        self.dense[self.rows] = 0
        self.rows, values = gradient.indices()[0], gradient.values()
        if self.ranks is not None:
            self.rows, values = self.ranks.sum_rows(self.rows, values, len(weight))
        self.dense[self.rows] = values
        weight.grad = self.dense

    def close(self):
        """Leave the embeddings as they were."""
        if self.is_used:
            self.embedding.sparse = False
