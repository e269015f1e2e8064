"""Curves and scalars in place of tables: 1-D arrays, lists and numbers as X."""

from numbers import Integral
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing

from .calculus import Derivative
from .checks import described, unmasked
from .tensors import is_tensor

__all__ = ["CurveDerivative", "check_curve", "column", "like"]


def ndim(X: Any) -> int:
    """Number of axes of an array, frame, list or number."""
    return X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim


def column(X: Any) -> Any:
    """The places along a curve, or a single one, as a column; 2-D X as it is."""
    X = unmasked(X)
    if ndim(X) >= 2:
        return X
    return (X if is_tensor(X) else np.asarray(X)).reshape(-1, 1)


def check_curve(X: Any, model: BaseEstimator) -> None:
    """Raise a ValueError where places along a curve are not what the model was fitted to."""
    if ndim(X) < 2 and model.n_features_in_ != 1:
        shape = f"(n, {model.n_features_in_})"
        raise ValueError(
            f"X is {ndim(X)}-D, which is a place or places along a curve, but this model was "
            f"fitted with {model.n_features_in_} features. Reshape your data to {shape}, which is "
            f"all that the strict class sk_pydelt.{type(model).__name__} takes; got {described(X)}."
        )


def like(X: Any, values: np.ndarray) -> Any:
    """The values as they are for an array X; for a number its one value, out of the array."""
    if ndim(X) or len(values) != 1:
        return values
    return values[0] if values.ndim > 1 or is_tensor(values) else float(values[0])


class CurveDerivative:
    """A derivative as pydelt gives it: a function of places along a curve, or of 2-D X.

    Made by the `differentiate` methods of this module. It can be pickled.

    Parameters
    ----------
    derivative : sk_pydelt.Derivative
    mask : array-like of bool or int, default=None
        Which of the points it will be called with are evaluated: one Boolean for each, or the
        indices of some.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt.interpolation import SplineInterpolator
    >>> t = np.linspace(0, 2, 20)
    >>> slope = SplineInterpolator(smoothing=0.0).fit(t, t**3).differentiate(order=1)
    >>> round(slope(1.0), 6), slope([0.5, 1.0, 1.5]).round(6)
    (3.0, array([0.75, 3.  , 6.75]))
    """

    def __init__(self, derivative: Derivative, mask: ArrayLike | None = None) -> None:
        self.derivative = derivative.set_output(transform="default")
        self.mask = None if mask is None else _check_mask(mask)

    def __repr__(self):
        return f"{self.derivative!r}" + ("" if self.mask is None else f" at mask {self.mask}")

    @overload
    def __call__(self, X: ArrayLike, return_std: Literal[False] = False) -> float | np.ndarray: ...

    @overload
    def __call__(
        self, X: ArrayLike, return_std: Literal[True]
    ) -> tuple[float | np.ndarray, float | np.ndarray]: ...

    def __call__(
        self, X: ArrayLike, return_std: bool = False
    ) -> float | np.ndarray | tuple[float | np.ndarray, float | np.ndarray]:
        """Evaluate the derivative.

        Parameters
        ----------
        X : float, or array-like of shape (n,) or (n, d)
        return_std : bool, default=False
            Whether to return its standard deviation, too, where the model has error bars.

        Returns
        -------
        float or array, or two of them with ``return_std=True``
            For a number and one output a float; else as `sk_pydelt.Derivative`, with the rows that
            the mask picks.
        """
        check_curve(X, self.derivative.model)
        rows = column(X)
        if self.mask is not None:
            rows = _pick(rows, self.mask)
        is_empty = len(rows) == 0
        rows = column(X)[:1] if is_empty else rows
        found = self.derivative(rows, True) if return_std else (self.derivative(rows),)
        parts = [part[:0] if is_empty else like(X, part) for part in found]
        return (parts[0], parts[1]) if return_std else parts[0]


def _check_mask(mask):
    mask = np.asarray(mask)
    if mask.size == 0:
        mask = mask.astype(int)
    if mask.ndim != 1 or not issubclass(mask.dtype.type, Integral | np.bool_):
        raise ValueError(
            "mask must be a 1-D array of Booleans, one for each point, or of the indices of some "
            f"points; got {described(mask)}."
        )
    return mask


def _pick(rows, mask):
    if mask.dtype == bool and len(mask) != len(rows):
        raise ValueError(
            f"Boolean mask length {len(mask)} is not the number of points, {len(rows)}: give one "
            "Boolean for each point, or the indices of some."
        )
    return _safe_indexing(rows, mask)
