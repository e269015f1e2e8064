"""A perceptron and its samples as an evidence problem, against dense algebra."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_pydelt.bayesian import problem as problem_module
from sk_pydelt.bayesian.candidate import Candidate
from sk_pydelt.samples import Samples, Slopes
from sk_pydelt.solvers.evidence import _reestimated
from sk_pydelt.solvers.laplace import DualLaplace, EvidenceFit, PrimalLaplace, laplace


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def candidate(X, y, weight=None, known=None, **options):
    defaults = {"hidden_layers": (4, 3), "activation": "tanh", "omega_0": 1.0, "seed": 0}
    return Candidate(Samples(X, y, weight, known), **{**defaults, **options})


def known_slopes(rng, X, m):
    """Slopes along each axis, of which a third are unknown."""
    directions = np.broadcast_to(np.eye(2), (len(X), 2, 2))
    known = rng.uniform(size=(len(X), 2, m)) > 1 / 3
    target = np.where(known, rng.standard_normal((len(X), 2, m)), 0.0)
    return Slopes(directions, target, known, np.ones(2))


@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("slopes", [False, True])
def test_dual_and_primal_agree_with_dense_algebra(rng, m, slopes):
    X, y = rng.uniform(-1, 1, (20, 2)), rng.standard_normal((20, m))
    weight = rng.integers(1, 4, 20).astype(float)
    problem = candidate(X, y, weight, known=known_slopes(rng, X, m) if slopes else None).problem
    n_columns = 3 * m if slopes else m
    beta = np.array([4.0, 9.0, 1.0, 2.0, 3.0, 0.5])[:n_columns]
    w = rng.standard_normal(problem.net.n_weights)
    fit = EvidenceFit(problem.at(w), rng.uniform(0.5, 2, len(problem.membership)), beta)
    jacobian = problem.net.forward(w, problem.samples.jet).jacobian().dense()
    scale = np.sqrt(problem.samples.counts)
    J = jacobian.reshape(20, n_columns, -1) * scale[..., None]
    prior = fit.alpha[problem.groups]
    H = sum(b * J[:, o].T @ J[:, o] for o, b in enumerate(beta)) + np.diag(prior)
    covariance = np.linalg.inv(H)
    share = 1 - prior * covariance.diagonal()
    dof = [share[problem.groups == g].sum() for g in range(len(problem.membership))]
    used = [b * (J[:, o] @ covariance * J[:, o]).sum() for o, b in enumerate(beta)]
    for kind in (DualLaplace, PrimalLaplace):
        problem.bends = True
        found = kind(problem, fit)
        determined = found.determine()
        log_determinant = np.linalg.slogdet(H)[1] - np.log(prior).sum()
        assert determined.log_determinant == pytest.approx(log_determinant, rel=1e-9)
        assert_allclose(determined.dof, dof, rtol=1e-6, atol=1e-9)
        assert_allclose(20 - determined.left, used, rtol=1e-8)
        r = (fit.point.residuals * np.sqrt(beta)).ravel()
        assert_allclose(found.equations.r, r)
        gradient = (J * np.sqrt(beta)[:, None]).reshape(-1, len(w)).T @ r
        assert_allclose(found.equations.gradient, gradient, rtol=1e-9)
        step = found.equations.step(w, prior, 0.3)
        expected = -np.linalg.solve(H + 0.3 * np.eye(len(w)), gradient + prior * w)
        assert_allclose(step.p, expected, rtol=1e-7, atol=1e-10)

        assert_allclose(found.move(step), w + step.p, atol=np.abs(step.p).max())  # it may bend
    assert sum(dof) == pytest.approx(sum(used))


def test_row_blocks_change_nothing(rng, monkeypatch):
    X, y = rng.uniform(-1, 1, (50, 2)), rng.standard_normal((50, 2))
    w, sums = rng.standard_normal(38), []
    for entries in (2**23, 400):
        monkeypatch.setattr(problem_module, "BLOCK_ENTRIES", entries)
        monkeypatch.setattr(problem_module, "BEND_ADVANTAGE", 0)
        problem = candidate(X, y).problem
        point = problem.at(w)
        sums.append((point.residuals, *map(np.array, point.normal_equations())))
        assert len(problem.parts) == (1 if entries == 2**23 else 10)
    for whole, blocks in zip(*sums):
        assert_allclose(blocks, whole, rtol=1e-12)


def test_groups_are_each_feature_each_unit_or_layer_and_its_biases(rng):
    net = candidate(rng.uniform(size=(5, 2)), rng.uniform(size=(5, 1)))
    groups = net.problem.groups.tolist()
    first, rest = groups[:12], groups[12:]
    assert first == [0, 1] * 4 + [2] * 4
    assert rest == [3, 4, 5, 6] * 3 + [7] * 3 + [8, 9, 10] + [11]
    net = candidate(rng.uniform(size=(5, 1)), rng.uniform(size=(5, 1)))  # a curve: layers only
    assert net.problem.groups.tolist() == [0] * 4 + [1] * 4 + [2] * 12 + [3] * 3 + [4] * 3 + [5]


def test_reestimation_counts_weights_as_copies(rng):
    X, y = rng.uniform(-1, 1, (15, 1)), rng.standard_normal((15, 1))
    weight = rng.integers(1, 4, 15)
    copies = np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0)
    fits = []
    for net in (candidate(X, y, weight.astype(float)), candidate(*copies)):
        determined = laplace(net.problem, net.fit).determine()
        fits.append(_reestimated(net.problem, net.fit, determined))
    assert_allclose(fits[0].alpha, fits[1].alpha, rtol=1e-8)
    assert_allclose(fits[0].beta, fits[1].beta, rtol=1e-8)
