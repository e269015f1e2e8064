"""Data as users bring them: masked arrays, dates and durations, weights, values not measured."""

from datetime import date, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "check_measured",
    "check_places",
    "check_values",
    "check_weight",
    "described",
    "unmasked",
]

SHOWN = 60  # characters of a value in a message, at most

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
    """The data without masks, or a ValueError where they are dates or durations."""
    data = unmasked(data)
    if _hold_times(data):
        raise ValueError(
            f"{name} holds dates or durations, which have no unit to differentiate by. Convert "
            "them to numbers in the unit that you want, such as (t - t[0]) / "
            "numpy.timedelta64(1, 's'), or of datetime objects "
            "[(s - t[0]).total_seconds() for s in t]."
        )
    return data


def check_places(X: Any) -> Any:
    """X without masks, or a ValueError where it is one-dimensional or holds dates."""
    X = check_values(X, "X")
    if (X if hasattr(X, "ndim") else np.asarray(X)).ndim == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead. {_reshaping(X)}. The classes of "
            "sk_pydelt.interpolation take curves and scalars as they are."
        )
    return X


def _reshaping(X):
    """What makes a table of a one-dimensional container, by a method that it has."""
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


def check_weight(
    sample_weight: ArrayLike | None, X: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | slice]:
    """The weights above zero, and their rows: a row of weight zero must not move a scaler."""
    if sample_weight is None:
        return None, slice(None)
    weight = check_values(sample_weight, "sample_weight")
    weight = _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
    kept = weight > 0
    if not kept.any():
        raise ValueError("sample_weight is zero for every sample: give at least one above zero.")
    return weight[kept], kept


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
