"""What a fit warns of: texts that were cut, and a training that came to nothing."""

import numpy as np

from .._warn import warn
from ..exceptions import NothingLearntWarning, TextsCutWarning
from .recipe import find_epochs


def warn_of_cut(lengths, kept, *, pairs, may_be_longer):
    """Warn of texts that are longer than what is kept of them.

    Parameters
    ----------
    lengths : ndarray of shape (n_texts,)
        Their tokens.
    kept : int
        The tokens kept of a text.
    pairs : bool
        Whether they are pairs of texts.
    may_be_longer : bool
        Whether `max_length` was given, so that the model may read more.
    """
    cut = lengths > kept
    if not cut.any():
        return
    lost = 1 - kept * cut.sum() / lengths[cut].sum()
    ways = ["a larger max_length" if may_be_longer else "a model for longer texts"]
    ways += [] if pairs else ["long_text='head+tail'", "long_text='windows'"]
    warn(
        f"{100 * cut.mean():.1f} % of the texts ({cut.sum():,} of {len(cut):,}) are longer "
        f"than {kept} tokens and lose {100 * lost:.0f} % of theirs; "
        f"{' or '.join(ways)} would keep more.",
        TextsCutWarning,
    )


def warn_of_collapse(outputs, target):
    """Warn if all texts held out are predicted to be of the same class, or to have no label.

    Parameters
    ----------
    outputs : ndarray of shape (n_texts, n_outputs)
        Those for the texts held out.
    target : Target
        What is learnt.

    Returns
    -------
    has_collapsed : bool
    """
    if len(outputs) == 1:  # always one answer
        return False
    labels = None
    if target.is_labels and (outputs <= 0).all():
        labels = "no label"
    elif target.is_classes and len(classes := np.unique(outputs.argmax(axis=1))) == 1:
        labels = repr(target.attributes["classes_"].tolist()[classes[0]])
    if labels is not None:
        warn(
            f"All {len(outputs)} texts held out for validation are predicted to have {labels}: "
            "the classifier has collapsed to one answer; train for more epochs, at another "
            "learning_rate, or with class_weight='balanced'."
        )
    return labels is not None


def warn_of_nothing_learnt(ending, target, *, epochs, n_steps, n_batches):
    """Warn if the last training steps were hardly better than one answer for all texts.

    Parameters
    ----------
    ending : Ending
        How these steps compare with it.
    target : Target
        What is learnt.
    epochs : int or "auto"
        The parameter of the estimator.
    n_steps, n_batches : int
        Of the fit, and of an epoch.
    """
    auto = find_epochs("auto", n_batches)
    is_short = epochs != "auto" and epochs < auto
    complaint = ending.complaint(
        n_steps, auto_epochs=auto if is_short else None, one_answer=target.one_answer
    )
    if complaint is not None:
        warn(complaint, NothingLearntWarning)


def warn_of_undefined(history, scoring):
    """Warn if there never was a score or loss to stop by.

    Parameters
    ----------
    history : list of dict
        One dict an epoch.
    scoring : object
        The parameter of the estimator.
    """
    name = "valid_score" if "valid_score" in history[0] else "valid_loss"
    if not np.isfinite([row[name] for row in history]).any():
        warn(
            f"scoring={scoring!r} gave no finite number in any of the {len(history)} "
            "epochs: early_stopping could not tell which is best, and the weights are those "
            "of the last one; use another scoring, or more validation texts."
        )
