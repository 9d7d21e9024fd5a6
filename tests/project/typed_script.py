"""A script of a user, for mypy: each type is the one that is stated, and mistakes are found.

An ignored error that is none is an error, too.
"""

from collections.abc import Sequence
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_bert import (
    BertTextClassifier,
    BertTextEmbedder,
    BertTextRegressor,
    Comparison,
    DistilledTextClassifier,
    DistilledTextRegressor,
    OnnxTextClassifier,
    compare,
    explain,
    load_text_table,
)


def script() -> None:
    texts, labels = load_text_table("reviews.csv", text="review", label="stars")
    assert_type(texts, list[str])
    clf = BertTextClassifier(epochs=2, scoring=["loss", "f1_macro"], early_stopping=True)
    assert_type(clf.fit(texts, labels, sample_weight=[1.0] * len(texts)), BertTextClassifier)
    assert_type(clf.predict(np.array(texts)), npt.NDArray[Any])
    assert_type(clf.predict_proba([("a premise", "a hypothesis")]), npt.NDArray[np.float64])
    assert_type(clf.score(texts, labels), float)
    assert_type(clf.classes_, npt.NDArray[Any])
    assert_type(clf.n_epochs_, int)

    pipeline = Pipeline([("vectors", BertTextEmbedder()), ("clf", clf)]).fit(texts, labels)
    search = GridSearchCV(clf, {"epochs": [2, 4]}, cv=3).fit(texts, labels)
    assert_type(BertTextEmbedder().fit(texts).transform(texts), npt.NDArray[np.float32])
    regressor = BertTextRegressor().fit(texts, [1.0, 2.0])
    assert_type(regressor.predict(text for text in texts), npt.NDArray[np.float64])

    comparison = compare(texts, labels, bert=[clf, pipeline], cv=3, budget="1h")
    assert_type(comparison, Comparison)
    assert_type(comparison.worth_it(0.01), bool | None)
    assert_type(explain(search, texts[:1])[0].words, list[tuple[str, float]])

    assert_type(clf.distill(texts), DistilledTextClassifier)
    assert_type(clf.distill(texts, n_layers=2), BertTextClassifier)
    assert_type(clf.distill(texts, model="distilbert-base-uncased"), BertTextClassifier)
    assert_type(regressor.distill(texts, random_state=0), DistilledTextRegressor)
    assert_type(regressor.distill(texts, n_layers=2), BertTextRegressor)

    clf.save_pretrained("model")
    assert_type(BertTextClassifier.from_pretrained("model"), BertTextClassifier)
    assert_type(clf.export_onnx("onnx", quantize="int8"), float)
    light = OnnxTextClassifier.from_pretrained("onnx", n_threads=1)
    assert_type(light.predict_proba(texts), npt.NDArray[np.float64])


def kinds_of_texts(
    clf: BertTextClassifier,
    some: Sequence[str],
    column: pl.Series,
    rows: list[list[str]],
    pairs: tuple[tuple[str, str], ...],
) -> None:
    for y in ([1, 2], ("good", "bad"), [[0, 1], [1, 0]], np.array([True, False]), column):
        clf.fit(some, y)
    clf.predict(column)
    clf.predict(rows)
    clf.predict(pairs)


def mistakes(clf: BertTextClassifier) -> None:
    clf.predict("a single text")  # type: ignore[arg-type]
    clf.predict({"text": ["in a dict"]})  # type: ignore[arg-type]
    clf.fit([1, 2], ["good", "bad"])  # type: ignore[arg-type]
    clf.fit(["good", "bad"])  # type: ignore[call-arg]
    clf.history_["loss"]  # type: ignore[call-overload]
    BertTextClassifier(long_text="haed")  # type: ignore[arg-type]
    clf.distill(["good", "bad"], model="bert-base-uncased", n_layers=2)  # type: ignore[call-overload]
    OnnxTextClassifier.from_pretrained("onnx", threads=1)  # type: ignore[call-arg]
