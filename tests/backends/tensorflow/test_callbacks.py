"""Keras' own callbacks and optimizers in a fit, with the model that is kept."""

import pickle

import keras
import keras_modules
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_nets import small

X = np.linspace(0, 3, 40)[:, None]
Y = np.sin(2 * X[:, 0])
HOOKS = ["train_begin", "epoch_begin", "train_batch_begin", "train_batch_end", "epoch_end"]
HOOKS = [f"on_{hook}" for hook in [*HOOKS, "train_end"]]
# Keras itself, where it reads its own variables.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
each_solver = pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])


def net(**parameters):
    return small(backend="tensorflow", **parameters)


class Recorder(keras.callbacks.Callback):
    """Keeps the hooks, their logs, and how the model stands at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.calls, self.logs, self.weights = [], [], []


def _hook(name):
    def hook(self, *args, **kwargs):
        self.calls.append(name)
        if name == "on_epoch_end":
            self.logs.append(kwargs.get("logs") or args[-1])
            self.weights.append(self.model.get_weights())

    return hook


for _name in HOOKS:
    setattr(Recorder, _name, _hook(_name))


@each_solver
def test_every_hook_is_called_in_keras_order(solver):
    recorder = Recorder()
    held_out = X[::3], Y[::3]
    fitted = net(solver=solver, epochs=3, callbacks=[recorder]).fit(X, Y, validation_data=held_out)
    assert recorder.calls == [HOOKS[0], *3 * HOOKS[1:-1], HOOKS[-1]]
    assert [logs["loss"] for logs in recorder.logs] == fitted.loss_curve_
    assert [logs["val_loss"] for logs in recorder.logs] == fitted.validation_loss_curve_
    assert recorder.model is fitted.net_.model_
    for kept, seen in zip(fitted.net_.model_.get_weights(), recorder.weights[-1], strict=True):
        assert_array_equal(kept, seen)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"batch_size": 16}, {"batch_norm": True}, {"loss": "huber", "alpha": 0.1}],
    ids=str,
)
def test_watching_changes_nothing_but_keras_rounding_of_the_rate(parameters):
    watched = net(callbacks=[Recorder()], **parameters).fit(X, Y)
    alone = net(**parameters).fit(X, Y)
    assert_allclose(watched.loss_curve_, alone.loss_curve_, rtol=1e-6)
    assert_allclose(watched.predict(X), alone.predict(X), atol=1e-6)


@pytest.mark.parametrize("module", [None, keras_modules.Residual])
def test_checkpoints_and_logs(tmp_path, module):
    path = tmp_path / "net.weights.h5"
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    fitted = net(callbacks=[checkpoint, log], epochs=4, module=module).fit(X, Y)
    again = net(epochs=1, module=module).fit(X, Y)
    again.net_.model_.load_weights(path)
    assert_allclose(again.predict(X), fitted.predict(X), rtol=1e-12)
    rows = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    assert_allclose(rows["loss"], fitted.loss_curve_, rtol=1e-12)


def test_a_whole_model_is_saved_with_its_optimizer(tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "net.keras")
    fitted = net(callbacks=[checkpoint], epochs=4).fit(X, Y)
    model = keras.saving.load_model(tmp_path / "net.keras")
    scaled = fitted.x_scaler_.transform(X)
    expected = fitted.y_scaler_.transform(fitted.predict(X)[:, None])
    assert_allclose(model(scaled), expected, rtol=1e-12, atol=1e-15)
    assert int(model.optimizer.iterations) == 4


def test_tensorboard_gets_the_losses(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1, write_graph=False)
    fitted = net(callbacks=[board], epochs=4).fit(X, Y)
    events = EventAccumulator(str(tmp_path / "train")).Reload()
    written = [float(keras.ops.array(_value(e))) for e in events.Tensors("epoch_loss")]
    assert_allclose(written, fitted.loss_curve_, rtol=1e-6)


def _value(event):
    return np.frombuffer(event.tensor_proto.tensor_content, np.float32)[0]


def test_schedulers_and_plateaus_set_the_rate():
    halves = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.01 * 0.5**epoch)
    watched = net(callbacks=[halves]).fit(X, Y)
    ours = net(learning_rate_schedule=lambda epoch: 0.5**epoch).fit(X, Y)
    assert_array_equal(watched.loss_curve_, ours.loss_curve_)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", 0.1, patience=1, min_delta=10)
    slowed = net(callbacks=[plateau]).fit(X, Y)
    assert slowed.loss_curve_[-1] > 1.1 * net().fit(X, Y).loss_curve_[-1]


@each_solver
def test_one_that_stops_training_stops_it_and_may_put_weights_back(solver):
    options = {"patience": 2, "min_delta": 0.9, "restore_best_weights": True}
    stop = keras.callbacks.EarlyStopping("val_loss", **options)
    fitted = net(solver=solver, epochs=100, callbacks=[stop])
    fitted.fit(X, Y, validation_data=(X, Y))
    assert fitted.n_iter_ < 10
    error = fitted.predict(X) - Y
    left = np.mean((error / fitted.y_scaler_.scale_) ** 2)
    assert_allclose(left, fitted.validation_loss_curve_[stop.best_epoch], rtol=1e-9)


class Interrupts(keras.callbacks.Callback):
    """The user breaks the third epoch off."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2:
            raise KeyboardInterrupt


def test_what_is_broken_off_in_a_callback_is_usable():
    with pytest.warns(UserWarning, match="interrupted after 2 of 9 epochs"):
        fitted = net(epochs=9, batch_size=16, callbacks=[Interrupts()]).fit(X, Y)
    expected = net(epochs=2, batch_size=16).fit(X, Y)
    assert_allclose(fitted.predict(X), expected.predict(X), atol=1e-6)
    again = pickle.loads(pickle.dumps(fitted.set_params(callbacks=None)))
    assert_array_equal(again.predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    ("parameters", "rtol"),
    [
        ({"optimizer": "adamw", "optimizer_params": {"weight_decay": 0.1}}, 1e-5),
        ({"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}}, 1e-5),
        ({"learning_rate_schedule": "cosine", "max_grad_norm": 0.1, "batch_norm": True}, 1e-5),
        ({"learning_rate_schedule": "invscaling", "optimizer_params": {}}, 1e-5),
    ],
    ids=str,
)
def test_the_path_is_that_of_the_other_backend(parameters, rtol):
    curves = [
        small(epochs=60, backend=backend, **parameters).fit(X, Y).loss_curve_
        for backend in ("pytorch", "tensorflow")
    ]
    assert_allclose(*curves, rtol=rtol)


def test_a_class_of_keras_takes_the_steps():
    fitted = net(optimizer=keras.optimizers.Nadam, optimizer_params={"beta_1": 0.8}, epochs=40)
    assert fitted.fit(X, Y).loss_curve_[-1] < 0.8 * fitted.loss_curve_[0]
    assert isinstance(fitted.net_.model_.optimizer, keras.optimizers.Nadam)


def test_what_is_no_callback_or_optimizer_is_refused():
    with pytest.raises(TypeError, match="callbacks must be instances of keras.callbacks.Callback"):
        net(callbacks=[3]).fit(X, Y)
    with pytest.raises(TypeError, match="or a class of keras.optimizers.Optimizer; got .*int"):
        net(optimizer=int).fit(X, Y)
