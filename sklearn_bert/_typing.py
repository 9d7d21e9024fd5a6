"""Types of what users pass. They are for type checkers: nothing imports this module at run time."""

from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

T_co = TypeVar("T_co", covariant=True)


class SequenceNotStr(Protocol[T_co]):
    """A list, a tuple or another sequence, but no str: a single text is no sequence of texts."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[T_co]: ...

    def __getitem__(self, index: int, /) -> T_co: ...

    # By this method a str, which looks for a str only, is told apart.
    def __contains__(self, value: object, /) -> bool: ...


class SupportsArray(Protocol):
    """NumPy arrays, columns and frames of pandas, polars and Arrow, torch tensors."""

    def __array__(self) -> npt.NDArray[Any]: ...


class SupportsToArray(Protocol):
    """Sparse matrices."""

    def toarray(self) -> Any: ...


class SupportsFetchAll(Protocol):
    """Relations of DuckDB."""

    def fetchall(self) -> list[Any]: ...


class SupportsWithFormat(Protocol):
    """Datasets of Hugging Face."""

    def with_format(self, *args: Any, **kwargs: Any) -> Any: ...


Path: TypeAlias = str | PathLike[str]
Columns: TypeAlias = SupportsArray | SupportsFetchAll | SupportsWithFormat
Text: TypeAlias = str | SequenceNotStr[str]  # the latter is a pair, or a row of one column
Texts: TypeAlias = SequenceNotStr[Text] | SequenceNotStr[SupportsArray] | Iterator[Text] | Columns
Targets: TypeAlias = SequenceNotStr[Any] | Iterator[Any] | Columns | SupportsToArray
PerText: TypeAlias = SequenceNotStr[Any] | SupportsArray  # weights, groups
RandomState: TypeAlias = int | np.random.RandomState | None
Scorer: TypeAlias = str | Callable[..., Any]
Scoring: TypeAlias = Scorer | list[str] | tuple[str, ...] | dict[str, Any]
LongText: TypeAlias = Literal["head", "tail", "head+tail", "windows"]
Dtype: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
