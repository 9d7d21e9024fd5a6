"""
Calibrated probabilities
========================

A probability of 0.8 should be right in eight of ten cases. Temperature scaling repairs a model that
is too sure of itself, and changes no label.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import train_test_split

from sklearn_bert import BertTextClassifier, load_docstrings

texts, labels = load_docstrings(n_per_class=300, target="kind")
X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=160, stratify=labels, random_state=0
)
X_calib, X_test, y_calib, y_test = train_test_split(
    X_test, y_test, train_size=160, stratify=y_test, random_state=0
)
clf = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=8, random_state=0)
clf.fit(X_train, y_train)
calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature")
calibrated.fit(X_calib, y_calib)

# %%
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
for name, model in {"as trained": clf, "temperature": calibrated}.items():
    CalibrationDisplay.from_estimator(
        model, X_test, y_test, pos_label="function", n_bins=6, strategy="quantile", name=name, ax=ax
    )

# %%
# Lower is better:
rows = {}
for name, model in {"as trained": clf, "temperature": calibrated}.items():
    proba = model.predict_proba(X_test)
    rows[name] = {
        "log loss": log_loss(y_test, proba),
        "Brier score": brier_score_loss(y_test, proba[:, 1], pos_label="function"),
    }
pd.DataFrame(rows).T.round(3)
