"""Standard deviation of an integral: covariances between places, summed by quadrature."""

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander
from sklearn.base import BaseEstimator

from ..chain import propagate_sum_std
from ..jets import Jet
from ..jets.blocks import map_row_blocks
from .quadrature import PANEL_NODES, quadrature_nodes
from .reach import without_overflow_warnings

__all__ = ["integral_std"]

FIRST_PANELS, MAX_PANELS = 4, 256
TOLERANCE = 1e-6  # of the largest standard deviation; panels are halved until it is kept ...
ALLOWED = 1e-3  # ... and this is enough where it is not, at kinks of a covariance
LIMITS_AT_A_TIME = 1024


def quadrature_weights(limits: np.ndarray, edges: np.ndarray) -> np.ndarray:
    r"""Weights of the nodes in the integral from the first edge to each limit: (k, n).

    Up to s in [-1, 1] of a panel, the polynomial through its nodes :math:`u_i`, whose weights are
    :math:`w_i`, has the weights
    :math:`\tfrac{w_i}{2} (1 + s + \sum_{j \ge 1} P_j(u_i) (P_{j+1}(s) - P_{j-1}(s)))`.
    """
    u, w = leggauss(PANEL_NODES)
    widths = np.diff(edges)
    reached = (limits[:, None] - edges[:-1]) / np.where(widths, widths, 1.0)
    s = 2 * np.clip(reached, 0, 1) - 1
    P = legvander(s, PANEL_NODES)
    sums = (P[..., 2:] - P[..., :-2]) @ legvander(u, PANEL_NODES - 1)[:, 1:].T
    weights = widths[:, None] / 4 * w * (1 + s[..., None] + sums)
    return weights.reshape(len(limits), len(widths) * PANEL_NODES)


def integral_std(
    model: BaseEstimator,
    index: tuple[int, ...],
    a: float,
    b: np.ndarray,
    negligible: float | np.ndarray,
) -> np.ndarray:
    """Standard deviations of the integrals from a to each b of one derivative of a fitted curve.

    A covariance with a kink where both places meet has an error that falls as the square of the
    panels' width, and Richardson's extrapolation of the variance takes it away.

    Parameters
    ----------
    model : fitted estimator of one feature
    index : tuple of int
        Order of the derivative, (0,) for the function itself.
    a : float
    b : array of shape (k,)
    negligible : float or array of shape (m,)
        A standard deviation below it is lost in rounding.

    Returns
    -------
    array of shape (k, m)

    Raises
    ------
    TypeError
        `propagate_sum_std` has no rule for the model.
    ValueError
        Limits so far from the samples that a variance leaves float64.
    RuntimeError
        Panels were halved as often as is allowed, and the result still changes.
    """
    before = None
    for variance in _refined_variances(model, index, a, b):
        if before is not None:
            change = abs(variance - before).max(axis=0, initial=0)
            size = variance.max(axis=0, initial=0)
            if (change <= 2 * TOLERANCE * size + negligible**2).all():
                return np.sqrt(variance)
        before = variance
    if (change <= 2 * ALLOWED * size + negligible**2).all():
        return np.sqrt(variance)
    raise RuntimeError(
        "The standard deviation of the integral was not found: its square still changes by up to "
        f"{change.max():.1e}, of {size.max():.1e}, with {MAX_PANELS} parts of the range. Integrate "
        "over a shorter range, or use a smoother model."
    )


def _require_numbers(variance, a, b):
    if not np.isfinite(variance).all():
        farthest = b[np.argmax(np.abs(b / 2 - a / 2))]
        raise ValueError(
            f"The variance of the integral from {a:g} to {farthest:g} is not a number of float64. "
            "Integrate nearer to the samples."
        )


def _refined_variances(model, index, a, b):
    """The variance, extrapolated from more and more panels."""
    low, high = min(a, *b, a), max(a, *b, a)
    coarse, n_panels = None, FIRST_PANELS
    while n_panels <= MAX_PANELS:
        with without_overflow_warnings():
            fine = _variance(model, index, a, b, np.linspace(low, high, n_panels + 1))
            better = np.maximum((4 * fine - (fine if coarse is None else coarse)) / 3, 0.0)
        _require_numbers(better, a, b)
        if coarse is not None:
            yield better
        coarse, n_panels = fine, 2 * n_panels


def _variance(model, index, a, b, edges):
    jet = Jet.variables(quadrature_nodes(edges[:-1], edges[1:])[:, None], sum(index))
    from_a = quadrature_weights(np.array([a]), edges)

    def block(limits):
        weights = quadrature_weights(limits, edges) - from_a
        return propagate_sum_std(model, jet, index, weights) ** 2

    return map_row_blocks(block, b, LIMITS_AT_A_TIME)
