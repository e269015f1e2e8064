"""The Gaussian process of a smoothing spline, written out with many digits."""

from math import comb, factorial

import mpmath
import numpy as np


def kernel(m, s, p, t, q):
    """Covariance of f⁽ᵖ⁾(s) and f⁽ᑫ⁾(t), f the m-fold integral of white noise from 0."""
    if s > t:
        s, p, t, q = t, q, s, p
    a, b = m - 1 - p, m - 1 - q
    terms = (comb(b, j) * (t - s) ** (b - j) * s ** (a + j + 1) / (a + j + 1) for j in range(b + 1))
    return mpmath.fsum(terms) / (factorial(a) * factorial(b))


def powers(m, s, p):
    """The p-th derivatives of 1, s, ..., s^(m - 1)."""
    fallen = [factorial(j) // factorial(j - p) if j >= p else 0 for j in range(m)]
    return [c * s ** (j - p) if c else mpmath.mpf(0) for j, c in enumerate(fallen)]


def universal_kriging(K, P, k, p, prior):
    """Covariance given samples of covariance K (n, n): coefficients of polynomials P are unknown.

    k (n, N) and p (q, N) belong to the numbers that are asked for, `prior` (N, N) is theirs.
    """
    n, q = P.rows, P.cols
    whole, right = mpmath.zeros(n + q), mpmath.zeros(n + q, k.cols)
    whole[:n, :n], whole[:n, n:], whole[n:, :n] = K, P, P.T
    right[:n, :], right[n:, :] = k, p
    found = prior - right.T * (whole**-1 * right)
    return np.array(found.tolist(), dtype=float)


def curve_covariance(x, weight, m, smoothing, variance, at, orders):
    """Covariance of derivatives of `orders` (N,) at places `at` (N,), given samples at x."""
    with mpmath.workdps(60):
        start = min(*x, *at)
        x, at = ([mpmath.mpf(float(v)) - mpmath.mpf(float(start)) for v in xs] for xs in (x, at))
        noise = [mpmath.mpf(variance) / mpmath.mpf(float(w)) for w in weight]
        unit = mpmath.mpf(variance) / (mpmath.mpf(smoothing) * mpmath.fsum(map(float, weight)))
        spots, asked = [(v, 0) for v in x], list(zip(at, map(int, orders)))
        K = _between(m, unit, spots, spots) + mpmath.diag(noise)
        P = mpmath.matrix([powers(m, *spot) for spot in spots])
        p = mpmath.matrix([powers(m, *one) for one in asked]).T
        prior = _between(m, unit, asked, asked)
        return universal_kriging(K, P, _between(m, unit, spots, asked), p, prior)


def _between(m, unit, left, right):
    return mpmath.matrix([[unit * kernel(m, *one, *other) for other in right] for one in left])
