"""Smoothing splines of several features: powers of distances and a polynomial."""

from functools import partial

import numpy as np
from scipy.linalg import lstsq

from ..jets import multi_indices
from .smoothing_choice import Smoothed, choose_smoothing, rounding
from .surface_modes import RANK, SurfaceModes
from .surface_posterior import SurfacePosterior

__all__ = ["fit_surface"]

WEIGHT_RATIO = 1e8  # the largest weight over the smallest: its square root costs digits


def fit_surface(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    degree: int,
    smoothing: float | None,
    noise: float | list[float] = 0.0,
) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray, list[SurfacePosterior | None]]:
    """The polyharmonic spline of several features, its λ, degrees of freedom and posteriors.

    An output has no posterior where nothing tells its noise.

    Raises
    ------
    ValueError
        Weights that differ so much that the equations hold nothing of the smaller ones.
    """
    weight = np.ones_like(weight) if smoothing == 0 else weight  # they count for nothing there
    if weight.max() > WEIGHT_RATIO * weight.min():
        raise ValueError(
            f"sample_weight of places in several features may differ by {WEIGHT_RATIO:.0e} at "
            f"most where they are smoothed; got {weight.min():.1e} to {weight.max():.1e}. Leave "
            "the samples of least weight out, by a weight of zero."
        )
    modes = SurfaceModes(X, weight, degree)
    halving = 2.0 ** (degree + X.shape[1])
    bends = len(X) > modes.polynomials[0].shape[1]
    solved = _solve_directly(modes, y, smoothing) if smoothing and bends else None
    chosen, c, smoothed = solved or _solve_on_spectrum(modes, y, smoothing, halving, noise)
    rest = y - modes.kernel @ c - chosen * c / modes.root[:, None] ** 2
    alphas = [k for k in range((degree + 1) // 2) for _ in multi_indices(X.shape[1], k)]
    tail = _tail(modes.tail_columns, rest, X.shape[1]) / modes.length ** np.c_[alphas]
    dof = len(X) - np.array([one.trace for one in smoothed])
    return (c, modes.origin, tail), chosen, dof, _posteriors(modes, chosen, smoothed)


def _posteriors(modes, chosen, smoothed):
    """Those of each output, which find the matrices n² anew when they are first asked."""
    fresh = SurfaceModes(modes.X, modes.weight, modes.degree)
    return [
        SurfacePosterior(fresh, lam, modes.weight.sum() * one.squares / one.trace)
        if lam > 0 and one.trace > 0
        else None
        for lam, one in zip(chosen, smoothed)
    ]


def _tail(columns, values, d):
    """Coefficients of a polynomial: as much as it goes a plane, the rest of least norm."""
    plane = lstsq(columns[:, : d + 1], values, cond=RANK)[0]
    rest = lstsq(columns, values - columns[:, : d + 1] @ plane, cond=RANK)[0]
    rest[: d + 1] += plane
    return rest


def _solve_directly(modes, y, lam):
    """The same as `_solve_on_spectrum` of a λ that is given; None where it is next to nothing."""
    root, (U, _) = modes.root[:, None], modes.polynomials
    solved = modes.solved(lam, root * y)
    if solved is None:
        return None
    found, trace = solved
    beside = root * y - U @ (U.T @ (root * y))
    squares = np.sum((lam * found) ** 2, axis=0)
    roughness = np.sum(found * (beside - lam * found), axis=0)
    smoothed = [Smoothed(a, b, lam * trace) for a, b in zip(squares, roughness)]
    return np.full(y.shape[1], lam), root * found, smoothed


def _solve_on_spectrum(modes, y, smoothing, halving, noise):
    """λ and kernel coefficients of each output, and what λ does to it."""
    (spectrum, vectors), root, n = modes.spectrum, modes.root, len(y)
    parts = vectors.T @ (root[:, None] * y)
    chosen = np.full(y.shape[1], smoothing or 0.0)
    if smoothing is None and spectrum.any():
        bounds, n_free = (1e-2 * spectrum[spectrum > 0][0], 1e4 * spectrum[-1]), n - len(spectrum)
        for i, least in enumerate(np.broadcast_to(noise, y.shape[1])):
            floor = rounding(y[:, i], root**2)
            smooth = partial(_smooth_modes, spectrum, parts[:, i])
            chosen[i] = choose_smoothing(smooth, bounds, n, n_free, halving, floor, least)
    damped = spectrum[:, None] + chosen
    inverse = np.divide(1, damped, out=np.zeros_like(damped), where=damped > 0)
    c = root[:, None] * (vectors @ (parts * inverse))
    pairs = zip(parts.T, chosen)
    return chosen, c, [_smooth_modes(spectrum, part, lam) for part, lam in pairs]


def _smooth_modes(spectrum, mode, lam):
    """What λ does to samples with these components along the eigenvectors."""
    damped = spectrum + lam
    inverse = np.divide(1, damped, out=np.zeros_like(damped), where=damped > 0)
    roughness = np.sum(spectrum * (mode * inverse) ** 2)
    return Smoothed(np.sum((lam * inverse * mode) ** 2), roughness, np.sum(lam * inverse))
