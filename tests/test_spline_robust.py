"""Splines that leave outliers out, of curves and surfaces."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_pydelt import SplineInterpolator, interpolation

SIGMA = 0.1


@parametrize_with_checks([SplineInterpolator(robust=True)])
@pytest.mark.filterwarnings("default::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def track(seed, n=300):
    """A position at irregular times, its speed, and which readings are 100 times as far off."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 10, n))
    f = 3 * np.sin(t) + np.sin(2.3 * t + 1) + 0.5 * t
    speed = 3 * np.cos(t) + 2.3 * np.cos(2.3 * t + 1) + 0.5
    clean = f + SIGMA * rng.standard_normal(n)
    wild = rng.choice(n, n // 20, replace=False)
    read = clean.copy()
    read[wild] += 100 * SIGMA * rng.standard_normal(len(wild))
    return t[:, None], f, speed, clean, read


def error(model, X, truth):
    return np.sqrt(np.mean((model.differentiate(1)(X) - truth) ** 2))


def test_a_track_with_outliers_is_nearly_as_good_as_without():
    ratios, lost, held = [], [], []
    for seed in range(8):
        X, f, speed, clean, read = track(seed)
        bare = error(SplineInterpolator().fit(X, clean), X, speed)
        model = SplineInterpolator(robust=True).fit(X, read)
        ratios.append(error(model, X, speed) / bare)
        lost.append(error(SplineInterpolator(robust=True).fit(X, clean), X, speed) / bare)
        values, std = model.predict(X, return_std=True)
        held.append(np.mean(abs(values - f) < 1.96 * std))
        assert model.noise_std_ == pytest.approx(SIGMA, rel=0.25)
    assert np.median(ratios) < 1.3
    assert np.median(lost) < 1.06
    assert 0.9 < np.mean(held) < 0.99


def test_a_surface_with_outliers():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (150, 2))
    f = np.sin(X[:, 0]) * np.cos(X[:, 1])
    clean = f + SIGMA * rng.standard_normal(150)
    read = clean + 10 * (np.arange(150) % 20 == 0)
    bare = SplineInterpolator().fit(X, clean)
    model = SplineInterpolator(robust=True).fit(X, read)
    size = np.std(bare.predict(X) - f)
    assert np.std(model.predict(X) - f) < 1.3 * size
    assert np.std(SplineInterpolator().fit(X, read).predict(X) - f) > 3 * size
    values, std = model.predict(X, return_std=True)
    assert 0.85 < np.mean(abs(values - f) < 1.96 * std) <= 1


def test_a_surface_with_noise_of_the_widest_tails():
    rng = np.random.default_rng(4)
    X = rng.uniform(-2, 2, (120, 2))
    y = np.sin(X[:, 0]) * np.cos(X[:, 1]) + 0.02 * rng.standard_t(1, 120)
    model = SplineInterpolator(degree=3, robust=True).fit(X, y)
    assert model.noise_std_ < 0.1
    assert np.abs(model.predict(X) - np.sin(X[:, 0]) * np.cos(X[:, 1])).max() < 0.3


def test_outputs_are_weighed_each_by_itself():
    X, _, _, clean, read = track(0, 120)
    both = SplineInterpolator(robust=True).fit(X, np.column_stack([read, -clean]))
    alone = [SplineInterpolator(robust=True).fit(X, y) for y in (read, -clean)]
    exact = np.column_stack([model.predict(X) for model in alone])
    assert_allclose(both.predict(X), exact, atol=1e-6)
    assert_allclose(both.noise_std_, [model.noise_std_ for model in alone], rtol=1e-6)


def test_with_a_given_smoothing_and_weights_that_are_copies():
    X, _, _, _, read = track(1, 100)
    counts = 1 + np.arange(100) % 3
    options = {"smoothing": 1e-6, "robust": True, "degree": 3}
    weighted = SplineInterpolator(**options).fit(X, read, counts)
    assert weighted.smoothing_ == 1e-6
    lightest = SplineInterpolator(**options).fit(X, read, counts * 1e-3)
    assert_allclose(lightest.predict(X), weighted.predict(X), rtol=1e-9)


def test_exact_samples_with_outliers():
    t = np.linspace(0, 1, 80)[:, None]
    y = np.sin(5 * t.ravel())
    y[5::13] += 3
    model = SplineInterpolator(robust=True).fit(t, y)
    assert_allclose(model.predict(t), np.sin(5 * t.ravel()), atol=1e-3)


def test_what_is_refused():
    X, *_, read = track(0, 50)
    with pytest.raises(ValueError, match=r"with smoothing=0.0 it goes through all: set smoothing="):
        SplineInterpolator(smoothing=0.0, robust=True).fit(X, read)
    with pytest.raises(ValueError, match="FITPACK's s says how much it is, outliers counted"):
        interpolation.SplineInterpolator(smoothing=3.0, robust=True).fit(X, read)
    drop_in = interpolation.SplineInterpolator(robust=True).fit(X.ravel(), read)
    strict = SplineInterpolator(robust=True).fit(X, read)
    assert_allclose(drop_in.predict(X.ravel()), strict.predict(X), rtol=1e-12)
