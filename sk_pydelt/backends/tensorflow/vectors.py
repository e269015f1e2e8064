"""Trained tensors as one vector, for solvers that know of no others."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .framework import tf

__all__ = ["as_tensors", "as_vector"]


def as_vector(tensors: Sequence) -> np.ndarray:
    """Tensors one after another, (P,)."""
    return np.concatenate([tensor.numpy().ravel() for tensor in tensors])


def as_tensors(vector: np.ndarray, like: Sequence) -> tuple[Any, ...]:
    """The tensors of a vector (P,), of the shapes and types of others."""
    cuts = np.cumsum([int(tf.size(p)) for p in like])[:-1]
    pieces = zip(np.split(vector, cuts), like)
    return tuple(tf.constant(v.reshape(p.shape), p.dtype) for v, p in pieces)
