"""Known derivatives as data: the chain rule through scalers, the loss, the fit, and refusals."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import CENTRES, SPREADS, Quadratic, hard_X
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
)
from torch_modules import Residual, plain

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    interpolation,
)
from sk_pydelt.sobolev import scaled_slopes

BACKENDS = ("pytorch", "tensorflow")
STILL = 1e-300  # a learning rate that leaves the weights where they are


class Field:
    """Two functions of two features of very unequal size, and their Jacobian."""

    @staticmethod
    def unit(X):
        return (X - CENTRES[:2]) / SPREADS[:2]

    def __call__(self, X):
        u, v = self.unit(X).T
        return np.column_stack([1e5 * (3 + np.sin(u) * v), 1e-4 * np.exp(0.5 * u - v)])

    def jacobian(self, X):
        u, v = self.unit(X).T
        e = 1e-4 * np.exp(0.5 * u - v)
        first = np.column_stack([1e5 * np.cos(u) * v, 1e5 * np.sin(u)])
        return np.stack([first, np.column_stack([0.5 * e, -e])], axis=1) / SPREADS[:2]


X = hard_X(20, 2)
Y = Field()(X)
DY = Field().jacobian(X)

X_SCALERS = {
    "min-max": MinMaxScaler((-1, 1)),
    "standard": StandardScaler(),
    "power": make_pipeline(StandardScaler(), PowerTransformer()),
    "whitened": make_pipeline(StandardScaler(), PCA(whiten=True)),
    "kernels": make_pipeline(StandardScaler(), Nystroem(n_components=5, random_state=0)),
}
Y_SCALERS = {
    "standard": StandardScaler(),
    "logarithm": FunctionTransformer(np.log, np.exp),
    "power": PowerTransformer(method="box-cox"),
    "rotated": make_pipeline(StandardScaler(), PCA()),
}


@pytest.mark.parametrize("x_scaler", X_SCALERS.values(), ids=X_SCALERS)
@pytest.mark.parametrize("y_scaler", Y_SCALERS.values(), ids=Y_SCALERS)
def test_slopes_are_those_of_the_scaled_function(x_scaler, y_scaler):
    """By central differences of the scalers themselves."""
    x_scaler.fit(X)
    y_scaler.fit(Y)
    slopes = scaled_slopes(DY, X, Y, x_scaler, y_scaler, None)
    assert slopes.known.all()
    assert_allclose((slopes.directions**2).sum(axis=2).mean(axis=0), 1, rtol=1e-12)
    for a, step in enumerate(np.diag(1e-4 * SPREADS[:2])):
        places = X + step, X - step
        size = 2 * step[a] * slopes.units[a]
        moved = np.subtract(*map(x_scaler.transform, places)) / size
        assert_allclose(slopes.directions[:, a], moved, rtol=1e-5, atol=1e-5)
        changed = np.subtract(*(y_scaler.transform(Field()(P)) for P in places)) / size
        scale = abs(slopes.target[:, a]).max()
        assert_allclose(slopes.target[:, a], changed, rtol=1e-5, atol=1e-5 * scale)


def test_what_is_unknown_spoils_only_what_it_goes_into():
    dy = DY.copy()
    dy[0, 1, 0] = dy[5] = np.nan
    apart = scaled_slopes(dy, X, Y, MinMaxScaler().fit(X), StandardScaler().fit(Y), None)
    assert_array_equal(apart.known, ~np.isnan(dy).swapaxes(1, 2))
    assert np.isfinite(apart.target).all()
    mixed = make_pipeline(StandardScaler(), PCA()).fit(Y)
    mixed = scaled_slopes(dy, X, Y, MinMaxScaler().fit(X), mixed, None)
    assert_array_equal(mixed.known[0], [[False, False], [True, True]])
    assert mixed.known.sum() == apart.known.sum() - 1


def scaled_loss(model, X, y, dy, weight, dy_weight):
    """The documented loss, from what the fitted estimator itself says of its function."""
    y_scale, x_scale = model.y_scaler_.scale_, 1 / model.x_scaler_.scale_
    values = ((model.predict(X) - y) / y_scale) ** 2
    slopes = ((model.jacobian(X) - dy) * x_scale / y_scale[:, None]) ** 2
    shares = np.broadcast_to(weight[:, None, None], dy.shape)[~np.isnan(dy)]
    loss = np.average(values.mean(axis=1), weights=weight)
    return loss + dy_weight * np.average(slopes[~np.isnan(dy)], weights=shares)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [{}, {"batch_size": 6}, {"module": "own"}], ids=str)
def test_the_loss_is_the_documented_one(backend, options):
    if options:
        options = options | own(backend) if "module" in options else options
    dy = DY.copy()
    dy[::3, 0, 1] = dy[7] = np.nan
    weight = np.random.RandomState(0).uniform(0.5, 2, len(X)).round(2)
    net = NeuralNetworkInterpolator(
        (5, 4), epochs=1, learning_rate=STILL, backend=backend, random_state=0, **options
    )
    net.fit(X, Y, weight, dy=dy, dy_weight=0.7)
    expected = scaled_loss(net, X, Y, dy, weight, 0.7)
    assert net.loss_curve_[0] == pytest.approx(expected, rel=1e-9)


def own(backend):
    if backend == "pytorch":
        return {"module": plain}
    from keras_modules import branches

    return {"module": branches}


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_loss_held_out_is_that_of_the_rows_held_out(backend):
    net = NeuralNetworkInterpolator(
        (5,), epochs=1, learning_rate=STILL, early_stopping=True, backend=backend, random_state=0
    )
    net.fit(X, Y, dy=DY)
    losses = {}
    for rows in (range(20), range(4)):
        losses[len(rows)] = scaled_loss(net, X[rows], Y[rows], DY[rows], np.ones(len(rows)), 1.0)
    total = 0.8 * net.loss_curve_[0] + 0.2 * net.validation_loss_curve_[0]
    assert total == pytest.approx(losses[20], rel=1e-9)
    assert net.validation_loss_curve_[0] != pytest.approx(net.loss_curve_[0])


EXACT = Quadratic.random(2, 2)
FITS = {
    "adam": {"solver": "adam", "epochs": 700, "learning_rate": 1e-2},
    "lbfgs": {"solver": "lbfgs", "epochs": 400},
    "lm": {"solver": "lm", "epochs": 150},
    "adam, tensorflow": {"epochs": 700, "learning_rate": 1e-2, "backend": "tensorflow"},
    "lbfgs, tensorflow": {"solver": "lbfgs", "epochs": 400, "backend": "tensorflow"},
}


def errors(model, jacobian=None):
    """Relative errors of the Jacobian at places between the samples."""
    T = np.random.RandomState(1).uniform(-0.9, 0.9, (200, 2))
    truth = EXACT.jacobian(T)
    return np.sqrt(np.mean((model.jacobian(T) - truth) ** 2) / np.mean(truth**2))


@pytest.mark.parametrize("options", FITS.values(), ids=FITS)
def test_known_derivatives_bring_the_fit_nearer(options):
    """Fourteen samples are too few for a quadratic field; with their Jacobians they are plenty."""
    without, known = [], []
    for seed in range(3):
        P = np.random.RandomState(10 + seed).uniform(-1, 1, (14, 2))
        net = NeuralNetworkInterpolator((16,), random_state=seed, **options)
        without.append(errors(net.fit(P, EXACT(P))))
        known.append(errors(net.fit(P, EXACT(P), dy=EXACT.jacobian(P))))
    assert np.median(known) < 0.5 * np.median(without)
    assert np.median(known) < 0.1


def test_units_change_nothing():
    unit, scaled = Field.unit(X), Y / [1e5, 1e-4]
    dy = DY * SPREADS[:2] / np.array([1e5, 1e-4])[:, None]
    for model in (
        NeuralNetworkInterpolator((6,), solver="lm", epochs=10, random_state=0),
        BayesianNeuralNetworkInterpolator((5,), "tanh", max_iter=15, random_state=0),
    ):
        near = model.fit(unit, scaled, dy=dy).jacobian(unit)
        far = model.fit(X, Y, dy=DY).jacobian(X)
        back = far * SPREADS[:2] / np.array([1e5, 1e-4])[:, None]
        assert_allclose(back, near, rtol=2e-4, atol=2e-4 * abs(near).max())


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_count_as_copies_slopes_included(backend):
    weight = np.array([1, 2, 3, 0] * 5)
    dy = DY.copy()
    dy[::2, 1] = np.nan
    options = {"solver": "lbfgs", "epochs": 8, "random_state": 0, "backend": backend}
    weighted = NeuralNetworkInterpolator((5,), x_scaler=MinMaxScaler(), **options)
    weighted.fit(X, Y, weight, dy=dy)
    rows = np.repeat(np.arange(len(X)), weight)
    copied = NeuralNetworkInterpolator((5,), x_scaler=MinMaxScaler(), **options)
    copied.fit(X[rows], Y[rows], dy=dy[rows])
    assert_allclose(weighted.predict(X), copied.predict(X), rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("nothing", ["all unknown", "no weight"])
def test_what_says_nothing_changes_nothing(backend, nothing):
    net = NeuralNetworkInterpolator((5,), solver="lbfgs", epochs=5, random_state=0, backend=backend)
    plain = net.fit(X, Y).predict(X)
    if nothing == "all unknown":
        net.fit(X, Y, dy=np.full_like(DY, np.nan))
    else:
        net.fit(X, Y, dy=DY, dy_weight=0)
    assert_allclose(net.predict(X), plain, rtol=1e-8)


SHAPES = {  # d, whether y has columns: the shapes that dy may have
    (2, 0): [(20, 2), (20, 1, 2)],
    (2, 2): [(20, 2, 2)],
    (1, 0): [(20,), (20, 1), (20, 1, 1)],
    (1, 2): [(20, 2), (20, 2, 1)],
}


@pytest.mark.parametrize(("d", "m"), SHAPES)
def test_shapes_of_dy(d, m):
    y, dy = (Y[:, :m], DY[:, :m, :d]) if m else (Y[:, 0], DY[:, :1, :d])
    net = NeuralNetworkInterpolator((4,), solver="lbfgs", epochs=3, random_state=0)
    found = [net.fit(X[:, :d], y, dy=dy.reshape(s)).predict(X[:, :d]) for s in SHAPES[d, m]]
    for other in found[1:]:
        assert_array_equal(other, found[0])
    assert net.fit(X[:, :d], y, dy=dy).differentiate(1)(X[:, :d]).shape in SHAPES[d, m]


def test_columns_of_slopes_are_not_mixed_up():
    """Each entry of an exact linear Jacobian goes where it belongs."""
    linear = Quadratic(np.zeros(3), np.array([[1.0, 20], [300, 4], [5, 60]]), np.zeros((3, 2, 2)))
    P = np.random.RandomState(0).uniform(-1, 1, (6, 2))
    dy = linear.jacobian(P)
    dy[1:] = np.nan
    for solver in ("lbfgs", "lm"):
        net = NeuralNetworkInterpolator((4,), "identity", solver, epochs=200, random_state=0)
        net.fit(P[:2], linear(P[:2]), dy=dy[:2])  # two samples alone leave the Jacobian open
        assert_allclose(net.jacobian(P), linear.jacobian(P), rtol=1e-4, atol=1e-3)


BAD = {
    "transposed": (DY.transpose(0, 2, 1)[:, :, :1], {}, r"got shape \(20, 2, 1\)"),
    "too few rows": (DY[1:], {}, r"in shape \(20, 2, 2\), with NaN .* got shape \(19, 2, 2\)"),
    "infinite": (np.where(DY.max() == DY, np.inf, DY), {}, "dy contains infinity"),
    "complex": (DY + 1j, {}, "Complex data not supported"),
    "strings": (np.full(DY.shape, "steep"), {}, "dy holds text, such as .*steep"),
    "numeric text": (DY.astype(str), {}, "dy holds text, such as .*give numbers"),
    "huge": (1e200 * DY, {}, "dy is up to .* times as large as the range of y"),
    "huge weight": (DY, {"dy_weight": 1e300}, "dy_weight must be 0 or lie between .* got 1e.300"),
    "tiny weight": (DY, {"dy_weight": 1e-300}, "dy_weight must be 0 or lie between .* 1e-300"),
    "negative weight": (DY, {"dy_weight": -1}, r"dy_weight must be .* >= 0; got -1"),
    "infinite weight": (DY, {"dy_weight": np.inf}, "dy_weight must be None or a finite number"),
    "weight of a string": (DY, {"dy_weight": "high"}, "dy_weight must be .* got 'high'"),
    "weight of nothing": (None, {"dy_weight": 1.0}, "give them as dy too"),
}
MODELS = {
    "net": NeuralNetworkInterpolator((4,), epochs=2),
    "bayesian": BayesianNeuralNetworkInterpolator((4,), "tanh", max_iter=2, n_init=1),
}


@pytest.mark.parametrize(("dy", "options", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_bad_derivatives_are_refused(model, dy, options, message):
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, dy=dy, **options)
    assert not hasattr(model, "x_scaler_")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("option", [{"dropout_rate": 0.1}, {"batch_norm": True}])
def test_a_net_that_is_another_in_training_is_refused(backend, option):
    net = NeuralNetworkInterpolator((4,), epochs=2, backend=backend, **option)
    with pytest.raises(
        ValueError, match=r"fit\(..., dy=...\) needs the derivative of the very net"
    ):
        net.fit(X, Y, dy=DY)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_own_net_that_is_another_in_training_is_refused(backend):
    if backend == "pytorch":
        module = Residual
    else:
        from keras_modules import Residual as module
    net = NeuralNetworkInterpolator(epochs=2, backend=backend, module=module)
    with pytest.raises(ValueError, match="leave its dropout and normalisation out"):
        net.fit(X, Y, dy=DY)


def test_a_scaler_without_a_derivative_is_refused():
    bins = KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf")
    net = NeuralNetworkInterpolator((4,), epochs=2, x_scaler=bins)
    net.fit(X, Y)
    with pytest.raises(TypeError, match="KBinsDiscretizer cannot be differentiated"):
        net.fit(X, Y, dy=DY)


def test_the_spline_takes_no_derivatives():
    with pytest.raises(TypeError, match="dy"):
        SplineInterpolator().fit(X, Y, dy=DY)


def test_a_search_splits_the_derivatives_with_the_rows():
    P = np.random.RandomState(0).uniform(-1, 1, (15, 2))
    net = NeuralNetworkInterpolator((8,), solver="lm", epochs=60, random_state=0)
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(net, {"alpha": [1e-6, 1.0]}, cv=folds)
    search.fit(P, EXACT(P), dy=EXACT.jacobian(P))
    assert search.best_params_ == {"alpha": 1e-6}
    assert search.best_score_ > 0.9
    assert errors(search.best_estimator_) < 0.1


def test_in_a_pipeline_derivatives_are_by_what_reaches_the_step():
    P = np.random.RandomState(0).uniform(-1, 1, (15, 2)) * [1, 50]
    field = Quadratic(np.zeros(2), np.ones((2, 2)), np.zeros((2, 2, 2)))
    net = NeuralNetworkInterpolator((6,), "identity", solver="lm", epochs=50)
    model = make_pipeline(StandardScaler(), net)
    scale = P.std(axis=0)
    model.fit(P, field(P), neuralnetworkinterpolator__dy=field.jacobian(P) * scale)
    slopes = model[-1].jacobian(model[:-1].transform(P)) / scale
    assert_allclose(slopes, field.jacobian(P), rtol=1e-9)


def test_the_drop_in_takes_a_curve_and_its_rate():
    t = np.linspace(0, 3, 8)
    net = interpolation.NeuralNetworkInterpolator((8,), solver="lm", epochs=80, random_state=0)
    net.fit(t, np.sin(t), dy=np.cos(t))
    places = np.linspace(0, 3, 50)
    assert_allclose(net.differentiate(1)(places), np.cos(places), atol=2e-3)
    bayesian = BayesianNeuralNetworkInterpolator((6,), "tanh", n_init=1, random_state=0)
    bayesian.fit(t[:, None], np.sin(t), dy=np.cos(t))
    assert_allclose(bayesian.differentiate(1)(places[:, None]), np.cos(places), atol=2e-3)


def noisy_rates(seed, noise=30.0, n=60):
    rng = np.random.RandomState(seed)
    t = np.linspace(0, 2, n)[:, None]  # s
    metres = 100 * np.sin(3 * t[:, 0]) + 5 * rng.standard_normal(n)
    rates = 300 * np.cos(3 * t[:, 0]) + noise * rng.standard_normal(n)
    return t, metres, rates


def test_the_noise_of_values_and_of_derivatives_is_found_apart():
    found = []
    for seed in range(5):
        t, metres, rates = noisy_rates(seed)
        rates[::4] = np.nan
        model = BayesianNeuralNetworkInterpolator((8,), "tanh", n_init=1, random_state=0)
        model.fit(t, metres, dy=rates)
        found.append([model.noise_std_, model.dy_noise_std_[0]])
        assert model.dy_noise_std_.shape == (1,)
    assert_allclose(np.median(found, axis=0), [5, 30], rtol=0.15)


def test_known_derivatives_narrow_the_band_and_the_error():
    plain, known = [], []
    for seed in range(5):
        t, metres, rates = noisy_rates(seed, noise=10.0)
        model = BayesianNeuralNetworkInterpolator((8,), "tanh", n_init=1, random_state=0)
        for results, options in ((plain, {}), (known, {"dy": rates})):
            rate, std = model.fit(t, metres, **options).differentiate(1)(t, return_std=True)
            error = rate - 300 * np.cos(3 * t[:, 0])
            results.append([np.sqrt(np.mean(error**2)), np.sqrt(np.mean(std**2))])
    assert np.all(np.median(known, axis=0) < 0.8 * np.median(plain, axis=0))
    error, std = np.median(known, axis=0)
    assert 0.4 < error / std < 1.6


def test_the_ratio_of_the_noise_may_be_given():
    """A precision of derivatives relative to that of the values: one noise is then estimated."""
    t, metres, rates = noisy_rates(0)
    t = 7 * t
    model = BayesianNeuralNetworkInterpolator((8,), "tanh", n_init=1, random_state=0)
    loose = model.fit(t, metres, dy=rates, dy_weight=1e-6)
    variance_ratio = (loose.dy_noise_std_[0] / loose.noise_std_) ** 2
    assert variance_ratio == pytest.approx(1e6 * loose.x_scaler_.scale_[0] ** 2, rel=1e-9)
    alone = BayesianNeuralNetworkInterpolator((8,), "tanh", n_init=1, random_state=0)
    alone.fit(t, metres)
    assert loose.noise_std_ == pytest.approx(alone.noise_std_, rel=0.3)


def test_one_exact_derivative_is_met():
    """A beam clamped at its end: slope 0 there, and nothing known elsewhere."""
    t = np.linspace(0, 1, 12)[:, None]
    y = t[:, 0] ** 2 * (3 - t[:, 0]) + 1e-3 * np.random.RandomState(0).standard_normal(12)
    dy = np.full(12, np.nan)
    dy[0] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BayesianNeuralNetworkInterpolator((6,), "tanh", n_init=1, random_state=0)
        model.fit(t, y, dy=dy)
    slope, std = model.differentiate(1)([[0.0]], return_std=True)
    assert abs(slope[0]) < 1e-2
    assert np.isfinite(std[0])
