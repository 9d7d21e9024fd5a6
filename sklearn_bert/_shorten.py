"""How the offending value stands in an error."""

import re


def shorten(value, width=60):
    """Return the repr of a value in one line, cut so that an error stays one readable sentence."""
    text = re.sub(r"\n\s*", " ", repr(value))
    return text if len(text) <= width else text[: width - 3] + "..."
