"""Error bars of splines: units, weights, outputs, pipelines, integrals, draws, and refusals."""

import pickle

import numpy as np
import pytest
from integrated_wiener import curve_covariance
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler

from sk_pydelt import SplineInterpolator, differentiate, integrate
from sk_pydelt import interpolation as drop_in

RNG = np.random.default_rng(0)


def wave(n, d=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 6, (n, d))
    return X, np.sin(X.sum(axis=1)) + 0.1 * rng.standard_normal(n)


DATA = {1: wave(40), 2: wave(60, 2)}
PLACES = {d: np.random.default_rng(1).uniform(-1, 7, (9, d)) for d in DATA}
each_dimension = pytest.mark.parametrize("d", DATA)
each_option = pytest.mark.parametrize(("option", "power"), [("return_std", 1), ("return_cov", 2)])


def spreads(model, at, option="return_std"):
    """Of values, and of the first and second derivatives by the first feature."""
    index = (0,) * (at.shape[1] - 1)
    calls = [model.predict, *(differentiate(model, (k, *index)) for k in (1, 2))]
    return [call(at, **{option: True})[1] for call in calls]


@pytest.mark.parametrize("degree", [3, 5, 7])
def test_the_covariance_is_that_of_the_process_in_units_of_the_data(degree):
    (X, y), at, m = DATA[1], PLACES[1][:, 0], (degree + 1) // 2
    weight = RNG.uniform(0.5, 2, len(y))
    model = SplineInterpolator(1e-4, degree).fit(X, y, weight)
    order = np.argsort(X[:, 0])
    length = np.ptp(X) / 2  # of x scaled to [-1, 1]; λ has the unit length^(2m - 1)
    smoothing = 1e-4 * length ** (2 * m - 1)
    samples = X[order, 0], weight[order], m, smoothing, model.noise_std_**2
    for k in range(m):
        expected = curve_covariance(*samples, at, [k] * 9)
        call = model.differentiate(k) if k else model.predict
        found = call(PLACES[1], return_cov=True)[1]
        assert_allclose(found, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())
        std = call(PLACES[1], return_std=True)[1]
        assert_allclose(std, np.sqrt(np.diagonal(expected)), rtol=1e-6)


@each_dimension
def test_the_noise_is_what_is_left_over_the_degrees_of_freedom_that_are(d):
    X, y = DATA[d]
    weight = RNG.uniform(0.5, 2, len(y))
    model = SplineInterpolator().fit(X, y, weight)
    left = np.sum(weight * (y - model.predict(X)) ** 2)
    assert_allclose(model.noise_std_**2, left / (len(y) - model.effective_dof_), rtol=1e-6)
    assert isinstance(model.noise_std_, float)


@each_dimension
@each_option
def test_units_and_offsets_only_scale_the_result(d, option, power):
    (X, y), at = DATA[d], PLACES[d]
    plain = SplineInterpolator(1e-3).fit(X, y)
    moved = SplineInterpolator(1e-3).fit(1e-3 * X + 5, 1e4 * y - 1e5)
    expected = spreads(plain, at, option)
    for k, (ours, theirs) in enumerate(zip(spreads(moved, 1e-3 * at + 5, option), expected)):
        scaled = ours / 1e4**power * 1e-3 ** (k * power)
        assert_allclose(scaled, theirs, rtol=1e-5, atol=1e-6 * np.abs(theirs).max())
    assert_allclose(moved.noise_std_, 1e4 * plain.noise_std_, rtol=1e-6)


@each_dimension
@each_option
def test_each_output_has_its_own(d, option, power):
    (X, y), at = DATA[d], PLACES[d]
    Y = np.column_stack([y, 30 * RNG.normal(size=len(y))])
    both = SplineInterpolator().fit(X, Y)
    alone = [SplineInterpolator().fit(X, column) for column in Y.T]
    separate = [spreads(model, at, option) for model in alone]
    for k, found in enumerate(spreads(both, at, option)):
        expected = np.stack([spread[k] for spread in separate], axis=-1)
        assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
    assert_allclose(both.noise_std_, [model.noise_std_ for model in alone], rtol=1e-5)


@each_dimension
def test_outputs_that_were_measured_at_different_places(d):
    (X, y), at = DATA[d], PLACES[d]
    Y = np.column_stack([y, y**2])
    Y[::3, 0] = np.nan
    Y[1::3, 1] = np.nan
    both = SplineInterpolator(1e-3, y_scaler="passthrough", x_scaler="passthrough").fit(X, Y)
    for i, column in enumerate(Y.T):
        known = np.isfinite(column)
        alone = SplineInterpolator(1e-3, y_scaler="passthrough", x_scaler="passthrough")
        expected = spreads(alone.fit(X[known], column[known]), at)
        for found, std in zip(spreads(both, at), expected):
            assert_allclose(found[:, i], std, rtol=1e-9)


@each_dimension
def test_a_weight_is_so_many_copies_and_its_unit_is_free(d):
    (X, y), at = DATA[d], PLACES[d]
    copies = np.random.default_rng(2).integers(1, 4, len(X))
    model = SplineInterpolator(1e-3).fit(X, y, copies)
    repeated = SplineInterpolator(1e-3).fit(np.repeat(X, copies, axis=0), np.repeat(y, copies))
    other = SplineInterpolator(1e-3).fit(X, y, 1e-4 * copies)
    for found, again, expected in zip(*(spreads(m, at) for m in (repeated, other, model))):
        assert_allclose(found, expected, rtol=1e-6)
        assert_allclose(again, expected, rtol=1e-6)
    assert_allclose(repeated.noise_std_, model.noise_std_, rtol=1e-6)
    assert_allclose(other.noise_std_, 1e-2 * model.noise_std_, rtol=1e-6)


@each_option
def test_pipelines_and_transformed_targets(option, power):
    (X, y), at = DATA[1], PLACES[1]
    bare = SplineInterpolator(1e-3).fit(X, y)
    pipe = make_pipeline(StandardScaler(), SplineInterpolator(1e-3)).fit(X, y)
    whole = TransformedTargetRegressor(SplineInterpolator(1e-3), transformer=StandardScaler())
    for model in (pipe, whole.fit(X, y)):
        for k in (1, 2):
            expected = bare.differentiate(k)(at, **{option: True})[1]
            found = differentiate(model, k)(at, **{option: True})[1]
            assert_allclose(found, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())


def test_a_step_before_it_bends_the_slope():
    """A spline of exp(x): its slope by x is exp(x) times that by exp(x)."""
    X, y = DATA[1]
    bent = make_pipeline(FunctionTransformer(np.exp), SplineInterpolator(1e-3)).fit(X / 3, y)
    at = PLACES[1] / 3
    _, expected = bent[-1].differentiate(1)(np.exp(at), return_std=True)
    _, found = differentiate(bent)(at, return_std=True)
    assert_allclose(found, np.exp(at[:, 0]) * expected, rtol=1e-9)


@pytest.mark.parametrize("degree", [3, 5])
def test_integrals_by_the_trapezoidal_rule(degree):
    X, y = DATA[1]
    model = SplineInterpolator(degree=degree).fit(X, np.column_stack([y, y**2]))
    grid = np.linspace(0.5, 7, 1301)
    weights = np.full(1301, 6.5 / 1300)
    weights[[0, -1]] /= 2
    cov = model.predict(grid[:, None], return_cov=True)[1]
    expected = np.sqrt(np.einsum("i,ijo,j->o", weights, cov, weights))
    _, std = model.integrate(0.5, [7.0, 0.5], return_std=True)
    assert_allclose(std[0], expected, rtol=1e-4)
    assert_allclose(std[1], 0, atol=1e-9)


def test_the_integral_of_a_slope_is_a_difference_of_values():
    model = SplineInterpolator().fit(*DATA[1])
    _, std = integrate(model.differentiate(1), 1.0, 4.0, return_std=True)
    cov = model.predict([[1.0], [4.0]], return_cov=True)[1]
    assert_allclose(std, np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]), rtol=1e-5)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_draws_have_the_mean_and_covariance_of_the_posterior(order):
    """All but a few percent of it: what varies between the nodes of a curve is left out."""
    model = SplineInterpolator().fit(*DATA[1])
    at = np.linspace(-1, 7, 9)[:, None]
    draws = model.sample(at, 20_000, order=order, random_state=0)
    mean, cov = (model.differentiate(order) if order else model.predict)(at, return_cov=True)
    std = np.sqrt(np.diagonal(cov))
    scaled = np.cov(draws / std, rowvar=False)
    assert_allclose(scaled, cov / np.outer(std, std), atol=0.06)
    assert np.all(abs(draws.mean(axis=0) - mean) < 0.04 * std)


@each_dimension
def test_a_draw_is_one_function(d):
    """The same at other rows; its slope is what it grows by."""
    model = SplineInterpolator().fit(*DATA[d])
    at = np.vstack([PLACES[d], PLACES[d] + 1e-4 * np.eye(d)[0]])
    draws = model.sample(at, 4, random_state=3)
    assert_allclose(model.sample(at[[2, 5]], 4, random_state=3), draws[:, [2, 5]], rtol=1e-9)
    index = (1, *(0,) * (d - 1))
    slopes = model.sample(at, 4, order=index, random_state=3)
    middle = (slopes[:, :9] + slopes[:, 9:]) / 2
    size = np.abs(slopes).max()
    assert_allclose((draws[:, 9:] - draws[:, :9]) / 1e-4, middle, atol=1e-3 * size)
    assert not np.allclose(model.sample(at, 4, random_state=4), draws)


def test_draws_of_a_surface_have_the_covariance_at_the_samples():
    X, y = DATA[2]
    model = SplineInterpolator().fit(X, y)
    draws = model.sample(X[:6], 20_000, random_state=0)
    cov = model.predict(X[:6], return_cov=True)[1]
    std = np.sqrt(np.diagonal(cov))
    scaled = np.cov(draws / std, rowvar=False)
    assert_allclose(scaled, cov / np.outer(std, std), atol=0.06)


def test_bands_hold():
    """Across the function, in the mean over draws of noise (Nychka 1988)."""
    at, held = np.linspace(0, 10, 100)[:, None], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        t = np.sort(rng.uniform(0, 10, 100))[:, None]
        model = SplineInterpolator().fit(t, np.sin(t[:, 0]) + 0.1 * rng.standard_normal(100))
        for k in (0, 1, 2):
            call = model.differentiate(k) if k else model.predict
            values, std = call(at, return_std=True)
            truth = np.sin(at[:, 0] + k * np.pi / 2)
            held.append(np.mean(abs(values - truth) < 1.96 * std))
    shares = np.reshape(held, (-1, 3)).mean(axis=0)
    assert np.all((shares > 0.88) & (shares < 0.99))


def test_bands_widen_between_and_beyond_samples_without_noise():
    x = np.linspace(0, 6, 25)[:, None]
    model = SplineInterpolator().fit(x, np.sin(x[:, 0]))
    at = np.array([[3.0], [3.125], [7.0], [8.0]])
    values, std = model.predict(at, return_std=True)
    assert np.all(np.diff(std) > 0)
    assert np.all(abs(values - np.sin(at[:, 0]))[:2] < 4 * std[:2])


@each_dimension
def test_a_constant_is_known(d):
    X, _ = DATA[d]
    model = SplineInterpolator().fit(X, np.full(len(X), 7.5))
    assert_allclose(model.predict(PLACES[d], return_std=True)[1], 0, atol=1e-12)
    assert model.noise_std_ < 1e-12


@each_dimension
def test_an_order_that_the_process_has_not(d):
    model = SplineInterpolator(degree=5).fit(*DATA[d])
    message = "order 3 of a spline of degree 5 has no .*Fit SplineInterpolator.degree=7. or"
    for option in ("return_std", "return_cov"):
        with pytest.raises(ValueError, match=message):
            model.differentiate((3, *(0,) * (d - 1)))(PLACES[d], **{option: True})
    with pytest.raises(ValueError, match=message):
        model.sample(PLACES[d], order=(3, *(0,) * (d - 1)))
    model.differentiate((3, *(0,) * (d - 1)))(PLACES[d])


@each_dimension
@pytest.mark.parametrize(("smoothing", "n"), [(0.0, 30), (None, 2), (1e-3, 1)])
def test_what_goes_through_the_samples_has_no_error_bars(d, smoothing, n):
    X, y = DATA[d]
    model = SplineInterpolator(smoothing).fit(X[:n], y[:n])
    assert np.isnan(model.noise_std_)
    message = rf"goes through the samples.*smoothing=None .*got smoothing={smoothing}"
    for call in (lambda: model.predict(X, return_std=True), lambda: model.sample(X)):
        with pytest.raises(ValueError, match=message):
            call()
    assert np.isfinite(model.predict(X)).all()


def test_error_bars_pass_through_a_bent_y_scaler():
    model = SplineInterpolator(y_scaler=PowerTransformer()).fit(*DATA[1])
    for call, order in ((model.predict, 0), (model.differentiate(1), 1)):
        _, std = call(PLACES[1], return_std=True)
        drawn = model.sample(PLACES[1], 4000, order, random_state=0)
        assert_allclose(drawn.std(axis=0), std, rtol=0.1)
        with pytest.raises(TypeError, match="do not pass through the inverse of PowerTransformer"):
            call(PLACES[1], return_cov=True)
    assert np.isnan(model.noise_std_)


@each_dimension
def test_they_survive_pickling_and_fits_after_it(d):
    X, y = DATA[d]
    model = SplineInterpolator().fit(X, y)
    again, derivative = pickle.loads(pickle.dumps((model, model.differentiate(1))))
    expected = spreads(model, PLACES[d])
    size = len(pickle.dumps(model))
    for found, std in zip(spreads(again, PLACES[d]), expected):
        assert_array_equal(found, std)
    assert size < 40 * X.size * 8 + 2000
    assert len(pickle.dumps(model)) < 1.1 * size + 200  # what was found since is not kept
    model.fit(X, 5 * y)
    _, kept = derivative(PLACES[d], return_std=True)
    assert_array_equal(kept.reshape(9, d)[:, 0], expected[1])


def test_many_samples_and_rows():
    """Neither is squared in memory."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0, 10, 20_000))[:, None]
    model = SplineInterpolator(1e-9).fit(t, np.sin(t[:, 0]) + 0.1 * rng.standard_normal(20_000))
    values, std = model.differentiate(1)(t, return_std=True)
    assert 0.002 < std.mean() < 0.02
    assert 0.9 < np.mean(abs(values - np.cos(t[:, 0])) < 1.96 * std) < 1


@each_option
def test_the_drop_in_takes_curves_and_scalars(option, power):
    X, y = DATA[1]
    strict = SplineInterpolator().fit(X, y)
    curve = drop_in.SplineInterpolator().fit(X[:, 0], y)
    _, expected = strict.predict(X[:5], **{option: True})
    assert_allclose(curve.predict(X[:5, 0], **{option: True})[1], expected)
    value, spread = curve.predict(1.0, **{option: True})
    assert isinstance(value, float)
    assert isinstance(spread, float)
    assert spread == pytest.approx(float(np.squeeze(strict.predict([[1.0]], **{option: True})[1])))


def test_fitpacks_splines_have_no_error_bars():
    model = drop_in.SplineInterpolator(smoothing=0.5).fit(DATA[1][0][:, 0], DATA[1][1])
    with pytest.raises(ValueError, match="or is FITPACK's. Fit sk_pydelt.SplineInterpolator with"):
        model.predict(1.0, return_std=True)
