"""What the command line says on stderr: one line each, about its own options."""

import re
import sys
import warnings
from contextlib import contextmanager, suppress

from sklearn.exceptions import InconsistentVersionWarning

_OPTIONS = (
    *("text", "label", "groups", "encoding", "sep", "pos_label", "n_per_class", "max_length"),
    *("long_text", "batch_size", "learning_rate", "random_state", "epochs", "model", "device"),
    *("cv", "scoring", "budget"),
)
# Parameters at the beginning, with an underscore or with a value, and what stands in quotes, which
# is somebody else's.
_PARAMETER = re.compile(
    rf"^(?P<subject>{'|'.join(_OPTIONS)})(?= (?:must|is for|needs) )"
    rf"|\b(?P<given>{'|'.join(_OPTIONS)})=(?P<value>'[^']*'|[\w+-]+(?:\.\w+)*)?"
    rf"|\b(?P<bare>{'|'.join(name for name in _OPTIONS if '_' in name)})\b"
    r"""|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
)
_QUOTE = "'"
_ELSEWHERE = re.compile(r"device='([^']*)' is not on this machine; .* Predicting on '([^']*)'\.")
_PHRASES = {
    "header=False": "--no-header",
    "load_text_table": "the path of the file",
    " or leave it out by categories": " or move it elsewhere",
    " or leave it out of categories": " or move it elsewhere",
    "X must ": "The texts must ",
    "y must ": "The labels must ",
}


def say(kind, message, options=_OPTIONS):
    """Print a note, a warning or an error on stderr, as one line; `options` are the command's."""
    print(f"sklearn-bert: {kind}: {in_words_of_options(message, options)}", file=sys.stderr)


def in_words_of_options(message, options=_OPTIONS):
    """Return a message to a caller in Python as one line about the options of a command."""
    line = " ".join(str(message).split())
    for words, ours in _PHRASES.items():
        if line.startswith(words) or not words.endswith("must "):
            line = line.replace(words, ours)
    if match := _ELSEWHERE.fullmatch(line):
        return (
            f"MODEL was fitted on {match[1]}, which this machine lacks: predicting on {match[2]}."
        )

    def rename(match):
        name = match["subject"] or match["bare"] or match["given"]
        if name not in options:
            return match[0]
        value = match["value"]
        return f"--{name.replace('_', '-')}" + ("" if value is None else f" {value.strip(_QUOTE)}")

    return _PARAMETER.sub(rename, line)


@contextmanager
def warnings_as_lines(options):
    """Let each warning be one line on stderr, without the line of source that it comes from."""
    shown = set()

    def show(message, category, filename, lineno, file=None, line=None):
        text = str(message)
        if isinstance(message, InconsistentVersionWarning):
            text = (
                f"MODEL was written by scikit-learn {message.original_sklearn_version} and is read "
                f"by {message.current_sklearn_version}; if results differ, fit it again."
            )
        if text not in shown:
            shown.add(text)
            say("warning", text, options)

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
                with suppress(BrokenPipeError):  # what is left goes to who has stopped reading
                    stream.reconfigure(encoding=encoding, errors=errors)
