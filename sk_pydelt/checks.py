"""Data as users bring them: masked arrays, dates and durations, weights, values not measured."""

from datetime import date, time, timedelta
from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from numpy.typing import ArrayLike
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight, _num_samples

__all__ = [
    "check_measured",
    "check_numbers",
    "check_places",
    "check_rows",
    "check_values",
    "check_weight",
    "column_names",
    "described",
    "unmasked",
]

SHOWN = 60  # characters of a value in a message, at most
WEIGHTS = 1e-100, 1e100  # least and largest: their squares and sums are numbers of float64

TIME_DTYPES = ("date", "time", "duration", "period")  # datetime64, Timestamp, Duration, ...
TIMES = (date, time, timedelta, np.datetime64, np.timedelta64)


def described(value: Any) -> str:
    """A value as a message shows it: one that holds much by its kind and shape.

    >>> described((1, 0)), described(list(range(40)))
    ('(1, 0)', 'list of length 40')
    """
    text = repr(value)
    if len(text) <= SHOWN and "\n" not in text:
        return text
    kind = type(value).__name__
    if hasattr(value, "shape"):
        return f"{kind} of shape {tuple(value.shape)}"
    return f"{kind} of length {len(value)}" if hasattr(value, "__len__") else f"a {kind}"


def unmasked(data: Any) -> Any:
    """The data with NaN where a masked array, or one in a list of rows, is masked.

    >>> unmasked(np.ma.array([1, 2], mask=[False, True]))
    array([ 1., nan])
    """
    if isinstance(data, list | tuple) and any(isinstance(x, np.ma.MaskedArray) for x in data):
        data = np.ma.array(list(data))
    if not isinstance(data, np.ma.MaskedArray):
        return data
    if not np.ma.is_masked(data):
        return data.data
    kind = np.float64 if data.dtype.kind in "biuf" else object
    return np.ma.filled(data.astype(kind), np.nan)


def check_values(data: Any, name: str) -> Any:
    """The data without masks, or a ValueError where they are dates or durations.

    A tensor of torch becomes an array, from a GPU too. What NumPy cannot read, such as a tensor
    that needs a gradient or a sparse one, is a TypeError; ragged lists are a ValueError.
    """
    data = _readable(unmasked(data), name)
    if _hold_times(data):
        raise ValueError(
            f"{name} holds dates or durations, which have no unit to differentiate by. Convert "
            "them to numbers in the unit that you want, such as (t - t[0]) / "
            "numpy.timedelta64(1, 's'), or of datetime objects "
            "[(s - t[0]).total_seconds() for s in t]."
        )
    return data


def check_numbers(data: Any, name: str) -> Any:
    """As `check_values`; text is a ValueError too, even where it would read as a number."""
    data = check_values(data, name)
    _refuse_complex(data, name)
    if (text := _first_text(data)) is not None:
        raise ValueError(
            f"{name} holds text, such as {text!r}, and could not convert string to float: give "
            "numbers, such as those of numpy.asarray(text, dtype=float) where all of it are."
        )
    return data


def check_places(X: Any) -> Any:
    """X without masks, or a ValueError where it is no table or holds dates."""
    if X is None:
        raise ValueError("X is None: give the places of the samples, a row for each.")
    X = check_values(X, "X")
    if (n_axes := (X if hasattr(X, "ndim") else np.asarray(X)).ndim) < 2:
        kind = "1D" if n_axes else "scalar"
        raise ValueError(
            f"Expected 2D array, got {kind} array instead. {_reshaping(X)}. The classes of "
            "sk_pydelt.interpolation take curves and scalars as they are."
        )
    return X


def _reshaping(X):
    """What makes a table of a container or a number, by a method that it has."""
    if hasattr(X, "to_frame"):
        return "Reshape your data using X.to_frame(), a table of a single feature"
    made = "X.reshape({})" if hasattr(X, "reshape") else "numpy.reshape(X, ({}))"
    column, row = made.format("-1, 1"), made.format("1, -1")
    return (
        f"Reshape your data using {column} if it has a single feature or {row} if it is a single "
        "sample"
    )


def check_measured(y: ArrayLike, dy: np.ndarray | None = None) -> None:
    """Raise a ValueError where nothing of a row was measured, or an output nowhere.

    Parameters
    ----------
    y : array of shape (n, m)
        NaN where it was not measured.
    dy : array of shape (n, m, d), default=None
        NaN where it is unknown.
    """
    missing = np.isnan(np.asarray(y))
    empty = missing.all(axis=1)
    if dy is not None:
        empty &= np.isnan(dy).all(axis=(1, 2))
    if empty.any():
        raise ValueError(
            f"Input y contains NaN, and in {empty.sum()} of {len(missing)} rows nothing else is "
            "known: leave these rows out. NaN means that one of several outputs was not measured "
            "at a row, or only its slopes, fit(X, y, dy=dy)."
        )
    if missing.all(axis=0).any():
        raise ValueError(
            f"Input y contains NaN alone for output {int(np.argmax(missing.all(axis=0)))}: give "
            "at least one value of each output, or leave the output out."
        )


def check_rows(X: Any, y: Any) -> None:
    """Raise a ValueError where y has another number of rows than X, or none."""
    if y is None or np.isscalar(X):  # scikit-learn says what is missing
        return
    n, n_values = _num_samples(X), "none" if np.isscalar(y) else _num_samples(y)
    if n != n_values:
        raise ValueError(
            f"X and y must have a row for each sample: X has {n} and y {n_values}. (Found input "
            f"variables with inconsistent numbers of samples: [{n}, {n_values}])"
        )


def check_weight(
    sample_weight: ArrayLike | None, X: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | slice]:
    """The weights above zero, and their rows: a row of weight zero must not move a scaler."""
    if sample_weight is None:
        return None, slice(None)
    weight = check_numbers(sample_weight, "sample_weight")
    weight = _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
    kept = weight > 0
    if not kept.any():
        raise ValueError("sample_weight is zero for every sample: give at least one above zero.")
    weight = weight[kept]
    if weight.min() < WEIGHTS[0] or weight.max() > WEIGHTS[1]:
        raise ValueError(
            f"sample_weight must lie between {WEIGHTS[0]:g} and {WEIGHTS[1]:g} where it is not "
            f"zero, for a whole weight is that many copies of a row: divide all by one number; got "
            f"{weight.min():.1e} to {weight.max():.1e}."
        )
    return weight, kept


def _readable(data, name):
    """The data as they are, tensors as arrays; what NumPy cannot read is a TypeError."""
    if isinstance(data, np.ndarray) or not hasattr(data, "__array__"):
        return data if not isinstance(data, list | tuple) else _of_equal_rows(data, name)
    try:
        if is_torch_array(data):
            return np.asarray(data.cpu())
        np.asarray(data)
    except (TypeError, RuntimeError) as error:
        raise TypeError(
            f"{name} cannot be read as an array: {error} Give a NumPy array; of a torch tensor, "
            f"{name}.detach().cpu().double().numpy()."
        ) from error
    return data


def _of_equal_rows(data, name):
    """Lists as they are, or a ValueError where rows differ in length."""
    try:
        np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one length: {error}") from error
    return data


def _refuse_complex(data, name):
    """Refuse complex numbers."""
    array = data if hasattr(data, "shape") else np.asarray(data)
    if getattr(getattr(array, "dtype", None), "kind", "") == "c":
        raise ValueError(
            f"Complex data not supported: give the real and imaginary part of {name} apart, as two "
            f"columns; got dtype {array.dtype}."
        )


def _first_text(data):
    """An entry that is text, of a frame, an array or lists; None where there is none."""
    if hasattr(data, "dtypes") and not hasattr(data, "dtype"):
        columns = [_safe_indexing(data, i, axis=1) for i in range(data.shape[1])]
    else:
        columns = [data if hasattr(data, "dtype") else np.asarray(data)]
    for column in columns:
        dtype = column.dtype
        if getattr(dtype, "kind", "O") in "OUSTV" and not _is_number(dtype):
            for entry in np.asarray(column).ravel():
                if isinstance(entry, str | bytes):
                    return entry
    return None


def _is_number(dtype):
    """Whether a dtype of polars is one of numbers."""
    return hasattr(dtype, "is_numeric") and dtype.is_numeric()


def column_names(y: Any) -> np.ndarray | None:
    """Names of the columns of a frame, or that of a series; None where some have none.

    >>> import pandas as pd
    >>> column_names(pd.Series([1.0], name="u"))
    array(['u'], dtype=object)
    """
    names = list(y.columns) if hasattr(y, "columns") else [getattr(y, "name", None)]
    named = all(isinstance(name, str) and name for name in names)
    return np.array(names, dtype=object) if named else None


def _hold_times(data):
    """Whether some column of a frame, or some entry of an array, is a time."""
    if data is None:
        return False
    if hasattr(data, "dtypes") and not hasattr(data, "dtype"):
        kinds = enumerate(data.dtypes)
        return any(_is_time(kind, lambda i=i: _safe_indexing(data, i, axis=1)) for i, kind in kinds)
    array = data if hasattr(data, "dtype") else np.asarray(data)
    return _is_time(array.dtype, lambda: array)


def _is_time(dtype, values):
    """Whether a dtype is of times, or the `values` that it is of are times as objects."""
    if getattr(dtype, "kind", "") in ("m", "M") or str(dtype).lower().startswith(TIME_DTYPES):
        return True
    objects = np.asarray(values()).ravel() if str(dtype).lower() == "object" else ()
    return any(isinstance(entry, TIMES) for entry in objects)
