"""The tokens of each text become one vector."""

import torch


class PooledTokens:
    """The ways in which the tokens of each text become one vector.

    Parameters
    ----------
    states : Tensor of shape (n_tokens, width)
        Of all texts, end to end.
    lengths : Tensor of shape (n_texts,)
        Tokens of each text.
    n_left_out : int
        Tokens at the beginning of each text that are not pooled; one token always is.
    """

    def __init__(self, states, lengths, n_left_out):
        self.owners = torch.repeat_interleave(lengths, output_size=len(states))
        self.ends = lengths.cumsum(0)
        begins = self.ends - lengths
        left_out = torch.clamp(lengths - 1, max=n_left_out)
        self.firsts = begins + left_out
        self.n_kept = (lengths - left_out)[:, None]
        self.places = torch.arange(len(states), device=states.device) - begins[self.owners]
        self.is_kept = (self.places >= left_out[self.owners])[:, None]
        self.states = states

    def cls(self):
        """Return the first token."""
        return self.states[self.firsts]

    def lasttoken(self):
        """Return the last token."""
        return self.states[self.ends - 1]

    def mean(self):
        """Return the mean."""
        return self._sums(self.states * self.is_kept) / self.n_kept

    def mean_sqrt_len_tokens(self):
        """Return the sum over the square root of the number of tokens."""
        return self._sums(self.states * self.is_kept) / self.n_kept.sqrt()

    def weightedmean(self):
        """Return the mean, with the place of each token from 1 as its weight."""
        weights = self.is_kept * (self.places[:, None] + 1).float()
        return self._sums(self.states * weights) / self._sums(weights)

    def max(self):
        """Return the largest value of each column."""
        lowest = self.states.new_full((len(self.ends), self.states.shape[1]), -torch.inf)
        states = self.states.masked_fill(~self.is_kept, -torch.inf)
        return lowest.scatter_reduce(0, self.owners[:, None].expand_as(states), states, "amax")

    def _sums(self, values):
        """Return the sum of the rows of each text."""
        sums = values.new_zeros((len(self.ends), values.shape[1]))
        return sums.index_add_(0, self.owners, values)
