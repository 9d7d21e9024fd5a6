"""The `callbacks` parameter: named, settable, and copied for each fit."""

import copy
import io
import pickle
from types import FunctionType
from typing import Any, Self

from .._warn import warn
from .callback_names import is_pair, name_callbacks


class CallbacksMixin:
    """Expose the parameters of the list `callbacks` as ``callbacks__name__parameter``.

    A callback may hold what is alive: a writer, a run, a lock. So it is never copied deeply: a
    copy is another callback that holds the same.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with `deep` those of the callbacks too.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include ``callbacks__name__parameter``.

        Returns
        -------
        params : dict
            Values by name.
        """
        params: dict[str, Any] = super().get_params(deep=deep)  # type: ignore[misc]
        if deep:
            for name, callback in self._named_callbacks():
                for key, value in callback.get_params(deep=True).items():
                    params[f"callbacks__{name}__{key}"] = value
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of callbacks as ``callbacks__name__parameter``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : estimator instance
            The same one.

        Raises
        ------
        ValueError
            If there is no such parameter or callback.
        """
        nested = {key: params.pop(key) for key in list(params) if key.startswith("callbacks__")}
        super().set_params(**params)  # type: ignore[misc]
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

    def __sklearn_clone__(self):
        """Return a clone whose callbacks are its own, but hold what those of `self` hold."""
        bare = copy.copy(self)
        bare.callbacks = None
        clone = super(CallbacksMixin, bare).__sklearn_clone__()
        clone.callbacks = copy_callbacks(self.callbacks)
        return clone

    def __deepcopy__(self, memo):
        """Return a copy; its callbacks hold what those of `self` hold."""
        for name in ("callbacks", "callbacks_"):
            if (held := vars(self).get(name)) is not None:
                memo[id(held)] = copy_callbacks(held)
        return super().__deepcopy__(memo)

    def __getstate__(self):
        """Return the state without callbacks that hold what no other process can have."""
        state = super().__getstate__()
        state.pop("callbacks_", None)
        is_fitted = hasattr(self, "module_")
        alive = [
            name
            for name, callback in self._named_callbacks()
            if not _can_be_pickled(callback, loaded=is_fitted)
        ]
        if not alive:
            return state
        if not is_fitted:
            raise pickle.PicklingError(
                f"The callbacks {alive!r} hold something that cannot be sent to another process "
                f"or kept in a file; use n_jobs=1, or callbacks=None, in {type(self).__name__}."
            )
        warn(
            f"The callbacks {alive!r} hold something that cannot be pickled; the copy will have "
            "callbacks=None."
        )
        return {**state, "callbacks": None}

    def _named_callbacks(self):
        """Return the callbacks as (name, callback) pairs, leaving out what fit will refuse."""
        pairs = name_callbacks(self.callbacks if isinstance(self.callbacks, list) else [])
        return [(name, callback) for name, callback in pairs if _has_parameters(callback)]


def copy_callbacks(items):
    """Return a list of callbacks, or of pairs, with a shallow copy of each callback.

    Callbacks and estimators that a callback holds are copied too, since they have parameters that
    can be set; all else is shared.
    """
    if not isinstance(items, list):
        return items
    copies = {}
    return [
        (item[0], _copied(item[1], copies)) if is_pair(item) else _copied(item, copies)
        for item in items
    ]


def _copied(callback, copies):
    """Return the copy of a callback, the same one wherever it is held."""
    if id(callback) not in copies:
        copies[id(callback)] = copied = copy.copy(callback)
        held = getattr(copied, "__dict__", {})
        for name, value in list(held.items()):
            if _has_parameters(value):
                held[name] = _copied(value, copies)
    return copies[id(callback)]


def _has_parameters(value):
    """Return whether something is a callback or an estimator."""
    return hasattr(value, "get_params") and not isinstance(value, type)


class _Probe(pickle.Pickler):
    """A pickler that lets functions and classes pass: cloudpickle, which joblib uses, takes any."""

    def __init__(self, file, code):
        super().__init__(file)
        self.code = code

    def persistent_id(self, obj):
        """Return what stands for a function or a class."""
        if not isinstance(obj, (FunctionType, type)):
            return None
        self.code[id(obj)] = obj
        return id(obj)


class _ProbeLoader(pickle.Unpickler):
    """Loads what `_Probe` wrote."""

    def __init__(self, file, code):
        super().__init__(file)
        self.code = code

    def persistent_load(self, pid):
        """Return the function or the class."""
        return self.code[pid]


def _can_be_pickled(callback, *, loaded):
    """Return whether a callback can be sent to another process, or also `loaded` from a file."""
    buffer = io.BytesIO()
    code = {}
    try:
        _Probe(buffer, code).dump(callback)
        if loaded:
            buffer.seek(0)
            _ProbeLoader(buffer, code).load()
    except Exception:  # each kind of object says in its own way that it cannot
        return False
    return True
