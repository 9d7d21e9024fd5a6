"""Where labels are very few: the vectors of texts of one class are drawn together first.

References
----------
L. Tunstall, N. Reimers, U. E. S. Jo, L. Bates, D. Korat, M. Wasserblat, O. Pereg (2022). Efficient
Few-Shot Learning Without Prompts. arXiv:2209.11055.
"""

import math
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import normalize

from .._text.ragged import RaggedRows
from .device import fast_float32
from .distributed import find_ranks
from .layers import last_linear
from .net import FineTuningNet
from .optimizer import OneCycle
from .progress import Progress

# The peak of the learning rate, and the steps.
RATE, STEPS = 2e-5, 40
_BATCH = 16  # texts, all pairs of which are compared
_LEAST_OF_A_CLASS = 2


def contrast(module, batches, settings, n_outputs, random_state):
    """Train what the last linear map of the head reads to be alike for texts of one class only.

    Of several processes each does all of it, since the batches are too small to share.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        Changed in place; its head must have a `last_linear`.
    batches : TrainingBatches
        The texts, with one class each.
    settings : TrainingSettings
        Those of the fit, but for what is minimized and for how long.
    n_outputs : int
        Of the head.
    random_state : RandomState instance
        Draws the batches.
    """
    settings = replace(settings, criterion=PairLoss(), epochs=1, learning_rate=RATE, head="kept")
    callbacks = [("_one_cycle", OneCycle(STEPS))]
    progress = Progress(STEPS, settings.verbose, "contrast")
    if settings.verbose:
        callbacks.append(("_progress", progress))
    net = ContrastiveNet(module, settings, n_outputs=n_outputs, callbacks=callbacks)
    with closing(net), closing(progress), fast_float32(settings.device):
        net.fit((BalancedBatches(batches, STEPS, random_state), None))
    if (ranks := find_ranks()) is not None:  # a GPU may have rounded otherwise than another one
        _average(list(module.parameters()), ranks)


def _average(parameters, ranks):
    """Let all processes have the mean of their parameters."""
    values = [parameter.detach() for parameter in parameters]
    ranks.sum(values)
    torch._foreach_div_(values, ranks.world_size)


class ContrastiveNet(FineTuningNet):
    """A net that gives what the last linear map reads, instead of what it makes of that.

    When memory is full, only the pairs within a piece of the batch are compared.

    Parameters
    ----------
    module : torch.nn.Module
        The encoder with its head.
    settings : TrainingSettings
        How it is trained.
    n_outputs : int
        Of the map.
    **kwargs : dict
        Parameters of `FineTuningNet`.
    """

    def __init__(self, module, settings, *, n_outputs, **kwargs):
        super().__init__(module, settings, **kwargs)
        self.n_outputs = n_outputs

    def tokens_at_once(self):
        """Return that a batch is computed at once, since its texts are compared."""
        return math.inf

    def find_ranks(self):
        """Return that this process works alone."""
        return None

    def infer(self, x, **fit_params):
        """Return the vectors of some texts in float32."""
        read = []
        linear = last_linear(self.module_, self.n_outputs)
        hook = linear.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
        try:
            self.logits_of_(x)
        finally:
            hook.remove()
        return read[0].reshape(len(x), -1).float()


class PairLoss(torch.nn.Module):
    """Mean squared error of the cosine of two texts: 1 if they are of one class, else 0.

    Pairs of one class and pairs of two weigh the same together.
    """

    def forward(self, vectors, target):
        """Return the loss of the vectors of some texts; `target` begins with their classes."""
        classes = target[0]
        unit = normalize(vectors, dim=1)
        is_same = classes[:, None] == classes
        error = (unit @ unit.T - is_same.float()) ** 2
        is_pair = ~torch.eye(len(classes), dtype=torch.bool, device=classes.device)
        # Nothing is looked at on the way, or a GPU would be waited for.
        kinds = is_same & is_pair, ~is_same
        return sum((error * kind).sum() / kind.sum().clamp_min(1) for kind in kinds) / 2


class BalancedBatches:
    """Batches with as many texts of one class as of another.

    Parameters
    ----------
    batches : TrainingBatches
        All texts, with class indices, or probabilities, of which the largest counts.
    n_steps : int
        How many batches there are.
    random_state : RandomState instance
        Draws them: texts of a class by their weights.
    """

    def __init__(self, batches, n_steps, random_state):
        self.batches = batches
        self.n_steps = n_steps
        self.random_state = random_state
        targets = batches.targets
        self.classes = targets if targets.ndim == 1 else targets.argmax(axis=1)
        self.rows = [np.flatnonzero(self.classes == c) for c in np.unique(self.classes)]

    def __len__(self):
        return self.n_steps

    def __iter__(self):
        for _ in range(self.n_steps):
            rows = self._draw()
            targets = torch.from_numpy(self.classes[rows])
            weights = torch.from_numpy(self.batches.weights[rows])
            yield RaggedRows(self.batches.ragged, rows), (targets, weights)

    def _draw(self):
        """Return the rows of a batch, by length."""
        n_each = max(_LEAST_OF_A_CLASS, _BATCH // len(self.rows))
        n_classes = min(len(self.rows), _BATCH // n_each)
        drawn = []
        for number in self.random_state.choice(len(self.rows), n_classes, replace=False):
            rows = self.rows[number]
            shares = self.batches.weights[rows] / self.batches.weights[rows].sum()
            n_texts = min(n_each, np.count_nonzero(shares))
            drawn.append(self.random_state.choice(rows, n_texts, replace=False, p=shares))
        rows = np.concatenate(drawn)
        return rows[np.argsort(self.batches.ragged.lengths[rows], kind="stable")]
