"""A user's own Keras model: how it is built, and its derivatives by TensorFlow's forward mode."""

import random
import threading
from contextlib import contextmanager
from functools import reduce
from math import factorial, prod

import numpy as np

from ..jet import Jet, multi_indices
from .tensorflow_import import keras, tf

__all__ = ["build_own", "predict_own", "propagate_own"]

PREDICT_ROWS = 8192  # rows that pass through the model at a time
_GLOBAL_STATE = threading.Lock()


def build_own(module, n_features, n_outputs, dtype, seed):
    """The model that a user's function or class builds, with weights.

    Parameters
    ----------
    module : callable
        Called with ``n_features`` and ``n_outputs``; gives a `keras.Model`.
    n_features, n_outputs : int
    dtype : str
        Of layers that don't say their own.
    seed : int
    """
    with _global_state(dtype, seed):
        model = module(n_features=n_features, n_outputs=n_outputs)
        if not isinstance(model, keras.Model):
            raise TypeError(
                "With backend='tensorflow', module must be a function or class that builds a "
                f"keras.Model from n_features and n_outputs; got {type(model)} from {module!r}."
            )
        shape = tuple(model(tf.zeros((2, n_features), dtype), training=False).shape)
    if shape != (2, n_outputs):
        raise ValueError(
            f"The model that module builds must map 2 rows to shape (2, {n_outputs}), one column "
            f"for each output; got shape {shape}."
        )
    return model


@contextmanager
def _global_state(dtype, seed):
    """Keras' default dtype and the generators set for a user's function, and put back afterwards.

    Keras draws the seeds of layers from Python's global generator. Fits with an own module take
    turns here when they run in threads.
    """
    with _GLOBAL_STATE:
        policy = keras.config.dtype_policy()
        states = random.getstate(), np.random.get_state()
        keras.config.set_dtype_policy(dtype)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            keras.config.set_dtype_policy(policy)
            random.setstate(states[0])
            np.random.set_state(states[1])


def predict_own(model, X, dtype) -> np.ndarray:
    """Values of the model at X (n, p), of shape (n, q)."""
    blocks = [X[start : start + PREDICT_ROWS] for start in range(0, max(len(X), 1), PREDICT_ROWS)]
    values = [model(tf.constant(block, dtype), training=False).numpy() for block in blocks]
    return np.concatenate(values).astype(np.float64, copy=False)


def propagate_own(model, jet, dtype) -> Jet:
    """Taylor coefficients of a model along a jet, by nested forward differentiation.

    Row by row, g(t) = model(Σ c_α t^α) is a map of the jet's variables t; its derivatives at
    t = 0 are those of the composition.
    """
    q, n = jet.n_variables, len(jet.value)
    parts = [tf.constant(part, dtype) for part in jet.parts]

    def along(t):
        monomials = [
            [_monomial(t, alpha) for alpha in multi_indices(q, k)] for k in range(len(parts))
        ]
        terms = zip(monomials, parts)
        inner = sum(m * part[i] for ms, part in terms for i, m in enumerate(ms))
        return model(inner, training=False)

    origin = tf.zeros((n, q), dtype)
    units = [tf.one_hot([i] * n, q, dtype=dtype) for i in range(q)]

    def coefficient(alpha):
        directions = [units[i] for i, power in enumerate(alpha) for _ in range(power)]
        value = reduce(_directional, directions, along)(origin)
        return value.numpy().astype(np.float64, copy=False) / prod(map(factorial, alpha))

    orders = range(jet.order + 1)
    parts_out = [np.stack([coefficient(a) for a in multi_indices(q, k)]) for k in orders]
    return Jet(parts_out, jet.order, q)


def _monomial(t, alpha):
    """The product of the columns of t to the powers of alpha, (n, 1)."""
    factors = [t[:, i : i + 1] for i, power in enumerate(alpha) for _ in range(power)]
    return reduce(lambda a, b: a * b, factors, tf.ones_like(t[:, :1]))


def _directional(function, direction):
    """The derivative of a function along a direction, as a function."""

    def derivative(t):
        with tf.autodiff.ForwardAccumulator(t, direction) as accumulator:
            value = function(t)
        slope = accumulator.jvp(value, unconnected_gradients="zero")
        return tf.convert_to_tensor(slope)

    return derivative
