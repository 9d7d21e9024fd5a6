"""Texts laid end to end, as one long row without padding."""

import numpy as np
import torch

# On a CPU a long row is filled up to a multiple: its matrix products are prepared anew for each
# length that they have not met yet.
_MULTIPLE = 32
_FILLED_FROM = 512


class PackedTexts:
    """Texts laid end to end, on the device.

    Parameters
    ----------
    texts : RaggedRows
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
        n_tokens, ragged = int(ends[-1]), texts.ragged
        is_filled = device.type == "cpu" and n_tokens >= _FILLED_FROM
        self.n_filled = -n_tokens % _MULTIPLE if is_filled else 0
        # Found on the host, and sent by one copy: to find it on a GPU takes some ten kernels.
        positions = np.arange(n_tokens) - np.repeat(ends - lengths, lengths)
        source = np.repeat(ragged.offsets[texts.rows], lengths) + positions
        found = [positions, *(v[source] for v in (ragged.ids, ragged.types) if v is not None)]
        rows = np.zeros((len(found), n_tokens + self.n_filled), dtype=np.int64)
        rows[:, :n_tokens] = found
        self.positions, self.ids, *types = to_device(rows, device)
        self.types = types[0] if types else None
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

    def beginnings(self, n_tokens):
        """Return where the first `n_tokens` of each text lie, and where each text's begin there."""
        counts, lengths = np.array(self.groups).T
        kept = np.minimum(np.repeat(lengths, counts), n_tokens)
        ends = np.cumsum(kept)
        device, n_kept = self.ids.device, int(ends[-1])
        length, begin = to_device(np.stack([kept, ends - kept]), device)
        skipped = torch.repeat_interleave(self.first - begin, length, output_size=n_kept)
        boundaries = to_device(np.concatenate([[0], ends]).astype(np.int32), device)
        return skipped + torch.arange(n_kept, device=device), boundaries


def to_device(values, device):
    """Return an array, or a tensor of the CPU, on the device, without waiting for the device."""
    tensor = torch.as_tensor(values)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def reads_types(module):
    """Return whether the module tells the two texts of a pair apart by token types."""
    return (getattr(module.config, "type_vocab_size", 0) or 0) > 1
