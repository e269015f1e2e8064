"""The rule for scikit-learn's own multilayer perceptron."""

from sklearn.neural_network import MLPRegressor

from ..jets.activations import ACTIVATIONS
from ..jets.elementary import exp
from .registry import predicts_1d, propagate, warn_once

__all__ = []

NAMES = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


@propagate.register
def _(step: MLPRegressor, jet):
    activation = ACTIVATIONS[NAMES[step.activation]]
    if activation.piecewise_linear and jet.order > 1:
        warn_once(
            jet,
            "A net of ReLUs is piecewise linear: its derivatives of order 2 and above are zero "
            "almost everywhere. Fit MLPRegressor with activation='tanh' or 'logistic'.",
        )
    *hidden, last = zip(step.coefs_, step.intercepts_)
    for weights, bias in hidden:
        jet = activation.taylor(jet @ weights + bias)
    jet = jet @ last[0] + last[1]
    return exp(jet) if step.out_activation_ == "exp" else jet


predicts_1d.register(MLPRegressor, lambda step: step.n_outputs_ == 1)
