"""Where the parameters of an encoder stand, from the embeddings to the top."""

import torch

from .pooling import has_mean_layer, mean_layer


def parameter_depths(module):
    """Return the depth of each parameter, and the number of layers.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        An encoder with its head.

    Returns
    -------
    depths : dict of str to int
        By name: 0 for the embeddings, the number of the layer from 1, or one more than there are
        layers for what comes after them, such as pooler and head.
    n_layers : int
    """
    layers, path = find_layers(module)
    depths, n_layers = {}, len(layers) - has_mean_layer(module)
    for name, _ in module.named_parameters():
        if name.startswith(path + "."):
            depths[name] = int(name[len(path) + 1 :].partition(".")[0]) + 1
        elif "embed" in name or not any(depth > 0 for depth in depths.values()):
            depths[name] = 0
        else:
            depths[name] = n_layers + 1
    return depths, n_layers


def find_layers(module):
    """Return the list of the layers and its path: that of the configured length, or the first."""
    n_layers, first = getattr(module.config, "num_hidden_layers", None), None
    for path, child in module.named_modules():
        if isinstance(child, torch.nn.ModuleList):
            if len(child) == n_layers:
                return child, path
            first = first or (child, path)
    return first


def freeze_layers(module, freeze):
    """Fix the embeddings and the first layers; everything else learns.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        Changed in place.
    freeze : int or "all"
        How many layers; 0 fixes nothing, the embeddings included.

    Raises
    ------
    ValueError
        If there are not as many layers.
    """
    depths, n_layers = parameter_depths(module)
    if freeze != "all" and freeze > n_layers:
        raise ValueError(
            f"freeze must be at most {n_layers}, the layers of the {module.config.model_type!r} "
            f"model, got {freeze}; use 'all' to train the head only."
        )
    n_fixed = n_layers if freeze == "all" else freeze
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(n_fixed == 0 or depths[name] > n_fixed)
    if has_mean_layer(module):  # it has nothing to learn
        mean_layer(module).requires_grad_(False)


def is_frozen(module):
    """Return whether the embeddings and all layers are fixed."""
    depths, n_layers = parameter_depths(module)
    return not any(
        parameter.requires_grad
        for name, parameter in module.named_parameters()
        if depths[name] <= n_layers
    )


def last_linear(module, n_outputs):
    """Return the linear map that gives the outputs, None if the head has none."""
    body = {id(child) for child in module.base_model.modules()}
    found = [
        child
        for child in module.modules()
        if isinstance(child, torch.nn.Linear)
        and id(child) not in body
        and child.out_features == n_outputs
        and child.bias is not None
    ]
    return found[-1] if found else None
