"""Smoothing splines of curves: the B-spline of one feature, to rounding, at any λ."""

from functools import partial
from math import comb, factorial

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.linalg import lstsq
from scipy.sparse import block_array, diags_array, eye_array, vstack
from scipy.sparse.linalg import splu

from .curve_posterior import CurvePosterior
from .curve_samples import CurveSamples, Moments
from .curve_smoother import CurveSmoother, around, repeated
from .smoothing_choice import choose_smoothing, rounding

__all__ = ["SplineColumns", "fit_curve"]

MANY = 10_000  # samples above which they are condensed
FINENESS = 16  # groups of condensed samples in a bandwidth, at least; ...
FEWER = 4  # ... which are of so many samples on average, at least
SLACK = 1e-2  # of the residuals in equations of least squares: some least singular value


def _interpolating_curve(x, y, degree, period):
    """The spline through all points, not-a-knot at the ends; a constant through one."""
    if len(x) == 1:
        return BSpline(np.array([x[0] - 1, x[0] + 1]), y, 0)
    if period is not None:
        x, y = np.append(x, x[0] + period), np.vstack([y, y[:1]])
        found = make_interp_spline(x, y, degree, bc_type="periodic")
        return BSpline(found.t, found.c, degree, extrapolate="periodic")
    return make_interp_spline(x, y, min(degree, len(x) - 1))


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


class _Resolved:
    """A curve at every λ, in groups of samples as narrow as that λ can resolve."""

    def __init__(self, samples, m) -> None:
        self.samples, self.m = samples, m
        alone = CurveSmoother(samples, m, np.arange(len(samples)))
        self._smoothers = {None: alone}
        loss = np.finfo(float).eps * alone.differences  # of a bandwidth of 1
        self._widest = (_resolved(1.0, m) ** 2 / 24 / loss) ** (1 / m)

    def at(self, bandwidth):
        """The smoother for a bandwidth."""
        samples, level = self.samples, None
        if bandwidth > self._widest:
            level = int(np.floor(np.log2(_resolved(bandwidth, self.m) / samples.length)))
        if level not in self._smoothers:
            group = _group_within(samples.x, samples.weight, 2.0**level * samples.length)
            self._smoothers[level] = CurveSmoother(samples, self.m, group)
        return self._smoothers[level]


class _Curve:
    """A curve at every λ; many samples condensed in as few as that λ needs."""

    def __init__(self, samples, m) -> None:
        self.samples, self.m = samples, m
        self._moments = {0: Moments.of(samples)}  # by powers of two of the length, downwards
        self._resolved: dict[int, _Resolved] = {}

    def at(self, lam):
        """The smoother for λ."""
        length = self.samples.length
        bandwidth = min((lam * length) ** (0.5 / self.m), length)
        level = int(np.floor(np.log2(bandwidth / FINENESS / length)))
        if len(self.samples) <= MANY or 2.0**-level > len(self.samples) / FEWER:
            level = 0  # as they are
        return self._resolution(level).at(bandwidth)

    def _resolution(self, level):
        if level not in self._resolved:
            self._resolved[level] = _Resolved(self._condensed(level), self.m)
        return self._resolved[level]

    def _condensed(self, level):
        """The samples with two at most in each part of 2^level of the length; as they are at 0."""
        if level == 0:
            return self.samples
        finer = max((k for k in self._moments if k <= level), default=0)
        width = 2.0**level * self.samples.length
        self._moments[level] = self._moments[finer].grouped(self.samples.x[0], width)
        return self._moments[level].condensed(self.samples, width)

    def choose(self, output, floor, noise):
        """The λ for the samples of an output, whose noise has at least a variance."""
        n, m, length = len(self.samples), self.m, self.samples.length
        many = n > MANY
        spacing = length / n if many else np.quantile(np.diff(self.samples.x), 0.05)
        low = 1e-2 * (spacing / np.pi) ** (2 * m) / length  # a little below what interpolates
        high = 1e4 * (length / np.pi) ** (2 * m) / length  # well above what leaves a polynomial
        n_free = m if self.samples.period is None else 1
        score = partial(self._score, output)
        costly = (2 * FEWER * FINENESS / n * length) ** (2 * m) / length if many else 0.0
        sketch = partial(self._score_alone, output)
        return choose_smoothing(score, (low, high), n, n_free, 4.0**m, floor, noise, costly, sketch)

    def _score(self, output, lam):
        return self.at(lam).fit(output, lam)[2]

    def _score_alone(self, output, lam):
        """The same without groups, whose rounding is a part in a thousand at the most."""
        return self._resolution(0).at(0.0).fit(output, lam)[2]


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
    period: float | None = None,
) -> tuple["BSpline | SplineColumns", np.ndarray, np.ndarray, list[CurvePosterior | None]]:
    """The B-spline of one feature, with λ, degrees of freedom and posterior of each output.

    `noise` is the least variance of the noise of each output, for the choice of λ. An output has
    no posterior where nothing tells its noise. Places of a curve with a period lie within one.
    """
    x, m = X[:, 0], (degree + 1) // 2
    n_free = m if period is None else 1
    if smoothing != 0 and len(x) > n_free:
        x, y, weight = _merge_bursts(x, y, weight, m)
        if len(x) > n_free:
            return _smoothing_curve(x, y, weight, m, smoothing, noise, period)
    chosen, dof = np.full(y.shape[1], smoothing or 0.0), np.full(y.shape[1], float(len(x)))
    degree = degree if smoothing == 0 else len(x) - 1
    return _interpolating_curve(x, y, degree, period), chosen, dof, [None] * y.shape[1]


def _smoothing_curve(x, y, weight, m, smoothing, noise, period):
    """The natural or periodic splines of degree 2m - 1, their λ, dof and posteriors."""
    unit, n_outputs = (x[0] + np.ptp(x) / 2, np.ptp(x) / 2), y.shape[1]
    n_free = m if period is None else 1
    straight = np.polynomial.legendre.legvander((x - unit[0]) / unit[1], n_free - 1)
    ends = lstsq(straight, y)[0]
    bent = y - straight @ ends  # rounding counts from what there is to smooth
    curve = _Curve(CurveSamples(x, bent, weight, len(x), np.zeros(n_outputs), period), m)
    chosen, dof, parts, posteriors = np.empty(n_outputs), np.empty(n_outputs), {}, []
    for i, least in enumerate(np.broadcast_to(noise, n_outputs)):
        floor = rounding(y[:, i], weight)
        chosen[i] = curve.choose(i, floor, least) if smoothing is None else smoothing
        smoother = curve.at(chosen[i])
        residual, gamma, smoothed = smoother.fit(i, chosen[i])
        parts.setdefault(smoother, []).append((i, smoother.values[:, i] - residual, gamma))
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
        period, values = smoother.samples.period, (np.transpose(fitted), np.transpose(gamma))
        if period is None:
            spline = _natural_curve(smoother.places, *values, m)
        else:
            spline = _periodic_curve(smoother.places, *values, m, period)
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
    values, slopes = BSpline.design_matrix(x, knots, 2 * m - 1), _derivative(knots, m)
    c = _followed(values, fitted, slopes, rough, np.ptp(x) ** -m)
    return NaturalSpline(knots, c, 2 * m - 1)


def _periodic_curve(x, fitted, gamma, m, period):
    """The same of a curve that repeats."""
    degree, n = 2 * m - 1, len(x)
    knots, every = repeated(x, degree, degree + 1, period), around(n, degree, 0)
    values = BSpline.design_matrix(x, knots, degree) @ every
    slopes = _derivative(knots, m)[degree - m :] @ every
    c = _followed(values, fitted, slopes, gamma / factorial(m - 1), period**-m)
    return BSpline(knots, every @ c, degree, extrapolate="periodic")


def _followed(values, fitted, slopes, rough, least):
    """Coefficients of which the values and the coefficients of the m-th derivative are known."""
    size = np.abs(rough).max() / (np.abs(fitted).max() or 1.0) or least
    A = vstack([values, slopes / size], format="csc")
    equations = block_array([[SLACK * eye_array(A.shape[0]), A], [A.T, None]], format="csc")
    known = np.vstack([fitted, rough / size, np.zeros((A.shape[1], fitted.shape[1]))])
    return splu(equations).solve(known)[A.shape[0] :]


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
