"""
Serve without torch
===================

``export_onnx`` writes a graph, ``OnnxTextClassifier`` reads it. It starts at once and needs no
torch; in 8 bits it is a quarter of the size.
"""

import tempfile
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_bert import BertTextClassifier, OnnxTextClassifier, load_docstrings

texts, labels = load_docstrings(n_per_class=200, target="kind")
X_train, y_train, X_test, y_test = texts[:160], labels[:160], texts[160:], labels[160:]
clf = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=4, random_state=0)
clf.fit(X_train, y_train)

# %%
folder = Path(tempfile.mkdtemp())
clf.export_onnx(folder / "float32")
clf.export_onnx(folder / "int8", quantize="int8")
models = {
    "BertTextClassifier": clf,
    "ONNX": OnnxTextClassifier.from_pretrained(folder / "float32"),
    "ONNX, int8": OnnxTextClassifier.from_pretrained(folder / "int8"),
}

# %%
# Texts a second, accuracy, and how far a probability moved at most:
rows = {}
expected = clf.predict_proba(X_test)
for name, model in models.items():
    start = perf_counter()
    proba = model.predict_proba(X_test)
    seconds = perf_counter() - start
    rows[name] = {
        "texts a second": round(len(X_test) / seconds),
        "accuracy": np.mean(clf.classes_[proba.argmax(axis=1)] == y_test),
        "largest difference": abs(proba - expected).max(),
    }
pd.DataFrame(rows).T.round(3)

# %%
# Size of the folders, in MB:
sizes = {
    path.name: sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
    for path in sorted(folder.iterdir())
}
figure, ax = plt.subplots(figsize=(6, 1.8), layout="constrained")
ax.bar_label(ax.barh(list(sizes), list(sizes.values()), color="#0072B2"), fmt="%.0f MB", padding=3)
ax.margins(x=0.15)
