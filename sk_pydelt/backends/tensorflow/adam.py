"""Adam in a TensorFlow graph."""

from typing import Any

from .framework import tf

__all__ = ["adam_step"]

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba 2015


def adam_step(state: Any, gradients: tuple, learning_rate: Any) -> Any:
    """A step of Adam (Kingma & Ba 2015), as `torch.optim.Adam` takes it."""
    step = state.step + 1
    t = tf.cast(step, learning_rate.dtype)
    rate = learning_rate / (1 - BETA_1**t)
    correction = tf.sqrt(1 - BETA_2**t)
    params, means, squares = [], [], []
    for p, g, mean, square in zip(state.params, gradients, state.mean, state.square):
        mean += (1 - BETA_1) * (g - mean)
        square = BETA_2 * square + (1 - BETA_2) * g**2
        root = tf.sqrt(square) / tf.cast(correction, p.dtype) + EPSILON
        params.append(p - tf.cast(rate, p.dtype) * mean / root)
        means.append(mean)
        squares.append(square)
    return state._replace(step=step, params=tuple(params), mean=tuple(means), square=tuple(squares))
