"""The multilayer perceptron in Keras and, on the same weights, in TensorFlow and NumPy."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...jets import Jet
from ...jets.activations import ACTIVATIONS, RATIONAL_DENOMINATOR, RATIONAL_NUMERATOR
from ..common import initial_bounds
from .framework import keras, tf

__all__ = [
    "DenseLayer",
    "Perceptron",
    "activation_function",
    "build_perceptron",
    "dense_layers",
    "propagate_perceptron",
    "split_places",
]

# Batch normalisation: what is added to the variance, and the share of a running statistic kept.
EPSILON = 1e-5
MOMENTUM = 0.9


@keras.saving.register_keras_serializable("sk_pydelt")
def sine(z):
    """sin(z), for sinusoidal representation networks (Sitzmann et al. 2020)."""
    return keras.ops.sin(z)


@keras.saving.register_keras_serializable("sk_pydelt")
def rational(z):
    """A ratio of polynomials (Boullé, Nakatsukasa & Townsend 2020), with fixed coefficients."""
    return _polynomial(RATIONAL_NUMERATOR, z) / _polynomial(RATIONAL_DENOMINATOR, z)


@keras.saving.register_keras_serializable("sk_pydelt")
def gelu(z):
    """z Φ(z) with the normal distribution Φ; Keras' own rounds √2 to single precision."""
    return 0.5 * z * (1 + keras.ops.erf(z / keras.ops.cast(np.sqrt(2), z.dtype)))


@keras.saving.register_keras_serializable("sk_pydelt")
class Dropout(keras.layers.Layer):
    """Dropout with a seed of its own, and one name for every generator of its masks.

    Keras' own draws a seed from Python's global generator, and takes a new name each time, of
    which TensorFlow never frees the last trace.
    """

    def __init__(self, rate, seed, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.masks = keras.random.SeedGenerator(seed, name="masks")

    def call(self, inputs, training=False):
        return keras.random.dropout(inputs, self.rate, seed=self.masks) if training else inputs

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


def _polynomial(coefficients, z):
    result = coefficients[0] * z + coefficients[1]
    for coefficient in coefficients[2:]:
        result = result * z + coefficient
    return result


def activation_function(name):
    """The Keras function behind a name of `sk_pydelt.jets.activations.ACTIVATIONS`."""
    own = {"gelu": gelu, "rational": rational, "sine": sine}
    keras_name = ACTIVATIONS[name].keras_name
    return own.get(keras_name) or keras.activations.get(keras_name)


def build_perceptron(
    n_features,
    n_outputs,
    hidden_layers,
    activation,
    omega_0,
    dropout_rate,
    batch_norm,
    dtype,
    seed,
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


def dense_layers(weights, batch_norm) -> list[DenseLayer]:
    """Group a flat list of weights, as ``model.get_weights()`` has them, by layer."""
    size = 6 if batch_norm else 2
    return [DenseLayer(*weights[start : start + size]) for start in range(0, len(weights), size)]


def propagate_perceptron(layers, activation, jet: Jet) -> Jet:
    """Pass a jet of arrays through the net as it predicts, in evaluation mode."""
    *hidden, last = layers
    for layer in hidden:
        jet = jet @ layer.kernel + layer.bias
        if layer.gamma is not None:
            scale = layer.gamma / np.sqrt(layer.variance + layer.variance.dtype.type(EPSILON))
            jet = (jet - layer.mean) * scale + layer.beta
        jet = ACTIVATIONS[activation].taylor(jet)
    return jet @ last.kernel + last.bias


@dataclass(frozen=True)
class Perceptron:
    """A multilayer perceptron as a function of its weights, for training in a TensorFlow graph.

    The weights are two vectors: those that are trained, kernel and bias (and gamma and beta) of
    each layer in turn, and the running means and variances. The sizes are known when the graph
    runs, so that one graph serves every net with the same number of layers.
    """

    n_layers: int
    activation: str
    batch_norm: bool
    dropout: bool
    n_directions: int = 0

    def __call__(self, params, stats, X, settings, seed, training):
        """Predictions, the running statistics, and what is to be added to the loss."""
        X, slopes = split_places(X, self.n_directions)
        per_layer = 4 if self.batch_norm else 2
        n_pieces = per_layer * (self.n_layers - 1) + 2
        pieces = tf.split(params[0], settings.sizes, num=n_pieces)
        running = tf.split(stats[0], settings.running_sizes, num=2 * (self.n_layers - 1))
        function = activation_function(self.activation)
        moved, h = [], X
        for k in range(self.n_layers - 1):
            kernel, bias, *norm = pieces[per_layer * k : per_layer * (k + 1)]
            h, slopes = _dense(h, slopes, kernel, bias)
            if self.batch_norm:
                h, new = _normalise(h, *norm, *running[2 * k : 2 * k + 2], training)
                moved += new
            h, slopes = _activate(function, h, slopes)
            if self.dropout and training:
                h = _drop(h, settings.dropout_rate, seed + [0, k])
        stats = (tf.concat(moved, 0),) if moved else stats
        h, slopes = _dense(h, slopes, *pieces[-2:])
        return tf.concat([h, *slopes], 1), stats, tf.zeros((), X.dtype)


def split_places(places, n_directions):
    """X (n, p), and a list of directions of that shape, from a tensor with them side by side."""
    if not n_directions:
        return places, []
    X, *directions = tf.split(places, 1 + n_directions, axis=1)
    return X, directions


def _dense(h, slopes, kernel, bias):
    matrix = tf.reshape(kernel, (-1, tf.size(bias)))
    return tf.nn.bias_add(h @ matrix, bias), [slope @ matrix for slope in slopes]


def _activate(function, z, slopes):
    """An elementwise function, and the slopes through it."""
    if not slopes:
        return function(z), []
    with tf.GradientTape() as tape:
        tape.watch(z)
        h = function(z)
    rate = tape.gradient(h, z)
    return h, [rate * slope for slope in slopes]


def _normalise(h, gamma, beta, mean, variance, training):
    """Batch normalisation and the moved running statistics, as `torch.nn.BatchNorm1d` has them."""
    if training:
        batch_mean = tf.reduce_mean(h, 0)
        batch_variance = tf.reduce_mean((h - batch_mean) ** 2, 0)
        n = tf.cast(tf.shape(h)[0], h.dtype)
        move = 1 - MOMENTUM
        running_mean = mean + move * (batch_mean - mean)
        running_variance = variance + move * (batch_variance * n / (n - 1) - variance)
        mean, variance = batch_mean, batch_variance
    else:
        running_mean, running_variance = mean, variance
    scaled = (h - mean) * tf.math.rsqrt(variance + EPSILON) * gamma + beta
    return scaled, [running_mean, running_variance]


def _drop(h, rate, seed):
    keep = tf.random.stateless_uniform(tf.shape(h), seed, dtype=h.dtype) >= rate
    return h * tf.cast(keep, h.dtype) / (1 - rate)
