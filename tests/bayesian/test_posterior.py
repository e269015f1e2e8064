"""What is left of a net: the factor of its weights' covariance, as products, and its file."""

import copy
import pickle
from dataclasses import replace

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


def level(samples):
    made = Candidate(samples, hidden_layers=(), activation="constant", omega_0=1.0, seed=0)
    made.run(40)
    return made


@pytest.mark.parametrize("n", [3, 30])
def test_what_a_constant_leaves_open_is_the_mean_square_of_all_lines(n):
    """Weights, NaN and two outputs of two features; three samples are as many as a line asks for.

    The weights of each output have a normal distribution of their own, by normal equations. Its
    moments about slopes of zero are those about its mean, and the square of that.
    """
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(-1, 1, (n, 2)), rng.standard_normal((n, 2))
    Y[-1, 1], counts = np.nan, rng.integers(1, 4, n).astype(float)
    candidate = level(Samples(X, Y, counts))
    posterior, beta = replace(candidate.posterior(), width=1.2), candidate.fit.beta
    squares = (counts + np.append(counts[:-1], 0)) @ X**2 / (2 * counts.sum() - counts[-1])
    prior = np.append(squares * beta.min(), candidate.fit.alpha)
    jet = Jet.variables(np.array([[0.3, -0.8], [0.0, 0.5]]), 1)
    terms = np.column_stack([jet.value, np.ones(2)])
    for o, known in enumerate([np.arange(n), np.arange(n - 1)]):
        J, weight = np.column_stack([X, np.ones(n)])[known], beta[o] * counts[known]
        covariance = np.linalg.inv((J.T * weight) @ J + np.diag(prior))
        mode = covariance @ (J.T * weight) @ Y[known, o]
        height = weight @ Y[known, o] / (weight.sum() + candidate.fit.alpha[0])
        off = mode - [0, 0, height]
        moments = 1.2**2 * covariance + np.outer(off, off)
        for index, j in (((0, 0), terms), ((1, 0), [[1, 0, 0]] * 2), ((0, 1), [[0, 1, 0]] * 2)):
            mean, jacobian = posterior.partial(jet, index)
            root = jacobian @ posterior.factor
            assert_allclose(mean[:, o], 0 if sum(index) else height, rtol=1e-6)
            expected = np.einsum("np,pq,nq->n", j, moments, j)
            assert_allclose((root[:, o] ** 2).sum(axis=-1), expected, rtol=1e-6)


def test_a_constant_knows_little_of_features_that_say_nothing():
    """More features than samples, one of them always 1 and one always 0."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(-1, 1, (6, 8)), np.ones(6), np.zeros(6)])
    candidate = level(Samples(X, rng.standard_normal((6, 1))))
    root = np.eye(11) @ candidate.posterior().factor
    noise, std = candidate.fit.beta.item() ** -0.5, np.linalg.norm(root, axis=1)
    assert_allclose(std[9], noise)  # of the slope: as of one sample at 1
    assert np.all((std[:10] > 0.5 * noise) & (std[:10] < 5 * noise))


def test_a_constant_without_noise():
    posterior = level(Samples(np.linspace(-1, 1, 9)[:, None], np.zeros((9, 1)))).posterior()
    assert_allclose(posterior.w, 0, atol=1e-12)
    assert 0 < np.linalg.norm(np.eye(2) @ posterior.factor) < 1e-6


def test_a_file_of_a_constant():
    rng = np.random.default_rng(0)
    posterior = level(Samples(*rng.uniform(-1, 1, (2, 20, 1)))).posterior()
    again = pickle.loads(pickle.dumps(posterior))
    assert_array_equal(again.factor, posterior.factor)
    assert_array_equal(again.w, posterior.w)
