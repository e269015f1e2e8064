"""A user's own Keras model: how it is built, and its derivatives by nested reverse mode."""

import random
import threading
from contextlib import contextmanager
from functools import partial, reduce
from math import factorial, prod
from operator import mul

import numpy as np

from ...jets import Jet, multi_indices
from .framework import keras, tf

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
    if isinstance(module, keras.Model):
        name = type(module).__name__
        raise TypeError(
            "module must be a class or function that builds a keras.Model: it is called with "
            f"n_features and n_outputs. Pass what builds {name}; got an instance, {name}(...)."
        )
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
        floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
        states = random.getstate(), np.random.get_state()  # noqa: NPY002
        keras.config.set_floatx(dtype)  # of inputs
        keras.config.set_dtype_policy(dtype)  # of layers
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_dtype_policy(policy)
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def predict_own(model, X, dtype) -> np.ndarray:
    """Values of the model at X (n, p), of shape (n, q)."""
    blocks = [X[start : start + PREDICT_ROWS] for start in range(0, max(len(X), 1), PREDICT_ROWS)]
    values = [model(tf.constant(block, dtype), training=False).numpy() for block in blocks]
    return np.concatenate(values).astype(np.float64, copy=False)


def propagate_own(model, jet, dtype, compiled) -> Jet:
    """Taylor coefficients of a model along a jet, by nested reverse differentiation.

    Row by row, g(t) = model(Σ c_α t^α) is a map of the jet's variables t; its derivatives at
    t = 0 are those of the composition.

    Parameters
    ----------
    model : keras.Model
    jet : Jet of arrays
    dtype : str
    compiled : dict
        Keeps the graphs, which take long to build.
    """
    order, q = jet.order, jet.n_variables
    if not len(jet.value):
        return Jet.constant(predict_own(model, jet.value, dtype), order, q)
    parts = [tf.constant(part, dtype) for part in jet.parts]
    key = order, q, len(parts)
    if key not in compiled:
        specs = [tf.TensorSpec([part.shape[0], None, part.shape[2]], dtype) for part in parts]
        function = tf.function(partial(_taylor, model, order, q), autograph=False)
        compiled[key] = function.get_concrete_function(specs)
    return Jet([np.asarray(part, np.float64) for part in compiled[key](parts)], order, q)


def _taylor(model, order, q, parts):
    """The parts of model(Σ c_α t^α), in a graph."""
    columns = [tf.zeros_like(parts[0][0, :, :1]) for _ in range(q)]
    monomials = (_monomials(columns, k) for k in range(len(parts)))
    terms = [m * part[i] for ms, part in zip(monomials, parts) for i, m in enumerate(ms)]
    y = model(tf.add_n(terms), training=False)
    found = {(0,) * q: [y[:, j : j + 1] for j in range(y.shape[1])]}
    results = [tf.stack([y])]
    for k in range(1, order + 1):
        lower, found = found, {}
        for alpha in multi_indices(q, k):
            i = next(i for i in range(q) if alpha[i])
            below = tuple(power - (j == i) for j, power in enumerate(alpha))
            found[alpha] = [_gradient(output, columns[i]) for output in lower[below]]
        scaled = [tf.concat(f, 1) / prod(map(factorial, alpha)) for alpha, f in found.items()]
        results.append(tf.stack(scaled))
    return results


def _monomials(columns, degree):
    """The products of the columns to the powers of each multi-index."""
    one = tf.ones_like(columns[0])
    return [
        reduce(mul, (c for c, power in zip(columns, alpha) for _ in range(power)), one)
        for alpha in multi_indices(len(columns), degree)
    ]


def _gradient(output, column):
    return tf.gradients(output, column, unconnected_gradients="zero")[0]
