"""Columns of texts, labels or numbers, out of whatever holds them."""

from collections.abc import Iterator, Mapping

import numpy as np

from .._shorten import shorten

_READ_BY = ("toPandas", "compute", "collect", "to_pyarrow")  # Spark, Dask, polars, Ibis


class Rows(list):
    """Rows that were read from a database, with the names of their columns."""

    def __init__(self, rows, names):
        super().__init__(rows)
        self.names = names

    @property
    def column_names(self):
        """Names of the columns, or None."""
        return self.names


def in_memory(data, name):
    """Return `data`; what is read on demand or lies on a device is read into memory.

    Parameters
    ----------
    data : object
        Texts, labels or numbers as the caller gave them.
    name : {"X", "y"}
        Of the parameter, for the error.

    Returns
    -------
    data : object
        A generator is a list, a Hugging Face dataset an Arrow table, a relation of DuckDB `Rows`,
        a single column of either a list, a torch tensor an array, and what is masked in an array
        None. All else is as it was.

    Raises
    ------
    TypeError
        If it belongs to a library that computes on request: the caller decides when.
    """
    if isinstance(data, Iterator):
        return list(data)
    refuse_unread(data, name)
    if has_method(data, "with_format"):  # a Hugging Face dataset
        names = data.column_names
        return (
            data.with_format("arrow")[:] if len(names) != 1 else data.with_format(None)[names[0]][:]
        )
    if type(data).__name__ == "DuckDBPyRelation":
        return _fetch(data, name)
    if hasattr(data, "column_name") and hasattr(data, "source"):  # a column of a dataset
        return data[:]
    if isinstance(data, np.ma.MaskedArray):
        return data.data if data.mask is np.ma.nomask else np.array(data.tolist(), dtype=object)
    if has_method(data, "detach"):  # a torch tensor
        tensor = data.detach().to_dense().cpu()
        return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    return data


def refuse_unread(data, name):
    """Refuse what holds a plan of the data, or a stream of it, in place of the data.

    Raises
    ------
    TypeError
        The caller decides when and where such data are computed.
    """
    if hasattr(data, "dims"):  # xarray can compute, too, but what it holds can be read
        return
    kind = f"the {type(data).__name__} of {type(data).__module__.partition('.')[0]}"
    if has_method(data, "with_format") and not hasattr(data, "__len__"):
        raise TypeError(
            f"{name} must be in memory, got {kind}, which is a stream of rows; pass a list, as in "
            f"[row['text'] for row in {name}]."
        )
    for method in _READ_BY:
        if has_method(data, method):
            raise TypeError(
                f"{name} must be in memory, got {kind}, which is computed on request; pass "
                f"{name}.{method}()."
            )


def column_names(data):
    """Return the names of the columns of a frame or table as a list, None if it has none."""
    if isinstance(data, Mapping):
        return None
    names = None
    if is_structured(data):
        names = data.dtype.names
    elif hasattr(type(data), "column_names"):  # not of `data`: a frame may have a column so named
        names = data.column_names
    elif getattr(data, "ndim", 2) == 2:
        names = getattr(data, "columns", None)
    return None if names is None else list(names)


def is_structured(data):
    """Return whether `data` is a NumPy array with named fields."""
    return isinstance(data, np.ndarray) and data.dtype.names is not None


def to_list(column):
    """Return a column, or an array of one dimension, as a list of Python objects."""
    for method in ("to_pylist", "to_list", "tolist"):  # Arrow, pandas and polars, NumPy
        if has_method(column, method):
            return getattr(column, method)()
    if hasattr(column, "__array__"):
        return np.asarray(column).tolist()
    return list(column)


def has_method(data, name):
    """Return whether the type of `data` has a method: a data frame may have a column so named."""
    return callable(getattr(type(data), name, None))


def _fetch(relation, name):
    """Return the rows of a relation of DuckDB, or the values of its only column."""
    import duckdb  # type: ignore[import-not-found, unused-ignore]

    try:
        rows, names = relation.fetchall(), list(relation.columns)
    except duckdb.Error as error:
        raise ValueError(
            f"{name} must be a relation that DuckDB can read, got an error: "
            f"{shorten(' '.join(str(error).split()), 200)}; pass {name}.df() once that works."
        ) from None
    return [row[0] for row in rows] if len(names) == 1 else Rows(rows, names)
