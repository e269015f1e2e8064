"""All zeros of a function between two limits, by polynomials on panels that are halved."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from .quadrature import scatter

__all__ = ["Zeros", "find_zeros"]

DEGREE = 16  # of the polynomial on a panel, ...
TAIL = 3  # ... whose last coefficients say how far it is off
FIRST_PANELS, MAX_PANELS = 32, 2**16
RESOLVED = 1e-13  # of the largest value
TOUCHING = 1e-10  # of the largest value: where f turns as near to zero, it touches it
EPS = 4 * np.finfo(float).eps
FLAT = 1e-3  # of the range: f that touches zero all along so much of it has no single zero


class Zeros(NamedTuple):
    """Zeros of a function, ascending.

    Parameters
    ----------
    places : array of shape (k,)
    directions : array of int of shape (k,)
        1 where the function rises through zero, -1 where it falls, 0 where it only touches zero.
    """

    places: np.ndarray
    directions: np.ndarray


def find_zeros(function: Callable, edges: np.ndarray, tol: float) -> Zeros:
    r"""Zeros between the first and the last of ascending edges.

    On each panel f is taken for its Chebyshev interpolant :math:`\sum_k c_k T_k`. A panel where
    :math:`|c_0|` is more than the other coefficients together has no zero; others are halved until
    the last coefficients are rounding. There the turns of f, which are eigenvalues of a matrix
    (Boyd, "Solving transcendental equations", 2014), part panels in pieces on each of which f has
    one zero at most, found by bisection.

    Parameters
    ----------
    function : callable, (k,) array -> (k,) array
    edges : array of shape (n + 1,), ascending
        Those of the first panels.
    tol : float
        Largest error of a zero, as a fraction of the range.

    Returns
    -------
    Zeros

    Raises
    ------
    ValueError
        The function is zero, to rounding, along more than a thousandth of the range.
    RuntimeError
        The function changes too often.
    """
    low, high = float(edges[0]), float(edges[-1])
    noise = 10 * scatter(function, low, high)
    panels, scale = _resolved_panels(function, edges, noise, tol * (high - low))
    near = max(noise, TOUCHING * scale)
    _refuse_flat(panels, near, low, high, scale)
    found = [_zeros_of_run(function, run, near) for run in _runs(panels)]
    none = np.empty((0, 2)), np.empty(0, dtype=int)
    brackets, directions = (np.concatenate(part) for part in zip(none, *found))
    return _bisected(function, brackets, directions, max(tol, EPS) * (high - low))


class _Panel(NamedTuple):
    """A part of the range, f's coefficients there and its largest absolute value."""

    left: float
    right: float
    coefficients: np.ndarray
    largest: float


def _resolved_panels(function, edges, noise, narrowest):
    """Panels that may have zeros, ascending, and the largest value of f on all."""
    nodes = chebyshev.chebpts2(DEGREE + 1)  # with the ends: no jump is missed
    inverse = np.linalg.inv(chebyshev.chebvander(nodes, DEGREE))
    left, right = edges[:-1], edges[1:]
    kept, scale = [], 0.0
    while len(left):
        if len(left) + len(kept) > MAX_PANELS + len(edges):
            raise RuntimeError(
                f"The zeros were not found: the function passes zero, or bends, too often in "
                f"{len(left) + len(kept)} parts of the range. Ask for a shorter range, or for a "
                "larger tol."
            )
        middle, half = left / 2 + right / 2, right / 2 - left / 2
        values = function((middle[:, None] + half[:, None] * nodes).ravel())
        values = values.reshape(len(left), -1)
        scale, c = max(scale, np.abs(values).max()), values @ inverse.T
        tail = np.abs(c[:, -TAIL:]).max(axis=1)
        may = np.abs(c[:, 0]) <= np.abs(c[:, 1:]).sum(axis=1) + tail + max(noise, RESOLVED * scale)
        done = (tail <= max(noise, RESOLVED * scale)) | (right - left <= narrowest)
        largest = np.abs(values).max(axis=1)
        kept += [_Panel(left[i], right[i], c[i], largest[i]) for i in np.flatnonzero(may & done)]
        again = may & ~done
        left, middle, right = left[again], middle[again], right[again]
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    return sorted(kept, key=lambda panel: panel.left), scale


def _refuse_flat(panels, near, low, high, scale):
    """Raise a ValueError where f is zero, to rounding, along much of the range."""
    flat = [panel for panel in panels if panel.largest <= near]
    length = sum(panel.right - panel.left for panel in flat)
    if scale <= near or length > FLAT * (high - low):
        first, last = (flat[0].left, flat[-1].right) if flat else (low, high)
        raise ValueError(
            f"No place is a root more than others: all along from {first:g} to {last:g} the "
            f"function is within {near:.1e} of zero, which may be rounding. Ask for a range where "
            "it is not."
        )


def _runs(panels):
    """Panels in a row that touch each other."""
    runs = []
    for panel in panels:
        if runs and runs[-1][-1].right == panel.left:
            runs[-1].append(panel)
        else:
            runs.append([panel])
    return runs


def _turns(panel):
    """Where f turns within a panel."""
    slope = chebyshev.chebder(chebyshev.chebtrim(panel.coefficients, 1e-15 * panel.largest))
    if len(slope) < 2:
        return np.empty(0)
    found = chebyshev.chebroots(slope)
    inside = found.real[(np.abs(found.imag) < 1e-5) & (np.abs(found.real) <= 1)]
    return panel.left / 2 + panel.right / 2 + inside * (panel.right / 2 - panel.left / 2)


def _zeros_of_run(function, run, near):
    """Brackets (k, 2) of zeros, and directions (k,): a bracket of no width is a zero itself."""
    turns = np.concatenate([_turns(panel) for panel in run])
    ends = np.array([run[0].left, *(panel.right for panel in run)])
    points, first = np.unique(np.concatenate([turns, ends]), return_index=True)
    values, free = function(points), first >= len(turns)
    free[[0, -1]] = False  # the limits of the range: zeros where f is zero there but for rounding
    side = np.sign(values) * (free | (np.abs(values) > near))
    known = np.flatnonzero(side)
    brackets, directions = [], []
    for before, after in zip([-1, *known], [*known, len(points)]):
        sides = [side[i] for i in (before, after) if 0 <= i < len(points)]
        turned = len(sides) == 2 and sides[0] != sides[1]
        if after - before > 1:  # points that are zeros, as one
            place = points[before + 1 : after].mean()
            brackets.append((place, place))
        elif turned:
            brackets.append((points[before], points[after]))
        else:
            continue
        at_limit = len(sides) == 1
        directions.append(_direction(sides, before >= 0) if at_limit or turned else 0)
    return np.array(brackets).reshape(-1, 2), np.array(directions, dtype=int)


def _direction(sides, from_before):
    """Where f goes on beyond a zero: at a limit, and where it was before, against that side."""
    return -sides[0] if from_before else sides[0]


def _bisected(function, brackets, directions, narrow):
    """Zeros to an error, from brackets of one crossing each."""
    left, right = brackets.T
    while np.any(right - left > narrow):
        middle = left / 2 + right / 2
        value = function(middle) * directions
        left, right = np.where(value > 0, left, middle), np.where(value < 0, right, middle)
    return Zeros(left / 2 + right / 2, directions)
