"""Keras models of a user that cannot be built or trained, and what their call may leave out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

keras = pytest.importorskip("keras")

from sk_pydelt import NeuralNetworkInterpolator  # noqa: E402

X = np.random.default_rng(0).uniform(-1, 1, (20, 2))
Y = np.sin(X[:, 0])
SOLVERS = ["adam", "lbfgs", "lm"]


class Layer(keras.Model):
    """A call without the argument `training`; what a case puts `change` after."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layer = keras.layers.Dense(n_outputs)

    def call(self, X):
        return self.change(self.layer(X))

    def change(self, y):
        return y


class Other(Layer):
    def call(self, X, time):
        return self.layer(X)


class Frozen(Layer):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs)
        self.trainable = False


def changed(change):
    return type("Changed", (Layer,), {"change": lambda self, y: change(y)})


SHAPE = r"must return one array of shape \(n, n_outputs\)"
REFUSED = {
    "(n,)": (changed(lambda y: y[:, 0]), ValueError, SHAPE + r".* it returned shape \(2,\)"),
    "a tuple": (changed(lambda y: (y, y)), ValueError, SHAPE + ".* it returned tuple"),
    "nothing": (changed(lambda y: None), ValueError, SHAPE + ".* it returned NoneType"),
    "two arguments": (Other, TypeError, "call is called with one tensor.*argument: 'time'"),
    "nothing to train": (Frozen, ValueError, "Frozen has no trainable weights"),
    "other arguments": (keras.layers.Dense, TypeError, "module is called with n_features="),
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_net(solver, case):
    module, error, message = REFUSED[case]
    net = NeuralNetworkInterpolator(module=module, solver=solver, epochs=2, backend="tensorflow")
    with pytest.raises(error, match=message):
        net.fit(X, Y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_call_need_not_take_training(solver):
    net = NeuralNetworkInterpolator(module=Layer, solver=solver, epochs=200, learning_rate=0.05)
    net.set_params(backend="tensorflow", random_state=0).fit(X, X @ [2.0, -1.0])
    assert_allclose(net.gradient(X[:3]), [[2.0, -1.0]] * 3, atol=1e-3)
