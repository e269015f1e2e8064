"""The function and its derivatives on dask arrays and frames: lazily, a task for each chunk.

The functions are those of `sk_pydelt` by the same names, and `predict`. They return dask arrays,
whose chunks of rows are those of X and whose shapes and dtype are known before anything is
computed; of a frame the number of rows in each partition is not, as it never is. Models are fitted
before, in memory. A model goes into the graph once, as a copy: fitting it again changes nothing
that was asked for before.

Columns of X that lie in several chunks are brought together; rows stay where they are.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import dask.array as da
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from .. import calculus
from ..checks import described
from .chunks import lazily, predicted

__all__ = [
    "LazyDerivative",
    "biharmonic",
    "curl",
    "derivatives",
    "differentiate",
    "directional_derivative",
    "divergence",
    "expectation",
    "gradient",
    "hessian",
    "jacobian",
    "laplacian",
    "predict",
    "strain_rate",
    "vorticity",
]

Lazy: TypeAlias = da.Array | tuple[da.Array, da.Array]


def predict(model: BaseEstimator, X: Any, return_std: bool = False) -> Lazy:
    """Values of a fitted model.

    Parameters
    ----------
    model : fitted estimator
        One of this package's, or a scikit-learn regressor, pipeline or search.
    X : dask array or dask frame of shape (n, d)
        Of an array the sizes of all chunks must be known.
    return_std : bool, default=False
        Whether to return the standard deviation too, of a model whose `predict` does.

    Returns
    -------
    dask array of shape (n,) or (n, m), float64
        In the units of y; chunks of rows as X has them.
    std : dask array of the same shape
        With `return_std`.

    Raises
    ------
    TypeError
        X is no array or frame of dask.
    ConnectionError
        A client of `distributed` is in use, and has lost its cluster.
    ValueError
        X of another number of features or of other columns, of one axis, or of chunks whose sizes
        are not known.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator
    >>> from sk_pydelt.dask import differentiate, predict
    >>> x = np.linspace(0, 3, 30).reshape(-1, 1)
    >>> spline = SplineInterpolator(smoothing=0.0, degree=5).fit(x, np.sin(x).ravel())
    >>> X = da.linspace(0, 3, 10_000, chunks=1000).reshape(-1, 1)
    >>> predict(spline, X)
    dask.array<of_rows, shape=(10000,), dtype=float64, chunksize=(1000,), chunktype=numpy.ndarray>
    >>> curvature = differentiate(spline, 2)(X)
    >>> abs(curvature + da.sin(X[:, 0])).max().compute().round(2)
    np.float64(0.0)
    """
    return lazily(predicted, model, X, **({"return_std": True} if return_std else {}))


def differentiate(model: BaseEstimator, order: calculus.Order = 1) -> "LazyDerivative":
    """A derivative as a function of dask arrays and frames; see `sk_pydelt.differentiate`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt.dask import differentiate
    >>> model = make_pipeline(PolynomialFeatures(4), LinearRegression())
    >>> model = model.fit([[-2.0], [-1.0], [0.0], [1.0], [2.0]], [16.0, 1.0, 0.0, 1.0, 16.0])
    >>> places = da.ones((4, 1), chunks=(2, 1))
    >>> differentiate(model, 2)
    Lazy Derivative(Pipeline, order=2): (n, 1) -> (n,)
    >>> differentiate(model, 2)(places).compute().round(6)  # 12 x²
    array([12., 12., 12., 12.])
    """
    return LazyDerivative(model, order)


class LazyDerivative:
    """A derivative of a fitted model: call it with a dask array or frame.

    Made by `differentiate`. It holds a copy of the model.

    Parameters
    ----------
    model : fitted estimator
    order : int, tuple of int or dict of int

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt.dask import differentiate
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [0, 2, 3])
    >>> places = da.ones((4, 2), chunks=(2, 2))
    >>> by_first = differentiate(flow, (1, 0))
    >>> by_first(places).chunks
    ((2, 2),)
    >>> by_first(places).compute().round(6)
    array([2., 2., 2., 2.])
    """

    def __init__(self, model: BaseEstimator, order: calculus.Order = 1) -> None:
        self.derivative = calculus.differentiate(model, order).set_output(transform="default")

    def __repr__(self):
        return f"Lazy {self.derivative!r}"

    def __call__(self, X: Any, return_std: bool = False) -> Lazy:
        """The derivative at the rows of X, shaped as `sk_pydelt.Derivative` shapes it."""
        return lazily(_differentiate, self.derivative, X, return_std=return_std)


def gradient(model: BaseEstimator, X: Any, return_std: bool = False) -> Lazy:
    """First derivatives of the single output, (n, d); see `sk_pydelt.gradient`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt.dask import gradient
    >>> model = make_pipeline(PolynomialFeatures(4), LinearRegression())
    >>> model = model.fit([[-2.0], [-1.0], [0.0], [1.0], [2.0]], [16.0, 1.0, 0.0, 1.0, 16.0])
    >>> places = da.ones((4, 1), chunks=(2, 1))
    >>> gradient(model, places).mean().compute().round(6)  # 4 x³
    np.float64(4.0)
    """
    return lazily(calculus.gradient, model, X, return_std=return_std)


def jacobian(model: BaseEstimator, X: Any, return_std: bool = False) -> Lazy:
    """First derivatives of all outputs, (n, m, d); see `sk_pydelt.jacobian`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt.dask import jacobian
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> places = da.ones((4, 2), chunks=(2, 2))
    >>> jacobian(flow, places).mean(axis=0).compute().round(6)
    array([[1., 3.],
           [2., 4.]])
    """
    return lazily(calculus.jacobian, model, X, return_std=return_std)


def hessian(model: BaseEstimator, X: Any, return_std: bool = False) -> Lazy:
    """Second derivatives, (n, d, d) or (n, m, d, d); see `sk_pydelt.hessian`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt.dask import hessian
    >>> model = make_pipeline(PolynomialFeatures(4), LinearRegression())
    >>> model = model.fit([[-2.0], [-1.0], [0.0], [1.0], [2.0]], [16.0, 1.0, 0.0, 1.0, 16.0])
    >>> places = da.ones((4, 1), chunks=(2, 1))
    >>> hessian(model, places)[0].compute().round(6)  # 12 x²
    array([[12.]])
    """
    return lazily(calculus.hessian, model, X, return_std=return_std)


def laplacian(model: BaseEstimator, X: Any) -> da.Array:
    """Sum of unmixed second derivatives, (n,) or (n, m); see `sk_pydelt.laplacian`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt.dask import laplacian
    >>> model = make_pipeline(PolynomialFeatures(4), LinearRegression())
    >>> model = model.fit([[-2.0], [-1.0], [0.0], [1.0], [2.0]], [16.0, 1.0, 0.0, 1.0, 16.0])
    >>> places = da.ones((4, 1), chunks=(2, 1))
    >>> laplacian(model, places).compute().round(6)  # 12 x²
    array([12., 12., 12., 12.])
    """
    return lazily(calculus.laplacian, model, X)


def divergence(model: BaseEstimator, X: Any) -> da.Array:
    """Divergence of a vector field, (n,); see `sk_pydelt.divergence`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt.dask import divergence
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> places = da.ones((4, 2), chunks=(2, 2))
    >>> divergence(flow, places).compute().round(6)
    array([5., 5., 5., 5.])
    """
    return lazily(calculus.divergence, model, X)


def curl(model: BaseEstimator, X: Any) -> da.Array:
    """Curl of a vector field, (n,) or (n, 3); see `sk_pydelt.curl`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt.dask import curl
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> places = da.ones((4, 2), chunks=(2, 2))
    >>> curl(flow, places).compute().round(6)
    array([-1., -1., -1., -1.])
    """
    return lazily(calculus.curl, model, X)


def strain_rate(model: BaseEstimator, X: Any) -> da.Array:
    """Strain-rate tensor of a velocity field, (n, d, d); see `sk_pydelt.strain_rate`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt.dask import strain_rate
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> places = da.ones((4, 2), chunks=(2, 2))
    >>> strain_rate(flow, places)[0].compute().round(6)
    array([[1. , 2.5],
           [2.5, 4. ]])
    """
    return lazily(calculus.strain_rate, model, X)


def vorticity(model: BaseEstimator, X: Any) -> da.Array:
    """Vorticity of a flow, the curl by another name; see `sk_pydelt.vorticity`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt.dask import vorticity
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> places = da.ones((4, 2), chunks=(2, 2))
    >>> abs(vorticity(flow, places)).max().compute().round(6)
    np.float64(1.0)
    """
    return lazily(calculus.vorticity, model, X)


def directional_derivative(
    model: BaseEstimator, X: Any, direction: ArrayLike | da.Array, order: int = 1
) -> da.Array:
    """Derivative along a direction, (n,) or (n, m); see `sk_pydelt.directional_derivative`.

    For a dask array X, one direction for each row is an array of NumPy or dask of shape (n, d).

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt.dask import directional_derivative
    >>> flow = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 2], [3, 4]])
    >>> places = da.ones((4, 2), chunks=(2, 2))
    >>> directional_derivative(flow, places, [1, 1])[0].compute().round(6)
    array([4., 6.])
    >>> directional_derivative(flow, places, 2 * places)[0].compute().round(6)  # one for each row
    array([ 8., 12.])
    """
    along = calculus.directional_derivative
    if np.ndim(direction) < 2:
        return lazily(along, model, X, direction=direction, order=order)
    if not isinstance(X, da.Array) or np.shape(direction) != X.shape:
        raise ValueError(
            "direction must have shape (d,), one for all rows, or that of a dask array X, one for "
            f"each; got {described(direction)} for X, {described(X)}."
        )
    return lazily(along, model, X, da.asarray(direction), order=order)


def biharmonic(model: BaseEstimator, X: Any) -> da.Array:
    """Laplacian of the Laplacian, (n,) or (n, m); see `sk_pydelt.biharmonic`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt.dask import biharmonic
    >>> model = make_pipeline(PolynomialFeatures(4), LinearRegression())
    >>> model = model.fit([[-2.0], [-1.0], [0.0], [1.0], [2.0]], [16.0, 1.0, 0.0, 1.0, 16.0])
    >>> places = da.ones((4, 1), chunks=(2, 1))
    >>> biharmonic(model, places).compute().round(6)
    array([24., 24., 24., 24.])
    """
    return lazily(calculus.biharmonic, model, X)


def derivatives(model: BaseEstimator, X: Any, orders: Sequence[calculus.Order]) -> list[da.Array]:
    """Several mixed partials from one pass, each (n,) or (n, m); see `sk_pydelt.derivatives`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sk_pydelt.dask import derivatives
    >>> model = make_pipeline(PolynomialFeatures(4), LinearRegression())
    >>> model = model.fit([[-2.0], [-1.0], [0.0], [1.0], [2.0]], [16.0, 1.0, 0.0, 1.0, 16.0])
    >>> places = da.ones((4, 1), chunks=(2, 1))
    >>> slope, curvature = derivatives(model, places, [(1,), (2,)])
    >>> slope.sum().compute().round(6), curvature.sum().compute().round(6)  # 4 x³, 12 x²
    (np.float64(16.0), np.float64(48.0))
    """
    return list(lazily(calculus.derivatives, model, X, orders=orders))


def expectation(
    model: BaseEstimator,
    X: Any,
    order: calculus.Order = 0,
    *,
    noise: bool = True,
    return_std: bool = False,
) -> Lazy:
    """Mean of y of a transformed target, (n,) or (n, m); see `sk_pydelt.expectation`.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.linear_model import BayesianRidge
    >>> from sk_pydelt.dask import expectation, predict
    >>> x = np.linspace(0, 1, 30).reshape(-1, 1)
    >>> y = np.exp(x.ravel() + 0.5 * np.random.default_rng(0).standard_normal(30))
    >>> model = TransformedTargetRegressor(BayesianRidge(), func=np.log, inverse_func=np.exp)
    >>> model = model.fit(x, y)
    >>> places = da.ones((4, 1), chunks=(2, 1))
    >>> (expectation(model, places) > predict(model, places)).all().compute()  # mean and median
    np.True_
    """
    options = {"order": order, "noise": noise, "return_std": return_std}
    return lazily(calculus.expectation, model, X, **options)


def _differentiate(derivative, X, return_std):
    return derivative(X, return_std=return_std)
