"""One smoothing spline of a curve at any λ: residuals, derivative, degrees of freedom."""

from functools import cached_property
from math import factorial

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import lapack
from scipy.sparse import coo_array, csr_array, diags_array, eye_array

from .curve_posterior import CurvePosterior
from .curve_samples import CurveSamples
from .smoothing_choice import Smoothed

__all__ = ["CurveSmoother", "around", "repeated"]

STEP = 1e-30  # of a complex-step derivative


def around(n: int, before: int, after: int) -> csr_array:
    """The matrix (n + before + after, n) that repeats n numbers of a period on both sides."""
    rows = np.arange(n + before + after)
    return csr_array((np.ones(len(rows)), (rows, (rows - before) % n)), (len(rows), n))


def _differences(x, m):
    """The matrix (n - m, n) of m-th divided differences, but for the last division."""
    matrix = eye_array(len(x)).tocsr()
    for k in range(1, m):
        matrix = diags_array(1 / (x[k:] - x[:-k])) @ (matrix[1:] - matrix[:-1])
    return matrix[1:] - matrix[:-1]


def _between(basis, x, m):
    """Integrals of products of splines of degree m - 1 over the gaps of x, by Gauss' quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(m)
    half = np.diff(x)[:, None] / 2
    values = basis((x[:-1, None] + half * (1 + nodes)).ravel()) / factorial(m - 1)
    return values.T @ diags_array((half * weights).ravel()) @ values


def _roughness(x, m):
    """Q and R such that the natural spline with values g has ∫(f⁽ᵐ⁾)² = γᵀRγ, Rγ = Qᵀg.

    γ are the coefficients of f⁽ᵐ⁾ in B-splines of degree m - 1 (over (m - 1)!), and Qᵀ takes
    m-th divided differences.
    """
    knots = np.r_[[x[0]] * (m - 1), x, [x[-1]] * (m - 1)]

    def basis(places):
        return BSpline.design_matrix(places, knots, m - 1)[:, m - 1 : len(x) - 1]

    return _differences(x, m).T, _between(basis, x, m)


def _periodic_roughness(x, m, period):
    """The same of the periodic spline: there are as many γ as values."""
    n = len(x)
    places = repeated(x, m - 1, m, period)
    Q = (_differences(places[m - 1 :], m) @ around(n, 0, m)).T

    def basis(at):
        return BSpline.design_matrix(at, places, m - 1) @ around(n, m - 1, 0)

    return Q, _between(basis, np.r_[x, x[0] + period], m)


def repeated(x: np.ndarray, before: int, after: int, period: float) -> np.ndarray:
    """Places of a period with some of those before and after it."""
    k = np.arange(-before, len(x) + after)
    return x[k % len(x)] + period * (k // len(x))


class CurveSmoother:
    """The smoothing spline of the means of groups of samples, narrow for what is smoothed.

    With D the inverse weights, r = λDQγ are the residuals and Rγ = Qᵀ(y - r). The two are solved
    together: the usual elimination of r (Reinsch) squares a condition number that grows as n².
    The trace of the complement of the hat matrix A is the derivative of the log determinant by
    log λ, taken exactly by a complex step.

    Parameters
    ----------
    samples : CurveSamples
    m : int
        Order of the derivative that is penalised.
    group : array of int of shape (n,), ascending
    """

    def __init__(self, samples: CurveSamples, m: int, group: np.ndarray) -> None:
        self.samples, self.m, self.group = samples, m, group
        self.total = np.bincount(group, samples.weight)
        self.places = self._mean(samples.x)
        n, period = len(self.places), samples.period
        periodic = period is not None
        self._Q, R = (
            _periodic_roughness(self.places, m, period) if periodic else _roughness(self.places, m)
        )
        self._unit = diags_array(1 / np.sqrt(R.diagonal()))
        self._R = self._unit @ R @ self._unit
        self._spread = np.sqrt(self.total.sum() / self.total)
        divide = self._Q @ self._unit
        place = np.r_[np.arange(n), np.arange(R.shape[0]) + (m + 0.5) / 2]
        if periodic:
            place = np.abs((place + n / 2) % n - n / 2)  # both ways around at once
        self._order = np.argsort(place)  # makes a narrow band
        self._band = _Band(self._R, diags_array(self._spread) @ divide, self._order)
        self._divide = divide.T.tocsr()

    @property
    def differences(self) -> float:
        """The largest factor of a value in an m-th divided difference."""
        x, m, period = self.places, self.m, self.samples.period
        far = x if period is None else repeated(x, 0, m, period)
        return np.abs((self._Q @ diags_array(1 / (far[m:] - far[:-m]))).data).max()

    @cached_property
    def values(self) -> np.ndarray:
        """The means of y over each group, (k, q)."""
        return np.column_stack([self._mean(column) for column in self.samples.y.T])

    def _mean(self, values):
        """The weighted mean of values (n,) over each group."""
        return np.bincount(self.group, self.samples.weight * values) / self.total

    def fit(self, output: int, lam: float) -> tuple[np.ndarray, np.ndarray, Smoothed]:
        """Residuals of the means of an output, γ, and what λ does to all samples."""
        n, mean = len(self.places), self.values[:, output]
        divided = np.r_[np.zeros(n), self._divide @ mean]
        step, solution = np.sqrt(lam) * (1 + STEP * 0.5j), np.empty(len(divided))
        pivots, solution[self._order] = self._band.solve(step, divided[self._order])
        residual, gamma = np.sqrt(lam) * self._spread * solution[:n], solution[n:]
        trace = self.samples.n - n + np.sum(pivots.imag / pivots.real) / STEP
        squares = self._squares(self.samples.y[:, output], mean, residual)
        squares = (squares + self.samples.within[output]) / self.total.sum()
        return residual, self._unit @ gamma, Smoothed(squares, gamma @ (self._R @ gamma), trace)

    def posterior(self, lam: float, smoothed: Smoothed) -> CurvePosterior | None:
        """The process whose mean is the spline; None where nothing is left to tell the noise."""
        if not smoothed.trace > 0:
            return None
        variance = self.total.sum() * smoothed.squares / smoothed.trace
        samples = self.samples
        return CurvePosterior(samples.x, samples.weight, self.m, lam, variance, samples.period)

    def _squares(self, y, mean, residual):
        """Σ w r² of all samples, the curve between the groups taken as straight."""
        if len(y) == len(mean):
            return np.sum(self.samples.weight * residual**2)
        x, places, fitted = self.samples.x, self.places, mean - residual
        left = np.clip(np.searchsorted(places, x) - 1, 0, len(mean) - 2)
        slope = (np.diff(fitted) / np.diff(places))[left]
        return np.sum(self.samples.weight * (y - fitted[left] - slope * (x - places[left])) ** 2)


class _Band:
    """The equations of I and R, coupled by a factor times C and -Cᵀ, in an order of narrow band.

    Parameters
    ----------
    R, C : sparse arrays of shapes (k, k) and (n, k)
    order : array of int of shape (n + k,)
    """

    def __init__(self, R, C, order) -> None:
        n, rank = C.shape[0], np.argsort(order)
        R, C = coo_array(R), coo_array(C)
        (i, k), (j, h) = C.coords, R.coords
        residual, other, row, column = rank[i], rank[n + k], rank[n + j], rank[n + h]
        self._width = max(np.abs(residual - other).max(), np.abs(row - column).max())
        # LAPACK's layout; what is multiplied by the factor is imaginary
        self._bands = np.zeros((2 * self._width + 1, len(order)), complex, order="F")
        self._bands[self._width, rank[:n]] = 1
        self._bands[self._width + row - column, column] = R.data
        self._bands[self._width + residual - other, other] = -1j * C.data
        self._bands[self._width + other - residual, residual] = 1j * C.data

    def solve(self, factor, known):
        """Pivots, but for their signs, and the real part of the solution."""
        width, (n_rows, n) = self._width, self._bands.shape
        bands = np.zeros((width + n_rows, n), complex, order="F")
        np.multiply(factor, self._bands.imag, out=bands[width:])
        bands[width:] += self._bands.real
        lu, order, _ = lapack.zgbtrf(bands, width, width, overwrite_ab=1)
        found, _ = lapack.zgbtrs(lu, width, width, known[:, None].astype(complex), order)
        return lu[2 * width], found[:, 0].real
