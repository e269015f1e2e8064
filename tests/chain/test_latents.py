"""The random function behind a model: its derivatives at a place, together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sk_pydelt import BayesianNeuralNetworkInterpolator, SplineInterpolator
from sk_pydelt.chain import latent, propagate, propagate_std
from sk_pydelt.chain.latents import Joint, Latent
from sk_pydelt.chain.links import draws_of_link, indices_below, moments_of_link
from sk_pydelt.components import Component
from sk_pydelt.jets import Jet
from sk_pydelt.jets.elementary import exp

rng = np.random.RandomState(0)
X = rng.uniform(-1, 1, (70, 2))
Y = np.sin(2 * X[:, 0]) * X[:, 1] + 0.1 * rng.standard_normal(70)
PLACES = np.array([[0.1, -0.3], [0.8, 0.7]])
MODELS = {
    "ridge": make_pipeline(PolynomialFeatures(3, include_bias=False), BayesianRidge()),
    "process": GaussianProcessRegressor(RBF(1.0) + WhiteKernel(0.01), normalize_y=True),
    "net": BayesianNeuralNetworkInterpolator(
        (6,), "tanh", n_init=1, max_iter=30, random_state=0, y_scaler="passthrough"
    ),
    "surface": SplineInterpolator(degree=5, y_scaler="passthrough"),
}
each_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def fitted():
    return {name: model.fit(X, Y) for name, model in MODELS.items()}


@each_model
def test_each_derivative_alone_is_as_without_the_others(fitted, name):
    model, indices = fitted[name], indices_below((1, 1))
    assert indices == [(0, 0), (0, 1), (1, 0), (1, 1)]
    jet = Jet.variables(PLACES, 2)
    joints = latent(model, jet).joints(indices)
    mean = sum(joint.weight * joint.mean for joint in joints)
    for i, index in enumerate(indices):
        assert_allclose(mean[:, i], propagate(model, jet).partial(index), rtol=1e-9)
        (joint,) = joints
        std = np.sqrt(joint.covariance[:, i, i])
        assert_allclose(std, propagate_std(model, jet, index), rtol=1e-5)


@each_model
def test_covariance_with_a_derivative_is_half_that_of_the_variance(fitted, name):
    model, h = fitted[name], 1e-4
    (joint,) = latent(model, Jet.variables(PLACES, 1)).joints([(0, 0), (1, 0)])
    right, left = (
        propagate_std(model, Jet.variables(PLACES + [s * h, 0], 0), (0, 0)) for s in (1, -1)
    )
    expected = (right**2 - left**2) / (4 * h)
    assert_allclose(joint.covariance[:, 0, 1], expected, rtol=1e-3)
    assert_allclose(joint.covariance[:, 1, 0], joint.covariance[:, 0, 1])


def test_a_curve_varies_with_its_derivatives_within_a_gap_and_beyond():
    x = np.sort(rng.uniform(0, 3, 40))[:, None]
    spline = SplineInterpolator(degree=5, y_scaler="passthrough")
    spline.fit(x, np.sin(2 * x[:, 0]) + 0.05 * rng.standard_normal(40))
    at = np.array([[-0.3], [x[3, 0]], [1.234], [3.4]])
    (joint,) = latent(spline, Jet.variables(at, 2)).joints([(0,), (1,), (2,)])
    h = 1e-4

    def half_slope(order):
        right, left = (
            propagate_std(spline, Jet.variables(at + s * h, order), (order,)) for s in (1, -1)
        )
        return (right**2 - left**2) / (4 * h)

    assert_allclose(joint.covariance[:, 0, 1], half_slope(0), rtol=1e-3, atol=1e-8)
    assert_allclose(joint.covariance[:, 1, 2], half_slope(1), rtol=1e-3, atol=1e-6)


class Single(Latent):
    """One normal curve and its slope, with exp for g."""

    def __init__(self, mean, covariance):
        self.mean, self.covariance = np.array(mean), np.array(covariance)

    def joints(self, indices):
        k = len(indices)
        return [Joint(1.0, self.mean[None, :k, None], self.covariance[None, :k, :k, None])]

    def draws(self, indices, n_samples, rng):
        found = rng.multivariate_normal(self.mean, self.covariance, n_samples)
        return found.T[None, : len(indices), None]

    def noise(self):
        return np.array([[0.5]])

    def inverse(self, jet):
        return exp(jet)


def test_moments_of_a_wide_lognormal():
    one = Single([0.3, 2.0], [[4.0, 1.0], [1.0, 3.0]])
    mean, std = moments_of_link(one, (1,))
    expected = np.exp(0.3 + 2) * 3
    assert_allclose(mean, [[expected]], rtol=1e-9)
    assert_allclose(std**2, [[np.exp(0.6 + 8) * (16 + 3) - expected**2]], rtol=1e-9)
    mean, std = moments_of_link(one, (0,), noise=True)
    assert_allclose(mean, [[np.exp(0.3 + 4.25 / 2)]], rtol=1e-9)
    assert_allclose(std, mean * np.sqrt(np.expm1(4.25)), rtol=1e-8)


def test_what_is_known_for_certain_has_no_spread():
    one = Single([0.3, 2.0], np.zeros((2, 2)))
    mean, std = moments_of_link(one, (1,))
    assert_allclose(mean, [[2 * np.exp(0.3)]], rtol=1e-12)
    assert_allclose(std, 0)
    certain = Single([0.3, 2.0], [[1.0, 2.0], [2.0, 4.0]])  # the slope is twice the value
    mean, std = moments_of_link(certain, (1,))
    assert_allclose(mean, [[(2 + 2) * np.exp(0.8)]], rtol=1e-9)
    drawn = draws_of_link(certain, (1,), 100_000, np.random.RandomState(0))
    assert abs(drawn.mean() - mean[0, 0]) < 4.5 * drawn.std() / 100_000**0.5


def test_a_component_that_knows_nothing_of_others_says_so():
    class Mute(Component):
        weight, mean = 1.0, np.zeros((1, 1))
        variance = covariance = sums = plus = joined = draw = moved = None

    with pytest.raises(TypeError, match="Mute does not tell how several.*variance_with"):
        Mute().variance_with(Mute())
