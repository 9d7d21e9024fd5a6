"""
Which words decide?
===================

``explain`` gives each word its share of the answer: here by leaving it out (occlusion).
"""

import matplotlib.pyplot as plt

from sklearn_bert import BertTextClassifier, explain, load_docstrings

texts, labels = load_docstrings(n_per_class=120, target="kind")
clf = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=4, random_state=0)
clf.fit(texts, labels)

# %%
# In a notebook, and here, it is coloured text: blue words speak for the class, the others against.
new = ["Compute the mean of an array along an axis.", "Base class for all warnings of the library."]
explain(clf, new, method="occlusion")

# %%
# The same as numbers:
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for ax, explanation in zip(axes, explain(clf, new, method="occlusion"), strict=True):
    words, shares = zip(*explanation.words, strict=True)
    colours = ["#0072B2" if share > 0 else "#D55E00" for share in shares]
    ax.barh(range(len(words)), shares, color=colours)
    ax.set_yticks(range(len(words)), words)
    ax.invert_yaxis()
    ax.set_title(f"{explanation.target}: {explanation.proba:.2f}")
    ax.set_xlabel("share of the logit")
