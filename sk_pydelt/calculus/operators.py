"""The operators of vector calculus on fitted models."""

from functools import reduce
from itertools import combinations
from operator import add

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array

from ..checks import check_numbers
from ..jets.namespace import namespace
from ..state import reads_one_state
from .evaluation import (
    all_partials,
    check_order,
    drop_output_axis,
    evaluate,
)
from .rows import require_fitted
from .tensors import enter

__all__ = [
    "biharmonic",
    "curl",
    "directional_derivative",
    "divergence",
    "laplacian",
    "strain_rate",
    "vorticity",
]


@reads_one_state
def laplacian(model: BaseEstimator, X: ArrayLike) -> np.ndarray:
    """Sum of the unmixed second derivatives of each output, ∇²y.

    The mixed ones are not computed: the cost grows as the number of features.

    Parameters
    ----------
    model : fitted regressor with d features
    X : array-like of shape (n, d)

    Returns
    -------
    array of shape (n,), or (n, m) where y was 2-D

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt import laplacian
    >>> model = make_pipeline(PolynomialFeatures(2), LinearRegression())
    >>> model = model.fit([[-1.0], [0.0], [1.0], [2.0]], [1.0, 0.0, 1.0, 4.0])
    >>> laplacian(model, [[0.5]]).round(6)
    array([2.])
    """
    rows = enter(model, X, 2)
    second = [evaluate(model, rows, 2, lambda j: j.partial((2,)), axis[None]) for axis in rows.axes]
    return drop_output_axis(model, X, reduce(add, second))


@reads_one_state
def divergence(model: BaseEstimator, X: ArrayLike) -> np.ndarray:
    """Divergence ∇·v of a vector field: the trace of its Jacobian.

    Parameters
    ----------
    model : fitted regressor with as many outputs as features
    X : array-like of shape (n, d)

    Returns
    -------
    array of shape (n,)

    Raises
    ------
    ValueError
        The numbers of outputs and features differ.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt import divergence
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> divergence(flow, [[5, 6]]).round(6)
    array([5.])
    """
    J = _square_jacobian(model, X, "divergence")
    return namespace(J).linalg.trace(J)


@reads_one_state
def curl(model: BaseEstimator, X: ArrayLike) -> np.ndarray:
    """Curl ∇×v of a vector field in two or three dimensions.

    Parameters
    ----------
    model : fitted regressor with 2 features and 2 outputs, or 3 and 3
    X : array-like of shape (n, 2) or (n, 3)

    Returns
    -------
    array of shape (n,) or (n, 3)
        In the plane, the vorticity ∂v/∂x − ∂u/∂y.

    Raises
    ------
    ValueError
        Features and outputs are not two and two, or three and three.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt import curl
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> curl(flow, [[5, 6]]).round(6)
    array([-1.])
    """
    rule = "curl needs 2 features and 2 outputs, or 3 and 3"
    rows = enter(model, X, 1, lambda m, d: m == d and d in (2, 3), rule)
    J = all_partials(model, rows, 1)
    if J.shape[2] == 2:
        return J[:, 1, 0] - J[:, 0, 1]
    pairs = ((2, 1), (0, 2), (1, 0))
    return namespace(J).stack([J[:, i, j] - J[:, j, i] for i, j in pairs], axis=1)


@reads_one_state
def strain_rate(model: BaseEstimator, X: ArrayLike) -> np.ndarray:
    """Strain-rate tensor of a velocity field: the symmetric part of its Jacobian.

    Parameters
    ----------
    model : fitted regressor with as many outputs as features
    X : array-like of shape (n, d)

    Returns
    -------
    array of shape (n, d, d)

    Raises
    ------
    ValueError
        The numbers of outputs and features differ.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt import strain_rate
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> strain_rate(flow, [[5, 6]]).round(6)
    array([[[1. , 2.5],
            [2.5, 4. ]]])
    """
    J = _square_jacobian(model, X, "strain_rate")
    return (J + J.swapaxes(1, 2)) / 2


@reads_one_state
def vorticity(model: BaseEstimator, X: ArrayLike) -> np.ndarray:
    """Vorticity ∇×v of a flow: `curl` under its name in fluid mechanics, (n,) in the plane.

    Examples
    --------
    A solid that turns once in 2π has twice its angular velocity:

    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt import vorticity
    >>> turning = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [0, 1], [-1, 0]])
    >>> vorticity(turning, [[5, 6]]).round(6)
    array([2.])
    """
    return curl(model, X)


@reads_one_state
def directional_derivative(
    model: BaseEstimator, X: ArrayLike, direction: ArrayLike, order: int = 1
) -> np.ndarray:
    """Derivative along a straight line: d^k/dt^k of y(x + t v) at t = 0.

    Parameters
    ----------
    model : fitted regressor with d features
    X : array-like of shape (n, d)
    direction : array-like of shape (d,) or (n, d)
        v, one for all rows or one for each, in the units of the features. It is not normalised:
        twice the direction gives 2^k times the derivative.
    order : int, default=1
        k. The cost grows as its square, whatever the number of features.

    Returns
    -------
    array of shape (n,), or (n, m) where y was 2-D

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt import directional_derivative
    >>> model = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [0, 2, 3])
    >>> directional_derivative(model, [[0, 0]], [1, 1]).round(6)
    array([5.])
    """
    require_fitted(model)
    if isinstance(check_order(order, model), tuple):
        raise ValueError(f"order must be a whole number >= 1; got {order!r}.")
    rows = enter(model, X, order)
    v = check_numbers(direction, "direction")
    v = check_array(v, dtype=np.float64, ensure_2d=False, input_name="direction")
    shape = rows.values.shape
    if v.shape not in (shape, shape[1:]):
        raise ValueError(
            f"direction must have shape {shape[1:]} or {shape}, one for all rows or one for each; "
            f"got {v.shape}."
        )
    values = evaluate(model, rows, order, lambda jet: jet.partial((order,)), v[None])
    return drop_output_axis(model, X, values)


@reads_one_state
def biharmonic(model: BaseEstimator, X: ArrayLike) -> np.ndarray:
    """Laplacian of the Laplacian, ∇⁴y: the sum of ∂⁴y/∂x_i²∂x_j² over all i and j.

    Each pair of features is propagated by itself: the cost grows as the square of their number.

    Parameters
    ----------
    model : fitted regressor with d features
    X : array-like of shape (n, d)

    Returns
    -------
    array of shape (n,), or (n, m) where y was 2-D

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt import biharmonic
    >>> model = make_pipeline(PolynomialFeatures(4), LinearRegression())
    >>> model = model.fit([[-2.0], [-1.0], [0.0], [1.0], [2.0]], [16.0, 1.0, 0.0, 1.0, 16.0])
    >>> biharmonic(model, [[0.5]]).round(6)
    array([24.])
    """
    rows = enter(model, X, 4)
    axes = rows.axes
    pure = (evaluate(model, rows, 4, lambda j: j.partial((4,)), axis[None]) for axis in axes)
    total = reduce(add, pure)
    for i, j in combinations(range(len(axes)), 2):
        mixed = evaluate(model, rows, 4, lambda jet: jet.partial((2, 2)), axes[[i, j]])
        total = total + 2 * mixed
    return drop_output_axis(model, X, total)


def _square_jacobian(model, X, name):
    """Jacobian of a field with as many outputs as features."""
    rule = f"{name} needs as many outputs as features"
    rows = enter(model, X, 1, lambda m, d: m == d, rule)
    return all_partials(model, rows, 1)
