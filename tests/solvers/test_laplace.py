"""Laplace's approximation from both systems, against dense algebra."""

import numpy as np
import pytest
from arrays import each_array
from linear_evidence import Linear, first_fit
from numpy.testing import assert_allclose

from sk_pydelt.solvers.laplace import laplace, whitened_svd


@pytest.fixture
def rng():
    return np.random.default_rng(0)


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
