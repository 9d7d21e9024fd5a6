"""Copies of the weights in half precision: one call a step makes all of them.

Under autocast, each weight is cast for itself, and each gradient is cast back: on a GPU, such
kernels take longer to launch than to run.
"""

from functools import partial

import torch
from torch.nn.functional import linear

from .attention_view import changed
from .forward import Forward
from .layers import find_layers

# Numbers whose gradients are cast together: 16 MB, which wait for each other.
_CAST_TOGETHER = 2**23

# The maps of attention, by their names in transformers, which mostly read the same states.
_ATTENTION = (
    ("query", "key", "value"),
    ("q_lin", "k_lin", "v_lin"),
    ("q_proj", "k_proj", "v_proj"),
)


class HalfForward(Forward):
    """Computes the logits of texts by copies of the weights of all linear maps.

    All else is left to autocast, which takes the copies as they are; the gradients reach the
    weights themselves. The module stays as it is: what is computed is a view, which shares the
    rest with it.

    Parameters
    ----------
    module, device, dtype
        As for `Forward`.
    """

    def __init__(self, module, device, dtype):
        super().__init__(module, device, dtype)
        reads_first = self.packed_model is not None and self.packed_model.reads_first
        self.copies = _Copies(module, dtype, joins_last=not reads_first)
        self._look()

    def begin_step(self):
        """Copy the weights as they are now."""
        if self.view.training != self.module.training:
            self._look()
        self.copies.refresh()

    def __call__(self, texts):
        """Return the logits of `texts` in float32, of shape (n_texts, n_classes)."""
        self.copies.begin()
        try:
            return super().__call__(texts)
        finally:
            self.copies.begin()

    def start_checkpointing(self):
        """Do as `Forward` does; padded texts are computed by what is set in the module."""
        started = super().start_checkpointing()
        self._look()
        return started

    def _look(self):
        """View the module as it is now."""
        self.view = _with_maps(self.module, self.copies.maps)
        if self.packed_model is not None:
            self.packed_model.module = self.view


def _with_maps(module, maps):
    """Return a module with other linear maps, which shares everything else."""
    if module in maps:
        return maps[module]
    children = {
        name: None if child is None else _with_maps(child, maps)
        for name, child in module._modules.items()
    }
    return module if children == module._modules else changed(module, _modules=children)


class _Copies:
    """The copies of all weights, and linear maps that compute by them.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        What has the weights.
    dtype : torch.dtype
        Of the copies.
    joins_last : bool
        Whether the maps of attention read the same states in the last layer too.

    Attributes
    ----------
    maps : dict of Linear to Linear
        Those of the module, and what stands for them.
    """

    def __init__(self, module, dtype, *, joins_last):
        layers, path = find_layers(module)
        self.maps, self.joined, self.groups = {}, [], [_Group(dtype)]
        for name, child in module.named_modules():
            if self.groups[-1].n_numbers >= _CAST_TOGETHER:
                self.groups.append(_Group(dtype))
            is_last = name.startswith(f"{path}.{len(layers) - 1}.")
            self._join(child, first=0 if joins_last or not is_last else 1)
            if _is_linear(child) and child not in self.maps:
                group = self.groups[-1]
                numbers = group.add([child])
                self.maps[child] = _computing(child, partial(_linear, group, numbers))
        self.slices = [part for group in self.groups for part in group.slices]
        self.weights = [weight for group in self.groups for weight in group.weights()]

    def _join(self, module, first):
        """Let the maps of attention that a module has be one, from the first one on."""
        group = self.groups[-1]
        for names in _ATTENTION:
            maps = [getattr(module, name, None) for name in names[first:]]
            if len({*maps}) == len(maps) and _can_be_joined(maps):
                joined = _Joined(group, group.add(maps), [child.out_features for child in maps])
                self.joined.append(joined)
                for number, child in enumerate(maps):
                    self.maps[child] = _computing(child, partial(joined, number))

    @torch.no_grad()
    def refresh(self):
        """Copy the weights."""
        torch._foreach_copy_(self.slices, self.weights)

    def begin(self):
        """Forget what a forward pass has left."""
        for each in (*self.groups, *self.joined):
            each.begin()


def _is_linear(module):
    """Return whether a module is a plain linear map."""
    return type(module) is torch.nn.Linear and module._parameters.keys() == {"weight", "bias"}


def _can_be_joined(maps):
    """Return whether linear maps are alike, so that they can be computed as one."""
    return (
        all(map(_is_linear, maps))
        and len({(child.in_features, child.bias is None) for child in maps}) == 1
        and not any(child._forward_hooks or child._forward_pre_hooks for child in maps)
    )


class _Group:
    """Copies of weights whose gradients are cast back together.

    Parameters
    ----------
    dtype : torch.dtype
        Of the copies.
    """

    def __init__(self, dtype):
        self.dtype = dtype
        self.n_numbers = 0
        self.of = []  # the weights that each copy is of, one below the other
        self.copies, self.slices = [], []
        self.given = None  # the copies of a forward pass, which have a gradient

    def add(self, maps):
        """Return the numbers of the copies of weight and bias of some linear maps."""
        return [
            None if getattr(maps[0], name) is None else self._add([getattr(m, name) for m in maps])
            for name in ("weight", "bias")
        ]

    def _add(self, weights):
        """Return the number of the copy of some weights."""
        lengths = [len(weight) for weight in weights]
        shape = (sum(lengths), *weights[0].shape[1:])
        copy = torch.empty(shape, dtype=self.dtype, device=weights[0].device)
        self.n_numbers += copy.numel()
        self.of.append(weights)
        self.copies.append(copy)
        self.slices += copy.split(lengths)
        return len(self.copies) - 1

    def weights(self):
        """Return all weights, in the order of the slices."""
        return [weight for weights in self.of for weight in weights]

    def begin(self):
        """Begin another forward pass."""
        self.given = None

    def get(self, number):
        """Return a copy to compute with; None for the number None."""
        if number is None:
            return None
        if not torch.is_grad_enabled():
            return self.copies[number]
        if self.given is None:
            self.given = self._give()
        return self.given[number]

    def _give(self):
        """Return the copies, those that learn with a gradient."""
        given = list(self.copies)
        learning = [
            number
            for number, weights in enumerate(self.of)
            if any(weight.requires_grad for weight in weights)
        ]
        if learning:
            of = [self.of[number] for number in learning]
            copies = [self.copies[number] for number in learning]
            outputs = _Give.apply(copies, of, *(weight for weights in of for weight in weights))
            for number, output in zip(learning, outputs, strict=True):
                given[number] = output
        return given


class _Give(torch.autograd.Function):
    """Gives copies of weights; their gradients are cast to those of the weights by one call."""

    @staticmethod
    def forward(ctx, copies, of, *weights):
        ctx.set_materialize_grads(False)
        ctx.of = of
        return tuple(copy.detach() for copy in copies)

    @staticmethod
    def backward(ctx, *gradients):
        cast, parts, found = [], [], []
        for gradient, weights in zip(gradients, ctx.of, strict=True):
            if gradient is None:
                cast += [None] * len(weights)
                continue
            new = [torch.empty_like(weight) for weight in weights]
            cast += new
            found += new
            parts += gradient.split([len(weight) for weight in weights])
        torch._foreach_copy_(found, parts)
        return None, None, *cast


class _HalfLinear(torch.nn.Linear):
    """A linear map that computes by copies of its weights."""

    def forward(self, states):
        return self.compute(states)


def _computing(module, compute):
    """Return a linear map that computes in another way, and shares everything else."""
    other = object.__new__(_HalfLinear)
    vars(other).update(vars(module), compute=compute)
    return other


def _linear(group, numbers, states):
    """Compute a linear map by the copies."""
    weight, bias = map(group.get, numbers)
    return linear(states, weight, bias)


class _Joined:
    """Linear maps that are computed as one where they read the same states.

    Parameters
    ----------
    group : _Group
        What has their copies.
    numbers : list of int or None
        Those of weight and bias.
    widths : list of int
        Of what each of them gives.
    """

    def __init__(self, group, numbers, widths):
        self.group = group
        self.numbers = numbers
        self.widths = widths
        self.begin()

    def begin(self):
        """Begin another forward pass."""
        self.states, self.results = None, {}

    def __call__(self, number, states):
        """Return what one of them gives."""
        if self.states is not states or number not in self.results:
            joined = _linear(self.group, self.numbers, states)
            self.states, self.results = states, dict(enumerate(joined.split(self.widths, dim=-1)))
        result = self.results.pop(number)
        if not self.results:
            self.states = None
        return result
