"""A module with another attention, which shares everything else with the one it is made of."""

import copy
from operator import is_

# Attributes that a module has of its own where it was compiled, or given another forward pass.
OWN_FORWARD = {"forward", "_compiled_call_impl"}


class AttentionView:
    """A transformers module that looks up its attention under another name.

    Making it takes as long as some layers do for a short text: it may be kept, and threads may
    share it, as long as it `is_current`. Weights, buffers and hooks are the very same ones,
    whatever becomes of them.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        Stays as it is.
    attention : str
        The name.

    Attributes
    ----------
    module : transformers.PreTrainedModel
        Computes with the other attention. Not to be changed: `changed` and `with_child` give
        modules that differ in a part.
    """

    def __init__(self, module, attention):
        config = copy.copy(module.config)
        config._attn_implementation = attention
        self._parts = []
        self._copied = [(vars(module.config), [*vars(module.config).values()])]
        self.module = self._with_config(module, config)

    def is_current(self):
        """Return whether no part of the module was changed or replaced since, by itself or for one
        that has a forward pass of its own.
        """
        for attributes, children in self._parts:
            if [*attributes["_modules"].values()] != children:
                return False
            if not attributes.keys().isdisjoint(OWN_FORWARD):
                return False
        return all(
            len(attributes) == len(values) and all(map(is_, attributes.values(), values))
            for attributes, values in self._copied
        )

    def _with_config(self, module, config):
        """Return a module that reads another configuration, and shares everything else.

        Children that know no configuration, such as linear maps and dropouts, are the very same
        ones. The others are copies, which share parameters, buffers and hooks.
        """
        attributes, children = vars(module), dict(module._modules)
        self._parts.append((attributes, [*children.values()]))
        for name, child in children.items():
            if child is not None:
                children[name] = self._with_config(child, config)
        known = {"config": config} if "config" in attributes else {}
        if not known and children == module._modules:
            return module
        self._copied.append((attributes, [*attributes.values()]))
        return changed(module, _modules=children, **known)


def changed(module, **attributes):
    """Return a module that has some attributes of its own, and shares everything else.

    Were it changed in place to know itself, such as by a forward pass that calls its own one, it
    would be kept until garbage is collected, and its weights with it.
    """
    other = object.__new__(type(module))
    vars(other).update(vars(module), **attributes)
    return other


def with_child(module, path, child):
    """Return a module that has another part at a path, and shares everything else.

    Parameters
    ----------
    module : torch.nn.Module
        Stays as it is.
    path : str
        As `get_submodule` takes it, such as "encoder.layer".
    child : torch.nn.Module
        The part.
    """
    name, _, rest = path.partition(".")
    if rest:
        child = with_child(module._modules[name], rest, child)
    return changed(module, _modules={**module._modules, name: child})


def with_layers(module, path, layers):
    """Return a module that has other layers in the list at a path."""
    found = module.get_submodule(path)
    names = map(str, range(len(layers)))
    return with_child(module, path, changed(found, _modules=dict(zip(names, layers, strict=True))))
