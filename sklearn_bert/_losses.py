"""Losses: weighted means over the texts of a batch."""

import torch
from torch.nn.functional import cross_entropy, log_softmax, logsigmoid, one_hot


class WeightedLoss(torch.nn.Module):
    """Mean over the texts of a batch of weight times loss.

    The weights have mean 1 over the training set, so a batch counts by the weights it holds.
    """

    def forward(self, outputs, target):
        """Return the loss of `outputs` for `target`, a pair of true values and weights."""
        values, weights = target
        return (self.of_texts(outputs, values) * weights).mean()


class CrossEntropy(WeightedLoss):
    """Cross-entropy of classes that exclude each other.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the truth that is spread evenly over all classes.
    focal_gamma : float, default=0.0
        Exponent of the probability that was missing: above 0, texts that the model is sure of
        and right about count for less.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna (2016). Rethinking the Inception
    Architecture for Computer Vision. CVPR.

    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar (2017). Focal Loss for Dense Object
    Detection. ICCV.
    """

    def __init__(self, label_smoothing=0.0, focal_gamma=0.0):
        super().__init__()
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma

    def of_texts(self, logits, classes):
        """Return the loss of each text; `classes` are indices."""
        if not self.focal_gamma:
            return cross_entropy(
                logits, classes, reduction="none", label_smoothing=self.label_smoothing
            )
        n_classes = logits.shape[1]
        truth = one_hot(classes, n_classes) * (1 - self.label_smoothing)
        truth = truth + self.label_smoothing / n_classes
        log_proba = log_softmax(logits, dim=1)
        return -(truth * _missing(log_proba, self.focal_gamma) * log_proba).sum(1)


class BinaryCrossEntropy(WeightedLoss):
    """Mean over the labels of the cross-entropy of each label's presence.

    Parameters
    ----------
    present, absent : Tensor of shape (n_labels,)
        Weights of the texts that have a label, and of those that do not.
    label_smoothing : float, default=0.0
        Share of the truth that is spread evenly over present and absent.
    focal_gamma : float, default=0.0
        As for `CrossEntropy`.
    """

    def __init__(self, present, absent, label_smoothing=0.0, focal_gamma=0.0):
        super().__init__()
        self.register_buffer("present", present)
        self.register_buffer("absent", absent)
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma

    def of_texts(self, logits, indicator):
        """Return the loss of each text."""
        truth = indicator * (1 - self.label_smoothing) + self.label_smoothing / 2
        loss = 0.0
        for share, weight, log_proba in (
            (truth, self.present, logsigmoid(logits)),
            (1 - truth, self.absent, logsigmoid(-logits)),
        ):
            if self.focal_gamma:
                share = share * _missing(log_proba, self.focal_gamma)
            loss = loss - share * weight * log_proba
        return loss.mean(1)


class SquaredError(WeightedLoss):
    """Mean over the outputs of the squared error."""

    def of_texts(self, outputs, values):
        """Return the loss of each text."""
        return ((outputs - values) ** 2).mean(1)


def _missing(log_proba, gamma):
    """Return what is missing of a probability of 1, to the power of gamma.

    Not exactly 0 where the model is sure: the derivative of a power below 1 is infinite there.
    """
    return (-torch.expm1(log_proba)).clamp_min(1e-7) ** gamma
