"""The multilayer perceptron as a Keras model and, on the same weights, in NumPy."""

from collections.abc import Sequence

import numpy as np

from ...jets.perceptron import Dense, initial_layers, normalised
from .framework import keras
from .keras_layers import Dropout, activation_function

__all__ = [
    "EPSILON",
    "MOMENTUM",
    "build_perceptron",
    "dense_layers",
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
    for k, layer in enumerate(initial_layers(widths, activation, omega_0, seed)):
        model.get_layer(f"dense_{k}").set_weights([layer.weight.T, layer.bias])
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


def dense_layers(weights: Sequence[np.ndarray], batch_norm: bool) -> list[Dense]:
    """The layers of a flat list of weights, as ``model.get_weights()`` has them.

    Batch normalisation with its running statistics is an affine map too: it is put into the layer
    before it.
    """
    size = 6 if batch_norm else 2
    return [_dense(*weights[start : start + size]) for start in range(0, len(weights), size)]


def _dense(kernel, bias, gamma=None, beta=None, mean=None, variance=None):
    layer = Dense(kernel.T, bias)
    if gamma is None:
        return layer
    return normalised(layer, mean, variance + variance.dtype.type(EPSILON), gamma, beta)
