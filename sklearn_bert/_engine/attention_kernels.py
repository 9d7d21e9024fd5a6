"""The attention kernels of GPUs that are told where texts begin and end, so that none is padded.

torch calls them for its nested tensors, by operators that are private: another version may take
other arguments. Each is called here only, and only where its arguments have the names that they
had in torch 2.8 to 2.13. One of them is also behind a public function, which costs fifteen times as
much time of the host, and knows neither dropout nor, at first, windows.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Operator:
    """An operator of torch, and the arguments with which it is called here.

    Parameters
    ----------
    name : str
        In `torch.ops.aten`.
    arguments : str
        Names of the arguments that are given by position.
    options : str
        Names of those that are given by name.
    """

    name: str
    arguments: str
    options: str

    def is_known(self):
        """Return whether the installed torch has it, with these arguments."""
        operator = getattr(torch.ops.aten, self.name, None)
        if operator is None:
            return False
        by_place, by_name = [], []
        for argument in operator.default._schema.arguments:
            (by_name if argument.kwarg_only else by_place).append(argument)
        options = self.options.split()
        return (
            [argument.name for argument in by_place] == self.arguments.split()
            and {argument.name for argument in by_name}.issuperset(options)
            and all(a.name in options or a.has_default_value() for a in by_name)
        )


FLASH = Operator(
    "_flash_attention_forward",
    "query key value cum_seq_q cum_seq_k max_q max_k dropout_p is_causal return_debug_mask",
    "scale window_size_left window_size_right",
)
EFFICIENT = Operator(
    "_efficient_attention_forward",
    "query key value bias cu_seqlens_q cu_seqlens_k max_seqlen_q max_seqlen_k dropout_p"
    " custom_mask_type compute_log_sumexp",
    "scale",
)


def find_kernel(device, dtype, width, *, dropout_rate=0.0, has_windows=False):
    """Return the fastest kernel of a GPU that does what a model needs, None if there is none.

    Flash attention is for half precision, heads of at most 256 numbers, and GPUs from Ampere on.
    Memory-efficient attention is for all GPUs since Maxwell and for float32 too, but its windows
    reach only backwards. Builds of torch for Windows are without the former, and those for some
    cards of AMD without both: torch is asked. AMD's kernels have been wrong for years in windows,
    and in gradients of memory-efficient attention to many texts: these are left out.

    Parameters
    ----------
    device : torch.device
        A GPU.
    dtype : torch.dtype
        Of queries, keys and values.
    width : int
        Numbers a head, as they are given to the kernel.
    dropout_rate : float, default=0.0
        Probability of an attention weight to be dropped in training.
    has_windows : bool, default=False
        Whether tokens attend only to those nearby, in some layers.

    Returns
    -------
    kernel : callable or None
        Takes queries, keys and values of shape (n_tokens, n_heads, width), where the texts begin
        in the queries and in the keys, the tokens of the longest text in both, and by name
        `scale`, `dropout_rate` and `window`, as `attend` has them. Returns the context.
    """
    # A gradient is asked for: on some cards not all widths have one.
    states = torch.empty((1, 1, 8, width), dtype=dtype, device=device, requires_grad=True)
    needs = torch.backends.cuda.SDPAParams(states, states, states, None, dropout_rate, False, False)
    is_amd = torch.version.hip is not None
    with torch.cuda.device(device):  # torch asks the current one
        if torch.backends.cuda.can_use_flash_attention(needs) and not (is_amd and has_windows):
            if FLASH.is_known():
                return _flash
            if not (dropout_rate or has_windows) and varlen_attention() is not None:
                return _varlen
        if is_amd or has_windows or not EFFICIENT.is_known():
            return None
        return _efficient if torch.backends.cuda.can_use_efficient_attention(needs) else None


def varlen_attention():
    """Return torch's public function, None where torch is older than 2.10."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn


def _flash(query, key, value, *texts, scale, dropout_rate, window):
    reach = None if window is None else window - 1
    return torch.ops.aten._flash_attention_forward(
        *(query, key, value, *texts, dropout_rate, False, False),
        scale=scale,
        window_size_left=reach,
        window_size_right=reach,
    )[0]


def _efficient(query, key, value, *texts, scale, dropout_rate, window):
    states = [tensor[None] for tensor in (query, key, value)]
    has_gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in states)
    bias, mask = None, 0
    return torch.ops.aten._efficient_attention_forward(
        *states, bias, *texts, dropout_rate, mask, has_gradient, scale=scale
    )[0][0]


def _varlen(query, key, value, *texts, scale, dropout_rate, window):
    return varlen_attention()(query, key, value, *texts, scale=scale)
