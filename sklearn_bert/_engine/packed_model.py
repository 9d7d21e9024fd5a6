"""A transformers module computes texts that lie end to end: no padding, and no work no one reads.

The module's own forward pass is run on one long row of all tokens, with two differences:

- attention keeps to each text: transformers' modules look it up by a name in their configuration,
  and ours is registered under a name of its own (`transformers.AttentionInterface`);
- where the head reads the first token only, the last layer is computed for that one only: its keys
  and values are those of all tokens, the rest of its work is a text's, not a token's.

The module itself stays as it is, since other threads may compute with it.
"""

from functools import partial
from weakref import WeakKeyDictionary

import torch
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface

from .attention import MULTIPLE, attend
from .attention_kernels import find_kernel
from .attention_view import OWN_FORWARD, AttentionView, changed, with_child, with_layers
from .encoder import attention_dropouts
from .layers import find_layers
from .packing import reads_types
from .pooled_tokens import PooledTokens

_ATTENTION = "sklearn_bert_packed"

# Those whose logits and gradients have been found equal to the padded ones: no others are packed.
# DeBERTa, MPNet and their like compute their attention themselves, with positions in the scores.
_PACKED = {
    "AlbertForSequenceClassification",
    "BertForSequenceClassification",
    "CamembertForSequenceClassification",
    "Data2VecTextForSequenceClassification",
    "DistilBertForSequenceClassification",
    "ElectraForSequenceClassification",
    "ErnieForSequenceClassification",
    "EuroBertForSequenceClassification",
    "GteForSequenceClassification",
    "JinaEmbeddingsV3ForSequenceClassification",
    "ModernBertForSequenceClassification",
    "NomicBertForSequenceClassification",
    "RobertaForSequenceClassification",
    "RobertaPreLayerNormForSequenceClassification",
    "XLMRobertaForSequenceClassification",
    "XLMRobertaXLForSequenceClassification",
}

_QUERIES = {"query", "q_lin", "q_proj"}
_KEYS_AND_VALUES = {"key", "k_lin", "k_proj", "value", "v_lin", "v_proj"}

_views: WeakKeyDictionary[torch.nn.Module, AttentionView] = WeakKeyDictionary()


def can_pack(module):
    """Return whether a module is of an architecture that computes packed texts.

    One that was compiled, or given another forward pass, would not ask for our attention.
    """
    positions = getattr(module.config, "position_embedding_type", None) or "absolute"
    if type(module).__name__ not in _PACKED or positions != "absolute":
        return False
    if module in _views and _views[module].is_current():
        return True
    return all(vars(child).keys().isdisjoint(OWN_FORWARD) for child in module.modules())


def packed_model(module, device, dtype):
    """Return what computes the logits of `PackedTexts`, or None where padding is needed.

    On a CPU, texts of the same length are attended to together. Elsewhere that would be slower: MPS
    and XPU compile their kernels anew for each number and length of texts that they meet, MPS keeps
    them all for ever, and batches of texts of similar length are padded by some 3 % only.
    """
    if not can_pack(module):
        return None
    if device.type == "cpu":
        return PackedModel(module)
    kernel = _find_kernel(module.config, device, dtype) if device.type == "cuda" else None
    return None if kernel is None else PackedModel(module, kernel)


def _find_kernel(config, device, dtype):
    """Return the kernel of a GPU that attends in the way a model asks, None if there is none."""
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return find_kernel(
        device,
        dtype,
        width + -width % MULTIPLE,
        dropout_rate=max(attention_dropouts(config).values(), default=0.0),
        has_windows=getattr(config, "sliding_window", None) is not None,
    )


class PackedModel:
    """The logits and hidden states of packed texts, from a transformers module.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        A sequence classifier that `can_pack`.
    kernel : callable, default=None
        Attention, as `attend` takes it; a CPU needs none.
    """

    def __init__(self, module, kernel=None):
        self.module = module
        self.kernel = kernel
        self.reads_types = reads_types(module)
        self.pooling = getattr(module.config, "classifier_pooling", "cls")
        self.reads_first = self.pooling not in ("mean", "late")

    def __call__(self, packed, *, checkpointing=False):
        """Return the logits, of shape (n_texts, n_outputs).

        With `checkpointing`, what the layers computed is not kept for the gradient but computed
        again.
        """
        view = self._view()
        if checkpointing:
            view = _compute_layers_again(view, but_last=self.reads_first)
        if self.pooling == "mean":
            view = _read_mean(view, packed)
        elif self.pooling == "late":
            view = _read_late_mean(view, packed)
        else:
            view = _read_first_only(view)
        # To the head, each text is one token long.
        mask = packed.ids.new_ones((len(packed), 1))
        return view(**self._inputs(packed), attention_mask=mask).logits

    def hidden(self, packed, *, first_only=False):
        """Return the last hidden states, of all tokens or of the first one of each text."""
        view = _read_first_only(self._view()) if first_only else self._view()
        hidden = view.base_model(**self._inputs(packed))[0]
        return hidden[:, 0] if first_only else hidden[0]

    def first_tokens(self, packed):
        """Return what the last layer gives for the first token of each text."""
        read = []
        view = _read_first_only(self._view(), read.append)
        view.base_model(**self._inputs(packed))
        return read[0][:, 0]

    def head(self, first):
        """Return the logits for what `first_tokens` gives."""
        view = self._view()
        layers, path = find_layers(view)

        def forward(*args, **kwargs):
            return first[:, None]

        view = with_layers(view, path, [changed(layer, forward=forward) for layer in layers])
        ids = torch.zeros((len(first), 1), dtype=torch.int64, device=first.device)
        return view(ids).logits

    def _view(self):
        """Return the module with our attention, the one of the last time if nothing changed."""
        view = _views.get(self.module)
        if view is None or not view.is_current():
            view = _views[self.module] = AttentionView(self.module, _ATTENTION)
        return view.module

    def _inputs(self, packed):
        """Return the input of the module."""
        inputs = {"input_ids": packed.ids[None], "position_ids": self._positions(packed)[None]}
        if packed.types is not None and self.reads_types:
            inputs["token_type_ids"] = packed.types[None]
        attention = partial(attend, packed=packed, kernel=self.kernel)
        return {**inputs, "attention": attention, "packed_texts": packed}

    def _positions(self, packed):
        """Return the numbers of the positions of all tokens.

        RoBERTa and its kin count from padding_idx + 1. They find padding by its id, so a padding
        token that stands in a text is not counted.
        """
        embeddings = getattr(self.module.base_model, "embeddings", None)
        padding = getattr(embeddings, "padding_idx", None)
        if padding is None:
            return packed.positions
        counts = (packed.ids != padding).long()
        before = counts.cumsum(0) - counts
        begins = torch.arange(len(counts), device=counts.device) - packed.positions
        return (before - before[begins] + 1) * counts + padding


def _attention(module, query, key, value, mask, *, attention, **settings):
    """Return what `attention` gives for the one long row, in the form that transformers wants."""
    query, key, value = (states.squeeze(0).transpose(0, 1) for states in (query, key, value))
    n_shared = query.shape[1] // key.shape[1]
    if n_shared > 1:
        key, value = (states.repeat_interleave(n_shared, dim=1) for states in (key, value))
    scale, window = settings["scaling"], settings.get("sliding_window")
    rate = settings["dropout"]
    return attention(query, key, value, scale=scale, dropout_rate=rate, window=window)[None], None


AttentionInterface.register(_ATTENTION, _attention)


class _KeysAndValues(Exception):
    """Ends the forward pass of a layer when its keys and values are there."""


def _end(query, key, value, **settings):
    raise _KeysAndValues(key, value)


def _without(names, module):
    """Return a layer, or a part of it, that does not compute linear maps of some names."""
    children = dict(module._modules)
    for name, child in children.items():
        if name in names and _is_square(child):
            children[name] = torch.nn.Identity()
        elif child is not None:
            children[name] = _without(names, child)
    return module if children == module._modules else changed(module, _modules=children)


def _is_square(module):
    return isinstance(module, torch.nn.Linear) and module.in_features == module.out_features


class _LastLayer:
    """The forward pass of the last layer for the first tokens only.

    Parameters
    ----------
    layer : torch.nn.Module
        Of a view.
    n_calls : int
        How often the layer is run: the last time counts.
    note : callable
        Is given the output.
    """

    def __init__(self, layer, n_calls, note):
        self.layer = layer
        self.without_queries = _without(_QUERIES, layer)
        self.without_others = _without(_KEYS_AND_VALUES, layer)
        self.n_calls = n_calls
        self.note = note

    def __call__(self, hidden, *args, attention, packed_texts, **kwargs):
        """Return the states of the first tokens, each as a text of one token."""
        self.n_calls -= 1
        kwargs["packed_texts"] = packed_texts
        if self.n_calls:
            return self.layer.forward(hidden, *args, attention=attention, **kwargs)
        try:
            self.without_queries.forward(hidden, *args, attention=_end, **kwargs)
        except _KeysAndValues as found:
            key, value = found.args
        if "position_embeddings" in kwargs:
            kwargs["position_embeddings"] = tuple(
                states.index_select(1, packed_texts.first)
                for states in kwargs["position_embeddings"]
            )

        def attend_first(query, first_key, first_value, **settings):
            return attention(query, key, value, first_only=True, **settings)

        read = hidden.index_select(1, packed_texts.first)
        compute = self.without_others.forward
        first = compute(read, *args, attention=attend_first, **kwargs).transpose(0, 1)
        self.note(first)
        return first


def _compute_layers_again(view, but_last):
    """Return a view that keeps nothing of its layers for the gradient, and computes it again.

    Not by transformers' own switch, which puts hooks on the embeddings.
    """
    layers, path = find_layers(view)
    n_again, layers = len(layers) - but_last, [*layers]
    for number, layer in enumerate(layers[:n_again]):
        again = partial(checkpoint, layer.forward, use_reentrant=False)
        layers[number] = changed(layer, forward=again)
    return with_layers(view, path, layers)


def _read_first_only(view, note=lambda first: None):
    """Return a view whose last layer gives the first tokens only, each as a text of its own."""
    config, (layers, path) = view.config, find_layers(view)
    n_calls = 1
    if hasattr(layers[-1], "albert_layers"):  # the layers of a group share their weights
        n_layers, n_groups = config.num_hidden_layers, config.num_hidden_groups
        groups = [int(i / (n_layers / n_groups)) for i in range(n_layers)]  # as ALBERT does it
        path = f"{path}.{len(layers) - 1}.albert_layers"
        n_calls, layers = groups.count(n_groups - 1), layers[-1].albert_layers
    last = changed(layers[-1], forward=_LastLayer(layers[-1], n_calls, note))
    return with_child(view, f"{path}.{len(layers) - 1}", last)


def _read_mean(view, packed):
    """Return a view whose body gives the mean over the tokens of each text, one token long."""
    body = view.base_model

    def forward(*args, **kwargs):
        output = body.forward(*args, **kwargs)
        output.last_hidden_state = _means(output.last_hidden_state, packed)
        return output

    return with_child(view, view.base_model_prefix, changed(body, forward=forward))


def _read_late_mean(view, packed):
    """Return a view whose classifier reads the mean of what it would read of each token.

    It is linear: its outputs are the means of those of the tokens.
    """
    linear = view.classifier
    mean = changed(linear, forward=lambda states: linear(_means(states, packed)))
    return with_child(view, "classifier", mean)


def _means(states, packed):
    """Return the mean over the tokens of each text, as (n_texts, 1, width)."""
    lengths = packed.boundaries.diff().long()
    states = states[0, : len(packed.ids) - packed.n_filled].float()
    return PooledTokens(states, lengths, 0).mean()[:, None]
