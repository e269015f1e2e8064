"""A third backend, from outside the package: random features and a linear last layer, in NumPy."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_pydelt import NeuralNetworkInterpolator
from sk_pydelt.backends import Backend, FitResult, register_backend, registry
from sk_pydelt.jets import Jet
from sk_pydelt.jets.activations import ACTIVATIONS

X = np.linspace(-2, 2, 80).reshape(-1, 2) + [10.0, 0.0]
Y = np.column_stack([np.sin(X[:, 0] - 10) * X[:, 1], 1e3 * np.cos(X[:, 1])])


class RandomFeatures(Backend):
    supports = frozenset({"solver='lm'", "activation", "alpha", "random_state"})

    def fit(self, net, fit, samples):
        rng = np.random.RandomState(fit.random_state)
        width = net.hidden_layers[0]
        hidden = rng.normal(0, 2, (net.n_features, width)), rng.uniform(-2, 2, width)
        features = hidden, np.eye(width), net.activation  # a net whose last layer does nothing
        H = self.predict(features, samples.X)
        last = np.linalg.solve(H.T @ H + fit.alpha * len(H) * np.eye(width), H.T @ samples.y)
        return FitResult((hidden, last, net.activation), [np.mean((H @ last - samples.y) ** 2)])

    def predict(self, net, X):
        return self.propagate(net, Jet.constant(X, 0, 1)).value

    def propagate(self, net, jet):
        (weights, biases), last, activation = net
        return ACTIVATIONS[activation].taylor(jet @ weights + biases) @ last


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(registry, "_BACKENDS", dict(registry._BACKENDS))  # forgotten afterwards
    register_backend("random features", RandomFeatures)
    options = {"solver": "lm", "alpha": 1e-9, "backend": "random features", "random_state": 0}
    return NeuralNetworkInterpolator((60,), **options).fit(X, Y)


def test_it_is_fitted_differentiated_and_persisted(model, tmp_path):
    assert_allclose(model.predict(X) / [1, 1e3], Y / [1, 1e3], atol=1e-2)
    for lower, higher in ((model.predict, model.differentiate(1)), (model.jacobian, model.hessian)):
        step = [0, 1e-5]
        assert_allclose(higher(X)[..., 1], (lower(X + step) - lower(X - step)) / 2e-5, atol=1e-4)
    joblib.dump(model, tmp_path / "model.joblib")
    assert_array_equal(joblib.load(tmp_path / "model.joblib").hessian(X), model.hessian(X))


def test_what_it_lacks_is_refused(model):
    message = "early_stopping=True is not in backend='random features': use backend='pytorch' or"
    with pytest.raises(ValueError, match=message):
        model.set_params(early_stopping=True).fit(X, Y)
