"""How a net is trained: early stopping, sample weights, breaks, divergence, degenerate data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from small_nets import small
from torch_modules import Interrupted

from sk_pydelt.backends import FitSpec
from sk_pydelt.backends.pytorch.fit import fit_seed
from sk_pydelt.backends.training import split_rows


@pytest.fixture
def data():
    """Forty noisy samples of two functions of two features."""
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (40, 2))
    y = np.column_stack([np.sin(2 * X[:, 0]) * X[:, 1], X[:, 0] ** 2])
    return X, y + 0.1 * rng.standard_normal(y.shape)


def overfitting(**parameters):
    """A net whose validation loss turns upward after some epochs."""
    options = {"hidden_layers": (40,), "epochs": 400, "learning_rate": 0.05}
    options |= {"early_stopping": True, "validation_split": 0.3, "patience": 20}
    return small(**{**options, **parameters})


def held_out(net, X):
    """Places of the training and of the validation samples."""
    split = {"early_stopping": True, "validation_split": net.validation_split}
    fit = FitSpec(random_state=net.random_state, **split)
    return split_rows(fit, len(X), fit_seed(fit))


def validation_loss(net, X, y, weight=None):
    """The loss of the fitted net on its validation samples."""
    valid = held_out(net, X)[1]
    predicted, y = (net.y_scaler_.transform(a[valid]) for a in (net.predict(X), y))
    weight = None if weight is None else weight[valid]
    return np.average(((predicted - y) ** 2).mean(axis=1), weights=weight)


def epochs_until(curve, patience, tol):
    """Epochs after which the loss has not improved by more than tol for `patience` epochs."""
    best, misses = np.inf, 0
    for epoch, loss in enumerate(curve, start=1):
        improved = loss < best - tol
        best, misses = (loss, 0) if improved else (best, misses + 1)
        if misses == patience:
            return epoch
    return len(curve)


@pytest.mark.parametrize(
    ("solver", "patience", "tol"),
    [("adam", 20, 0.0), ("adam", 7, 0.0), ("adam", 20, 0.02), ("adam", 5, 10.0), ("lbfgs", 5, 0.0)],
)
def test_early_stopping_waits_and_restores_the_best_weights(data, solver, patience, tol):
    X, y = data
    net = overfitting(solver=solver, patience=patience, tol=tol).fit(X, y)
    curve = net.validation_loss_curve_
    endless = overfitting(solver=solver, patience=10_000, tol=tol).fit(X, y)
    assert net.n_iter_ == epochs_until(endless.validation_loss_curve_, patience, tol) < 400
    assert len(curve) == len(net.loss_curve_) == net.n_iter_
    assert_array_equal(curve, endless.validation_loss_curve_[: net.n_iter_])
    assert_allclose(validation_loss(net, X, y), min(curve), rtol=1e-9)


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
def test_a_net_that_is_still_a_constant_is_not_stopped(backend):
    """On oscillations the held-out loss stands still, or rises, for hundreds of steps."""
    rng = np.random.default_rng(3)
    t = np.sort(rng.uniform(0, 6, 300))
    y = np.exp(-t / 4) * np.cos(2 * np.pi * 4.6 / 6 * t) + rng.standard_normal(300) / 60
    options = {"hidden_layers": (64, 32), "learning_rate": 1e-3, "epochs": 1000}
    net = small(**options, early_stopping=True, backend=backend)
    stopped = small(**options, early_stopping=True, backend=backend, patience=50)
    assert stopped.fit(t[:, None], y).score(t[:, None], y) < 0.01
    assert net.fit(t[:, None], y).score(t[:, None], y) > 0.98
    fifty = stopped.validation_loss_curve_
    assert_allclose(net.validation_loss_curve_[: len(fifty)], fifty, rtol=1e-9)


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
def test_patience_that_is_not_given_counts_below_half_of_the_variance(backend):
    X, y = np.linspace(-1, 1, 40)[:, None], np.linspace(0, 1, 40) ** 2
    options = {"early_stopping": True, "learning_rate": 0.1, "batch_size": 1, "tol": 1e9}
    net = small(**options, epochs=60, backend=backend).fit(X, y)
    train, valid = held_out(net, X)
    scaled = net.y_scaler_.transform(y[:, None])
    level = np.mean((scaled[valid] - scaled[train].mean()) ** 2) / 2
    below = np.flatnonzero(np.array(net.validation_loss_curve_) < level)[0]
    n_epochs = -(-500 // len(train))
    assert net.n_iter_ == below + n_epochs + (below == 0)  # the first epoch is an improvement


def test_the_best_weights_come_with_their_batch_statistics(data):
    X, y = data
    net = overfitting(batch_norm=True, dropout_rate=0.1, batch_size=10).fit(X, y)
    assert min(net.validation_loss_curve_) < net.validation_loss_curve_[-1]
    assert_allclose(validation_loss(net, X, y), min(net.validation_loss_curve_), rtol=1e-9)


def test_the_best_weights_are_restored_at_the_last_epoch_too(data):
    X, y = data
    net = overfitting(patience=10_000, epochs=90).fit(X, y)
    assert net.n_iter_ == 90
    assert min(net.validation_loss_curve_) < net.validation_loss_curve_[-1]
    assert_allclose(validation_loss(net, X, y), min(net.validation_loss_curve_), rtol=1e-9)


@pytest.mark.parametrize(("split", "n_valid"), [(0.2, 8), (0.01, 1), (0.8, 32), (0.97, 39)])
def test_validation_split_is_held_out_of_training(data, split, n_valid):
    X, y = data
    net = overfitting(validation_split=split, patience=10_000, epochs=20, y_scaler="passthrough")
    train, valid = held_out(net, X)
    assert len(valid) == n_valid
    assert sorted([*train, *valid]) == list(range(40))
    curve = net.fit(X, y).loss_curve_
    changed = y.copy()
    changed[valid] = 7.0
    assert net.fit(X, changed).loss_curve_ == curve
    changed[train[0]] = 7.0
    assert net.fit(X, changed).loss_curve_ != curve


def test_without_early_stopping_all_samples_are_trained_on(data):
    X, y = data
    net = small(validation_split=0.5, patience=1, tol=1e9).fit(X, y)
    assert_array_equal(net.predict(X), small().fit(X, y).predict(X))
    assert net.n_iter_ == 12


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("outputs", [0, [0], [0, 1]])
def test_whole_weights_are_repeated_rows_and_zero_weights_none(data, solver, outputs):
    X, y = data[0], data[1][:, outputs]
    weight = np.arange(40) % 4
    weight[np.argmax(X[:, 0])] = 0  # not even the scalers see it
    net = small(solver=solver, alpha=0.01)
    weighted = net.fit(X, y, sample_weight=weight).predict(X), net.differentiate(1)(X)
    repeated = net.fit(X.repeat(weight, axis=0), y.repeat(weight, axis=0))
    assert_allclose(weighted[0], repeated.predict(X), rtol=1e-7, atol=1e-8)
    assert_allclose(weighted[1], repeated.differentiate(1)(X), rtol=1e-6, atol=1e-7)
    assert np.abs(weighted[0] - net.fit(X, y).predict(X)).max() > 1e-3


def test_weights_count_by_their_ratios(data):
    X, y = data
    weight = np.linspace(0.1, 2, 40)
    fits = [small().fit(X, y, sample_weight=w).predict(X) for w in (weight, 1e6 * weight)]
    assert_allclose(*fits, rtol=1e-9)
    ones = small().fit(X, y, sample_weight=np.ones(40)).predict(X)
    assert_allclose(ones, small().fit(X, y).predict(X), rtol=1e-9)


def test_weights_count_in_the_validation_loss_and_the_penalty_does_not(data):
    X, y = data
    weight = np.linspace(0.1, 2, 40)
    net = overfitting(alpha=1e-3).fit(X, y, sample_weight=weight)
    best = min(net.validation_loss_curve_)
    assert_allclose(validation_loss(net, X, y, weight), best, rtol=1e-9)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.full(40, -1.0), "Negative values in data passed to `sample_weight`"),
        (np.zeros(40), "zero"),
        (np.full(40, np.nan), "sample_weight contains NaN"),
        (np.full(40, np.inf), "sample_weight contains infinity"),
        (np.ones(39), r"sample_weight.shape == \(39,\), expected \(40,\)"),
        (np.ones((40, 2)), "Sample weights must be 1D"),
    ],
)
def test_bad_weights_are_refused(data, weight, message):
    with pytest.raises(ValueError, match=message):
        small().fit(*data, sample_weight=weight)


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 1e200, "y_scaler": "passthrough"},
        {"learning_rate": 1e308, "epochs": 1},
        {"learning_rate": 1e36, "dtype": "float32", "batch_size": 7},
    ],
)
def test_divergence_is_an_error(data, options):
    X, y = data
    y = 1e145 * y if "y_scaler" in options else y
    net = small(**options)
    with pytest.raises(ValueError, match="Training diverged in epoch .*smaller learning_rate"):
        net.fit(X, y)
    with pytest.raises(NotFittedError):
        net.predict(X)


@pytest.fixture
def ctrl_c(monkeypatch):
    """Set the call of the module in which the user breaks off training."""

    def set_stop(call):
        monkeypatch.setattr(Interrupted, "stop", call)

    return set_stop


@pytest.mark.parametrize("stop", [6, 12])
def test_an_interrupted_net_is_usable(data, ctrl_c, stop):
    X, y = data
    ctrl_c(stop)
    net = small(module=Interrupted)
    with pytest.warns(UserWarning, match=f"interrupted after {stop - 1} of 12 epochs"):
        net.fit(X, y)
    assert net.n_iter_ == len(net.loss_curve_) == stop - 1
    ctrl_c(None)
    whole = small(module=Interrupted, epochs=stop - 1).fit(X, y)
    assert_array_equal(net.predict(X), whole.predict(X))
    assert_array_equal(net.jacobian(X), whole.jacobian(X))
    assert not net.net_.module_.training


def test_a_break_inside_an_epoch_keeps_its_first_batches(data, ctrl_c):
    ctrl_c(10)  # the second of four batches in the third epoch
    net = small(module=Interrupted, batch_size=10)
    with pytest.warns(UserWarning, match="after 2 of 12"):
        net.fit(*data)
    ctrl_c(None)
    whole = small(module=Interrupted, batch_size=10, epochs=2).fit(*data)
    assert net.loss_curve_ == whole.loss_curve_
    assert np.abs(net.predict(data[0]) - whole.predict(data[0])).max() > 0


@pytest.mark.parametrize("stop", range(4, 30))
def test_a_break_in_a_line_search_goes_back_to_its_start(data, ctrl_c, stop):
    X, y = data
    ctrl_c(stop)
    net = small(module=Interrupted, solver="lbfgs", epochs=30)
    with pytest.warns(UserWarning, match="interrupted"):
        net.fit(X, y)
    ctrl_c(None)
    whole = small(module=Interrupted, solver="lbfgs", epochs=net.n_iter_).fit(X, y)
    assert_array_equal(net.predict(X), whole.predict(X))


def test_an_interrupted_early_stopping_restores_the_best_weights(data, ctrl_c):
    X, y = data
    ctrl_c(121)
    net = overfitting(module=Interrupted, patience=10_000)
    with pytest.warns(UserWarning, match="after 120 of 400"):
        net.fit(X, y)
    ctrl_c(None)
    curve = net.validation_loss_curve_
    assert len(curve) == net.n_iter_ == 120
    assert min(curve) < curve[-1]
    assert_allclose(validation_loss(net, X, y), min(curve), rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"verbose": True}])
def test_a_break_in_the_first_epoch_leaves_nothing(data, ctrl_c, options):
    net = small(module=Interrupted, **options)
    ctrl_c(1)
    with pytest.raises(KeyboardInterrupt, match="first epoch"):
        net.fit(*data)
    assert vars(net).keys() == net.get_params().keys()
    ctrl_c(None)
    before = net.fit(*data).predict(data[0])
    ctrl_c(1)
    with pytest.raises(KeyboardInterrupt):
        net.fit(data[0][:, :1], data[1])
    assert_array_equal(net.predict(data[0]), before)


DEGENERATE = {
    "constant y": ([[0.0], [1.0], [3.0]], [5.0, 5.0, 5.0]),
    "constant, large y": ([[0.0], [1.0], [3.0]], [1e6 / 3] * 3),
    "constant feature": ([[0.0, 7.0], [1.0, 7.0], [3.0, 7.0]], [1.0, 0.0, 2.0]),
    "one sample": ([[2.0, 1.0]], [3.0]),
    "one sample of two functions": ([[2.0]], [[3.0, 4.0]]),
    "duplicate rows": ([[0.0], [0.0], [1.0], [1.0]], [1.0, 2.0, 3.0, 3.0]),
    "all rows the same": ([[2.0]] * 4, [1.0, 2.0, 3.0, 3.0]),
}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_data_fit_and_warn_only_of_features_that_never_varied(case, solver, recwarn):
    X, y = map(np.array, DEGENERATE[case])
    net = small(solver=solver, epochs=200).fit(X, y)
    for order in (1, 2, 3):
        assert np.isfinite(net.differentiate(order)(X + 0.1)).all()
    means = np.array([y[(row == X).all(axis=1)].mean(axis=0) for row in X])
    assert_allclose(net.predict(X), means, rtol=0.05, atol=0.05)
    expected = ["Features ["] if case in ("constant feature", "all rows the same") else []
    assert [str(warning.message)[:10] for warning in recwarn] == expected
