"""Covariances of smoothing splines against those of their process, with 60 digits."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from integrated_wiener import curve_covariance
from numpy.testing import assert_allclose, assert_array_equal

from sk_pydelt.jets import Jet
from sk_pydelt.solvers.curve_posterior import CurvePosterior

RNG = np.random.default_rng(0)
x, WEIGHT = np.sort(RNG.uniform(-1, 1, 9)), RNG.uniform(0.5, 2, 9)
# beyond the samples, at them, some in one gap, and two so close that rounding shows
AT = np.r_[-3, -1.5, x[0], x[3], np.linspace(x[3], x[4], 5)[1:4], 0.3, 0.3 + 1e-6, x[-1], 1.1, 1.4]


def jets(order, at=AT):
    return Jet.variables(at[:, None], order), (order,)


def whole(posterior, order):
    root = posterior.root(*jets(order))
    return (root @ root.T).toarray() + posterior.rest_covariance(*jets(order))


@pytest.mark.parametrize(
    ("m", "smoothing", "tolerance"),
    [
        (1, 1e-2, 1e-12),
        (2, 1e-4, 1e-11),
        (2, 1e3, 1e-9),
        (3, 1e-14, 1e-9),  # almost interpolation
        (3, 1e-6, 1e-10),
        (3, 1e4, 1e-7),  # almost a parabola
        (4, 1e-7, 1e-8),
        (6, 1e-9, 1e-4),
    ],
)
def test_covariances_are_those_of_the_process(m, smoothing, tolerance):
    posterior = CurvePosterior(x, WEIGHT, m, smoothing, 0.04)
    for order in range(m):
        expected = curve_covariance(x, WEIGHT, m, smoothing, 0.04, AT, [order] * len(AT))
        std = np.sqrt(np.diagonal(expected))
        found = whole(posterior, order)
        assert_allclose(found / std / std[:, None], expected / std / std[:, None], atol=tolerance)
        root, rest = posterior.root(*jets(order)), posterior.rest_variance(*jets(order))
        assert_allclose(np.sqrt(root.power(2).sum(axis=1) + rest), std, rtol=tolerance)


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize(("m", "tolerance"), [(2, 1e-7), (3, 1e-5), (4, 1e-4), (6, 1e-5)])
def test_samples_that_are_close(m, tolerance, gap):
    places = np.sort(np.r_[x, x[3] + gap, x[5] + gap])
    posterior = CurvePosterior(places, np.ones(11), m, 1e-6, 0.04)
    at = np.r_[x[3] + gap / 2, x[3], np.linspace(-1.2, 1.2, 5)]
    for order in range(m):
        expected = curve_covariance(places, np.ones(11), m, 1e-6, 0.04, at, [order] * 7)
        root, rest = posterior.root(*jets(order, at)), posterior.rest_variance(*jets(order, at))
        std = np.sqrt(root.power(2).sum(axis=1) + rest)
        assert_allclose(std, np.sqrt(np.diagonal(expected)), rtol=tolerance)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_sums_over_places(order):
    posterior = CurvePosterior(x, WEIGHT, 3, 1e-4, 0.04)
    weights = RNG.standard_normal((4, len(AT)))
    rest = posterior.rest_covariance(*jets(order))
    expected = np.einsum("ki,ij,kj->k", weights, rest, weights)
    found = posterior.rest_of_sums(*jets(order), weights)
    assert_allclose(found, expected, rtol=1e-8, atol=1e-10 * np.abs(rest).max())


def test_a_place_that_moves_along_a_curve():
    """The second derivative of f(exp(t)) is exp(t) f' + exp(2t) f''."""
    posterior, t = CurvePosterior(x, WEIGHT, 3, 1e-5, 0.04), np.log([0.2, 0.5])[:, None]
    moving = Jet.variables(t, 2)
    e = np.exp(t)
    moving = moving.compose([e, e, e / 2])
    root = posterior.root(moving, (2,)).toarray()
    at = np.exp(t[:, 0])
    parts = [posterior.root(*jets(k, at)).toarray() for k in (1, 2)]
    assert_allclose(root, at[:, None] * parts[0] + at[:, None] ** 2 * parts[1], rtol=1e-9)


def test_ten_thousand_samples_of_a_straight_line():
    """With as much smoothing: the covariance of linear regression."""
    places = np.linspace(-1, 1, 10_001)
    posterior = CurvePosterior(places, np.ones(10_001), 2, 1e6, 1.0)
    design = np.column_stack([np.ones(10_001), places])
    expected = np.column_stack([np.ones(12), AT])
    expected = expected @ np.linalg.inv(design.T @ design) @ expected.T
    assert_allclose(whole(posterior, 0), expected, rtol=1e-4, atol=1e-9)


def test_files_hold_samples_alone():
    posterior = CurvePosterior(x, WEIGHT, 3, 1e-4, 0.04)
    before = posterior.root(*jets(1)).toarray()
    written = pickle.dumps(posterior)
    assert len(written) < 1000
    assert_array_equal(pickle.loads(written).root(*jets(1)).toarray(), before)
    assert deepcopy(posterior) is posterior
