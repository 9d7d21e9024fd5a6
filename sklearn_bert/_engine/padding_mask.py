"""Masks of padded texts, which tell without a look at the device whether there is padding."""

import torch


class PaddingMask(torch.Tensor):
    """A mask of the tokens that are no padding, which knows on the host whether that is all.

    transformers leaves the mask out of attention where it masks nothing, and asks it by `all`: a
    device would be waited for in each forward pass.

    Whatever is computed of it is a plain tensor.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def of(cls, mask, is_full):
        """Return a tensor as such a mask."""
        known = mask.as_subclass(cls)
        known.is_full = is_full
        return known

    def to(self, *args, **kwargs):
        """Return the mask on a device, or in a dtype."""
        return PaddingMask.of(super().to(*args, **kwargs), self.is_full)

    def all(self, *args, **kwargs):
        """Return whether there is no padding."""
        return super().all(*args, **kwargs) if args or kwargs else self.is_full
