"""
Is BERT worth it?
=================

The cheap models and BERT on the same folds, with a verdict and its price. The question: does a
docstring describe a class or a function?
"""

from sklearn_bert import BertTextClassifier, compare, load_docstrings

texts, labels = load_docstrings(n_per_class=250, target="kind")
bert = BertTextClassifier("sentence-transformers/all-MiniLM-L6-v2", random_state=0)

# %%
# Two folds keep this page quick; five are better, and have an interval over the folds worth
# reading. The row of static embeddings takes a while to distil, so it is left out here.
left_out = {"static embeddings + logistic regression": "drop"}
result = compare(texts, labels, bert=bert, estimators=left_out, cv=2, random_state=0, verbose=0)
print(result)

# %%
# Score against training time, one point a model:
result.plot()

# %%
# The answer as a value: True, False, or None if the data are too few to tell.
print(result.worth_it(min_gain=0.02))
