import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp
from scipy.interpolate import UnivariateSpline
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from sk_pydelt import interpolation, neural, spline
from sk_pydelt.interpolation import NeuralNetworkInterpolator, SplineInterpolator

STRICT = {
    NeuralNetworkInterpolator: neural.NeuralNetworkInterpolator,
    SplineInterpolator: spline.SplineInterpolator,
}
T = np.linspace(0, 2, 25)
X = T.reshape(-1, 1)
WAVE = np.sin(3 * T)


def small_net(**parameters):
    return NeuralNetworkInterpolator([12], solver="lbfgs", epochs=60, random_state=0, **parameters)


ESTIMATORS = {"net": small_net, "spline": lambda: SplineInterpolator(smoothing=0.0)}
each_estimator = pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)


def strict(model):
    return STRICT[type(model)](**model.get_params())


@each_estimator
@pytest.mark.parametrize("container", [np.array, list, tuple, pd.Series])
def test_a_curve_is_the_strict_class_on_a_column(make, container):
    model = make().fit(container(T), container(WAVE))
    oracle = strict(make()).fit(X, WAVE)
    assert_array_equal(model.predict(container(T)), oracle.predict(X))
    assert_array_equal(model.differentiate(2)(container(T)), oracle.differentiate(2)(X))


@each_estimator
def test_a_number_gives_a_float(make):
    model = make().fit(T, WAVE)
    for function in (model.predict, model.differentiate(order=1)):
        for number in (1.0, 1, np.float64(1.0), np.array(1.0)):
            value = function(number)
            assert type(value) is float
            assert value == function([1.0])[0]


@each_estimator
def test_several_outputs_of_a_curve(make):
    model = make().fit(T, np.column_stack([WAVE, T]))
    for function in (model.predict, model.differentiate()):
        assert function(T).shape == (25, 2)
        assert_allclose(function(T[3]), function(T)[3], rtol=1e-10)


@each_estimator
def test_2d_works_as_in_the_strict_class(make):
    places = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    field = np.column_stack([np.sin(places[:, 0]), places.prod(axis=1)])
    model, oracle = make().fit(places, field), strict(make()).fit(places, field)
    assert_array_equal(model.predict(places), oracle.predict(places))
    assert_array_equal(model.differentiate(1)(places), oracle.differentiate(1)(places))
    assert_array_equal(model.differentiate((1, 0))(places), oracle.differentiate((1, 0))(places))
    assert_array_equal(model.curl(places), oracle.curl(places))


@each_estimator
def test_places_on_a_curve_are_refused_where_there_are_two_features(make):
    places = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    model = make().fit(places, places[:, 0])
    name = type(model).__name__
    for function in (model.predict, model.differentiate()):
        with pytest.raises(ValueError, match=rf"2 features.*\(n, 2\).*sk_pydelt\.{name} takes"):
            function([0.1, 0.2])


@each_estimator
def test_before_fit(make):
    with pytest.raises(NotFittedError):
        make().predict(1.0)
    with pytest.raises(NotFittedError):
        make().differentiate()


@each_estimator
@pytest.mark.parametrize(
    "mask", [T > 1, list(T > 1), [0, 3, -1], np.array([], dtype=int), [], T > 5]
)
def test_a_mask_picks_points(make, mask):
    model = make().fit(T, WAVE)
    everywhere = model.differentiate(order=1)(T)
    index = np.asarray(mask) if len(mask) else np.array([], dtype=int)
    # BLAS multiplies three rows in another order than 25.
    assert_allclose(model.differentiate(order=1, mask=mask)(T), everywhere[index], rtol=1e-13)


def test_a_mask_picks_rows_of_2d_input():
    places = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    model = SplineInterpolator().fit(places, places.prod(axis=1))
    found = model.differentiate(mask=[4, 2])(places)
    assert_array_equal(found, model.differentiate()(places)[[4, 2]])


def test_masks_that_fit_nothing():
    model = SplineInterpolator().fit(T, WAVE)
    with pytest.raises(ValueError, match=r"Boolean mask length 2 .* points, 25"):
        model.differentiate(mask=[True, False])(T)
    with pytest.raises(ValueError, match=r"Booleans.*indices.*0\.5"):
        model.differentiate(mask=[0.5])
    with pytest.raises(ValueError, match=r"1-D array"):
        model.differentiate(mask=[[True]])


@each_estimator
def test_a_derivative_is_pickled_and_says_what_it_is(make):
    slope = make().fit(T, WAVE).differentiate(order=1, mask=[0, 1])
    again = pickle.loads(pickle.dumps(slope))
    assert_array_equal(again(T), slope(T))
    assert repr(again).startswith("Derivative(")
    assert "[0 1]" in repr(again)


def test_pydelts_names_of_parameters():
    net = NeuralNetworkInterpolator(framework="pytorch", dropout=0.25, hidden_layers=[8])
    assert (net.backend, net.dropout_rate, net.hidden_layers) == ("pytorch", 0.25, [8])
    assert SplineInterpolator(smoothing=0.1, k=3).degree == 3
    assert SplineInterpolator(0.1, 3).degree == 3
    assert SplineInterpolator().degree == 5


@each_estimator
def test_parameters_have_the_strict_names(make):
    model = make()
    assert model.get_params().keys() == strict(model).get_params().keys()
    assert clone(model).get_params() == model.get_params()


def test_names_given_twice_or_unknown():
    with pytest.raises(TypeError, match=r"framework is pydelt's name of backend"):
        NeuralNetworkInterpolator(framework="pytorch", backend="pytorch")
    with pytest.raises(TypeError, match=r"kk"):
        SplineInterpolator(kk=3)


def noisy_wave(seed=0):
    return WAVE + 0.3 * np.random.default_rng(seed).standard_normal(25)


@pytest.mark.parametrize("s", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_smoothing_is_fitpacks(s, k):
    y = noisy_wave()
    model, oracle = SplineInterpolator(smoothing=s, k=k).fit(T, y), UnivariateSpline(T, y, s=s, k=k)
    places = np.linspace(-0.1, 2.1, 101)
    assert_allclose(model.predict(places), oracle(places), rtol=1e-9, atol=1e-9)
    for order in range(1, k + 1):
        exact = oracle.derivative(order)(T)
        assert_allclose(model.differentiate(order)(T), exact, atol=1e-9 * np.abs(exact).max())
    assert np.sum((model.predict(T) - y) ** 2) < 1.001 * s
    assert model.smoothing == s
    assert_allclose(model.smoothing_, s)
    assert model.effective_dof_ == len(oracle.get_coeffs())


def test_smoothing_of_clean_samples_as_in_pydelts_tests():
    t = np.linspace(0, 2 * np.pi, 50)
    slope = SplineInterpolator(smoothing=0.01).fit(t, np.sin(t)).differentiate()
    assert slope(0.0) == pytest.approx(0.88, abs=0.005)
    assert_allclose(slope(t), np.cos(t), atol=0.2)


def test_smoothing_with_weights_and_outputs():
    y, weight = np.column_stack([noisy_wave(0), noisy_wave(1)]), np.linspace(0.5, 2, 25)
    model = SplineInterpolator(smoothing=1.0).fit(T, y, list(weight))
    assert_allclose(weight @ (model.predict(T) - y) ** 2, [1.0, 1.0], rtol=1e-3)
    for column, slopes in zip(y.T, model.differentiate()(T).T):
        oracle = UnivariateSpline(T, column, np.sqrt(weight), s=1.0, k=5).derivative()
        assert_allclose(slopes, oracle(T), rtol=1e-8)


def test_smoothing_of_repeated_places_is_that_of_their_means():
    y, apart = noisy_wave(), np.linspace(0.05, 0.1, 25)
    model = SplineInterpolator(smoothing=0.5).fit(np.r_[T, T], np.r_[y - apart, y + apart])
    left = 0.5 - 2 * np.sum(apart**2)
    oracle = UnivariateSpline(T, y, np.full(25, np.sqrt(2)), s=left, k=5)
    assert_allclose(model.predict(T), oracle(T), rtol=1e-8)
    through = SplineInterpolator(smoothing=0.01).fit(np.r_[T, T], np.r_[y - apart, y + apart])
    assert_allclose(through.predict(T), y, atol=1e-8)


@pytest.mark.parametrize("k", [2, 4])
def test_even_degrees_without_smoothing_leave_what_the_automatic_spline_above_leaves(k):
    y = noisy_wave()
    model, above = SplineInterpolator(k=k).fit(T, y), spline.SplineInterpolator(degree=k + 1)
    left = np.sum((above.fit(X, y).predict(X) - y) ** 2)
    assert_allclose(model.predict(T), UnivariateSpline(T, y, s=left, k=k)(T), rtol=1e-6)
    assert_allclose(model.smoothing_, left)


@pytest.mark.parametrize("places", [X, np.random.default_rng(1).uniform(0, 1, (25, 2))])
def test_smoothing_that_fitpack_has_not_is_the_smoothest_spline(places):
    y = noisy_wave()
    degree = 7 if places.shape[1] == 1 else 3
    model = SplineInterpolator(smoothing=0.5, k=degree).fit(places, y)
    assert_allclose(np.sum((model.predict(places) - y) ** 2), 0.5, rtol=1e-5)
    oracle = spline.SplineInterpolator(model.smoothing_, degree).fit(places, y)
    assert_array_equal(model.predict(places), oracle.predict(places))
    assert model.smoothing == 0.5


def test_smoothing_out_of_reach_gives_the_nearest_spline():
    y = noisy_wave()
    stiff = SplineInterpolator(smoothing=1e6).fit(T, y)
    assert_allclose(stiff.predict(T), np.polynomial.Polynomial.fit(T, y, 5)(T), atol=1e-5)
    cubic = np.polynomial.Polynomial.fit(T, y, 3)
    assert_allclose(SplineInterpolator(1e6, 7).fit(T, y).predict(T), cubic(T), atol=1e-5)
    through = SplineInterpolator(smoothing=1e-30).fit(T, y)
    assert_allclose(through.predict(T), y, atol=1e-8)


def test_smoothing_below_zero_is_refused():
    with pytest.raises(ValueError, match="smoothing"):
        SplineInterpolator(smoothing=-1.0).fit(T, WAVE)


@pytest.mark.parametrize(
    "model",
    [SplineInterpolator(), SplineInterpolator(smoothing=1.0), small_net()],
    ids=["gcv", "smoothed", "net"],
)
def test_scikit_learn_checks_but_for_1d_x(model):
    curves = {"check_fit1d": "1-D X is a curve here"}
    results = check_estimator(model, expected_failed_checks=curves, on_skip=None)
    assert [r["check_name"] for r in results if r["status"] == "xfail"] == ["check_fit1d"]


# The worked examples of pydelt's page on neural networks, shortened: 1-D arrays as written there.


def rms(error):
    return np.sqrt(np.mean(np.square(error)))


def test_worked_example_runge():
    def runge(x):
        return 1 / (1 + 25 * x**2)

    x_train, x_test = np.linspace(-1, 1, 15), np.linspace(-1, 1, 200)
    y_train = runge(x_train)
    slope = -50 * x_test / (1 + 25 * x_test**2) ** 2
    net = interpolation.NeuralNetworkInterpolator(
        hidden_layers=[32, 16], activation="tanh", learning_rate=0.01, epochs=600, random_state=0
    )
    assert net.fit(x_train, y_train) is net
    by_spline = interpolation.SplineInterpolator(smoothing=0.0)
    by_spline.fit(x_train, y_train)
    assert rms(net.predict(x_test) - runge(x_test)) < 0.02
    assert rms(net.differentiate(order=1)(x_test) - slope) < 0.3
    assert rms(by_spline.predict(x_test) - runge(x_test)) < 0.005
    assert rms(by_spline.differentiate(order=1)(x_test) - slope) < 0.1
    assert net.differentiate(order=1)(0.3) == pytest.approx(-50 * 0.3 / 3.25**2, abs=0.3)


def test_worked_example_flow():
    rng = np.random.default_rng(42)
    places = rng.uniform(-2, 2, (200, 2))
    places = places[np.hypot(*places.T) > 0.6]
    x, y = places.T
    r = np.hypot(x, y)
    flow = np.column_stack([1 - 0.25 * (x**2 - y**2) / r**4, -0.5 * x * y / r**4])
    net = interpolation.NeuralNetworkInterpolator(
        hidden_layers=[32, 32], activation="swish", learning_rate=0.01, epochs=300, random_state=0
    )
    net.fit(places, flow + 0.05 * rng.standard_normal(flow.shape))
    assert net.predict(places).shape == flow.shape
    assert rms(net.predict(places) - flow) < 0.15
    jacobian = net.differentiate(order=1)(places)
    assert jacobian.shape == (len(places), 2, 2)
    assert_allclose(net.curl(places), jacobian[:, 1, 0] - jacobian[:, 0, 1])


def test_worked_example_lorenz():
    def lorenz(_, state):
        x, y, z = state
        return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z

    t = np.linspace(0, 20, 2000)
    x, y, _ = solve_ivp(lorenz, (0, 20), (1, 1, 1), t_eval=t, rtol=1e-8, atol=1e-8).y
    indices = np.arange(0, len(t), 10)
    noisy = x[indices] + 0.5 * np.random.default_rng(0).standard_normal(200)
    net = interpolation.NeuralNetworkInterpolator(
        hidden_layers=[32, 32], activation="sine", learning_rate=0.005, epochs=500, random_state=0
    )
    net.fit(t[indices], noisy)
    found, rate = net.predict(t), net.differentiate(order=1)(t)
    assert found.shape == rate.shape == t.shape
    assert np.corrcoef(found, x)[0, 1] > 0.98
    assert np.corrcoef(rate, 10 * (y - x))[0, 1] > 0.9


def test_a_derivative_of_a_smoothed_curve_has_a_standard_deviation():
    t = np.linspace(0, 6, 60)
    y = np.sin(t) + 0.1 * np.random.default_rng(0).standard_normal(60)
    model = interpolation.SplineInterpolator().fit(t, y)
    whole = spline.SplineInterpolator().fit(t[:, None], y)
    expected = whole.differentiate(1)([[1.0], [2.0]], return_std=True)
    for found, right in zip(model.differentiate(1)([1.0, 2.0], return_std=True), expected):
        assert_allclose(found, right, rtol=1e-6)
    value, std = model.differentiate(1, mask=[1])([1.0, 2.0], return_std=True)
    assert_allclose([value, std], [part[1:] for part in expected], rtol=1e-6)
    one = model.differentiate(1)(1.0, return_std=True)
    assert [type(part) for part in one] == [float, float]
    nothing = model.differentiate(1, mask=[False, False])([1.0, 2.0], return_std=True)
    assert [part.shape for part in nothing] == [(0,), (0,)]
