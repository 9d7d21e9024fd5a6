"""Names for callbacks, and which of a list come with one."""


def name_callbacks(items):
    """Return (name, callback) pairs; what has no name is called after its class, with a number
    where there are several of a class.
    """
    kinds = [type(item).__name__ for item in items if not is_pair(item)]
    pairs, numbers = [], {}
    for item in items:
        if is_pair(item):
            pairs.append(item)
            continue
        kind = type(item).__name__
        numbers[kind] = numbers.get(kind, 0) + 1
        pairs.append((kind if kinds.count(kind) == 1 else f"{kind}_{numbers[kind]}", item))
    return pairs


def is_pair(item):
    """Return whether an item of the list is a name with a callback."""
    return isinstance(item, tuple) and len(item) == 2
