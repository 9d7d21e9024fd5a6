"""
A fast student
==============

``distill`` trains a small network on BERT's answers to texts that need no labels. It predicts
hundreds of times as fast, without torch. How much of BERT's lead over TF-IDF is left?
"""

from time import process_time

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_bert import BertTextClassifier, load_docstrings

texts, labels = load_docstrings(n_per_class=600, target="kind")
X_train, y_train = texts[:200], labels[:200]
X_unlabelled = texts[200:800]
X_test, y_test = texts[800:], labels[800:]

svm = make_pipeline(TfidfVectorizer(sublinear_tf=True), LinearSVC())
svm.fit(X_train, y_train)
bert = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=4, random_state=0)
bert.fit(X_train, y_train)

# %%
# BERT answers all texts first, which takes longest:
student = bert.distill(X_train + X_unlabelled, random_state=0)

# %%
# Each one has learnt from the same 200 labels:
rows = {}
for name, model in {"TF-IDF + SVM": svm, "student": student, "BERT": bert}.items():
    start = process_time()
    accuracy = model.score(X_test, y_test)
    seconds = process_time() - start
    rows[name] = {"accuracy": accuracy, "texts a second": round(len(X_test) / seconds)}
table = pd.DataFrame(rows).T
table.round(3)

# %%
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.scatter(table["texts a second"], table["accuracy"], color="#0072B2")
for name, row in table.iterrows():
    at = (row["texts a second"], row["accuracy"])
    ax.annotate(name, at, (0, 8), textcoords="offset points", ha="center")
ax.set_xscale("log")
ax.margins(x=0.2, y=0.3)
ax.set(xlabel="texts a second, one core", ylabel="accuracy")
