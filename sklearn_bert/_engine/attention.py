"""Attention of the tokens of many texts that lie end to end, each to those of its own text."""

from contextlib import nullcontext

import torch
from torch.nn.functional import dropout, pad, scaled_dot_product_attention, softmax

# What the kernels of GPUs want the width of a head to be a multiple of.
MULTIPLE = 8
# Tokens from which torch's fused attention beats three plain operations on a CPU.
_FUSED_FROM = 128


def attend(
    query,
    key,
    value,
    packed,
    *,
    scale,
    first_only=False,
    dropout_rate=0.0,
    window=None,
    kernel=None,
):
    """Return the attention of each token to those of its own text.

    Parameters
    ----------
    query : Tensor of shape (n_tokens or n_texts, n_heads, width)
        Of all tokens, or with `first_only` of the first of each text.
    key, value : Tensor of shape (n_tokens, n_heads, width)
        Of all tokens.
    packed : PackedTexts
        Where the texts begin and end.
    scale : float
        Factor of the scores.
    first_only : bool, default=False
        Whether `query` has the first tokens only.
    dropout_rate : float, default=0.0
        Probability of a weight to be dropped.
    window : int, default=None
        Tokens attend to those that are nearer than this; None is all.
    kernel : callable, default=None
        One that `find_kernel` gives. None computes texts of the same length together.

    Returns
    -------
    context : Tensor of the shape of `query`
    """
    if kernel is not None:
        settings = {"scale": scale, "dropout_rate": dropout_rate, "window": window}
        return _attend_ragged(kernel, query, key, value, packed, first_only, **settings)
    contexts, text, token = [], 0, 0
    for count, length in packed.groups:
        tokens = slice(token, token + count * length)
        reading = slice(text, text + count) if first_only else tokens
        states = [_by_text(s, count) for s in (query[reading], key[tokens], value[tokens])]
        context = _attend_equal(*states, scale, dropout_rate, _near(window, length, *states))
        contexts.append(context.transpose(1, 2).flatten(0, 1))
        text, token = text + count, tokens.stop
    if packed.n_filled and not first_only:
        contexts.append(query.new_zeros((packed.n_filled, *query.shape[1:])))
    return torch.cat(contexts) if len(contexts) > 1 else contexts[0]


def _attend_ragged(kernel, query, key, value, packed, first_only, *, window, **settings):
    """Return the attention by a kernel that is told where the texts begin and end."""
    begins, key_begins = packed.boundaries, packed.boundaries
    longest, longest_key = packed.longest, packed.longest
    if window is not None and longest <= window:
        window = None
    if first_only:
        begins = torch.arange(len(packed) + 1, dtype=torch.int32, device=query.device)
        longest = 1
        if window is not None:  # a kernel would take the only query of a text for its last one
            rows, key_begins = packed.beginnings(window)
            key, value = key.index_select(0, rows), value.index_select(0, rows)
            longest_key, window = window, None
    # Rotary positions leave autocast's half precision, and a kernel needs one precision.
    states, width = (query.to(value.dtype), key.to(value.dtype), value), value.shape[2]
    if width % MULTIPLE:  # zeros change neither the scores nor the context
        states = [pad(tensor, (0, -width % MULTIPLE)) for tensor in states]
    places = (begins, key_begins, longest, longest_key)
    return kernel(*states, *places, window=window, **settings)[..., :width]


def _by_text(states, count):
    """Return states of shape (count, n_heads, length, width) of `count` texts end to end."""
    return states.unflatten(0, (count, -1)).transpose(1, 2)


def _near(window, length, query, key, value):
    """Return which keys each query may attend to, None for all."""
    if window is None or length <= window:
        return None
    places = torch.arange(length, device=query.device)
    return (places[: query.shape[2], None] - places).abs() < window


def _attend_equal(query, key, value, scale, dropout_rate, near):
    """Return the attention in texts of the same length: nothing to pad.

    In float32 in any case: the CPU's products in bfloat16 prepare and keep code for each number
    and length of texts that they meet, which costs more than they save.
    """
    casts = torch.is_autocast_enabled("cpu")  # for a short text, leaving it takes a while
    with torch.autocast("cpu", enabled=False) if casts else nullcontext():
        states = [states.float() for states in (query, key, value)]
        if key.shape[2] >= _FUSED_FROM:
            context = scaled_dot_product_attention(
                *states, attn_mask=near, dropout_p=dropout_rate, scale=scale
            )
        else:
            scores = states[0] @ states[1].transpose(2, 3) * scale
            if near is not None:
                scores = scores.masked_fill(~near, -torch.inf)
            context = dropout(softmax(scores, dim=-1), dropout_rate) @ states[2]
    return context.to(value.dtype)
