"""Condensed samples against sums over all samples, and splines of them against the full ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import BSpline

from sk_pydelt.solvers import smoothing_curves
from sk_pydelt.solvers.curve_samples import CurveSamples, Moments
from sk_pydelt.solvers.smoothing_curves import fit_curve

RNG = np.random.default_rng(0)


def samples(n):
    x, weight = np.sort(RNG.uniform(-1, 1, n)), RNG.uniform(0.5, 2, n)
    y = np.column_stack([np.sin(4 * x), x**2]) + 0.1 * RNG.normal(size=(n, 2))
    return CurveSamples(x, y, weight, n, np.zeros(2))


def test_squares_about_lines_and_moments_of_cubics_are_kept():
    many = samples(500)
    few = Moments.of(many).grouped(-1.0, 0.05).grouped(-1.0, 0.2).condensed(many, 0.2)
    assert len(few) <= 20
    assert (np.diff(few.x) > 0).all()
    for k in range(4):  # in one group, so of all
        assert_allclose(few.weight @ few.x**k, many.weight @ many.x**k, rtol=1e-12)
    whole = Moments.of(many).grouped(-1.0, 3.0).condensed(many, 3.0)
    assert len(whole) == 2
    for a, b in ((0.3, -0.7), (2.0, 5.0)):
        exact = many.weight @ (many.y - (a + b * many.x)[:, None]) ** 2
        found = whole.weight @ (whole.y - (a + b * whole.x)[:, None]) ** 2 + whole.within
        assert_allclose(found, exact, rtol=1e-12)


@pytest.mark.parametrize("degree", [1, 3, 5, 7])
def test_splines_of_condensed_samples_are_those_of_all(degree, monkeypatch):
    many = samples(3000)
    arguments = many.x[:, None], many.y, many.weight, degree
    at = np.linspace(-1, 1, 50)
    for lam in (0.1 ** (degree + 1), 0.4 ** (degree + 1), None):
        monkeypatch.setattr(smoothing_curves, "MANY", 3000)
        full, _, dof, posteriors = fit_curve(*arguments, lam)
        monkeypatch.setattr(smoothing_curves, "MANY", 100)
        few, _, dof_few, posteriors_few = fit_curve(*arguments, lam)
        knots = few.t if isinstance(few, BSpline) else few.parts[0][1].t
        assert lam is None or len(knots) < 2000
        scale = 5e-2 if degree == 1 or lam is None else 1e-3  # scores are flat at their least
        assert_allclose(dof_few, dof, rtol=3 * scale)
        assert_allclose(few(at), full(at), atol=scale * 0.1)  # of the noise
        pairs = zip(posteriors_few, posteriors)
        assert all(abs(a.variance / b.variance - 1) < scale for a, b in pairs)


def test_a_curve_that_needs_all_samples_keeps_them(monkeypatch):
    x = np.linspace(0, 1, 600)
    y = np.sin(200 * x)[:, None]
    monkeypatch.setattr(smoothing_curves, "MANY", 100)
    spline, *_ = fit_curve(x[:, None], y, np.ones(600), 5, None)
    assert_allclose(spline(x, 1)[50:-50, 0], 200 * np.cos(200 * x)[50:-50], atol=0.2)
