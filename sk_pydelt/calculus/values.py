"""The function itself beside its derivatives: order 0 as any other."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..chain import propagate, propagate_std
from .derivative import differentiate
from .evaluation import Order, drop_output_axis, map_jets
from .rows import require_fitted, validate_rows

__all__ = ["values"]


def values(
    model: BaseEstimator, X: ArrayLike, order: Order, return_std: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """A derivative, or the function for an order of 0, and its standard deviation where asked.

    Of the same shapes as ``differentiate(model, order)(X)``; units of y for order 0. The standard
    deviation is that of the function, without noise, and None where it is not asked for.
    """
    orders: Any = list(order.values()) if isinstance(order, dict) else order
    if np.any(orders):
        derivative = differentiate(model, order).set_output(transform="default")
        return derivative(X, return_std=True) if return_std else (derivative(X), None)
    require_fitted(model)
    rows = validate_rows(model, X)

    def mean(jet):
        return propagate(model, jet).value

    def std(jet):
        return propagate_std(model, jet, (0,) * jet.n_variables)

    found = [map_jets(model, rows, 0, None, f) for f in ((mean, std) if return_std else (mean,))]
    mean_and_std = [drop_output_axis(model, X, part) for part in found]
    return mean_and_std[0], (mean_and_std[1] if return_std else None)
