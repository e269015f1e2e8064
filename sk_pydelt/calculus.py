"""Derivatives of fitted models: `differentiate` and the operators of vector calculus."""

import copy
from collections.abc import Callable
from functools import partial
from math import factorial, prod
from numbers import Integral

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted, validate_data

from .chain import entrance, propagate, propagate_std
from .jet import Jet, multi_indices
from .parallel import map_row_blocks

__all__ = [
    "Derivative",
    "check_places",
    "curl",
    "differentiate",
    "divergence",
    "gradient",
    "hessian",
    "jacobian",
    "laplacian",
    "strain_rate",
]

BLOCK_ROWS = 512  # a block's jets stay in the processor's cache; measured in benchmarks/


def differentiate(model, order=1) -> "Derivative":
    """A derivative of a fitted model, as a function of X in the units of the data.

    Parameters
    ----------
    model : fitted regressor
        One of this package's interpolators, or a scikit-learn pipeline or search that ends
        in one. The derivative belongs to the model as it is now: it keeps a copy.
    order : int or tuple of int, default=1
        An int k >= 1 is the tensor of all partial derivatives of order k; a tuple, one order
        for each feature, is that one mixed partial derivative.

    Returns
    -------
    Derivative

    Raises
    ------
    ValueError
        The order is not a positive whole number, or a tuple of another length than the
        number of features.
    TypeError
        A step of the model has no rule of differentiation.
    NotFittedError
        The model is not fitted.

    Notes
    -----
    Exact to rounding: Taylor arithmetic carries all partial derivatives through every step
    (Griewank & Walther 2008, "Evaluating Derivatives", chapter 13).

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator, differentiate
    >>> x = np.linspace(0, 1, 20).reshape(-1, 1)
    >>> spline = SplineInterpolator(smoothing=0.0).fit(x, x.ravel() ** 3)
    >>> differentiate(spline, order=2)([[0.5]]).round(6)
    array([3.])
    """
    return Derivative(model, order)


class Derivative:
    """A derivative of a fitted model: call it with X.

    Made by `differentiate`. It holds a copy of the model, so that it stays what it was when
    the model is fitted again, and can be pickled.

    Parameters
    ----------
    model : fitted regressor
    order : int or tuple of int
    """

    def __init__(self, model, order=1):
        check_is_fitted(model)
        self.order = _check_order(order, _n_features(model))
        _dry_run(model, np.sum(self.order))
        self.model = copy.deepcopy(model)

    def __repr__(self):
        return f"Derivative of order {self.order} of {self.model!r}"

    def __call__(self, X, return_std=False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Evaluate the derivative.

        Parameters
        ----------
        X : array-like of shape (n, d)
        return_std : bool, default=False
            Whether to return its standard deviation too, where the model is probabilistic.

        Returns
        -------
        array
            For an int order k: (n, m, d, ..., d) with k trailing axes, for d = 1 without them;
            for a tuple: (n, m). The axis of the m outputs is there when y was 2-D. Units: those
            of y over those of the features, each to its order.
        array of the same shape
            The standard deviation, with ``return_std=True``: of the function without noise.
        """
        values = self._shaped(X, self._values)
        return (values, self._shaped(X, self._stds)) if return_std else values

    def _shaped(self, X, evaluate):
        values = evaluate(X)
        if not isinstance(self.order, tuple) and _n_features(self.model) == 1:
            values = values.reshape(values.shape[:2])
        return _drop_output_axis(self.model, X, values)

    def _values(self, X):
        if isinstance(self.order, tuple):
            return _mixed_partial(self.model, X, self.order)
        return _evaluate(self.model, X, self.order, lambda jet: jet.tensor(self.order))

    def _stds(self, X):
        if isinstance(self.order, tuple):
            return _mixed_partial(self.model, X, self.order, propagate_std)
        return _tensor_std(self.model, X, self.order)


def _check_order(order, n_features):
    """The order as an int or a tuple of int, or a ValueError that says what is wrong with it."""
    several = isinstance(order, (tuple, list, np.ndarray)) and np.ndim(order) > 0
    orders = tuple(order) if several else (order,)
    whole = all(isinstance(k, Integral) and not isinstance(k, bool) for k in orders)
    if not whole or any(k < 0 for k in orders) or sum(orders) < 1:
        raise ValueError(
            "order must be a whole number >= 1, or one whole number >= 0 for each feature with at "
            f"least one above 0; got {order!r}. For the function itself, use predict."
        )
    if not several:
        return int(order)
    if len(orders) != n_features:
        raise ValueError(
            f"order has {len(orders)} entries, but the model was fitted with {n_features} "
            f"features: give one order for each feature; got {order!r}."
        )
    return tuple(map(int, orders))


def _dry_run(model, order):
    """Propagate a jet without rows: rules warn, or say what they can't do, and outputs show."""
    return propagate(model, Jet.variables(np.empty((0, _n_features(model))), int(order)))


def _n_features(model):
    return entrance(model).n_features_in_


def check_places(X) -> None:
    """Raise a ValueError for X that is one-dimensional or holds dates, and say what to do."""
    dtypes = [X.dtype] if hasattr(X, "dtype") else getattr(X, "dtypes", ())
    if any(
        str(dtype).startswith(("datetime", "timedelta", "Date", "Duration")) for dtype in dtypes
    ):
        raise ValueError(
            "X holds dates or durations, which have no unit to differentiate by. Convert them to "
            "numbers in the unit that you want, such as (t - t[0]) / numpy.timedelta64(1, 's')."
        )
    if (X if hasattr(X, "ndim") else np.asarray(X)).ndim == 1:
        raise ValueError(
            "Expected 2D array, got 1D array instead. Reshape your data using X.reshape(-1, 1) if "
            "it has a single feature or X.reshape(1, -1) if it is a single sample. The classes of "
            "sk_pydelt.interpolation take curves and scalars as they are."
        )


def _evaluate(model, X, order, extract: Callable, directions=None, rule=propagate):
    """Propagate blocks of rows through a model and put what is extracted under each other."""
    check_places(X)
    X = validate_data(entrance(model), X, reset=False, dtype=np.float64, order="C", estimator=model)

    def block(rows):
        return extract(rule(model, Jet.variables(rows, order, directions)))

    return map_row_blocks(block, X, BLOCK_ROWS)


def _mixed_partial(model, X, orders, rule=None):
    """One mixed partial: only the features that are differentiated become variables of the jet."""
    active = [i for i, k in enumerate(orders) if k]
    index = tuple(orders[i] for i in active)
    directions = np.eye(len(orders))[active]
    if rule is None:
        return _evaluate(model, X, sum(index), lambda jet: jet.partial(index), directions)
    std = partial(rule, index=index)
    return _evaluate(model, X, sum(index), lambda values: values, directions, std)


def _tensor_std(model, X, order):
    """Standard deviations of all derivatives of one order, in the shape of `Jet.tensor`."""

    def spread(model, jet):
        indices = multi_indices(jet.n_variables, order)
        stds = [propagate_std(model, jet, a) / prod(map(factorial, a)) for a in indices]
        below = [np.zeros((1, *stds[0].shape))] * order
        return Jet([*below, np.stack(stds)], order, jet.n_variables)

    return _evaluate(model, X, order, lambda jet: jet.tensor(order), rule=spread)


def _drop_output_axis(model, X, values):
    """Take the axis of the outputs away where the model, fitted with 1-D y, predicts 1-D."""
    if not hasattr(model, "predict"):  # a transformer, or a pipeline of them
        return values
    one_dimensional = np.ndim(model.predict(_safe_indexing(X, slice(0, 1)))) == 1
    return values[:, 0] if one_dimensional else values


def _check_outputs(model, name, allowed, rule):
    """Raise a ValueError where an operator does not exist for the number of outputs."""
    check_is_fitted(model)
    n_outputs, n_features = _dry_run(model, 1).value.shape[1], _n_features(model)
    if not allowed(n_outputs, n_features):
        raise ValueError(
            f"{name} needs {rule}; this model has {n_outputs} output(s) of {n_features} feature(s)."
        )


def jacobian(model, X, return_std=False):
    """First derivatives of every output by every feature.

    Parameters
    ----------
    model : fitted regressor with m outputs and d features
    X : array-like of shape (n, d)
    return_std : bool, default=False
        Whether to return the standard deviation too, an array of the same shape, where the model
        is probabilistic.

    Returns
    -------
    array of shape (n, m, d)
        Entry (i, j, k) is ∂y_j/∂x_k at row i, in units of y_j per unit of x_k.
    """
    check_is_fitted(model)
    values = _evaluate(model, X, 1, lambda jet: jet.tensor(1))
    return (values, _tensor_std(model, X, 1)) if return_std else values


def gradient(model, X, return_std=False):
    """First derivatives of the single output.

    Parameters
    ----------
    model : fitted regressor with one output and d features
    X : array-like of shape (n, d)
    return_std : bool, default=False
        Whether to return the standard deviation too, an array of the same shape, where the model
        is probabilistic.

    Returns
    -------
    array of shape (n, d)

    Raises
    ------
    ValueError
        The model has more than one output.
    """
    _check_outputs(model, "gradient", lambda m, d: m == 1, "one output (see jacobian)")
    if return_std:
        return tuple(values[:, 0] for values in jacobian(model, X, return_std=True))
    return jacobian(model, X)[:, 0]


def hessian(model, X, return_std=False):
    """Second derivatives of each output.

    Parameters
    ----------
    model : fitted regressor with d features
    X : array-like of shape (n, d)
    return_std : bool, default=False
        Whether to return the standard deviation too, an array of the same shape, where the model
        is probabilistic.

    Returns
    -------
    array of shape (n, d, d), or (n, m, d, d) where y was 2-D
    """
    check_is_fitted(model)
    _dry_run(model, 2)
    values = _drop_output_axis(model, X, _evaluate(model, X, 2, lambda jet: jet.tensor(2)))
    if not return_std:
        return values
    return values, _drop_output_axis(model, X, _tensor_std(model, X, 2))


def laplacian(model, X) -> np.ndarray:
    """Sum of the unmixed second derivatives of each output, ∇²y.

    The mixed ones are not computed: the cost grows as the number of features.

    Parameters
    ----------
    model : fitted regressor with d features
    X : array-like of shape (n, d)

    Returns
    -------
    array of shape (n,), or (n, m) where y was 2-D
    """
    check_is_fitted(model)
    _dry_run(model, 2)
    axes = np.eye(_n_features(model))
    total = sum(_evaluate(model, X, 2, lambda jet: jet.partial((2,)), axis[None]) for axis in axes)
    return _drop_output_axis(model, X, total)


def divergence(model, X) -> np.ndarray:
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
    """
    _check_outputs(model, "divergence", lambda m, d: m == d, "as many outputs as features")
    return np.trace(jacobian(model, X), axis1=1, axis2=2)


def curl(model, X) -> np.ndarray:
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
    """
    rule = "2 features and 2 outputs, or 3 and 3"
    _check_outputs(model, "curl", lambda m, d: m == d and d in (2, 3), rule)
    J = jacobian(model, X)
    if J.shape[2] == 2:
        return J[:, 1, 0] - J[:, 0, 1]
    pairs = ((2, 1), (0, 2), (1, 0))
    return np.stack([J[:, i, j] - J[:, j, i] for i, j in pairs], axis=1)


def strain_rate(model, X) -> np.ndarray:
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
    """
    _check_outputs(model, "strain_rate", lambda m, d: m == d, "as many outputs as features")
    J = jacobian(model, X)
    return (J + J.swapaxes(1, 2)) / 2
