"""HTML from templates, each in the folder of the package whose results it shows."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def templates(package):
    """Return the templates of a package; what they are given is text, unless they say otherwise."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
