"""Skorch's own callbacks in a fit: called as skorch calls them, with the net that is kept."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    GradientNormClipping,
    LRScheduler,
    PrintLog,
    TensorBoard,
)
from small_nets import small

X = np.linspace(0, 3, 40)[:, None]
Y = np.sin(2 * X[:, 0])
HOOKS = ["train_begin", "epoch_begin", "batch_begin", "grad_computed", "batch_end", "epoch_end"]
HOOKS = [f"on_{hook}" for hook in [*HOOKS, "train_end"]]


class Recorder(Callback):
    """Keeps the names of the hooks, and the nets they are called with."""

    def initialize(self):
        self.calls, self.nets, self.shapes = [], set(), set()
        return self

    def record(self, name, net, batch=None, y_pred=None):
        self.calls.append(name)
        self.nets.add(id(net))
        if batch is not None and len(batch) == 2:
            self.shapes.add(tuple(part.shape[1] for part in batch))


def _hook(name):
    def hook(self, net, *args, batch=None, **kwargs):
        self.record(name, net, batch)

    return hook


for _name in HOOKS:
    setattr(Recorder, _name, _hook(_name))


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
def test_every_hook_is_called_in_skorchs_order(solver):
    recorder = Recorder()
    net = small(solver=solver, epochs=3, callbacks=[recorder]).fit(X, Y, dy=2 * np.cos(2 * X))
    once = [hook for hook in HOOKS if solver != "lm" or hook != "on_grad_computed"]
    epoch = once[1:-1]
    calls = list(dict.fromkeys(recorder.calls))
    assert calls == once
    assert recorder.calls.count("on_epoch_end") == 3
    assert solver != "adam" or recorder.calls == [once[0], *3 * epoch, once[-1]]
    assert recorder.nets == {id(net.net_)}
    assert recorder.shapes == {(1, 1)}  # values, without the slopes beside them


@pytest.mark.parametrize("parameters", [{}, {"batch_size": 16}, {"loss": "huber"}])
def test_watching_changes_no_bit(parameters):
    watched = small(callbacks=[Recorder()], **parameters).fit(X, Y)
    assert watched.loss_curve_ == small(**parameters).fit(X, Y).loss_curve_
    assert "batches" not in watched.net_.history[-1]


def test_scores_timers_and_logs(capsys):
    scores = [
        ("r2", EpochScoring("r2", on_train=True, lower_is_better=False)),
        ("uncached", EpochScoring("neg_mean_squared_error", use_caching=False, name="uncached")),
        ("batch", BatchScoring("neg_mean_squared_error", name="batch")),
    ]
    lines = [*scores, EpochTimer(), PrintLog(floatfmt=".6f")]
    net = small(callbacks=lines, epochs=5).fit(X, Y, validation_data=(X[::3], Y[::3]))
    last = net.net_.history[-1]
    assert_allclose(-last["batch"], net.validation_loss_curve_[-1], rtol=1e-12)
    assert_allclose(-last["uncached"], net.validation_loss_curve_[-1], rtol=1e-12)
    assert_allclose(1 - last["r2"], net.loss_curve_[-1], rtol=1e-12)
    assert last["dur"] > 0
    assert f"{net.loss_curve_[-1]:.6f}" in capsys.readouterr().out


def test_checkpoints_hold_the_net_of_their_epoch(tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path, monitor="train_loss_best", f_pickle="net.pkl")
    net = small(callbacks=[checkpoint], epochs=9).fit(X, Y)
    assert (tmp_path / "params.pt").exists()
    saved = pickle.loads((tmp_path / "net.pkl").read_bytes())
    assert_array_equal(saved.predict(X), net.net_.predict(X))
    resumed = small(epochs=9).fit(X, Y).net_
    resumed.load_params(checkpoint=checkpoint)
    assert_array_equal(resumed.predict(X), net.net_.predict(X))


def test_tensorboard_gets_the_losses(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        net = small(callbacks=[TensorBoard(writer)], epochs=4).fit(X, Y)
    events = EventAccumulator(str(tmp_path)).Reload()
    written = [event.value for event in events.Scalars("Loss/train_loss")]
    assert_allclose(written, net.loss_curve_, rtol=1e-6)
    pickle.dumps(net.net_)  # without the writer


def test_schedulers_and_clipping():
    halves = LRScheduler("StepLR", step_size=1, gamma=0.5)
    net = small(callbacks=[halves], epochs=4).fit(X, Y)
    ours = small(learning_rate_schedule=lambda epoch: 0.5**epoch, epochs=4).fit(X, Y)
    assert_allclose(net.loss_curve_, ours.loss_curve_, rtol=1e-12)
    clipped = small(callbacks=[GradientNormClipping(0.01)], optimizer="sgd").fit(X, Y)
    ours = small(max_grad_norm=0.01, optimizer="sgd").fit(X, Y)
    assert_array_equal(clipped.loss_curve_, ours.loss_curve_)
    assert ours.loss_curve_ != small(optimizer="sgd").fit(X, Y).loss_curve_


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
def test_one_that_stops_training_stops_it_without_a_warning(solver):
    stop = EarlyStopping("train_loss", patience=2, threshold=0.9, sink=lambda text: None)
    net = small(solver=solver, epochs=300, callbacks=[("flat", stop)]).fit(X, Y)
    assert (net.n_iter_, net.stop_reason_) == (3 + (solver == "lbfgs"), "flat") or net.n_iter_ < 20
    assert net.stop_reason_ == "flat"


class Interrupts(Callback):
    """The user breaks the third epoch off."""

    def on_batch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt


def test_what_is_broken_off_in_a_callback_is_usable():
    net = small(epochs=9, callbacks=[Interrupts()]).fit(X, Y)
    assert net.n_iter_ == 2
    assert_array_equal(net.predict(X), small(epochs=2).fit(X, Y).predict(X))


def test_callbacks_are_cloned_but_not_kept_in_the_net():
    net = small(callbacks=[EpochTimer(), ("recorder", Recorder())])
    again = clone(net)
    assert isinstance(again.callbacks[1][1], Recorder)
    assert again.callbacks[1][1] is not net.callbacks[1][1]
    fitted = pickle.loads(pickle.dumps(again.fit(X, Y)))
    assert_array_equal(fitted.predict(X), again.predict(X))
    assert not any(isinstance(c, Recorder) for _, c in again.net_.callbacks_)
    again.net_.partial_fit(X, Y[:, None])


@pytest.mark.parametrize("bad", [3, ("name", print), dict])
def test_what_is_no_callback_is_refused(bad):
    with pytest.raises(TypeError, match="With backend='pytorch', callbacks must be skorch"):
        small(callbacks=[bad]).fit(X, Y)
