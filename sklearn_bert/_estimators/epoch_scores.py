"""What is scored on the texts held out after each epoch, and what of it decides."""

from sklearn.metrics import check_scoring, get_scorer_names


def find_scorer(scoring, estimator):
    """Return the scorer of an epoch, the names that it gives, and the one that decides.

    Parameters
    ----------
    scoring : str, callable, list of str, dict or None
        The parameter of an estimator: its first entry decides.
    estimator : estimator instance
        Whose `score` None stands for.

    Returns
    -------
    scorer : callable or None
        Takes a fitted estimator, texts and targets, and returns a dict by name. ``valid_score``
        is the entry that decides; where there are several, each has its own name as well, after
        ``valid_``. None if there is only the loss, which is recorded anyway.
    names : set of str
        What the history has of the texts held out.
    monitor : {"valid_loss", "valid_score"}
        What decides.

    Raises
    ------
    ValueError
        If `scoring` is empty, or has an entry or a name that cannot be used.
    """
    entries = scoring_entries(scoring)
    first, *others = entries.items()
    named = entries if others or isinstance(scoring, (dict, list, tuple)) else {}
    chosen = {"valid_score": first[1], **{f"valid_{name}": entry for name, entry in named.items()}}
    scorers = {
        name: check_scoring(estimator, scoring=entry)
        for name, entry in chosen.items()
        if not _is_loss(entry)
    }
    scorer = check_scoring(estimator, scoring=scorers) if scorers else None
    monitor = "valid_loss" if _is_loss(first[1]) else "valid_score"
    return scorer, {"valid_loss", "valid_loss_best", *scorers}, monitor


def score_name(scoring):
    """Return what the entry of `scoring` that decides is called, "score" if it has no name."""
    if isinstance(scoring, str):
        return scoring
    name, entry = next(iter(scoring_entries(scoring).items()))
    return name if isinstance(scoring, (dict, list, tuple)) else getattr(entry, "__name__", name)


def scoring_entries(scoring):
    """Return `scoring` as a dict of names to scorers, checked."""
    if not isinstance(scoring, (dict, list, tuple)):
        scoring = {"score": scoring}
    elif not scoring:
        raise ValueError(
            f"scoring must have at least one entry, got {scoring!r}; use 'loss' for the loss."
        )
    entries = scoring if isinstance(scoring, dict) else {_name(entry): entry for entry in scoring}
    for number, (name, entry) in enumerate(entries.items()):
        if isinstance(entry, str) and not _is_loss(entry) and entry not in get_scorer_names():
            raise ValueError(
                f"scoring must name scorers of scikit-learn or 'loss', got {entry!r}; choose one "
                "of sklearn.metrics.get_scorer_names()."
            )
        if not (entry is None or isinstance(entry, str) or callable(entry)):
            raise ValueError(
                f"scoring must hold names of scorers or callables, got {entry!r}; use 'loss' for "
                "the loss."
            )
        if (name == "score" and number) or (name == "loss" and not _is_loss(entry)):
            raise ValueError(
                f"scoring must not call a scorer {name!r}, which history_ has already; rename it."
            )
    return entries


def _name(entry):
    """Return the name of an entry of a list, which must be a str."""
    if not isinstance(entry, str):
        raise ValueError(
            f"scoring must be a list of names, got {entry!r} in it; use a dict of names to "
            "callables."
        )
    return entry


def _is_loss(entry):
    """Return whether an entry is the validation loss."""
    return isinstance(entry, str) and entry == "loss"
