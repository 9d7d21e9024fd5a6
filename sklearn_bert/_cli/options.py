"""Options that several commands share, their types, and the model that they describe.

The modules ``_cli_*`` are the command line. Unlike the other modules with an underscore they stand
above the public ones and import them.
"""

import argparse
import math

from .._install import PACKAGED_MODEL, install_command
from ..classifier import BertTextClassifier
from ..regressor import BertTextRegressor

# Those that belong to one kind of PATH: given for another, they are wrong usage.
_DATA_OPTIONS = (
    *("n_per_class", "text", "label", "groups", "pair", "encoding", "sep", "no_header"),
    "input_format",
)
_MOST_DIGITS = 18  # of a number that fits into 64 bits
_SEPARATORS = {"tab": "\t", "\\t": "\t"}


def add_command(commands, name, *, run, help, description, epilog):
    """Add a command and return its parser; in `epilog`, ``%(prog)s`` is how it is called."""
    parser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--traceback", action="store_true", help="if it fails, show where in the code"
    )
    # The parser's own `error` is how wrong usage that shows only later exits with 2.
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser


def add_reading_options(group, *, label=True, formats=()):
    """Add what decides how PATH is read; `formats` are those of ``--input-format``."""
    # Without a default: an option that does not belong to the kind of PATH is wrong usage.
    group.add_argument(
        "--text",
        metavar="COL",
        nargs="+",
        help="column of the texts (table; default: text); of several, the texts are joined by a "
        "blank line",
    )
    if label:
        group.add_argument(
            "--label",
            metavar="COL",
            nargs="+",
            help="column of the labels (table; default: label); several are columns of 0 and 1, "
            "one for each label",
        )
    group.add_argument(
        "--pair",
        action="store_true",
        default=None,
        help="the two columns of --text are pairs of texts (table)",
    )
    group.add_argument(
        "--encoding",
        metavar="E",
        help="of text files (default: utf-8; that of a CSV or TSV table is found out and told)",
    )
    group.add_argument(
        "--sep",
        metavar="C",
        type=separator,
        help="character between the fields of a CSV or TSV table, or tab (default: found out)",
    )
    group.add_argument(
        "--no-header",
        action="store_true",
        default=None,
        help="the first row is no header: columns are given by their numbers, from 1 (table)",
    )
    if formats:
        group.add_argument(
            "--input-format",
            choices=formats,
            help="of a file or standard input (default: what the name of the file tells, "
            f"{formats[0]} for standard input)",
        )


def add_rare_options(group):
    """Add what is done about classes with few texts."""
    group.add_argument(
        "--min-per-class",
        metavar="N",
        type=positive_int,
        help="drop the texts of classes that have fewer than N, and tell which",
    )
    group.add_argument(
        "--merge-rare",
        metavar="NAME",
        help="make these classes one class of that name instead (with --min-per-class)",
    )


def add_bert_options(parser, *, several=False):
    """Add the parameters of the classifier, or of one for each of `several` models."""
    group = parser.add_argument_group("BERT")
    group.add_argument(
        "--model",
        metavar="NAME",
        **({"action": "append"} if several else {}),
        help=_model_help(several=several).replace("%", "%%"),
    )
    group.add_argument(
        "--epochs",
        metavar="N",
        type=positive_int_or_auto,
        default="auto",
        help="passes over the training texts (default: %(default)s: 3, more where texts are few)",
    )
    group.add_argument(
        "--batch-size",
        metavar="N",
        type=positive_int_or_auto,
        default="auto",
        help="texts per step (default: %(default)s: 16 up to 1,000 texts, else 32)",
    )
    group.add_argument(
        "--max-length",
        metavar="N",
        type=positive_int,
        help="tokens kept of each text; fewer are faster (default: all that the model can read)",
    )
    group.add_argument(
        "--long-text",
        choices=sorted(BertTextClassifier._parameter_constraints["long_text"][0].options),
        default="head",
        help="what is read of a text longer than that: a part, or all of it in windows, which "
        "takes longer (default: %(default)s)",
    )
    group.add_argument(
        "--learning-rate",
        metavar="LR",
        type=learning_rate,
        default="auto",
        help="peak of the one-cycle policy (default: %(default)s, see BertTextClassifier)",
    )
    group.add_argument(
        "--device",
        metavar="D",
        default="auto",
        help="cpu, cuda, cuda:1, mps (default: %(default)s)",
    )
    group.add_argument(
        "--random-state",
        metavar="N",
        type=seed,
        default=0,
        help="seed of all that is random (default: %(default)s)",
    )
    group.add_argument("--quiet", action="store_true", help="no progress bar")


def _model_help(*, several):
    """Return the words on ``--model``."""
    words = f"hub name or local folder (default: {_default_model()}"
    words += f"; without PATH {PACKAGED_MODEL}" if several else ""
    words += f"); {PACKAGED_MODEL} is small and fast, and needs no network after "
    words += install_command("offline")
    return words + ("; may be repeated, and the verdict is on the best" if several else "")


def _default_model():
    """Return the model that the classifier takes if none is named."""
    return BertTextClassifier().model


def make_berts(args, *, regression=False):
    """Return the classifiers, or regressors, that the options describe: one for each model."""
    default = PACKAGED_MODEL if args.path is None else _default_model()
    models = args.model or [default]
    if twice := [model for model in models if models.count(model) > 1]:
        args.usage_error(f"argument --model: must name different models, got {twice[0]!r} twice")
    kind = BertTextRegressor if regression else BertTextClassifier
    berts = [_make_bert(args, model, kind) for model in models]
    return berts if len(berts) > 1 else berts[0]


def make_bert(args):
    """Return the classifier that the options describe."""
    return _make_bert(args, _default_model() if args.model is None else args.model)


def _make_bert(args, model, kind=BertTextClassifier):
    """Return the classifier or regressor of a model that the other options describe."""
    return kind(
        model,
        max_length=args.max_length,
        long_text=args.long_text,
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        device=args.device,
        random_state=args.random_state,
        verbose=0 if args.quiet else 1,
    )


def data_options(args, source, **defaults):
    """Return the options that `source` takes; exit if one is given that it does not take."""
    given = {name: getattr(args, name, None) for name in _DATA_OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in defaults:
            option = "--" + name.replace("_", "-")
            value = given[name]
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            got = "" if value is True else f", got {value!r}"
            args.usage_error(f"argument {option}: not for {source}{got}; leave it out")
    return defaults | given


def positive_int(text):
    """Return an argument as an int of at least 1."""
    if (value := _int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return value


def n_folds(text):
    """Return an argument as an int of at least 2."""
    if (value := _int(text)) < 2:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 2, got {text!r}; for one split, use --test-size"
        )
    return value


def _int(text):
    """Return an argument as an int, -1 if it is none that any option takes."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else -1


def separator(text):
    """Return an argument as the one character that separates fields."""
    text = _SEPARATORS.get(text, text)
    if len(text) != 1 or text in '"\r\n':
        raise argparse.ArgumentTypeError(f"must be one character, or tab, got {text!r}")
    return text


def seed(text):
    """Return an argument as an int that NumPy takes for a seed."""
    if not 0 <= (value := _int(text)) < 2**32:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 0 to 2**32 - 1, got {text!r}"
        )
    return value


def fraction(text):
    """Return an argument as a float between 0 and 1."""
    value = _float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, got {text!r}")
    return value


def positive_int_or_auto(text):
    """Return "auto", or a whole number above 0."""
    if text == "auto":
        return text
    try:
        return positive_int(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1, or 'auto', got {text!r}"
        ) from None


def learning_rate(text):
    """Return an argument as a finite float above 0, "auto" or "find"."""
    if text in ("auto", "find"):
        return text
    value = _float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(
            f"must be a number above 0, 'auto' or 'find', got {text!r}"
        )
    return value


def _float(text):
    """Return an argument as a float, NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
