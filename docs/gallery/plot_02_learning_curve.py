"""
From how many labels on?
========================

``compare(..., learning_curve=True)`` trains BERT and the best cheap model on fewer texts too.
"""

from sklearn_bert import BertTextClassifier, compare, load_docstrings

texts, labels = load_docstrings(n_per_class=120, target="kind")
bert = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", epochs=4, random_state=0)
left_out = {
    "static embeddings + logistic regression": "drop",
    "frozen BERT + logistic regression": "drop",
}
result = compare(
    texts,
    labels,
    bert=bert,
    estimators=left_out,
    cv=2,
    learning_curve=[0.25, 0.5],
    random_state=0,
    verbose=0,
)
result.plot("learning_curve")

# %%
# The figures behind the curve, mean of the folds:
result.learning_curve_.groupby(["model", "n_train"])["accuracy"].mean().unstack("model").round(3)
