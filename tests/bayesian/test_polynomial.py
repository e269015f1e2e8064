"""Polynomials as nets: their terms and derivatives, and what evidence makes of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal
from sklearn.preprocessing import PolynomialFeatures

from sk_pydelt.bayesian.candidate import Candidate
from sk_pydelt.bayesian.polynomial import DEGREES, PolynomialNet
from sk_pydelt.jets import Jet
from sk_pydelt.samples import Samples


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("d", "degree"), [(1, 1), (1, 3), (2, 2), (3, 2)])
def test_terms_are_those_of_scikit_learn(rng, d, degree):
    X, net = rng.uniform(-1, 1, (7, d)), PolynomialNet(d, 2, degree)
    terms = PolynomialFeatures(degree).fit_transform(X)
    W = rng.standard_normal((2, terms.shape[1] - 1))
    w = np.concatenate([W.ravel(), [0.5, -2.0]])
    assert net.n_weights == len(w)
    found = net.forward(w, Jet.constant(X, 0, 1)).result.value
    assert_allclose(np.sort(terms[0]), np.sort([1, *net._terms(Jet.constant(X, 0, 1)).value[0]]))
    if d == 1:  # their order is the same
        assert_allclose(found, terms @ np.column_stack([[0.5, -2.0], W]).T)
    assert_allclose(net.propagate(w, Jet.constant(X, 0, 1)).value, found)


def test_derivatives_of_a_cubic(rng):
    x, net = rng.uniform(-1, 1, (5, 1)), PolynomialNet(1, 1, 3)
    w = np.array([2.0, -1.0, 4.0, 7.0])  # 7 + 2 x - x² + 4 x³
    jet = net.propagate(w, Jet.variables(x, 3))
    assert_allclose(jet.partial((1,)), 2 - 2 * x + 12 * x**2)
    assert_allclose(jet.partial((2,)), -2 + 24 * x)
    forward = net.forward(w, Jet.variables(x, 2))
    by_weights = forward.partial_jacobian((2,))[:, 0]
    assert_allclose(by_weights, np.column_stack([0 * x, 2 + 0 * x, 6 * x, 0 * x]), atol=1e-12)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("kind", DEGREES)
def test_the_evidence_is_that_of_the_marginal_normal_distribution(rng, d, kind):
    """A model that is linear in its weights: Laplace's approximation is exact."""
    X = rng.uniform(-1, 1, (20, d))
    terms = PolynomialFeatures(DEGREES[kind]).fit_transform(X)
    y = terms @ rng.standard_normal((terms.shape[1], 1)) + 0.01 * rng.standard_normal((20, 1))
    net = Candidate(Samples(X, y), hidden_layers=(), activation=kind, omega_0=1.0, seed=0)
    net.run(300)
    fit, problem = net.fit, net.problem
    terms = problem.net._terms(Jet.constant(X, 0, 1)).value
    J = np.column_stack([terms, np.ones(20)])
    covariance = (J / fit.alpha[problem.groups]) @ J.T + np.eye(20) / fit.beta
    expected = multivariate_normal(np.zeros(20), covariance).logpdf(y[:, 0])
    assert fit.converged
    assert fit.log_evidence == pytest.approx(expected, abs=1e-3)


def test_a_polynomial_is_found_with_its_noise(rng):
    x = rng.uniform(-1, 1, (400, 1))
    y = 1 + 2 * x - 3 * x**3 + 0.1 * rng.standard_normal(x.shape)
    net = Candidate(Samples(x, y), hidden_layers=(), activation="cubic", omega_0=1.0, seed=0)
    net.run(100)
    assert_allclose(net.fit.w, [2, 0, -3, 1], atol=0.05)
    assert net.fit.beta.item() ** -0.5 == pytest.approx(0.1, rel=0.1)
