"""
Cheaper fits
============

Train all of BERT, its upper half, only its head, or nothing of it: what each costs and gains.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_bert import BertTextClassifier, BertTextEmbedder, load_docstrings

texts, labels = load_docstrings(n_per_class=200, target="kind")
X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=200, stratify=labels, random_state=0
)
name = "sentence-transformers/all-MiniLM-L6-v2"
shared = {"epochs": 4, "random_state": 0}
models = {
    "all layers": BertTextClassifier(name, **shared),
    "freeze=3": BertTextClassifier(name, freeze=3, **shared),
    'freeze="all"': BertTextClassifier(name, freeze="all", **shared),
    "vectors + logistic regression": make_pipeline(
        BertTextEmbedder(name), StandardScaler(), LogisticRegression(C=0.03)
    ),
}
rows = {}
for title, model in models.items():
    start = perf_counter()
    model.fit(X_train, y_train)
    rows[title] = {"fit, s": perf_counter() - start, "accuracy": model.score(X_test, y_test)}
table = pd.DataFrame(rows).T
table.round(3)

# %%
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.scatter(table["fit, s"], table["accuracy"], color="#0072B2")
for title, row in table.iterrows():
    ax.annotate(title, (row["fit, s"], row["accuracy"]), (6, 4), textcoords="offset points")
ax.margins(x=0.4, y=0.2)
ax.set_xlim(left=0)
ax.set(xlabel="seconds of the fit", ylabel="accuracy")
