"""How much wider bands are for what a net alone leaves: noise is common to all nets."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_pydelt import BayesianNeuralNetworkInterpolator
from sk_pydelt.bayesian.candidate import Candidate
from sk_pydelt.bayesian.entrant import Entrant
from sk_pydelt.bayesian.misfit import band_widths
from sk_pydelt.noise import Noise
from sk_pydelt.samples import Samples

SETTING = ((8,), "tanh", 1.0)


def fitted(samples, seed, n_iter=60):
    sizes, activation, omega_0 = SETTING
    net = Candidate(samples, hidden_layers=sizes, activation=activation, omega_0=omega_0, seed=seed)
    net.run(n_iter)
    return net


def curve(noise, n=60):
    x = np.linspace(-1, 1, n)[:, None]
    y = np.sin(5 * x) + noise * np.random.default_rng(0).standard_normal(x.shape)
    return Samples(x, y)


def by_hand(net, residuals, others):
    """The formula, by the correlation of residuals about zero."""
    c = max(residuals[:, 0] @ others[:, 0], 0) ** 2 / (residuals**2).sum() / (others**2).sum()
    return np.sqrt(1 + (1 - c) * len(net.samples) / net.fit.dof.sum()) * alone(net)


def alone(net):
    """Student's t has so many times the standard deviation of a normal, of the fewest degrees."""
    left = max((len(net.samples) - net.fit.dof).min(), 3.0)
    return np.sqrt(left / (left - 2))


def test_the_formula():
    one, other = (fitted(curve(1e-6), seed) for seed in (0, 1))
    errors = [net.problem.at(net.fit.w).errors for net in (one, other)]
    assert_allclose(
        band_widths([one, other], []),
        [by_hand(one, *errors), by_hand(other, *errors)],
        rtol=1e-10,
    )


def test_the_column_that_determines_fewest_parameters_counts():
    x, rates = np.linspace(-1, 1, 40)[:, None], (5.0, 2.0)
    y = np.sin(x * rates) + 1e-6 * np.random.default_rng(0).standard_normal((40, 2))
    one, other = (fitted(Samples(x, y), seed) for seed in (0, 1))
    errors = one.fit.point.errors, other.fit.point.errors
    product = np.maximum((errors[0] * errors[1]).sum(axis=0), 0)
    c = (product**2 / (errors[0] ** 2).sum(axis=0) / (errors[1] ** 2).sum(axis=0)).mean()
    dof = one.fit.dof
    assert dof.min() > dof.mean() / 2
    expected = alone(one) * np.sqrt(1 + (1 - c) * 40 / dof.min())
    assert_allclose(band_widths([one, other], [])[0], expected, rtol=1e-10)


def test_a_column_of_noise_does_not_widen_the_others_without_bound():
    x = np.linspace(-1, 1, 40)[:, None]
    noise = np.random.default_rng(0).standard_normal(x.shape)
    nets = [fitted(Samples(x, np.hstack([np.sin(5 * x), noise])), seed) for seed in (0, 1)]
    dof = nets[0].fit.dof
    assert dof.min() < dof.mean() / 2
    assert 1 < band_widths(nets, [])[0] <= alone(nets[0]) * np.sqrt(1 + 40 / (dof.mean() / 2))


def test_noise_is_common_and_the_misfit_is_not():
    noisy = band_widths([fitted(curve(0.1), seed) for seed in (0, 1)], [])
    assert max(noisy) < 1.1
    nets = [fitted(curve(0.0), seed) for seed in (0, 1)]
    all_of_it = [np.sqrt(1 + 60 / net.fit.dof.sum()) * alone(net) for net in nets]
    assert all(0.8 * most < width <= most for width, most in zip(band_widths(nets, []), all_of_it))


def test_nets_of_the_folds_are_compared_at_the_rows_that_they_saw():
    samples = curve(1e-6)
    net, entrant = fitted(samples, 0), Entrant(Candidate, samples, SETTING, seed=1)
    trial, unseen = entrant.trial(0)
    trial.run(40)
    entrant.record(0, trial, trial.log_densities(unseen))
    entrant.weight = 0.0  # not in the average
    assert_allclose(band_widths([net], [entrant]), [alone(net)], rtol=1e-12)
    entrant.weight = 1.0
    rest = entrant.folds[0][1]
    expected = by_hand(net, net.fit.point.errors[rest], trial.fit.point.errors)
    assert_allclose(band_widths([net], [entrant]), [expected], rtol=1e-10)


def test_nets_of_one_start_are_compared_where_there_are_no_others_only():
    samples = curve(1e-6)
    first, again, other = (fitted(samples, seed, n) for seed, n in ((0, 60), (0, 59), (2, 60)))
    apart = band_widths([first, other], [])[0]
    assert band_widths([first, again, other], [])[0] == apart
    assert alone(first) <= band_widths([first, again], [])[0] < apart


def test_stuck_nets_are_compared():
    samples = curve(1e-6)
    net, other, entrant = (
        fitted(samples, 0),
        fitted(samples, 1),
        Entrant(Candidate, samples, SETTING, 1),
    )
    entrant.weight = 1.0
    assert entrant.unstuck([(100.0, net), (-100.0, other)]) == [net]
    assert band_widths([net], [entrant]) == band_widths([net, other], [])[:1]


def test_nets_of_other_samples_say_nothing():
    samples = curve(1e-6)
    nets = fitted(samples, 0), fitted(samples[:50], 1)
    assert_allclose(band_widths(nets[:1], []), [alone(nets[0])], rtol=1e-12)
    assert_allclose(band_widths(nets, []), [alone(net) for net in nets], rtol=1e-12)


def test_few_samples_tell_little_of_noise_unless_it_is_known():
    net = fitted(curve(0.1, n=8), 0)
    assert band_widths([net], []) == [alone(net)] > [1.3]
    copies = fitted(replace(net.samples, weight=np.full(8, 5.0)), 0)
    left = 5 * 8 - copies.fit.dof[0]
    assert_allclose(band_widths([copies], []), np.sqrt(left / (left - 2)), rtol=1e-10)
    known = fitted(replace(net.samples, noise=Noise(np.full((8, 1), 0.1))), 0)
    assert band_widths([known], []) == [1.0]


def test_targets_of_which_nothing_is_left_have_no_misfit():
    x = np.linspace(-1, 1, 20)[:, None]
    options = {"hidden_layers": (), "activation": "linear", "omega_0": 1.0}
    nets = [Candidate(Samples(x, 0 * x), seed=seed, **options) for seed in (0, 1)]
    for net in nets:
        net.run(20)
    assert_allclose(band_widths(nets, []), 1.0, atol=0.15)


@pytest.mark.parametrize("seed", [0, 1])
def test_bands_of_exact_samples_and_slopes_hold(seed):
    X = np.random.default_rng(seed).uniform(-1, 1, (50, 2))
    T = np.random.default_rng(9).uniform(-0.9, 0.9, (300, 2))

    def value(P):
        return np.sin(3 * P[:, 0]) * np.cos(2 * P[:, 1])

    def slopes(P):
        a, b = 3 * P[:, 0], 2 * P[:, 1]
        return np.column_stack([3 * np.cos(a) * np.cos(b), -2 * np.sin(a) * np.sin(b)])

    model = BayesianNeuralNetworkInterpolator((8, 8), "sine", 3.0, random_state=seed)
    model.fit(X, value(X), dy=slopes(X))
    for truth, (found, std) in (
        (value(T), model.predict(T, return_std=True)),
        (slopes(T), model.gradient(T, return_std=True)),
    ):
        assert np.mean(abs(found - truth) < 1.96 * std) > 0.85
