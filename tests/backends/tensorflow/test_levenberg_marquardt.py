"""Levenberg–Marquardt on TensorFlow nets: the steps of the other backend, and a user's models."""

import keras_modules
import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_pydelt import NeuralNetworkInterpolator
from sk_pydelt.backends import NetSpec
from sk_pydelt.backends.tensorflow import levenberg_marquardt
from sk_pydelt.backends.tensorflow.framework import keras
from sk_pydelt.backends.tensorflow.user_model import UserModel
from sk_pydelt.backends.tensorflow.vectors import as_vector
from sk_pydelt.jets import Jet

BACKENDS = ("tensorflow", "pytorch")
RNG = np.random.default_rng(0)
X2 = RNG.uniform(-1, 1, (30, 2))
Y2 = np.stack([np.sin(3 * X2[:, 0]) * X2[:, 1], 1e5 * X2[:, 0]], axis=1)
WEIGHT = RNG.uniform(0.5, 2, 30)


def make(**parameters):
    defaults = {"hidden_layers": (16, 8), "solver": "lm", "epochs": 20, "omega_0": 5.0}
    defaults |= {"random_state": 0, "backend": "tensorflow"}
    return NeuralNetworkInterpolator(**defaults | parameters)


LM = [
    {},
    {"alpha": 1e-4},
    {"activation": "sine"},
    {"dtype": "float32", "epochs": 5},
    {"early_stopping": True, "patience": 3},
]


@pytest.mark.parametrize("parameters", LM, ids=str)
def test_levenberg_marquardt_takes_the_steps_of_the_other_backend(parameters):
    parameters = {"solver": "lm", "epochs": 15, **parameters}
    fits = [make(backend=backend, **parameters) for backend in BACKENDS]
    net, other = (fit.fit(X2, Y2, WEIGHT) for fit in fits)
    rtol = 1e-4 if "dtype" in parameters else 1e-12
    assert net.n_iter_ == other.n_iter_
    assert_allclose(net.loss_curve_, other.loss_curve_, rtol=rtol)
    assert_allclose(net.predict(X2), other.predict(X2), rtol=rtol, atol=rtol)
    if "early_stopping" in parameters:
        curves = net.validation_loss_curve_, other.validation_loss_curve_
        assert_allclose(*curves, rtol=rtol)


@pytest.mark.parametrize("module", [keras_modules.branches, keras_modules.Residual])
def test_levenberg_marquardt_of_a_users_model(module):
    net = make(solver="lm", epochs=30, module=module).fit(X2, Y2)
    assert net.loss_curve_[-1] < 1e-2 * net.loss_curve_[0]
    assert np.all(np.diff(net.loss_curve_) <= 0)


def test_the_jacobian_of_a_users_model_by_its_weights():
    """Against central differences, of values and of slopes along two directions."""
    kind = UserModel(NetSpec(2, 2, module=keras_modules.branches, device="/CPU:0"))
    model = kind.build(seed=0)
    function, order = kind.weight_function(model), kind.weight_order(model)
    w = as_vector(kind.weights(model).params)[order]
    draw = np.random.default_rng(0).standard_normal
    for jet in (
        Jet.constant(draw((4, 2)), 0, 1),
        Jet([draw((1, 4, 2)), draw((2, 4, 2))], 1, 2),
    ):
        J, step = function.forward(w, jet).jacobian().dense(), 1e-6
        for i in range(0, len(w), 5):
            shift = step * np.eye(len(w))[i]
            sides = [function.forward(w + s * shift, jet).columns() for s in (1, -1)]
            column = ((sides[0] - sides[1]) / (2 * step)).ravel()
            assert_allclose(J[:, i], column, rtol=1e-6, atol=1e-8)


def test_levenberg_marquardt_refuses_losses_of_the_models_own():
    def penalised(n_features, n_outputs):
        layers = [
            keras.Input((n_features,)),
            keras.layers.Dense(n_outputs, kernel_regularizer="l2"),
        ]
        return keras.Sequential(layers)

    with pytest.raises(ValueError, match="solver='lm' minimises a sum of squares.*regularizer"):
        make(solver="lm", module=penalised).fit(X2, Y2)


@pytest.mark.parametrize("done", [0, 3])
def test_an_interrupted_fit_keeps_its_last_step(monkeypatch, done):
    step, calls = levenberg_marquardt.LevenbergMarquardt.step, []

    def interrupted(self, point):
        calls.append(1)
        if len(calls) > done:
            raise KeyboardInterrupt
        return step(self, point)

    monkeypatch.setattr(levenberg_marquardt.LevenbergMarquardt, "step", interrupted)
    if not done:
        with pytest.raises(KeyboardInterrupt):
            make().fit(X2, Y2)
        return
    with pytest.warns(UserWarning, match="interrupted after 3 of 20"):
        net = make().fit(X2, Y2)
    monkeypatch.undo()
    assert_allclose(net.predict(X2), make(epochs=3).fit(X2, Y2).predict(X2), rtol=1e-9)


def test_it_stops_where_there_is_nothing_left_to_gain():
    net = make(hidden_layers=(30,), epochs=500).fit(X2[:10], Y2[:10])
    assert net.n_iter_ < 200
    assert net.loss_curve_[-1] < 1e-20
