"""The multilayer perceptron as a Keras model and, on the same weights, in NumPy."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...jets import Jet
from ...jets.activations import ACTIVATIONS
from ..initial_weights import initial_bounds
from .framework import keras
from .keras_layers import Dropout, activation_function

__all__ = [
    "EPSILON",
    "MOMENTUM",
    "DenseLayer",
    "build_perceptron",
    "dense_layers",
    "propagate_perceptron",
]

# Batch normalisation: what is added to the variance, and the share of a running statistic kept.
EPSILON = 1e-5
MOMENTUM = 0.9


def build_perceptron(
    n_features: int,
    n_outputs: int,
    hidden_layers: Sequence[int],
    activation: str,
    omega_0: float,
    dropout_rate: float,
    batch_norm: bool,
    dtype: str,
    seed: int,
) -> keras.Sequential:
    """Dense layers with one activation between them.

    Parameters
    ----------
    n_features, n_outputs : int
    hidden_layers : sequence of int
    activation : str
        A name in `sk_pydelt.jets.activations.ACTIVATIONS`.
    omega_0 : float
        Frequency of the first layer where the activation is "sine".
    dropout_rate : float
    batch_norm : bool
        Whether each dense layer but the last is followed by batch normalisation.
    dtype : str
    seed : int
        Of the initial weights.
    """
    widths = [n_features, *map(int, hidden_layers), n_outputs]
    layers = [keras.Input((n_features,), dtype=dtype, name="features")]
    for k, width in enumerate(widths[1:]):
        # Zeros draw no random numbers; the initial weights are drawn below.
        options = {"kernel_initializer": "zeros", "dtype": dtype, "name": f"dense_{k}"}
        layers.append(keras.layers.Dense(width, **options))
        if k < len(hidden_layers):
            layers += _after_dense(k, activation, dropout_rate, batch_norm, dtype)
    model = keras.Sequential(layers, name="perceptron")
    draw = np.random.default_rng(seed)
    for k, (n_in, n_out) in enumerate(pairwise(widths)):
        kind = activation if k < len(hidden_layers) else "tanh"
        weight_bound, bias_bound = initial_bounds(n_in, kind, k == 0, omega_0)
        kernel = draw.uniform(-weight_bound, weight_bound, (n_in, n_out))
        bias = draw.uniform(-bias_bound, bias_bound, n_out)
        model.get_layer(f"dense_{k}").set_weights([kernel, bias])
    return model


def _after_dense(k, activation, dropout_rate, batch_norm, dtype):
    """The layers between two dense ones."""
    layers = []
    if batch_norm:
        norm = keras.layers.BatchNormalization(
            momentum=MOMENTUM,
            epsilon=EPSILON,
            dtype=dtype,
            name=f"normalisation_{k}",
        )
        layers.append(norm)
    function = activation_function(activation)
    layers.append(keras.layers.Activation(function, dtype=dtype, name=f"activation_{k}"))
    if dropout_rate:
        layers.append(Dropout(dropout_rate, seed=k, dtype=dtype, name=f"dropout_{k}"))
    return layers


class DenseLayer(NamedTuple):
    """The weights of one dense layer and, where there is one, of the normalisation after it."""

    kernel: np.ndarray
    bias: np.ndarray
    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None
    mean: np.ndarray | None = None
    variance: np.ndarray | None = None


def dense_layers(weights: Sequence[np.ndarray], batch_norm: bool) -> list[DenseLayer]:
    """Group a flat list of weights, as ``model.get_weights()`` has them, by layer."""
    size = 6 if batch_norm else 2
    return [DenseLayer(*weights[start : start + size]) for start in range(0, len(weights), size)]


def propagate_perceptron(layers: Sequence[DenseLayer], activation: str, jet: Jet) -> Jet:
    """Pass a jet of arrays through the net as it predicts, in evaluation mode."""
    *hidden, last = layers
    for layer in hidden:
        jet = jet @ layer.kernel + layer.bias
        if layer.gamma is not None:
            scale = layer.gamma / np.sqrt(layer.variance + layer.variance.dtype.type(EPSILON))
            jet = (jet - layer.mean) * scale + layer.beta
        jet = ACTIVATIONS[activation].taylor(jet)
    return jet @ last.kernel + last.bias
