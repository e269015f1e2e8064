"""Splines that repeat: against SciPy's, dense algebra and closed forms."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import roughness
from scipy.interpolate import CubicSpline, make_interp_spline
from sklearn.preprocessing import PowerTransformer

from sk_pydelt import SplineInterpolator, interpolation
from sk_pydelt.solvers import smoothing_curves

RNG = np.random.default_rng(0)
RAW = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
PERIOD = 3.0


def wave(t, order=0):
    w = 2 * np.pi / PERIOD
    first = w**order * np.sin(w * t + order * np.pi / 2)
    return first + 0.3 * (3 * w) ** order * np.cos(3 * w * t + order * np.pi / 2)


def noisy(n, sigma=0.1, low=0.0, high=PERIOD):
    t = np.sort(RNG.uniform(low, high, n))
    return t[:, None], wave(t) + sigma * RNG.normal(size=n)


@pytest.mark.parametrize("degree", [1, 3, 5, 7])
def test_interpolation_is_scipys(degree):
    x = np.linspace(0, PERIOD, 31)
    y = wave(x)
    model = SplineInterpolator(0.0, degree, periodic=True).fit(x[:, None], y)
    y[-1] = y[0]
    reference = make_interp_spline(x, y, degree, bc_type="periodic")
    at = np.linspace(-7, 7, 101)
    for order in range(degree):
        found = model.differentiate(order)(at[:, None]) if order else model.predict(at[:, None])
        exact = reference(reference.t[degree] + (at % PERIOD), order)
        assert_allclose(found, exact, atol=1e-9 * max(1, np.abs(exact).max()))
    if degree == 3:
        cubic = CubicSpline(x, y, bc_type="periodic")
        assert_allclose(model.predict(at[:, None]), cubic(at), atol=1e-9)


def smoothing_matrix(x, m, period):
    """K with gᵀKg = ∫(f⁽ᵐ⁾)² over a period of the periodic spline f that interpolates g."""
    ends = np.append(x, x[0] + period)
    splines = make_interp_spline(
        ends, np.eye(len(x))[[*range(len(x)), 0]], 2 * m - 1, bc_type="periodic"
    )
    return roughness(splines, ends, m)


@pytest.mark.parametrize("degree", [1, 3, 5])
def test_it_minimises_its_functional_and_knows_its_errors(degree):
    t, y = noisy(24)
    weight = RNG.uniform(0.5, 2, 24)
    K = smoothing_matrix(t.ravel(), (degree + 1) // 2, PERIOD)
    for lam in (1e-6, 1e-4, 1e-2):
        model = SplineInterpolator(lam, degree, periodic=PERIOD, **RAW).fit(t, y, weight)
        W = np.diag(weight / weight.sum())
        hat = np.linalg.solve(W + lam * K, W)
        values, cov = model.predict(t + 5 * PERIOD, return_cov=True)
        assert_allclose(values, hat @ y, atol=1e-8)
        assert_allclose(model.effective_dof_, np.trace(hat), rtol=1e-8)
        noise = np.sqrt(weight @ (y - hat @ y) ** 2 / (24 - np.trace(hat)))
        assert_allclose(model.noise_std_, noise, rtol=1e-7)
        exact = noise**2 / weight.sum() * np.linalg.inv(W + lam * K)
        assert_allclose(cov, exact, atol=1e-7 * exact.max())


def test_the_error_between_samples_is_that_of_a_sample_without_weight():
    t, y = noisy(20)
    bare = SplineInterpolator(1e-4, periodic=PERIOD, **RAW).fit(t, y)
    at = np.array([0.1234, 2.9])
    more = np.append(t.ravel(), at)
    given = SplineInterpolator(1e-4, periodic=PERIOD, **RAW).fit(
        more[:, None], np.append(y, [0, 0]), np.append(np.ones(20), [1e-13, 1e-13])
    )
    for order in range(3):
        _, std = _with_std(bare, order, at)
        _, exact = _with_std(given, order, at)
        assert_allclose(std / bare.noise_std_, exact / given.noise_std_, rtol=1e-5)


def _with_std(model, order, at):
    call = model.differentiate(order) if order else model.predict
    return call(at[:, None], return_std=True)


def test_everything_repeats_over_many_periods_of_samples():
    t, y = noisy(400, low=-2 * PERIOD, high=5 * PERIOD)
    model = SplineInterpolator(periodic=PERIOD).fit(t, y)
    at = RNG.uniform(0, PERIOD, 20)
    for order in range(4):
        call = model.differentiate(order) if order else model.predict
        assert_allclose(call(at[:, None]), call(at[:, None] + 7 * PERIOD), rtol=1e-8, atol=1e-8)
    assert_allclose(model.differentiate(1)(at[:, None]), wave(at, 1), atol=0.6)
    values, std = model.predict(at[:, None], return_std=True)
    _, far = model.predict(at[:, None] - 4 * PERIOD, return_std=True)
    assert_allclose(std, far, rtol=1e-8)
    assert np.mean(abs(values - wave(at)) < 3 * std) > 0.9
    draws = model.sample(np.array([[0.1], [0.1 + PERIOD]]), 5, random_state=0)
    assert_allclose(draws[:, 0], draws[:, 1], atol=1e-9)
    copy = pickle.loads(pickle.dumps(model))
    assert_allclose(copy.predict(at[:, None], return_std=True)[1], std, rtol=1e-12)


def test_true_takes_the_range_for_the_period():
    t = np.linspace(0, PERIOD, 40)[:, None]
    y = wave(t.ravel()) + 0.05 * RNG.normal(size=40)
    model = SplineInterpolator(periodic=True).fit(t, y)
    assert model.predict([[0.0]]) == pytest.approx(model.predict([[PERIOD]]), rel=1e-9)
    assert isinstance(model.effective_dof_, float)
    merged = np.r_[(y[0] + y[-1]) / 2, y[1:-1]]
    given = SplineInterpolator(
        model.smoothing_, periodic=PERIOD, x_scaler=model.x_scaler_, y_scaler=model.y_scaler_
    )
    given = given.fit(t[:-1], merged, np.r_[2.0, np.ones(38)])
    at = np.linspace(0, PERIOD, 9)[:, None]
    assert_allclose(given.predict(at), model.predict(at), atol=2e-3)


def test_many_samples_are_condensed(monkeypatch):
    t, y = noisy(2000)
    at = np.linspace(0, PERIOD, 30)[:, None]
    full = SplineInterpolator(1e-7, periodic=PERIOD).fit(t, y).predict(at, return_std=True)
    monkeypatch.setattr(smoothing_curves, "MANY", 100)
    few = SplineInterpolator(1e-7, periodic=PERIOD).fit(t, y).predict(at, return_std=True)
    assert_allclose(few, full, atol=1e-3 * full[1].max())


def test_integral_over_a_period_is_that_of_the_mean():
    t, y = noisy(60)
    model = SplineInterpolator(periodic=PERIOD).fit(t, y)
    one = model.integrate(0.0, PERIOD, return_std=True)
    other = model.integrate(1.3, 1.3 + PERIOD, return_std=True)
    assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_few_places():
    for n in (1, 2, 3):
        t = np.linspace(0, 2, n)[:, None]
        model = SplineInterpolator(1e-3, periodic=5.0).fit(t, np.arange(n) % 2 * 1.0)
        assert np.isfinite(model.predict([[0.0], [17.0]])).all()


def test_the_drop_in_takes_curves():
    t, y = noisy(80)
    curve = interpolation.SplineInterpolator(smoothing=0.9, periodic=PERIOD).fit(t.ravel(), y)
    assert curve.predict(0.25) == pytest.approx(curve.predict(0.25 + PERIOD), rel=1e-9)
    assert np.sum((curve.predict(t.ravel()) - y) ** 2) == pytest.approx(0.9, rel=1e-6)


def test_what_is_refused():
    t, y = noisy(30)
    with pytest.raises(ValueError, match="periodic takes one feature; got 2"):
        SplineInterpolator(periodic=True).fit(np.c_[t, t**2], y)
    with pytest.raises(ValueError, match="periodic needs an x_scaler that only scales and shifts"):
        SplineInterpolator(periodic=True, x_scaler=PowerTransformer()).fit(t, y)
    with pytest.raises(ValueError, match="differ by up to .* of the scaled y: give them the same"):
        SplineInterpolator(smoothing=0.0, periodic=True).fit(t, y)
    with pytest.raises(ValueError, match="cannot be of even degree"):
        SplineInterpolator(smoothing=0.0, degree=4, periodic=True).fit(t, y)
    for wrong in (-1.0, 0.0, "day"):
        with pytest.raises(ValueError, match="periodic"):
            SplineInterpolator(periodic=wrong).fit(t, y)
