"""The command ``predict``."""

import csv
import io
import json
import sys
from contextlib import nullcontext
from time import perf_counter

import numpy as np

from .._text.probabilities import ProbabilitiesMixin
from .data import TEXT_FORMATS, find, read_unlabelled
from .load import innermost, load_model
from .messages import counted, tell
from .options import add_command, add_reading_options
from .output import check_target, replacing

# Predicted and written at once: enough for batches of similar length, few enough to be seen soon.
_ROWS_AT_ONCE = 2048
_DIGITS = 6  # of a probability

_DESCRIPTION = """\
Predict the label of each text by a classifier that fit has written, or a number by
a regressor.

MODEL is one of
  a folder   of fit, save_pretrained or export_onnx; nothing in it is run
  a file     of fit or joblib.dump, with any scikit-learn classifier or regressor of
             texts, such as a pipeline. Loading such a file can run any code that its
             author put into it: load only files you trust.

PATH is one of
  nothing, -   standard input, one text a line (an empty line is an empty text)
  lines        .txt (also .gz, .bz2, .xz, .zst, .zip), one text a line
  a table      .csv, .tsv, .json, .jsonl or .ndjson (also packed), .xlsx or .parquet,
               with a column of texts; if MODEL was fitted to pairs, with two
  a folder     all .txt files in it and in its folders, one text a file

Out come one row a text, in the same order, below a header: label; with --proba,
also proba_CLASS for each class; for a folder, first file. Numbers are called value
(or by the names of several targets, where they have some). If a text may have
several labels: for each of them a column of its name with 0 or 1, and proba_NAME
(label_NAME for NAME, if two columns would else have one name). No text, no row.
"""

_EPILOG = """\
examples:
  echo "what a waste of time" | %(prog)s imdb
  %(prog)s stars new.csv --text review --proba --out stars.csv
  zcat mails.jsonl.gz | %(prog)s spam.joblib --input-format jsonl --format jsonl
  %(prog)s imdb reviews/ --proba | head
  paste -d, texts.txt <(%(prog)s imdb texts.txt | tail -n +2)

Output is UTF-8, whatever the locale, and so is input, unless --encoding or a byte
order mark says otherwise; that of a CSV or TSV table is found out and told. Only rows
go to stdout; what is going on is told on stderr. Exit codes: 0, 1 after an error, 2
for wrong usage, 130 after Ctrl-C, 141 if who reads stdout stops reading, as head does.
"""


def add_predict(commands):
    """Add the command ``predict``."""
    parser = add_command(
        commands,
        "predict",
        run=_predict,
        help="predict the labels of texts by a classifier that was saved",
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
    group.add_argument("--quiet", action="store_true", help="tell of errors and warnings only")


def _predict(args):
    """Write a row for each text."""
    target = None if args.out in (None, "-") else check_target(args.out, force=args.force)
    find(args.path)  # before the model is loaded, which takes longer
    note = (lambda line: None) if args.quiet else tell
    note(f"loading {args.model!r}")
    model = load_model(args.model, proba=args.proba)
    data = read_unlabelled(args, getattr(innermost(model), "pairs_", None))
    note(f"predicting {counted(len(data.X), 'text')}")
    start = perf_counter()
    with nullcontext(_stdout()) if target is None else replacing(target) as stream:
        for piece in _pieces(args, model, data):
            stream.write(piece)
            stream.flush()
    where = "standard output" if target is None else repr(args.out)
    seconds = perf_counter() - start
    note(f"{counted(len(data.X), 'row')} in {seconds:,.1f} s: {where}")


def _stdout():
    """Return what takes the bytes of standard output."""
    if sys.stdout is None:
        raise ValueError("Standard output is closed; name a file by --out.")
    return sys.stdout.buffer


def _pieces(args, model, data):
    """Yield the output, some rows at a time."""
    names_json = (args.out or "").lower().endswith((".jsonl", ".ndjson"))
    as_csv = (args.format or ("jsonl" if names_json else "csv")) == "csv"
    columns = _columns(model, data, args.proba)
    if as_csv:
        yield _as_csv([columns])
    for start in range(0, len(data.X), _ROWS_AT_ONCE):
        rows = _predict_rows(model, data, slice(start, start + _ROWS_AT_ONCE), args.proba)
        yield _as_csv(rows) if as_csv else _as_json_lines(columns, rows)


def _has_several_labels(model):
    """Return whether a classifier gives an indicator of several labels."""
    return bool(getattr(innermost(model), "multilabel_", False))


def _columns(model, data, proba):
    """Return the names of the columns of the output, all of them different."""
    files = [] if data.files is None else ["file"]
    if not hasattr(model, "classes_"):
        return [*files, *_targets(model, data.X[:1])]
    names = [str(label) for label in model.classes_.tolist()]
    probabilities = [f"proba_{name}" for name in names] if proba else []
    if not _has_several_labels(model):
        return [*files, "label", *probabilities]
    if len({*files, *names, *probabilities}) < len(files) + len(names) + len(probabilities):
        names = [f"label_{name}" for name in names]
    return [*files, *names, *probabilities]


def _targets(regressor, texts):
    """Return the names of the numbers that a regressor gives for each text."""
    names = getattr(innermost(regressor), "target_names_", None)
    if names:
        return names
    n_targets = np.size(regressor.predict(texts)) if texts else 1
    return ["value"] if n_targets == 1 else [f"value_{n}" for n in range(1, n_targets + 1)]


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
    if probabilities is None or not isinstance(model, ProbabilitiesMixin):
        labels = model.predict(texts)
        labels = labels.toarray() if hasattr(labels, "toarray") else np.asarray(labels)
        return labels if hasattr(model, "classes_") else _rounded(labels)
    if model.multilabel_:
        return (probabilities > 0.5).astype(int)
    return model.classes_[probabilities.argmax(axis=1)]


def _rounded(numbers):
    """Return numbers with as many digits as are computed."""
    return np.array([float(f"{number:.7g}") for number in numbers.ravel()]).reshape(numbers.shape)


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
