"""The evidence framework: against BayesianRidge on a linear net, and against dense algebra."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.linear_model import BayesianRidge

from sk_pydelt.backends.pytorch.evidence import Candidate
from sk_pydelt.bayesian.selection import Samples
from sk_pydelt.jets import Jet
from sk_pydelt.solvers.evidence import (
    DualLaplace,
    EvidenceFit,
    PrimalLaplace,
    _reestimate,
    complement,
    held_out_densities,
    laplace,
    stacking_weights,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def candidate(X, y, weight=None, **options):
    defaults = {"hidden_layers": (4, 3), "activation": "tanh", "omega_0": 1.0, "seed": 0}
    weight = np.ones((len(X), 1)) if weight is None else weight[:, None]
    return Candidate(Samples(X, y, weight), **{**defaults, **options})


class Linear:
    """The model f = X w, one group of weights, in the shape that `evidence_steps` asks for."""

    def __init__(self, X, y):
        self.X, self.y, self.function = torch.tensor(X), torch.tensor(y)[:, None], self
        self.groups = torch.zeros(X.shape[1], dtype=torch.long)
        self.counts = torch.tensor([float(len(X))], dtype=torch.float64)
        self.pool = torch.ones((1, 1), dtype=torch.float64)
        self.ceilings = torch.full((1,), torch.inf, dtype=torch.float64)
        self.dual = False

    def values(self, w, X):
        return (X @ w)[:, None]

    def residuals(self, values):
        return values - self.y

    def normal_equations(self, w):
        r = self.residuals(self.values(w, self.X))
        return [self.X.T @ self.X], [self.X.T @ r[:, 0]], r


def test_a_linear_model_agrees_with_bayesian_ridge(rng):
    from sk_pydelt.solvers.evidence import evidence_steps

    X = rng.standard_normal((40, 6))
    X -= X.mean(axis=0)
    y = X @ rng.standard_normal(6) + 0.3 * rng.standard_normal(40)
    y -= y.mean()
    flat = {"alpha_1": 0.0, "alpha_2": 0.0, "lambda_1": 0.0, "lambda_2": 0.0}
    ridge = BayesianRidge(max_iter=1000, tol=1e-12, compute_score=True, **flat).fit(X, y)
    ones = torch.ones(1, dtype=torch.float64)
    fit = EvidenceFit(torch.full((6,), 0.1, dtype=torch.float64), ones.clone(), 10 * ones)
    evidence_steps(Linear(X, y), fit, 300)
    assert_allclose(fit.w, ridge.coef_, rtol=3e-3)
    assert_allclose(fit.beta, [ridge.alpha_], rtol=1e-3)
    assert_allclose(fit.alpha, [ridge.lambda_], rtol=2e-3)
    assert fit.log_evidence == pytest.approx(ridge.scores_[-1], abs=0.02)


def test_an_identity_net_finds_the_noise_of_bayesian_ridge(rng):
    """Its weights are a product of matrices, so that only data-bound quantities agree."""
    X = rng.uniform(-1, 1, (80, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.2 * rng.standard_normal(80)
    ridge = BayesianRidge().fit(X, y)
    net = candidate(X, y[:, None], hidden_layers=(3,), activation="identity")
    net.run(150)
    assert float(net.fit.beta) == pytest.approx(ridge.alpha_, rel=0.03)
    assert 3.5 < float(net.fit.dof) < 4.5
    assert_allclose(net.posterior().predict(X)[:, 0], ridge.predict(X), atol=0.05)


@pytest.mark.parametrize("m", [1, 2])
def test_dual_and_primal_agree_with_dense_algebra(rng, m):
    X, y = rng.uniform(-1, 1, (20, 2)), rng.standard_normal((20, m))
    weight = rng.integers(1, 4, 20).astype(float)
    net = candidate(X, y, weight)
    problem, fit = net.problem, net.fit
    fit.beta = torch.tensor([4.0, 9.0])[:m].double()
    fit.alpha = torch.tensor(rng.uniform(0.5, 2, problem.n_groups))
    with torch.no_grad():
        _, jacobian = problem.function.jacobian(fit.w, problem.X)
        J = jacobian.dense().view(20, m, -1) * torch.tensor(weight)[:, None, None].sqrt()
        H = sum(b * J[:, o].T @ J[:, o] for o, b in enumerate(fit.beta))
        prior = fit.alpha[problem.groups]
        H = H + torch.diag(prior)
        covariance = torch.linalg.inv(H)
        logdet = float(torch.logdet(H) - prior.log().sum())
        share = 1 - prior * covariance.diagonal()
        dof = [float(share[problem.groups == g].sum()) for g in range(problem.n_groups)]
        used = [float(b * (J[:, o] @ covariance * J[:, o]).sum()) for o, b in enumerate(fit.beta)]
        for kind in (DualLaplace, PrimalLaplace):
            found = kind(problem, fit).determine()
            assert found[0] == pytest.approx(logdet, rel=1e-9)
            assert_allclose(found[1], dof, rtol=1e-6, atol=1e-9)
            assert_allclose(20 - found[2], used, rtol=1e-8)
    assert sum(dof) == pytest.approx(sum(used))


def test_groups_are_each_feature_each_unit_or_layer_and_its_biases(rng):
    net = candidate(rng.uniform(size=(5, 2)), rng.uniform(size=(5, 1)))
    groups = net.problem.groups.tolist()
    first, rest = groups[:12], groups[12:]
    assert first == [0, 1] * 4 + [2] * 4
    assert rest == [3, 4, 5, 6] * 3 + [7] * 3 + [8, 9, 10] + [11]
    net = candidate(rng.uniform(size=(5, 1)), rng.uniform(size=(5, 1)))  # a curve: layers only
    assert net.problem.groups.tolist() == [0] * 4 + [1] * 4 + [2] * 12 + [3] * 3 + [4] * 3 + [5]


def test_the_noise_precision_is_bounded(rng):
    x = np.linspace(-1, 1, 12)[:, None]
    net = candidate(x, np.sin(2 * x))
    net.run(100)
    assert torch.isfinite(net.fit.w).all()
    assert float(net.fit.beta.max()) <= 1e14 * (1 + 1e-9)
    assert np.abs(net.posterior().predict(x) - np.sin(2 * x)).max() < 1e-3


def test_reestimation_counts_weights_as_copies(rng):
    X, y = rng.uniform(-1, 1, (15, 1)), rng.standard_normal((15, 1))
    weight = rng.integers(1, 4, 15)
    fits = []
    for net in (
        candidate(X, y, weight.astype(float)),
        candidate(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0)),
    ):
        with torch.no_grad():
            local = laplace(net.problem, net.fit)
            _, dof, left = local.determine()
            _reestimate(net.problem, net.fit, dof, left, local.residuals)
        fits.append(net.fit)
    assert_allclose(fits[0].alpha, fits[1].alpha, rtol=1e-8)
    assert_allclose(fits[0].beta, fits[1].beta, rtol=1e-8)


def test_the_inverse_keeps_its_small_eigenvalues(rng):
    U, _, _ = torch.linalg.svd(torch.tensor(rng.standard_normal((5, 5))))
    s = torch.tensor([1e9, 1e3, 1.0, 0.1, 0.0]).double()
    expected = (U / (1 + s**2)) @ U.T
    assert_allclose(complement(U, s), expected, rtol=1e-12)
    thin = complement(U[:, 1:], s[1:])
    assert_allclose(thin, expected + (1 - 1e-18) * torch.outer(U[:, 0], U[:, 0]), atol=1e-12)


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


def test_stacking_gives_the_mixture_the_highest_density(rng):
    densities = rng.normal(-1, 1, (3, 40)) + np.array([[0.0], [-0.3], [-9.0]])

    def loss(weights):
        return -np.log(np.abs(weights) @ np.exp(densities) / np.abs(weights).sum()).sum()

    best = minimize(loss, np.ones(3), method="Nelder-Mead", options={"fatol": 1e-12})
    found = stacking_weights(densities)
    assert found.sum() == pytest.approx(1)
    assert loss(found) < best.fun + 0.01  # nats
    assert min(found[:2]) > 0.1 > 1e-6 > found[2]


def test_log_densities_are_those_of_the_mean_and_the_variances_of_net_and_noise(rng):
    X, Y = rng.uniform(-1, 1, (12, 2)), rng.standard_normal((12, 2))
    net = candidate(X[:8], Y[:8])
    net.run(30)
    weight = np.array([1.0, 2.0, 0.0, 1.0])[:, None]
    found = net.log_densities(Samples(X[8:], Y[8:], weight))
    posterior, jet = net.posterior(), Jet.variables(X[8:], 0)
    with np.errstate(divide="ignore"):
        noise = 1 / (net.fit.beta.numpy() * weight)
    std = np.sqrt(posterior.variance(jet, (0, 0)) + noise)
    expected = norm.logpdf(Y[8:], posterior.predict(X[8:]), std).sum(axis=1)
    assert_allclose(found[[0, 1, 3]], expected[[0, 1, 3]], rtol=1e-9)
    assert found[2] == 0  # nothing is known there


def test_a_weight_is_a_precision_of_the_noise(rng):
    """Weights of 4 and a quarter of the precision are the same noise, to all densities."""
    X, y = rng.uniform(-1, 1, (12, 1)), rng.standard_normal((12, 1))
    once, four = candidate(X, y), candidate(X, y, np.full(12, 4.0))
    four.fit.beta = four.fit.beta / 4
    with torch.no_grad():
        assert four.held_out() == pytest.approx(once.held_out(), rel=1e-9)
    other = rng.uniform(-1, 1, (5, 1)), rng.standard_normal((5, 1))
    expected = once.log_densities(Samples(*other, np.ones((5, 1))))
    assert_allclose(four.log_densities(Samples(*other, np.full((5, 1), 4.0))), expected, rtol=1e-9)
