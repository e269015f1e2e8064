"""What is left of a net: the factor of its weights' covariance, as products, and its file."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_pydelt.bayesian.candidate import Candidate
from sk_pydelt.jets import Jet
from sk_pydelt.samples import Samples


@pytest.fixture(params=[6, 60])
def candidate(request):
    """A net of 25 weights, fitted to fewer or to more samples."""
    rng = np.random.default_rng(0)
    samples = Samples(
        rng.uniform(-1, 1, (request.param, 1)), rng.standard_normal((request.param, 1))
    )
    made = Candidate(samples, hidden_layers=(8,), activation="tanh", omega_0=1.0, seed=0)
    made.run(15)
    return made


def test_the_factor_is_a_square_root_of_the_inverse_hessian(candidate):
    fit, problem = candidate.fit, candidate.problem
    J = problem.at(fit.w).jacobian().dense() if problem.bends else problem_jacobian(candidate)
    H = fit.beta[0] * J.T @ J + np.diag(fit.alpha[problem.groups])
    factor = candidate.posterior().factor
    dense = np.eye(25) @ factor
    assert dense.shape == factor.shape == ((25, 31) if len(J) == 6 else (25, 25))
    assert_allclose(dense @ dense.T, np.linalg.inv(H), rtol=1e-7, atol=1e-10)
    z = np.random.default_rng(1).standard_normal((factor.shape[1], 3))
    assert_allclose(factor @ z, dense @ z, rtol=1e-10, atol=1e-12)
    jacobian = np.random.default_rng(2).standard_normal((4, 2, 25))
    assert_allclose(jacobian @ factor, jacobian @ dense, rtol=1e-10, atol=1e-12)


def problem_jacobian(candidate):
    ((_, jacobian),) = candidate.fit.point.jacobians()
    return jacobian.dense()


def test_a_file_holds_samples_and_weights_alone(candidate):
    posterior = candidate.posterior()
    jet = Jet.variables(np.array([[0.3]]), 1)
    mean, jacobian = posterior.partial(jet, (1,))
    std = np.linalg.norm(jacobian @ posterior.factor)
    assert "factor" in vars(posterior)
    again = pickle.loads(pickle.dumps(posterior))
    assert "factor" not in vars(again)
    assert_array_equal(again.partial(jet, (1,))[0], mean)
    assert np.linalg.norm(jacobian @ again.factor) == std
    assert copy.deepcopy(posterior) is posterior  # nothing in it changes
