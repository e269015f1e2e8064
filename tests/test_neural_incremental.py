"""Nets that go on: `partial_fit` and `warm_start`, as MLPRegressor has them, in both backends."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from small_nets import small
from torch_modules import plain

X = np.linspace(0, 3, 50)[:, None]
Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 0] ** 2])
BATCH = 16
FORMS = {
    "plain": {},
    "two outputs": {},
    "batch normalisation": {"batch_norm": True},
    "momentum": {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}, "epochs": 1},
    "falling rate": {"learning_rate_schedule": "invscaling", "epochs": 1},
    "clipped": {"max_grad_norm": 0.1, "loss": "huber", "epochs": 1},
    "single precision": {"dtype": "float32"},
}


@pytest.fixture(params=["pytorch", "tensorflow"])
def backend(request):
    """TensorFlow is an extra."""
    if request.param == "tensorflow":
        pytest.importorskip("tensorflow")
    return request.param


def targets(form):
    return Y if "two" in form else Y[:, 0]


def scalers(y):
    return {
        "x_scaler": MinMaxScaler((-1, 1)).fit(X),
        "y_scaler": StandardScaler().fit(y.reshape(len(y), -1)),
    }


@pytest.mark.parametrize("form", [form for form in FORMS if form != "falling rate"])
def test_all_batches_of_an_epoch_are_an_epoch_of_fit(backend, form):
    """To the bit; also where it is copied, and comes from a file, between the batches."""
    y = targets(form)
    options = {"backend": backend, **FORMS[form]}
    whole = small(batch_size=BATCH, shuffle=False, **{"epochs": 3, **options}).fit(X, y)
    net = small(**scalers(y), **options)
    for epoch in range(whole.n_iter_):
        for start in range(0, 50, BATCH):
            net.partial_fit(X[start : start + BATCH], y[start : start + BATCH])
            net = copy.deepcopy(net) if epoch else pickle.loads(pickle.dumps(net))
    assert_array_equal(net.predict(X), whole.predict(X))
    assert net.n_iter_ == len(net.loss_curve_) == 4 * whole.n_iter_


@pytest.mark.parametrize("form", ["plain", "batch normalisation", "momentum", "falling rate"])
def test_partial_fit_goes_on_from_fit(backend, form):
    options = {"backend": backend, **FORMS[form]}
    net = small(**{**options, "epochs": 1}).fit(X, Y)
    for _ in range(4):
        before = net.net_
        net.partial_fit(X, Y)
        assert net.net_ is not before
    whole = small(**{**options, "epochs": 5}).fit(X, Y)
    assert_allclose(net.loss_curve_, whole.loss_curve_, rtol=1e-12)
    assert_allclose(net.predict(X), whole.predict(X), rtol=1e-12, atol=1e-12)


def test_a_schedule_of_many_epochs_goes_on_over_calls():
    net = small(learning_rate_schedule="cosine", epochs=5)
    whole = clone(net).fit(X, Y)
    for _ in range(5):
        net = pickle.loads(pickle.dumps(net.partial_fit(X, Y)))
    assert_array_equal(net.predict(X), whole.predict(X))


def test_a_module_of_the_users_goes_on():
    net = small(module=plain, epochs=1).fit(X, Y)
    for _ in range(3):
        net = pickle.loads(pickle.dumps(net)) if net.n_iter_ > 1 else net
        net.partial_fit(X, Y)
    assert_array_equal(net.predict(X), small(module=plain, epochs=4).fit(X, Y).predict(X))


def test_a_model_of_keras_goes_on():
    pytest.importorskip("tensorflow")
    from keras_modules import branches

    net = small(module=branches, backend="tensorflow", epochs=1).fit(X, Y)
    for _ in range(2):
        net.partial_fit(X, Y)
    whole = small(module=branches, backend="tensorflow", epochs=3).fit(X, Y)
    assert_array_equal(net.predict(X), whole.predict(X))


def test_the_first_call_fits_the_scalers_and_later_ones_leave_them(backend):
    net = small(backend=backend).partial_fit(X, Y, np.arange(1, 51))
    fitted = small(backend=backend, epochs=1).fit(X, Y, np.arange(1, 51))
    assert_array_equal(net.predict(X), fitted.predict(X))
    net.partial_fit(X[:9], 100 * Y[:9])
    assert_array_equal(net.x_scaler_.scale_, fitted.x_scaler_.scale_)
    assert_array_equal(net.y_scaler_.scale_, fitted.y_scaler_.scale_)


def test_scalers_given_fitted_may_meet_one_row_at_a_time():
    net = small(learning_rate=0.05, **scalers(Y)).partial_fit(X[:1], Y[:1])
    assert net.x_scaler_ is not net.x_scaler
    for i in np.random.default_rng(0).permutation(np.tile(np.arange(50), 6)):
        net.partial_fit(X[i : i + 1], Y[i : i + 1])
    assert net.score(X, Y) > 0.9
    assert np.isfinite(net.differentiate(2)(X)).all()


def test_a_derivative_stays_that_of_the_net_as_it_was(backend):
    net = small(backend=backend).partial_fit(X, Y)
    derivative = net.differentiate(1)
    before = derivative(X)
    net.partial_fit(X, Y)
    assert_array_equal(derivative(X), before)
    assert abs(net.differentiate(1)(X) - before).max() > 1e-6


def test_an_error_in_a_batch_loses_nothing(backend):
    net = small(backend=backend).partial_fit(X, Y)
    before = net.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        net.partial_fit(np.full_like(X, np.nan), Y)
    assert_array_equal(net.predict(X), before)


def test_files_of_other_nets_do_not_hold_what_the_optimizer_remembers(backend):
    net = small(backend=backend, hidden_layers=(60, 60)).fit(X, Y)
    lean = len(pickle.dumps(net))
    assert len(pickle.dumps(net.partial_fit(X, Y))) > lean + 2 * 8 * 3600


def test_dask_ml_streams_blocks_into_it():
    array = pytest.importorskip("dask.array")
    wrappers = pytest.importorskip("dask_ml.wrappers")
    y = Y[:, 0]
    blocks = array.from_array(X, chunks=(BATCH, 1)), array.from_array(y, chunks=BATCH)
    frozen = {name: FrozenEstimator(scaler) for name, scaler in scalers(y).items()}
    net = small(**frozen)
    streamed = wrappers.Incremental(clone(net), shuffle_blocks=False).fit(*blocks)
    for start in range(0, 50, BATCH):
        net.partial_fit(X[start : start + BATCH], y[start : start + BATCH])
    assert_array_equal(streamed.estimator_.predict(X), net.predict(X))
    assert_allclose(streamed.predict(blocks[0]).compute(), net.predict(X), rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
def test_warm_start_goes_on_with_the_weights_and_scalers(backend, solver):
    net = small(backend=backend, solver=solver, warm_start=True).fit(X, Y)
    scale, lowest = net.x_scaler_.scale_, net.loss_curve_[-1]
    net.fit(X[5:], Y[5:])
    assert_array_equal(net.x_scaler_.scale_, scale)
    assert net.n_iter_ == len(net.loss_curve_) > 12
    assert max(net.loss_curve_[12:]) < 2 * lowest
    assert small(backend=backend, solver=solver).fit(X, Y).fit(X, Y).n_iter_ <= 12


def test_warm_start_with_slopes_and_validation(backend):
    net = small(backend=backend, warm_start=True)
    for _ in range(2):
        net.fit(X, Y[:, 0], dy=2 * np.cos(2 * X), validation_data=(X[:5], Y[:5, 0]))
    assert len(net.validation_loss_curve_) == len(net.loss_curve_) == 24


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_layers": (3,)}, r"fitted has hidden_layers=\(6, 5\): .*warm_start=False; got"),
        ({"activation": "sine"}, "has activation='tanh'.*got activation='sine'"),
        ({"laws": ["harmonic"]}, "partial_fit follows no laws, .* got laws=."),
        ({"early_stopping": True}, "partial_fit sees each batch once, and early_stopping"),
    ],
    ids=["layers", "activation", "laws", "early stopping"],
)
def test_another_net_is_refused(backend, changes, message):
    net = small(backend=backend).fit(X, Y).set_params(**changes)
    with pytest.raises(ValueError, match=message):
        net.partial_fit(X, Y)


def test_another_backend_is_refused():
    net = small().fit(X, Y).set_params(backend="tensorflow")
    with pytest.raises(ValueError, match="of backend='pytorch': go on with that one"):
        net.partial_fit(X, Y)


@pytest.mark.parametrize("solver", ["lbfgs", "lm"])
def test_solvers_that_need_all_samples_have_no_partial_fit(solver):
    net = small(solver=solver)
    assert not hasattr(net, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        net.partial_fit(X, Y)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((X[:1], Y[:1]), "column 0 of y does not vary, so that y_scaler cannot .* larger batch"),
        ((0 * X, Y), "column 0 of X does not vary.* or give x_scaler fitted"),
    ],
    ids=["row", "X"],
)
def test_a_first_batch_that_shows_no_range_is_refused(batch, message):
    with pytest.raises(ValueError, match=f"In the first batch of partial_fit {message}"):
        small().partial_fit(*batch)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((np.tile(X, 2), Y), "X has 2 features, but .* is expecting 1 features"),
        ((X, Y[:, 0]), r"y of partial_fit must have shape \(n, 2\).* got shape \(50,\)"),
        ((X, Y[:9]), "a row for each sample"),
    ],
    ids=["features", "outputs", "rows"],
)
def test_later_batches_are_like_the_first(batch, message):
    net = small().partial_fit(X, Y)
    with pytest.raises(ValueError, match=message):
        net.partial_fit(*batch)


def test_periods_and_a_fitted_scaler_exclude_each_other():
    with pytest.raises(ValueError, match="period makes features of its own"):
        small(period={0: 3.0}, **scalers(Y)).partial_fit(X, Y)
    net = small(period={0: 3.0}).partial_fit(X, Y).partial_fit(X + 3, Y)
    assert_allclose(net.predict(X), net.predict(X + 3), atol=1e-12)


def test_a_frozen_scaler_stays_as_it_is_in_a_fit_and_in_clones():
    frozen = FrozenEstimator(MinMaxScaler((-1, 1)).fit(4 * X))
    net = clone(small(x_scaler=frozen)).fit(X, Y)
    assert_array_equal(net.x_scaler_.transform(X), frozen.transform(X))
    slopes = net.differentiate(1)(X)
    differences = (net.predict(X + 1e-6) - net.predict(X - 1e-6)) / 2e-6
    assert_allclose(slopes[..., 0] if slopes.ndim > 2 else slopes, differences, rtol=1e-6)
