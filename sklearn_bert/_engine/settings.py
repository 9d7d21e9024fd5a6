"""How a module is trained: what a fit, the contrast before it and a range test have in common."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from .losses import WeightedLoss


@dataclass(frozen=True)
class TrainingSettings:
    """How a module is trained.

    Attributes
    ----------
    criterion : WeightedLoss
        What to minimize.
    device : torch.device
        Where to train.
    dtype : torch.dtype
        Arithmetic of the forward pass; the weights stay float32.
    head : {"new", "probe", "contrast", "teacher", "kept"}
        What the head starts from, which decides on its learning rate.
    epochs : int
        Passes over the batches.
    learning_rate : float or None
        Peak of the one-cycle policy; None as long as it is to be found by a range test.
    layer_decay : float
        Factor of the learning rate from a layer to the one below.
    freeze : int or "all"
        Layers that do not learn, embeddings included.
    weight_decay : float
        Decoupled weight decay of the matrices; biases and norms have none.
    patience : int or None
        Epochs without a better validation result until training stops; None trains for all
        epochs.
    monitor : {"valid_loss", "valid_score"}
        What training stops on: the loss, to be minimized, or a score, to be maximized.
    gradient_checkpointing : bool or "auto"
        Whether to compute the layers twice instead of keeping what they gave; "auto" does so
        when a single text is too much for the memory.
    verbose : int
        0 is silent, 1 shows a progress bar, 2 also a line an epoch.
    """

    criterion: "WeightedLoss"
    device: "torch.device"
    dtype: "torch.dtype"
    head: str = "new"
    epochs: int = 1
    learning_rate: float | None = None
    layer_decay: float = 1.0
    freeze: int | str = 0
    weight_decay: float = 0.01
    patience: int | None = None
    monitor: str = "valid_loss"
    gradient_checkpointing: bool | str = "auto"
    verbose: int = 0
