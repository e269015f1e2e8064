"""Which nets compete, the samples they are given, and who wins: with polynomials for nets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from sk_pydelt.bayesian.selection import FINALISTS, FIRST_STEPS, Entrant, folds, portfolio, race
from sk_pydelt.samples import Samples

NOISE = 0.05


class Polynomial:
    """A polynomial fitted by least squares; it takes `omega_0` steps until it does."""

    fitted = 0  # how many have been

    def __init__(self, samples, *, hidden_layers, activation, omega_0, seed, start=0, like=None):
        self.samples, self.degree, self.seed, self.like = samples, hidden_layers[0], seed, like
        self.n_weights, self.needed = hidden_layers[-1], omega_0
        self.steps = 0 if like is None else like.steps
        self.spread, self.log_evidence, self.coefficients = 1.0, -3.0 * self.degree, [0.0]
        self.is_stuck = seed % 2 == 0 or activation == "stuck"
        Polynomial.fitted += 1

    def run(self, n_iter):
        self.steps += n_iter
        if self.steps >= self.needed:
            x, y = self.samples.X[:, 0], self.samples.y[:, 0]
            self.coefficients = np.polyfit(x, y, self.degree)

    def log_densities(self, samples):
        error = samples.y[:, 0] - np.polyval(self.coefficients, samples.X[:, 0])
        return norm.logpdf(error, scale=NOISE)

    def held_out(self):
        return self.like.held_out() + 200 if self.like else -100.0 * self.is_stuck


@pytest.fixture
def samples():
    x = np.linspace(-1, 1, 40)[:, None]
    y = 2 * x**3 - x + NOISE * np.random.default_rng(0).standard_normal((40, 1))
    return Samples(x, y)


def run(samples, settings, **options):
    options = {"n_init": 4, "max_iter": 100, "time_budget": None} | options
    return race(Polynomial, samples, settings, **options, rng=np.random.RandomState(0))


def setting(degree, n_weights=10, steps=1):
    return (degree, n_weights), "tanh", steps


def test_each_sample_is_held_out_once(samples):
    found = folds(len(samples))
    assert_array_equal(np.sort(np.concatenate([fold for fold, _ in found])), np.arange(40))
    for fold, rest in found:
        assert_array_equal(np.sort(np.concatenate([fold, rest])), np.arange(40))
    assert len(folds(3)) == 3


def test_an_entrant_is_judged_by_samples_it_has_not_seen(samples):
    entrant = Entrant(Polynomial, samples, setting(9), np.random.RandomState(0))
    assert np.isnan(entrant.mean_score)
    expected = []
    for i, (fold, rest) in enumerate(folds(40)):
        entrant.judge(i, fold, rest, 1)
        x, y = samples.X[:, 0], samples.y[:, 0]
        fit = np.polyfit(x[rest], y[rest], 9)
        expected.append(norm.logpdf(y[fold] - np.polyval(fit, x[fold]), scale=NOISE).sum())
        assert entrant.score == pytest.approx(sum(expected))
        assert entrant.n_judged == 8 * (i + 1)


@pytest.mark.parametrize("large", [False, True])
def test_the_degree_of_the_truth_wins(samples, large):
    n_weights, steps = (1000, FIRST_STEPS) if large else (10, 90)
    settings = [setting(k, n_weights, steps) for k in (0, 1, 2, 12, 3)]
    entrants, nets = run(samples, settings)
    assert entrants[0].setting == settings[-1]
    scores = [entrant.mean_score for entrant in entrants[:FINALISTS]]
    assert scores == sorted(scores, reverse=True)
    steps = [entrant.nets[0].steps for entrant in entrants]
    assert steps == [100] * FINALISTS + [FIRST_STEPS if large else 100]
    assert sum(entrant.weight for entrant in entrants) == pytest.approx(1)
    assert sum(weight for _, weight in nets) == pytest.approx(1)
    assert nets[0][0].degree == 3
    assert len(nets[0][0].samples.X) == 40


def test_hopeless_settings_are_not_run_on(samples):
    settings = [setting(k) for k in (3, 4, 5, 6, *(0,) * 6)]
    entrants, _ = run(samples, settings)
    assert [len(entrant.nets) for entrant in entrants[-6:]] == [1] * 6
    assert all(len(entrant.nets) == 5 for entrant in entrants[:FINALISTS])


def test_starts_that_are_stuck_are_left_out(samples):
    entrants, nets = run(samples, [setting(3)], n_init=8)
    assert entrants[0].nets == []  # nothing to choose
    assert 0 < len(nets) < 8
    assert not any(net.is_stuck for net, _ in nets)
    assert_allclose([weight for _, weight in nets], 1 / len(nets))


def test_if_all_starts_are_stuck_the_nets_of_the_folds_go_on(samples):
    settings = [((3, 10), "stuck", 1), setting(0)]
    entrants, nets = run(samples, settings)
    assert all(net.like in entrants[0].nets for net, _ in nets)
    assert [len(net.samples.X) for net, _ in nets] == [40] * 4


def test_without_time_one_net_is_judged_and_one_is_fitted(samples):
    Polynomial.fitted = 0
    entrants, nets = run(samples, [setting(2), setting(3)], time_budget=0)
    assert len(entrants) == len(nets) == 1
    assert Polynomial.fitted == 2


def test_one_sample_needs_no_race(samples):
    entrants, nets = run(samples[[0]], [setting(0), setting(1)])
    assert [entrant.weight for entrant in entrants] == [1]
    assert nets[0][0].degree == 0


def test_the_portfolio_and_what_restricts_it():
    everything = portfolio(1)
    assert {"tanh", "swish", "sine", "rational"} <= {name for _, name, _ in everything}
    sines = portfolio(1, activation="sine")
    assert {name for _, name, _ in sines} == {"sine"}
    assert len({omega for *_, omega in sines}) > 2
    assert portfolio(2, (7,), "sine", 5) == [((7,), "sine", 5.0)]
    assert portfolio(3, (7,), "tanh") == [((7,), "tanh", 1.0)]
