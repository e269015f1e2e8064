"""Propagating the rows of X through a model, block by block, and what comes out of it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import comb, lgamma, log
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing

from ..chain import (
    entrance,
    home,
    output_names,
    predicts_1d,
    propagate,
    propagate_cov,
    propagate_std,
)
from ..chain.rows_jet import RowsJet
from ..checks import described
from ..jets import Jet, multi_indices
from ..jets.blocks import map_at_home, map_row_blocks, rows_within
from ..jets.namespace import all_finite, as_numpy, namespace
from ..tensors import is_tensor
from .reach import require_numbers, without_overflow_warnings
from .rows import Rows, moved, n_features, validate_rows

__all__ = [
    "BLOCK_ROWS",
    "Order",
    "all_partials",
    "check_one_spread",
    "check_order",
    "check_products",
    "check_tensor_size",
    "drop_output_axis",
    "dry_run",
    "evaluate",
    "feature_names",
    "has_output_axis",
    "map_jets",
    "mixed_partial",
    "only_active",
    "output_labels",
    "partial_cov",
    "partial_std",
    "tensor_cov",
    "tensor_of_partials",
    "tensor_std",
]

Order = int | Sequence[int] | Mapping[str, int]  # of all derivatives, or by each feature

BLOCK_ROWS = 512  # a block's jets stay in the processor's cache; measured in benchmarks/
BLOCK_TERMS = 2**16  # rows times terms of a jet held at a time
MAX_ENTRIES = 10**6  # of a tensor of derivatives, for each row and output
MAX_PRODUCTS = 5 * 10**6  # of Taylor coefficients, where two jets are multiplied


def feature_names(model: BaseEstimator) -> list[str]:
    """Names of the features: those of the frame it was fitted to, or x0, x1, ..."""
    named = getattr(entrance(model), "feature_names_in_", None)
    return [f"x{i}" for i in range(n_features(model))] if named is None else list(named)


def output_labels(model: BaseEstimator, n_outputs: int, numbered: bool) -> list[str]:
    """Names of the outputs: those of y's columns where they are known, or y, or y0, y1, ..."""
    names = output_names(model)
    if names is not None and len(names) == n_outputs:
        return list(names)
    return [f"y{i}" for i in range(n_outputs)] if numbered else ["y"]


def check_one_spread(return_std: bool, return_cov: bool) -> None:
    """Raise a ValueError where both are asked for, as a Gaussian process does."""
    if return_std and return_cov:
        raise ValueError(
            "At most one of return_std and return_cov can be requested: the standard deviation is "
            "the root of the covariance's diagonal. Set one of them to False; got True for both."
        )


def check_order(order: Order, model: BaseEstimator) -> int | tuple[int, ...]:
    """The order as an int or a tuple of int, or a ValueError that says what is wrong with it."""
    asked: Any = _named_orders(order, model) if isinstance(order, dict) else order
    several = isinstance(asked, (tuple, list, np.ndarray)) and np.ndim(asked) > 0
    orders = tuple(asked) if several else (asked,)
    whole = all(isinstance(k, Integral) and not isinstance(k, bool) for k in orders)
    if not whole or any(k < 0 for k in orders) or sum(orders) < 1:
        raise ValueError(
            "order must be a whole number >= 1, or one whole number >= 0 for each feature with at "
            f"least one above 0; got {described(asked)}. For the function itself, use predict; X "
            "goes to what differentiate returns, as in differentiate(model, order)(X)."
        )
    if _log_factorials(orders) > log(np.finfo(np.float64).max):
        raise ValueError(
            f"order is too high for float64, whose largest factorial is 170!: a derivative is a "
            f"Taylor coefficient times the factorials of its orders; got {described(asked)}."
        )
    if not several:
        return int(asked)
    if len(orders) != n_features(model):
        raise ValueError(
            f"order has {len(orders)} entries, but the model was fitted with {n_features(model)} "
            f"features: give one order for each feature; got {described(asked)}."
        )
    check_products(orders, sum(orders))
    return tuple(map(int, orders))


def _log_factorials(orders):
    return sum(lgamma(min(k, 10**6) + 1) for k in orders)


def check_products(orders: Sequence[int] | np.ndarray, top: int) -> None:
    """Raise a ValueError where jets to order `top`, by features of orders > 0, are too large."""
    q = sum(k > 0 for k in orders)
    if (n_products := comb(2 * q + top, top)) > MAX_PRODUCTS:
        raise ValueError(
            f"Order {top} by {q} features together takes all derivatives up to that order, and "
            f"{n_products:.0e} products of them; {MAX_PRODUCTS:,} are the most. Ask for a lower "
            "order, or for one by fewer features."
        )


def check_tensor_size(order: int, d: int) -> None:
    """Raise a ValueError where the tensor of all derivatives of an order has too many entries."""
    if order > 1 and d**order > MAX_ENTRIES:
        one = (order, *(0,) * (d - 1)) if d <= 8 else f"({order}, 0, ..., 0)"
        raise ValueError(
            f"There are {d}^{order} derivatives of order {order} by {d} features, for each row and "
            f"output; {MAX_ENTRIES:,} are the most. Ask for those that you need, each as one "
            f"order for each feature, such as order={one}, or for several with derivatives."
        )


def _named_orders(order, model):
    """Orders by name as a list in the order of the features."""
    names = feature_names(model)
    if unknown := [name for name in order if name not in names]:
        raise ValueError(
            f"order names features that the model does not have: {unknown}. Those it was fitted "
            f"with are {names}."
        )
    return [order.get(name, 0) for name in names]


def dry_run(
    model: BaseEstimator,
    order: int,
    rows: Rows | None = None,
    moving: ArrayLike | None = None,
) -> Jet:
    """Propagate a jet without rows: rules warn, or say what they can't do, and outputs show.

    It has one variable, for no rule asks how many there are. It is of the arrays and columns of
    `rows` (None: NumPy's, and all hold numbers); of the features, those that are `moving` are
    differentiated (None: those that hold numbers).
    """
    d = n_features(model)
    values = np.empty((0, d)) if rows is None else rows.values[:0]
    numeric = np.ones(d, dtype=bool) if rows is None else rows.numeric
    moving = numeric if moving is None else np.asarray(moving, dtype=bool)
    _require_numbers(model, numeric, moving)
    jet = Jet.variables(values, int(order), moving[None].astype(np.float64))
    return propagate(model, RowsJet(jet, None, moving, numeric))


def map_jets(
    model: BaseEstimator,
    X: ArrayLike | Rows,
    order: int,
    directions: np.ndarray | None,
    function: Callable[[RowsJet], Any],
    most_rows: int = BLOCK_ROWS,
) -> Any:
    """Apply a function to the jets of blocks of rows and put the results under each other.

    Blocks of an array of NumPy are brought once to the device on which the model computes, and
    what is found once back; of a tensor they are where it is, and so are the results.
    """
    rows = validate_rows(model, X)
    directions = rows.axes if directions is None else directions
    _require_numbers(model, rows.numeric, moved(directions))

    device = home(model)
    place = device if rows.given is None else None

    n_terms = comb(len(directions) + order, order)
    block_rows = min(most_rows, rows_within(n_terms, BLOCK_TERMS))
    block_rows = block_rows if device is None else device.rows(n_terms)
    n = len(rows.values)
    finite = []

    def block(part):
        found = function(rows.jet(part, order, directions, place))
        if place is not None:
            finite.append(all_finite(found))  # there, where it takes no time
        return found

    with without_overflow_warnings():
        if place is None:
            found = map_row_blocks(block, range(n), block_rows)
        else:
            found = map_at_home(block, n, block_rows, place)
    if finite and all(finite):
        return rows.answer(found)
    near = _near(rows, order, directions, function)
    return rows.answer(require_numbers(found, rows.values, near))


def _near(rows, order, directions, function):
    """A function of jets as one of a row's number and places (k, d) near that row."""

    def near(row, places):
        lines = directions[:, [row]] if directions.ndim == 3 else directions
        moved_row = Rows(places, places, rows.numeric)
        return function(moved_row.jet(range(len(places)), order, lines))

    return near


def _require_numbers(model, numeric, moving):
    """Raise a ValueError where a column is differentiated by that holds no numbers."""
    if (wrong := moving & ~numeric).any():
        names = np.array(feature_names(model), dtype=object)
        raise ValueError(
            f"There is no derivative by {list(names[wrong])}: these columns hold no numbers, and "
            f"are held fixed, row by row. Differentiate by some of {list(names[numeric])}."
        )


def evaluate(
    model: BaseEstimator,
    X: ArrayLike | Rows,
    order: int,
    extract: Callable[[Jet], Any],
    directions: np.ndarray | None = None,
) -> Any:
    """Propagate blocks of rows through a model and put what is extracted under each other."""
    return map_jets(model, X, order, directions, lambda jet: extract(propagate(model, jet)))


def all_partials(model: BaseEstimator, X: ArrayLike | Rows, order: int) -> np.ndarray:
    """All derivatives of one order: (n, m, d, ..., d)."""
    rows = validate_rows(model, X)
    check_tensor_size(order, len(rows.numeric))
    found = evaluate(model, rows, order, lambda jet: jet.tensor(order))
    return _among_all(found, rows.numeric, order)


def _among_all(values, numeric, order):
    """Tensors of the q columns of numbers, (..., q, ..., q), with NaN for all other columns."""
    if numeric.all():
        return values
    xp, q = namespace(values), int(numeric.sum())
    places = xp.asarray(np.where(numeric, np.cumsum(numeric) - 1, q), device=values.device)
    for axis in range(values.ndim - order, values.ndim):
        column = values[(slice(None),) * axis + (slice(0, 1),)]
        whole = xp.concat([values, xp.full_like(column, xp.nan)], axis=axis)
        values = xp.take(whole, places, axis=axis)
    return values


def only_active(orders: tuple[int, ...]) -> tuple[tuple[int, ...], np.ndarray]:
    """The orders above zero, and the axes of X that they belong to."""
    active = [i for i, k in enumerate(orders) if k]
    return tuple(orders[i] for i in active), np.eye(len(orders))[active]


def mixed_partial(model: BaseEstimator, X: ArrayLike | Rows, orders: tuple[int, ...]) -> np.ndarray:
    """One mixed partial: only the features that are differentiated become variables of the jet."""
    index, directions = only_active(orders)
    return evaluate(model, X, sum(index), lambda jet: jet.partial(index), directions)


def partial_std(model: BaseEstimator, X: ArrayLike | Rows, orders: tuple[int, ...]) -> np.ndarray:
    """Standard deviation of one mixed partial: shape (n, m)."""
    index, directions = only_active(orders)

    def std(jet):
        return propagate_std(model, jet, index)

    return map_jets(model, X, sum(index), directions, std)


def partial_cov(model: BaseEstimator, X: ArrayLike | Rows, orders: tuple[int, ...]) -> np.ndarray:
    """Covariance between places of one mixed partial, from all rows at once: shape (n, n, m)."""
    rows, (index, directions) = validate_rows(model, X), only_active(orders)
    _require_numbers(model, rows.numeric, moved(directions))
    order = sum(index)

    def covariance(jet):
        return propagate_cov(model, jet, index)

    with without_overflow_warnings():
        found = covariance(rows.jet(range(len(rows.values)), order, directions))
    near = _near(rows, order, directions, covariance)
    return rows.answer(require_numbers(found, rows.values, near))


def tensor_std(model: BaseEstimator, X: ArrayLike | Rows, order: int) -> np.ndarray:
    """Standard deviations of all derivatives of one order: shape (n, m, d, ..., d)."""
    return tensor_of_partials(partial_std, model, X, order)


def tensor_cov(model: BaseEstimator, X: ArrayLike | Rows, order: int) -> np.ndarray:
    """Covariances between places of all derivatives of one order: (n, n, m, d, ..., d)."""
    return tensor_of_partials(partial_cov, model, X, order)


def tensor_of_partials(
    function: Callable[..., Any], model: BaseEstimator, X: ArrayLike | Rows, order: int
) -> Any:
    """A function of mixed partials (..., m), for the entries of a tensor: (..., m, d, ..., d)."""
    rows = validate_rows(model, X)
    q = rows.numeric.sum()
    found = {}
    for alpha in multi_indices(q, order):
        orders = np.zeros(len(rows.numeric), dtype=int)
        orders[rows.numeric] = alpha
        found[alpha] = function(model, rows, tuple(orders))
    entries = product(range(q), repeat=order)
    counts = [tuple(entry.count(i) for i in range(q)) for entry in entries]
    columns = namespace(found[counts[0]]).stack([found[alpha] for alpha in counts], axis=-1)
    return _among_all(columns.reshape(*columns.shape[:-1], *(q,) * order), rows.numeric, order)


def has_output_axis(model: BaseEstimator, X: ArrayLike | Rows) -> bool:
    """Whether results keep the axis of the outputs: not where the model was fitted with 1-D y.

    The fitted model knows it by a rule of `predicts_1d`. A class without one is asked to predict
    the first row of X.
    """
    flat = predicts_1d(model)
    if flat is None:
        places = as_numpy(X) if is_tensor(X) else X
        flat = np.ndim(model.predict(_safe_indexing(places, [0]))) == 1
    return not flat


def drop_output_axis(
    model: BaseEstimator, X: ArrayLike | Rows, values: np.ndarray, axis: int = 1
) -> np.ndarray:
    """Take the axis of the outputs away where the model, fitted with 1-D y, predicts 1-D."""
    return values if has_output_axis(model, X) else values[(slice(None),) * axis + (0,)]
