"""Splines against closed forms, scipy, dense algebra and differences of their own values."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import richardson, roughness
from scipy.interpolate import (
    BSpline,
    RBFInterpolator,
    make_interp_spline,
    make_smoothing_spline,
)
from sklearn.base import clone
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_pydelt import differentiate
from sk_pydelt.solvers import polyharmonic
from sk_pydelt.solvers.smoothing_curves import fit_curve
from sk_pydelt.solvers.smoothing_surfaces import fit_surface
from sk_pydelt.spline import PolyharmonicSpline, SplineInterpolator

RNG = np.random.default_rng(0)
GRID = np.linspace(-1.3, 1.3, 41)[:, None]


def noisy_sine(n=60, sigma=0.1, seed=1):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 2 * np.pi, n))
    return x[:, None], np.sin(x) + sigma * rng.normal(size=n)


def uneven(n):
    return np.linspace(-1, 1, n) + RNG.uniform(-0.3, 0.3, n) / n


def noisy_plane(n=80, d=2, sigma=0.05, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, d))
    return X, np.sin(2 * X.sum(axis=1)) + sigma * rng.normal(size=n)


SAMPLES = {1: noisy_sine(), 2: noisy_plane(), 3: noisy_plane(d=3)}
each_dimension = pytest.mark.parametrize("d", SAMPLES)


@parametrize_with_checks(
    [
        SplineInterpolator(),
        SplineInterpolator(smoothing=0.0),
        SplineInterpolator(smoothing=1e-3),
    ]
)
@pytest.mark.filterwarnings("default::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# Interpolation of one feature


@pytest.mark.parametrize("degree", range(1, 8))
def test_polynomials_to_the_degree_are_exact_with_all_derivatives(degree):
    polynomial = np.polynomial.Polynomial(RNG.normal(size=degree + 1))
    x = np.sort(RNG.uniform(-1, 1, 12))[:, None]
    model = SplineInterpolator(smoothing=0.0, degree=degree).fit(x, polynomial(x.ravel()))
    assert_allclose(model.predict(GRID), polynomial(GRID.ravel()), atol=1e-9)  # beyond x as well
    for order in range(1, degree + 1):
        exact = polynomial.deriv(order)(GRID.ravel())
        assert_allclose(model.differentiate(order)(GRID), exact, rtol=1e-6, atol=1e-7)


def test_the_derivatives_of_sine():
    x = np.linspace(0, 6, 200)[:, None]
    model = SplineInterpolator(smoothing=0.0, degree=7).fit(x, np.sin(x.ravel()))
    at = np.linspace(0.5, 5.5, 30)
    for order, tolerance in enumerate([1e-13, 1e-11, 1e-9, 1e-7]):
        exact = np.sin(at + order * np.pi / 2)
        found = model.differentiate(order)(at[:, None]) if order else model.predict(at[:, None])
        assert_allclose(found, exact, atol=tolerance)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_interpolation_is_scipys(degree):
    x, y = noisy_sine(30)
    model = SplineInterpolator(smoothing=0.0, degree=degree).fit(x, y)
    reference = make_interp_spline(x.ravel(), y, degree)
    at = np.linspace(-1, 8, 101)
    assert_allclose(model.predict(at[:, None]), reference(at), rtol=1e-7, atol=1e-7)
    for order in range(1, degree + 1):
        exact = reference.derivative(order)(at)
        scale = np.abs(exact).max()
        assert_allclose(model.differentiate(order)(at[:, None]), exact, atol=1e-6 * scale)
    assert isinstance(model.spline_, BSpline)
    assert (model.smoothing_, model.effective_dof_) == (0.0, 30.0)


# Smoothing of one feature


def smoothing_matrix(x, m):
    """K with gᵀKg = ∫(f⁽ᵐ⁾)² of the natural spline f that interpolates g."""
    ends = [(k, np.zeros(len(x))) for k in range(m, 2 * m - 1)] or None
    splines = make_interp_spline(x, np.eye(len(x)), 2 * m - 1, bc_type=(ends, ends))
    return roughness(splines, x, m)


@pytest.mark.parametrize("degree", [1, 3, 5])
def test_the_smoothing_spline_minimises_its_functional(degree):
    u, weight = uneven(25), RNG.uniform(0.5, 2, 25)
    y = np.sin(3 * u) + 0.1 * RNG.normal(size=25)
    K = smoothing_matrix(u, (degree + 1) // 2)
    for lam in (1e-8, 1e-4, 1e-1):
        options = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
        model = SplineInterpolator(lam, degree, **options).fit(u[:, None], y, weight)
        W = np.diag(weight / weight.sum())
        hat = np.linalg.solve(W + lam * K, W)
        assert_allclose(model.predict(u[:, None]), hat @ y, atol=1e-9)
        assert_allclose(model.effective_dof_, np.trace(hat), rtol=1e-8)


def test_the_cubic_is_scipys_smoothing_spline():
    x, y = noisy_sine(50)
    model = SplineInterpolator(smoothing=1e-4, degree=3).fit(x, y)
    u, z = model.x_scaler_.transform(x).ravel(), model.y_scaler_.transform(y[:, None])
    reference = make_smoothing_spline(u, z, lam=1e-4 * len(u))
    for order in range(3):
        assert_allclose(model.spline_(u, order), reference(u, order), atol=1e-9)


def dense_gcv(x, y, m, grid):
    K = smoothing_matrix(x, m)
    scores = []
    for lam in grid:
        hat = np.linalg.inv(np.eye(len(x)) + lam * len(x) * K)
        residual = y - hat @ y
        scores.append(np.mean(residual**2) / (1 - np.trace(hat) / len(x)) ** 2)
    return grid[np.argmin(scores)]


@pytest.mark.parametrize("degree", [3, 5])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cross_validation_against_the_dense_hat_matrix(degree, seed):
    x, y = noisy_sine(40, seed=seed)
    model = SplineInterpolator(degree=degree).fit(x, y)
    u, z = model.x_scaler_.transform(x).ravel(), model.y_scaler_.transform(y[:, None]).ravel()
    best = dense_gcv(u, z, (degree + 1) // 2, 10.0 ** np.arange(-9, 1, 0.02))
    assert abs(np.log10(model.smoothing_ / best)) < 0.03


@pytest.mark.parametrize("n", [500, 5000])
def test_cross_validation_finds_about_the_best_smoothing(n):
    x, y = noisy_sine(n, sigma=0.3)
    error = np.std(SplineInterpolator().fit(x, y).predict(x) - np.sin(x.ravel()))
    tried = [SplineInterpolator(lam).fit(x, y) for lam in 10.0 ** np.arange(-8, 1)]
    best = min(np.std(model.predict(x) - np.sin(x.ravel())) for model in tried)
    assert error < 1.5 * best


def test_much_smoothing_of_many_samples_is_the_straight_line():
    """The usual banded equations lose this to rounding: their condition number is n⁴ λ."""
    x, y = noisy_sine(20_000)
    line = np.polynomial.Polynomial.fit(x.ravel(), y, 1)
    model = SplineInterpolator(smoothing=1e6, degree=3).fit(x, y)
    assert_allclose(model.predict(x), line(x.ravel()), atol=1e-5)
    assert_allclose(model.effective_dof_, 2, atol=1e-6)


def test_a_smoothed_cubic_goes_on_as_a_straight_line():
    x, y = noisy_sine()
    model = SplineInterpolator(degree=3).fit(x, y)
    beyond = np.array([[-30.0], [-1.0], [7.0], [40.0]])
    assert_allclose(model.differentiate(2)(beyond), 0, atol=1e-10)
    slope = model.differentiate(1)(beyond)
    assert_allclose(model.predict(beyond[2:]) @ [-1, 1], 33 * slope[2], rtol=1e-10)


def test_noiseless_lines_come_back_as_lines():
    x = RNG.uniform(0, 5, 300)[:, None]
    model = SplineInterpolator().fit(x, 3 * x.ravel() - 1)
    assert_allclose(model.differentiate(1)(x), 3, rtol=1e-10)
    assert_allclose(model.differentiate(2)(x), 0, atol=1e-8)


# Several features


@pytest.mark.parametrize("degree", [1, 3, 5])
@pytest.mark.parametrize("d", [2, 3])
def test_interpolation_of_several_features_is_scipys(degree, d):
    X, y = SAMPLES[d]
    kernel = {1: "linear", 3: "cubic", 5: "quintic"}[degree]
    u = SplineInterpolator().fit(X, y).x_scaler_.transform(X)
    reference = RBFInterpolator(u, y, kernel=kernel, degree=(degree - 1) // 2)
    model = SplineInterpolator(smoothing=0.0, degree=degree, x_scaler="passthrough").fit(u, y)
    at = np.vstack([u, RNG.uniform(-1.2, 1.2, (50, d))])
    assert_allclose(model.predict(at), reference(at), atol=1e-7)
    assert isinstance(model.spline_, PolyharmonicSpline)


@pytest.mark.parametrize("degree", [1, 3, 5])
@pytest.mark.parametrize("smoothing", [0.0, 1e-5, 1e-1])
def test_in_one_feature_both_kinds_are_the_same_spline(degree, smoothing):
    x, y = uneven(20)[:, None], RNG.normal(size=(20, 2))
    weight = RNG.uniform(0.5, 2, 20)
    surface, _, dof, _ = fit_surface(x, y, weight, degree, smoothing)
    curve, _, curve_dof, _ = fit_curve(x, y, weight, degree, smoothing or 1e-20)
    at = np.linspace(-1.2, 1.2, 30)
    values = PolyharmonicSpline(x, *surface, degree)(at[:, None])
    assert_allclose(values, curve(at), atol=2e-6 * np.abs(values).max())
    assert_allclose(dof, curve_dof, rtol=1e-4)


def test_quadratics_are_exact_in_a_quintic_of_several_features():
    X = RNG.uniform(-1, 1, (40, 2))
    y = 1 + X[:, 0] - 2 * X[:, 1] + 3 * X[:, 0] * X[:, 1] + X[:, 1] ** 2
    model = SplineInterpolator(smoothing=0.0, degree=5).fit(X, y)
    at = RNG.uniform(-2, 2, (10, 2))
    assert_allclose(model.hessian(at), np.broadcast_to([[0, 3], [3, 2]], (10, 2, 2)), atol=1e-7)


@pytest.mark.parametrize(("d", "n", "tolerance"), [(2, 400, 0.01), (3, 900, 0.1)])
def test_hessian_and_laplacian_of_a_known_function(d, n, tolerance):
    k = np.arange(1, d + 1) / 2
    X = np.random.default_rng(0).uniform(-1, 1, (n, d))
    model = SplineInterpolator(smoothing=0.0, degree=5).fit(X, np.sin(X @ k))
    at = RNG.uniform(-0.5, 0.5, (20, d))
    exact = -np.sin(at @ k)[:, None, None] * np.outer(k, k)
    assert_allclose(model.hessian(at), exact, atol=tolerance)
    assert_allclose(model.laplacian(at), -np.sin(at @ k) * (k @ k), atol=tolerance)
    assert_allclose(model.laplacian(at), np.trace(model.hessian(at), axis1=1, axis2=2), atol=1e-9)


def test_cross_validation_of_several_features():
    X, y = noisy_plane(150, sigma=0.2)
    truth = np.sin(2 * X.sum(axis=1))
    error = np.std(SplineInterpolator().fit(X, y).predict(X) - truth)
    tried = [SplineInterpolator(lam).fit(X, y) for lam in 10.0 ** np.arange(-9, 1)]
    assert error < 1.2 * min(np.std(model.predict(X) - truth) for model in tried)


# Derivatives


@each_dimension
@pytest.mark.parametrize(("degree", "top"), [(3, 2), (5, 4)])
@pytest.mark.parametrize("smoothing", [None, 0.0])
def test_each_order_against_differences_of_the_one_before(d, degree, top, smoothing):
    X, y = SAMPLES[d]
    y = np.column_stack([1e5 * (y + 3), 1e-4 * np.cos(2 * y)])  # sizes far apart
    unit = np.array([3.0, 1e-3, 1.0])[:d]  # features of 1e6 ± 3 and 1e-3
    X = X / np.abs(X).max(axis=0) * unit + np.array([1e6, 0, 0])[:d]
    model = SplineInterpolator(smoothing, degree).fit(X, y)
    at = model.x_scaler_.inverse_transform(RNG.uniform(-0.9, 0.9, (15, d)))
    below = model.predict
    for order in range(1, top + 1):
        found = model.differentiate(order)(at).reshape(15, 2, *(d,) * order)
        for axis in range(d):
            expected = richardson(below, at, axis, 2e-4 * unit[axis])
            scale = np.abs(expected).max(axis=0)
            gap = np.abs(found[..., axis] - expected.reshape(found[..., axis].shape))
            gap = np.sort((gap / scale.reshape(gap.shape[1:])).reshape(15, -1).max(axis=1))
            assert gap[-3] < 1e-6  # two of the steps may lie across a knot
        below = model.differentiate(order)


@each_dimension
def test_derivatives_at_the_samples_are_finite(d):
    X, y = SAMPLES[d]
    for smoothing in (None, 0.0):
        model = SplineInterpolator(smoothing).fit(X, y)
        for order in (1, 2, 3):
            assert np.isfinite(model.differentiate(order)(X)).all()


def test_derivatives_near_a_centre_go_to_those_at_it():
    X, y = SAMPLES[2]
    model = SplineInterpolator(smoothing=0.0, x_scaler="passthrough").fit(X, y)
    at = model.hessian(X[:5])
    for distance in (1e-7, 1e-10, 1e-13):
        near = model.hessian(X[:5] + distance * np.array([0.6, 0.8]))
        assert_allclose(near, at, atol=1e3 * distance + 1e-9)


def test_mixed_partials_are_entries_of_the_tensor():
    X, y = SAMPLES[3]
    model = SplineInterpolator(degree=5).fit(X, y)
    tensor = model.differentiate(4)(X[:7])
    assert_allclose(model.differentiate((1, 0, 3))(X[:7]), tensor[:, 0, 2, 2, 2], rtol=1e-9)


def test_rows_in_blocks_are_the_rows_at_once(monkeypatch):
    X, y = SAMPLES[2]
    model = SplineInterpolator().fit(X, y)
    whole = model.hessian(X)
    monkeypatch.setattr(polyharmonic, "BLOCK_ENTRIES", 4000)
    assert_allclose(model.hessian(X), whole, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("degree", [3, 5])
@each_dimension
def test_an_order_above_the_degree(degree, d):
    model = SplineInterpolator(degree=degree).fit(*SAMPLES[d])
    model.set_params(degree=9)  # what counts is the fit
    with pytest.raises(ValueError, match=f"degree {degree} has no .* order {degree + 1}: .*degree"):
        differentiate(model, degree + 1)


# Units, repeats and weights


@each_dimension
@pytest.mark.parametrize("smoothing", [None, 1e-3, 0.0])
def test_units_do_not_matter(d, smoothing):
    X, y = SAMPLES[d]
    unit, offset = np.array([1e-7, 1e5, 60.0])[:d], np.array([3e-7, 1e5, 0])[:d]
    model = SplineInterpolator(smoothing).fit(X, y)
    other = SplineInterpolator(smoothing).fit(X * unit + offset, 1e4 * y + 7)
    assert_allclose(other.predict(X * unit + offset), 1e4 * model.predict(X) + 7, rtol=1e-8)
    slopes = 1e4 * model.jacobian(X)[:, 0] / unit
    scale = np.abs(slopes).max(axis=0)
    assert_allclose(other.jacobian(X * unit + offset)[:, 0] / scale, slopes / scale, atol=1e-6)
    assert_allclose(other.effective_dof_, model.effective_dof_, rtol=1e-6)


@each_dimension
@pytest.mark.parametrize("smoothing", [None, 1e-3, 0.0])
def test_a_weight_is_so_many_copies_in_any_order(d, smoothing):
    X, y = SAMPLES[d]
    copies = RNG.integers(0, 4, len(X))
    order = RNG.permutation(copies.sum())
    model = SplineInterpolator(smoothing).fit(X, y, copies)
    repeated = np.repeat(X, copies, axis=0)[order], np.repeat(y, copies)[order]
    assert_allclose(SplineInterpolator(smoothing).fit(*repeated).predict(X), model.predict(X))


@each_dimension
def test_interpolation_takes_the_weighted_mean_at_a_repeated_place(d):
    X, y = SAMPLES[d]
    X, y = np.vstack([X, X[:1], X[:1] * (1 + 1e-15)]), np.r_[y, 5.0, 6.0]
    weight = np.ones(len(X))
    weight[-1] = 3
    model = SplineInterpolator(smoothing=0.0).fit(X, y, weight)
    assert_allclose(model.predict(X[:1]), (y[0] + 5 + 3 * 6) / 5)


@each_dimension
def test_only_the_ratios_of_weights_matter(d):
    X, y = SAMPLES[d]
    weight = RNG.uniform(0.1, 1, len(X))
    one, other = (SplineInterpolator().fit(X, y, factor * weight) for factor in (1, 1e4))
    assert_allclose(one.predict(X), other.predict(X), rtol=1e-6)


@each_dimension
def test_each_output_is_fitted_as_if_alone(d):
    X, y = SAMPLES[d]
    Y = np.column_stack([y, RNG.normal(size=len(y)), X[:, 0]])
    model = SplineInterpolator(degree=3).fit(X, Y)
    alone = MultiOutputRegressor(SplineInterpolator(degree=3)).fit(X, Y)
    assert_allclose(model.predict(X), alone.predict(X), atol=1e-8)
    assert_allclose(model.smoothing_[:2], [e.smoothing_ for e in alone.estimators_[:2]], rtol=1e-5)
    assert model.effective_dof_.shape == (3,)
    assert_allclose(model.effective_dof_[2], d + 1, atol=0.01)


# Too little data, and too much


@each_dimension
@pytest.mark.parametrize("smoothing", [None, 0.0, 1e-3])
@pytest.mark.parametrize("degree", [1, 3, 5])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_few_samples_fit_and_have_finite_derivatives(d, smoothing, degree, n):
    X = RNG.normal(size=(n, d))
    y = X @ np.arange(1, d + 1) + 5
    model = SplineInterpolator(smoothing, degree).fit(X, y)
    for order in range(1, degree + 1):
        assert np.isfinite(model.differentiate(order)(X)).all()
    if n == 1 or degree > 1:  # all these samples lie on a plane
        assert_allclose(model.predict(X), y, atol=1e-7)
    if n == 1:
        assert_allclose(model.predict(X + 3), y)
        assert_array_equal(model.jacobian(X), 0)


@each_dimension
@pytest.mark.parametrize("smoothing", [None, 0.0, 1e-3])
def test_a_constant_target_is_a_constant(d, smoothing):
    X, _ = SAMPLES[d]
    model = SplineInterpolator(smoothing).fit(X, np.full(len(X), 7.5))
    assert_allclose(model.predict(X + 1), 7.5, rtol=1e-13)
    assert_allclose(model.jacobian(X), 0, atol=1e-12)


@pytest.mark.parametrize("smoothing", [None, 0.0, 1e-3])
def test_constant_features_and_places_on_a_line(smoothing):
    x, y = noisy_sine(30)
    with pytest.warns(UserWarning, match=r"Features \[1\] never vary"):
        flat = SplineInterpolator(smoothing).fit(np.c_[x, np.full(30, 4.0)], y)
    assert_array_equal(flat.jacobian(np.c_[x, np.full(30, 4.0)])[:, 0, 1], 0)
    line = SplineInterpolator(smoothing).fit(np.c_[x, 2 * x + 1], y)
    slopes = line.jacobian(np.c_[x, 2 * x + 1])[:, 0]
    assert_allclose(slopes[:, 0], 2 * slopes[:, 1], rtol=1e-6)  # in scaled units along the line
    if smoothing != 1e-3:  # a length of the line is √2 that of the axis
        expected = SplineInterpolator(smoothing).fit(x, y).predict(x)
        assert_allclose(line.predict(np.c_[x, 2 * x + 1]), expected, atol=1e-3)
    with pytest.warns(UserWarning, match=r"Features \[0\] never vary"):
        alone = SplineInterpolator(smoothing).fit(np.full((30, 1), 2.0), y)
    assert_allclose(alone.predict([[2.0], [3.0]]), y.mean())


@pytest.mark.parametrize(("d", "smoothing"), [(1, None), (1, 0.1), (2, 0.0)])
def test_an_even_degree_where_it_must_be_odd(d, smoothing):
    match = r"even degree, which only .* degree=1 or degree=3; got degree=2"
    with pytest.raises(ValueError, match=match):
        SplineInterpolator(smoothing, degree=2).fit(*SAMPLES[d])


@pytest.mark.parametrize(
    "wrong", [{"smoothing": -1.0}, {"smoothing": np.nan}, {"degree": 0}, {"degree": 1.5}]
)
def test_wrong_parameters_are_named(wrong):
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter"):
        SplineInterpolator(**wrong).fit(*SAMPLES[1])


@each_dimension
def test_pickled_models_and_derivatives_are_the_same(d):
    X, y = SAMPLES[d]
    model = clone(SplineInterpolator()).fit(X, y)
    again, derivative = pickle.loads(pickle.dumps((model, model.differentiate(2))))
    assert_array_equal(again.predict(X), model.predict(X))
    assert_array_equal(derivative(X), model.differentiate(2)(X))


@each_dimension
def test_unscaled_data_of_extreme_units(d):
    X, y = SAMPLES[d]
    options = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
    model = SplineInterpolator(**options).fit(X, y)
    tiny = SplineInterpolator(**options).fit(1e-16 * X, 1e9 * y)
    assert_allclose(tiny.predict(1e-16 * X), 1e9 * model.predict(X), rtol=1e-4)
    assert_allclose(tiny.jacobian(1e-16 * X), 1e25 * model.jacobian(X), rtol=1e-2, atol=1e22)


@pytest.mark.parametrize("smoothing", [None, 1e-3])
def test_a_degree_that_rounding_does_not_let_smooth(smoothing):
    with pytest.raises(ValueError, match=r"degree above 11 .* degree=11 or lower.*got degree=13"):
        SplineInterpolator(smoothing, degree=13).fit(*SAMPLES[1])


@each_dimension
@pytest.mark.parametrize("unit", [1e-170, 1e-155, 1e155, 1e300])
@pytest.mark.parametrize("y_scaler", [None, "passthrough"])
def test_y_in_units_beyond_the_range_of_floats(d, unit, y_scaler):
    X, y = SAMPLES[d]
    with pytest.raises(ValueError, match=r"^y is up to .* varies by .*Give y in another unit"):
        SplineInterpolator(y_scaler=y_scaler).fit(X, unit * y)


@each_dimension
@pytest.mark.parametrize("unit", [1e-140, 1e140])
def test_y_in_extreme_units(d, unit):
    X, y = SAMPLES[d]
    found = SplineInterpolator().fit(X, unit * y).jacobian(X)
    assert_allclose(found / unit, SplineInterpolator().fit(X, y).jacobian(X), rtol=1e-6, atol=1e-8)


def test_the_default_degree_is_five():
    assert SplineInterpolator().degree == 5


def test_weights_of_a_surface():
    """Nothing where it goes through the samples; not too far apart where it does not."""
    X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    y, weight = np.sin(3 * X).sum(axis=1), np.append(np.ones(29), 1e50)
    exact = SplineInterpolator(smoothing=0.0).fit(X, y, sample_weight=weight)
    assert_allclose(exact.predict(X), y, atol=1e-10)
    for smoothing in (None, 1e-3):
        with pytest.raises(ValueError, match="sample_weight of places in several features may dif"):
            SplineInterpolator(smoothing).fit(X, y, sample_weight=weight)
