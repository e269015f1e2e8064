"""Quadrature on panels: their Gauss-Legendre nodes, halved where the integral is not yet known."""

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander

__all__ = ["PANEL_NODES", "integrate_pieces", "quadrature_nodes", "scatter"]

PANEL_NODES = 10  # in each panel, one of the parts of the range
FIRST_PANELS = 16
MANY_PANELS, MAX_PANELS = 2**12, 2**16  # that are still to be halved
STUCK = 0.7  # of the error before: at kinks a quarter is left, at jumps a half, of noise all
PLACES, RUN, STEP, DIFFERENCE = 33, 12, 1e-7, 7  # neighbours, STEP of the range apart


def quadrature_nodes(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Gauss-Legendre nodes of panels: (n_panels * PANEL_NODES,)."""
    middle, half = left / 2 + right / 2, right / 2 - left / 2
    return (middle[:, None] + half[:, None] * leggauss(PANEL_NODES)[0]).ravel()


def scatter(function: Callable, low: float, high: float) -> float:
    r"""How far rounding scatters the values of a function about a smooth one.

    Neighbouring values of a smooth function have no differences of order q = 7 to speak of, and
    those of numbers that scatter by :math:`\sigma` alone have the variance
    :math:`\binom{2q}{q} \sigma^2`. Of two runs of neighbours the smaller counts, for a kink may
    lie in one, and of all places the largest.

    Parameters
    ----------
    function : callable, (k,) array -> (k, ...) array
    low, high : float
        The range.

    Returns
    -------
    float
        Standard deviation in the output that scatters most.

    References
    ----------
    R. W. Hamming, "Introduction to applied numerical analysis", 1971, chapter 6; J. J. Moré,
    S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33 (2011) 1292.
    """
    offsets = STEP * np.arange(2 * RUN)
    starts = np.linspace(0, 1 - offsets[-1], PLACES)
    values = function(low + (high - low) * np.add.outer(starts, offsets).ravel())
    unit = np.abs(values).max() or 1.0  # whose square may leave float64
    runs = (values / unit).reshape(PLACES, 2, RUN, -1)
    squares = (np.diff(runs, DIFFERENCE, axis=2) ** 2).mean(axis=2).min(axis=1)
    return float(unit * np.sqrt(squares.max() / comb(2 * DIFFERENCE, DIFFERENCE)))


def integrate_pieces(
    function: Callable, ends: np.ndarray, allowed: float, rounding: float
) -> tuple[np.ndarray, float]:
    """Integrals between neighbours of ascending ends.

    What a panel may be wrong by are the last two of the Legendre coefficients of its values, times
    its width. Panels are halved together. Half of the error that is allowed is shared among them
    by their widths, and the other half is for those that stay above their share, at a jump of the
    function.

    Parameters
    ----------
    function : callable, (k,) array -> (k, ...) array
    ends : array of shape (n + 1,)
    allowed : float
        The largest error, of all pieces together.
    rounding : float
        An error that is allowed too where many panels are halved and it does not fall.

    Returns
    -------
    pieces : array of shape (n, ...)
    excess : float
        An estimate of the error where it is larger than allowed, else zero.
    """
    (left, right, piece), before = _first_panels(ends), np.inf
    pieces: Any = 0.0
    while True:
        integrals, error = _panels(function, left, right)
        pieces = pieces + np.zeros((len(ends) - 1, *integrals.shape[1:]))
        share = (right - left) / (ends[-1] - ends[0])
        middle = left / 2 + right / 2
        halved = (error > allowed / 2 * share) & (left < middle) & (middle < right)
        excess = _excess(halved.sum(), float(error[halved].sum()), before, allowed, rounding)
        kept = ~halved if excess is None else slice(None)
        np.add.at(pieces, piece[kept], integrals[kept])
        if excess is not None:
            return pieces, excess
        before, piece = float(error[halved].sum()), np.repeat(piece[halved], 2)
        left, right = (
            np.stack(pair, axis=1)[halved].ravel() for pair in ((left, middle), (middle, right))
        )


def _first_panels(ends):
    """Left and right edges of equal parts of each piece, and the piece that each is of."""
    n_parts = max(1, FIRST_PANELS // (len(ends) - 1))
    fractions = np.linspace(0, 1, n_parts + 1)
    edges = ends[:-1, None] * (1 - fractions) + ends[1:, None] * fractions
    piece = np.repeat(np.arange(len(edges)), n_parts)
    return edges[:, :-1].ravel(), edges[:, 1:].ravel(), piece


def _excess(n_open, error, before, allowed, rounding):
    """By how much the error of the open panels is too large; None where halving them helps."""
    if 2 * error <= allowed:
        return 0.0
    stuck = error > STUCK * before
    if n_open > MANY_PANELS and stuck and error <= rounding:
        return 0.0
    return error if n_open > (MANY_PANELS if stuck else MAX_PANELS) else None


def _panels(function, left, right):
    """The integral over each panel, (k, ...), and what it may be wrong by in any output, (k,)."""
    nodes, weights = leggauss(PANEL_NODES)
    values = function(quadrature_nodes(left, right))
    rules = (np.arange(PANEL_NODES) + 0.5) * weights[:, None] * legvander(nodes, PANEL_NODES - 1)
    columns = values.reshape(len(left), PANEL_NODES, -1).swapaxes(1, 2) @ rules
    coefficients = columns * (right - left)[:, None, None]  # (k, m, PANEL_NODES)
    integrals = coefficients[..., 0].reshape(len(left), *values.shape[1:])
    return integrals, abs(coefficients[..., -2:]).max(axis=(1, 2))
