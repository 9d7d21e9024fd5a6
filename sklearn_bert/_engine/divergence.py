"""What is said of a model that gives no numbers."""

import torch


def divergence_error(number, dtype):
    """Return the error of a model that gave `number`, which is NaN or infinite, in `dtype`."""
    reason, way_out = "its training has diverged", ""
    if dtype == torch.float16:  # whose largest number is 65,504
        reason += ", or float16 is too narrow for it"
        way_out = ", or use dtype='float32'"
    return ValueError(
        f"The model must give finite numbers, got {number}, since {reason}; fit it with a lower "
        f"learning_rate or weight_decay{way_out}."
    )
