"""
Find wrong labels
=================

The texts that a model gets most wrong, judged by one that has not seen them, are those whose labels
are most likely wrong. Here one label in eight is turned round on purpose.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from sklearn_bert import BertTextClassifier, load_docstrings, top_losses

texts, truth = load_docstrings(n_per_class=160, target="kind")
rng = np.random.default_rng(0)
wrong = np.zeros(len(texts), dtype=bool)
wrong[rng.choice(len(texts), len(texts) // 8, replace=False)] = True
labels = np.where(wrong, np.where(truth == "class", "function", "class"), truth)

# %%
bert = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=3, random_state=0)
tfidf = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
orders = {}
for name, model in {"BERT": bert, "TF-IDF": tfidf}.items():
    proba = cross_val_predict(model, texts, labels, cv=2, method="predict_proba")
    orders[name] = top_losses(None, texts, labels, proba=proba, n=len(texts))

# %%
# The worst five by BERT. Of which are the labels wrong?
worst = orders["BERT"].head(5)
worst.assign(turned=wrong[worst.index]).round(3)

# %%
# How many of the wrong labels are found among the first texts one looks at:
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, order in orders.items():
    ax.plot(np.arange(1, len(texts) + 1), wrong[order.index].cumsum(), label=name)
ax.plot([0, len(texts)], [0, wrong.sum()], color="#777777", linestyle=":", label="by chance")
ax.set(xlabel="texts looked at, worst first", ylabel="wrong labels found")
ax.legend()
