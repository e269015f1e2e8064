"""Smoothing splines of curves: the B-spline of one feature, to rounding, at any λ."""

from functools import partial
from math import comb, factorial

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.linalg import lapack, lstsq
from scipy.sparse import block_array, diags_array, eye_array, vstack
from scipy.sparse.linalg import splu

from .curve_posterior import CurvePosterior
from .smoothing_choice import Smoothed, choose_smoothing, rounding

__all__ = ["SplineColumns", "fit_curve"]

STEP = 1e-30  # of a complex-step derivative
SLACK = 1e-2  # of the residuals in equations of least squares: some least singular value


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


class _CurveSmoother:
    """The smoothing spline of the means of groups of samples, narrow for what is smoothed.

    With D the inverse weights, r = λDQγ are the residuals and Rγ = Qᵀ(y - r). The two are solved
    together: the usual elimination of r (Reinsch) squares a condition number that grows as n².
    The trace of the complement of the hat matrix A is the derivative of the log determinant by
    log λ, taken exactly by a complex step.

    Parameters
    ----------
    x : array of shape (n,), ascending
    weight : array of shape (n,)
    m : int
        Order of the derivative that is penalised.
    group : array of int of shape (n,), ascending
    """

    def __init__(self, x, weight, m, group) -> None:
        self.x, self.weight, self.m, self.group = x, weight, m, group
        self.total = np.bincount(group, weight)
        self.places = self.means(x)
        n = len(self.places)
        self._Q, R = _roughness(self.places, m)
        self._unit = diags_array(1 / np.sqrt(R.diagonal()))
        self._R = self._unit @ R @ self._unit
        self._spread = np.sqrt(self.total.sum() / self.total)
        coupling = diags_array(self._spread) @ self._Q @ self._unit
        parts = [[eye_array(n), -1j * coupling], [1j * coupling.T, self._R]]  # imaginary: by √λ
        place = np.r_[np.arange(n), np.arange(n - m) + (m + 0.5) / 2]
        self._order = np.argsort(place)  # makes a narrow band
        self._band = _Band(block_array(parts, format="csr")[self._order][:, self._order])
        self._divide = (self._Q @ self._unit).T.tocsr()

    @property
    def differences(self):
        """The largest factor of a value in an m-th divided difference."""
        m = self.m
        return np.abs((self._Q @ diags_array(1 / (self.places[m:] - self.places[:-m]))).data).max()

    def means(self, values):
        """The weighted mean of values (n,) over each group."""
        return np.bincount(self.group, self.weight * values) / self.total

    def fit(self, y, lam):
        """Residuals of the means, γ, and what λ does to all samples y (n,)."""
        n, mean = len(self.places), self.means(y)
        divided, solution = np.r_[np.zeros(n), self._divide @ mean], np.empty(2 * n - self.m)
        pivots, found = self._band.solve(np.sqrt(lam) * (1 + STEP * 0.5j), divided[self._order])
        solution[self._order] = found
        residual, gamma = np.sqrt(lam) * self._spread * solution[:n], solution[n:]
        trace = len(y) - n + np.sum(pivots.imag / pivots.real) / STEP
        squares = np.average(self._residuals(y, mean, residual) ** 2, weights=self.weight)
        smoothed = Smoothed(squares, gamma @ (self._R @ gamma), trace)
        return residual, self._unit @ gamma, smoothed

    def posterior(self, lam, smoothed):
        """The process whose mean is the spline; None where nothing is left to tell the noise."""
        if not smoothed.trace > 0:
            return None
        variance = self.total.sum() * smoothed.squares / smoothed.trace
        return CurvePosterior(self.x, self.weight, self.m, lam, variance)

    def _residuals(self, y, mean, residual):
        """Residuals of all samples, the curve between the groups taken as straight."""
        if len(y) == len(mean):
            return residual
        left = np.clip(np.searchsorted(self.places, self.x) - 1, 0, len(mean) - 2)
        slope = (np.diff(mean - residual) / np.diff(self.places))[left]
        return y - (mean - residual)[left] - slope * (self.x - self.places[left])


class _Band:
    """Equations whose matrix, banded, is its real part and a factor times its imaginary part."""

    def __init__(self, matrix) -> None:
        matrix = matrix.tocoo()
        row, column = matrix.coords
        self._width = int(np.abs(row - column).max())
        self._bands = np.zeros((3 * self._width + 1, matrix.shape[0]), complex, order="F")
        self._bands[2 * self._width + row - column, column] = matrix.data  # LAPACK's layout

    def solve(self, factor, known):
        """Pivots, but for their signs, and the real part of the solution."""
        width, bands = self._width, self._bands.real + factor * self._bands.imag
        lu, order, _ = lapack.zgbtrf(bands, width, width, overwrite_ab=1)
        found, _ = lapack.zgbtrs(lu, width, width, known[:, None].astype(complex), order)
        return lu[2 * width], found[:, 0].real


def _group_within(x, weight, width):
    """Number groups of ascending x, at most some 2 widths wide, whose means are half a width apart.

    Bins of that width, and of two bins those whose means are closer: three are never in a row.
    """
    bins = np.cumsum(np.diff(np.floor((x - x[0]) / width), prepend=0) > 0)
    centres = np.bincount(bins, weight * x) / np.bincount(bins, weight)
    return np.cumsum(np.diff(centres, prepend=centres[0] - width) >= width / 2)[bins] - 1


def _resolved(bandwidth, m):
    """The width h of groups at which two errors of a fit of this bandwidth b are about equal.

    Means over h move it by (h / b)² / 24, relatively; of m-th differences of places at least h / 2
    apart rounding leaves an error of eps (4 b / h)^m. Hence h = b (24 4^m eps)^(1 / (m + 2)).
    """
    return bandwidth * (24 * 4**m * np.finfo(float).eps) ** (1 / (m + 2))


class _Curve:
    """One curve at every λ, in groups of samples as narrow as that λ can resolve."""

    def __init__(self, x, weight, m) -> None:
        self.x, self.weight, self.m = x, weight, m
        alone = _CurveSmoother(x, weight, m, np.arange(len(x)))
        self._smoothers = {None: alone}
        loss = np.finfo(float).eps * alone.differences  # of a bandwidth of 1
        self._widest = (_resolved(1.0, m) ** 2 / 24 / loss) ** (1 / m)

    def at(self, lam):
        """The smoother for λ."""
        length = np.ptp(self.x)
        bandwidth = min((lam * length) ** (0.5 / self.m), length)
        level = None
        if bandwidth > self._widest:
            level = int(np.floor(np.log2(_resolved(bandwidth, self.m) / length)))
        if level not in self._smoothers:
            group = _group_within(self.x, self.weight, 2.0**level * length)
            self._smoothers[level] = _CurveSmoother(self.x, self.weight, self.m, group)
        return self._smoothers[level]

    def choose(self, y, floor, noise):
        """The λ for the samples y (n,), whose noise has at least a variance."""
        n, m, length = len(y), self.m, np.ptp(self.x)
        spacing = np.quantile(np.diff(self.x), 0.05)
        low = 1e-2 * (spacing / np.pi) ** (2 * m) / length  # a little below what interpolates
        high = 1e4 * (length / np.pi) ** (2 * m) / length  # well above what leaves a polynomial
        score = partial(self._score, y)
        return choose_smoothing(score, (low, high), n, m, 4.0**m, floor, noise)

    def _score(self, y, lam):
        return self.at(lam).fit(y, lam)[2]


def _merge_bursts(x, y, weight, m):
    """Samples with those of a burst, three or more that no fit can tell apart, as their mean."""
    for _ in range(2):  # bursts count in the first mean distance, but not in the second
        group = _group_within(x, weight, _resolved(np.ptp(x) / (len(x) - 1), m))
        crowded = np.bincount(group)[group] > 2
        group = np.cumsum(~crowded | (np.diff(group, prepend=-1) > 0)) - 1
        total = np.bincount(group, weight)
        x = np.bincount(group, weight * x) / total
        y = np.column_stack([np.bincount(group, weight * column) / total for column in y.T])
        weight = total
    return x, y, weight


def fit_curve(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    degree: int,
    smoothing: float | None,
    noise: float | list[float] = 0.0,
) -> tuple["BSpline | SplineColumns", np.ndarray, np.ndarray, list[CurvePosterior | None]]:
    """The B-spline of one feature, with λ, degrees of freedom and posterior of each output.

    `noise` is the least variance of the noise of each output, for the choice of λ. An output has
    no posterior where nothing tells its noise.
    """
    x, m = X[:, 0], (degree + 1) // 2
    if smoothing != 0 and len(x) > m:
        x, y, weight = _merge_bursts(x, y, weight, m)
        if len(x) > m:
            return _smoothing_curve(x, y, weight, m, smoothing, noise)
    chosen, dof = np.full(y.shape[1], smoothing or 0.0), np.full(y.shape[1], float(len(x)))
    degree = degree if smoothing == 0 else len(x) - 1
    return _interpolating_curve(x, y, degree), chosen, dof, [None] * y.shape[1]


def _smoothing_curve(x, y, weight, m, smoothing, noise):
    """The natural splines of degree 2m - 1, their λ, degrees of freedom and posteriors."""
    curve, unit = _Curve(x, weight, m), (x[0] + np.ptp(x) / 2, np.ptp(x) / 2)
    straight = np.polynomial.legendre.legvander((x - unit[0]) / unit[1], m - 1)
    ends = lstsq(straight, y)[0]
    bent = y - straight @ ends  # rounding counts from what there is to smooth
    chosen, dof, parts, posteriors = np.empty(y.shape[1]), np.empty(y.shape[1]), {}, []
    for i, (column, least) in enumerate(zip(bent.T, np.broadcast_to(noise, y.shape[1]))):
        floor = rounding(y[:, i], weight)
        chosen[i] = curve.choose(column, floor, least) if smoothing is None else smoothing
        smoother = curve.at(chosen[i])
        residual, gamma, smoothed = smoother.fit(column, chosen[i])
        parts.setdefault(smoother, []).append((i, smoother.means(column) - residual, gamma))
        dof[i] = len(x) - smoothed.trace
        posteriors.append(smoother.posterior(chosen[i], smoothed))
    powers = np.column_stack([np.polynomial.legendre.leg2poly(column) for column in ends.T])
    return _together(parts, powers, unit, m), chosen, dof, posteriors


def _together(parts, powers, unit, m):
    """One spline of all outputs: {smoother: [(number of the output, fitted values, γ)]}.

    To each a polynomial is added, with coefficients `powers` of ((x - middle) / half)^k.
    """
    found = []
    for smoother, outputs in parts.items():
        numbers, fitted, gamma = (list(column) for column in zip(*outputs))
        spline = _natural_curve(smoother.places, np.transpose(fitted), np.transpose(gamma), m)
        products = _polar_forms((spline.t - unit[0]) / unit[1], 2 * m - 1, len(powers))
        spline.c += products @ powers[:, numbers]
        found.append((numbers, spline))
    return found[0][1] if len(found) == 1 else SplineColumns(found)


def _polar_forms(knots, degree, n_powers):
    """The coefficients of 1, x, x², ... as splines: means of products of knots (Ramshaw 1989)."""
    products = np.eye(1, n_powers).repeat(len(knots) - degree - 1, axis=0)
    for knot in np.lib.stride_tricks.sliding_window_view(knots[1:-1], degree).T:
        products[:, 1:] += products[:, :-1] * knot[:, None]
    return products / [comb(degree, k) for k in range(n_powers)]


def _natural_curve(x, fitted, gamma, m):
    """The natural spline with the values `fitted` at x, whose m-th derivative has coefficients γ.

    Fitted to both at once: values alone leave high derivatives to their rounding, and integrals of
    γ drift where a curve has many turns.
    """
    beyond = np.ptp(x)  # where f⁽ᵐ⁾ is zero
    knots = np.r_[[x[0] - beyond] * 2 * m, x, [x[-1] + beyond] * 2 * m]
    none = np.zeros((m, fitted.shape[1]))
    rough = np.vstack([none, gamma / factorial(m - 1), none])
    size = np.abs(rough).max() / (np.abs(fitted).max() or 1.0) or np.ptp(x) ** -m
    values, slopes = BSpline.design_matrix(x, knots, 2 * m - 1), _derivative(knots, m)
    A = vstack([values, slopes / size], format="csc")
    equations = block_array([[SLACK * eye_array(A.shape[0]), A], [A.T, None]], format="csc")
    known = np.vstack([fitted, rough / size, np.zeros((A.shape[1], fitted.shape[1]))])
    return NaturalSpline(knots, splu(equations).solve(known)[A.shape[0] :], 2 * m - 1)


def _derivative(knots, m):
    """The matrix from coefficients of a spline of degree 2m - 1 to those of its m-th derivative."""
    matrix = eye_array(len(knots) - 2 * m).tocsr()
    for degree in range(2 * m - 1, m - 1, -1):
        knots = knots[1:-1]
        spans = knots[degree:] - knots[:-degree]
        matrix = diags_array(degree / spans) @ (matrix[1:] - matrix[:-1])
    return matrix


class NaturalSpline(BSpline):
    """A spline of degree 2m - 1 that goes on beyond its knots as a polynomial of degree m - 1.

    What rounding leaves of the higher powers would drown it far away.
    """

    def __call__(self, x: np.ndarray, nu: int = 0, extrapolate: bool | None = None) -> np.ndarray:
        """The derivatives of order nu at x (n,): shape (n, q)."""
        places = np.asarray(x, dtype=np.float64)
        nearest = np.clip(places, self.t[0], self.t[-1])
        values = super().__call__(nearest, nu, extrapolate)
        beyond = places != nearest
        if beyond.any():
            values[beyond] = self._polynomial(nearest[beyond], (places - nearest)[beyond], nu)
        return values

    def _polynomial(self, end, way, nu):
        """The derivatives of order nu some way (n,) from an end (n,), by Horner's scheme."""
        found = np.zeros((len(end), *self.c.shape[1:]))
        for j in reversed(range(nu, (self.k + 1) // 2)):
            found = found * way[:, None] / (j - nu + 1) + super().__call__(end, j)
        return found


class SplineColumns:
    """B-splines of several outputs that differ in their knots, called as one.

    Parameters
    ----------
    parts : list of (list of int, BSpline)
        Which outputs are the columns of which spline.
    """

    def __init__(self, parts: list[BSpline]) -> None:
        self.parts = parts

    @property
    def k(self) -> int:
        """The degree, the highest of all."""
        return max(spline.k for _, spline in self.parts)

    def __call__(self, x: np.ndarray, nu: int = 0) -> np.ndarray:
        """The derivatives of order nu at x (n,): shape (n, q)."""
        values = np.empty((len(x), sum(len(numbers) for numbers, _ in self.parts)))
        for numbers, spline in self.parts:
            values[:, numbers] = spline(x, nu)
        return values
