"""Attention for texts of different lengths on the simulated devices.

The operators refuse what the kernels of a real device refuse, after attention.cu,
attention_backward.cu, flash_api.cpp and kernel_forward.h of torch 2.8 and later, and compute in
plain operations on the CPU. What a kernel does not write is NaN: on a real device it is anything.
"""

import itertools
import math

import torch
from simulated_cuda import no_waits

# Whether the build has memory-efficient attention. Of flash attention torch can be asked.
has_efficient_attention = True


def register():
    """Give the operators of torch their kernels on CUDA; return what they end with."""
    torch.backends.cuda.is_flash_attention_available = lambda: True
    torch.backends.cuda.can_use_flash_attention = _can_use_flash_attention
    torch.backends.cuda.can_use_efficient_attention = _can_use_efficient_attention
    library = torch.library.Library("aten", "IMPL")
    library.impl("_flash_attention_forward", _flash_forward, "CUDA")
    library.impl("_flash_attention_backward", _flash_backward, "CUDA")
    library.impl("_efficient_attention_forward", _efficient_forward, "CUDA")
    library.impl("_efficient_attention_backward", _efficient_backward, "CUDA")
    return library


def _can_use_flash_attention(needs, debug=False):
    return (
        torch.backends.cuda.is_flash_attention_available()
        and needs.query.is_cuda
        and torch.cuda.get_device_capability() >= (8, 0)
        and needs.query.dtype in (torch.float16, torch.bfloat16)
        and needs.query.shape[-1] <= 256
    )


def _can_use_efficient_attention(needs, debug=False):
    query = needs.query
    return (
        has_efficient_attention
        and query.is_cuda
        and torch.cuda.get_device_capability() >= (5, 0)
        and query.dtype in _efficient_dtypes()
        and query.shape[-1] * query.element_size() % 16 == 0
    )


def _efficient_dtypes():
    has_bfloat16 = torch.cuda.get_device_capability() >= (8, 0)
    return [torch.float16, torch.float32] + [torch.bfloat16] * has_bfloat16


# ------------------------------------------------------------------------------- the two operators


@no_waits()
def _flash_forward(query, key, value, begins, key_begins, longest, longest_key, rate, *rest, **by):
    """Return the context, the logarithm of the sums, the seed, and two tensors nobody reads."""
    _check_flash((query, key, value), (begins, key_begins))
    texts = _Texts(begins, key_begins, longest, longest_key, rate, by)
    context, sums, seed = texts.attend(query, key, value)
    seeds = torch.tensor([seed, 0], device=query.device)
    return context, torch.cat(sums, -1).to(query.device), seeds, seeds[:0], context[:0]


@no_waits()
def _flash_backward(gradient, query, key, value, context, sums, *rest, **by):
    """Return the gradients of query, key and value."""
    begins, key_begins, longest, longest_key, rate, _, seeds, _ = rest
    gradient = gradient.contiguous()
    _check_flash((query, key, value, gradient), (begins, key_begins))
    texts = _Texts(begins, key_begins, longest, longest_key, rate, by)
    return texts.gradients(gradient, query, key, value, seeds.tolist()[0])


@no_waits()
def _efficient_forward(query, key, value, bias, begins, key_begins, *rest, **by):
    """Return the context, the logarithm of the sums, the seed, an offset, and two lengths."""
    longest, longest_key, rate, mask, *keeps_sums = rest  # a default is left out
    _check_efficient((query, key, value), (begins, key_begins), bias, mask, by)
    texts = _Texts(begins, key_begins, longest, longest_key, rate, by)
    context, sums, seed = texts.attend(query[0], key[0], value[0])
    width = math.ceil(longest / 32) * 32 if any(keeps_sums) else 0
    kept = torch.full((len(sums), query.shape[2], width), torch.nan)
    for row, text in zip(kept, sums, strict=True):
        row[:, : text.shape[1]] = text[:, :width]
    # The seed lies on the host.
    found = context[None], kept.to(query.device), torch.tensor(seed), torch.tensor(0)
    return *found, longest, longest_key


@no_waits()
def _efficient_backward(gradient, query, key, value, bias, context, *rest, **by):
    """Return the gradients of query, key and value, and that of no bias."""
    begins, key_begins, longest, longest_key, sums, rate, seed, _, mask, _ = rest
    gradient = gradient.contiguous()
    _check_efficient((query, key, value, gradient), (begins, key_begins), bias, mask, by)
    assert 0 < longest <= query.shape[1], "Invalid max_seqlen_q"
    assert 0 < longest_key <= key.shape[1], "Invalid max_seqlen_k"
    assert sums.shape[2], "the forward pass was not told to keep what the gradient needs"
    texts = _Texts(begins, key_begins, longest, longest_key, rate, by)
    states = (tensor[0] for tensor in (gradient, query, key, value))
    found = texts.gradients(*states, int(seed))
    return *(tensor[None] for tensor in found), None


class _Texts:
    """Where the texts begin, and how their tokens attend to each other."""

    def __init__(self, begins, key_begins, longest, longest_key, rate, options):
        ends = begins.tolist(), key_begins.tolist()
        pairs = [itertools.starmap(slice, itertools.pairwise(places)) for places in ends]
        self.slices = list(zip(*pairs, strict=True))
        for rows, columns in self.slices:
            assert rows.stop - rows.start <= longest and columns.stop - columns.start <= longest_key
        self.rate = rate
        self.scale = options["scale"]
        self.reach = [options.get(f"window_size_{side}") for side in ("left", "right")]

    def attend(self, query, key, value):
        """Return the context, the logarithms of the sums by text, and the seed of dropout."""
        seed = int(torch.randint(2**31, ())) if self.rate else 0
        states = [tensor.cpu().float() for tensor in (query, key, value)]
        context, sums = torch.full_like(states[0], torch.nan), []
        for rows, weights, kept, columns, scores in self._weights(*states[:2], seed):
            sums.append(scores.logsumexp(-1))
            context[rows] = torch.einsum("hqk,khd->qhd", weights * kept, states[2][columns])
        return context.to(query.dtype).to(query.device), sums, seed

    def gradients(self, gradient, query, key, value, seed):
        """Return the gradients of query, key and value."""
        of_context, *states = (t.cpu().float() for t in (gradient, query, key, value))
        found = [torch.full_like(tensor, torch.nan) for tensor in states]
        for rows, weights, kept, columns, _ in self._weights(*states[:2], seed):
            of_kept = torch.einsum("qhd,khd->hqk", of_context[rows], states[2][columns])
            of_weights = of_kept * kept
            centred = of_weights - (of_weights * weights).sum(-1, keepdim=True)
            of_scores = weights * centred * self.scale
            found[0][rows] = torch.einsum("hqk,khd->qhd", of_scores, states[1][columns])
            found[1][columns] = torch.einsum("hqk,qhd->khd", of_scores, states[0][rows])
            found[2][columns] = torch.einsum("hqk,qhd->khd", weights * kept, of_context[rows])
        return tuple(tensor.to(query.dtype).to(query.device) for tensor in found)

    def _weights(self, query, key, seed):
        """Yield of each text its rows, weights, what dropout leaves of them, columns, scores."""
        generator = torch.Generator().manual_seed(seed)
        for rows, columns in self.slices:
            scores = torch.einsum("qhd,khd->hqk", query[rows], key[columns]) * self.scale
            scores = scores.masked_fill(self._is_far(*scores.shape[1:]), -torch.inf)
            kept = torch.rand(scores.shape, generator=generator) >= self.rate
            yield rows, scores.softmax(-1), kept / (1 - self.rate), columns, scores

    def _is_far(self, n_queries, n_keys):
        """Return which keys are out of reach; the last query is that of the last key."""
        left, right = (n_keys if reach in (None, -1) else reach for reach in self.reach)
        place = torch.arange(n_keys - n_queries, n_keys)[:, None]
        distance = torch.arange(n_keys) - place
        return (distance < -left) | (distance > right)


# ------------------------------------------------------------------------------ what they refuse


def _check_flash(states, boundaries):
    """Refuse what flash attention does not take."""
    if not torch.backends.cuda.is_flash_attention_available():
        raise RuntimeError("USE_FLASH_ATTENTION was not enabled for build.")
    if torch.cuda.get_device_capability() < (8, 0):
        raise RuntimeError("FlashAttention only supports Ampere GPUs or newer.")
    if states[0].dtype not in (torch.float16, torch.bfloat16):
        raise RuntimeError("FlashAttention only support fp16 and bf16 data type")
    _check_states(states, 3)
    if states[0].shape[2] % 8:
        raise RuntimeError("head_size must be a multiple of 8, this is ensured by padding!")
    if states[0].shape[2] > 256:
        raise RuntimeError("FlashAttention forward only supports head dimension at most 256")
    _check_boundaries(boundaries, states[0].device)


def _check_efficient(states, boundaries, bias, mask, options):
    """Refuse what memory-efficient attention does not take."""
    if not has_efficient_attention:
        raise RuntimeError("USE_MEM_EFF_ATTENTION was not enabled for build.")
    if states[0].dtype not in _efficient_dtypes():
        raise RuntimeError("cutlassF: no kernel found to launch!")
    _check_states(states, 4)
    if bias is not None:
        raise RuntimeError("cu seqlen + bias not supported")
    if options.get("window_size") is not None and mask == 0:
        raise RuntimeError("custom_mask_type not supported")
    for tensor in states:
        if len(tensor) != 1:
            raise RuntimeError("cu_seqlen only supports batch_size=1")
        aligned = 16 // tensor.element_size()
        if tensor.stride(1) % aligned or tensor.stride(2) % aligned or tensor.data_ptr() % 16:
            raise RuntimeError("cutlassF: no kernel found to launch!")
    _check_boundaries(boundaries, states[0].device)


def _check_states(states, n_dimensions):
    query, key, value = states[:3]
    if query.shape[-2:] != key.shape[-2:] or key.shape != value.shape:
        raise RuntimeError("query, key and value must have as many heads, of the same width")
    for tensor in states:
        if tensor.dtype != states[0].dtype:
            raise RuntimeError("query and key must have the same dtype")
        if tensor.device != states[0].device:
            raise RuntimeError("Input tensor must be on CUDA device")
        if tensor.dim() != n_dimensions or tensor.stride(-1) != 1:
            raise RuntimeError("Input tensor must have contiguous last dimension")


def _check_boundaries(boundaries, device):
    for begins in boundaries:
        if begins.dtype != torch.int32:
            raise RuntimeError("cu_seqlens_q must have dtype int32")
        if begins.device != device or not begins.is_contiguous():
            raise RuntimeError("cu_seqlens_q must be on CUDA and contiguous")
    if boundaries[0].shape != boundaries[1].shape:
        raise RuntimeError("cu_seqlens_q and cu_seqlens_k must have the same shape")
