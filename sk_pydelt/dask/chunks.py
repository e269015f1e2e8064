"""A function of a model and of rows as tasks of dask, one for each chunk of rows."""

import copy
import sys
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.base import tokenize
from sklearn.base import BaseEstimator

from .. import calculus
from ..calculus.evaluation import drop_output_axis, dry_run
from ..calculus.rows import Rows, require_fitted, without_rows
from ..chain import predicts_1d, propagate_std
from ..checks import check_numbers, check_places, described
from ..state import snapshot

__all__ = ["lazily", "predicted"]


def predicted(model: BaseEstimator, X: Any, return_std: bool = False) -> Any:
    """Values at the rows of X; where it has none, their shape."""
    if not isinstance(X, Rows):
        return model.predict(X, return_std=True) if return_std else model.predict(X)
    values = drop_output_axis(model, X, dry_run(model, 0, X).value)
    if return_std:  # a TypeError where none is known
        propagate_std(model, X.jet(range(0), 0, X.axes), (0,) * len(X.axes))
    return (values, values) if return_std else values


def lazily(function: Callable, model: Any, X: Any, *beside: da.Array, **options: Any) -> Any:
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
    if function is predicted:
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
