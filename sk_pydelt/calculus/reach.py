"""How far from the samples results are numbers: an error for places that are farther."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..jets.namespace import all_finite, as_numpy

__all__ = ["require_numbers", "without_overflow_warnings"]

HALVINGS = 2200  # from the largest float64 to below the smallest


def without_overflow_warnings() -> np.errstate:
    """A context for arithmetic whose results go to `require_numbers`."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def require_numbers(found: Any, X: Any, function: Callable[[int, np.ndarray], np.ndarray]) -> Any:
    """Results that are all numbers, or a ValueError that says how far is too far.

    Parameters
    ----------
    found : array or tensor of shape (n, ...)
    X : array or tensor of shape (n, d)
        The places. Rows with missing values are let pass.
    function : callable
        Of a row's number and places (k, d) of NumPy near it, the results there (k, ...).

    Returns
    -------
    array of shape (n, ...)
        `found`.

    Raises
    ------
    ValueError
        A row of `found` is not finite. The error has the nearest place, by halving the row, where
        the result is a number.
    """
    if all_finite(found):
        return found
    X, numbers = as_numpy(X), np.isfinite(as_numpy(found))
    wrong = ~numbers.all(axis=tuple(range(1, numbers.ndim))) & np.isfinite(X).all(axis=1)
    if not wrong.any():
        return found
    row = int(np.argmax(wrong))
    near = _nearest(X[row], lambda places: function(row, places))
    why = (
        "no place nearer to zero has one either, so the function itself has none"
        if near is None
        else f"that is too far from the samples. Up to {_shown(near)} it is one"
    )
    raise ValueError(
        f"The result at row {row} of X, {_shown(X[row])}, is no finite number of float64: {why}."
    )


def _shown(x):
    return np.array2string(x, precision=3, threshold=6)


def _nearest(x, function):
    """x, halved as often as it takes for a finite result; None where none is."""

    def finite(halvings):
        place = x * 2.0 ** -(halvings // 2) * 2.0 ** -(halvings - halvings // 2)
        return np.isfinite(function(place[None])).all()

    with without_overflow_warnings():
        if not finite(HALVINGS):
            return None
        too_few, enough = 0, HALVINGS
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            too_few, enough = (too_few, middle) if finite(middle) else (middle, enough)
    return x * 2.0**-enough
