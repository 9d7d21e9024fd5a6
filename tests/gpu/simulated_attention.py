"""Flash attention for texts of different lengths on the simulated devices.

It refuses what the kernel of a real device refuses, and computes in plain operations on the CPU.
"""

import itertools

import torch
from simulated_cuda import no_waits


def register():
    """Give the operators of torch their kernels on CUDA; return what they end with."""
    library = torch.library.Library("aten", "IMPL")
    library.impl("_flash_attention_forward", _forward, "CUDA")
    library.impl("_flash_attention_backward", _backward, "CUDA")
    return library


def _forward(query, key, value, begins, key_begins, longest, longest_key, *rest, scale, **options):
    """Return the context, the logarithm of the sums, and three tensors that nobody reads."""
    states = query, key, value
    _check(states, (begins, key_begins))
    with no_waits():
        query_, key_, value_ = (tensor.cpu().float() for tensor in states)
        context = torch.zeros_like(query_)
        sums = torch.zeros(query.shape[1], len(query))
        for rows, columns in _texts(begins, key_begins, longest, longest_key):
            scores = _scores(query_[rows], key_[columns], scale)
            sums[:, rows] = scores.logsumexp(-1)
            context[rows] = torch.einsum("hqk,khd->qhd", scores.softmax(-1), value_[columns])
        unread = torch.zeros(2, dtype=torch.int64), torch.zeros(0), torch.zeros(0)
        found = context.to(query.dtype), sums, *unread
        return tuple(tensor.to(query.device) for tensor in found)


def _backward(
    gradient,
    query,
    key,
    value,
    context,
    sums,
    begins,
    key_begins,
    longest,
    longest_key,
    *rest,
    scale,
    **options,
):
    """Return the gradients of query, key and value."""
    states = query, key, value
    _check((*states, gradient), (begins, key_begins))
    with no_waits():
        query_, key_, value_, gradient_ = (t.cpu().float() for t in (*states, gradient))
        found = [torch.zeros_like(tensor) for tensor in (query_, key_, value_)]
        for rows, columns in _texts(begins, key_begins, longest, longest_key):
            weights = _scores(query_[rows], key_[columns], scale).softmax(-1)
            of_weights = torch.einsum("qhd,khd->hqk", gradient_[rows], value_[columns])
            centred = of_weights - (of_weights * weights).sum(-1, keepdim=True)
            of_scores = weights * centred * scale
            found[0][rows] = torch.einsum("hqk,khd->qhd", of_scores, key_[columns])
            found[1][columns] = torch.einsum("hqk,qhd->khd", of_scores, query_[rows])
            found[2][columns] = torch.einsum("hqk,qhd->khd", weights, gradient_[rows])
        return tuple(tensor.to(query.dtype).to(query.device) for tensor in found)


def _scores(query, key, scale):
    return torch.einsum("qhd,khd->hqk", query, key) * scale


def _texts(begins, key_begins, longest, longest_key):
    """Return where each text has its queries and its keys."""
    for rows, columns in zip(_slices(begins), _slices(key_begins), strict=True):
        assert rows.stop - rows.start <= longest and columns.stop - columns.start <= longest_key
        yield rows, columns


def _slices(begins):
    return itertools.starmap(slice, itertools.pairwise(begins.cpu().tolist()))


def _check(states, boundaries):
    """Refuse what the kernel of a real device does not take."""
    if not torch.backends.cuda.is_flash_attention_available():
        raise RuntimeError("USE_FLASH_ATTENTION was not enabled for build.")
    if torch.cuda.get_device_capability() < (8, 0):
        raise RuntimeError("FlashAttention only supports Ampere GPUs or newer.")
    if states[0].dtype not in (torch.float16, torch.bfloat16):
        raise RuntimeError("FlashAttention only support fp16 and bf16 data type")
    for tensor in states:
        if tensor.dtype != states[0].dtype:
            raise RuntimeError("query and key must have the same dtype")
        if tensor.device != states[0].device:
            raise RuntimeError("Input tensor must be on CUDA device")
        if tensor.dim() != 3 or tensor.stride(-1) != 1:
            raise RuntimeError("Input tensor must have contiguous last dimension")
        if tensor.shape[2] % 8:
            raise RuntimeError("head_size should be a multiple of 8, which is ensured by padding!")
        if tensor.shape[2] > 256:
            raise RuntimeError("FlashAttention forward only supports head dimension at most 256")
    for begins in boundaries:
        if begins.dtype != torch.int32:
            raise RuntimeError("cu_seqlens_q must have dtype int32")
        if begins.device != states[0].device or not begins.is_contiguous():
            raise RuntimeError("cu_seqlens_q must be on CUDA and contiguous")
