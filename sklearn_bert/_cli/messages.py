"""What the command line says on stderr: one line each, about its own options."""

import io
import sys
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning

from .phrases import OPTIONS, in_words_of_options, translate

# Beginnings of what scikit-learn warns of; None where the commands tell of it themselves.
_WARNINGS = {
    "The least populated class in y has only": None,
    "The number of unique classes is greater than 50%": "More than half of the texts have a class "
    "of their own; check that --label names the right column.",
}
_PACKAGE = Path(__file__).parent.parent
_FOR_DEVELOPERS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
_NOT_CONVERGED = (
    "A linear model stopped before it had converged, so that its score may be a little too low."
)


def say(kind, message, options=OPTIONS):
    """Print a note, a warning or an error on stderr, as one line; `options` are the command's."""
    tell(f"{kind}: {in_words_of_options(message, options)}")


def tell(line):
    """Print a line on stderr, if anybody reads it."""
    with suppress(OSError, AttributeError):
        print(f"sklearn-bert: {line}", file=sys.stderr, flush=True)


def counted(n, noun, plural=None):
    """Return a number and what there are so many of, such as "1 text" or "2,000 texts"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def describe(error):
    """Return what an error says, with the reason of the system or the type if it is not ours."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror[:1].lower() + error.strerror[1:]
        where = "The output" if error.filename is None else repr(str(error.filename))
        return f"{where} cannot be used: {reason}."
    if isinstance(error, MemoryError) and not _is_ours(error):
        details = f" ({text})" if text else ""
        return (
            f"The memory of this machine is used up{details}; use a smaller model or fewer texts."
        )
    if _is_ours(error):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}".rstrip(": ")


def _is_ours(error):
    """Return whether an error was raised here, with a sentence for the user."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = "" if trace is None else trace.tb_frame.f_code.co_filename
    return Path(file).is_relative_to(_PACKAGE)


@contextmanager
def warnings_as_lines(options):
    """Let each warning be one line on stderr, without the line of source that it comes from."""
    shown = set()

    def show(message, category, filename, lineno, file=None, line=None):
        text = _sentence(message, category)
        if text is not None and text not in shown:
            shown.add(text)
            say("warning", text, options)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _sentence(message, category):
    """Return what a warning means to the user of a command, None if nothing."""
    if isinstance(message, InconsistentVersionWarning):
        return (
            f"MODEL was written by scikit-learn {message.original_sklearn_version} and is read "
            f"by {message.current_sklearn_version}; if results differ, fit it again."
        )
    if issubclass(category, _FOR_DEVELOPERS):
        return None
    if issubclass(category, ConvergenceWarning):
        return _NOT_CONVERGED
    text = str(message)
    return next((ours for start, ours in _WARNINGS.items() if text.startswith(start)), text)


class InWords(io.TextIOBase):
    """A stream for what is written to a caller in Python, which comes out in words of options."""

    def __init__(self, stream, options):
        self._stream, self._options = stream, options

    def write(self, text):
        """Write a text, of which no line is cut."""
        lines = text.split("\n")
        self._stream.write("\n".join(translate(line, self._options) for line in lines))
        return len(text)

    def flush(self):
        """Flush the stream below."""
        self._stream.flush()


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
                with suppress(OSError):  # what is left goes to who has stopped reading
                    stream.reconfigure(encoding=encoding, errors=errors)
