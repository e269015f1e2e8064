"""Outliers: noise by Student's t distribution."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import t as student_t
from sklearn.base import clone

from sk_pydelt import BayesianNeuralNetworkInterpolator
from sk_pydelt.bayesian.candidate import Candidate
from sk_pydelt.bayesian.frequency import main_frequency
from sk_pydelt.bayesian.tails import Tails, within_fences
from sk_pydelt.noise import Noise
from sk_pydelt.samples import Samples

N = 100
rng = np.random.RandomState(0)
x = np.linspace(0, 6, N)[:, None]
TRUTH = np.sin(2 * x[:, 0])
CLEAN = TRUTH + 0.05 * rng.standard_normal(N)
WILD = rng.permutation(N)[:8]
Y = CLEAN.copy()
Y[WILD] = 2 * rng.standard_normal(8)
net = BayesianNeuralNetworkInterpolator((8,), "tanh", n_init=1, max_iter=80, random_state=0)


def fitted(y=Y, X=x, weight=None, **options):
    return clone(net).set_params(**options).fit(X, y, weight)


def error(model):
    return np.sqrt(np.mean((model.predict(x) - TRUTH) ** 2))


def test_outliers_are_passed_by():
    robust, clean = fitted(noise="student"), fitted(CLEAN)
    assert error(robust) < 1.3 * error(clean)
    assert error(fitted()) > 5 * error(robust)
    assert 0.8 * clean.noise_std_ < robust.noise_std_ < 1.3 * clean.noise_std_
    assert 3 <= robust.noise_dof_ < 4
    (posterior,) = robust._nets
    trust, apart = posterior.tails.trust[:, 0], abs(Y - TRUTH)  # in the order of x, both
    assert trust[apart > 0.5].max() < 0.1 < trust[apart < 0.2].min()


@pytest.mark.parametrize("size", [20, 1e6])
def test_how_wild_outliers_are_does_not_matter(size):
    y = CLEAN.copy()
    y[WILD] = size * np.linspace(-1, 2, 8)
    for model in (net, clone(net).set_params(hidden_layers="auto", activation="auto")):
        robust = clone(model).set_params(noise="student").fit(x, y)
        assert error(robust) < 0.03
        assert 0.035 < robust.noise_std_ < 0.06


def test_outliers_do_not_hide_the_frequency():
    t = np.linspace(-1, 1, 200)[:, None]
    y = np.sin(40 * t)
    wild = np.where(np.arange(200)[:, None] % 23, y, 300.0)
    clean, robust = Samples(t, y), Samples(t, wild, noise=Noise(free=True))
    assert main_frequency(robust) == main_frequency(clean) > 30
    assert main_frequency(Samples(t, wild)) != main_frequency(clean)


def test_data_within_fences():
    data = np.column_stack([rng.standard_normal(50), np.full(50, np.nan), np.ones(50)])
    data[3, 0], data[4, 0], data[5, 2] = 1e9, np.nan, 7.0
    found = within_fences(data, None)
    assert 4 < found[3, 0] < 12
    data[3, 0] = found[3, 0]
    assert_array_equal(found, data)
    weight = rng.randint(1, 4, 50).astype(float)
    data[3, 0] = 1e9
    copied = within_fences(np.repeat(data, weight.astype(int), axis=0), None)
    assert_array_equal(np.repeat(within_fences(data, weight), weight.astype(int), axis=0), copied)


def test_without_outliers_it_is_the_gaussian_fit():
    robust, clean = fitted(CLEAN, noise="student"), fitted(CLEAN)
    assert robust.noise_dof_ > 30
    assert error(robust) < 1.03 * error(clean)
    assert_allclose(robust.noise_std_, clean.noise_std_, rtol=0.05)
    assert clean.noise_dof_ is None


def test_nets_compete_by_t_densities():
    model = BayesianNeuralNetworkInterpolator(noise="student", n_init=1, random_state=0).fit(x, Y)
    assert error(model) < 0.04
    density = student_t.logpdf((Y - TRUTH) / model.noise_std_, model.noise_dof_)
    expected = (density - np.log(model.noise_std_)).mean() + np.log(Y.std())
    assert abs(model.log_predictive_density_ - expected) < 0.3


def test_given_degrees_of_freedom_are_kept():
    model = fitted(noise="student", noise_dof=1.5)
    assert model.noise_dof_ == 1.5
    assert error(model) < 0.05


def test_known_noise_is_the_scale():
    model = fitted(noise="student", noise_std=0.05)
    assert_allclose(model.noise_std_, 0.05)
    assert error(model) < 0.04


def test_each_output_has_its_own_tails():
    model = fitted(np.column_stack([Y, CLEAN]), noise="student")
    assert model.noise_dof_.shape == (2,)
    assert model.noise_dof_[0] < 4 < model.noise_dof_[1]


def test_weights_are_copies():
    weight = np.where(np.arange(N) % 4, 1.0, 2.0)
    copied = np.repeat(np.arange(N), weight.astype(int))
    one, many = (
        fitted(weight=weight, noise="student"),
        fitted(Y[copied], x[copied], noise="student"),
    )
    assert_allclose(one.predict(x), many.predict(x), rtol=1e-5, atol=1e-8)
    assert_allclose(one.noise_dof_, many.noise_dof_, rtol=1e-5)


def test_wild_slopes_are_passed_by():
    slope = 2 * np.cos(2 * x[:, 0])
    slope[WILD] += 20
    model = clone(net).set_params(noise="student").fit(x, CLEAN, dy=slope)
    assert abs(model.differentiate(1)(x) - 2 * np.cos(2 * x[:, 0])).max() < 0.1


def informed():
    """A net with some of its samples trusted less, and its samples."""
    samples = Samples((x - 3) / 3, Y[:, None], noise=Noise(None, np.inf, True))
    options = {"hidden_layers": (4,), "activation": "tanh", "omega_0": 1.0, "seed": 0}
    candidate = Candidate(samples, **options)
    candidate.run(40)
    return candidate


def test_evidence_has_t_densities():
    candidate = informed()
    fit, problem = candidate.fit, candidate.problem
    z = fit.point.errors * np.sqrt(fit.beta)
    expected = student_t.logpdf(z, problem.tails.dof).sum() + N / 2 * np.log(fit.beta[0])
    assert_allclose(problem.log_likelihood(fit), expected)
    assert_allclose(fit.point.residuals**2, problem.tails.trust * fit.point.errors**2)
    assert_allclose(problem.squares, (problem.tails.trust * problem.y**2).sum())


def test_posterior_is_of_the_trusted_samples():
    candidate = informed()
    posterior, tails = candidate.posterior(), candidate.problem.tails
    _, J = posterior.partial(candidate.samples.jet, (0,))
    J, deviation = J[:, 0], posterior.factor.deviation
    precision = candidate.fit.beta * tails.trust[:, 0] * (tails.dof + 1) / (tails.dof + 3)
    H = (J.T * precision) @ J + np.diag(deviation**-2)
    root = J[:3] @ posterior.factor
    assert_allclose(root @ root.T, J[:3] @ np.linalg.inv(H) @ J[:3].T, rtol=1e-5)


def test_densities_of_others_have_the_spread_of_net_and_noise():
    candidate = informed()
    others = candidate.samples[:5]
    root = candidate.posterior().partial(others.jet, (0,))[1][:, 0] @ candidate.posterior().factor
    scale = np.sqrt((root**2).sum(axis=1) + 1 / candidate.fit.beta)
    value = candidate.posterior().propagate(others.jet).value[:, 0]
    expected = student_t.logpdf(others.y[:, 0], candidate.problem.tails.dof, value, scale)
    assert_allclose(candidate.log_densities(others), expected, rtol=1e-6)


def test_a_fit_goes_on_with_other_samples_and_through_pickle():
    candidate = informed()
    again = pickle.loads(pickle.dumps(candidate))
    assert_array_equal(again.problem.tails.trust, candidate.problem.tails.trust)
    part = candidate.on(candidate.samples[:60])
    assert part.problem.tails.trust.shape == (60, 1)
    part.run(5)
    candidate.run(5)
    again.run(5)
    assert_array_equal(again.fit.w, candidate.fit.w)


def test_normal_noise_has_no_tails():
    tails = Tails.none((3, 2))
    assert_array_equal(tails.trust, np.ones((3, 2)))
    assert_array_equal(tails.information, [1, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "cauchy"}, "noise.*gaussian"),
        ({"noise": "student", "noise_dof": 0.0}, "noise_dof.*float in the range"),
        ({"noise": "student", "noise_dof": -1}, "noise_dof.*float in the range"),
        ({"noise_dof": 4.0}, "noise_dof=4.0 is of noise='student', but noise='gaussian'"),
    ],
)
def test_what_is_no_noise_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fitted(**options)
