"""The TensorFlow backend beside the PyTorch one, nested tapes and Keras itself."""

from functools import wraps

import keras_modules
import numpy as np
import pytest
import tensorflow as tf
from case_names import name
from numpy.testing import assert_allclose, assert_array_equal
from scikeras.wrappers import KerasRegressor

from sk_pydelt import NeuralNetworkInterpolator
from sk_pydelt.backends.tensorflow import epochs as compiled_epochs
from sk_pydelt.backends.tensorflow import lbfgs, perceptron
from sk_pydelt.backends.tensorflow.fit import device_name
from sk_pydelt.backends.tensorflow.perceptron_graph import _drop
from sk_pydelt.backends.tensorflow.training import batch_edges
from sk_pydelt.jets.activations import ACTIVATIONS

RNG = np.random.default_rng(0)
X1 = np.linspace(-1, 1, 15)[:, None]
X2 = RNG.uniform(-1, 1, (30, 2))
Y1 = np.sin(3 * X1[:, 0])
Y2 = np.stack([np.sin(3 * X2[:, 0]) * X2[:, 1], 1e5 * X2[:, 0]], axis=1)
WEIGHT = RNG.uniform(0.5, 2, 30)


def make(framework="tensorflow", **parameters):
    defaults = {"hidden_layers": (16, 8), "epochs": 20, "omega_0": 5.0, "random_state": 0}
    return NeuralNetworkInterpolator(backend=framework, **defaults | parameters)


def torch_weights(net):
    """The weights of a fitted PyTorch net, in Keras' order and shapes."""
    state = net.net_.module_.state_dict().items()
    arrays = [tensor.numpy() for name, tensor in state if "num_batches" not in name]
    return [array.T if array.ndim == 2 else array for array in arrays]


def untrained(weights):
    """Weights whose running means and variances of batch normalisation are the initial ones."""
    per_layer = 6 if len(weights) > 6 else 2
    start = {4: np.zeros_like, 5: np.ones_like}
    return [start.get(k % per_layer, np.copy)(w) for k, w in enumerate(weights)]


@pytest.mark.filterwarnings("ignore:A net of ReLUs")
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_copied_weights_give_the_same_function_and_derivatives(activation, batch_norm):
    parameters = {"activation": activation, "batch_norm": batch_norm}
    for X, y, orders in ((X1, Y1, range(1, 7)), (X2, Y2, range(1, 4))):
        torch_net = make("pytorch", **parameters).fit(X, y)
        net = make(**parameters).fit(X, y)
        net.net_.model_.set_weights(torch_weights(torch_net))
        assert_allclose(net.predict(X), torch_net.predict(X), rtol=1e-10, atol=1e-12)
        for order in orders:
            expected = torch_net.differentiate(order)(X)
            actual = net.differentiate(order)(X)
            # Relative to the size of each output's derivative.
            scale = np.abs(expected).max(axis=0) + 1e-300
            assert_allclose(actual / scale, expected / scale, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"alpha": 0.01},
        {"batch_norm": True},
        {"activation": "rational"},
        {"activation": "gelu", "dtype": "float32"},
        {"early_stopping": True, "patience": 3, "tol": 1e-4, "learning_rate": 0.01},
        {"batch_size": 30},
    ],
    ids=name,
)
def test_training_from_the_same_weights_takes_the_same_path(parameters, monkeypatch):
    """The same loss at each epoch, so the same optimizer, loss, split and stop, to the epoch."""
    parameters = {"epochs": 200} | parameters
    start = make("pytorch", **parameters | {"epochs": 1, "learning_rate": 1e-300})
    weights = untrained(torch_weights(start.fit(X2, Y2, WEIGHT)))
    build = perceptron.build_perceptron

    @wraps(build)
    def build_from_weights(**arguments):
        model = build(**arguments)
        model.set_weights(weights)
        return model

    monkeypatch.setattr(perceptron, "build_perceptron", build_from_weights)
    torch_net = make("pytorch", **parameters).fit(X2, Y2, WEIGHT)
    net = make(**parameters).fit(X2, Y2, WEIGHT)
    rtol = 1e-4 if "dtype" in parameters else 1e-9
    assert net.n_iter_ == torch_net.n_iter_
    assert net.n_iter_ < 200 or "patience" not in parameters
    assert_allclose(net.loss_curve_, torch_net.loss_curve_, rtol=rtol)
    assert_allclose(net.predict(X2), torch_net.predict(X2), rtol=rtol, atol=rtol)
    if net.early_stopping:
        curves = net.validation_loss_curve_, torch_net.validation_loss_curve_
        assert_allclose(*curves, rtol=rtol)
    else:
        assert net.validation_loss_curve_ is None


@pytest.mark.parametrize("activation", ["tanh", "sine"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_initial_weights_are_those_of_the_other_backend(activation, dtype):
    """One `random_state` is one net, whatever trains it and in whatever precision."""
    parameters = {"hidden_layers": (30, 20), "activation": activation}
    parameters |= {"epochs": 1, "learning_rate": 1e-300}
    ours = make(**parameters).fit(X2, Y2).net_.model_.get_weights()
    theirs = torch_weights(make("pytorch", dtype=dtype, **parameters).fit(X2, Y2))
    for w, v in zip(ours, theirs, strict=True):
        assert_allclose(v, w, rtol=1e-14 if dtype == "float64" else 1e-6)


def nested_tapes(function, X, order):
    """The full tensors of derivatives of each row, (n, m, d, …), by tapes within tapes."""
    if order == 0:
        return function(X)
    with tf.GradientTape() as tape:
        tape.watch(X)
        lower = nested_tapes(function, X, order - 1)
    return tape.batch_jacobian(lower, X, experimental_use_pfor=False)


@pytest.mark.parametrize(
    "parameters",
    [
        {"activation": "sine"},
        {"activation": "gelu", "batch_norm": True},
        {"module": keras_modules.branches},
        {"module": keras_modules.Residual},
    ],
    ids=name,
)
def test_derivatives_agree_with_nested_tapes(parameters):
    none = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
    net = make(**parameters, **none).fit(X2, Y2 / [1, 1e5])
    for order in (1, 2, 3):
        function = tf.function(lambda X, k=order: nested_tapes(net.net_.model_, X, k))
        expected = function(tf.constant(X2[:5])).numpy()
        actual = net.differentiate(order)(X2[:5])
        assert_allclose(actual, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_keras_model_predicts_what_the_estimator_does(activation, batch_norm):
    net = make(activation=activation, batch_norm=batch_norm, dropout_rate=0.1).fit(X2, Y2)
    assert isinstance(net.net_, KerasRegressor)
    scaled = net.net_.model_(net.x_scaler_.transform(X2)).numpy()
    assert scaled.dtype == np.float64
    expected = net.y_scaler_.transform(net.predict(X2))
    assert_allclose(scaled, expected, rtol=1e-13, atol=1e-13)


def test_the_net_predicts_through_scikeras():
    net = make().fit(X2, Y2)
    scaled = net.x_scaler_.transform(X2), net.y_scaler_.transform(Y2)
    by_scikeras = net.net_.predict(scaled[0], verbose=0)
    assert_allclose(net.y_scaler_.inverse_transform(by_scikeras), net.predict(X2), rtol=1e-12)
    assert_allclose(net.net_.score(*scaled), net.score(X2, Y2), rtol=1e-12)


def test_derivatives_of_an_own_model_to_order_4_of_a_curve():
    net = make(module=keras_modules.branches).fit(X1, Y1)
    step = 1e-3
    for order in (2, 3, 4):
        lower = net.differentiate(order - 1)
        slope = (8 * (lower(X1 + step) - lower(X1 - step)) - lower(X1 + 2 * step)) / (12 * step)
        slope += lower(X1 - 2 * step) / (12 * step)
        actual = net.differentiate(order)(X1)
        assert_allclose(actual, slope, atol=1e-8 * np.abs(slope).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_own_model_computes_in_the_precision_asked_for(dtype):
    net = make(module=keras_modules.branches, dtype=dtype).fit(X2, Y2)
    assert {w.dtype.name for w in net.net_.model_.get_weights()} == {dtype}
    error = np.abs(net.jacobian(X2) - make(module=keras_modules.branches).fit(X2, Y2).jacobian(X2))
    assert (error.max() > 0) == (dtype == "float32")


def test_regularisers_of_an_own_model_are_added_to_the_loss():
    net = make(module=keras_modules.regularised, epochs=1, learning_rate=1e-300).fit(X2, Y2)
    kernel, _ = net.net_.model_.get_weights()
    error = net.y_scaler_.transform(net.predict(X2)) - net.y_scaler_.transform(Y2)
    assert_allclose(net.loss_curve_, np.mean(error**2) + 0.5 * np.sum(kernel**2))


@pytest.mark.parametrize("module", [None, keras_modules.regularised])
def test_the_penalty_counts_kernels_and_no_biases(module):
    net = make(module=module, alpha=0.5, epochs=1, learning_rate=1e-300).fit(X2, Y2)
    kernels = [w for w in net.net_.model_.get_weights() if w.ndim == 2]
    error = net.y_scaler_.transform(net.predict(X2)) - net.y_scaler_.transform(Y2)
    alpha = 0.5 if module is None else 1.0  # and the module's own
    penalty = alpha * sum(np.sum(w**2) for w in kernels)
    assert_allclose(net.loss_curve_, np.mean(error**2) + penalty)


def test_mini_batches_take_each_row_once_and_anew_each_epoch():
    start = {"epochs": 3, "learning_rate": 1e-300}
    net = make(batch_size=4, **start).fit(X2, Y2)
    assert_allclose(net.loss_curve_, make(**start).fit(X2, Y2).loss_curve_[0], rtol=1e-12)
    net = make(batch_size=4, epochs=300).fit(X2, Y2)
    assert net.loss_curve_[-1] < 0.1 * make(epochs=300).fit(X2, Y2).loss_curve_[-1]


@pytest.mark.parametrize(
    ("n", "min_rows", "edges"),
    [(9, 1, [0, 4, 8, 9]), (9, 2, [0, 4, 9]), (8, 2, [0, 4, 8]), (3, 2, [0, 3]), (1, 1, [0, 1])],
)
def test_where_mini_batches_end(n, min_rows, edges):
    assert batch_edges(n, 4, min_rows) == edges


def test_dropout_masks_change_from_step_to_step_and_layer_to_layer():
    net = make(dropout_rate=0.5, epochs=3, learning_rate=1e-300).fit(X2, Y2)
    assert len(set(net.loss_curve_)) == 3
    h = tf.ones((1000, 3), tf.float64)
    settings = tf.constant(0.25, tf.float64)
    dropped = backend_drop(h, settings, [1, 2])
    assert set(np.unique(dropped)) == {0.0, 1 / 0.75}
    assert_allclose(np.mean(dropped), 1, atol=0.05)
    assert not np.array_equal(dropped, backend_drop(h, settings, [1, 3]))


def backend_drop(h, rate, seed):
    return _drop(h, rate, tf.constant(seed, tf.int64)).numpy()


def test_early_stopping_brings_the_best_weights_back():
    parameters = {"early_stopping": True, "patience": 10, "learning_rate": 0.05, "epochs": 500}
    net = make(**parameters).fit(X2, Y2)
    best = int(np.argmin(net.validation_loss_curve_)) + 1
    assert net.n_iter_ == best + 10 < 500
    stopped = make(**parameters | {"epochs": best, "patience": 500}).fit(X2, Y2)
    assert_array_equal(net.predict(X2), stopped.predict(X2))
    assert net.loss_curve_[:best] == stopped.loss_curve_


def test_a_whole_weight_counts_as_copies():
    X, y = X2.repeat(3, axis=0), Y2.repeat(3, axis=0)
    once = make().fit(X2, Y2, np.full(30, 3.0))
    assert_allclose(once.predict(X2), make().fit(X, y).predict(X2), rtol=1e-8, atol=1e-8)
    assert_allclose(once.predict(X2), make().fit(X2, Y2).predict(X2), rtol=1e-8, atol=1e-8)


def test_learns_a_curve_and_its_slope():
    x = np.linspace(-1, 1, 100)[:, None]
    net = make(hidden_layers=(64, 32), epochs=8000).fit(X1, Y1)
    assert_allclose(net.predict(x), np.sin(3 * x[:, 0]), atol=0.01)
    assert_allclose(net.differentiate(1)(x), 3 * np.cos(3 * x[:, 0]), atol=0.3)


def test_the_progress_bar_counts_every_epoch(capsys):
    make(verbose=True, epochs=50, early_stopping=True, patience=60).fit(X2, Y2)
    shown = capsys.readouterr().err
    assert "50/50" in shown
    assert "train_loss=" in shown
    assert "valid_loss=" in shown
    make(epochs=50).fit(X2, Y2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("module", [None, keras_modules.branches])
def test_lbfgs_finds_the_minimum_that_it_should(module):
    """A gradient of zero, of the loss with its penalty, and no loss above the one before."""
    parameters = {"module": module, "solver": "lbfgs", "alpha": 0.01, "epochs": 2000}
    net = make(hidden_layers=(4,), **parameters).fit(X2, Y2, WEIGHT)
    assert np.all(np.diff(net.loss_curve_) <= 0)
    X, y = net.x_scaler_.transform(X2), net.y_scaler_.transform(Y2)
    weight = WEIGHT[:, None] / WEIGHT.mean()
    variables = net.net_.model_.trainable_variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(weight * (net.net_.model_(X) - y) ** 2)
        loss += 0.01 * sum(tf.reduce_sum(v.value**2) for v in variables if len(v.shape) > 1)
    assert_allclose(float(loss), net.loss_curve_[-1], rtol=1e-6)
    for gradient in tape.gradient(loss, [v.value for v in variables]):
        assert np.abs(gradient.numpy()).max() < 1e-4


def test_lbfgs_stops_where_the_loss_falls_no_more():
    parameters = {"activation": "identity", "alpha": 0.1, "solver": "lbfgs", "epochs": 5000}
    net = make(hidden_layers=(4,), **parameters).fit(X2, Y2)
    assert net.n_iter_ < 500


def test_lbfgs_stops_early_with_the_best_weights():
    parameters = {"early_stopping": True, "patience": 5, "epochs": 200, "solver": "lbfgs"}
    net = make(**parameters).fit(X2, Y2)
    best = int(np.argmin(net.validation_loss_curve_)) + 1
    assert net.n_iter_ <= best + 5 < 200
    stopped = make(**parameters | {"epochs": best, "patience": 500}).fit(X2, Y2)
    assert_array_equal(net.predict(X2), stopped.predict(X2))


def test_lbfgs_with_batch_normalisation_moves_its_statistics():
    net = make(solver="lbfgs", batch_norm=True, epochs=200).fit(X2, Y2)
    assert net.score(X2, Y2) > 0.9


@pytest.mark.parametrize("y", [np.zeros(30), np.full(30, 3.0)])
def test_lbfgs_on_a_constant(y):
    assert_allclose(make(solver="lbfgs", epochs=1000).fit(X2, y).predict(X2), y, atol=1e-4)


def break_off_after(monkeypatch, calls):
    """Let Ctrl-C come after so many calls of the compiled epochs."""
    show, left = compiled_epochs.show, [calls]

    def interrupted(*arguments):
        show(*arguments)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    for module in (compiled_epochs, lbfgs):
        monkeypatch.setattr(module, "show", interrupted)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_break_keeps_the_net_as_trained_so_far(solver, monkeypatch):
    break_off_after(monkeypatch, 2)
    with pytest.warns(UserWarning, match=r"interrupted after \d+ of 300 epochs"):
        net = make(epochs=300, solver=solver).fit(X2, Y2)
    assert 2 <= net.n_iter_ < 300
    monkeypatch.undo()
    shorter = make(epochs=net.n_iter_, solver=solver).fit(X2, Y2)
    assert_array_equal(net.predict(X2), shorter.predict(X2))


def test_a_break_in_the_first_epoch_leaves_the_estimator_as_it_was(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    net = make().fit(X2, Y2)
    before = net.predict(X2)
    monkeypatch.setattr(compiled_epochs.time, "perf_counter", interrupted)
    with pytest.raises(KeyboardInterrupt, match="first epoch"):
        net.fit(X2, -Y2)
    assert_array_equal(net.predict(X2), before)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"learning_rate": 1e200}, ValueError, "diverged in epoch 2.*smaller learning_rate"),
        ({"batch_norm": True, "batch_size": 1}, ValueError, "at least two samples"),
        ({"early_stopping": True, "validation_split": 0.99}, ValueError, "leaves no sample"),
        ({"module": keras_modules.one_column}, ValueError, r"returned shape \(2, 1\)"),
        ({"module": lambda **sizes: print}, TypeError, "builds a keras.Model.*got"),
        (
            {"module": keras_modules.one_column(2, 2)},
            TypeError,
            "Pass what builds.*got an instance",
        ),
        ({"device": "tpu"}, ValueError, "'cpu', 'cuda'"),
    ],
    ids=name,
)
def test_refusals(parameters, error, message):
    with pytest.raises(error, match=message):
        make(**parameters).fit(X2, Y2)


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU")
def test_cuda_without_a_gpu():
    with pytest.raises(ValueError, match="device='cuda' needs an NVIDIA GPU.*device='cpu'"):
        make(device="cuda").fit(X2, Y2)
    make(device="auto", epochs=1).fit(X2, Y2)


def test_names_of_devices():
    names = {name: device_name(name, 2) for name in ("cpu", "cuda", "cuda:1", "auto")}
    assert names == {"cpu": "/CPU:0", "cuda": "/GPU:0", "cuda:1": "/GPU:1", "auto": "/GPU:0"}


@pytest.mark.parametrize("y", [np.full(30, 3.0), Y2[:, :1], Y2[:, 0]])
def test_one_output_and_constants(y):
    net = make().fit(X2, y)
    assert net.predict(X2).shape == y.shape
    assert np.isfinite(net.gradient(X2)).all()


def test_one_sample():
    net = make().fit([[1.0]], [2.0])
    assert np.isfinite(net.differentiate(2)([[1.0]])).all()
