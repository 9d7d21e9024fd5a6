"""
Choose the threshold
====================

Where a missed case costs five times as much as a false alarm, 0.5 is the wrong threshold.
scikit-learn's ``TunedThresholdClassifierCV`` finds the right one.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import confusion_matrix, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split

from sklearn_bert import BertTextClassifier, load_docstrings

# One text in five describes a class.
texts, labels = load_docstrings(n_per_class=300, target="kind")
rows = np.r_[np.flatnonzero(labels == "function"), np.flatnonzero(labels == "class")[:75]]
X, y = [texts[row] for row in rows], labels[rows]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=180, stratify=y, random_state=0
)


def gain(y_true, y_pred, pos_label="class"):
    """Return minus the cost of a text: a class that is missed costs 5, a false alarm 1."""
    counts = confusion_matrix(y_true == pos_label, y_pred == pos_label, labels=[False, True])
    return -(5 * counts[1, 0] + counts[0, 1]) / counts.sum()


# %%
clf = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=4, random_state=0)
tuned = TunedThresholdClassifierCV(
    clf, scoring=make_scorer(gain, pos_label="class"), cv=3, store_cv_results=True, random_state=0
)
tuned.fit(X_train, y_train)

# %%
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(tuned.cv_results_["thresholds"], -tuned.cv_results_["scores"])
ax.axvline(0.5, color="#777777", linestyle=":", label="usual threshold")
ax.axvline(tuned.best_threshold_, color="#D55E00", label="chosen")
ax.set(xlabel="threshold of the probability of a class", ylabel="cost of a text, training folds")
ax.legend()

# %%
# On texts that neither has seen, cost of a text:
plain = tuned.estimator_
print(f"threshold 0.5: {-gain(y_test, plain.predict(X_test)):.3f}")
print(f"threshold {tuned.best_threshold_:.2f}: {-gain(y_test, tuned.predict(X_test)):.3f}")
