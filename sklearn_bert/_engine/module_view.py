"""Modules that share all but a few attributes with another one, which stays as it is."""


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
