"""Surfaces of few knots against dense algebra, differences, and splines of all places."""

import pickle

import numpy as np
import pytest
import skops.io
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.spatial.distance import cdist

from sk_pydelt import SplineInterpolator, spline_fit
from sk_pydelt.jets import Jet
from sk_pydelt.solvers import surface_knots
from sk_pydelt.solvers.polyharmonic import PolyharmonicSpline
from sk_pydelt.solvers.sample_cells import Cells, in_cells
from sk_pydelt.solvers.smoothing_surfaces import _solve_directly, _solve_on_spectrum
from sk_pydelt.solvers.surface_knots import KnotSurface
from sk_pydelt.solvers.surface_modes import SurfaceModes, distance_kernel
from sk_pydelt.trusted import TRUSTED_TYPES

RNG = np.random.default_rng(0)


def field(X):
    return np.sin(3 * X[:, 0]) * np.cos(2 * X[:, 1])


def gradient(X):
    u, v = 3 * X[:, 0], 2 * X[:, 1]
    return np.column_stack([3 * np.cos(u) * np.cos(v), -2 * np.sin(u) * np.sin(v)])


def samples(n, sigma=0.05):
    X = RNG.uniform(-1, 1, (n, 2))
    return X, field(X) + sigma * RNG.normal(size=n)


@pytest.fixture
def few(monkeypatch):
    """Surfaces of more than 200 places have 150 knots."""
    monkeypatch.setattr(spline_fit, "MAX_CENTRES", 200)
    monkeypatch.setattr(surface_knots, "MOST_KNOTS", 150)


def monomials_to(X, degree):
    return np.column_stack(
        [X[:, 0] ** i * X[:, 1] ** (k - i) for k in range(degree + 1) for i in range(k + 1)]
    )


@pytest.mark.parametrize("degree", [1, 3, 5])
def test_values_trace_and_covariance_are_those_of_dense_algebra(degree, monkeypatch):
    monkeypatch.setattr(surface_knots, "MOST_KNOTS", 25)
    (X, y), weight, lam = samples(80), RNG.uniform(0.5, 2, 80), 1e-4
    surface = KnotSurface(Cells(X, y[:, None], weight, np.zeros(1)), degree)
    knots, m = surface.knots, (degree + 1) // 2
    assert 15 < len(knots) <= 30
    Z, T = null_space(monomials_to(knots, m - 1).T), monomials_to(X, m - 1)
    design = np.hstack([distance_kernel(cdist(X, knots), degree) @ Z, T])
    W, penalty = np.diag(weight / weight.sum()), np.zeros((design.shape[1],) * 2)
    penalty[: Z.shape[1], : Z.shape[1]] = Z.T @ distance_kernel(cdist(knots, knots), degree) @ Z
    inner = np.linalg.inv(design.T @ W @ design + lam * penalty)
    hat = design @ inner @ design.T @ W
    smoothed = surface.smooth(0, 80, lam)
    assert_allclose(80 - smoothed.trace, np.trace(hat), rtol=1e-8)
    assert_allclose(smoothed.squares, np.diag(W) @ (y - hat @ y) ** 2, rtol=1e-8)
    c, tail = surface.coefficients(np.array([lam]))
    spline = PolyharmonicSpline(knots, c, surface.straight.origin, tail, degree)
    assert_allclose(spline(X)[:, 0], hat @ y, atol=1e-8)
    posterior = surface.posterior(lam, smoothed)
    root = posterior.root(Jet.variables(X, 0), (0, 0))
    exact = design @ inner @ design.T * posterior.variance / weight.sum()
    assert_allclose(root @ root.T, exact, atol=1e-8 * exact.max())
    assert_allclose(posterior.variance, weight @ (y - hat @ y) ** 2 / (80 - np.trace(hat)))


def test_cells_hold_means_and_squares():
    X, y = samples(3000)
    weight = RNG.uniform(0.5, 2, 3000)
    cells = in_cells(X, y[:, None], weight, 400)
    assert 280 <= len(cells.X) <= 500
    assert_allclose(cells.weight.sum(), weight.sum())
    assert_allclose(cells.weight @ cells.X, weight @ X)
    assert_allclose(cells.weight @ cells.y[:, 0], weight @ y)
    assert_allclose(cells.weight @ cells.y[:, 0] ** 2 + cells.within, weight @ y**2)


def test_cells_where_most_of_the_box_is_empty():
    t = RNG.uniform(-1, 1, 2000)
    X = np.column_stack([t, t + 1e-3 * RNG.normal(size=2000), np.full(2000, 3.0)])
    assert 280 <= len(in_cells(X, t[:, None], np.ones(2000), 400).X) <= 600


def test_derivatives_are_as_good_as_with_all_places(few, monkeypatch):
    X, y = samples(500)
    at = RNG.uniform(-1, 1, (200, 2))
    model = SplineInterpolator().fit(X, y)
    assert len(model.spline_.centres) < 200
    monkeypatch.setattr(spline_fit, "MAX_CENTRES", 500)
    full = SplineInterpolator().fit(X, y)
    errors = [np.std(m.gradient(at) - gradient(at)) for m in (model, full)]
    assert errors[0] < 1.1 * errors[1]
    assert_allclose(model.effective_dof_, full.effective_dof_, rtol=0.1)
    assert_allclose(model.noise_std_, full.noise_std_, rtol=0.02)
    for index in ((0, 0), (1, 0)):
        (_, std), (_, exact) = (
            (m.differentiate(index) if any(index) else m.predict)(at, return_std=True)
            for m in (model, full)
        )
        assert_allclose(np.mean(std), np.mean(exact), rtol=0.05)


def test_error_bars_hold_and_belong_to_draws(few):
    X, y = samples(400)
    model = SplineInterpolator().fit(X, y)
    at = RNG.uniform(-0.9, 0.9, (100, 2))
    values, std = model.predict(at, return_std=True)
    assert np.mean(abs(values - field(at)) < 1.96 * std) > 0.85
    _, cov = model.predict(at, return_cov=True)
    assert_allclose(np.sqrt(np.diagonal(cov)), std, rtol=1e-8)
    step = 1e-4
    _, near = model.predict(np.vstack([at[:1] + [step, 0], at[:1] - [step, 0]]), return_cov=True)
    difference = (near[0, 0] - near[0, 1] - near[1, 0] + near[1, 1]) / (2 * step) ** 2
    _, of_slope = model.differentiate((1, 0))(at[:1], return_std=True)
    assert_allclose(of_slope**2, difference, rtol=1e-4)
    draws = model.sample(at, 2000, random_state=0)
    assert_allclose(draws.std(axis=0), std, rtol=0.15)
    for again in (
        pickle.loads(pickle.dumps(model)),
        skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ):
        assert_allclose(again.predict(at, return_std=True), (values, std), rtol=1e-9)


def test_robust_several_outputs_and_what_was_not_measured(few):
    X, y = samples(400)
    wild = y + 20 * (np.arange(400) % 20 == 0)
    model = SplineInterpolator(robust=True).fit(X, np.column_stack([wild, -y]))
    assert np.abs(model.predict(X) - np.column_stack([field(X), -field(X)])).max() < 0.2
    y[::7] = np.nan
    alone = SplineInterpolator(1e-6).fit(X, np.column_stack([y, field(X)]))
    measured = ~np.isnan(y)
    single = SplineInterpolator(1e-6).fit(X[measured], y[measured])
    assert np.std(alone.predict(X)[:, 0] - single.predict(X)) < 0.01
    assert alone.predict(X, return_std=True)[1].shape == (400, 2)


def test_surfaces_of_three_to_five_features_and_no_more(few):
    for d in (3, 4, 5):
        X = RNG.uniform(-1, 1, (400, d))
        model = SplineInterpolator(degree=3).fit(X, X[:, 0] ** 2 + X[:, -1])
        assert len(model.spline_.centres) < 400
        at = RNG.uniform(-0.8, 0.8, (20, d))
        assert_allclose(model.gradient(at)[:, -1], 1, atol=0.4)
    X = RNG.uniform(-1, 1, (201, 6))
    with pytest.raises(ValueError, match="of more than 5 features takes at most 200 .* got 201"):
        SplineInterpolator().fit(X, X[:, 0])


def test_interpolation_takes_kernels_at_all_places(few):
    with pytest.raises(ValueError, match="goes through at most 200 places .* got 300 places"):
        SplineInterpolator(smoothing=0.0).fit(*samples(300))


def test_more_detail_than_the_knots_can_follow_warns(few):
    X = RNG.uniform(-1, 1, (1500, 2))
    with pytest.warns(UserWarning, match="more detail than .* kernels can follow, which take"):
        SplineInterpolator().fit(X, np.sin(12 * X[:, 0]) * np.cos(12 * X[:, 1]))


def test_a_given_smoothing_needs_no_spectrum():
    X, y = samples(150)
    y, weight = np.column_stack([y, X[:, 0]]), RNG.uniform(0.5, 2, 150)
    for degree in (1, 3, 5):
        for lam in (1e-8, 1e-3):
            modes = SurfaceModes(X, weight, degree)
            direct = _solve_directly(modes, y, lam)
            exact = _solve_on_spectrum(modes, y, lam, 2.0, 0.0)
            assert_allclose(direct[1], exact[1], atol=1e-7 * np.abs(exact[1]).max())
            for one, other in zip(direct[2], exact[2]):
                assert_allclose(one, other, rtol=1e-6, atol=1e-12)
