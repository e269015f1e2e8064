"""Means of targets that were transformed, and of their derivatives; functions drawn."""

from numbers import Integral
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from ..chain import latent
from ..chain.arrays import apply_rule
from ..chain.links import draws_of_link, moments_of_link
from ..state import reads_one_state
from .evaluation import (
    Order,
    check_order,
    check_tensor_size,
    drop_output_axis,
    dry_run,
    map_jets,
    only_active,
    tensor_of_partials,
)
from .rows import n_features, require_fitted, validate_rows

__all__ = ["expectation", "sample"]


@overload
def expectation(
    model: BaseEstimator,
    X: ArrayLike,
    order: Order = 0,
    *,
    noise: bool = True,
    return_std: Literal[False] = False,
) -> np.ndarray: ...


@overload
def expectation(
    model: BaseEstimator,
    X: ArrayLike,
    order: Order = 0,
    *,
    noise: bool = True,
    return_std: Literal[True],
) -> tuple[np.ndarray, np.ndarray]: ...


@reads_one_state
def expectation(
    model: BaseEstimator,
    X: ArrayLike,
    order: Order = 0,
    *,
    noise: bool = True,
    return_std: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    r"""Mean of y at places X, or of a derivative of it, where the target was transformed.

    Of a model that was fitted to a transformed target, as by `TransformedTargetRegressor` or with
    a `y_scaler`, `predict` gives g(mean of f): the median of y, where g is monotone. Its mean is
    another. With f normal of mean μ and variance v, and noise ε of variance σ², a lognormal
    y = exp(f + ε) has the mean :math:`\exp(\mu + (v + \sigma^2) / 2)` and the derivative
    :math:`(\mu' + \operatorname{cov}(f, f'))` times that, which is Itô's correction.

    It is computed from the joint distribution of f and its derivatives at each place, a normal one
    or a mixture of such, for any g that has a rule of differentiation: exactly in the derivatives,
    by 64 nodes of Gauss and Hermite in f, and by 6001 where g has kinks.

    Parameters
    ----------
    model : fitted estimator
        One that knows how it is distributed, a `BayesianNeuralNetworkInterpolator`, a
        `SplineInterpolator`, a `GaussianProcessRegressor`, `BayesianRidge` or `ARDRegression`, at
        the end of a pipeline or search and within a `TransformedTargetRegressor` too.
    X : array-like of shape (n, d)
    order : int, tuple of int or dict of int, default=0
        0 is y itself, all else as in `differentiate`.
    noise : bool, default=True
        Whether of y = g(f + ε), with ε the noise of a sample; a derivative is by x, for an ε that
        stays. False is of g(f), as `sample` draws it.
    return_std : bool, default=False
        Whether to return the standard deviation of the same, too: with noise that of a new sample.

    Returns
    -------
    array of the shape of `predict`, or for a derivative of that of `differentiate`
        In units of y, over those of the features for derivatives.
    std : array of the same shape
        With ``return_std=True``.

    Raises
    ------
    TypeError
        It is not known how the model is distributed; or the transformer of the target mixes
        outputs or has no derivative.
    ValueError
        An order that does not fit; noise that is not normal (``noise="student"``) or not known; f
        lies, with a probability that counts, where g is not defined; an order so high that it takes
        a million nodes.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press 2006, 9.4
    (derivatives); J. Aitchison, J. A. C. Brown, The Lognormal Distribution, Cambridge 1957.

    Examples
    --------
    Growth with noise in proportion: the median, and the mean, which is higher by some σ²/2:

    >>> import numpy as np
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.linear_model import BayesianRidge
    >>> from sk_pydelt import expectation
    >>> x = np.linspace(0, 3, 400).reshape(-1, 1)
    >>> y = np.exp(x.ravel() + np.random.default_rng(0).normal(0, 0.8, 400))
    >>> model = TransformedTargetRegressor(BayesianRidge(), func=np.log, inverse_func=np.exp)
    >>> model = model.fit(x, y)
    >>> np.round(expectation(model, [[1.0]]) / model.predict([[1.0]]), 2)
    array([1.37])
    >>> round(float(np.exp(0.8**2 / 2)), 2)
    1.38
    """
    require_fitted(model)
    rows = validate_rows(model, X)
    d = n_features(model)

    def moments(jet, index):
        return apply_rule(_moments, model, jet, index, noise)

    def partial(model, rows, orders):
        index, directions = only_active(orders) if any(orders) else ((0,), np.eye(d)[:1])
        return map_jets(model, rows, sum(index), directions, lambda jet: moments(jet, index))

    orders = _order(order, model)
    if isinstance(orders, tuple):
        found = partial(model, rows, orders)
    else:
        found = tensor_of_partials(partial, model, rows, orders)
    each = [drop_output_axis(model, X, found[:, i]) for i in (0, 1)]
    return (each[0], each[1]) if return_std else each[0]


def _moments(model, jet, index, noise):
    """Mean and standard deviation of a partial derivative, (n, 2, m)."""
    return np.stack(moments_of_link(latent(model, jet), index, noise), axis=1)


@reads_one_state
def sample(
    model: BaseEstimator,
    X: ArrayLike,
    n_samples: int = 1,
    order: Order = 0,
    random_state: int | np.random.RandomState | None = None,
) -> np.ndarray:
    """Draw functions, or derivatives of them, from what is known of a fitted model.

    The method of that name of this package's interpolators, for every model that `expectation`
    takes, and through the transformer of its target. A draw is without the noise of samples.

    Parameters
    ----------
    model : fitted estimator
        As of `expectation`.
    X : array-like of shape (n, d)
    n_samples : int, default=1
    order : int, tuple of int or dict of int, default=0
        0 is the functions themselves, a tuple (one order for each feature) one mixed partial,
        and so is a dict from names of features to their orders; with one feature an int k is
        the k-th derivative.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    array of shape (n_samples, n) or (n_samples, n, m), as y was
        In the units of y, over those of the features for derivatives. Each draw is one function at
        all rows. Memory grows as the square of n for a Gaussian process.

    Raises
    ------
    TypeError
        It is not known how the model is distributed, or the transformer of its target has no
        derivative.
    ValueError
        An order that does not fit the features; `n_samples` that is no whole number >= 0; draws
        that lie where the inverse of the target's transformer is not defined.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from sk_pydelt import differentiate, sample
    >>> x = np.linspace(0, 6, 7).reshape(-1, 1)
    >>> process = GaussianProcessRegressor(RBF(1.0), alpha=1e-3).fit(x, np.sin(x).ravel())
    >>> slopes = sample(process, [[0.5], [1.5]], 2000, order=1, random_state=0)
    >>> value, std = differentiate(process)([[0.5], [1.5]], return_std=True)
    >>> np.abs(slopes.std(axis=0) / std - 1).max() < 0.05
    np.True_
    """
    constraints = {
        "n_samples": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }
    asked = {"n_samples": n_samples, "random_state": random_state}
    validate_parameter_constraints(constraints, asked, "sample")
    require_fitted(model)
    rows, orders = validate_rows(model, X), _order(order, model)
    if not isinstance(orders, tuple):
        d = n_features(model)
        raise ValueError(
            f"order must be 0 or a tuple with one order for each of the {d} features, such as "
            f"{(1, *(0,) * (d - 1))}; got {order!r}."
        )
    index, directions = only_active(orders) if any(orders) else ((0,), np.eye(len(orders))[:1])
    rng = check_random_state(random_state)
    jet = rows.jet(range(len(rows.values)), sum(index), directions)
    found = apply_rule(_draws, model, jet, index, n_samples, rng)
    return drop_output_axis(model, X, found, 2)


def _draws(model, jet, index, n_samples, rng):
    """Functions drawn, (n_samples, n, m)."""
    return draws_of_link(latent(model, jet), index, n_samples, rng).transpose(2, 0, 1)


def _order(order, model) -> Any:
    """One order for each feature where one derivative is asked for, or that of all."""
    d = n_features(model)
    zero = (0,) * d
    if isinstance(order, Integral | tuple) and order in (0, zero) and order is not False:
        return zero
    order = check_order(order, model)
    if isinstance(order, tuple):
        dry_run(model, sum(order), None, order)
        return order
    check_tensor_size(order, d)
    dry_run(model, order)
    return (order,) if d == 1 else order
