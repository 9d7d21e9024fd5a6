"""The command ``compare``."""

import math
import sys
from contextlib import redirect_stdout
from pathlib import Path
from textwrap import fill, shorten
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import ShuffleSplit, train_test_split

from .._install import PACKAGED_MODEL
from ..comparison import compare
from ..datasets import load_docstrings
from .data import LABELLED_FORMATS, Labelled, read_labelled
from .messages import InWords, counted
from .options import (
    add_bert_options,
    add_command,
    add_rare_options,
    add_reading_options,
    data_options,
    fraction,
    make_berts,
    n_folds,
    positive_int,
)
from .output import check_target, replacing
from .phrases import translate
from .rare import without_rare
from .task import read_numbers

_DESCRIPTION = """\
Is BERT worth it on these texts? Train cheap models (TF-IDF with logistic
regression and with a linear SVM, naive-Bayes SVM, static embeddings, frozen BERT)
and then BERT on the same texts, judge all on the same held-out texts, and say in one
sentence what BERT gains, how sure that is, and what it costs. Before BERT is trained,
a probe tells how long that is going to take; Ctrl-C keeps what is done.

PATH is one of
  a table    .csv, .tsv, .json, .jsonl or .ndjson (also .gz, .bz2, .xz, .zst, .zip),
             .xlsx or .parquet, with columns of texts or pairs of texts, and of labels
             or numbers
  a folder   PATH/CLASS/*.txt, or PATH/train/CLASS/*.txt beside PATH/test/CLASS/*.txt
  -          a table from standard input: CSV, or what --input-format says
  nothing    a demonstration on what is installed: does a docstring of a Python package
             describe a class or a function?
"""

_EPILOG = """\
examples:
  %(prog)s --test-size 0.25
  %(prog)s reviews.csv --text review --label stars --html report.html
  %(prog)s reviews.csv --text review --label stars --preview
  %(prog)s reviews.csv --groups author --scoring f1_macro --budget 30min
  %(prog)s aclImdb --max-length 256
  %(prog)s aclImdb --model distilbert-base-uncased --model roberta-base
  %(prog)s mails/ --encoding latin-1 --cv 3 --epochs 5 --learning-curve
  %(prog)s pairs.tsv --text premise hypothesis --pair
  %(prog)s mails.csv --text title body --label joy anger
  %(prog)s reviews.csv --text review --label stars --task regression

The result goes to stdout; what is done so far, the forecast and the progress bar go
to stderr. Nothing is written to disk but what --html and --json ask for, except
that a model from the hub is kept in the Hugging Face cache. Exit codes: 0, 1 after
an error, of BERT's too, 2 for wrong usage, 130 after Ctrl-C.
"""


class _Source(NamedTuple):
    """What to compare on, and how; `name` is what the reader knows it by.

    `y` is a frame with a column for each of several labels; `is_numbers` is whether it holds none.
    """

    X: list
    y: object
    cv: object
    groups: list | None
    name: str
    is_numbers: bool = False


def add_compare(commands):
    """Add the command ``compare``."""
    parser = add_command(
        commands,
        "compare",
        run=_compare,
        help="is BERT worth it on these texts? compare it with cheaper models",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("path", nargs="?", metavar="PATH", help="see above")
    group = parser.add_argument_group("data")
    add_reading_options(group, formats=LABELLED_FORMATS)
    group.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="whether the column of labels holds labels or numbers (default: labels, unless all "
        "are numbers and some are not whole)",
    )
    add_rare_options(group)
    group.add_argument(
        "--groups",
        metavar="COL",
        help="column of groups, such as authors, whose texts stay on one side (table)",
    )
    group.add_argument(
        "--n-per-class",
        metavar="N",
        type=positive_int,
        help="most texts a class (demonstration; default: 1000)",
    )
    _add_judging_options(parser)
    add_bert_options(parser, several=True)


def _add_judging_options(parser):
    """Add how the models are judged, and what is told of it."""
    group = parser.add_argument_group("judging")
    split = group.add_mutually_exclusive_group()
    split.add_argument(
        "--cv",
        metavar="N",
        type=n_folds,
        help="stratified folds to judge on in turn (default: 5)",
    )
    split.add_argument(
        "--test-size",
        metavar="F",
        type=fraction,
        help="judge on one split instead, on that fraction of the texts: faster, and less sure",
    )
    group.add_argument(
        "--scoring",
        metavar="NAMES",
        type=lambda names: names.split(","),
        help="scikit-learn's scorers with commas between, of which the first decides (default: "
        "accuracy; of several labels f1_micro,f1_macro; of numbers r2)",
    )
    group.add_argument(
        "--pos-label",
        metavar="LABEL",
        help="of two labels, the one that f1, precision, recall and the like are about",
    )
    group.add_argument(
        "--drop",
        metavar="MODEL",
        action="append",
        default=[],
        help="leave out a cheap model, by its name in the table; may be repeated",
    )
    group.add_argument(
        "--budget",
        metavar="TIME",
        help="start nothing that would not end within it, such as 90s, 10min or 1h30min",
    )
    group.add_argument(
        "--learning-curve",
        action="store_true",
        help="train on fewer texts too: from how many on does BERT pay?",
    )
    group.add_argument(
        "--preview",
        action="store_true",
        help="fit BERT to a few texts only: what is it going to gain, and from how many texts on?",
    )
    group.add_argument(
        "--tune",
        action="store_true",
        help="tune the models a little inside each training part: C of the linear ones, learning "
        "rate and epochs of BERT, which takes five times as long",
    )
    group.add_argument("--html", metavar="FILE", help="write a report to read and to pass on")
    group.add_argument("--json", metavar="FILE", help="write the figures")
    group.add_argument("--force", action="store_true", help="replace the files if they are there")


def _compare(args):
    """Print the data, the table and the verdict, and write what was asked for."""
    targets = {
        option: check_target(getattr(args, option), option=f"--{option}", force=args.force)
        for option in ("html", "json")
        if getattr(args, option) is not None
    }
    make_berts(args)  # before anything is read: what is wrong with them is told at once
    source = _load(args)
    bert = make_berts(args, regression=source.is_numbers)
    more = {} if args.pos_label is None else {"pos_label": _pos_label(args.pos_label, source)}
    print(f"{_told(source)}, {_describe(source)}: {source.name}\n", flush=True)
    with redirect_stdout(InWords(sys.stderr, vars(args))):
        found = compare(
            source.X,
            source.y,
            cv=source.cv,
            groups=source.groups,
            scoring=args.scoring,
            estimators=dict.fromkeys(args.drop, "drop"),
            bert=bert,
            budget=args.budget,
            learning_curve=args.learning_curve,
            preview=args.preview,
            tune=args.tune,
            random_state=args.random_state,
            verbose=0 if args.quiet else 1,
            **more,
        )
    print("\n".join(translate(line, vars(args)) for line in str(found).split("\n")))
    for sentence in found.advice_:
        print(fill(sentence, 79))
    for option, target in targets.items():
        with replacing(target) as stream:
            write = found.to_html if option == "html" else found.to_json
            stream.write(write(data_name=_data_name(args, source)).encode())
    _raise_last_error(found)


def _told(source):
    """Return how many texts there are, and what there is to predict of them."""
    is_pairs = isinstance(source.X[0], tuple)
    texts = counted(len(source.X), *(("pair", "pairs") if is_pairs else ("text",)))
    if source.is_numbers:
        return f"{texts} with numbers from {source.y.min():g} to {source.y.max():g}"
    if np.ndim(source.y) > 1:
        return f"{texts} of {counted(source.y.shape[1], 'label')}, several a text"
    return f"{texts} of {counted(len(set(source.y.tolist())), 'class', 'classes')}"


def _data_name(args, source):
    """Return what files call the data: without the folders around it, since they are passed on."""
    return source.name if args.path in (None, "-") else Path(args.path).resolve().name


def _introduce(models):
    """Print what the demonstration runs on."""
    print(
        "A demonstration, since no PATH was given, on docstrings and a model that are\n"
        f"installed: {', '.join(models)}.\n"
        "Of your own texts: python -m sklearn_bert compare PATH (see --help).\n",
        flush=True,
    )


def _show_classes(X, y):
    """Print the question of the demonstration, and for each class a text that fits a line."""
    print("Does a docstring describe a class or a function? For example:")
    for label in np.unique(y).tolist():
        texts = sorted((X[row] for row in np.flatnonzero(y == label)), key=len)
        print(f"  {label:<10}{shorten(texts[len(texts) // 4], 66, placeholder=' ...')}")
    print()


def _pos_label(text, source):
    """Return the label that a text on the command line stands for."""
    if source.is_numbers or np.ndim(source.y) > 1:
        raise ValueError("--pos-label is for one column of two labels; leave it out.")
    labels = {str(label): label for label in np.unique(source.y).tolist()}
    if text not in labels:
        raise ValueError(f"--pos-label must be one of the labels, {list(labels)!r}, got {text!r}.")
    return labels[text]


def _load(args):
    """Return what PATH holds, and the folds."""
    if args.path is None:
        options = data_options(args, "the demonstration", n_per_class=1000)
        _introduce(args.model or [PACKAGED_MODEL])
        data = Labelled(*load_docstrings(**options, random_state=args.random_state, target="kind"))
        _show_classes(data.X, data.y)
        name = "docstrings of installed packages"
    else:
        data, name = read_labelled(args), "standard input" if args.path == "-" else args.path
    if (numbers := read_numbers(data, args)) is not None:
        folds = _folds(args, data.X, numbers, stratified=False)
        return _Source(data.X, numbers, folds, data.groups, name, is_numbers=True)
    data = without_rare(data, args)
    if data.X_test is None:
        folds = _folds(args, data.X, data.y, stratified=np.ndim(data.y) == 1)
        return _Source(data.X, data.y, folds, data.groups, name)
    for option in ("cv", "test_size"):
        if (value := getattr(args, option)) is not None:
            args.usage_error(
                f"argument --{option.replace('_', '-')}: not for a folder that is split into "
                f"train and test, got {value!r}; leave it out"
            )
    n_train, n_test = len(data.X), len(data.X_test)
    split = [(np.arange(n_train), n_train + np.arange(n_test))]
    return _Source(data.X + data.X_test, np.append(data.y, data.y_test), split, None, name)


def _folds(args, X, y, *, stratified):
    """Return the number of folds, or the one split that is asked for."""
    if args.test_size is None:
        return 5 if args.cv is None else args.cv
    if not stratified:
        split = ShuffleSplit(1, test_size=args.test_size, random_state=args.random_state)
        return list(split.split(X))
    labels, counts = np.unique(y, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            "Each class must have at least 2 texts, one to train on and one to judge on, and "
            f"{labels[counts.argmin()].item()!r} has one; add texts of it, leave it out by "
            "--min-per-class 2, or name another column by --label."
        )
    n_test = math.ceil(args.test_size * len(X))
    if min(n_test, len(X) - n_test) < len(labels):
        raise ValueError(
            f"--test-size must put a text of each of the {len(labels):,} classes on either side, "
            f"got {args.test_size:g} of {len(X):,} texts; choose a number nearer to 0.5, or add "
            "texts."
        )
    rows = np.arange(len(X))
    split = train_test_split(
        rows, test_size=args.test_size, stratify=y, random_state=args.random_state
    )
    return [tuple(split)]


def _describe(source):
    """Return what is trained and judged on."""
    if isinstance(source.cv, int):
        return counted(source.cv, "fold")
    ((train, test),) = source.cv
    return f"{len(train):,} to train on and {len(test):,} to judge on"


def _raise_last_error(found):
    """End with the exit code of a Ctrl-C, or of BERT's error."""
    if found.interrupted_:
        raise KeyboardInterrupt
    row = next((row for row in found.rows_ if row["model"] == found.bert_), None)
    if row is not None and not row["n_folds"]:
        raise ValueError(found.verdict_)
