"""How much to smooth: cross-validation, but never far below what the marginal likelihood takes."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import minimize_scalar

__all__ = ["Smoothed", "choose_smoothing", "resolution", "rounding"]

EDGE = 0.01  # powers of ten: an end of the search that is nearer than this is its result
TIE = 1e-6  # relative differences of scores below this are rounding


class Smoothed(NamedTuple):
    """What a smoothing parameter λ does to n samples.

    Parameters
    ----------
    squares : float
        Weighted mean of the squared residuals.
    roughness : float
        The penalty of the fitted function, without λ.
    trace : float
        tr(I - A) of the hat matrix A: n less the effective degrees of freedom.
    """

    squares: float
    roughness: float
    trace: float


def resolution(y: np.ndarray) -> float:
    """The step of the grid that all values lie on because they were rounded, 0 if there is none.

    A grid counts as one where values repeat: of n random numbers none do.
    """
    levels = np.unique(y)
    gaps = np.diff(levels)
    gaps = gaps[gaps > 1e-12 * np.abs(levels).max()]
    if not 1 < len(gaps) < 0.9 * len(y) - 1:
        return 0.0
    steps = (gaps / gaps.min()).round()
    step = gaps.sum() / steps.sum()
    return float(step) if np.allclose(gaps, steps * step, rtol=0, atol=1e-3 * step) else 0.0


def rounding(y: np.ndarray, weight: np.ndarray) -> float:
    """The mean squared residual that rounding in the computation can leave."""
    return 1e-28 * np.average(y**2, weights=weight)


def choose_smoothing(
    smooth: Callable[[float], Smoothed],
    bounds: tuple[float, float],
    n: int,
    n_free: int,
    halving: float,
    floor: float,
    noise: float,
    costly: float = 0.0,
    sketch: Callable[[float], Smoothed] | None = None,
) -> float:
    """The λ of least cross-validation score above a bound by marginal likelihood.

    Of scores that rounding ties, the one of the largest λ counts.

    Parameters
    ----------
    smooth : function of λ
    bounds : the least and the largest λ, two floats
    n : int
        Number of samples.
    n_free : int
        Dimension of the functions without roughness.
    halving : float
        What divides λ where the bandwidth of the smoother is halved.
    floor : float
        Mean squared residual that rounding in the computation leaves.
    noise : float
        Least variance of the samples' noise.
    costly : float, default=0.0
        λ below which only every other power of ten is tried, and by the sketch, but where the
        likelihood is greatest there.
    sketch : function of λ, default=None
        Some digits of `smooth`.
    """
    every = np.arange(np.log10(bounds[0]), np.log10(bounds[1]) + 1)
    few = every[(10**every >= costly) | (np.arange(len(every)) % 2 == 1)]
    for steps, below in (few, sketch or smooth), (every, smooth):
        tried = [(smooth if 10**k >= costly else below)(10**k) for k in steps]
        path = Smoothed(*np.transpose(tried))
        likeliest = _least_deviance(steps, _deviance(steps, path, n, n_free, max(noise, floor)))
        least = min(likeliest - np.log10(halving), steps[-1])
        if 10 ** (least - 1) >= costly:
            break
    scores = np.where(steps < least, np.inf, _cross_validation(path, n))
    best = np.flatnonzero(scores <= scores.min() * (1 + TIE) + floor)[-1]
    near = minimize_scalar(
        lambda step: _cross_validation(smooth(10**step), n),
        bounds=(max(steps[best] - 1, least), steps[best] + 1),
        options={"xatol": 4e-3},
    )
    if near.x < least + EDGE:  # the score falls on below the bound
        return float(10**likeliest)
    better = near.fun < scores[best] * (1 - TIE) - floor
    return float(10 ** (near.x if better else steps[best]))


def _cross_validation(path, n):
    """The generalised cross-validation score (Craven & Wahba 1979)."""
    return path.squares / (path.trace / n) ** 2


def _deviance(steps, path, n, n_free, noise):
    """-2 log of the marginal likelihood (REML), but for a constant, at powers of ten in turn.

    As a function of log λ the log determinant of I - A, its zeros left out, rises by the degrees
    of freedom that are not free, tr A - n_free: summed from the largest λ, where it is zero.
    """
    bent = n - path.trace - n_free
    log_det = np.log(10) * cumulative_trapezoid(bent[::-1], -steps[::-1], initial=0)[::-1]
    energy = n * (path.squares + 10**steps * path.roughness)
    variance = np.maximum(energy / (n - n_free), max(noise, np.finfo(float).tiny))
    return energy / variance + (n - n_free) * np.log(variance) + log_det


def _least_deviance(steps, deviance):
    """Where a parabola through the least value and its neighbours is least."""
    best = np.flatnonzero(deviance <= deviance.min() + TIE)[-1]
    if not 0 < best < len(steps) - 1:
        return steps[best]
    left, least, right = deviance[best - 1 : best + 2]
    bend = left - 2 * least + right
    return steps[best] + (0.5 * (left - right) / bend if bend > 0 else 0.0)
