"""Smoothing splines of several features: powers of distances and a polynomial."""

from functools import partial, reduce
from math import factorial
from operator import mul

import numpy as np
from scipy.linalg import eigh, lstsq, svd
from scipy.spatial.distance import cdist

from ..jets import multi_indices
from .smoothing_choice import Smoothed, choose_smoothing, rounding

__all__ = ["fit_surface", "kernel_factor", "monomials"]

WEIGHT_RATIO = 1e8  # the largest weight over the smallest: its square root costs digits
RANK = 1e-9  # relative singular values below this are zero: rounding of the scaled features


def monomials(columns: list, degree: int) -> list:
    """All monomials of columns (arrays or jets of one column each) up to a degree, by degree."""
    one = 0 * columns[0] + 1
    alphas = [alpha for k in range(degree + 1) for alpha in multi_indices(len(columns), k)]
    return [
        reduce(mul, [x**power for x, power in zip(columns, alpha) if power], one)
        for alpha in alphas
    ]


def kernel_factor(degree: int) -> float:
    """What makes the penalty of the kernel r^degree that of the B-spline in one feature."""
    return (-1) ** ((degree + 1) // 2) / (2 * factorial(degree))


def _project_out(K, U):
    """Eigenvalues, ascending, and eigenvectors of K on the complement of orthonormal columns U."""
    K = K - U @ (U.T @ K)
    K = K - (K @ U) @ U.T
    K += (2 * abs(np.trace(K)) + np.abs(K).max()) * (U @ U.T)  # moves theirs to the far end
    values, vectors = eigh(K, overwrite_a=True)
    n = len(K) - U.shape[1]
    return np.maximum(values[:n], 0.0), vectors[:, :n]


def fit_surface(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    degree: int,
    smoothing: float | None,
    noise: float | list[float] = 0.0,
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """The polyharmonic spline of several features, with λ and the degrees of freedom.

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
    origin, root = X.mean(axis=0), np.sqrt(weight / weight.sum())
    length = np.abs(X - origin).max() or 1.0
    columns, order = np.hsplit((X - origin) / length, X.shape[1]), (degree - 1) // 2
    tail_columns = np.hstack(monomials(columns, order))
    per_power = [length**k for k in range(order + 1) for _ in multi_indices(X.shape[1], k)]
    kernel = kernel_factor(degree) * cdist(X, X) ** degree
    U, sizes, _ = svd(root[:, None] * tail_columns, full_matrices=False)
    spectrum, vectors = _project_out(root[:, None] * kernel * root, U[:, sizes > RANK * sizes[0]])
    spectrum[spectrum < np.finfo(float).eps * np.abs(kernel).max()] = 0.0
    halving = 2.0 ** (degree + X.shape[1])
    chosen, c, dof = _solve_on_spectrum(spectrum, vectors, y, root, smoothing, halving, noise)
    rest = y - kernel @ c - chosen * c / root[:, None] ** 2
    tail = _tail(tail_columns, rest, X.shape[1]) / np.c_[per_power]
    return (c, origin, tail), chosen, dof


def _tail(columns, values, d):
    """Coefficients of a polynomial: as much as it goes a plane, the rest of least norm."""
    plane = lstsq(columns[:, : d + 1], values, cond=RANK)[0]
    rest = lstsq(columns, values - columns[:, : d + 1] @ plane, cond=RANK)[0]
    rest[: d + 1] += plane
    return rest


def _solve_on_spectrum(spectrum, vectors, y, root, smoothing, halving, noise):
    """λ, kernel coefficients and effective degrees of freedom of each output."""
    modes, n = vectors.T @ (root[:, None] * y), len(y)
    chosen = np.full(y.shape[1], smoothing or 0.0)
    if smoothing is None and spectrum.any():
        bounds, n_free = (1e-2 * spectrum[spectrum > 0][0], 1e4 * spectrum[-1]), n - len(spectrum)
        for i, least in enumerate(np.broadcast_to(noise, y.shape[1])):
            floor = rounding(y[:, i], root**2)
            smooth = partial(_smooth_modes, spectrum, modes[:, i])
            chosen[i] = choose_smoothing(smooth, bounds, n, n_free, halving, floor, least)
    damped = spectrum[:, None] + chosen
    inverse = np.divide(1, damped, out=np.zeros_like(damped), where=damped > 0)
    c = root[:, None] * (vectors @ (modes * inverse))
    return chosen, c, n - np.sum(chosen * inverse, axis=0)


def _smooth_modes(spectrum, mode, lam):
    """What λ does to samples with these components along the eigenvectors."""
    damped = spectrum + lam
    roughness = np.sum(spectrum * (mode / damped) ** 2)
    return Smoothed(np.sum((lam / damped * mode) ** 2), roughness, np.sum(lam / damped))
