"""Tensors of derivatives of fitted models: Jacobian, gradient, Hessian."""

from collections.abc import Callable
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..state import reads_one_state
from .evaluation import all_partials, drop_output_axis, dry_run, tensor_std
from .rows import Rows, n_features, require_fitted, validate_rows

__all__ = ["enter", "gradient", "hessian", "jacobian"]


@overload
def jacobian(
    model: BaseEstimator, X: ArrayLike, return_std: Literal[False] = False
) -> np.ndarray: ...


@overload
def jacobian(
    model: BaseEstimator, X: ArrayLike, return_std: Literal[True]
) -> tuple[np.ndarray, np.ndarray]: ...


@overload
def jacobian(
    model: BaseEstimator, X: ArrayLike, return_std: bool
) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...


@reads_one_state
def jacobian(
    model: BaseEstimator, X: ArrayLike, return_std: bool = False
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """First derivatives of every output by every feature.

    Parameters
    ----------
    model : fitted regressor with m outputs and d features
    X : array-like of shape (n, d)
    return_std : bool, default=False
        Whether to return the standard deviation too, an array of the same shape, of a model that
        knows it (see `Derivative`).

    Returns
    -------
    array of shape (n, m, d)
        Entry (i, j, k) is ∂y_j/∂x_k at row i, in units of y_j per unit of x_k; NaN where x_k is a
        column of a frame that holds no numbers.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt import jacobian
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> jacobian(flow, [[5, 6]]).round(6)
    array([[[1., 3.],
            [2., 4.]]])
    """
    return _tensor(model, enter(model, X, 1), 1, return_std)


@overload
def gradient(
    model: BaseEstimator, X: ArrayLike, return_std: Literal[False] = False
) -> np.ndarray: ...


@overload
def gradient(
    model: BaseEstimator, X: ArrayLike, return_std: Literal[True]
) -> tuple[np.ndarray, np.ndarray]: ...


@overload
def gradient(
    model: BaseEstimator, X: ArrayLike, return_std: bool
) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...


@reads_one_state
def gradient(
    model: BaseEstimator, X: ArrayLike, return_std: bool = False
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """First derivatives of the single output.

    Parameters
    ----------
    model : fitted regressor with one output and d features
    X : array-like of shape (n, d)
    return_std : bool, default=False
        Whether to return the standard deviation too, an array of the same shape, of a model that
        knows it (see `Derivative`).

    Returns
    -------
    array of shape (n, d)

    Raises
    ------
    ValueError
        The model has more than one output.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt import gradient
    >>> model = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [0, 2, 3])
    >>> gradient(model, [[5, 6]]).round(6)
    array([[2., 3.]])
    """
    rule = "gradient needs one output (see jacobian)"
    rows = enter(model, X, 1, lambda m, d: m == 1, rule)
    found = _tensor(model, rows, 1, return_std)
    return tuple(values[:, 0] for values in found) if return_std else found[:, 0]


@overload
def hessian(
    model: BaseEstimator, X: ArrayLike, return_std: Literal[False] = False
) -> np.ndarray: ...


@overload
def hessian(
    model: BaseEstimator, X: ArrayLike, return_std: Literal[True]
) -> tuple[np.ndarray, np.ndarray]: ...


@overload
def hessian(
    model: BaseEstimator, X: ArrayLike, return_std: bool
) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...


@reads_one_state
def hessian(
    model: BaseEstimator, X: ArrayLike, return_std: bool = False
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Second derivatives of each output.

    Parameters
    ----------
    model : fitted regressor with d features
    X : array-like of shape (n, d)
    return_std : bool, default=False
        Whether to return the standard deviation too, an array of the same shape, of a model that
        knows it (see `Derivative`).

    Returns
    -------
    array of shape (n, d, d), or (n, m, d, d) where y was 2-D

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt import hessian
    >>> model = make_pipeline(PolynomialFeatures(2), LinearRegression())
    >>> model = model.fit([[-1.0], [0.0], [1.0], [2.0]], [1.0, 0.0, 1.0, 4.0])
    >>> hessian(model, [[0.5]]).round(6)
    array([[[2.]]])
    """
    found = _tensor(model, enter(model, X, 2), 2, return_std)
    if return_std:
        values, std = found
        return drop_output_axis(model, X, values), drop_output_axis(model, X, std)
    return drop_output_axis(model, X, found)


def enter(
    model: BaseEstimator,
    X: ArrayLike,
    order: int,
    allowed: Callable[[int, int], bool] | None = None,
    rule: str = "",
) -> Rows:
    """The checked rows of X, for a fitted model through which a jet of that order has passed.

    Where the model has outputs and features in numbers that are not `allowed`, it is a ValueError
    that says the `rule`.
    """
    require_fitted(model)
    rows = validate_rows(model, X)
    m, d = dry_run(model, order, rows).value.shape[1], n_features(model)
    if allowed is not None and not allowed(m, d):
        raise ValueError(f"{rule}; this model has {m} output(s) of {d} feature(s).")
    return rows


def _tensor(model, rows, order, return_std):
    """All derivatives of an order, (n, m, d, ...), with their standard deviations or without."""
    values = all_partials(model, rows, order)
    return (values, tensor_std(model, rows, order)) if return_std else values
