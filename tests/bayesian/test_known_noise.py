"""Noise that is known: `noise_std`, in the units of y."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import PowerTransformer, StandardScaler

from sk_pydelt import BayesianNeuralNetworkInterpolator
from sk_pydelt.bayesian.candidate import Candidate
from sk_pydelt.bayesian.known_noise import check_noise_std, scaled_noise_std
from sk_pydelt.noise import Noise
from sk_pydelt.samples import Samples

N = 40
x = np.linspace(0, 6, N)[:, None]
STD = np.where(np.arange(N) % 2, 0.4, 0.02)
Y = np.sin(x[:, 0]) + STD * np.random.RandomState(0).standard_normal(N)
net = BayesianNeuralNetworkInterpolator((6,), "tanh", n_init=1, max_iter=60, random_state=0)


def fitted(y=Y, noise_std=None, model=net, X=x, **options):
    return clone(model).set_params(noise_std=noise_std).fit(X, y, **options)


def test_good_samples_count_more_than_bad_ones():
    errors = [
        np.sqrt(np.mean((fitted(noise_std=std).predict(x) - np.sin(x[:, 0])) ** 2))
        for std in (None, STD)
    ]
    assert errors[1] < 0.3 * errors[0]


def test_selection_judges_by_densities_of_the_known_noise():
    """The mean log density of samples held out, of a fit that found the sine."""
    model = BayesianNeuralNetworkInterpolator(random_state=0, n_init=1, noise_std=STD).fit(x, Y)
    scale = Y.std()
    expected = norm.logpdf(Y, np.sin(x[:, 0]), STD).mean() + np.log(scale)
    assert abs(model.log_predictive_density_ - expected) < 0.5
    assert_allclose(model.predict(x), np.sin(x[:, 0]), atol=0.05)


def test_noise_is_as_given_and_not_estimated():
    assert_allclose(fitted(noise_std=0.7).noise_std_, 0.7)
    assert_allclose(fitted(noise_std=STD).noise_std_, np.sqrt(np.mean(STD**2)))
    two = fitted(np.column_stack([Y, 50 * Y]), [0.1, 7.0])
    assert_allclose(two.noise_std_, [0.1, 7.0])


def test_all_ways_of_saying_the_same_are_the_same_fit():
    y = np.column_stack([Y, 5 * Y])
    ways = 0.3, [0.3, 0.3], np.full((N, 1), 0.3), np.full(N, 0.3), np.full((N, 2), 0.3)
    values = [fitted(y, way).predict(x) for way in ways]
    for value in values[1:]:
        assert_array_equal(value, values[0])


def test_one_for_each_output_where_there_are_as_many_samples():
    expected = np.tile([1.0, 2.0], (2, 1))
    assert_array_equal(check_noise_std([1.0, 2.0], 2, 2, 2), expected)
    assert_array_equal(check_noise_std([[1.0], [2.0]], 2, 2, 2), expected.T)
    assert_array_equal(check_noise_std([1.0, 2.0], 2, 1, 1), [[1.0], [2.0]])
    assert_array_equal(check_noise_std([1.0], 3, 1, 2), np.ones((3, 1)))


def test_units_do_not_matter():
    here, there = fitted(noise_std=STD), fitted(1e3 * Y + 7, 1e3 * STD)
    assert_allclose(there.predict(x), 1e3 * here.predict(x) + 7, rtol=1e-5)
    stds = [model.predict(x, return_std=True)[1] for model in (here, there)]
    assert_allclose(stds[1], 1e3 * stds[0], rtol=1e-4)


def test_weights_are_copies_each_with_this_noise():
    weight = np.where(np.arange(N) % 3, 1.0, 2.0)
    copied = np.repeat(np.arange(N), weight.astype(int))
    one = fitted(noise_std=STD, sample_weight=weight)
    many = fitted(Y[copied], STD[copied], X=x[copied])
    assert_allclose(one.predict(x), many.predict(x), rtol=1e-6)
    assert_allclose(one.noise_std_, many.noise_std_)


def test_rows_of_weight_zero_take_their_noise_along():
    weight = np.where(np.arange(N) % 5, 1.0, 0.0)
    kept = weight > 0
    one = fitted(noise_std=STD, sample_weight=weight)
    other = fitted(Y[kept], STD[kept], X=x[kept])
    assert_allclose(one.predict(x), other.predict(x), rtol=1e-9)


def test_posterior_is_that_of_the_known_precisions():
    model = fitted(noise_std=STD)
    (posterior,) = model._nets
    places = x[:5]
    jet = model._enter(type(posterior.samples.jet).variables(places, 0))
    _, J = posterior.partial(posterior.samples.jet, (0,))
    _, j = posterior.partial(jet, (0,))
    J, j = J[:, 0], j[:, 0]
    order = np.argsort(posterior.samples.X[:, 0])
    precision = np.empty(N)
    precision[order] = (model.y_scaler_.scale_ / STD) ** 2
    deviation = posterior.factor.deviation
    H = (J.T * precision) @ J + np.diag(deviation**-2)
    variance = np.einsum("np,pq,nq->n", j, np.linalg.inv(H), j)
    std = model.predict(places, return_std=True)[1]
    assert_allclose(std, model.y_scaler_.scale_ * np.sqrt(variance), rtol=1e-6)


def test_evidence_has_the_density_of_the_known_noise():
    rng = np.random.RandomState(1)
    std = rng.uniform(0.1, 1, (N, 1))
    samples = Samples((x - 3) / 3, rng.standard_normal((N, 1)), None, None, Noise(std))
    options = {"hidden_layers": (3,), "activation": "tanh", "omega_0": 1.0, "seed": 0}
    candidate = Candidate(samples, **options)
    fit = candidate.problem.informed(candidate.fit)
    values = candidate.problem.net.forward(fit.w, samples.jet).columns()
    expected = norm.logpdf(samples.y, values, std).sum()
    assert_allclose(candidate.problem.log_likelihood(fit), expected)
    assert_allclose(fit.beta, 1 / np.mean(std**2))


def test_slopes_are_tied_to_known_noise():
    slope = np.cos(x[:, 0])
    apart = fitted(noise_std=0.2, dy=slope)
    assert_allclose(apart.noise_std_, 0.2)
    assert apart.dy_noise_std_[0] < 0.1
    tied = fitted(noise_std=0.2, dy=slope, dy_weight=4.0)
    assert_allclose(tied.noise_std_, 0.2)


def test_noise_goes_through_the_scaler_by_its_rate():
    y = np.exp(np.random.RandomState(0).standard_normal((30, 2)))
    scaler, std = PowerTransformer().fit(y), np.array([0.1, 0.2])
    found = scaled_noise_std(np.broadcast_to(std, y.shape), y, scaler)
    rate = (scaler.transform(y + 1e-6) - scaler.transform(y - 1e-6)) / 2e-6
    assert_allclose(found, std * rate, rtol=1e-6)


@pytest.mark.parametrize(
    ("noise_std", "message"),
    [
        (np.ones(3), r"for each of 40 samples as a column.*\(1,\) or \(40, 1\).*got shape \(3,\)"),
        (np.ones((N, 2)), r"got shape \(40, 2\)"),
        ([1.0, 0.0] * (N // 2), r"must be finite and above 0.*got 0\.0"),
        ([1.0, -2.0] * (N // 2), r"must be finite and above 0.*got -2\.0"),
        ([1.0, np.nan] * (N // 2), "must be finite and above 0.*got nan"),
        ([1.0, np.inf] * (N // 2), "must be finite and above 0.*got inf"),
        (["a"] * N, "noise_std.*text"),
        (0.0, "noise_std.*float in the range"),
        (-1.0, "noise_std.*float in the range"),
        (np.nan, "noise_std.*float in the range"),
    ],
)
def test_what_is_no_noise_is_refused(noise_std, message):
    with pytest.raises(ValueError, match=message):
        fitted(noise_std=noise_std)


def test_a_scaler_that_mixes_outputs_is_refused():
    y = np.column_stack([Y, np.cos(x[:, 0])])
    with pytest.raises(TypeError, match="noise_std is of each output, and PCA.* mixes them"):
        fitted(y, 0.1, clone(net).set_params(y_scaler=PCA()))
    fitted(y, 0.1, clone(net).set_params(y_scaler=StandardScaler()))
