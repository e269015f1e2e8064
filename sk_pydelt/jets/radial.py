"""Kernels that are functions of a scaled distance: k(x, x') = φ(|x - x'|²)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, factorial, inf, prod
from typing import Any

import numpy as np
from scipy import special
from scipy.spatial.distance import cdist

from .blocks import in_row_blocks
from .elementary import row_sum
from .jet import Jet, multi_indices

__all__ = [
    "Radial",
    "distance_power",
    "exp_sine_squared",
    "gaussian",
    "matern",
    "rational_quadratic",
]

SAME_POINT = 1e-20  # squared distance, in length scales, below which two points are one


Profile = Callable[[np.ndarray, int], list[np.ndarray]]


def gaussian(s: np.ndarray, top: int) -> list[np.ndarray]:
    """Taylor coefficients of exp(-s/2) at s, up to degree `top`."""
    base = np.exp(-0.5 * s)
    return [base, *(base * ((-0.5) ** k / factorial(k)) for k in range(1, top + 1))]


def rational_quadratic(alpha: float) -> Profile:
    """Profile (1 + s/2α)^-α."""

    def profile(s, top):
        base = 1 + s / (2 * alpha)
        found = [base**-alpha]
        for k in range(1, top + 1):
            found.append(found[-1] / base * (-(alpha + k - 1) / (2 * alpha * k)))
        return found

    return profile


def matern(nu: float) -> Profile:
    r"""Profile of Matérn's kernel, :math:`2^{1-ν}/Γ(ν)\, z^ν K_ν(z)` with :math:`z^2 = 2νs`.

    With :math:`m_μ(z) = z^μ K_μ(z)` its derivatives are :math:`dm_μ/d(z^2) = -m_{μ-1}/2`
    (Abramowitz & Stegun 9.6.28). Where the two points meet and μ <= 0 this is infinite on either
    side; what belongs to even powers of the distance is :math:`2^{μ-1}Γ(μ)`, the mean of both.
    """

    half_integer = 2 * nu % 2 == 1 and nu < 10

    def profile(s, top):
        singular = top >= nu or not half_integer
        together = s < SAME_POINT if singular else None
        z = np.sqrt(np.where(together, 1.0, s) if singular else s)
        z *= np.sqrt(2 * nu)
        decay = np.exp(-z) if half_integer else None
        found = []
        for k in range(top + 1):
            scale = 2 ** (1 - nu) / special.gamma(nu) * (-nu) ** k / factorial(k)
            if half_integer:
                bessel = _times_polynomial(decay, z, nu - k, scale)
            else:
                bessel = z ** (nu - k) * special.kv(nu - k, z) * scale
            found.append(_at_one_point(bessel, together, nu - k, scale) if singular else bessel)
        return found

    return profile


def _at_one_point(bessel, together, mu, scale):
    limit = 2 ** (mu - 1) * special.gamma(mu)
    limit = limit if np.isfinite(limit) else 0.0  # a logarithm: of no side
    return np.where(together, limit * scale, bessel)


def _times_polynomial(decay, z, mu, scale):
    """scale z^μ K_μ(z) from e^-z, for half an odd number μ: a polynomial, of 1/z where μ < 0."""
    n = int(abs(mu))  # K of μ and of -μ are the same
    rows = [factorial(n + j) / (factorial(j) * factorial(n - j) * 2**j) for j in range(n + 1)]
    total = np.full_like(z, scale * np.sqrt(np.pi / 2) * rows[0])
    for row in rows[1:]:
        total *= z
        total += scale * np.sqrt(np.pi / 2) * row
    total *= decay
    return total if mu > 0 else total * z ** (2 * mu)


def exp_sine_squared(length_scale: float, period: float) -> Profile:
    r"""Profile exp(-2 sin²(π√s/p)/l²), p the period.

    Spherical Bessel functions give it: :math:`\frac{d}{d(z^2)} j_n(z)/z^n = -j_{n+1}(z)/2z^{n+1}`.
    """

    def profile(s, top):
        frequency = (2 * np.pi / period) ** 2
        z = np.sqrt(frequency * s)
        inner = [-2 * np.sin(z / 2) ** 2 / length_scale**2]  # (cos z - 1) / l²
        for k in range(1, top + 1):
            rate = (-0.5) ** k * _spherical(k - 1, z) / factorial(k)
            inner.append(rate * frequency**k / length_scale**2)
        found = [np.exp(inner[0])]
        for k in range(1, top + 1):
            found.append(sum(j / k * inner[j] * found[k - j] for j in range(1, k + 1)))
        return found

    return profile


def _spherical(n, z):
    """j_n(z) / z^n, also near zero."""
    near = z < 1e-2
    safe = np.where(near, 1.0, z)
    series = 1 - z**2 / (2 * (2 * n + 3)) + z**4 / (8 * (2 * n + 3) * (2 * n + 5))
    first = 1 / prod(range(1, 2 * n + 2, 2))
    return np.where(near, first * series, special.spherical_jn(n, safe) / safe**n)


def distance_power(degree: int) -> Profile:
    """Profile s^(degree / 2) of an odd degree; zero with all derivatives where two points meet."""

    def profile(s, top):
        together, half = s < 1e-30, degree / 2
        base = np.where(together, 1.0, s)
        factors = [special.binom(half, k) * ~together for k in range(top + 1)]
        return [factor * base ** (half - k) for k, factor in enumerate(factors)]

    return profile


def _n_terms(jet):
    return comb(jet.n_variables + jet.order, jet.order)


@dataclass
class Radial:
    """A kernel φ(|x - x'|² / l²).

    Parameters
    ----------
    profile : callable, ``profile(s, top)`` -> list of arrays
        Taylor coefficients of φ at squared distances `s`, up to degree `top`.
    length_scale : float or array of shape (d,)
    smoothness : float
        A process with this covariance has mean-square derivatives of any order below it.
    """

    profile: Profile
    length_scale: Any = 1.0
    smoothness: float = inf

    def __call__(self, left: Jet, right: Any) -> Jet:
        """The kernel of rows of a jet (n, d) and points (N, d), or rows of another jet."""
        if isinstance(right, Jet):
            squared = row_sum(((left - right) / self.length_scale).square())
        else:
            u, v = self._scaled(left, right)
            squared = row_sum(u.square()) + u @ (-2 * v.T)
            squared.parts[0] = cdist(u.value, v, "sqeuclidean")[None]
        coefficients = self.profile(squared.value, _top(squared))
        if left.order != 1:
            return squared.compose(coefficients)
        first = (
            coefficient * part for coefficient, part in zip(coefficients[1:], squared.parts[1:])
        )
        return Jet([coefficients[0][None], *first], left.order, left.n_variables)

    def _scaled(self, left, right):
        centre = right.mean(axis=0)
        return (left - centre) / self.length_scale, (right - centre) / self.length_scale

    def weighted_sum(self, left: Jet, right: np.ndarray, weights: np.ndarray) -> Jet:
        """Sum over points x' (N, d) of k(x, x') times weights (N, m): a jet of shape (n, m).

        With the step h of the jet from its value x, the squared distance grows by
        a - 2 x'·h, a = |x + h|² - |x|². Powers of it separate into those of a and h, which belong
        to the row, and those of x', which sum up to matrix products: no Taylor coefficient is held
        for a pair of points.
        """
        u, v = self._scaled(left, right)
        n_monomials = comb(v.shape[1] + u.order, u.order)
        if n_monomials > len(v):
            entries = _n_terms(left) * len(right)
            return in_row_blocks(lambda rows: self(rows, right) @ weights, left, entries)
        degrees = range(u.order + 1)
        powers = [_monomials(v.T, q).T for q in degrees]
        factors = np.concatenate(
            [(power[:, :, None] * weights[:, None]).reshape(len(v), -1) for power in powers], axis=1
        )

        def block(rows):
            return _sum_of_moments(rows, v, self.profile, factors, weights.shape[1])

        return in_row_blocks(block, u, max(n_monomials * _n_terms(left), len(v)))


def _top(jet):
    """Degree of the Taylor polynomial that composing a jet needs."""
    return jet.order if jet.degree else 0


def _monomials(columns, degree):
    """Products of columns, one for each multi-index of a degree: (n_monomials, N)."""
    alphas = multi_indices(len(columns), degree)
    out = np.ones((len(alphas), columns.shape[1]))
    for row, alpha in zip(out, alphas):
        for column, power in zip(columns, alpha):
            if power:
                row *= column**power
    return out


def _sum_of_moments(u, v, profile, factors, n_outputs):
    d, top = v.shape[1], _top(u)
    step = u - u.value
    grown = row_sum(u.square())
    grown = grown - grown.value
    sizes = np.cumsum([0, *(comb(d + q - 1, q) for q in range(top + 1))])
    coefficients = profile(cdist(u.value, v, "sqeuclidean"), top)
    moments = [
        (c @ factors[:, : sizes[p + 1] * n_outputs]).reshape(len(c), sizes[p + 1], n_outputs)
        for p, c in enumerate(coefficients)
    ]
    total = [0] * (top + 1)  # by powers of `grown`
    for q, products in enumerate(_step_products(step, top)):
        counts = [factorial(q) / prod(map(factorial, beta)) for beta in multi_indices(d, q)]
        for r in range(top + 1 - q):
            scale = comb(r + q, q) * (-2.0) ** q * np.array(counts)
            weights = moments[r + q][:, sizes[q] : sizes[q + 1]] * scale[:, None]
            total[r] = total[r] + _contract(products, weights)
    result = total[-1]
    for lower in reversed(total[:-1]):
        result = result * grown + lower
    return result


def _step_products(step, top):
    """Products of the columns of a jet, by degree, from 0 to `top`."""
    d = step.value.shape[1]
    products = Jet.constant(np.ones((len(step.value), 1)), step.order, step.n_variables)
    yield products
    for q in range(1, top + 1):
        below = {alpha: i for i, alpha in enumerate(multi_indices(d, q - 1))}
        last = [max(i for i in range(d) if alpha[i]) for alpha in multi_indices(d, q)]
        lower = [
            below[tuple(a - (i == j) for i, a in enumerate(alpha))]
            for alpha, j in zip(multi_indices(d, q), last)
        ]
        products = products[:, lower] * step[:, last]
        yield products


def _contract(products, weights):
    """Sum over columns of a jet (n, b) times weights (n, b, m): a jet of shape (n, m)."""
    return products.map_parts(lambda part: np.einsum("tnb,nbm->tnm", part, weights))
