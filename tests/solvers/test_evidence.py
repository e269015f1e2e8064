"""The evidence framework against BayesianRidge, on a linear model."""

import numpy as np
import pytest
from arrays import each_array
from linear_evidence import Linear, first_fit
from numpy.testing import assert_allclose
from sklearn.linear_model import BayesianRidge

from sk_pydelt.solvers.evidence import evidence_steps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@each_array
@pytest.mark.parametrize("dual", [False, True])
def test_a_linear_model_agrees_with_bayesian_ridge(rng, array, dual):
    X = rng.standard_normal((40, 6))
    X -= X.mean(axis=0)
    y = X @ rng.standard_normal(6) + 0.3 * rng.standard_normal(40)
    y -= y.mean()
    flat = {"alpha_1": 0.0, "alpha_2": 0.0, "lambda_1": 0.0, "lambda_2": 0.0}
    ridge = BayesianRidge(max_iter=1000, tol=1e-12, compute_score=True, **flat).fit(X, y)
    problem = Linear(array(X), array(y), dual)
    fit = evidence_steps(first_fit(problem), 300)
    assert fit.converged
    assert_allclose(fit.w, ridge.coef_, rtol=3e-3)
    assert_allclose(fit.beta, [ridge.alpha_], rtol=1e-3)
    assert_allclose(fit.alpha, [ridge.lambda_], rtol=2e-3)
    assert fit.log_evidence == pytest.approx(ridge.scores_[-1], abs=0.02)
    assert evidence_steps(fit, 10) is fit


@each_array
def test_a_fit_goes_on_from_where_it_stands(rng, array):
    X, y = rng.standard_normal((20, 4)), rng.standard_normal(20)
    problem = Linear(array(X), array(y))
    once = evidence_steps(first_fit(problem), 14)
    twice = evidence_steps(evidence_steps(first_fit(problem), 6), 8)
    assert once.n_iter == twice.n_iter
    assert_allclose(twice.w, once.w, rtol=1e-14)
    assert_allclose(twice.alpha, once.alpha, rtol=1e-14)


@each_array
def test_without_a_step_to_less_energy_nothing_waits(rng, array):
    """Pure noise that no weight explains: the first re-estimation is that of the tenth step."""
    X, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
    problem = Linear(array(X), array(y))
    fit = evidence_steps(first_fit(problem), 9)
    assert fit.warm
    assert float(fit.beta[0]) == 10
    fit = evidence_steps(fit, 1)
    assert not fit.warm
    assert float(fit.beta[0]) == pytest.approx(1 / y.var(), rel=0.2)
