"""Fits that outliers do not bend: weights about the fit before, until they no longer change."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["from_neighbours", "reweighted", "robust_scale"]

HUBER, TUKEY = 1.345, 4.685  # 95 % efficient where noise is normal
NORMAL = 1.4826  # standard deviation over median absolute deviation of normal numbers
SETTLED = 0.01  # change of all weights, at most
NEGLIGIBLE = 1e-3  # Tukey's weights below it are none, and Huber's are it
NEIGHBOURS = 7
STEPS = 10, 40  # of Huber's weights, which have one solution, and then of Tukey's


def robust_scale(residuals: np.ndarray, dof: float) -> float:
    """The standard deviation of normal noise with the median of these absolute residuals (n,).

    A fit of so many degrees of freedom has made them smaller.
    """
    n = len(residuals)
    return float(NORMAL * np.median(np.abs(residuals)) * np.sqrt(n / max(n - dof, 1.0)))


def _huber(u):
    return np.maximum(1 / np.maximum(np.abs(u) / HUBER, 1.0), NEGLIGIBLE)


def _tukey(u):
    found = np.maximum(1 - (u / TUKEY) ** 2, 0.0) ** 2
    return np.where(found < NEGLIGIBLE, 0.0, found)


def from_neighbours(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values less the medians of those at the nearest places, their own among them: (n,).

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    """
    _, near = cKDTree(X).query(X, min(NEIGHBOURS, len(X)))
    return y - np.median(y[near.reshape(len(X), -1)], axis=1)


def reweighted(
    fit: Callable[[np.ndarray], tuple[Any, np.ndarray, float]], first: np.ndarray, least: float
) -> tuple[Any, float]:
    """A fit with weights that leave outliers out, and the scale of the noise about it.

    The weights are first Huber's, of which there is one solution, and then from there Tukey's,
    which are zero beyond 4.685 scales (Huber & Ronchetti, "Robust statistics", 2009, chapter 7).
    They begin from residuals that no fit has followed. The scale is found anew with each fit, and
    what the fit chooses by itself is.

    Parameters
    ----------
    fit : callable
        Of factors (n,) for the weights of the samples: what is fitted, the residuals of all
        samples, each times the root of its own weight, and the degrees of freedom.
    first : array of shape (n,)
        Residuals to begin with.
    least : float
        A scale below it is rounding.
    """
    factors = _huber(first / max(robust_scale(first, 0.0), least))
    for steps, weights in zip(STEPS, (_huber, _tukey)):
        for _ in range(steps):
            found, residuals, dof = fit(factors)
            scale = max(robust_scale(residuals, dof), least)
            before, factors = factors, weights(residuals / scale)
            if np.abs(factors - before).max() < SETTLED:
                break
    return found, scale
