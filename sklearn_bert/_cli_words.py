"""What the command line says on stderr: one line each, about its own options."""

import re
import sys
import warnings
from contextlib import contextmanager

_OPTIONS = (
    *("text", "label", "groups", "encoding", "sep", "pos_label", "n_per_class", "max_length"),
    *("long_text", "batch_size", "learning_rate", "random_state", "epochs", "model", "device"),
    *("cv", "scoring", "budget"),
)
# Parameters with or without a value, as long as they are no part of what somebody wrote.
_PARAMETER = re.compile(
    rf"\b(?P<given>{'|'.join(_OPTIONS)})=(?P<value>'[^']*'|[\w+-]+(?:\.\w+)*)?"
    rf"|(?P<bare>\b(?:{'|'.join(name for name in _OPTIONS if '_' in name)})\b)"
    r"""|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
)
_SUBJECT = re.compile(rf"^({'|'.join(_OPTIONS)}) (?=must|is for|needs)")
_PHRASES = {
    "header=False": "--no-header",
    "load_text_table": "the path of the file",
    " or leave it out by categories": " or move it elsewhere",
    " or leave it out of categories": " or move it elsewhere",
    "X must ": "The texts must ",
    "y must ": "The labels must ",
}


def say(kind, message):
    """Print a note, a warning or an error on stderr, as one line."""
    print(f"sklearn-bert: {kind}: {in_words_of_options(message)}", file=sys.stderr)


def in_words_of_options(message):
    """Return a message to a caller in Python as one line about the options of a command."""
    line = " ".join(str(message).split())
    for words, ours in _PHRASES.items():
        if words.endswith("must ") and not line.startswith(words):
            continue
        line = line.replace(words, ours)
    line = _SUBJECT.sub(lambda match: f"{_option(match[1])} ", line)
    return _PARAMETER.sub(_in_options, line)


def _in_options(match):
    """Return a parameter as an option, anything in quotes as it is."""
    if name := match["bare"]:
        return _option(name)
    if name := match["given"]:
        value = match["value"]
        return _option(name) + ("" if value is None else f" {value.strip(chr(39))}")
    return match[0]


def _option(name):
    """Return the option of a parameter."""
    return "--" + name.replace("_", "-")


@contextmanager
def warnings_as_lines():
    """Let each warning be one line on stderr, without the line of source that it comes from."""

    def show(message, category, filename, lineno, file=None, line=None):
        say("warning", message)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def utf8_output():
    """Let stdout and stderr take any text, whatever the locale."""
    streams = [s for s in (sys.stdout, sys.stderr) if hasattr(s, "reconfigure")]
    before = [(stream.encoding, stream.errors) for stream in streams]
    for stream in streams:
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        yield
    finally:
        for stream, (encoding, errors) in zip(streams, before, strict=True):
            if not stream.closed:
                stream.reconfigure(encoding=encoding, errors=errors)
