"""The `callbacks` parameter: named, settable, and cloned at fit."""

from sklearn.base import clone


class CallbacksMixin:
    """Expose the parameters of the list `callbacks` as ``callbacks__name__parameter``."""

    def get_params(self, deep=True):
        """Return the parameters, with `deep` those of the callbacks too.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include ``callbacks__name__parameter``.

        Returns
        -------
        params : dict
        """
        params = super().get_params(deep=deep)
        if deep:
            for name, callback in self._named_callbacks():
                for key, value in callback.get_params(deep=True).items():
                    params[f"callbacks__{name}__{key}"] = value
        return params

    def set_params(self, **params):
        """Set parameters, those of callbacks as ``callbacks__name__parameter``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : estimator instance

        Raises
        ------
        ValueError
            If there is no such parameter or callback.
        """
        nested = {key: params.pop(key) for key in list(params) if key.startswith("callbacks__")}
        super().set_params(**params)
        callbacks = dict(self._named_callbacks())
        for key, value in nested.items():
            _, name, parameter = [*key.split("__", 2), ""][:3]
            if name not in callbacks or not parameter:
                raise ValueError(
                    f"Invalid parameter {key!r}: it must be callbacks__NAME__PARAMETER with one "
                    f"of the callbacks {sorted(callbacks)}."
                )
            callbacks[name].set_params(**{parameter: value})
        return self

    def _named_callbacks(self):
        """Return the callbacks as (name, callback) pairs, leaving out what fit will refuse."""
        items = self.callbacks if isinstance(self.callbacks, list) else []
        pairs = [
            item if isinstance(item, tuple) and len(item) == 2 else (type(item).__name__, item)
            for item in items
        ]
        return [(name, callback) for name, callback in pairs if hasattr(callback, "get_params")]

    def _clone_callbacks(self):
        """Return copies for one fit, since skorch changes the callbacks that it runs."""
        from skorch.callbacks import BatchScoring, EpochScoring

        for item in self.callbacks or ():
            callback = item[1] if isinstance(item, tuple) and len(item) == 2 else item
            if isinstance(callback, type) or not hasattr(callback, "on_batch_end"):
                raise TypeError(
                    "callbacks must hold skorch callbacks or (name, callback) tuples, got "
                    f"{item!r}; pass an instance of a subclass of skorch.callbacks.Callback."
                )
            if isinstance(callback, (BatchScoring, EpochScoring)):
                raise TypeError(
                    "callbacks must not predict on data sets of skorch, which there are none of, "
                    f"got {type(callback).__name__}; use early_stopping=True with scoring=..."
                )
        return clone(self.callbacks or [], safe=False)
