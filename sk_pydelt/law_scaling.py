"""Laws in units of the user's data become rows in scaled space, by the chain rule."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from math import factorial, prod
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats.qmc import Halton
from sklearn.base import BaseEstimator

from .chain.target import affine_inverse
from .checks import described
from .jets import Jet, multi_indices
from .law_rows import LawRows
from .laws import LinearLaw
from .periodic import column_of

__all__ = ["Equation", "by_laws", "equations", "scaled_laws", "spread_places"]

MOST_ORDERS = 8  # of a partial derivative in a law
TRIES = 8  # times as many places are drawn as are asked for, of which those far from samples go
REACH = 0.9  # of the samples have their nearest so near as a place must be to some sample


@dataclass(frozen=True)
class Equation:
    """A law whose outputs and features are numbers.

    Parameters
    ----------
    law : LinearLaw
    terms : list of (int, tuple of int, coefficient)
        Output, the order of the derivative by each feature, and what it is multiplied by.
    name : str
    """

    law: LinearLaw
    terms: list[tuple[int, tuple[int, ...], Any]]
    name: str

    @property
    def order(self) -> int:
        """The highest order of a derivative."""
        return max(sum(orders) for _, orders, _ in self.terms)

    def coefficients(self, X: np.ndarray) -> np.ndarray:
        """The coefficients of the terms at X (k, d): (k, n_terms)."""
        given = (_numbers(c, X, f"A coefficient of the law {self.name!r}") for *_, c in self.terms)
        return np.column_stack(list(given))

    def right_side(self, X: np.ndarray) -> np.ndarray:
        """The right side at X (k, d): (k,)."""
        return _numbers(self.law.right_side, X, f"right_side of the law {self.name!r}")


def equations(
    laws: list[LinearLaw], features: np.ndarray | None, outputs: np.ndarray | None, d: int, m: int
) -> list[Equation]:
    """Laws with names of features and outputs looked up.

    Parameters
    ----------
    laws : list of LinearLaw
    features, outputs : array of str, or None where they have no names
    d, m : int
        Numbers of features and of outputs.

    Raises
    ------
    ValueError
        A law without terms, or of what the data do not have.
    """
    if outputs is None and m == 1:
        outputs = np.array(["y"], dtype=object)
    found: list[Equation] = []
    for law in laws:
        name = _distinct(str(law), {equation.name for equation in found})
        if not law.terms:
            raise ValueError("A LinearLaw needs terms, such as {('u', 't'): 1.0}; got none.")
        terms = [
            (*_resolved(key, features, outputs, d, m, name), c) for key, c in law.terms.items()
        ]
        found.append(Equation(law, terms, name))
    return found


def _distinct(name, taken):
    """A name that is not taken: the first, with a number behind it if need be."""
    numbers = (f"{name} ({i})" for i in count(2))
    return name if name not in taken else next(new for new in numbers if new not in taken)


def _resolved(key, features, outputs, d, m, name):
    """The output of a term, and its orders by the features."""
    output, *by = key if isinstance(key, tuple) and key else (key,)
    columns = [column_of(feature, features, d, f"The law {name!r}") for feature in by]
    if len(columns) > MOST_ORDERS:
        raise ValueError(
            f"The law {name!r} has a derivative of order {len(columns)}: laws are of order "
            f"{MOST_ORDERS} at most."
        )
    number = column_of(output, outputs, m, f"The law {name!r}", "output", "y")
    return number, tuple(columns.count(i) for i in range(d))


def _numbers(given, X, what):
    """A number, an array or a function as k finite numbers at X (k, d)."""
    values = given(X) if callable(given) else given
    try:
        values = np.asarray(values, dtype=np.float64)
        values = np.broadcast_to(values[:, 0] if values.shape == (len(X), 1) else values, len(X))
    except (TypeError, ValueError):
        raise ValueError(
            f"{what} must be a number, or one for each of {len(X)} places: shape ({len(X)},); got "
            f"{described(values)}."
        ) from None
    if not np.isfinite(values).all():
        raise ValueError(f"{what} is NaN or infinite at some of the places where the law holds.")
    return values


def by_laws(found: list[Equation], d: int) -> np.ndarray:
    """Which of d features laws differentiate by: (d,)."""
    orders = [orders for equation in found for _, orders, _ in equation.terms]
    return np.any(np.reshape(orders, (-1, d)), axis=0)


def spread_places(X: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """Places (n, d) spread evenly over the range of the samples X, none far from all of them.

    They are of Halton's sequence, shifted at random. Those that are farther from the nearest
    sample than nine in ten samples are from theirs are left out: few lie in a hole of the data.

    Parameters
    ----------
    X : array of shape (n_samples, d)
    n : int
    rng : numpy.random.RandomState
    """
    low, high = X.min(axis=0), X.max(axis=0)
    unit = Halton(X.shape[1], scramble=False).random(TRIES * n) + rng.uniform(size=X.shape[1])
    places = low + (unit % 1) * (high - low)
    distinct = np.unique(X, axis=0)
    if len(distinct) < 2 or not n:
        return places[:n]
    size = np.where(high > low, high - low, 1.0)
    tree = cKDTree(distinct / size)
    farthest = np.quantile(tree.query(distinct / size, 2)[0][:, 1], REACH)
    near = tree.query(places / size)[0] <= farthest
    return places[near][:n]


def scaled_laws(
    found: list[Equation],
    everywhere: np.ndarray,
    enter: Callable[[Jet], Jet],
    y_scaler: BaseEstimator,
    n_scaled: int,
    weight: float = 1.0,
) -> tuple[LawRows, ...]:
    """`LawRows` of laws: one for all that hold everywhere, one for each with places of its own.

    Parameters
    ----------
    found : list of Equation
    everywhere : array of shape (k, d)
        Places for laws that name none.
    enter : callable
        From the jet of places to that of scaled ones.
    y_scaler : fitted transformer
    n_scaled : int
        Number of scaled outputs.
    weight : float
        `law_weight`.

    Raises
    ------
    TypeError
        A `y_scaler` that is no linear map.
    ValueError
        Places of a wrong shape, or coefficients that are zero everywhere.
    """
    rates = enter(Jet.variables(everywhere, 1)).tensor(1)
    scale = np.sqrt((rates**2).sum(axis=1).mean(axis=0))
    scale = 1 / np.where(scale > 0, scale, 1.0)  # so far, and scaled features move by about one
    by_places: dict[int, tuple[np.ndarray, list[Equation]]] = {}
    for i, equation in enumerate(found):
        own = equation.law.places
        key, X = (-1, everywhere) if own is None else (i, _checked(own, scale, equation.name))
        by_places.setdefault(key, (X, []))[1].append(equation)
    if (inverse := affine_inverse(y_scaler, n_scaled)) is None:
        raise TypeError(
            f"laws are linear in y, and the inverse of y_scaler={y_scaler} is not: use one that "
            "scales and shifts, such as StandardScaler(), or write the law for the transformed y."
        )
    blocks = (_rows(some, X, scale, enter, inverse) for X, some in by_places.values())
    return tuple(replace(rows, weight=weight) for rows in blocks)


def _checked(places, scale, name):
    """Places of a law's own, as an array (k, d)."""
    places = np.asarray(places, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != len(scale) or not len(places):
        raise ValueError(
            f"places of the law {name!r} must have the shape (k, {len(scale)}), a column for each "
            f"feature and one row at least; got shape {places.shape}."
        )
    if not np.isfinite(places).all():
        raise ValueError(f"places of the law {name!r} hold NaN or infinity.")
    return places


def _rows(some, X, scale, enter, inverse):
    """Equations at the same places X (k, d), by the variables that they are differentiated by."""
    order = max(equation.order for equation in some)
    used = np.array([orders for e in some for _, orders, _ in e.terms]).any(axis=0)
    active = np.flatnonzero(used) if used.any() else np.array([0])
    jet = enter(Jet.variables(X, order, np.diag(scale)[active]))
    alphas = [a for k in range(order + 1) for a in multi_indices(len(active), k)]
    position = {alpha: i for i, alpha in enumerate(alphas)}
    matrix, offset = inverse
    functional = np.zeros((len(X), len(some), len(alphas), matrix.shape[1]))
    target, units = np.empty((len(X), len(some))), np.empty(len(some))
    for i, equation in enumerate(some):
        coefficients, squares = equation.coefficients(X), 0.0
        target[:, i] = equation.right_side(X)
        for (output, orders, _), c in zip(equation.terms, coefficients.T):
            by = tuple(np.array(orders)[active])
            rates = c[:, None] * matrix[output] / np.prod(scale[active] ** by)
            squares = squares + rates**2
            functional[:, i, position[by]] += rates * prod(map(factorial, by))
            target[:, i] -= 0.0 if any(by) else c * offset[output]
        units[i] = np.sqrt(np.mean(np.sum(squares, axis=1)))
        if not 0 < units[i] < np.inf:
            raise ValueError(
                f"The law {equation.name!r} says nothing: its coefficients are zero wherever it "
                "is to hold, or leave the range of float64."
            )
    functional /= units[:, None, None]
    names = tuple(equation.name for equation in some)
    flat = functional.reshape(*functional.shape[:2], -1)
    return LawRows(jet, flat, target / units, units, names)
