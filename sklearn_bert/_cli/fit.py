"""The command ``fit``."""

from pathlib import Path
from time import perf_counter

import joblib

from .data import LABELLED_FORMATS, read_labelled
from .messages import counted
from .options import (
    add_bert_options,
    add_command,
    add_rare_options,
    add_reading_options,
    make_bert,
)
from .output import check_folder, check_target, is_pickle, replacing, size_in_mb
from .rare import without_rare

_DESCRIPTION = """\
Train BERT on labelled texts and write the classifier to a folder, for predict, or
for BertTextClassifier.from_pretrained in Python. The folder holds data alone: loading
one from a stranger runs no code of theirs. A NAME that ends in .joblib, .pkl or
.pickle is a file for joblib.load instead, which is to be loaded only where it is
trusted.

PATH is one of
  a table    .csv, .tsv, .json, .jsonl or .ndjson (also .gz, .bz2, .xz, .zst, .zip),
             .xlsx or .parquet, with columns of texts and of labels
  a folder   PATH/CLASS/*.txt; or PATH/train/CLASS/*.txt beside PATH/test/CLASS/*.txt:
             trained on the first, accuracy told on the second
  -          a table from standard input: CSV, or what --input-format says

In JSON lines each line is an object: {"text": "so good", "label": "pos"}
"""

_EPILOG = """\
examples:
  %(prog)s reviews.csv --text review --label stars --out stars
  %(prog)s aclImdb --out imdb --model distilbert-base-uncased --max-length 256
  %(prog)s pairs.tsv --text premise hypothesis --pair --out entails
  %(prog)s mails.csv --text title body --label joy anger --out feelings
  %(prog)s SMSSpamCollection --no-header --text 2 --label 1 --out spam
  zcat mails.jsonl.gz | %(prog)s - --input-format jsonl --out spam.joblib

All texts are trained on; to know first whether that is worth it, use compare.
Options, texts and NAME are checked before training begins, and NAME is written
whole or, after an error or Ctrl-C, not at all. One line goes to stdout, and one for
the texts of PATH/test; warnings and the progress bar go to stderr. Exit codes: 0, 1
after an error, 2 for wrong usage, 130 after Ctrl-C.
"""


def add_fit(commands):
    """Add the command ``fit``."""
    parser = add_command(
        commands,
        "fit",
        run=_fit,
        help="train BERT on labelled texts and write the classifier",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("path", nargs="?", metavar="PATH", help="see above; required")
    parser.add_argument(
        "--out",
        metavar="NAME",
        required=True,
        help="the folder to write, or the file, if it ends in .joblib, .pkl or .pickle",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace the model or the file if it is there"
    )
    group = parser.add_argument_group("data")
    add_reading_options(group, formats=LABELLED_FORMATS)
    add_rare_options(group)
    add_bert_options(parser)


def _fit(args):
    """Train, write the classifier, and tell what was done."""
    if args.path is None:
        args.usage_error("the following arguments are required: PATH")
    as_pickle = is_pickle(Path(args.out))
    target = (check_target if as_pickle else check_folder)(args.out, force=args.force)
    data = without_rare(read_labelled(args), args)
    start = perf_counter()
    bert = make_bert(args).fit(data.X, data.y)
    seconds = perf_counter() - start
    if as_pickle:
        with replacing(target) as stream:
            joblib.dump(bert, stream)
    else:
        bert.save_pretrained(target)
    kind = ("label", "labels") if bert.multilabel_ else ("class", "classes")
    print(
        f"{args.out} ({size_in_mb(target):,.1f} MB): {counted(len(data.X), 'text')} of "
        f"{counted(len(bert.classes_), *kind)}, {counted(bert.n_epochs_, 'epoch')} in "
        f"{seconds:,.1f} s",
        flush=True,  # ahead of the test, which takes a while
    )
    if data.X_test is not None:
        accuracy = bert.score(data.X_test, data.y_test)
        texts = counted(len(data.X_test), "text")
        print(f"accuracy on the {texts} of {args.path}/test: {accuracy:.3f}")
