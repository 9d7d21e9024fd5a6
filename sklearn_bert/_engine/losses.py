"""Losses: weighted means over the texts of a batch."""

import torch
from torch.nn.functional import cross_entropy, log_softmax, logsigmoid, one_hot

# The probability of what is not true, whose logarithm must be finite.
_NEXT_TO_NOTHING = 1e-6


class WeightedLoss(torch.nn.Module):
    """Mean over the texts of a batch of weight times loss.

    The weights have mean 1 over the training set, so a batch counts by the weights it holds.
    """

    def forward(self, outputs, target):
        """Return the loss of `outputs` for `target`, a pair of true values and weights."""
        values, weights = target
        return (self.of_texts(outputs, values) * weights).mean()

    def answers(self, outputs):
        """Return what `outputs` predict, as `true_answers` tells it; None if that is numbers."""
        return None

    def true_answers(self, values):
        """Return what is true of each text."""
        return values

    def best_outputs(self, values, n_outputs):
        """Return outputs for which the loss of each text is as low as it can be, or nearly."""
        return values

    def mean_truth(self, values, weights, n_outputs):
        """Return the mean of what is true, of shape (1, n_outputs), for weights that sum to 1."""
        return (weights @ values.double())[None]


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
        """Return the loss of each text; `classes` are indices, or rows of probabilities."""
        if not self.focal_gamma:
            return cross_entropy(
                logits, classes, reduction="none", label_smoothing=self.label_smoothing
            )
        truth = self._truth(classes, logits.shape[1])
        log_proba = log_softmax(logits, dim=1)
        return -(truth * _missing(log_proba, self.focal_gamma) * log_proba).sum(1)

    def _truth(self, classes, n_classes):
        """Return the smoothed probability of each class."""
        truth = classes if classes.is_floating_point() else one_hot(classes, n_classes)
        return truth * (1 - self.label_smoothing) + self.label_smoothing / n_classes

    def answers(self, outputs):
        """Return the index of the most likely class of each text."""
        return outputs.argmax(dim=1)

    def true_answers(self, values):
        """Return the index of the class of each text, of probabilities the largest."""
        return values if values.ndim == 1 else values.argmax(dim=1)

    def best_outputs(self, values, n_outputs):
        """Return the logits of what is true."""
        return self._truth(values, n_outputs).clamp_min(_NEXT_TO_NOTHING).log()

    def mean_truth(self, values, weights, n_outputs):
        """Return the share of each class."""
        if values.ndim == 2:
            return super().mean_truth(values, weights, n_outputs)
        return torch.bincount(values, weights, minlength=n_outputs)[None]


class ColumnsCrossEntropy(WeightedLoss):
    """Mean over several columns of labels of the cross-entropy of each.

    Parameters
    ----------
    sizes : sequence of int
        Classes of each column, whose outputs lie beside each other.
    **settings : dict
        Parameters of `CrossEntropy`.
    """

    def __init__(self, sizes, **settings):
        super().__init__()
        self.sizes = list(sizes)
        self.one = CrossEntropy(**settings)

    def of_texts(self, logits, values):
        """Return the loss of each text; `values` are class indices, or shares of all classes."""
        parts = zip(logits.split(self.sizes, dim=1), self._columns(values), strict=True)
        return torch.stack([self.one.of_texts(*part) for part in parts]).mean(dim=0)

    def _columns(self, values):
        """Return what is true, by column."""
        return values.split(self.sizes, 1) if values.is_floating_point() else values.unbind(1)

    def answers(self, outputs):
        """Return the index of the most likely class in each column."""
        return torch.stack([part.argmax(dim=1) for part in outputs.split(self.sizes, dim=1)], dim=1)

    def best_outputs(self, values, n_outputs):
        """Return the logits of what is true."""
        parts = zip(self._columns(values), self.sizes, strict=True)
        return torch.cat([self.one.best_outputs(*part) for part in parts], dim=1)

    def mean_truth(self, values, weights, n_outputs):
        """Return the share of each class of each column."""
        parts = zip(self._columns(values), self.sizes, strict=True)
        return torch.cat([self.one.mean_truth(part, weights, size) for part, size in parts], dim=1)


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
        truth = self._truth(indicator)
        loss = 0.0
        for share, weight, log_proba in (
            (truth, self.present, logsigmoid(logits)),
            (1 - truth, self.absent, logsigmoid(-logits)),
        ):
            if self.focal_gamma:
                share = share * _missing(log_proba, self.focal_gamma)
            loss = loss - share * weight * log_proba
        return loss.mean(1)

    def _truth(self, indicator):
        """Return the smoothed probability of each label."""
        return indicator * (1 - self.label_smoothing) + self.label_smoothing / 2

    def answers(self, outputs):
        """Return the indicator of the labels that each text is given."""
        return (outputs > 0).float()

    def true_answers(self, values):
        """Return the indicator of the labels of each text, of probabilities the likely ones."""
        return (values > 0.5).float()

    def best_outputs(self, values, n_outputs):
        """Return the logits of what is true."""
        return self._truth(values).logit(_NEXT_TO_NOTHING)


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
