"""Propagating the rows of X through a model, block by block, and what comes out of it."""

from collections.abc import Callable
from itertools import product
from numbers import Integral

import numpy as np
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import validate_data

from ..chain import entrance, propagate, propagate_std
from ..jet import Jet, multi_indices
from ..parallel import map_row_blocks

__all__ = [
    "BLOCK_ROWS",
    "check_order",
    "check_places",
    "drop_output_axis",
    "dry_run",
    "evaluate",
    "feature_names",
    "mixed_partial",
    "n_features",
    "only_active",
    "partial_std",
    "tensor_std",
    "validate_rows",
]

BLOCK_ROWS = 512  # a block's jets stay in the processor's cache; measured in benchmarks/


def n_features(model):
    """Number of features of X."""
    return entrance(model).n_features_in_


def feature_names(model):
    """Names of the features: those of the frame it was fitted to, or x0, x1, ..."""
    named = getattr(entrance(model), "feature_names_in_", None)
    return [f"x{i}" for i in range(n_features(model))] if named is None else list(named)


def check_order(order, model):
    """The order as an int or a tuple of int, or a ValueError that says what is wrong with it."""
    if isinstance(order, dict):
        order = _named_orders(order, model)
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
    if len(orders) != n_features(model):
        raise ValueError(
            f"order has {len(orders)} entries, but the model was fitted with {n_features(model)} "
            f"features: give one order for each feature; got {order!r}."
        )
    return tuple(map(int, orders))


def _named_orders(order, model):
    """Orders by name as a list in the order of the features."""
    names = feature_names(model)
    if unknown := [name for name in order if name not in names]:
        raise ValueError(
            f"order names features that the model does not have: {unknown}. Those it was fitted "
            f"with are {names}."
        )
    return [order.get(name, 0) for name in names]


def dry_run(model, order):
    """Propagate a jet without rows: rules warn, or say what they can't do, and outputs show."""
    return propagate(model, Jet.variables(np.empty((0, n_features(model))), int(order)))


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


def validate_rows(model, X):
    """X as a float64 array of the model's features; missing values only where the model takes them.

    A model that takes them fills them in before any rule that could not.
    """
    check_places(X)
    first = entrance(model)
    branches = hasattr(first, "transformers_")  # of a ColumnTransformer: one may fill them in
    missing = "allow-nan" if branches or get_tags(first).input_tags.allow_nan else True
    options = {"reset": False, "dtype": np.float64, "order": "C", "ensure_all_finite": missing}
    rows = validate_data(first, X, estimator=model, **options)
    if (incomplete := np.isnan(rows).any(axis=1)).any():
        function = model.predict if hasattr(model, "predict") else model.transform
        function(_safe_indexing(X, np.flatnonzero(incomplete)))  # raises where the model does
    return rows


def evaluate(model, X, order, extract: Callable[[Jet], np.ndarray], directions=None):
    """Propagate blocks of rows through a model and put what is extracted under each other."""

    def block(rows):
        return extract(propagate(model, Jet.variables(rows, order, directions)))

    return map_row_blocks(block, validate_rows(model, X), BLOCK_ROWS)


def only_active(orders):
    """The orders above zero, and the axes of X that they belong to."""
    active = [i for i, k in enumerate(orders) if k]
    return tuple(orders[i] for i in active), np.eye(len(orders))[active]


def mixed_partial(model, X, orders):
    """One mixed partial: only the features that are differentiated become variables of the jet."""
    index, directions = only_active(orders)
    return evaluate(model, X, sum(index), lambda jet: jet.partial(index), directions)


def partial_std(model, X, orders):
    """Standard deviation of one mixed partial: shape (n, m)."""
    index, directions = only_active(orders)

    def block(rows):
        return propagate_std(model, Jet.variables(rows, sum(index), directions), index)

    return map_row_blocks(block, validate_rows(model, X), BLOCK_ROWS)


def tensor_std(model, X, order):
    """Standard deviations of all derivatives of one order: shape (n, m, d, ..., d)."""
    d = n_features(model)
    found = {alpha: partial_std(model, X, alpha) for alpha in multi_indices(d, order)}
    entries = product(range(d), repeat=order)
    counts = [tuple(entry.count(i) for i in range(d)) for entry in entries]
    columns = np.stack([found[alpha] for alpha in counts], axis=-1)
    return columns.reshape(*columns.shape[:2], *(d,) * order)


def drop_output_axis(model, X, values):
    """Take the axis of the outputs away where the model, fitted with 1-D y, predicts 1-D."""
    return values[:, 0] if _predicts_one_dimension(model, X) else values


def _predicts_one_dimension(model, X):
    if not hasattr(model, "predict"):  # a transformer, or a pipeline of them
        return False
    return np.ndim(model.predict(_safe_indexing(X, slice(0, 1)))) == 1
