"""The evidence framework: against BayesianRidge on a linear model, and against dense algebra."""

import numpy as np
import pytest
from array_api_compat import array_namespace
from arrays import each_array
from numpy.testing import assert_allclose
from sklearn.linear_model import BayesianRidge

from sk_pydelt.jets.jacobian import DenseJacobian
from sk_pydelt.solvers.evidence import (
    EvidenceFit,
    EvidencePoint,
    EvidenceProblem,
    complement,
    evidence_steps,
    held_out_densities,
    laplace,
    whitened_svd,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class Linear(EvidenceProblem):
    """The model f = X w of one output, with one group of weights."""

    def __init__(self, X, y, dual=False):
        self.X, self.y, self.dual = X, y[:, None], dual
        xp, like = array_namespace(X), {"dtype": X.dtype}
        self.groups = xp.zeros(X.shape[1], dtype=xp.int64)
        self.counts, self.pool = xp.ones(1, **like) * len(X), xp.ones((1, 1), **like)
        self.membership = xp.ones((1, X.shape[1]), **like)
        self.classes, self.ceilings = self.membership, xp.full((1,), xp.inf, **like)
        self.bends = dual

    def at(self, w):
        return LinearPoint(self, w)


class LinearPoint(EvidencePoint):
    def __init__(self, problem, w):
        self.problem, self.w = problem, w
        self.residuals = (problem.X @ w)[:, None] - problem.y

    def jacobian(self):
        return DenseJacobian(self.problem.X)

    def normal_equations(self):
        X = self.problem.X
        return [X.T @ X], [X.T @ self.residuals[:, 0]]


def first_fit(problem):
    xp = array_namespace(problem.X)
    ones = xp.ones(1, dtype=problem.X.dtype)
    w = xp.full((problem.X.shape[1],), 0.1, dtype=problem.X.dtype)
    return EvidenceFit(problem.at(w), ones, 10 * ones)


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
    fit = evidence_steps(problem, first_fit(problem), 300)
    assert fit.converged
    assert_allclose(fit.w, ridge.coef_, rtol=3e-3)
    assert_allclose(fit.beta, [ridge.alpha_], rtol=1e-3)
    assert_allclose(fit.alpha, [ridge.lambda_], rtol=2e-3)
    assert fit.log_evidence == pytest.approx(ridge.scores_[-1], abs=0.02)
    assert evidence_steps(problem, fit, 10) is fit


@each_array
def test_a_fit_goes_on_from_where_it_stands(rng, array):
    X, y = rng.standard_normal((20, 4)), rng.standard_normal(20)
    problem = Linear(array(X), array(y))
    once = evidence_steps(problem, first_fit(problem), 14)
    twice = evidence_steps(problem, evidence_steps(problem, first_fit(problem), 6), 8)
    assert once.n_iter == twice.n_iter
    assert_allclose(twice.w, once.w, rtol=1e-14)
    assert_allclose(twice.alpha, once.alpha, rtol=1e-14)


@each_array
def test_dual_and_primal_systems_agree(rng, array):
    X, y = rng.standard_normal((9, 6)), rng.standard_normal(9)
    found = []
    for dual in (False, True):
        problem = Linear(array(X), array(y), dual)
        fit = first_fit(problem)
        covariance = np.linalg.inv(10 * X.T @ X + np.eye(6))
        _, s, V = whitened_svd(problem, fit)
        s, V = np.asarray(s), np.asarray(V)
        assert_allclose(np.eye(6) - (V * (s**2 / (1 + s**2))) @ V.T, covariance, rtol=1e-9)
        found.append(laplace(problem, fit).determine())
        assert found[-1].log_determinant == pytest.approx(-np.linalg.slogdet(covariance)[1])
        assert_allclose(found[-1].left, [9 - 10 * np.trace(X @ covariance @ X.T)], rtol=1e-9)
    assert_allclose(found[0].dof, found[1].dof.sum()[None], rtol=1e-9)


@each_array
def test_the_inverse_keeps_its_small_eigenvalues(rng, array):
    U = np.linalg.svd(rng.standard_normal((5, 5)))[0]
    s = np.array([1e9, 1e3, 1.0, 0.1, 0.0])
    expected = (U / (1 + s**2)) @ U.T
    assert_allclose(complement(array(U), array(s)), expected, rtol=1e-12)
    thin = complement(array(U[:, 1:]), array(s[1:]))
    assert_allclose(thin, expected + (1 - 1e-18) * np.outer(U[:, 0], U[:, 0]), atol=1e-12)


def test_held_out_densities_are_those_of_a_gaussian_conditioned_on_the_rest(rng):
    n, m = 9, 2
    G = rng.standard_normal((n * m, 4))
    C = np.eye(n * m) + G @ G.T
    target, beta = rng.standard_normal(n * m), np.array([2.0, 5.0])
    Q = np.linalg.inv(C)
    found = held_out_densities(
        lambda rows: Q[np.ix_(rows, rows)], (Q @ target).reshape(n, m), beta, 3, n_repeats=1
    )
    for fold in np.array_split(np.random.RandomState(0).permutation(n), 3):
        F = (fold[:, None] * m + np.arange(m)).ravel()
        R = np.setdiff1d(np.arange(n * m), F)
        gain = C[np.ix_(F, R)] @ np.linalg.inv(C[np.ix_(R, R)])
        spread = np.diag(C[np.ix_(F, F)] - gain @ C[np.ix_(R, F)])
        error = target[F] - gain @ target[R]
        density = -0.5 * (error**2 / spread + np.log(2 * np.pi * spread)) + 0.5 * np.log(
            np.tile(beta, len(fold))
        )
        assert_allclose(found[fold], density.reshape(-1, m).sum(axis=1), rtol=1e-9)
