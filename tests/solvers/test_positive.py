"""Positive definite matrices: solutions, inverse and determinant against dense algebra."""

import numpy as np
import pytest
from arrays import each_array
from numpy.testing import assert_allclose, assert_array_equal

from sk_pydelt.solvers.positive import (
    EigenFactor,
    add_to_diagonal,
    cholesky,
    factorise,
    root_factor,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@each_array
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_cholesky_factor(rng, array, dtype):
    G = rng.standard_normal((6, 9))
    A, b = G @ G.T, rng.standard_normal(6)
    before, rtol = A.astype(dtype), 1e-10 if dtype == "float64" else 1e-3
    given = array(before.copy())
    factor = cholesky(given)
    assert_array_equal(given, before)  # not overwritten
    assert_allclose(factor.solve(array(b.astype(dtype))), np.linalg.solve(A, b), rtol=rtol)
    assert_allclose(factor.inverse(), np.linalg.inv(A), rtol=rtol, atol=rtol)
    assert factor.log_determinant() == pytest.approx(np.linalg.slogdet(A)[1], rel=rtol)
    assert str(factor.inverse().dtype).endswith(dtype)


@each_array
def test_a_factor_by_a_root_keeps_small_eigenvalues(rng, array):
    U = np.linalg.svd(rng.standard_normal((5, 5)))[0]
    s = np.array([1e9, 1e3, 1.0, 0.1, 0.0])
    V = np.linalg.svd(rng.standard_normal((7, 7)))[0][:, :5]
    factor = root_factor(array(np.vstack([np.eye(5), (V * s) @ U.T])))
    assert_allclose(factor.inverse(), (U / (1 + s**2)) @ U.T, rtol=1e-6, atol=1e-12)
    assert factor.log_determinant() == pytest.approx(np.log1p(s**2).sum(), rel=1e-9)


@each_array
def test_an_indefinite_matrix_has_none_and_is_solved_by_its_eigenvalues(array):
    A = array(np.diag([2.0, 1.0, -1e-17]))
    assert cholesky(A) is None
    factor = factorise(A)
    assert isinstance(factor, EigenFactor)
    assert_allclose(factor.solve(array(np.array([2.0, 3.0, 0.0]))), [1.0, 3.0, 0.0])


@each_array
@pytest.mark.parametrize("d", [2.0, np.arange(3.0)])
def test_a_diagonal_is_added_in_place(rng, array, d):
    A = rng.standard_normal((3, 3))
    given = array(A.copy())
    assert add_to_diagonal(given, d if np.isscalar(d) else array(d)) is given
    assert_allclose(given, A + np.diag(np.broadcast_to(d, 3)), rtol=1e-15)
