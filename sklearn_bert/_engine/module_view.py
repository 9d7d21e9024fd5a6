"""Modules that share all but a few attributes with another one, which stays as it is."""


def changed(module, **attributes):
    """Return a module that has some attributes of its own, and shares everything else.

    Were it changed in place to know itself, such as by a forward pass that calls its own one, it
    would be kept until garbage is collected, and its weights with it.
    """
    other = object.__new__(type(module))
    vars(other).update(vars(module), **attributes)
    return other
