"""From texts and labels to the fitted attributes of a classifier."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, check_random_state, compute_sample_weight
from sklearn.utils.validation import _check_sample_weight

from ._labels import encode_labels
from ._texts import check_texts


class FittingMixin:
    """What `BertTextClassifier.fit` consists of."""

    def _check_input(self, X, y, sample_weight):
        """Return texts, classes, class indices and weights of what is to be trained on."""
        texts = check_texts(X)
        classes, targets = encode_labels(y, estimator_name=type(self).__name__)
        check_consistent_length(texts, targets)
        weights = self._check_weights(texts, classes[targets], sample_weight)
        rows = np.flatnonzero(weights)
        present = classes[np.unique(targets[rows])].tolist()
        if len(present) < 2:
            found = f"one class: {present[0]!r}" if present else "no class"
            raise ValueError(
                f"y must have at least 2 classes with a weight above 0, got {found}; add texts of "
                "another class."
            )
        return [texts[row] for row in rows], classes, targets[rows], weights[rows]

    def _check_weights(self, texts, y, sample_weight):
        """Return the weight of each text, class weights included."""
        weights = _check_sample_weight(
            sample_weight, texts, dtype=np.float64, ensure_non_negative=True
        )
        return weights * compute_sample_weight(self.class_weight, y)

    def _train(self, texts, classes, targets, weights):
        """Return the fitted attributes."""
        from ._device import explained_memory_error, find_device, find_dtype, seeded
        from ._net import train

        callbacks = self._clone_callbacks()
        device = find_device(self.device)
        dtype = find_dtype(self.dtype, device)
        seed = self._draw_seed()
        random_state = np.random.RandomState(seed)
        with seeded(seed, device):
            fitted, batches = self._load(texts, classes, targets, weights)
            module, max_length = fitted["module_"], fitted["max_length_"]
            rows, valid_rows = self._split(targets, random_state)
            validation = None if valid_rows is None else batches.take(valid_rows)
            batches = batches.take(rows, random_state)
            with explained_memory_error(device, batch_size=self.batch_size, max_length=max_length):
                fitted["learning_rate_"] = self._peak(module, batches, device, dtype, seed)
                history, curve = train(
                    module,
                    batches,
                    validation,
                    epochs=self.epochs,
                    learning_rate=fitted["learning_rate_"],
                    weight_decay=self.weight_decay,
                    patience=self.n_iter_no_change,
                    score=self._validation_score(fitted, texts, targets, valid_rows),
                    callbacks=callbacks,
                    device=device,
                    dtype=dtype,
                    gradient_checkpointing=self.gradient_checkpointing,
                    verbose=self.verbose,
                )
        return {
            **fitted,
            "history_": history,
            "training_curve_": curve,
            "n_epochs_": len(history),
        }

    def _draw_seed(self):
        """Return the one integer from which all that is random in a fit follows.

        It seeds one generator for torch, and one for the order of the texts and the split.
        """
        return check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _load(self, texts, classes, targets, weights):
        """Return the attributes that are known before training, and the batches of all texts."""
        from ._batches import TrainingBatches
        from ._encoder import find_max_length, load_encoder
        from ._tokens import tokenize

        tokenizer, module = load_encoder(self.model, len(classes))
        max_length = find_max_length(self.max_length, tokenizer, module, self.model)
        batches = TrainingBatches(
            tokenize(tokenizer, texts, max_length),
            targets,
            (weights / weights.mean()).astype(np.float32),
            batch_size=self.batch_size,
        )
        fitted = {
            "classes_": classes,
            "module_": module,
            "tokenizer_": tokenizer,
            "max_length_": max_length,
        }
        return fitted, batches

    def _peak(self, module, batches, device, dtype, seed):
        """Return the peak of the learning rate: as given, by the rule, or by a range test."""
        from ._optimizer import auto_learning_rate

        if self.learning_rate == "auto":
            return auto_learning_rate(module.config.hidden_size, self.epochs * len(batches))
        if self.learning_rate == "find":
            found = self._range_test(module, batches, device, dtype, seed)
            return found.suggestions["steepest"]
        return self.learning_rate

    def _range_test(self, module, batches, device, dtype, seed, **options):
        """Return the learning-rate range test; module and random numbers are as before."""
        from ._device import seeded
        from ._range_test import range_test, same_batches

        with seeded(seed, device):
            return range_test(
                module,
                same_batches(batches, seed),
                weight_decay=self.weight_decay,
                device=device,
                dtype=dtype,
                gradient_checkpointing=self.gradient_checkpointing,
                **options,
            )

    def _find_learning_rate(self, X, y, sample_weight, **options):
        """Return the range test on texts and labels that `fit` would be given."""
        from ._device import explained_memory_error, find_device, find_dtype, seeded

        self._validate_params()
        data = self._check_input(X, y, sample_weight)
        device = find_device(self.device)
        dtype = find_dtype(self.dtype, device)
        seed = self._draw_seed()
        with seeded(seed, device):
            fitted, batches = self._load(*data)
            module, max_length = fitted["module_"], fitted["max_length_"]
            with explained_memory_error(device, batch_size=self.batch_size, max_length=max_length):
                return self._range_test(module, batches, device, dtype, seed, **options)

    def _split(self, targets, random_state):
        """Return the rows to train on, and those held out or None."""
        rows = np.arange(len(targets))
        if not self.early_stopping:
            return rows, None
        return train_test_split(
            rows,
            test_size=self.validation_fraction,
            stratify=targets,
            random_state=random_state,
        )

    def _validation_score(self, fitted, texts, targets, rows):
        """Return the function that scores the module in training on `rows`, None for the loss."""
        if rows is None or self.scoring == "loss":
            return None
        scorer = check_scoring(self, scoring=self.scoring)
        judged = clone(self)
        vars(judged).update(fitted)
        X, y = [texts[row] for row in rows], judged.classes_[targets[rows]]
        return lambda module: scorer(judged, X, y)
