"""Which callbacks can run in a fit: the others are refused before it begins."""

from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    PassthroughScoring,
    Unfreezer,
    WandbLogger,
)

from .callback_names import name_callbacks

# What the history has of each epoch, whatever the parameters.
_RECORDED = {"epoch", "train_loss", "train_loss_best", "dur", "learning_rate", "tokens_per_second"}

# Callbacks that cannot work here: why, and what to use.
_REFUSED = {
    (EpochScoring, BatchScoring): (
        "must not predict on data sets of skorch, which are not used here",
        "use early_stopping=True with scoring=[...], which records several scores",
    ),
    LRScheduler: (
        "must not set learning rates, which follow the one-cycle policy",
        "use learning_rate and epochs",
    ),
    InputShapeSetter: (
        "must not set the input width, which is that of the pretrained encoder",
        "leave it out",
    ),
    LoadInitState: (
        "must not load a state, since that of the one-cycle policy is not in it",
        "use checkpoint_dir to go on after a crash, or warm_start=True",
    ),
}


def check_callbacks(items, scores, freeze):
    """Refuse what is no callback, or cannot work in this fit.

    Parameters
    ----------
    items : list of skorch callbacks or (name, callback) pairs
        The parameter `callbacks`.
    scores : set of str
        What the history has of the texts held out; empty if there are none.
    freeze : int or "all"
        Layers that are not trained.

    Raises
    ------
    TypeError
        If one is no callback, or of a class that cannot work here.
    ValueError
        If two have the same name, or one looks at what is not recorded.
    """
    pairs = name_callbacks(items)
    for item, (name, callback) in zip(items, pairs, strict=True):
        _check_type(item, name, callback)
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"callbacks must have names of their own, got {name!r} {names.count(name)} times; "
                "rename all but one."
            )
    callbacks = [callback for _, callback in pairs]
    for callback in callbacks:
        _check_use(callback, freeze)
        _check_monitor(callback, scores, any(_may_record(other) for other in callbacks))
        if isinstance(callback, WandbLogger) and callback.save_model and not scores:
            raise ValueError(
                "callbacks: WandbLogger(save_model=True) saves the best model on held-out texts, "
                "and no texts are held out; use save_model=False, or early_stopping=True."
            )


def _check_type(item, name, callback):
    """Refuse what skorch cannot call, or what cannot be set by name."""
    if not isinstance(callback, Callback):
        raise TypeError(
            "callbacks must hold skorch callbacks or (name, callback) tuples, got "
            f"{item!r}; pass an instance of a subclass of skorch.callbacks.Callback"
            f"{_other_way(callback)}."
        )
    if not isinstance(name, str) or "__" in name:
        raise TypeError(
            f"callbacks must have names that are str without '__', got {name!r}; rename it."
        )


def _other_way(callback):
    """Return where callbacks of scikit-learn belong."""
    is_sklearn = hasattr(callback, "on_fit_task_end")
    return ", and those of scikit-learn to set_callbacks" if is_sklearn else ""


def _check_use(callback, freeze):
    """Refuse callbacks that cannot do here what they are made for."""
    name = type(callback).__name__
    for kind, (reason, way_out) in _REFUSED.items():
        if isinstance(callback, kind):
            raise TypeError(f"callbacks {reason}, got {name}; {way_out}.")
    if isinstance(callback, Unfreezer) and freeze != 0:
        raise ValueError(
            f"callbacks: {name} needs freeze=0, since the optimizer does not know the layers that "
            f"are frozen from the start, got freeze={freeze!r}; freeze them with skorch's Freezer."
        )
    if getattr(callback, "f_pickle", None) is not None:
        raise ValueError(
            f"callbacks: {name} must not pickle the net of skorch, which works within a fit only, "
            f"got f_pickle={callback.f_pickle!r}; use f_params, or pickle the fitted estimator."
        )


def _check_monitor(callback, scores, has_more):
    """Refuse a callback that looks at what the history will not have.

    `has_more` tells of callbacks that may record something under names of their own.
    """
    monitor = getattr(callback, "monitor", None)
    if not isinstance(callback, (EarlyStopping, Checkpoint)) or not isinstance(monitor, str):
        return
    recorded = _RECORDED | scores
    if monitor in recorded or (has_more and not monitor.startswith("valid_loss")):
        return
    name = type(callback).__name__
    if monitor.startswith("valid_") and not scores:
        instead = "train_loss_best" if isinstance(callback, Checkpoint) else "train_loss"
        raise ValueError(
            f"callbacks: {name} has monitor={monitor!r}, which needs held-out texts, and there are "
            f"none; use early_stopping=True, or monitor={instead!r}."
        )
    raise ValueError(
        f"callbacks: {name} must have a monitor that is recorded, got {monitor!r}; use one of "
        f"{sorted(recorded)}."
    )


def _may_record(callback):
    """Return whether a callback may record under names of its own."""
    return isinstance(callback, PassthroughScoring) or not type(callback).__module__.startswith(
        "skorch."
    )
