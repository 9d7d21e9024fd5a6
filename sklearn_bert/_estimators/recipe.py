"""What "auto" means: how long to train, in which steps, and from where, by what there is to learn.

The figures were measured, see ``benchmarks/RESULTS.md``.
"""

import math

# Steps that a fit takes at least: fewer leave the model far from what it can learn.
_LEAST_STEPS = 100
_LEAST_EPOCHS = 3

# Of so few labels the classes are contrasted first.
_VERY_FEW_A_CLASS = 32
_VERY_FEW = 200

_SMALL_BATCH, _BATCH = 16, 32
_TEXTS_OF_SMALL_BATCHES = 1000

# Below both, what the encoder knows is worth more than what the texts teach.
_FEW_A_CLASS = 200
_FEW = 5000


def has_few_labels(target):
    """Return whether there is so little to learn from that a head had better know something.

    Parameters
    ----------
    target : Target
        What is to be learnt of all texts.
    """
    return are_few(len(target), _count_classes(target))


def _count_classes(target):
    """Return the number of classes, or of what has as many texts on average."""
    if target.is_classes:
        return target.n_outputs
    if target.sizes is not None:
        return max(target.sizes)
    if target.is_labels:  # a text may have several, or none
        return target.n_outputs * len(target) / max(target.values.sum(), 1)
    return 2


def are_few(n_texts, n_classes):
    """Return whether so many texts are few labels for so many classes."""
    return n_texts < min(_FEW, _FEW_A_CLASS * n_classes)


def learns_by_contrast(estimator, n_texts, n_classes):
    """Return whether classes are contrasted first, if each text has one.

    Parameters
    ----------
    estimator : TextEstimator
        Its parameters decide, and how few labels there are.
    n_texts, n_classes : int
        Of the training data.
    """
    return (
        n_texts <= min(_VERY_FEW, _VERY_FEW_A_CLASS * n_classes)
        and estimator.head != "new"
        and estimator.epochs == "auto"
        and estimator.freeze != "all"
    )


def find_batch_size(batch_size, n_texts):
    """Return the batch size: as given, or what suits so many texts."""
    if batch_size != "auto":
        return batch_size
    return _SMALL_BATCH if n_texts <= _TEXTS_OF_SMALL_BATCHES else _BATCH


def find_epochs(epochs, n_batches, *, after_contrast=False):
    """Return the epochs: as given, or three, and more of few batches.

    After a contrast of the classes little is left to do.

    References
    ----------
    M. Mosbach, M. Andriushchenko, D. Klakow (2021). On the Stability of Fine-tuning BERT:
    Misconceptions, Explanations, and Strong Baselines. ICLR.

    T. Zhang, F. Wu, A. Katiyar, K. Q. Weinberger, Y. Artzi (2021). Revisiting Few-sample BERT
    Fine-tuning. ICLR.
    """
    if epochs != "auto":
        return epochs
    if after_contrast:
        return _LEAST_EPOCHS
    return max(_LEAST_EPOCHS, math.ceil(_LEAST_STEPS / n_batches))
