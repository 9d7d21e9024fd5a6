"""Finding wrong labels: how many of the texts with the highest out-of-fold loss have one.

    python benchmarks/label_noise.py --data DIR --set ag_news:5000

``DIR/NAME/train.csv.gz`` has the columns ``text``, ``label`` (taken for right) and ``label_noisy``.
Each model learns the noisy labels in folds; `top_losses` ranks the texts by the probability that
their noisy label was given by a model that had not seen them. Precision at n is the share of the n
worst whose noisy label is not the right one.
"""

import argparse
import datetime
import platform
import time
from pathlib import Path

import pandas as pd
import sklearn
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

import sklearn_bert
from sklearn_bert import BertTextClassifier, top_losses

RANKS = (100, 500)


def main():
    """Print one row a model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--set", default="ag_news", metavar="NAME[:ROWS]")
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--folds", type=int, default=3)
    args = parser.parse_args()
    name, _, n_rows = args.set.partition(":")
    table = pd.read_csv(args.data / name / "train.csv.gz", dtype=str, keep_default_na=False)
    table = table.head(int(n_rows)) if n_rows else table
    wrong = (table["label"] != table["label_noisy"]).to_numpy()
    tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    models = {
        "TF-IDF + logistic regression": make_pipeline(
            tfidf, LogisticRegression(C=10, max_iter=1000)
        ),
        "sklearn-bert": BertTextClassifier(args.model, epochs=args.epochs, random_state=0),
    }
    print(
        f"{name}: {len(table):,} rows, {wrong.sum():,} wrong labels ({100 * wrong.mean():.1f} %); "
        f"{args.folds} folds, {args.epochs} epochs, seed 0\n"
    )
    print("| model | " + " | ".join(f"precision at {rank} %" for rank in RANKS) + " | seconds |")
    print("|---|" + "---:|" * (len(RANKS) + 1))
    for title, model in models.items():
        start = time.perf_counter()
        folds = StratifiedKFold(args.folds, shuffle=True, random_state=0)
        X, y = table["text"].tolist(), table["label_noisy"].tolist()
        proba = cross_val_predict(model, X, y, cv=folds, method="predict_proba")
        worst = top_losses(None, X, y, proba=proba, n=max(RANKS)).index
        cells = [f"{100 * wrong[worst[:rank]].mean():.1f}" for rank in RANKS]
        cells.append(f"{time.perf_counter() - start:.0f}")
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)
    print(
        f"\n{datetime.date.today()}, sklearn_bert {sklearn_bert.__version__}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}, Python "
        f"{platform.python_version()}"
    )


if __name__ == "__main__":
    main()
