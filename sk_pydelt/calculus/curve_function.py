"""Models of one feature, and derivatives of such, as functions of an array of places."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..chain import entrance
from ..checks import described, unmasked
from .derivative import Derivative
from .frames import named_column
from .rows import n_features, require_fitted

__all__ = ["check_limits", "curve_function", "estimator_and_order"]


def estimator_and_order(model: BaseEstimator | Derivative) -> tuple[BaseEstimator, int]:
    """The estimator, and which derivative of it by its one feature a model is; 0 for itself."""
    if not isinstance(model, Derivative):
        return model, 0
    return model.model, int(np.sum(model.order))


def curve_function(model: Any, asks: str) -> Callable:
    """The function of places (k,) that a model is: values (k,) or (k, m).

    Parameters
    ----------
    model : fitted estimator of one feature, or Derivative of one
    asks : str
        Name of the function that takes it.

    Raises
    ------
    ValueError
        More than one feature.
    """
    estimator, _ = estimator_and_order(model)
    require_fitted(estimator)
    if n_features(estimator) != 1:
        raise ValueError(
            f"{asks} takes a function of one feature; this model has {n_features(estimator)}."
        )
    function: Callable = model.predict if model is estimator else _as_array(model)
    return lambda x: np.asarray(function(named_column(x, entrance(estimator))))


def check_limits(name: str, limits: ArrayLike, most_axes: int) -> np.ndarray:
    """Limits as an array of float64, which has one axis at most where there may be several."""
    try:
        array = np.asarray(unmasked(limits))
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors of torch
        raise TypeError(f"{name} cannot be read as an array of numbers: {error}") from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be a real number, in units of x; got {described(limits)}.")
    if array.ndim > most_axes:
        kinds = "one number", "a number or a one-dimensional array"
        raise ValueError(f"{name} must be {kinds[most_axes]}; got shape {array.shape}.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, for there are no samples at infinity; got {described(limits)}."
        )
    return array.reshape(-1) if most_axes else array


def _as_array(derivative):
    return copy(derivative).set_output(transform="default")
