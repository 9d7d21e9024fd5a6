"""
Sets of labels that hold the truth
==================================

MAPIE makes conformal sets: with a confidence of 90 %, nine of ten sets hold the right label,
whatever the model. A set of several labels says "I do not know".
"""

import matplotlib.pyplot as plt
import numpy as np
from mapie.classification import SplitConformalClassifier
from sklearn.model_selection import train_test_split

from sklearn_bert import BertTextClassifier, load_docstrings

texts, labels = load_docstrings(n_per_class=140)
kept = np.isin(labels, sorted(set(labels))[:4])
X, y = np.array(texts)[kept], labels[kept]
X_train, X_rest, y_train, y_rest = train_test_split(
    X, y, train_size=200, stratify=y, random_state=0
)
X_calib, X_test, y_calib, y_test = train_test_split(
    X_rest, y_rest, train_size=0.5, stratify=y_rest, random_state=0
)
clf = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=5, random_state=0)
clf.fit(X_train, y_train)

# %%
levels = [0.7, 0.8, 0.9, 0.95]
conformal = SplitConformalClassifier(clf, confidence_level=levels, prefit=True)
conformal.conformalize(X_calib, y_calib)
_, sets = conformal.predict_set(X_test)
truth = np.searchsorted(clf.classes_, y_test)
coverage = sets[np.arange(len(X_test)), truth].mean(axis=0)
size = sets.sum(axis=1).mean(axis=0)

# %%
# The promise holds on average over many sets of calibration texts; with so few of them, single
# figures are off by some points. More confidence costs larger sets:
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
axes[0].plot([0.65, 1], [0.65, 1], color="#777777", linestyle=":")
axes[0].plot(levels, coverage, marker="o", color="#0072B2")
axes[0].set(xlabel="confidence asked for", ylabel="sets that hold the truth")
axes[1].plot(levels, size, marker="o", color="#D55E00")
axes[1].set(xlabel="confidence asked for", ylabel="labels in a set, mean")
