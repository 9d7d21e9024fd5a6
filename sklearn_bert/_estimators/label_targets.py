"""What a classifier learns: its `y` of any kind, and that of the texts that it is judged on."""

import numpy as np

from .._text.columns import column_names
from .._text.indicator import (
    check_order,
    encode_indicator,
    is_indicator,
    names_of_columns,
    order_error,
)
from .._text.label_columns import is_label_columns, read_label_columns
from .._text.rows import read_rows
from .._text.soft_labels import encode_soft, is_soft
from .labels import among_all, encode_labels, indices_of_columns, present_classes
from .targets import SoftLabels, Target, class_target, columns_target, indicator_target
from .validation import check_lengths
from .weights import (
    balanced_soft_weights,
    balanced_weights,
    column_weights,
    combine,
    named_weights,
    product_of_columns,
    weigh_classes,
)


class LabelTargetsMixin:
    """Reads the labels of a classifier: one a text, several, probabilities, or several columns.

    It looks at the parameters `class_weight`, `label_smoothing` and `focal_gamma` and, where a fit
    goes on, at the classes of the first one.
    """

    def _read_target(self, texts, y, sample_weight, classes=None):
        """Return what there is to learn."""
        settings = {"label_smoothing": self.label_smoothing, "focal_gamma": self.focal_gamma}
        y = None if y is None else read_rows(y, "label")
        goes_on = self._continues() and self._has_columns()
        has_columns = classes is None and (is_label_columns(y) or (goes_on and is_indicator(y)))
        if self._continues() and has_columns != goes_on:
            kinds = {True: "several columns of labels", False: "one column of labels"}
            raise ValueError(
                f"warm_start=True needs {kinds[not has_columns]}, as in the first fit, got "
                f"{kinds[has_columns]}; use warm_start=False to learn them from the start."
            )
        if has_columns:
            return self._read_columns(texts, y, sample_weight, settings)
        if isinstance(self.class_weight, list):
            raise ValueError(
                "class_weight must be a dict or 'balanced' for one column of labels, got "
                f"{self.class_weight!r}; a list is for several columns."
            )
        return self._read_one_column(texts, y, sample_weight, classes, settings)

    def _read_one_column(self, texts, y, sample_weight, classes, settings):
        """Return what there is to learn of one label a text, of several, or of probabilities."""
        several, columns = False, None
        if y is not None and (classes is not None or is_soft(y)):
            classes, values, columns = encode_soft(y, classes)
        elif several := is_indicator(y):
            classes, values = encode_indicator(y, or_soft=True)
        else:
            classes, values = encode_labels(y, estimator_name=type(self).__name__)
        if self._continues():
            self._check_known(classes, several)
        weights = self._check_weights(texts, values, sample_weight)
        if several:
            return indicator_target(classes, values, weights, self.class_weight, **settings)
        class_weights = self._weights_of(classes, values, weights > 0)
        weights_by_class, values = weigh_classes(values, class_weights)
        weights = combine(weights, weights_by_class)
        present = classes[present_classes(values[weights > 0])].tolist()
        if len(present) < 2:
            found = f"one class: {present[0]!r}" if present else "no class"
            raise ValueError(
                f"y must have at least 2 classes with a weight above 0, got {found}; add texts of "
                "another class, or raise its class_weight."
            )
        if self._continues():
            places = np.searchsorted(self.classes_, classes)
            values = among_all(values, places, len(self.classes_))
            known_weights = np.ones(len(self.classes_))
            known_weights[places] = class_weights
            classes, class_weights = self.classes_, known_weights
        soft = None if columns is None else SoftLabels(columns, class_weights)
        return class_target(classes, values, weights, soft, **settings)

    def _read_columns(self, texts, y, sample_weight, settings):
        """Return what there is to learn of several columns of labels."""
        names, columns = read_label_columns(y)
        name = type(self).__name__
        encoded = [encode_labels(column, estimator_name=name) for column in columns]
        classes = [found for found, _ in encoded]
        indices = np.column_stack([found for _, found in encoded])
        weights = self._check_weights(texts, indices, sample_weight)
        class_weights = column_weights(self.class_weight, classes, indices, weights > 0)
        weights = combine(weights, product_of_columns(class_weights, indices))
        for number, column in enumerate(indices.T):
            if len(np.unique(column[weights > 0])) < 2:
                column_name = number if names is None else names[number]
                raise ValueError(
                    "y must have at least 2 classes with a weight above 0 in each column, got "
                    f"fewer in the column {column_name!r}; drop it, or add texts of another class."
                )
        if self._continues():
            check_order(names, self.target_names_)
            indices = indices_of_columns(columns, self.classes_, "y")
            classes, names = list(self.classes_), self.target_names_
        return columns_target(classes, indices, weights, names, **settings)

    def _weights_of(self, classes, values, counted):
        """Return the weight of each class."""
        if self.class_weight is None:
            return np.ones(len(classes))
        if isinstance(self.class_weight, dict):
            known = self.classes_ if self._continues() else ()
            return named_weights(self.class_weight, classes, known)
        if values.ndim == 2:
            return balanced_soft_weights(values, counted)
        return balanced_weights(values, len(classes), counted)

    def _check_known(self, classes, several):
        """Refuse labels that a classifier that goes on does not know."""
        unknown = [label for label in classes.tolist() if label not in self.classes_.tolist()]
        if several != self.multilabel_ or (several and len(classes) != len(self.classes_)):
            unknown = unknown or classes.tolist()
        elif several and not unknown and classes.tolist() != self.classes_.tolist():
            raise order_error(classes.tolist(), self.classes_.tolist())
        if unknown:
            raise ValueError(
                f"warm_start=True needs the classes of the first fit, {self.classes_.tolist()!r}, "
                f"got {unknown[0]!r}; use warm_start=False to learn new classes from the start."
            )

    def _read_validation_target(self, texts, y, target):
        """Return the target of validation texts, by the classes of the target to train on."""
        classes = target.attributes["classes_"]
        y = read_rows(y, "label")
        kind = "one label a text"
        if is_label_columns(y) or (is_indicator(y) and target.sizes is not None):
            kind = "several columns of labels"
        elif is_indicator(y):
            soft = is_soft(y) or target.soft is not None
            kind = "probabilities" if soft else "several labels a text"
        if kind != target.kind and (kind, target.kind) != ("one label a text", "probabilities"):
            raise ValueError(f"y_val has {kind} and y has {target.kind}; pass both alike.")
        if kind == "several columns of labels":
            return self._read_columns_validation(texts, y, target)
        if target.soft is not None and kind == "probabilities":
            return self._read_soft_validation(texts, y, classes, target.soft)
        if kind == "several labels a text":
            labels, indicator = encode_indicator(y)
            check_lengths(texts, indicator)
            named = names_of_columns(column_names(y)) and names_of_columns(classes.tolist())
            if len(labels) != len(classes) or (named and labels.tolist() != classes.tolist()):
                raise ValueError(
                    f"y_val has the labels {labels.tolist()!r} and y has {classes.tolist()!r}; "
                    "pass the same columns in the same order."
                )
            weights = np.ones(len(texts))
            return Target(
                indicator.astype(np.int64), indicator, len(classes), weights, target.attributes
            )
        labels, values = encode_labels(y, estimator_name=type(self).__name__)
        check_lengths(texts, values)
        numbers = {label: number for number, label in enumerate(classes.tolist())}
        for row, label in enumerate(labels[values].tolist()):
            if label not in numbers:
                raise ValueError(
                    f"y_val has the label {label!r} at row {row} and y has only "
                    f"{classes.tolist()!r}; drop those rows, or add texts of that class to X."
                )
        values = np.array([numbers[label] for label in labels.tolist()])[values]
        if target.soft is None:
            weights = self._weights_of(classes, target.values, target.weights > 0)[values]
        else:
            weights = target.soft.class_weights[values]
        return class_target(classes, values, weights if weights.any() else np.ones(len(values)))

    def _read_columns_validation(self, texts, y, target):
        """Return the target of validation texts with the columns of labels of those to train on."""
        classes = target.attributes["classes_"]
        names, columns = read_label_columns(y)
        check_order(names, target.attributes["target_names_"])
        indices = indices_of_columns(columns, classes, "y_val")
        check_lengths(texts, indices)
        counted = target.weights > 0
        class_weights = column_weights(self.class_weight, classes, target.values, counted)
        weights = product_of_columns(class_weights, indices)
        weights = weights if weights.any() else np.ones(len(texts))
        return columns_target(classes, indices, weights, names)

    def _read_soft_validation(self, texts, y, classes, soft):
        """Return the target of validation texts with soft labels, as those to train on have."""
        found, proba, _ = encode_soft(y, soft.columns, sorts=True)
        check_lengths(texts, proba)
        proba = among_all(proba, np.searchsorted(classes, found), len(classes))
        weights, values = weigh_classes(proba, soft.class_weights)
        if not weights.any():
            weights, values = np.ones(len(texts)), proba
        return class_target(classes, values, weights)
