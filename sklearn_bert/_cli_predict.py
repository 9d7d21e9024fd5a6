"""The command ``predict``."""

import csv
import io
import json
import sys
from contextlib import nullcontext
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ._cli_data import TEXT_FORMATS, read_unlabelled
from ._cli_options import add_command, add_reading_options
from ._cli_output import check_target, replacing
from .classifier import BertTextClassifier

# Predicted and written at once: enough for batches of similar length, few enough to be seen soon.
_ROWS_AT_ONCE = 2048
_DIGITS = 6  # of a probability

_DESCRIPTION = """\
Predict the label of each text by a classifier that fit has written.

MODEL is a file of fit, or any scikit-learn classifier of texts, such as a pipeline,
that joblib.dump has written, or a folder of BertTextClassifier.save_pretrained.
Loading such a file can run any code that its author put into it: load only files
you trust. A folder runs none.

PATH is one of
  nothing, -   standard input, one text a line (an empty line is an empty text)
  lines        .txt (also .gz, .bz2, .xz, .zst, .zip), one text a line
  a table      .csv, .tsv, .json, .jsonl or .ndjson (also packed), .xlsx or .parquet,
               with a column of texts; if MODEL was fitted to pairs, with two
  a folder     all .txt files in it and in its folders, one text a file

Out come one row a text, in the same order, below a header: label; with --proba,
also proba_CLASS for each class; for a folder, first file. If a text may have
several labels: for each of them a column of its name with 0 or 1, and proba_NAME
(label_NAME for NAME, if two columns would else have one name). No text, no row.
"""

_EPILOG = """\
examples:
  echo "what a waste of time" | %(prog)s imdb.joblib
  %(prog)s stars.joblib new.csv --text review --proba --out stars.csv
  zcat mails.jsonl.gz | %(prog)s spam.joblib --input-format jsonl --format jsonl
  %(prog)s imdb.joblib reviews/ --proba | head
  paste -d, texts.txt <(%(prog)s imdb.joblib texts.txt | tail -n +2)

Output is UTF-8, whatever the locale, and so is input, unless --encoding or a byte
order mark says otherwise; that of a CSV or TSV table is found out and told. Only rows
go to stdout, all else to stderr. Exit codes: 0, 1 after an error, 2 for wrong usage,
130 after Ctrl-C, 141 if who reads stdout stops reading, as head does.
"""


def add_predict(commands):
    """Add the command ``predict``."""
    parser = add_command(
        commands,
        "predict",
        run=_predict,
        help="predict the labels of texts by a classifier that fit has written",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("model", metavar="MODEL", help="see above; load only files you trust")
    parser.add_argument("path", nargs="?", metavar="PATH", help="see above")
    add_reading_options(parser.add_argument_group("data"), label=False, formats=TEXT_FORMATS)
    group = parser.add_argument_group("output")
    group.add_argument("--proba", action="store_true", help="the probability of each class too")
    group.add_argument(
        "--format",
        choices=("csv", "jsonl"),
        help="of the output (default: jsonl if FILE ends in .jsonl or .ndjson, else csv)",
    )
    group.add_argument("--out", metavar="FILE", help="the file to write (default: stdout)")
    group.add_argument("--force", action="store_true", help="replace FILE if it is there")
    group.add_argument("--quiet", action="store_true", help="no word when a terminal is read")


def _predict(args):
    """Write a row for each text."""
    target = None if args.out in (None, "-") else check_target(args.out, force=args.force)
    model = _load_model(args.model, args.proba)
    data = read_unlabelled(args, getattr(_innermost(model), "pairs_", None))
    names_json = target is not None and target.suffix.lower() in (".jsonl", ".ndjson")
    form = args.format or ("jsonl" if names_json else "csv")
    columns = _columns(model, data, args.proba)
    with nullcontext(sys.stdout.buffer) if target is None else replacing(target) as stream:
        if form == "csv":
            stream.write(_as_csv([columns]))
        for start in range(0, len(data.X), _ROWS_AT_ONCE):
            rows = _predict_rows(model, data, slice(start, start + _ROWS_AT_ONCE), args.proba)
            stream.write(_as_csv(rows) if form == "csv" else _as_json_lines(columns, rows))
            stream.flush()


def _load_model(name, proba):
    """Return the classifier in a file, checked for what it is going to be asked."""
    path = Path(name).expanduser()
    if path.is_dir():
        return BertTextClassifier.from_pretrained(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"MODEL must name a file or a folder, and there is neither at {name!r}."
        )
    try:
        model = joblib.load(path)
    except Exception as error:  # whatever unpickling a file of another kind comes to
        # What is not installed here is of use to know; what breaks in any other file is not.
        lacking = f" ({error})" if isinstance(error, (ImportError, AttributeError)) else ""
        raise ValueError(
            f"MODEL must be a file that fit or joblib.dump has written, and {name!r} cannot be "
            f"loaded{lacking}; make one by fit."
        ) from error
    if not (isinstance(model, BaseEstimator) and is_classifier(model)):
        raise ValueError(
            f"MODEL must hold a classifier, and {name!r} holds an object of type "
            f"{type(model).__name__}; make one by fit."
        )
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise ValueError(
            f"MODEL must hold a fitted classifier, and the {type(model).__name__} in {name!r} is "
            "not fitted; make one by fit."
        ) from None
    if not isinstance(getattr(model, "classes_", None), np.ndarray):
        raise ValueError(
            f"MODEL must hold a classifier with one array of classes_, and the "
            f"{type(model).__name__} in {name!r} has none; make one by fit."
        )
    if proba and not hasattr(model, "predict_proba"):
        raise ValueError(
            f"--proba needs a classifier with predict_proba, and the {type(model).__name__} in "
            f"{name!r} has none; leave it out."
        )
    return model


def _innermost(model):
    """Return the classifier at the end of pipelines and searches."""
    while True:
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif hasattr(model, "steps"):
            model = model.steps[-1][1]
        else:
            return model


def _has_several_labels(model):
    """Return whether a classifier gives an indicator of several labels."""
    return bool(getattr(_innermost(model), "multilabel_", False))


def _columns(model, data, proba):
    """Return the names of the columns of the output, all of them different."""
    files = [] if data.files is None else ["file"]
    names = [str(label) for label in model.classes_.tolist()]
    probabilities = [f"proba_{name}" for name in names] if proba else []
    if not _has_several_labels(model):
        return [*files, "label", *probabilities]
    if len({*files, *names, *probabilities}) < len(files) + len(names) + len(probabilities):
        names = [f"label_{name}" for name in names]
    return [*files, *names, *probabilities]


def _predict_rows(model, data, rows, proba):
    """Return the values of the columns for some texts, a list a text."""
    texts = data.X[rows]
    files = [[]] * len(texts) if data.files is None else [[file] for file in data.files[rows]]
    probabilities = np.asarray(model.predict_proba(texts)) if proba else np.empty((len(texts), 0))
    labels = _labels(model, texts, probabilities if proba else None)
    rounded = probabilities.round(_DIGITS).tolist()
    columns = zip(files, labels.reshape(len(texts), -1).tolist(), rounded, strict=True)
    return [[*file, *label, *values] for file, label, values in columns]


def _labels(model, texts, probabilities):
    """Return the labels, from the probabilities where these decide and are known."""
    if probabilities is None or not isinstance(model, BertTextClassifier):
        labels = model.predict(texts)
        return labels.toarray() if hasattr(labels, "toarray") else np.asarray(labels)
    if model.multilabel_:
        return (probabilities > 0.5).astype(int)
    return model.classes_[probabilities.argmax(axis=1)]


def _as_csv(rows):
    """Return rows as lines of a CSV file."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _as_json_lines(columns, rows):
    """Return rows as objects, one a line."""
    lines = [
        json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n" for row in rows
    ]
    return "".join(lines).encode("utf-8", "surrogateescape")
