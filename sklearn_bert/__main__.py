"""The command line: ``python -m sklearn_bert``; its commands are in the modules ``_cli_*``."""

import argparse
import os
import sys

from . import __version__
from ._cli_compare import add_compare
from ._cli_data import take_path_back
from ._cli_fit import add_fit
from ._cli_predict import add_predict
from ._cli_words import say, utf8_output, warnings_as_lines

# What loading and fitting raise for bad input, with a sentence for the user. Anything else is a
# bug, whose traceback is needed.
_KNOWN_ERRORS = (OSError, ValueError, TypeError, MemoryError, ImportError)

_EPILOG = """\
examples:
  python -m sklearn_bert compare --test-size 0.25
      Is BERT worth it? On texts that are always at hand, in a minute or two.
  python -m sklearn_bert compare reviews.csv --text review --label stars --html report.html
      The same question, asked of your own texts.
  python -m sklearn_bert fit reviews.csv --text review --label stars --out stars.joblib
      Train on all of them and keep the classifier.
  echo "what a waste of time" | python -m sklearn_bert predict stars.joblib --proba
      Ask it.
  python -m sklearn_bert COMMAND --help
      All that can be set.
"""


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments. None takes those of the process.

    Returns
    -------
    status : int
        The exit code: 0, 1 after an error that is told in one line on stderr, 130 after
        Ctrl-C, 141 if nobody reads stdout any longer. Wrong usage exits with 2, as `argparse`
        does.
    """
    with utf8_output():
        args = _make_parser().parse_args(argv)
        take_path_back(args)
        with warnings_as_lines(vars(args)):
            return _run(args)


def _run(args):
    """Run a command and return its exit code."""
    try:
        args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be written at the exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except _KNOWN_ERRORS as error:
        say("error", str(error).strip() or type(error).__name__, vars(args))
        return 1
    except KeyboardInterrupt:
        print("sklearn-bert: interrupted", file=sys.stderr)
        return 130
    return 0


def _make_parser():
    """Return the parser; each command adds its own and sets `run`."""
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_bert",
        description="Fine-tune BERT on text, inside scikit-learn.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sklearn-bert {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (add_compare, add_fit, add_predict):
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
