"""
A table with skrub
==================

skrub's ``TableVectorizer`` looks at each column and chooses how to read it. Give it
``BertTextEmbedder`` for the columns of text, and a messy table becomes numbers.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from skrub import StringEncoder, TableVectorizer

from sklearn_bert import BertTextEmbedder, load_docstrings

texts, labels = load_docstrings(n_per_class=150, target="kind")
rng = np.random.default_rng(0)
frame = pd.DataFrame({"description": texts})
frame["words"] = frame["description"].str.split().str.len()
frame["checked"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(
    rng.integers(0, 300, len(texts)), "D"
)
frame["reviewer"] = rng.choice(["Ann", "Bob", "Cem"], len(texts))
frame.head()

# %%
# The same table with skrub's own encoder of strings, and with BERT's vectors:
encoders = {
    "StringEncoder": StringEncoder(random_state=0),
    "BertTextEmbedder": BertTextEmbedder("sentence-transformers/all-MiniLM-L6-v2"),
}
scores = {}
for name, encoder in encoders.items():
    model = make_pipeline(
        TableVectorizer(high_cardinality=encoder), LogisticRegression(max_iter=2000)
    )
    scores[name] = cross_val_score(model, frame, labels, cv=3)
pd.DataFrame(scores).describe().loc[["mean", "std"]].T.round(3)

# %%
figure, ax = plt.subplots(figsize=(6, 2), layout="constrained")
for row, values in enumerate(scores.values()):
    ax.scatter(values, [row] * len(values), color="#0072B2")
ax.set_yticks(range(len(scores)), list(scores))
ax.set(xlabel="accuracy of three folds", ylim=(-0.5, 1.5))
