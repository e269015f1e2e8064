"""The multilayer perceptron as a function of its weights, for training in a TensorFlow graph."""

from dataclasses import dataclass
from typing import Any

from .framework import tf
from .keras_layers import activation_function
from .perceptron import EPSILON, MOMENTUM

__all__ = ["PerceptronGraph"]


@dataclass(frozen=True)
class PerceptronGraph:
    """A multilayer perceptron as a function of its weights, for training in a TensorFlow graph.

    The weights are two vectors: those that are trained, kernel and bias (and gamma and beta) of
    each layer in turn, and the running means and variances. The sizes are known when the graph
    runs, so that one graph serves every net with the same number of layers.
    """

    n_layers: int
    activation: str
    batch_norm: bool
    dropout: bool
    with_slopes: bool

    def __call__(
        self, params: Any, stats: Any, rows: Any, settings: Any, seed: Any, training: bool
    ) -> tuple[Any, Any, Any]:
        """Outputs, the running statistics, and what is to be added to the loss.

        Outputs are values (n, q), with the slopes along the directions of the rows beside them
        where there are any.
        """
        per_layer = 4 if self.batch_norm else 2
        n_pieces = per_layer * (self.n_layers - 1) + 2
        pieces = tf.split(params[0], settings.sizes, num=n_pieces)
        running = tf.split(stats[0], settings.running_sizes, num=2 * (self.n_layers - 1))
        function = activation_function(self.activation)
        moved, h, slopes = [], rows.X, rows.directions if self.with_slopes else None
        for k in range(self.n_layers - 1):
            kernel, bias, *norm = pieces[per_layer * k : per_layer * (k + 1)]
            h, slopes = _dense(h, slopes, kernel, bias)
            if self.batch_norm:
                h, new = _normalise(h, norm, running[2 * k : 2 * k + 2], training)
                moved += new
            h, slopes = _activate(function, h, slopes)
            if self.dropout and training:
                h = _drop(h, settings.dropout_rate, seed + [0, k])
        stats = (tf.concat(moved, 0),) if moved else stats
        h, slopes = _dense(h, slopes, *pieces[-2:])
        return _beside(h, slopes), stats, tf.zeros((), h.dtype)


def _dense(h, slopes, kernel, bias):
    """A dense layer of values (n, k), and of slopes (n, d, k) or None."""
    matrix = tf.reshape(kernel, (-1, tf.size(bias)))
    moved = None if slopes is None else tf.tensordot(slopes, matrix, 1)
    return tf.nn.bias_add(h @ matrix, bias), moved


def _activate(function, z, slopes):
    """An elementwise function, and the slopes through it."""
    if slopes is None:
        return function(z), None
    with tf.GradientTape() as tape:
        tape.watch(z)
        h = function(z)
    rate = tape.gradient(h, z)
    return h, rate[:, None] * slopes


def _beside(values, slopes):
    """Values (n, q) with slopes (n, d, q) beside them: (n, q (1 + d))."""
    if slopes is None:
        return values
    n, d, q = tf.unstack(tf.shape(slopes))
    return tf.concat([values, tf.reshape(slopes, (n, d * q))], 1)


def _normalise(h, norm, running, training):
    """Batch normalisation and the moved running statistics, as `torch.nn.BatchNorm1d` has them."""
    (gamma, beta), (mean, variance) = norm, running
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
