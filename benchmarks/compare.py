"""Is BERT worth it? `compare` on real sets, and how good its forecast of the cost was.

    python benchmarks/compare.py --data DIR --sets sst2_sentences:2000 sms_spam ag_news:2000

Each set is ``DIR/NAME/train.csv.gz`` with the columns ``text`` and ``label``; NAME:ROWS takes the
first ROWS only. For each set, table and verdict are printed, and at the end one table with the
forecast beside what the folds of BERT took. With ``--html DIR`` the reports are written there, with
``--figures DIR`` the plots; ``--learning-curve`` learns on parts of the rows too.
"""

import argparse
import datetime
import platform
from pathlib import Path

import pandas as pd
import sklearn
import torch
import transformers
from matplotlib.figure import Figure

import sklearn_bert
from sklearn_bert import BertTextClassifier, compare


def load(folder, name):
    """Return the training rows of a set."""
    name, _, rows = name.partition(":")
    path = folder / name / "train.csv.gz"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.head(int(rows)) if rows else frame


def draw(found, path, learning_curve):
    """Save the plots of a comparison side by side."""
    kinds = ("cost", "learning_curve") if learning_curve else ("cost",)
    figure = Figure(figsize=(7 * len(kinds), 3.6), layout="constrained")
    for kind, ax in zip(kinds, figure.subplots(1, len(kinds), squeeze=False)[0], strict=True):
        found.plot(kind, ax=ax)
    figure.savefig(path, dpi=110)


def run(args, name):
    """Compare on one set, and return the row of the last table."""
    frame = load(args.data, name)
    bert = BertTextClassifier(
        args.model, epochs=args.epochs or "auto", max_length=args.max_length, random_state=0
    )
    found = compare(
        frame["text"],
        frame["label"],
        cv=args.cv,
        bert=bert,
        learning_curve=args.learning_curve,
        random_state=0,
        verbose=0,
    )
    print(f"\n{name}, {len(frame):,} rows, {args.cv} folds\n\n{found}", flush=True)
    stem = name.replace(":", "_")
    if args.html:
        found.to_html(args.html / f"{stem}.html")
    if args.figures:
        draw(found, args.figures / f"{stem}.png", args.learning_curve)
    folds = found.folds_[found.folds_["model"] == found.bert_]
    cells = []
    for part in ("fit", "predict"):
        seconds = folds[f"{part}_seconds"]
        forecast = pd.Series(getattr(found.forecast_, f"{part}_seconds"))
        cells += [f"{forecast.sum():.1f}", f"{seconds.sum():.1f}"]
    total = folds["fit_seconds"].sum() + folds["predict_seconds"].sum()
    cells += [f"{found.forecast_.seconds / total:.2f}", f"{found.forecast_.probe_seconds:.1f}"]
    return [name, *cells]


def main():
    """Run the sets in turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", required=True, metavar="NAME[:ROWS]")
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--epochs", type=int, help="default: as many as the classifier finds")
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--cv", type=int, default=5)
    parser.add_argument("--html", type=Path, help="folder for the reports")
    parser.add_argument("--figures", type=Path, help="folder for the plots")
    parser.add_argument("--learning-curve", action="store_true")
    args = parser.parse_args()
    rows = [run(args, name) for name in args.sets]
    headings = ("set", "fit s, forecast", "fit s", "predict s, forecast", "predict s")
    print("\n| " + " | ".join((*headings, "forecast / real", "probe s")) + " |")
    print("|---|" + "---:|" * 6)
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(
        f"\n{datetime.date.today()}, sklearn_bert {sklearn_bert.__version__}, torch "
        f"{torch.__version__}, transformers {transformers.__version__}, scikit-learn "
        f"{sklearn.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} "
        "threads"
    )


if __name__ == "__main__":
    main()
