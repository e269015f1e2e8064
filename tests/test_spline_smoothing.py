"""How much splines smooth by themselves, and what rounding leaves of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import make_smoothing_spline

from sk_pydelt.solvers.smoothing_curves import SplineColumns
from sk_pydelt.spline import SplineInterpolator


def slope_error(x, y, slope, degree):
    model = SplineInterpolator(degree=degree).fit(x, y)
    return np.sqrt(np.mean((model.differentiate(1)(x) - slope) ** 2))


def issue_draw(kind, n, seed):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 10, n))
    noise = {
        "normal": lambda: np.sin(t) + 0.1 * rng.standard_normal(n),
        "heavy tails": lambda: np.sin(t) + 0.1 * rng.standard_t(2, n),
        "rounded to 0.02": lambda: np.round(np.sin(t) / 0.02) * 0.02,
        "rounded to 0.1": lambda: np.round(np.sin(t) / 0.1) * 0.1,
    }
    return t, noise[kind](), np.cos(t)


@pytest.mark.parametrize(("n", "degree"), [(30, 3), (30, 5), (60, 7), (120, 5)])
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "rounded to 0.02", "rounded to 0.1"])
def test_no_draw_is_smoothed_too_little(kind, n, degree):
    """Plain cross-validation interpolates the noise in some 3 to 100 % of these draws."""
    draws = [issue_draw(kind, n, seed) for seed in range(24)]
    errors = [slope_error(t[:, None], y, slope, degree) for t, y, slope in draws]
    others = [make_smoothing_spline(t, y).derivative()(t) - slope for t, y, slope in draws]
    worst = max(np.sqrt(np.mean(error**2)) for error in others)
    assert max(errors) < max(5 * np.median(errors), 2 * worst)


@pytest.mark.parametrize(("degree", "error"), [(3, 0.25), (5, 0.09), (7, 0.11)])
def test_noise_whose_cross_validation_is_least_at_interpolation(degree, error):
    t, y, slope = issue_draw("normal", 120, 8)
    assert slope_error(t[:, None], y, slope, degree) < error


@pytest.mark.parametrize("degree", [3, 5, 7])
def test_many_rounded_values(degree):
    t = np.sort(np.random.default_rng(0).uniform(0, 10, 600))
    y = np.round(np.sin(t) / 0.02) * 0.02
    assert slope_error(t[:, None], y, np.cos(t), degree) < 0.0128  # twice that of scipy's spline


@pytest.mark.parametrize("degree", [3, 5])
def test_rounded_values_of_two_features(degree):
    errors = []
    for seed in range(15):
        X = np.random.default_rng(seed).uniform(-2, 2, (80, 2))
        y = np.round(np.sin(X[:, 0]) * np.cos(X[:, 1]) / 0.1) * 0.1
        slope = np.cos(X[:, 0]) * np.cos(X[:, 1])
        found = SplineInterpolator(degree=degree).fit(X, y).gradient(X)[:, 0]
        errors.append(np.sqrt(np.mean((found - slope) ** 2)))
    assert max(errors) < min(0.2, 5 * np.median(errors))


@pytest.mark.parametrize("degree", [3, 5, 7])
def test_a_straight_line_with_noise_has_the_penaltys_null_space_in_the_median(degree):
    x, rng = np.linspace(0, 1, 60)[:, None], np.random.default_rng(0)
    Y = 2 * x + 0.1 * rng.standard_normal((60, 40))
    dof = SplineInterpolator(degree=degree).fit(x, Y).effective_dof_
    assert abs(np.median(dof) - (degree + 1) / 2) < 0.5


@pytest.mark.parametrize(("degree", "error"), [(3, 0.0196), (5, 0.149), (7, 0.240)])
def test_few_samples_without_noise_are_interpolated_as_before(degree, error):
    x, at = np.linspace(-1, 1, 15)[:, None], np.linspace(-1, 1, 201)[:, None]
    model = SplineInterpolator(degree=degree).fit(x, 1 / (1 + 25 * x.ravel() ** 2))
    slope = -50 * at.ravel() / (1 + 25 * at.ravel() ** 2) ** 2
    assert np.sqrt(np.mean((model.differentiate(1)(at) - slope) ** 2)) < error


@pytest.mark.parametrize(("degree", "error"), [(3, 1e-5), (5, 1.2e-6), (7, 3.1e-8)])
def test_a_wave_without_noise_is_interpolated(degree, error):
    def wave(x):
        return np.sin(3 * x) + 0.5 * np.cos(7 * x) * np.exp(-(x**2))

    x, at = np.linspace(-3, 3, 200), np.linspace(-3, 3, 301)
    model = SplineInterpolator(degree=degree).fit(x[:, None], wave(x))
    assert np.sqrt(np.mean((model.predict(at[:, None]) - wave(at)) ** 2)) < error


# Rounding


def legendre_oracle(u, y, lam, m, n_terms=90):
    """The smoothing spline among polynomials: orthogonal, so no differences are lost."""
    legendre = np.polynomial.legendre
    nodes, weights = legendre.leggauss(n_terms + 1)
    rough = legendre.legval(nodes, legendre.legder(np.eye(n_terms), m)).T
    rows = legendre.legvander(u, n_terms - 1) / np.sqrt(len(u)), np.sqrt(lam * weights)[:, None]
    A = np.vstack([rows[0], rows[1] * rough])
    size = np.linalg.norm(A, axis=0)
    known = np.r_[y / np.sqrt(len(u)), np.zeros(len(nodes))]
    return np.linalg.lstsq(A / size, known, rcond=1e-15)[0] / size


@pytest.mark.parametrize("n", [1000, 10_000])
@pytest.mark.parametrize(
    ("degree", "tolerance"), [(3, 1e-5), (5, 1e-5), (7, 2e-5), (9, 1e-4), (11, 3e-4)]
)
def test_many_irregular_samples_are_smoothed_right_at_any_degree(n, degree, tolerance):
    u = np.sort(np.random.default_rng(0).uniform(-1, 1, n))
    u[0], u[-1] = -1, 1
    y = np.sin(5 * u) + 0.1 * np.random.default_rng(1).standard_normal(n)
    m = (degree + 1) // 2
    for bandwidth in (0.1, 0.3):
        lam = bandwidth ** (2 * m)
        options = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
        found = SplineInterpolator(lam, degree, **options).fit(u[:, None], y).predict(u[:, None])
        exact = np.polynomial.legendre.legval(u, legendre_oracle(u, y, lam, m))
        assert np.sqrt(np.mean((found - exact) ** 2)) < tolerance


@pytest.mark.parametrize("degree", [3, 5, 7, 9, 11])
@pytest.mark.parametrize("gap", [1e-9, 1e-7, 1e-6])
@pytest.mark.parametrize("n_together", [3, 6])
def test_bursts_are_their_means(n_together, gap, degree):
    rng = np.random.default_rng(1)
    centres = np.sort(rng.uniform(0, 1, 150))
    t = centres[:, None] + gap * np.arange(n_together)
    y = np.sin(9 * t) + 0.05 * rng.standard_normal(t.shape)
    means = t.mean(axis=1)[:, None], y.mean(axis=1), np.full(150, float(n_together))
    oracle = SplineInterpolator(degree=degree).fit(*means)
    at = np.linspace(0, 1, 200)[:, None]
    for smoothing, tolerance in ((oracle.smoothing_, 1e-4), (None, 1e-2)):
        model = SplineInterpolator(smoothing, degree).fit(t.reshape(-1, 1), y.ravel())
        assert_allclose(model.predict(at), oracle.predict(at), atol=tolerance)
        slopes = model.differentiate(1)(at) / 9, oracle.differentiate(1)(at) / 9
        assert_allclose(*slopes, atol=10 * tolerance)


@pytest.mark.parametrize("degree", [3, 5, 7])
def test_readings_in_bursts_over_a_year(degree):
    h = (np.linspace(0, 8760, 200)[:, None] + [0, 1e-5, 3e-5]).ravel()[:, None]
    noise = 0.01 * np.random.default_rng(0).standard_normal(600)
    y = np.sin(h[:, 0] * 2 * np.pi / 2920) + noise
    assert SplineInterpolator(degree=degree).fit(h, y).score(h, y) > 0.9997


def test_outputs_of_different_smoothness_have_their_own_knots():
    x, rng = (
        np.sort(np.random.default_rng(0).uniform(0, 1, 3000))[:, None],
        np.random.default_rng(3),
    )
    Y = np.column_stack([np.sin(300 * x[:, 0]), x[:, 0], np.cos(x[:, 0])])
    Y += 0.01 * rng.standard_normal(Y.shape)
    model = SplineInterpolator().fit(x, Y)
    assert isinstance(model.spline_, SplineColumns)
    for i, column in enumerate(Y.T):
        alone = SplineInterpolator().fit(x, column)
        assert_allclose(model.predict(x)[:, i], alone.predict(x), atol=1e-8)
        assert_allclose(model.differentiate(1)(x)[:, i], alone.differentiate(1)(x), atol=1e-6)
