"""
Text beside numbers
===================

A table with a column of text and columns of numbers, in one pipeline: the text as vectors, the
numbers scaled.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_bert import BertTextEmbedder, load_docstrings

texts, labels = load_docstrings(n_per_class=150, target="kind")
frame = pd.DataFrame({"text": texts})
frame["words"] = frame["text"].str.split().str.len()
frame["commas"] = frame["text"].str.count(",")
frame["capitals"] = frame["text"].str.count("[A-Z]")
frame.head()

# %%
# Numbers alone, text alone, and both:
vectors = BertTextEmbedder("sentence-transformers/all-MiniLM-L6-v2")
numbers = ["words", "commas", "capitals"]
parts = {
    "numbers": [("numbers", StandardScaler(), numbers)],
    "text": [("text", vectors, "text")],
    "both": [("text", vectors, "text"), ("numbers", StandardScaler(), numbers)],
}
scores = {}
for name, columns in parts.items():
    model = make_pipeline(ColumnTransformer(columns), LogisticRegression(C=3, max_iter=1000))
    scores[name] = cross_val_score(model, frame, labels, cv=3)

# %%
figure, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
for row, values in enumerate(scores.values()):
    ax.scatter(values, [row] * len(values), color="#0072B2", alpha=0.5)
    ax.scatter(values.mean(), row, color="#D55E00", marker="|", s=300)
ax.set_yticks(range(len(scores)), list(scores))
ax.set_xlabel("accuracy of three folds, and their mean")
