"""The loss of a fit in a TensorFlow graph."""

from typing import Any

import numpy as np

from ..losses import Loss
from .framework import tf

__all__ = ["mean_loss"]


def mean_loss(loss: Loss, errors: Any, weight: Any) -> Any:
    """As `sk_pydelt.backends.losses.Loss` has it, of errors (n, k) and weights (n, 1) or (n, k)."""
    if loss.name == "huber":
        return _huber(errors, weight, loss.epsilon)
    return tf.reduce_mean(weight * (tf.abs(errors) if loss.name == "absolute_error" else errors**2))


def _huber(errors, weight, epsilon):
    dtype = errors.dtype
    tiny = np.finfo(dtype.as_numpy_dtype).tiny
    weight = tf.broadcast_to(weight, tf.shape(errors))
    shares = tf.reduce_mean(weight, 0)
    weight /= tf.cast(tf.shape(errors)[0], dtype) * (shares + tiny)
    size = tf.abs(errors)
    outside = tf.cast(size > _limits(size, weight, epsilon), dtype)
    far = tf.reduce_sum(weight * outside, 0)
    near = tf.reduce_sum(weight * (1 - outside) * size**2, 0)
    root = tf.sqrt(near * tf.nn.relu(1 - epsilon**2 * far) + tiny)
    beyond = epsilon * tf.reduce_sum(weight * outside * size, 0)
    return tf.reduce_mean(shares * (root + beyond)) ** 2


def _limits(size, weight, epsilon):
    """As `sk_pydelt.backends.losses.huber_limits`."""
    columns = tf.transpose(size), tf.transpose(weight)
    order = tf.argsort(columns[0])
    size, weight = (tf.gather(part, order, batch_dims=1) for part in columns)
    near, far = tf.cumsum(weight * size**2, 1), 1 - tf.cumsum(weight, 1)
    within = size**2 * (1 - epsilon**2 * far) <= epsilon**2 * near
    return tf.reduce_max(tf.where(within, size, tf.zeros_like(size)), 1)
