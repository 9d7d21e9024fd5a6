"""What was loaded of a checkpoint is what the body needs: nothing of it is left to chance."""

from transformers import AutoModelForSequenceClassification

# Parts of a body that a checkpoint may never have had: those that a head reads, or nobody.
_NOT_NEEDED = {"pooler", "contact_head", "decoder"}
# Tasks of pretraining, whose heads may be of use to ours.
_PRETRAINING = ("ForMaskedLM", "ForPreTraining", "Model")
_N_NAMED = 2


def check_body(module, info, model):
    """Refuse a body that is not wholly that of the checkpoint.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        What was loaded.
    info : dict
        What transformers says of the loading: names of tensors that are missing, unexpected, or
        of another shape.
    model : str or path-like
        What the user calls it.

    Raises
    ------
    ValueError
        If a tensor of the body is missing or of another shape, or the checkpoint has a tensor
        that a body of this kind has, but not this one.
    """
    body = module.base_model_prefix + "."
    wanted = [name for name, _ in module.named_parameters() if _is_needed(name, body)]
    reason = (
        _other_shapes(wanted, info["mismatched_keys"])
        or _missing(wanted, info)
        or _left_out(wanted, body, info["unexpected_keys"])
    )
    if reason:
        raise ValueError(
            f"model={str(model)!r} cannot be loaded: {reason}; save weights and config.json "
            "together, with save_pretrained of the transformers model itself."
        )


def _is_needed(name, body):
    """Return whether a tensor belongs to the body, and is read."""
    return name.startswith(body) and not _NOT_NEEDED.intersection(name.split("."))


def _other_shapes(wanted, mismatched):
    """Return the sentence on the first tensor of another shape, if there is any."""
    shapes = {name: (tuple(found), tuple(asked)) for name, found, asked in mismatched}
    names = [name for name in wanted if name in shapes]
    if not names:
        return ""
    found, asked = shapes[names[0]]
    return (
        f"{_some(names)} {_are(names)} of another shape in its weights than its config.json asks "
        f"for, the first one {found} instead of {asked}"
    )


def _missing(wanted, info):
    """Return the sentence on tensors that are missing, if there are any."""
    names = [name for name in wanted if name in info["missing_keys"]]
    if not names:
        return ""
    sentence = f"its weights have no {_some(names)}, which its config.json asks for"
    others = sorted(info["unexpected_keys"])
    return f"{sentence}, but {_some(others[:1])}" if others else sentence


def _left_out(wanted, body, unexpected):
    """Return the sentence on tensors that the body would leave out, if there are any."""
    parts = {name.removeprefix(body).partition(".")[0] for name in wanted}
    names = [
        name
        for name in sorted(unexpected)
        if name.removeprefix(body).partition(".")[0] in parts
        and name.endswith((".weight", ".bias"))
        and not _NOT_NEEDED.intersection(name.split("."))
    ]
    if not names:
        return ""
    return f"its weights have {_some(names)}, which a model of its config.json has not"


def _some(names):
    """Return the first names, and the number of the others."""
    shown = ", ".join(map(repr, names[:_N_NAMED]))
    return f"{shown} and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else shown


def _are(names):
    """Return the verb."""
    return "is" if len(names) == 1 else "are"


def renew_head(module, info):
    """Initialize the head of a checkpoint that was trained for a task already."""
    tasks = module.config.architectures or ("?",)
    body = module.base_model_prefix + "."
    other_shapes = {name for name, *_ in info["mismatched_keys"]}
    found = {
        name
        for name in module.state_dict()
        if not name.startswith(body)
        and name not in info["missing_keys"]
        and name not in other_shapes
    }
    was_ours = any("ForSequenceClassification" in task for task in tasks)
    if not was_ours and (not found or all(task.endswith(_PRETRAINING) for task in tasks)):
        return
    fresh = AutoModelForSequenceClassification.from_config(module.config).state_dict()
    head = {name: value for name, value in fresh.items() if not name.startswith(body)}
    module.load_state_dict(head, strict=False)
