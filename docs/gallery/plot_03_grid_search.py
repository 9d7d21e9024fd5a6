"""
Search parameters
=================

``GridSearchCV`` on what matters most for cost: how many layers are trained, and for how long.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV

from sklearn_bert import BertTextClassifier, load_docstrings

texts, labels = load_docstrings(n_per_class=80, target="kind")
clf = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", random_state=0)
parameters = {"freeze": [0, 3, "all"], "epochs": [1, 4]}
search = GridSearchCV(clf, parameters, cv=2, scoring="accuracy", refit=False)
search.fit(texts, labels)

# %%
# Accuracy, and what it costs:
found = pd.DataFrame(search.cv_results_).astype({"param_freeze": str})
table = found.pivot_table(
    index="param_freeze",
    columns="param_epochs",
    values=["mean_test_score", "mean_fit_time"],
    sort=False,
)
table.round(2)

# %%
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for row in found.itertuples():
    ax.scatter(row.mean_fit_time, row.mean_test_score, color="#0072B2")
    label = f"freeze={row.param_freeze}, epochs={row.param_epochs}"
    ax.annotate(label, (row.mean_fit_time, row.mean_test_score), (5, 4), textcoords="offset points")
ax.margins(x=0.35)
ax.set_xlim(left=0)
ax.set(xlabel="seconds of a fit", ylabel="accuracy, mean of two folds")
