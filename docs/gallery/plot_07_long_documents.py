"""
Long documents
==============

A model reads a limited number of tokens. ``long_text`` says what is read of a longer text: its
beginning, its end, or all of it in windows.
"""

import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sklearn_bert import BertTextClassifier, TextsCutWarning, load_docstrings

# %%
# Documents of six paragraphs. Only two of them, in the middle, are about the question (a class or a
# function?); the others are about anything.
texts, labels = load_docstrings(n_per_class=240, target="kind")
rng = np.random.default_rng(0)
order = rng.permutation(len(texts))
documents, answers = [], []
for kind in ("class", "function"):
    own = [texts[row] for row in order if labels[row] == kind]
    for first, second in zip(own[::2], own[1::2], strict=True):
        others = list(rng.choice(texts, 4, replace=False))
        documents.append(" ".join([*others[:2], first, second, *others[2:]]))
        answers.append(kind)
X_train, X_test, y_train, y_test = train_test_split(
    documents, answers, train_size=140, stratify=answers, random_state=0
)

# %%
rows = {}
for way in ("head", "tail", "windows"):
    clf = BertTextClassifier(
        "sentence-transformers/all-MiniLM-L6-v2",
        max_length=48,
        long_text=way,
        epochs=3,
        random_state=0,
    )
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextsCutWarning)  # that is the question here
        clf.fit(X_train, y_train)
    rows[way] = {"fit, s": perf_counter() - start, "accuracy": clf.score(X_test, y_test)}

# %%
table = pd.DataFrame(rows).T
table.round(3)

# %%
figure, axes = plt.subplots(1, 2, figsize=(7, 2.5), layout="constrained")
for ax, column in zip(axes, table, strict=True):
    ax.barh(list(table.index), table[column], color="#0072B2")
    ax.set_xlabel(column)
