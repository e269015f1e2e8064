"""The rule for scikit-learn's own multilayer perceptron."""

from sklearn.neural_network import MLPRegressor

from ..jets import perceptron
from ..jets.activations import ACTIVATIONS
from ..jets.elementary import exp
from ..jets.namespace import alike
from ..jets.perceptron import Dense
from .arrays import any_array
from .registry import predicts_1d, propagate, warn_once

__all__ = []

NAMES = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


@propagate.register
@any_array
def _(step: MLPRegressor, jet):
    name = NAMES[step.activation]
    if ACTIVATIONS[name].piecewise_linear and jet.order > 1:
        warn_once(
            jet,
            "A net of ReLUs is piecewise linear: its derivatives of order 2 and above are zero "
            "almost everywhere. Fit MLPRegressor with activation='tanh' or 'logistic'.",
        )
    pairs = zip(step.coefs_, step.intercepts_)
    layers = [Dense(alike(W.T, jet.value), alike(b, jet.value)) for W, b in pairs]
    jet = perceptron.propagate(layers, name, jet)
    return exp(jet) if step.out_activation_ == "exp" else jet


predicts_1d.register(MLPRegressor, lambda step: step.n_outputs_ == 1)
