"""Smoothing splines of scattered data: fits on arrays, with generalised cross-validation."""

from functools import reduce
from math import factorial
from operator import mul

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.linalg import eigh, lstsq, svd
from scipy.optimize import minimize_scalar
from scipy.sparse import diags_array, eye_array
from scipy.sparse.linalg import splu
from scipy.spatial.distance import cdist

from ..jet import multi_indices

__all__ = ["fit_curve", "fit_surface", "kernel_factor", "monomials"]

RANK = 1e-9  # relative singular values below this are zero: rounding of the scaled features
COMPLEX_STEP = 1e-30


def _minimise_gcv(score, low, high, floor):
    """The λ between low and high of least score, and of those that rounding ties the largest."""
    grid = np.arange(np.log10(low), np.log10(high) + 0.5, 0.5)
    scores = np.array([score(10**step) for step in grid])
    best = np.flatnonzero(scores <= scores.min() * (1 + 1e-6) + floor)[-1]
    bounds = grid[best] - 0.5, grid[best] + 0.5
    near = minimize_scalar(lambda step: score(10**step), bounds=bounds, options={"xatol": 1e-3})
    better = near.fun < scores[best] * (1 - 1e-6) - floor
    return float(10 ** (near.x if better else grid[best]))


def _rounding_floor(y, weight):
    """The mean squared residual that rounding alone can leave."""
    return 1e-28 * np.average(y**2, weights=weight)


def _interpolating_curve(x, y, degree):
    """The spline through all points, not-a-knot at the ends; a constant through one."""
    if len(x) == 1:
        return BSpline(np.array([x[0] - 1, x[0] + 1]), y, 0)
    return make_interp_spline(x, y, min(degree, len(x) - 1))


def _natural_curve(x, y, degree):
    """The natural spline through all points; its end polynomials hold beyond them."""
    m = (degree + 1) // 2
    ends = [(k, np.zeros(y.shape[1])) for k in range(m, degree)] or None

    def through(x, y):
        return make_interp_spline(x, y, degree, bc_type=(ends, ends))

    inner, step = through(x, y), np.ptp(x) / (len(x) - 1)
    left = sum(inner(x[0], k) * (-step) ** k / factorial(k) for k in range(m))
    right = sum(inner(x[-1], k) * step**k / factorial(k) for k in range(m))
    return through(np.r_[x[0] - step, x, x[-1] + step], np.vstack([left, y, right]))


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
    """A function of y (n,) and λ: the residuals y - f of the smoothing spline, and tr(I - A).

    Reinsch's system; the trace of the complement of the hat matrix A is the derivative of
    log det(R + λ QᵀDQ) by log λ, taken exactly by a complex step.
    """
    Q, R = _roughness(x, m)
    DQ = diags_array(weight.sum() / weight) @ Q
    QDQ = Q.T @ DQ

    def smooth(y, lam):
        matrix = (R + lam * (1 + COMPLEX_STEP * 1j) * QDQ).tocsc()
        symmetric = {"SymmetricMode": True}
        lu = splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.0, options=symmetric)
        pivots = lu.U.diagonal()
        gamma = lu.solve((Q.T @ y).astype(complex)).real
        return lam * (DQ @ gamma), np.sum(pivots.imag / pivots.real) / COMPLEX_STEP

    return smooth


def _choose_curve_smoothing(smooth, x, y, weight, m):
    """The λ of least generalised cross-validation score."""

    def score(lam):
        residual, trace = smooth(y, lam)
        return np.average(residual**2, weights=weight) / (trace / len(x)) ** 2

    length, spacing = np.ptp(x), np.quantile(np.diff(x), 0.05)
    low = 1e-2 * (spacing / np.pi) ** (2 * m) / length
    high = 1e4 * (length / np.pi) ** (2 * m) / length
    return _minimise_gcv(score, low, high, _rounding_floor(y, weight))


def fit_curve(X, y, weight, degree, smoothing):
    """The B-spline of one feature, with λ and the effective degrees of freedom of each output."""
    x, m = X[:, 0], (degree + 1) // 2
    chosen, dof = np.full(y.shape[1], smoothing or 0.0), np.full(y.shape[1], float(len(x)))
    if smoothing == 0:
        return _interpolating_curve(x, y, degree), chosen, dof
    if len(x) <= m:
        return _interpolating_curve(x, y, len(x) - 1), chosen, dof
    smooth, fitted = _curve_smoother(x, weight, m), np.empty_like(y)
    for i, column in enumerate(y.T):
        if smoothing is None:
            chosen[i] = _choose_curve_smoothing(smooth, x, column, weight, m)
        residual, trace = smooth(column, chosen[i])
        fitted[:, i], dof[i] = column - residual, len(x) - trace
    return _natural_curve(x, fitted, degree), chosen, dof


def monomials(columns, degree):
    """All monomials of columns (arrays or jets of one column each) up to a degree, by degree."""
    one = 0 * columns[0] + 1
    alphas = [alpha for k in range(degree + 1) for alpha in multi_indices(len(columns), k)]
    return [
        reduce(mul, [x**power for x, power in zip(columns, alpha) if power], one)
        for alpha in alphas
    ]


def kernel_factor(degree):
    """What makes the penalty of the kernel r^degree that of the B-spline in one feature."""
    return (-1) ** ((degree + 1) // 2) / (2 * factorial(degree))


def _project_out(K, U):
    """Eigenvalues, ascending, and eigenvectors of K on the complement of orthonormal columns U."""
    K = K - U @ (U.T @ K)
    K = K - (K @ U) @ U.T
    K += (2 * abs(np.trace(K)) + 1) * (U @ U.T)  # moves these eigenvalues to the far end
    values, vectors = eigh(K, overwrite_a=True)
    n = len(K) - U.shape[1]
    return np.maximum(values[:n], 0.0), vectors[:, :n]


def fit_surface(X, y, weight, degree, smoothing):
    """The polyharmonic spline of several features, with λ and the degrees of freedom."""
    origin, root = X.mean(axis=0), np.sqrt(weight / weight.sum())
    columns = np.hsplit(X - origin, X.shape[1])
    tail_columns = np.hstack(monomials(columns, (degree - 1) // 2))
    kernel = kernel_factor(degree) * cdist(X, X) ** degree
    U, sizes, _ = svd(root[:, None] * tail_columns, full_matrices=False)
    spectrum, vectors = _project_out(root[:, None] * kernel * root, U[:, sizes > RANK * sizes[0]])
    chosen, c, dof = _solve_on_spectrum(spectrum, vectors, y, root, smoothing)
    rest = y - kernel @ c - chosen * c / root[:, None] ** 2
    return (c, origin, _tail(tail_columns, rest, X.shape[1])), chosen, dof


def _tail(columns, values, d):
    """Coefficients of a polynomial: as much as it goes a plane, the rest of least norm."""
    plane = lstsq(columns[:, : d + 1], values, cond=RANK)[0]
    rest = lstsq(columns, values - columns[:, : d + 1] @ plane, cond=RANK)[0]
    rest[: d + 1] += plane
    return rest


def _solve_on_spectrum(spectrum, vectors, y, root, smoothing):
    """λ, kernel coefficients and effective degrees of freedom of each output."""
    n, rounding = len(y), len(y) * np.finfo(float).eps * spectrum.max(initial=0.0)
    modes = vectors.T @ (root[:, None] * y)
    chosen = np.full(y.shape[1], smoothing or 0.0)
    if smoothing is None and len(spectrum):
        range_ = 1e-2 * max(spectrum[0], rounding), 1e4 * spectrum[-1]
        floors = [_rounding_floor(column, root**2) for column in y.T]
        for i, (mode, floor) in enumerate(zip(modes.T, floors)):
            chosen[i] = _minimise_gcv(_spectral_gcv(spectrum, mode, n), *range_, floor)
    damped = spectrum[:, None] + chosen
    weights = np.divide(1, damped, out=np.zeros_like(damped), where=damped > rounding)
    c = root[:, None] * (vectors @ (modes * weights))
    return chosen, c, n - np.sum(chosen / np.maximum(damped, rounding), axis=0)


def _spectral_gcv(spectrum, mode, n):
    """The generalised cross-validation score as a function of λ."""

    def score(lam):
        shrink = lam / (spectrum + lam)
        return np.sum((shrink * mode) ** 2) / (np.sum(shrink) / n) ** 2

    return score
