"""The function and its derivatives on dask arrays and frames: lazily, a task for each chunk.

The functions are those of `sk_pydelt` by the same names, and `predict`. They return dask arrays,
whose chunks of rows are those of X and whose shapes and dtype are known before anything is
computed; of a frame the number of rows in each partition is not, as it never is. Models are fitted
before, in memory. A model goes into the graph once, as a copy: fitting it again changes nothing
that was asked for before.

Columns of X that lie in several chunks are brought together; rows stay where they are.
"""

import copy
import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

import dask
import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from . import calculus
from .calculus.evaluation import drop_output_axis, dry_run
from .calculus.rows import Rows, require_fitted, without_rows
from .chain import predicts_1d, propagate_std
from .checks import check_numbers, check_places, described
from .state import snapshot

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
    return _lazily(_predict, model, X, **({"return_std": True} if return_std else {}))


def differentiate(model: BaseEstimator, order: calculus.Order = 1) -> "LazyDerivative":
    """A derivative as a function of dask arrays and frames; see `sk_pydelt.differentiate`."""
    return LazyDerivative(model, order)


class LazyDerivative:
    """A derivative of a fitted model: call it with a dask array or frame.

    Made by `differentiate`. It holds a copy of the model.

    Parameters
    ----------
    model : fitted estimator
    order : int, tuple of int or dict of int
    """

    def __init__(self, model: BaseEstimator, order: calculus.Order = 1) -> None:
        self.derivative = calculus.differentiate(model, order).set_output(transform="default")

    def __repr__(self):
        return f"Lazy {self.derivative!r}"

    def __call__(self, X: Any, return_std: bool = False) -> Lazy:
        """The derivative at the rows of X, shaped as `sk_pydelt.Derivative` shapes it."""
        return _lazily(_differentiate, self.derivative, X, return_std=return_std)


def gradient(model: BaseEstimator, X: Any, return_std: bool = False) -> Lazy:
    """First derivatives of the single output, (n, d); see `sk_pydelt.gradient`."""
    return _lazily(calculus.gradient, model, X, return_std=return_std)


def jacobian(model: BaseEstimator, X: Any, return_std: bool = False) -> Lazy:
    """First derivatives of all outputs, (n, m, d); see `sk_pydelt.jacobian`."""
    return _lazily(calculus.jacobian, model, X, return_std=return_std)


def hessian(model: BaseEstimator, X: Any, return_std: bool = False) -> Lazy:
    """Second derivatives, (n, d, d) or (n, m, d, d); see `sk_pydelt.hessian`."""
    return _lazily(calculus.hessian, model, X, return_std=return_std)


def laplacian(model: BaseEstimator, X: Any) -> da.Array:
    """Sum of unmixed second derivatives, (n,) or (n, m); see `sk_pydelt.laplacian`."""
    return _lazily(calculus.laplacian, model, X)


def divergence(model: BaseEstimator, X: Any) -> da.Array:
    """Divergence of a vector field, (n,); see `sk_pydelt.divergence`."""
    return _lazily(calculus.divergence, model, X)


def curl(model: BaseEstimator, X: Any) -> da.Array:
    """Curl of a vector field, (n,) or (n, 3); see `sk_pydelt.curl`."""
    return _lazily(calculus.curl, model, X)


def strain_rate(model: BaseEstimator, X: Any) -> da.Array:
    """Strain-rate tensor of a velocity field, (n, d, d); see `sk_pydelt.strain_rate`."""
    return _lazily(calculus.strain_rate, model, X)


def vorticity(model: BaseEstimator, X: Any) -> da.Array:
    """Vorticity of a flow, the curl by another name; see `sk_pydelt.vorticity`."""
    return _lazily(calculus.vorticity, model, X)


def directional_derivative(
    model: BaseEstimator, X: Any, direction: ArrayLike | da.Array, order: int = 1
) -> da.Array:
    """Derivative along a direction, (n,) or (n, m); see `sk_pydelt.directional_derivative`.

    For a dask array X, one direction for each row is an array of NumPy or dask of shape (n, d).
    """
    along = calculus.directional_derivative
    if np.ndim(direction) < 2:
        return _lazily(along, model, X, direction=direction, order=order)
    if not isinstance(X, da.Array) or np.shape(direction) != X.shape:
        raise ValueError(
            "direction must have shape (d,), one for all rows, or that of a dask array X, one for "
            f"each; got {described(direction)} for X, {described(X)}."
        )
    return _lazily(along, model, X, da.asarray(direction), order=order)


def biharmonic(model: BaseEstimator, X: Any) -> da.Array:
    """Laplacian of the Laplacian, (n,) or (n, m); see `sk_pydelt.biharmonic`."""
    return _lazily(calculus.biharmonic, model, X)


def derivatives(model: BaseEstimator, X: Any, orders: Sequence[calculus.Order]) -> list[da.Array]:
    """Several mixed partials from one pass, each (n,) or (n, m); see `sk_pydelt.derivatives`."""
    return list(_lazily(calculus.derivatives, model, X, orders=orders))


def expectation(
    model: BaseEstimator,
    X: Any,
    order: calculus.Order = 0,
    *,
    noise: bool = True,
    return_std: bool = False,
) -> Lazy:
    """Mean of y of a transformed target, (n,) or (n, m); see `sk_pydelt.expectation`."""
    options = {"order": order, "noise": noise, "return_std": return_std}
    return _lazily(calculus.expectation, model, X, **options)


def _predict(model, X, return_std=False):
    """Values at the rows of X; where it has none, their shape."""
    if not isinstance(X, Rows):
        return model.predict(X, return_std=True) if return_std else model.predict(X)
    values = drop_output_axis(model, X, dry_run(model, 0, X).value)
    if return_std:  # a TypeError where none is known
        propagate_std(model, X.jet(range(0), 0, X.axes), (0,) * len(X.axes))
    return (values, values) if return_std else values


def _differentiate(derivative, X, return_std):
    return derivative(X, return_std=return_std)


def _lazily(function, model, X, *beside, **options):
    """``function(model, X, *beside, **options)`` for each chunk of rows.

    Arrays `beside` X have a row for each of its rows. Several results come as a tuple.
    """
    estimator = model.model if isinstance(model, calculus.Derivative) else model
    require_fitted(estimator)
    _require_cluster()
    example = _example(X)
    probe = _probe(function, estimator, example)
    found = function(model, probe, *(np.ones(X.shape[1]) for _ in beside), **options)
    several = isinstance(found, tuple | list)
    tail = (len(found), *found[0].shape[1:]) if several else found.shape[1:]
    work = {"function": function, "options": options, "tail": tail}
    rows = _mapped(_once(model), X, beside, work)
    return tuple(rows[:, i] for i in range(len(found))) if several else rows


def _require_cluster():
    """Raise a ConnectionError where the client in use has lost its cluster."""
    distributed = sys.modules.get("distributed")
    try:
        client = distributed and distributed.default_client()
    except ValueError:  # there is none
        return
    if client and client.status not in ("newly-created", "running"):
        raise ConnectionError(
            f"The client in use has lost its cluster, {client.scheduler.address}: what is computed "
            "now would be cancelled. Make a client of a cluster that runs, or compute in this "
            f"process after client.close(); its status is {client.status!r}."
        )


def _example(X):
    """A row such as those of X, or an error where X is nothing to be taken in chunks of rows."""
    if hasattr(X, "_meta_nonempty"):
        return check_places(X._meta_nonempty[:1])
    if not isinstance(X, da.Array):
        raise TypeError(
            "X must be a dask array or a dask frame, such as dask.array.from_array(X, chunks="
            f"(100_000, -1)); got {described(X)}. For data in memory there are the functions of "
            "the same names in sk_pydelt, and model.predict."
        )
    if np.isnan(X.shape).any():
        raise ValueError(
            f"X has chunks of unknown sizes, shape {X.shape}, so that those of the result cannot "
            "be told: call X.compute_chunk_sizes() first, or frame.to_dask_array(lengths=True) "
            "where it was made of a frame. A dask frame may be given as it is."
        )
    return check_numbers(check_places(np.ones((1, *X.shape[1:]), dtype=X.dtype)), "X")


def _probe(function, estimator, example):
    """What tells the shape of results: no rows, or else the example where no rule knows it."""
    rows = without_rows(estimator, example)
    if predicts_1d(estimator) is None:
        return example
    if function is _predict:
        try:
            dry_run(estimator, 0, rows)
        except TypeError:  # it predicts, but cannot be differentiated
            return example
    return rows


def _once(model):
    """A copy of a model as one node of a graph, by the name of what it holds."""
    kept = copy.deepcopy(snapshot(model))
    return dask.delayed(kept, name=f"{type(kept).__name__}-{tokenize(kept)}", traverse=False)


def _mapped(model, X, beside, work):
    """Results of the rows of X, chunk by chunk: (n, *tail)."""
    tail = work["tail"]
    if not isinstance(X, da.Array):
        return X.map_partitions(_of_rows, model=model, **work, meta=np.empty((0, *tail)))
    pairs = []
    for array in (X, *beside):
        pairs += [array.rechunk({0: X.chunks[0], 1: -1}), (0, 1)]
    axes = {2 + i: length for i, length in enumerate(tail)}
    options = {"new_axes": axes, "concatenate": True, "dtype": np.float64, "meta": np.empty(0)}
    return da.blockwise(_of_rows, (0, *axes), *pairs, model=model, **work, **options)


def _of_rows(X, *beside, model, function, options, tail):
    """What a task computes."""
    if not len(X):  # a partition of a frame may be empty
        return np.empty((0, *tail))
    found = function(model, X, *beside, **options)
    if isinstance(found, tuple | list):
        found = np.stack(found, axis=1)
    return np.asarray(found, dtype=np.float64)
