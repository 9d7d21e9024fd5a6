"""
Several labels for each text
============================

Each text is made of paragraphs from one to three packages; which ones? A matrix of 0 and 1 is what
scikit-learn has for this, and a data frame gives the columns their names.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

from sklearn_bert import BertTextClassifier, load_docstrings

paragraphs, packages = load_docstrings(n_per_class=150)
paragraphs = np.array(paragraphs)
names = sorted(set(packages))[:3]
rng = np.random.default_rng(0)
texts, rows = [], []
for _ in range(320):
    chosen = rng.random(3) < 0.5
    chosen[rng.integers(3)] = True
    parts = [rng.choice(paragraphs[packages == names[column]]) for column in np.flatnonzero(chosen)]
    texts.append(" ".join(rng.permutation(parts)))
    rows.append(chosen.astype(int))
y = pd.DataFrame(rows, columns=names)
X_train, X_test, y_train, y_test = train_test_split(texts, y, train_size=200, random_state=0)
y_train.head()

# %%
clf = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=5, random_state=0)
clf.fit(X_train, y_train)
predicted = clf.predict(X_test)
print(classification_report(y_test, predicted, target_names=names, zero_division=0))

# %%
# Probabilities of six texts: each label has its own.
proba = clf.predict_proba(X_test[:6])
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
image = ax.imshow(proba, vmin=0, vmax=1, cmap="Blues", aspect="auto")
for (row, column), value in np.ndenumerate(proba):
    true = "✓" if y_test.iloc[row, column] else ""
    colour = "white" if value > 0.6 else "black"
    ax.text(column, row, f"{value:.2f} {true}", ha="center", va="center", color=colour)
ax.set_xticks(range(3), names)
ax.set(ylabel="text", title="probability; ✓ is the truth")
