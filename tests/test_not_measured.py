"""NaN in y: what was not measured counts nothing, in every estimator, solver and backend."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, StandardScaler

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    interpolation,
)
from sk_pydelt.samples import Samples

T = np.linspace(0, 3, 24).reshape(-1, 1)
BOTH = np.column_stack([np.sin(T), np.cos(T)])
RATES = np.stack([np.cos(T), -np.sin(T)], axis=1)  # (n, m, d)
APART = BOTH.copy()
APART[::2, 0] = APART[1::2, 1] = np.nan  # outputs measured in turn
FIELD = np.random.default_rng(0).uniform(-1, 1, (40, 2))
PLANES = np.column_stack([np.sin(FIELD[:, 0]) * FIELD[:, 1], FIELD[:, 0] ** 2])
HOLES = PLANES.copy()
HOLES[:13, 0] = HOLES[20:30, 1] = np.nan


def net(**parameters):
    defaults = {"hidden_layers": (8,), "solver": "lm", "epochs": 150, "random_state": 0}
    return NeuralNetworkInterpolator(**defaults | parameters)


def bayesian(**parameters):
    return BayesianNeuralNetworkInterpolator((6,), "tanh", random_state=0, **parameters)


NETS = {
    "lm": net(),
    "lbfgs": net(solver="lbfgs", epochs=500),
    "adam": net(solver="adam", epochs=4000, learning_rate=0.01),
    "batches": net(solver="adam", epochs=1000, learning_rate=0.01, batch_size=6),
    "tensorflow lm": net(backend="tensorflow"),
    "tensorflow lbfgs": net(backend="tensorflow", solver="lbfgs", epochs=500),
    "tensorflow adam": net(backend="tensorflow", solver="adam", epochs=4000, learning_rate=0.01),
    "bayesian": bayesian(),
}
each_net = pytest.mark.parametrize("name", NETS)


def model(name):
    if name.startswith("tensorflow"):
        pytest.importorskip("tensorflow")
    return NETS[name]


@each_net
def test_outputs_may_be_measured_at_different_places(name):
    fitted = model(name).fit(T, APART)
    tolerance = 0.05 if name == "batches" else 0.02
    assert_allclose(fitted.predict(T), BOTH, atol=tolerance)
    assert_allclose(fitted.jacobian(T)[2:-2], RATES[2:-2], atol=8 * tolerance)


@each_net
def test_slopes_may_be_known_where_values_are_not(name):
    """A sine from three values, and its slope everywhere."""
    y = np.where(np.isin(np.arange(24), [0, 11, 23]), np.sin(T.ravel()), np.nan)
    fitted = model(name).fit(T, y, dy=np.cos(T))
    assert_allclose(fitted.predict(T), np.sin(T.ravel()), atol=0.05)
    slopes = np.where(np.isnan(y), np.cos(T.ravel()), np.nan)  # one or the other in each row
    fitted = model(name).fit(T, y, dy=slopes)
    assert_allclose(fitted.predict(T), np.sin(T.ravel()), atol=0.05)


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
@pytest.mark.parametrize("weight", [None, np.linspace(0.1, 2, 24)], ids=["plain", "weighted"])
def test_the_loss_is_the_mean_over_what_was_measured(backend, weight):
    if backend == "tensorflow":
        pytest.importorskip("tensorflow")
    start = net(solver="adam", epochs=1, backend=backend, learning_rate=1e-12)  # stays where it is
    with pytest.warns(ConvergenceWarning, match="hardly more than|further from it"):
        start.fit(T, APART, weight)
    errors = start.y_scaler_.transform(start.predict(T)) - start.y_scaler_.transform(APART)
    shares = ~np.isnan(errors) * (np.ones(24) if weight is None else weight)[:, None]
    expected = np.nansum(shares * errors**2) / shares.sum()
    assert start.loss_curve_[0] == pytest.approx(expected, rel=1e-6)


def test_an_output_without_gaps_is_fitted_as_if_alone_by_least_squares():
    """Of nets without hidden bends: outputs of a linear net share nothing."""
    y = BOTH.copy()
    y[::3, 1] = np.nan
    line = net(activation="identity", hidden_layers=(2,), epochs=200)
    found = line.fit(T, y).predict(T)
    expected = np.polynomial.Polynomial.fit(T.ravel(), y[:, 0], 1)(T.ravel())
    assert_allclose(found[:, 0], expected, atol=1e-5)
    kept = ~np.isnan(y[:, 1])
    expected = np.polynomial.Polynomial.fit(T[kept, 0], y[kept, 1], 1)(T.ravel())
    assert_allclose(found[:, 1], expected, atol=1e-5)


def test_bayesian_noise_and_bands_go_by_what_is_known():
    noise = np.random.default_rng(1).normal(0, [0.02, 0.2], (300, 2))
    x = np.linspace(0, 6, 300).reshape(-1, 1)
    y = np.column_stack([np.sin(x), np.cos(x)]) + noise
    y[100:, 1] = np.nan
    fitted = bayesian().fit(x, y)
    assert_allclose(fitted.noise_std_, [0.02, 0.2], rtol=0.15)
    _, std = fitted.predict(x, return_std=True)
    assert std[280, 1] > 3 * std[50, 1]  # far from where the second was measured


SPLINES = [
    SplineInterpolator(),
    SplineInterpolator(smoothing=0.0, degree=3),
    SplineInterpolator(smoothing=1e-6),
    interpolation.SplineInterpolator(smoothing=0.01),
    interpolation.SplineInterpolator(degree=4),
    interpolation.SplineInterpolator(smoothing=0.02, degree=7),
]


@pytest.mark.parametrize("spline", SPLINES, ids=str)
@pytest.mark.parametrize("weight", [None, np.linspace(0.1, 2, 24)], ids=["plain", "weighted"])
def test_each_output_of_a_spline_is_fitted_to_its_own_rows(spline, weight):
    spline.set_params(x_scaler="passthrough", y_scaler="passthrough")  # λ is in scaled units
    together = spline.fit(T, APART, weight)
    found = together.predict(T), together.differentiate(2)(T), together.smoothing_
    for i in range(2):
        if spline.degree == 7 and i:
            break  # one λ for both
        rows = ~np.isnan(APART[:, i])
        alone = spline.fit(T[rows], APART[rows, i], None if weight is None else weight[rows])
        if spline.degree == 7:
            assert_allclose(found[0][:, i], BOTH[:, i], atol=0.2)
            continue
        places = T[rows]
        assert_allclose(found[0][rows, i], alone.predict(places), rtol=1e-6, atol=1e-8)
        assert found[1].shape == (24, 2)


@pytest.mark.parametrize("smoothing", [None, 0.0])
def test_each_output_of_a_surface_is_fitted_to_its_own_rows(smoothing):
    scalers = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
    spline = SplineInterpolator(smoothing, **scalers)
    found = spline.fit(FIELD, HOLES)
    values, slopes, hessians = found.predict(FIELD), found.jacobian(FIELD), found.hessian(FIELD)
    for i in range(2):
        rows = ~np.isnan(HOLES[:, i])
        alone = SplineInterpolator(smoothing, **scalers).fit(FIELD[rows], HOLES[rows, i])
        assert_allclose(values[:, i], alone.predict(FIELD), rtol=1e-9, atol=1e-9)
        assert_allclose(slopes[:, i], alone.jacobian(FIELD)[:, 0], rtol=1e-7, atol=1e-7)
        assert_allclose(hessians[:, i], alone.hessian(FIELD), rtol=1e-6, atol=1e-6)


def test_outputs_of_few_places_have_a_lower_degree_beside_others():
    y = BOTH.copy()
    y[3:, 1] = np.nan
    fitted = SplineInterpolator(smoothing=0.0, degree=5).fit(T, y)
    alone = SplineInterpolator(smoothing=0.0, degree=5).fit(T[:3], y[:3, 1])
    assert_allclose(fitted.predict(T)[:, 1], alone.predict(T), atol=1e-9)
    assert_array_equal(fitted.differentiate(3)(T)[:, 1], 0)
    assert_allclose(fitted.differentiate(3)(T)[5:-5, 0], -np.cos(T[5:-5, 0]), atol=0.01)


def test_weights_are_copies_where_values_are_missing_too():
    weight = np.arange(24) % 3
    for estimator in (net(epochs=5), bayesian(max_iter=10), SplineInterpolator(smoothing=1e-5)):
        weighted = estimator.fit(T, APART, weight).predict(T)
        repeated = estimator.fit(T.repeat(weight, axis=0), APART.repeat(weight, axis=0)).predict(T)
        assert_allclose(weighted, repeated, atol=1e-6)


@pytest.mark.parametrize("estimator", [net(epochs=3), bayesian(max_iter=3), SplineInterpolator()])
def test_a_row_of_nothing_is_refused(estimator):
    gap = np.where(T.ravel() > 2.5, np.nan, BOTH[:, 0])
    for y in (gap, gap[:, None], np.column_stack([gap, gap])):
        with pytest.raises(ValueError, match="Input y contains NaN, and in 4 of 24 rows nothing"):
            estimator.fit(T, y)
    masked = np.ma.array(BOTH[:, 0], mask=T.ravel() > 2.5)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        estimator.fit(T, masked)
    unknown = np.column_stack([BOTH[:, 0], np.full(24, np.nan)])
    with pytest.raises(ValueError, match="NaN alone for output 1"):
        estimator.fit(T, unknown)


def test_a_row_without_a_value_and_a_slope_is_refused():
    gap = np.where(T.ravel() > 2.5, np.nan, BOTH[:, 0])
    slopes = np.where(T > 2.8, np.nan, np.cos(T))
    with pytest.raises(ValueError, match="in 2 of 24 rows nothing else is known"):
        net().fit(T, gap, dy=slopes)
    with pytest.raises(ValueError, match="NaN alone for output 0"):
        net().fit(T, np.full(24, np.nan), dy=np.cos(T))


def test_scalers_go_by_what_is_known():
    fitted = net(epochs=2).fit(T, APART)
    assert_allclose(fitted.y_scaler_.mean_, np.nanmean(APART, axis=0), rtol=1e-12)
    far = net(epochs=2).fit(T, 1e9 + 1e-3 * APART)
    centred = far.y_scaler_.transform(1e9 + 1e-3 * APART)
    assert_allclose(np.nanstd(centred, axis=0), 1, rtol=1e-6)
    ranged = net(epochs=2, y_scaler=MinMaxScaler()).fit(T, APART)
    assert_allclose(ranged.y_scaler_.data_max_, np.nanmax(APART, axis=0))


def test_scalers_that_mix_outputs_or_bend_slopes_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        net(y_scaler=PCA()).fit(T, APART)
    gap = np.where(T.ravel() > 2.5, np.nan, np.exp(T.ravel()))
    dy = np.exp(T)
    with pytest.raises(ValueError, match="no fixed rate.*StandardScaler"):
        net(y_scaler=PowerTransformer()).fit(T, gap, dy=dy)
    for scaler in (StandardScaler(), MinMaxScaler(clip=True)):
        fitted = net(y_scaler=scaler).fit(T, gap, dy=dy)
        assert_allclose(fitted.predict(T), np.exp(T.ravel()), rtol=0.02)


def test_early_stopping_with_gaps():
    fitted = net(solver="adam", early_stopping=True, patience=5, epochs=40).fit(T, APART)
    assert np.all(np.isfinite(fitted.validation_loss_curve_))


def test_samples_know_what_they_know():
    samples = Samples(T, APART, np.arange(24.0) + 1)
    assert_array_equal(samples.targets[0], [0, 1])
    assert_array_equal(samples.counts[:2], [[0, 1], [2, 0]])
    assert samples.loss_weights.mean() == pytest.approx(1)
    first, second = samples.outputs()
    assert_array_equal(first.X, T[1::2])
    assert_array_equal(second.weight, np.arange(24.0)[::2] + 1)
    twice = Samples(T.repeat(2, axis=0), APART.repeat(2, axis=0)).distinct()
    assert_array_equal(twice.weight, 2)
    assert len(twice) == 24


@pytest.mark.parametrize("name", ["plain", "masked", "weighted"])
def test_a_score_leaves_out_what_was_not_measured(name):
    rng = np.random.default_rng(0)
    x = np.linspace(0, 6, 40)[:, None]
    Y = np.column_stack([np.sin(x), np.cos(x)]) + 0.1 * rng.standard_normal((40, 2))
    model, weight = SplineInterpolator().fit(x, Y), rng.uniform(0.5, 2, 40)
    known = rng.uniform(size=Y.shape) < 0.6
    given = np.ma.array(Y, mask=~known) if name == "masked" else np.where(known, Y, np.nan)
    weights = {"sample_weight": weight} if name == "weighted" else {}
    expected = [
        r2_score(
            Y[rows, j],
            model.predict(x)[rows, j],
            sample_weight=weight[rows] if weights else None,
        )
        for j, rows in enumerate(known.T)
    ]
    assert_allclose(model.score(x, given, **weights), np.mean(expected), rtol=1e-12)
    assert_allclose(model.score(x, Y, **weights), r2_score(Y, model.predict(x), **weights))


def test_what_has_no_score():
    x = np.linspace(0, 6, 40)[:, None]
    y = np.sin(x[:, 0])
    model = SplineInterpolator().fit(x, y)
    with pytest.raises(ValueError, match="of no output are two values known"):
        model.score(x, np.full(40, np.nan))
    with pytest.raises(ValueError, match="y holds dates or durations"):
        model.score(x, (1000 * y).astype("timedelta64[ms]"))
    with pytest.raises(ValueError, match="sample_weight contains NaN"):
        model.score(x, y, sample_weight=np.ma.array(np.ones(40), mask=np.arange(40) == 3))


def test_a_search_over_outputs_measured_at_different_places():
    x = np.linspace(0, 6, 60)[:, None]
    Y = np.column_stack([np.sin(x), np.cos(x)])
    Y[::2, 0], Y[1::2, 1] = np.nan, np.nan
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(SplineInterpolator(), {"smoothing": [0.0, 10.0]}, cv=folds).fit(x, Y)
    assert search.best_params_ == {"smoothing": 0.0}
    assert search.best_score_ > 0.99
