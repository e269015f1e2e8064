"""The skorch net trained by Levenberg–Marquardt: its fits, its callbacks, and its ends."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import check_estimator
from torch_modules import Residual

from sk_pydelt import NeuralNetworkInterpolator
from sk_pydelt.backends.pytorch.levenberg_marquardt_net import StopWhenDone
from sk_pydelt.solvers.levenberg_marquardt import LevenbergMarquardt


@pytest.fixture
def curve():
    x = np.linspace(-1, 1, 15).reshape(-1, 1)
    return x, 1 / (1 + 25 * x.ravel() ** 2)


def lm(**parameters):
    defaults = {"hidden_layers": (8,), "solver": "lm", "epochs": 60, "random_state": 0}
    return NeuralNetworkInterpolator(**{**defaults, **parameters})


def test_check_estimator():
    check_estimator(lm(hidden_layers=(4,), epochs=15), on_skip=None)


def test_it_interpolates_to_rounding(curve):
    net = lm(hidden_layers=(32, 16), epochs=300).fit(*curve)
    assert net.loss_curve_[-1] < 1e-20
    assert net.stop_reason_ in ("loss", "step")
    assert np.all(np.diff(net.loss_curve_) <= 0)
    assert_allclose(net.predict(curve[0]), curve[1], atol=1e-9)


@pytest.mark.parametrize("activation", ["tanh", "swish"])
def test_bent_steps_are_few(curve, activation):
    """Straight ones need 30 to 90 and more."""
    for seed in range(3):
        options = {"activation": activation, "random_state": seed, "epochs": 40}
        assert lm(hidden_layers=(32, 16), **options).fit(*curve).loss_curve_[-1] < 1e-12


@pytest.mark.parametrize("change", ["none", "in place", "replaced"])
def test_callbacks_see_the_weights_and_may_change_them(curve, monkeypatch, change):
    seen, on_epoch_end = [], StopWhenDone.on_epoch_end

    def watch(self, net, **kwargs):
        parameters = list(net.module_.parameters())
        if change == "in place":
            parameters[0].data.mul_(1.01)
        elif change == "replaced":
            parameters[0].data = 1.01 * parameters[0].data
        with torch.no_grad():
            X, y, *_ = kwargs["dataset_train"].rows
            seen.append(float(((net.module_(X) - y) ** 2).mean()))
        on_epoch_end(self, net, **kwargs)

    monkeypatch.setattr(StopWhenDone, "on_epoch_end", watch)
    net = lm(epochs=10).fit(*curve)
    assert_allclose(seen[:-1], net.loss_curve_[1:], rtol=1e-9)
    assert net.net_.history[:, "train_loss"] == net.loss_curve_
    assert net.net_.history[-1] is list(net.net_.history)[-1]


def test_stop_reasons(curve):
    x, y = curve
    assert lm(epochs=3).fit(x, y).stop_reason_ == "epochs"
    noisy = y + 0.1 * np.random.default_rng(0).standard_normal(15)
    stopped = lm(early_stopping=True, patience=3, epochs=500).fit(x, noisy)
    assert stopped.stop_reason_ == "early_stopping"
    assert len(stopped.validation_loss_curve_) == stopped.n_iter_
    assert lm(epochs=300).fit(x, np.ones(15)).stop_reason_ in ("loss", "gradient", "step")
    assert lm(solver="adam", epochs=3).fit(x, y).stop_reason_ == "epochs"
    flat = lm(solver="lbfgs", activation="identity", epochs=500).fit(x, y)
    assert flat.stop_reason_ == "stalled"


def test_sample_weight_counts_copies_and_alpha_penalises_weights(curve):
    x, y = curve
    y = np.column_stack([y, np.sin(x.ravel())])
    weight = np.arange(15) % 3 + 1
    options = {"alpha": 1e-3, "activation": "tanh", "epochs": 300}
    weighted = lm(**options).fit(x, y, sample_weight=weight)
    copies = lm(**options).fit(np.repeat(x, weight, axis=0), np.repeat(y, weight, axis=0))
    assert_allclose(weighted.loss_curve_[0], copies.loss_curve_[0], rtol=1e-9)
    assert_allclose(weighted.loss_curve_[-1], copies.loss_curve_[-1], rtol=1e-4)
    sizes = [
        sum(float((p.detach() ** 2).sum()) for p in net.net_.module_.parameters() if p.ndim > 1)
        for net in (lm(alpha=alpha).fit(x, y) for alpha in (1e-6, 1e-2))
    ]
    assert sizes[0] > 2 * sizes[1]


def test_primal_and_dual_fits_agree(curve):
    """The same residuals twice make the problem primal: the loss must fall alike."""
    x, y = curve
    dual = lm(epochs=5, alpha=1e-4).fit(x, y)
    primal = lm(epochs=5, alpha=1e-4).fit(np.tile(x, (2, 1)), np.tile(y, 2))
    assert_allclose(primal.loss_curve_, dual.loss_curve_, rtol=1e-6)


def test_the_same_seed_gives_the_same_bits(curve):
    a, b = (lm().fit(*curve).predict(curve[0]) for _ in range(2))
    assert_array_equal(a, b)


def test_a_users_own_module(curve):
    net = lm(module=Residual, epochs=100).fit(*curve)
    assert net.loss_curve_[-1] < 1e-3 * net.loss_curve_[0]


def test_the_progress_bar(curve, capfd):
    lm(verbose=True, epochs=5).fit(*curve)
    assert "5/5" in capfd.readouterr().err


def test_an_interrupted_fit_keeps_its_last_accepted_step(curve, monkeypatch):
    step, calls = LevenbergMarquardt.step, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(LevenbergMarquardt, "step", interrupted)
    with pytest.warns(UserWarning, match="interrupted after 3 of 60"):
        net = lm().fit(*curve)
    assert net.stop_reason_ == "interrupted"
    assert net.n_iter_ == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dropout_rate": 0.1}, "solver='lm' takes all samples.*Use dropout_rate=0; got"),
        ({"batch_norm": True}, "solver='lm'.*Use batch_norm=False"),
        ({"batch_size": 4}, "solver='lm'.*Use batch_size=None"),
    ],
)
def test_what_it_cannot_do_is_refused(curve, parameters, message):
    with pytest.raises(ValueError, match=message):
        lm(**parameters).fit(*curve)


def test_the_net_is_trained_on(curve):
    """In batches or with other samples: what it has learned of the last ones is put away."""
    whole = lm(epochs=24).fit(*curve)
    net = lm(epochs=12).fit(*curve)
    scaled = net.x_scaler_.transform(curve[0]), net.y_scaler_.transform(curve[1][:, None])
    net.net_.partial_fit(*scaled)
    losses = net.net_.history[:, "train_loss"]
    assert len(losses) == 24
    assert np.all(np.diff(losses) <= 0)
    assert losses[12] < whole.loss_curve_[11]
    net.net_.partial_fit(scaled[0][::2], -scaled[1][::2])
    assert net.net_.history[-1]["train_loss"] < 1e-3
