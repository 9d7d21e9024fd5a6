"""A fitted encoder with some of its layers: what a smaller one starts from."""

import copy

import numpy as np
from torch.nn import ModuleList

from .device import copy_to_cpu
from .pooling import has_mean_layer


def with_fewer_layers(module, n_layers):
    """Return a copy of a module on the CPU that has layers spread evenly over those of the module.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        An encoder with its head; it stays as it is.
    n_layers : int
        How many layers to keep: the first and the last one, and some between them.

    Raises
    ------
    ValueError
        If there are no more than that, or layers cannot be taken out of the architecture.

    References
    ----------
    V. Sanh, L. Debut, J. Chaumond, T. Wolf (2019). DistilBERT, a distilled version of BERT:
    smaller, faster, cheaper and lighter. arXiv:1910.01108.
    """
    path = _path_of_layers(module)
    has_mean = has_mean_layer(module)
    n_own = module.config.num_hidden_layers - has_mean
    if n_layers >= n_own:
        raise ValueError(
            f"n_layers must be less than {n_own}, the layers of the fitted "
            f"{module.config.model_type!r} model, got {n_layers}; lower it, or use model for "
            "another encoder."
        )
    kept = [int(number) for number in np.linspace(0, n_own - 1, n_layers).round()]
    if has_mean:  # of what the last one gives
        kept.append(n_own)
    smaller = copy.deepcopy(copy_to_cpu(module))
    layers = smaller.base_model.get_submodule(path)
    smaller.base_model.set_submodule(path, ModuleList(layers[number] for number in kept))
    for number, layer in enumerate(smaller.base_model.get_submodule(path)):
        for child in layer.modules():
            if hasattr(child, "layer_idx"):
                child.layer_idx = number
    for name, values in _values_by_layer(module.config).items():
        setattr(smaller.config, name, [values[number] for number in kept])
    smaller.config.num_hidden_layers = len(kept)
    return smaller


def _path_of_layers(module):
    """Return where the layers are in the body; refuse those that are not all alike."""
    n_layers = getattr(module.config, "num_hidden_layers", None)
    lists = {
        path: child
        for path, child in module.base_model.named_modules()
        if isinstance(child, ModuleList) and len(child) == n_layers
    }
    kinds = {_shapes(layer) for layers in lists.values() for layer in layers}
    values = _values_by_layer(module.config).values()
    if len(lists) != 1 or len(kinds) != 1 or any(len(set(map(str, each))) > 1 for each in values):
        raise ValueError(
            "n_layers needs an architecture whose layers are alike and follow each other (BERT, "
            f"DistilBERT, RoBERTa, ELECTRA, MPNet, DeBERTa, ...), got {module.config.model_type!r};"
            " use model for another encoder."
        )
    return next(iter(lists))


def _shapes(layer):
    """Return the parameters of a layer by name and shape."""
    return tuple((name, tuple(value.shape)) for name, value in layer.named_parameters())


def _values_by_layer(config):
    """Return the lists of a configuration that have a value for each layer, by name."""
    return {
        name: value
        for name, value in config.to_dict().items()
        if isinstance(value, list) and len(value) == getattr(config, "num_hidden_layers", None)
    }
