"""Smoothing splines of scattered data: fits on arrays, with generalised cross-validation."""

from collections.abc import Sequence
from functools import reduce
from math import factorial
from operator import mul
from typing import Any

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.linalg import eigh, lstsq, svd
from scipy.optimize import minimize_scalar
from scipy.sparse import block_array, block_diag, diags_array, eye_array
from scipy.sparse.linalg import splu
from scipy.spatial.distance import cdist

from ..jets import multi_indices

__all__ = ["fit_curve", "fit_surface", "kernel_factor", "monomials"]

RANK = 1e-9  # relative singular values below this are zero: rounding of the scaled features
STEP = 1e-30  # of a complex-step derivative


def _minimise_gcv(score, low, high, floor):
    """The λ between low and high of least score, and of those that rounding ties the largest."""
    grid = np.arange(np.log10(low), np.log10(high) + 1)
    scores = np.array([score(10**step) for step in grid])
    best = np.flatnonzero(scores <= scores.min() * (1 + 1e-6) + floor)[-1]
    bounds = grid[best] - 1, grid[best] + 1
    near = minimize_scalar(lambda step: score(10**step), bounds=bounds, options={"xatol": 1e-3})
    better = near.fun < scores[best] * (1 - 1e-6) - floor
    return float(10 ** (near.x if better else grid[best]))


def _floor(y, weight):
    """The mean squared residual that rounding alone can leave."""
    return 1e-28 * np.average(y**2, weights=weight)


def _interpolating_curve(x, y, degree):
    """The spline through all points, not-a-knot at the ends; a constant through one."""
    if len(x) == 1:
        return BSpline(np.array([x[0] - 1, x[0] + 1]), y, 0)
    return make_interp_spline(x, y, min(degree, len(x) - 1))


def _roughness(x, m):
    """Q and R such that the natural spline with values g has ∫(f⁽ᵐ⁾)² = γᵀRγ, Rγ = Qᵀg.

    γ are the coefficients of f⁽ᵐ⁾ in B-splines of degree m - 1 (over (m - 1)!), and Qᵀ takes
    m-th divided differences.
    """
    differences = eye_array(len(x)).tocsr()
    for k in range(1, m):
        differences = diags_array(1 / (x[k:] - x[:-k])) @ (differences[1:] - differences[:-1])
    Q = (differences[1:] - differences[:-1]).T
    nodes, weights = np.polynomial.legendre.leggauss(m)
    half = np.diff(x)[:, None] / 2
    knots = np.r_[[x[0]] * (m - 1), x, [x[-1]] * (m - 1)]
    basis = BSpline.design_matrix((x[:-1, None] + half * (1 + nodes)).ravel(), knots, m - 1)
    basis = basis[:, m - 1 : len(x) - 1] / factorial(m - 1)
    return Q, basis.T @ diags_array((half * weights).ravel()) @ basis


def _curve_smoother(x, weight, m):
    """A function of y (n,) and λ: residuals y - f of the smoothing spline, γ, and tr(I - A).

    With D the inverse weights, r = λDQγ are the residuals and Rγ = Qᵀ(y - r). The two are solved
    together: the usual elimination of r (Reinsch) squares a condition number that grows as n².
    The trace of the complement of the hat matrix A is the derivative of the log determinant by
    log λ, taken exactly by a complex step.
    """
    n = len(x)
    Q, R = _roughness(x, m)
    unit = diags_array(1 / np.sqrt(R.diagonal()))
    spread = np.sqrt(weight.sum() / weight)
    coupling = diags_array(spread) @ Q @ unit
    place = np.argsort(np.r_[np.arange(n), np.arange(n - m) + (m + 0.5) / 2])  # a narrow band
    fixed = block_diag([eye_array(n), unit @ R @ unit], format="csr")[place][:, place]
    link = block_array([[None, -coupling], [coupling.T, None]], format="csr")[place][:, place]

    def smooth(y, lam):
        lu = splu((fixed + np.sqrt(lam) * (1 + STEP * 0.5j) * link).tocsc(), permc_spec="NATURAL")
        pivots, solution = lu.U.diagonal(), np.empty(2 * n - m)
        divided = unit @ (Q.T @ y)
        solution[place] = lu.solve(np.r_[np.zeros(n), divided][place].astype(complex)).real
        residual, gamma = np.sqrt(lam) * spread * solution[:n], unit @ solution[n:]
        return residual, gamma, np.sum(pivots.imag / pivots.real) / STEP

    return smooth


def _natural_curve(x, fitted, gamma, m):
    """The natural spline through (x, fitted) whose m-th derivative has the coefficients γ.

    Integrated from γ, for that keeps its high derivatives free of the rounding of `fitted`.
    """
    length, step = np.ptp(x), np.ptp(x) / (len(x) - 1)
    knots = np.r_[[x[0] - step] * m, x, [x[-1] + step] * m]  # beyond the ends f⁽ᵐ⁾ is zero
    none = np.zeros((m, fitted.shape[1]))
    rough = BSpline(knots, np.vstack([none, gamma / factorial(m - 1), none]), m - 1)
    powers = np.vander((x - knots[0]) / length, m, increasing=True)
    tail = lstsq(powers, fitted - _integrate(rough, none)(x))[0]
    scale = [factorial(k) / length**k for k in range(m)]
    return _integrate(rough, (tail * np.c_[scale])[::-1])


def _integrate(spline, constants):
    """Integrate from the first knot on, once for each constant, that there is the value."""
    for constant in constants:
        spline = spline.antiderivative()
        spline.c += constant
    return spline


def _choose_curve_smoothing(smooth, x, y, weight, m, floor):
    """The λ of least generalised cross-validation score."""

    def score(lam):
        residual, _, trace = smooth(y, lam)
        return np.average(residual**2, weights=weight) / (trace / len(x)) ** 2

    length, spacing = np.ptp(x), np.quantile(np.diff(x), 0.05)
    low = 1e-2 * (spacing / np.pi) ** (2 * m) / length
    high = 1e4 * (length / np.pi) ** (2 * m) / length
    return _minimise_gcv(score, low, high, floor)


def fit_curve(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, degree: int, smoothing: float | None
) -> tuple[BSpline, np.ndarray, np.ndarray]:
    """The B-spline of one feature, with λ and the effective degrees of freedom of each output."""
    x, m = X[:, 0], (degree + 1) // 2
    chosen, dof = np.full(y.shape[1], smoothing or 0.0), np.full(y.shape[1], float(len(x)))
    if smoothing == 0:
        return _interpolating_curve(x, y, degree), chosen, dof
    if len(x) <= m:
        return _interpolating_curve(x, y, len(x) - 1), chosen, dof
    smooth, fitted = _curve_smoother(x, weight, m), np.empty_like(y)
    gamma = np.empty((len(x) - m, y.shape[1]))
    straight = np.polynomial.legendre.legvander(2 * (x - x[0]) / np.ptp(x) - 1, m - 1)
    bent = y - straight @ lstsq(straight, y)[0]  # rounding counts from what there is to smooth
    for i, column in enumerate(bent.T):
        if smoothing is None:
            floor = _floor(y[:, i], weight)
            chosen[i] = _choose_curve_smoothing(smooth, x, column, weight, m, floor)
        residual, gamma[:, i], trace = smooth(column, chosen[i])
        fitted[:, i], dof[i] = y[:, i] - residual, len(x) - trace
    return _natural_curve(x, fitted, gamma, m), chosen, dof


def monomials(columns: Sequence[Any], degree: int) -> list:
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
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, degree: int, smoothing: float | None
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """The polyharmonic spline of several features, with λ and the degrees of freedom."""
    origin, root = X.mean(axis=0), np.sqrt(weight / weight.sum())
    length = np.abs(X - origin).max() or 1.0
    columns, order = np.hsplit((X - origin) / length, X.shape[1]), (degree - 1) // 2
    tail_columns = np.hstack(monomials(columns, order))
    per_power = [length**k for k in range(order + 1) for _ in multi_indices(X.shape[1], k)]
    kernel = kernel_factor(degree) * cdist(X, X) ** degree
    U, sizes, _ = svd(root[:, None] * tail_columns, full_matrices=False)
    spectrum, vectors = _project_out(root[:, None] * kernel * root, U[:, sizes > RANK * sizes[0]])
    spectrum[spectrum < np.finfo(float).eps * np.abs(kernel).max()] = 0.0
    chosen, c, dof = _solve_on_spectrum(spectrum, vectors, y, root, smoothing)
    rest = y - kernel @ c - chosen * c / root[:, None] ** 2
    tail = _tail(tail_columns, rest, X.shape[1]) / np.c_[per_power]
    return (c, origin, tail), chosen, dof


def _tail(columns, values, d):
    """Coefficients of a polynomial: as much as it goes a plane, the rest of least norm."""
    plane = lstsq(columns[:, : d + 1], values, cond=RANK)[0]
    rest = lstsq(columns, values - columns[:, : d + 1] @ plane, cond=RANK)[0]
    rest[: d + 1] += plane
    return rest


def _solve_on_spectrum(spectrum, vectors, y, root, smoothing):
    """λ, kernel coefficients and effective degrees of freedom of each output."""
    modes = vectors.T @ (root[:, None] * y)
    chosen = np.full(y.shape[1], smoothing or 0.0)
    if smoothing is None and spectrum.any():
        range_ = 1e-2 * spectrum[spectrum > 0][0], 1e4 * spectrum[-1]
        for i, column in enumerate(y.T):
            score, floor = _spectral_gcv(spectrum, modes[:, i], len(y)), _floor(column, root**2)
            chosen[i] = _minimise_gcv(score, *range_, floor)
    damped = spectrum[:, None] + chosen
    inverse = np.divide(1, damped, out=np.zeros_like(damped), where=damped > 0)
    c = root[:, None] * (vectors @ (modes * inverse))
    return chosen, c, len(y) - np.sum(chosen * inverse, axis=0)


def _spectral_gcv(spectrum, mode, n):
    """The generalised cross-validation score as a function of λ."""

    def score(lam):
        shrink = lam / (spectrum + lam)
        return np.sum((shrink * mode) ** 2) / (np.sum(shrink) / n) ** 2

    return score
