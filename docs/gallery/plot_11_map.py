"""
A map of texts
==============

``BertTextEmbedder`` turns texts into vectors. Two principal components of them, before and after
fine-tuning: training pulls the classes apart.
"""

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_bert import BertTextClassifier, BertTextEmbedder, load_docstrings

texts, labels = load_docstrings(n_per_class=200, target="kind")
X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=200, stratify=labels, random_state=0
)
name = "sentence-transformers/all-MiniLM-L6-v2"
pretrained = BertTextEmbedder(name).fit(X_train)
clf = BertTextClassifier(name, epochs=4, random_state=0).fit(X_train, y_train)
tuned = BertTextEmbedder(estimator=clf).fit(X_train, y_train)

# %%
# Texts that were not trained on:
figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for ax, (title, embedder) in zip(
    axes, {"pretrained": pretrained, "fine-tuned": tuned}.items(), strict=True
):
    points = PCA(2, random_state=0).fit_transform(embedder.transform(X_test))
    for kind, colour, marker in ("class", "#0072B2", "o"), ("function", "#D55E00", "^"):
        ax.scatter(*points[y_test == kind].T, color=colour, marker=marker, alpha=0.6, label=kind)
    ax.set(title=title, xticks=[], yticks=[])
axes[0].legend()
