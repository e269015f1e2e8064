"""Covariances of polyharmonic splines against universal kriging written out."""

import mpmath
import numpy as np
import pytest
from integrated_wiener import universal_kriging
from numpy.testing import assert_allclose

from sk_pydelt.jets import Jet
from sk_pydelt.solvers.surface_modes import SurfaceModes, kernel_factor
from sk_pydelt.solvers.surface_posterior import SurfacePosterior

RNG = np.random.default_rng(0)
X, WEIGHT = RNG.uniform(-1, 1, (14, 2)), RNG.uniform(0.5, 2, 14)
AT = np.vstack([X[:1], RNG.uniform(-1.3, 1.3, (5, 2))])
SLOPE = {(0, 0): None, (1, 0): 0, (0, 1): 1}


def power(degree, a, b, i, j):
    """c r^degree, its derivative by entry i of a, and by entry j of b besides, if not None."""
    steps = [mpmath.mpf(float(s)) - mpmath.mpf(float(t)) for s, t in zip(a, b)]
    r = mpmath.sqrt(mpmath.fsum(step**2 for step in steps))
    k = degree
    if i is None and j is None:
        value = r**k
    elif i is None or j is None:
        value = k * r ** (k - 2) * (steps[i] if j is None else -steps[j])
    else:
        bent = (k - 2) * r ** (k - 4) * steps[i] * steps[j] if r else 0
        value = -k * (bent + (r ** (k - 2) if i == j else 0))
    return mpmath.mpf(kernel_factor(k)) * value


def tail(degree, place, i):
    """1, x, y, and x², xy, y² where the degree is 5; derivatives by entry i."""
    u, v = (mpmath.mpf(float(value)) for value in place)
    rows = {None: [1, u, v, u * u, u * v, v * v], 0: [0, 1, 0, 2 * u, v, 0]}
    return (rows | {1: [0, 0, 1, 0, u, 2 * v]})[i][: 3 if degree == 3 else 6]


@pytest.mark.parametrize("index", SLOPE)
@pytest.mark.parametrize("smoothing", [1e-6, 1e-3, 1.0])
@pytest.mark.parametrize(("degree", "tolerance"), [(3, 1e-8), (5, 1e-5)])
def test_covariances_are_those_of_the_process(degree, tolerance, smoothing, index):
    i, variance = SLOPE[index], 0.04
    posterior = SurfacePosterior(SurfaceModes(X, WEIGHT, degree), smoothing, variance)
    with mpmath.workdps(50):
        unit = mpmath.mpf(variance) / (smoothing * mpmath.fsum(map(float, WEIGHT)))
        K = mpmath.matrix([[unit * power(degree, a, b, None, None) for b in X] for a in X])
        K += mpmath.diag([variance / mpmath.mpf(float(w)) for w in WEIGHT])
        P = mpmath.matrix([tail(degree, a, None) for a in X])
        k = mpmath.matrix([[unit * power(degree, a, b, None, i) for b in AT] for a in X])
        prior = mpmath.matrix([[unit * power(degree, a, b, i, i) for b in AT] for a in AT])
        p = mpmath.matrix([tail(degree, b, i) for b in AT]).T
        expected = universal_kriging(K, P, k, p, prior)
    jet = Jet.variables(AT, sum(index))
    root, rest = posterior.root(jet, index), posterior.rest_covariance(jet, index)
    std = np.sqrt(np.diagonal(expected))
    scaled = np.outer(std, std)
    assert_allclose((root @ root.T + rest) / scaled, expected / scaled, atol=tolerance)
    found = np.sum(root**2, axis=1) + posterior.rest_variance(jet, index)
    assert_allclose(np.sqrt(found), std, rtol=tolerance)
    weights = RNG.standard_normal((3, len(AT)))
    sums = np.einsum("ki,ij,kj->k", weights, rest, weights)
    found = posterior.rest_of_sums(jet, index, weights)
    assert_allclose(found, sums, rtol=1e-6, atol=1e-9 * scaled.max())
