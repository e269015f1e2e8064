"""Every parameter of NeuralNetworkInterpolator does what its name says."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from small_nets import small

from sk_pydelt.jets.activations import ACTIVATIONS


@pytest.fixture
def data():
    """Thirty samples of two functions of two features, in units far from 1."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 2)) * [3.0, 200.0] + [0.0, 1e4]
    u, v = X[:, 0] / 3, (X[:, 1] - 1e4) / 200
    return X, np.column_stack([5 * np.sin(2 * u) * v, u**2 - v])


@pytest.fixture
def curve():
    """Twenty samples of a sine."""
    x = np.linspace(0, 3, 20).reshape(-1, 1)
    return x, np.sin(2 * x).ravel()


def weights(net):
    """All weights and biases of a fitted net, in one array."""
    return np.concatenate([p.detach().numpy().ravel() for p in net.net_.module_.parameters()])


def squared_weights(net):
    matrices = (p.detach() for p in net.net_.module_.parameters() if p.ndim > 1)
    return sum(float((p**2).sum()) for p in matrices)


def scaled_errors(net, X, y):
    """Squared errors in the units in which the net is trained."""
    y, predicted = (net.y_scaler_.transform(a.reshape(len(X), -1)) for a in (y, net.predict(X)))
    return (predicted - y) ** 2


def by_hand(net, X):
    """Values and Jacobians of a fitted tanh net with default scalers, layer by layer in NumPy."""
    h = net.x_scaler_.transform(X)
    J = np.broadcast_to(np.diag(net.x_scaler_.scale_), (len(X), X.shape[1], X.shape[1]))
    for layer in net.net_.module_.layers:
        state = {name: tensor.numpy() for name, tensor in layer.state_dict().items()}
        kind = type(layer).__name__
        if kind == "Linear":
            h, J = h @ state["weight"].T + state["bias"], state["weight"] @ J
        elif kind == "BatchNorm1d":
            scale = state["weight"] / np.sqrt(state["running_var"] + layer.eps)
            h, J = (h - state["running_mean"]) * scale + state["bias"], scale[:, None] * J
        elif kind == "Tanh":
            h = np.tanh(h)
            J = (1 - h**2)[:, :, None] * J
        else:
            assert kind == "Dropout"
    return net.y_scaler_.inverse_transform(h), net.y_scaler_.scale_[:, None] * J


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_every_solver_reduces_the_loss(data, solver):
    net = small(solver=solver, epochs=60).fit(*data)
    assert net.loss_curve_[-1] < 0.5 * net.loss_curve_[0]
    assert scaled_errors(net, *data).mean() <= net.loss_curve_[-1]


def test_lbfgs_goes_far_lower_than_adam_on_a_smooth_curve(curve):
    losses = {
        solver: small(solver=solver, epochs=150).fit(*curve).loss_curve_[-1]
        for solver in ("adam", "lbfgs")
    }
    assert losses["lbfgs"] < 1e-2 * losses["adam"]


def test_lbfgs_stops_when_the_loss_does_not_fall_any_more(curve):
    net = small(solver="lbfgs", activation="identity", epochs=500).fit(*curve)
    assert net.n_iter_ < 100
    line = np.polyval(np.polyfit(curve[0].ravel(), curve[1], 1), curve[0].ravel())
    assert_allclose(net.predict(curve[0]), line, atol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_recorded_loss_is_that_of_the_weights_before_the_epoch(data, solver):
    X, y = data
    weight = np.linspace(0.5, 4, len(X))
    shorter, longer = (
        small(solver=solver, epochs=epochs, alpha=0.01).fit(X, y, sample_weight=weight)
        for epochs in (6, 7)
    )
    error = np.average(scaled_errors(shorter, X, y).mean(axis=1), weights=weight)
    expected = error + 0.01 * squared_weights(shorter)
    assert_allclose(longer.loss_curve_[6], expected, rtol=1e-12)


def test_a_larger_alpha_gives_smaller_weights(data):
    sizes = [
        squared_weights(small(solver="lbfgs", epochs=60, alpha=alpha).fit(*data))
        for alpha in (0, 1e-3, 1e-2, 1)
    ]
    assert sizes[0] > 1.3 * sizes[1] > 1.5 * sizes[2] > 1e6 * sizes[3]


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5, 2.0])
def test_alpha_on_two_linear_layers_is_the_lasso(curve, alpha):
    """min over b = w·v of |w|² + |v|² is 2|b|, so that the slope is thresholded softly."""
    x, y = curve
    net = small(hidden_layers=(4,), activation="identity", solver="lbfgs", epochs=300, alpha=alpha)
    net.set_params(x_scaler=StandardScaler(), random_state=1).fit(x, y)
    correlation = np.corrcoef(x.ravel(), y)[0, 1]
    slope = np.sign(correlation) * max(abs(correlation) - alpha, 0) * y.std() / x.std()
    assert_allclose(net.differentiate(1)(x), slope, atol=1e-6)
    assert_allclose(net.predict(x), y.mean() + slope * (x.ravel() - x.mean()), atol=1e-6)


def test_alpha_leaves_biases_alone(curve):
    x, y = curve
    net = small(solver="lbfgs", epochs=60, alpha=1.0, y_scaler="passthrough").fit(x, y + 3)
    assert_allclose(net.predict(x), np.mean(y + 3), rtol=1e-5)


def test_learning_rate_is_the_length_of_adams_first_step(data):
    first, second = (
        weights(small(epochs=1, learning_rate=rate, activation="softplus").fit(*data))
        for rate in (0.01, 0.03)
    )
    assert_allclose(np.abs(second - first), 0.02, rtol=1e-3)


@pytest.mark.parametrize(
    ("batch_size", "batch_norm", "n_batches"),
    [
        (None, False, 1),
        (30, False, 1),
        (1000, False, 1),
        (7, False, 5),
        (29, False, 2),
        (29, True, 1),
        (7, True, 5),
        (1, False, 30),
        (np.int64(10), False, 3),
    ],
)
def test_batch_size_is_the_number_of_samples_in_a_step(data, batch_size, batch_norm, n_batches):
    net = small(epochs=2, batch_size=batch_size, batch_norm=batch_norm).fit(*data)
    assert net.net_.history[:, "train_batch_count"] == [n_batches] * 2


def test_the_loss_of_mini_batches_is_the_mean_over_samples(data):
    """With steps too small to change the weights, however uneven the batches are."""
    full, batches = (
        small(learning_rate=1e-14, epochs=1, batch_size=size).fit(*data) for size in (None, 8)
    )
    assert_allclose(batches.loss_curve_, full.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dropout_rate": 0.3},
        {"batch_norm": True},
        {"batch_norm": True, "dropout_rate": 0.3, "batch_size": 7},
        {"batch_norm": True, "solver": "lbfgs"},
        {"batch_norm": True, "early_stopping": True},
    ],
)
def test_predictions_and_derivatives_are_those_of_the_net_in_evaluation(data, options):
    X, y = data
    net = small(**options).fit(X, y)
    values, jacobians = by_hand(net, X)
    assert_allclose(net.predict(X), values, rtol=1e-12, atol=1e-12)
    assert_allclose(net.jacobian(X), jacobians, rtol=1e-11, atol=1e-13)
    assert_array_equal(net.predict(X), net.predict(X))


def test_dropout_and_batch_norm_are_layers_of_the_net(data):
    def kinds(**options):
        return [type(layer).__name__ for layer in small(**options).fit(*data).net_.module_.layers]

    assert kinds() == ["Linear", "Tanh", "Linear", "Tanh", "Linear"]
    block = ["Linear", "BatchNorm1d", "Tanh", "Dropout"]
    assert kinds(batch_norm=True, dropout_rate=0.5) == [*block, *block, "Linear"]


def test_dropout_is_at_work_in_training(data):
    without, with_it = (
        small(dropout_rate=rate, learning_rate=1e-14, epochs=40).fit(*data).loss_curve_
        for rate in (0, 0.5)
    )
    assert np.ptp(without) < 1e-8
    assert np.ptp(with_it) > 1e-3


def test_batch_norm_learns_the_mean_and_variance_of_the_samples(data):
    X, y = data
    net = small(batch_norm=True, learning_rate=1e-14, epochs=300).fit(X, y)
    first, normalisation = net.net_.module_.layers[:2]
    with torch.no_grad():
        hidden = first(torch.asarray(net.x_scaler_.transform(X))).numpy()
    assert_allclose(normalisation.running_mean, hidden.mean(axis=0), rtol=1e-6)
    assert_allclose(normalisation.running_var, hidden.var(axis=0, ddof=1), rtol=1e-6)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_fits_and_has_a_derivative(curve, activation):
    x, y = curve
    net = small(activation=activation, epochs=3, omega_0=2.0).fit(x, y)
    h = 1e-6
    inside = x[1:-1] + 0.0123
    slope = (net.predict(inside + h) - net.predict(inside - h)) / (2 * h)
    assert_allclose(net.differentiate(1)(inside), slope, rtol=1e-6, atol=1e-8)


def test_omega_0_is_the_frequency_of_the_first_sine_layer(curve):
    def initial(layer, **options):
        net = small(activation="sine", learning_rate=1e-14, epochs=1, **options).fit(*curve)
        return net.net_.module_.layers[layer].weight.detach()

    assert_allclose(initial(0, omega_0=60.0), 2 * initial(0, omega_0=30.0), rtol=1e-9)
    assert_allclose(initial(2, omega_0=60.0), initial(2, omega_0=30.0), rtol=1e-9)
    assert 15 < initial(0).abs().max() <= 30


@pytest.mark.parametrize("hidden_layers", [(6, 5), [6, 5], np.array([6, 5])])
def test_hidden_layers_are_the_widths(data, hidden_layers):
    net = small(hidden_layers=hidden_layers).fit(*data)
    shapes = [tuple(p.shape) for p in net.net_.module_.parameters() if p.ndim > 1]
    assert shapes == [(6, 2), (5, 6), (2, 5)]
    assert_array_equal(net.predict(data[0]), small().fit(*data).predict(data[0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_that_of_the_net_and_results_are_float64(data, dtype):
    X, y = data
    net = small(dtype=dtype, batch_norm=True, dropout_rate=0.1).fit(X, y)
    state = net.net_.module_.state_dict().values()
    assert {t.dtype for t in state if t.is_floating_point()} == {getattr(torch, dtype)}
    assert net.predict(X).dtype == net.jacobian(X).dtype == np.float64
    values, jacobians = by_hand(net, X)
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == "float32" else {"rtol": 1e-10}
    assert_allclose(net.predict(X), values, **tolerance)
    assert_allclose(net.jacobian(X), jacobians, **tolerance)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_device(data, device):
    net = small(device=device).fit(*data)
    expected = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu"
    assert next(net.net_.module_.parameters()).device.type == expected
    assert isinstance(net.predict(data[0]), np.ndarray)


@pytest.mark.parametrize("device", ["gpu", "cuda:first", "mps"])
def test_other_devices_are_refused(data, device):
    with pytest.raises(ValueError, match=f"device must be 'cpu', 'cuda'.*'auto'; got '{device}'"):
        small(device=device).fit(*data)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_a_gpu_is_refused(data, device):
    with pytest.raises(ValueError, match=f"device='{device}' needs an NVIDIA GPU.*'auto'"):
        small(device=device).fit(*data)


def test_verbose_shows_one_progress_bar_with_the_loss(data, capfd):
    small(verbose=True, early_stopping=True, patience=100).fit(*data)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    last = err.split("\r")[-1]
    assert "100%" in last
    assert "12/12" in last
    assert "train_loss=" in last
    assert "valid_loss=" in last


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_without_verbose_nothing_is_printed(data, capfd, solver):
    net = small(solver=solver, early_stopping=True, patience=2, epochs=40).fit(*data)
    net.differentiate(1)(data[0])
    assert capfd.readouterr() == ("", "")


def test_fitted_attributes(data):
    pandas = pytest.importorskip("pandas")
    X, y = data
    net = small().fit(pandas.DataFrame(X, columns=["x", "y"]), y)
    assert isinstance(net.net_, NeuralNetRegressor)
    assert len(net.loss_curve_) == net.n_iter_ == 12
    assert all(type(loss) is float for loss in net.loss_curve_)
    assert net.validation_loss_curve_ is None
    assert net.n_features_in_ == 2
    assert list(net.feature_names_in_) == ["x", "y"]
    assert not hasattr(small().fit(X, y), "feature_names_in_")


def test_a_later_set_params_does_not_change_what_is_fitted(data):
    X, y = data
    net = small().fit(X, y)
    before = net.predict(X), net.hessian(X)
    net.set_params(activation="relu", hidden_layers=(3,), dtype="float32", x_scaler="passthrough")
    assert_array_equal(net.predict(X), before[0])
    assert_array_equal(net.hessian(X), before[1])


@pytest.mark.parametrize("order", [2, (1, 1)])
def test_relu_warns_once_that_its_second_derivatives_vanish(data, order):
    X = np.tile(data[0], (40, 1))
    net = small(activation="relu").fit(*data)
    assert net.differentiate(1)(X).any()
    with pytest.warns(UserWarning, match="piecewise linear.*'tanh'") as record:
        second = net.differentiate(order)(X)
    assert len(record) == 1
    assert not second.any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "tan"}, "'activation'.*'tanh'.*Got 'tan'"),
        ({"solver": "sgd"}, "'solver'.*'lbfgs'.*Got 'sgd'"),
        ({"backend": "jax"}, "'backend'.*'pytorch'.*Got 'jax'"),
        ({"hidden_layers": ()}, r"at least one hidden layer.*got \(\)"),
        ({"hidden_layers": (8, 0)}, r"each a whole number >= 1.*got \(8, 0\)"),
        ({"hidden_layers": [8.0]}, r"each a whole number >= 1.*got \[8.0\]"),
        ({"hidden_layers": 8}, "'hidden_layers'.*array-like. Got 8"),
        ({"learning_rate": 0}, "'learning_rate'.*Got 0"),
        ({"learning_rate": -0.1}, "'learning_rate'.*Got -0.1"),
        ({"epochs": 0}, "'epochs'.*Got 0"),
        ({"batch_size": 0}, "'batch_size'.*Got 0"),
        ({"dropout_rate": 1.0}, "'dropout_rate'.*Got 1.0"),
        ({"alpha": -1e-9}, "'alpha'.*Got -1e-09"),
        ({"validation_split": 1.0}, "'validation_split'.*Got 1.0"),
        ({"dtype": "float16"}, "'dtype'.*'float32'.*Got 'float16'"),
        ({"solver": "lbfgs", "batch_size": 8}, "lbfgs.*Use batch_size=None; got batch_size=8"),
        ({"solver": "lbfgs", "dropout_rate": 0.1}, "lbfgs.*Use dropout_rate=0; got dropout_rate="),
        ({"batch_norm": True, "batch_size": 1}, "batch_norm needs at least two.*batch_size=1"),
        ({"early_stopping": True, "validation_split": 0.99}, "leaves no sample.* 30 of n_samples"),
    ],
)
def test_parameters_out_of_range_are_refused(data, parameters, message):
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(*data)


def test_batch_norm_with_one_sample_is_refused():
    with pytest.raises(ValueError, match="batch_norm needs at least two .* n_samples = 1"):
        small(batch_norm=True).fit([[1.0]], [2.0])
