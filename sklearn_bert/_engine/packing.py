"""BERT and its kin on texts laid end to end: no padding, and no work that no one reads.

The same weights and the same arithmetic as in transformers' own forward pass, which takes one
padded row a text, but

- all tokens of all texts form one long row, and attention keeps to each text;
- the classifier reads the first token only, so the last layer is computed for that one only: its
  keys and values are those of all tokens, the rest of its work is a text's, not a token's.
"""

import numpy as np
import torch
from torch.nn.functional import dropout, pad, scaled_dot_product_attention, softmax
from torch.utils.checkpoint import checkpoint

# Tokens from which torch's fused attention beats three plain operations on a CPU.
_FUSED_FROM = 128

# On a CPU a long row is filled up to a multiple: its matrix products are prepared anew for each
# length that they have not met yet.
_MULTIPLE = 32
_FILLED_FROM = 512


class PackedTexts:
    """Texts laid end to end, on the device.

    Parameters
    ----------
    texts : Texts
        What to lay end to end.
    device : torch.device
        Where.

    Attributes
    ----------
    ids, positions : Tensor of shape (n_tokens + n_filled,)
        Token ids, and the place of each token in its text from 0.
    types : Tensor of shape (n_tokens + n_filled,) or None
        Which text of its pair each token belongs to.
    n_filled : int
        Tokens at the end that belong to no text and reach nothing.
    first : Tensor of shape (n_texts,)
        Where each text begins.
    boundaries : Tensor of shape (n_texts + 1,), dtype int32
        Where each text begins, and at last where the last one ends.
    groups : list of (int, int)
        Numbers of consecutive texts of the same length, and that length.
    longest : int
        Tokens of the longest text.
    """

    def __init__(self, texts, device):
        lengths = texts.lengths
        ends = np.cumsum(lengths)
        begins, n_tokens = ends - lengths, int(ends[-1])
        # Only three numbers a text travel: the ids of all texts are on the device already.
        rows = np.stack([lengths, begins, texts.ragged.offsets[texts.rows]])
        length, begin, source = to_device(rows, device)
        begin = torch.repeat_interleave(begin, length, output_size=n_tokens)
        source = torch.repeat_interleave(source, length, output_size=n_tokens)
        self.positions = torch.arange(n_tokens, device=device) - begin
        self.ids = on_device(texts.ragged, "ids", device)[source + self.positions]
        is_filled = device.type == "cpu" and n_tokens >= _FILLED_FROM
        self.n_filled = -n_tokens % _MULTIPLE if is_filled else 0
        self.ids = pad(self.ids, (0, self.n_filled))
        self.types = None
        if texts.ragged.types is not None:
            types = on_device(texts.ragged, "types", device)[source + self.positions]
            self.types = pad(types, (0, self.n_filled)).long()
        self.positions = pad(self.positions, (0, self.n_filled))
        self.boundaries = to_device(np.concatenate([[0], ends]).astype(np.int32), device)
        self.first = self.boundaries[:-1]
        changes = np.flatnonzero(np.diff(lengths)) + 1
        starts = np.concatenate([[0], changes, [len(lengths)]])
        self.groups = list(
            zip(np.diff(starts).tolist(), lengths[starts[:-1]].tolist(), strict=True)
        )
        self.longest = int(lengths.max())

    def __len__(self):
        return len(self.first)


def to_device(values, device):
    """Return an array, or a tensor of the CPU, on the device, without waiting for the device."""
    tensor = torch.as_tensor(values)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def on_device(ragged, name, device):
    """Return the ids or types of all texts on the device; they are copied there once."""
    if (name, device) not in ragged.tensors:
        ragged.tensors[name, device] = torch.from_numpy(getattr(ragged, name)).to(device)
    return ragged.tensors[name, device]


def reads_types(module):
    """Return whether the module tells the two texts of a pair apart by token types."""
    return (getattr(module.config, "type_vocab_size", 0) or 0) > 1


class PackedBert:
    """The logits of packed texts, from a transformers module of the BERT family.

    Parameters
    ----------
    module : transformers.BertForSequenceClassification
        What has the weights.
    """

    def __init__(self, module):
        self.module = module
        self.body = module.base_model
        self.reads_types = reads_types(module)

    def __call__(self, packed, *, checkpointing=False):
        """Return the logits, of shape (n_texts, n_classes).

        With `checkpointing`, what the layers computed is not kept for the gradient but computed
        again.
        """
        return self.head(self.hidden(packed, checkpointing=checkpointing, first_only=True))

    def hidden(self, packed, *, checkpointing=False, first_only=False):
        """Return the last hidden states, of all tokens or of the first one of each text."""
        *layers, last = self.layers()
        types = None if packed.types is None or not self.reads_types else packed.types[None]
        hidden = self.embed(packed.ids[None], self.positions(packed)[None], types)
        hidden = hidden[0]
        for layer in layers:
            if checkpointing:
                hidden = checkpoint(self.run, layer, hidden, packed, use_reentrant=False)
            else:
                hidden = self.run(layer, hidden, packed)
        return self.run(last, hidden, packed, first_only=first_only)

    def run(self, layer, hidden, packed, first_only=False):
        """Return what a layer makes of the hidden states, of all tokens or of the first ones."""
        query, key, value, n_heads, dropout_module = self.attention(layer)
        read = hidden.index_select(0, packed.first) if first_only else hidden
        context = attend(
            query(read).unflatten(1, (n_heads, -1)),
            key(hidden).unflatten(1, (n_heads, -1)),
            value(hidden).unflatten(1, (n_heads, -1)),
            packed,
            first_only=first_only,
            dropout_rate=dropout_module.p if dropout_module.training else 0.0,
        )
        return self.finish(layer, context.flatten(1), read)

    def layers(self):
        """Return the layers."""
        return self.body.encoder.layer

    def positions(self, packed):
        """Return the numbers of the positions of all tokens."""
        return packed.positions

    def embed(self, ids, positions, types):
        """Return the embeddings."""
        return self.body.embeddings(input_ids=ids, position_ids=positions, token_type_ids=types)

    def attention(self, layer):
        """Return the maps to queries, keys and values, the number of heads, and the dropout."""
        attention = layer.attention.self
        heads = attention.num_attention_heads
        return attention.query, attention.key, attention.value, heads, attention.dropout

    def finish(self, layer, context, read):
        """Return the output of a layer for the tokens that were read."""
        return layer.feed_forward_chunk(layer.attention.output(context, read))

    def head(self, first):
        """Return the logits for the hidden states of the first tokens."""
        pooled = self.body.pooler(first[:, None])
        return self.module.classifier(self.module.dropout(pooled))


class PackedElectra(PackedBert):
    """The same for ELECTRA, whose embeddings may be narrower than its layers."""

    def embed(self, ids, positions, types):
        """Return the embeddings, at the width of the layers."""
        hidden = super().embed(ids, positions, types)
        if hasattr(self.body, "embeddings_project"):
            hidden = self.body.embeddings_project(hidden)
        return hidden

    def head(self, first):
        """Return the logits for the hidden states of the first tokens."""
        return self.module.classifier(first[:, None])


class PackedRoberta(PackedElectra):
    """The same for RoBERTa and its kin, which count positions from padding_idx + 1.

    They find padding by its id, so a padding token that stands in a text is not counted.
    """

    def positions(self, packed):
        """Return the numbers of the positions of all tokens."""
        padding = self.body.embeddings.padding_idx
        counts = (packed.ids != padding).long()
        before = counts.cumsum(0) - counts
        begins = torch.arange(len(counts), device=counts.device) - packed.positions
        return (before - before[begins] + 1) * counts + padding


class PackedDistilBert(PackedBert):
    """The same for DistilBERT."""

    def embed(self, ids, positions, types):
        """Return the embeddings, which know no types."""
        return self.body.embeddings(input_ids=ids, position_ids=positions)

    def layers(self):
        """Return the layers."""
        return self.body.transformer.layer

    def attention(self, layer):
        """Return the maps to queries, keys and values, the number of heads, and the dropout."""
        attention = layer.attention
        heads = attention.n_heads
        return attention.q_lin, attention.k_lin, attention.v_lin, heads, attention.dropout

    def finish(self, layer, context, read):
        """Return the output of a layer for the tokens that were read."""
        attended = layer.sa_layer_norm(layer.attention.out_lin(context) + read)
        return layer.output_layer_norm(layer.ffn(attended) + attended)

    def head(self, first):
        """Return the logits for the hidden states of the first tokens."""
        hidden = torch.relu(self.module.pre_classifier(first))
        return self.module.classifier(self.module.dropout(hidden))


# By the class of the module: those whose logits have been found equal to the padded ones.
_FAMILIES = {
    "BertForSequenceClassification": PackedBert,
    "DistilBertForSequenceClassification": PackedDistilBert,
    "ElectraForSequenceClassification": PackedElectra,
    "RobertaForSequenceClassification": PackedRoberta,
    "CamembertForSequenceClassification": PackedRoberta,
    "XLMRobertaForSequenceClassification": PackedRoberta,
}


def packed_family(module):
    """Return the module as one of the families, or None if it is of none."""
    family = _FAMILIES.get(type(module).__name__)
    positions = getattr(module.config, "position_embedding_type", None) or "absolute"
    return None if family is None or positions != "absolute" else family(module)


def packed_model(module, device, dtype):
    """Return what computes the logits of `PackedTexts`, or None where padding is needed.

    CPUs can do it with any of the families. CUDA needs flash attention for texts of different
    lengths, which there is for half precision from Ampere on and which knows no dropout.
    """
    model = packed_family(module)
    if model is None or device.type == "cpu":
        return model
    is_able = device.type == "cuda" and _has_ragged_attention(model, device, dtype)
    return model if is_able else None


def _has_ragged_attention(model, device, dtype):
    """Return whether a GPU can attend to texts of different lengths in the way the model asks."""
    return (
        dtype in (torch.bfloat16, torch.float16)
        and torch.cuda.get_device_capability(device) >= (8, 0)
        and all(model.attention(layer)[-1].p == 0 for layer in model.layers())
        and _varlen_attention() is not None
    )


def _varlen_attention():
    """Return torch's attention for texts of different lengths, None where torch is too old."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn


def attend(query, key, value, packed, *, first_only, dropout_rate):
    """Return the attention of each token to those of its own text.

    Parameters
    ----------
    query : Tensor of shape (n_tokens or n_texts, n_heads, width)
        Of all tokens, or with `first_only` of the first of each text.
    key, value : Tensor of shape (n_tokens, n_heads, width)
        Of all tokens.
    packed : PackedTexts
        Where the texts begin and end.
    first_only : bool
        Whether `query` has the first tokens only.
    dropout_rate : float
        Probability of a weight to be dropped.

    Returns
    -------
    context : Tensor of the shape of `query`
    """
    if query.is_cuda:
        return _attend_ragged(_varlen_attention(), query, key, value, packed, first_only)
    contexts, text, token = [], 0, 0
    for count, length in packed.groups:
        tokens = slice(token, token + count * length)
        reading = slice(text, text + count) if first_only else tokens
        context = _attend_equal(
            *(_by_text(states, count) for states in (query[reading], key[tokens], value[tokens])),
            dropout_rate,
        )
        contexts.append(context.transpose(1, 2).flatten(0, 1))
        text, token = text + count, tokens.stop
    if not first_only:
        contexts.append(query.new_zeros((packed.n_filled, *query.shape[1:])))
    return torch.cat(contexts)


def _attend_ragged(attention, query, key, value, packed, first_only):
    """Return the attention by a kernel that is told where the texts begin and end."""
    boundaries, longest = packed.boundaries, packed.longest
    if first_only:
        boundaries = torch.arange(len(packed) + 1, dtype=torch.int32, device=query.device)
        longest = 1
    return attention(query, key, value, boundaries, packed.boundaries, longest, packed.longest)


def _by_text(states, count):
    """Return states of shape (count, n_heads, length, width) of `count` texts end to end."""
    return states.unflatten(0, (count, -1)).transpose(1, 2)


def _attend_equal(query, key, value, dropout_rate):
    """Return the attention in texts of the same length: nothing to pad, nothing to mask.

    In float32 in any case: the CPU's products in bfloat16 prepare and keep code for each number
    and length of texts that they meet, which costs more than they save.
    """
    with torch.autocast("cpu", enabled=False):
        states = [states.float() for states in (query, key, value)]
        if key.shape[2] >= _FUSED_FROM:
            context = scaled_dot_product_attention(*states, dropout_p=dropout_rate)
        else:
            scores = states[0] @ states[1].transpose(2, 3) * query.shape[3] ** -0.5
            context = dropout(softmax(scores, dim=-1), dropout_rate) @ states[2]
    return context.to(query.dtype)
