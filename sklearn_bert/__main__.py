"""The command line: ``python -m sklearn_bert``; its commands are in the modules ``_cli_*``."""

import argparse
import os
import sys
import traceback

from . import __version__

# What loading and fitting raise for bad input, with a sentence for the user. Anything else is a
# fault of ours.
_KNOWN_ERRORS = (OSError, ValueError, TypeError, MemoryError, ImportError)

_EPILOG = """\
examples:
  python -m sklearn_bert compare --test-size 0.25
      Is BERT worth it? A demonstration, which needs no data and no network.
  python -m sklearn_bert compare reviews.csv --text review --label stars --html report.html
      The same question, asked of your own texts.
  python -m sklearn_bert fit reviews.csv --text review --label stars --out stars
      Train on all of them and keep the classifier, in a folder.
  echo "what a waste of time" | python -m sklearn_bert predict stars --proba
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
    try:
        # scikit-learn is imported here, which takes a while: Ctrl-C may come then.
        from ._cli.messages import utf8_output

        with utf8_output():
            return _guarded(argv)
    except KeyboardInterrupt:
        print("sklearn-bert: interrupted", file=sys.stderr)
        return 130


def _guarded(argv):
    """Run a command; return the exit code, whatever is raised."""
    from ._cli.messages import describe, say, tell

    options = {}
    try:
        _run(argv, options)
    except BrokenPipeError:
        _forget_output()
        return 141
    except _KNOWN_ERRORS as error:
        _show_traceback(options)
        say("error", describe(error), options)
    except Exception as error:
        _show_traceback(options)
        name, text = type(error).__name__, " ".join(str(error).split())
        tell(
            f"error: unexpected {name}{text and ': '}{text}; this is a fault of sklearn-bert: "
            "please report it, with what --traceback adds."
        )
    else:
        return 0
    _forget_output()
    return 1


def _run(argv, options):
    """Run a command, and put its options into a dict as soon as they are known."""
    from ._cli.messages import warnings_as_lines

    try:
        args = _parsed(argv)
        options.update(vars(args))
        with warnings_as_lines(options):
            args.run(args)
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()  # while a failure can still be told


def _parsed(argv):
    """Return the arguments; PATH may stand anywhere, which argparse does not always find."""
    from ._cli.data import take_path_back

    args, rest = _make_parser().parse_known_args(argv)
    if len(rest) == 1 and args.path is None and (rest[0] == "-" or not rest[0].startswith("-")):
        (args.path,) = rest
    elif rest:
        args.usage_error(f"unrecognized arguments: {' '.join(rest)}")
    take_path_back(args)
    return args


def _show_traceback(options):
    """Print where an error comes from, for who asks."""
    if options.get("traceback"):
        traceback.print_exc()


def _forget_output():
    """Drop what stdout has not taken, which would be written at the exit, and fail again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except AttributeError:  # there is none
        pass


def _make_parser():
    """Return the parser; each command adds its own and sets `run`."""
    from ._cli.compare import add_compare
    from ._cli.fit import add_fit
    from ._cli.predict import add_predict

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
