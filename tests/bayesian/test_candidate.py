"""A net fitted by evidence, and judged by samples that it has not seen."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, t
from sklearn.linear_model import BayesianRidge
from statsmodels.api import OLS, add_constant

from sk_pydelt.bayesian import candidate as candidate_module
from sk_pydelt.bayesian import problem as problem_module
from sk_pydelt.bayesian.candidate import STARTS, Candidate
from sk_pydelt.jets import Jet
from sk_pydelt.noise import Noise
from sk_pydelt.samples import Samples
from sk_pydelt.solvers.evidence import MAX_WARM, WINDOW

OPTIONS = {"hidden_layers": (4, 3), "activation": "tanh", "omega_0": 1.0, "seed": 0}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def candidate(X, y, weight=None, **options):
    return Candidate(Samples(X, y, weight), **{**OPTIONS, **options})


def values(net, X):
    return net.posterior().propagate(Jet.constant(X, 0, 1)).value


def test_an_identity_net_finds_the_noise_of_bayesian_ridge(rng):
    """Its weights are a product of matrices, so that only data-bound quantities agree."""
    X = rng.uniform(-1, 1, (80, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.2 * rng.standard_normal(80)
    ridge = BayesianRidge().fit(X, y)
    net = candidate(X, y[:, None], hidden_layers=(3,), activation="identity")
    net.run(150)
    assert net.fit.beta.item() == pytest.approx(ridge.alpha_, rel=0.03)
    assert 3.5 < net.fit.dof.item() < 4.5
    assert_allclose(values(net, X)[:, 0], ridge.predict(X), atol=0.05)


def test_sines_begin_about_a_frequency_that_is_above_all_of_theirs(rng):
    x = np.sort(rng.uniform(-1, 1, (300, 1)), axis=0)
    fast = np.sin(40 * np.pi * x + 1)
    options = {"hidden_layers": (6,), "activation": "sine", "omega_0": 8.0}
    given, shifted = (candidate(x, y, **options).fit.w[:6] for y in (np.sin(19 * np.pi * x), fast))
    assert np.abs(given).max() <= 8
    assert_allclose(shifted[1::2], given[1::2])
    assert_allclose(np.abs(shifted[::2]), 40 * np.pi + np.abs(given[::2]))
    above = candidate(x, fast, **options | {"omega_0": 200.0}).fit.w[:6]
    assert_allclose(above, 25 * given)


def test_the_noise_precision_is_bounded(rng):
    x = np.linspace(-1, 1, 12)[:, None]
    net = candidate(x, np.sin(2 * x))
    net.run(100)
    assert np.isfinite(net.fit.w).all()
    assert float(net.fit.beta.max()) <= 1e14 * (1 + 1e-9)
    assert np.abs(values(net, x) - np.sin(2 * x)).max() < 1e-3


def test_log_densities_are_those_of_the_mean_and_the_variances_of_net_and_noise(rng):
    X, Y = rng.uniform(-1, 1, (12, 2)), rng.standard_normal((12, 2))
    net = candidate(X[:8], Y[:8])
    net.run(30)
    weight = np.array([1.0, 2.0, 0.0, 1.0])
    found = net.log_densities(Samples(X[8:], Y[8:], weight))
    posterior = net.posterior()
    mean, jacobian = posterior.partial(Jet.variables(X[8:], 0), (0, 0))
    root = jacobian @ posterior.factor
    with np.errstate(divide="ignore"):
        noise = 1 / (net.fit.beta * weight[:, None])
    std = np.sqrt((root**2).sum(axis=-1) + noise)
    expected = t.logpdf(Y[8:], np.maximum(8 - net.fit.dof, 1), mean, std).sum(axis=1)
    assert_allclose(found[[0, 1, 3]], expected[[0, 1, 3]], rtol=1e-9)
    assert found[2] == 0  # nothing is known there
    known = Noise(std=np.broadcast_to(0.5, Y.shape))
    net = Candidate(Samples(X, Y, noise=known)[:8], **OPTIONS)
    found = net.log_densities(Samples(X, Y, noise=known)[8:])
    mean, jacobian = net.posterior().partial(Jet.variables(X[8:], 0), (0, 0))
    std = np.sqrt(((jacobian @ net.posterior().factor) ** 2).sum(axis=-1) + 0.25)
    assert_allclose(found, norm.logpdf(Y[8:], mean, std).sum(axis=1), rtol=1e-9)


def test_log_densities_of_a_line_through_few_samples_are_those_of_least_squares(rng):
    """Predictions of ordinary least squares follow Student's t, of as many degrees as are left."""
    x = np.linspace(-1, 1, 8)
    y = 1 + 5 * x + 0.1 * rng.standard_normal(8)
    net = candidate(x[:6, None], y[:6, None], hidden_layers=(), activation="linear")
    net.run(40)
    ols = OLS(y[:6], add_constant(x[:6])).fit()
    at = ols.get_prediction(add_constant(x[6:], has_constant="add"))
    expected = t.logpdf(y[6:], ols.df_resid, at.predicted_mean, at.se_obs)
    found = net.log_densities(Samples(x[6:, None], y[6:, None]))
    assert_allclose(found, expected, atol=0.03)  # nats: priors are not quite flat


def test_a_column_that_is_followed_exactly_does_not_outweigh_one_that_is_not(rng):
    """A line through a line and noise: else its density of the line would be beyond all bounds."""
    x = np.linspace(-1, 1, 30)[:, None]
    Y = np.column_stack([2 * x[:, 0], rng.standard_normal(30)])
    options = {"hidden_layers": (), "activation": "linear"}
    both, alone, noisy = (candidate(x, y, **options) for y in (Y, Y[:, :1], Y[:, 1:]))
    for net in (both, alone, noisy):
        net.run(40)
    assert alone.is_exact
    assert not both.is_exact
    exact, found = alone.log_densities(alone.samples), both.log_densities(both.samples)
    assert exact.min() > 12  # as of a precision of 1e14
    std = 1e-2 * np.sqrt(np.mean(Y[:, 0] ** 2))
    expected = norm.logpdf(0, 0, std) + noisy.log_densities(noisy.samples)
    assert_allclose(found, expected, atol=0.3)


def test_in_exact_data_scores_vary_by_a_fifth_of_a_nat_for_each_target():
    x = np.linspace(-1, 1, 12)[:, None]
    net = candidate(x, np.sin(2 * x))
    net.run(100)
    assert net.is_exact
    assert net.spread == pytest.approx(0.2 * 12)


def test_densities_of_many_samples_are_found_block_by_block(rng, monkeypatch):
    X, y = rng.uniform(-1, 1, (30, 1)), rng.standard_normal((30, 1))
    net = candidate(X, y)
    whole = net.log_densities(net.problem.samples)
    monkeypatch.setattr(candidate_module, "BLOCK_ENTRIES", 100)
    assert_allclose(net.log_densities(net.problem.samples), whole, rtol=1e-12)


def test_a_weight_is_a_precision_of_the_noise(rng):
    """Weights of 4 and a quarter of the precision are the same noise, to all densities.

    But for how well it is known: 48 samples that determine 36 parameters leave 12 to it.
    """
    X, y = rng.uniform(-1, 1, (12, 1)), rng.standard_normal((12, 1))
    once, four = candidate(X, y), candidate(X, y, np.full(12, 4.0))
    four.fit = replace(four.fit, beta=four.fit.beta / 4)
    assert four.held_out() == pytest.approx(once.held_out(), rel=1e-9)
    four.fit = replace(four.fit, dof=np.array([36.0]))
    other = rng.uniform(-1, 1, (5, 1)), rng.standard_normal((5, 1))
    expected = once.log_densities(Samples(*other, np.ones(5)))
    assert_allclose(four.log_densities(Samples(*other, np.full(5, 4.0))), expected, rtol=1e-9)


@pytest.mark.parametrize("n", [9, 40, 80])
def test_held_out_densities_agree_whatever_the_system(rng, monkeypatch, n):
    """From a dual and from a primal system, of the same fit."""
    X, y = rng.uniform(-1, 1, (n, 1)), rng.standard_normal((n, 1))
    found = []
    for advantage in (0, 100):
        monkeypatch.setattr(problem_module, "DUAL_ADVANTAGE", advantage)
        found.append(candidate(X, y).held_out())
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_a_net_goes_on_with_other_samples(rng):
    X, y = rng.uniform(-1, 1, (20, 1)), rng.standard_normal((20, 1))
    net = candidate(X[:16], y[:16])
    net.run(20)
    more = net.on(Samples(X, y))
    assert more.fit.w is net.fit.w
    assert (net.n_iter, more.n_iter) == (20, 0)
    assert len(more.fit.point.residuals) == len(more.samples) == 20
    assert len(net.samples) == 16


def test_a_net_goes_through_a_file_with_its_last_bit(rng):
    X, y = rng.uniform(-1, 1, (20, 2)), rng.standard_normal((20, 1))
    net = candidate(X, y)
    net.run(15)
    file = pickle.dumps(net)
    other = pickle.loads(file)
    assert len(file) < 20 * sum(part.nbytes for part in (X, y, net.fit.w))
    for some in (net, other):
        some.run(5)
    assert_array_equal(net.fit.w, other.fit.w)
    assert net.log_evidence == other.log_evidence


@pytest.mark.parametrize("tolerance", [0.5, 0.05])
def test_a_fit_ends_where_the_evidence_hardly_changes(rng, tolerance):
    X = rng.uniform(-1, 1, (60, 1))
    net = candidate(X, np.sin(3 * X) + 0.1 * rng.standard_normal((60, 1)))
    net.run(300, tolerance)
    before, n_iter = net.log_evidence, net.n_iter
    assert n_iter < 300
    net.run(100, tolerance)
    assert net.n_iter == n_iter  # it has ended
    other = candidate(X, net.samples.y)
    other.run(n_iter - WINDOW, tolerance)
    assert other.n_iter == n_iter - WINDOW  # it had not
    assert abs(other.log_evidence - before) < WINDOW * tolerance


def test_precisions_wait_until_there_is_a_signal(rng):
    x, y = rng.uniform(-1, 1, (40, 1)), rng.standard_normal((40, 1))
    found = []
    for target in (np.sin(3 * x), y):
        net = candidate(x, target)
        first = net.fit.alpha
        net.run(12)
        found.append(net.fit.alpha is first)
    assert found == [False, True]
    net.run(MAX_WARM - 12)
    assert net.fit.alpha is not first
    assert not net.fit.warm


def test_first_layers_are_as_steep_as_the_curve(rng):
    x = np.linspace(-1, 1, 50)[:, None]
    options = {"hidden_layers": (9,), "activation": "swish"}
    frequency = 6 * np.pi
    plain, *found = (
        candidate(x, np.sin(frequency * x), start=start, **options).fit.w[:18]
        for start in (2, 0, 1)
    )
    assert np.abs(plain).max() <= 1
    for w, (share, _) in zip(found, STARTS[:2]):
        assert_allclose(w[:9], share * frequency * plain[:9], rtol=1e-12)
        assert_allclose(w[9:], np.abs(w[:9]) * plain[9:], rtol=1e-12)
    slow = candidate(x, np.exp(x), **options).fit.w[:18]
    assert np.abs(slow).max() <= STARTS[0][0] * np.pi


def test_priors_of_many_weights_do_not_outweigh_few_samples(rng):
    X, y = rng.uniform(-1, 1, (5, 2)), rng.standard_normal((5, 1))
    for start, (_, pull) in enumerate(STARTS):
        net = candidate(X, y, hidden_layers=(20, 20), start=start)
        prior = (net.fit.alpha[net.problem.groups] * net.fit.w) @ net.fit.w
        assert prior == pytest.approx(pull * 5, rel=1e-2)
