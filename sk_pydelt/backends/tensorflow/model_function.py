"""A user's Keras model as a function of its weights, and of places and directions."""

from functools import cached_property
from typing import Any

import numpy as np

from ...jets import Jet
from ...jets.jacobian import DenseJacobian
from .epochs import Data
from .framework import keras, tf
from .vectors import as_tensors

__all__ = ["ModelFunction"]


class ModelFunction:
    """A Keras model as it predicts, differentiated by gradients in a graph.

    Parameters
    ----------
    graph : callable
        As `sk_pydelt.backends.tensorflow.epochs.Epochs` takes it.
    model : keras.Model
    """

    def __init__(self, graph: Any, model: keras.Model) -> None:
        self.graph = graph
        self.params = tuple(v.value + 0 for v in model.trainable_variables)
        self.stats = tuple(v.value + 0 for v in model.non_trainable_variables)

    def forward(self, w: np.ndarray, jet: Jet) -> "ModelPass":
        """Pass a jet of places, of order 0 or 1, through the net with the weights w (P,)."""
        X = tf.constant(jet.value)
        lines = np.zeros((len(jet.value), 0, jet.value.shape[1]), jet.value.dtype)
        if jet.order:
            lines = np.ascontiguousarray(jet.parts[1].swapaxes(0, 1))
        return ModelPass(self, as_tensors(w, self.params), X, tf.constant(lines))

    @cached_property
    def columns(self) -> Any:
        """The graph of all outputs, from params, X and directions."""
        return tf.function(self._columns, autograph=False)

    @cached_property
    def jacobian(self) -> Any:
        """The graph of their derivatives by the params, one tensor of all: (n, n_columns, P)."""
        return tf.function(self._jacobian, autograph=False)

    def _columns(self, params, X, directions):
        rows = Data(X, None, None, directions)
        outputs, _, _ = self.graph(params, self.stats, rows, None, None, training=False)
        return outputs

    def _jacobian(self, params, X, directions):
        """Row by row: no output depends on another row."""

        def row(place):
            x, lines = place
            with tf.GradientTape() as tape:
                tape.watch(params)
                outputs = self._columns(params, x[None], lines[None])[0]
            found = tape.jacobian(outputs, params, unconnected_gradients="zero")
            return tf.concat([tf.reshape(J, (tf.size(outputs), -1)) for J in found], 1)

        return tf.vectorized_map(row, (X, directions))


class ModelPass:
    """A user's model at some weights, places (n, p) and directions (n, d, p)."""

    def __init__(self, function: ModelFunction, params: tuple, X: Any, directions: Any) -> None:
        self.function, self.arguments = function, (params, X, directions)

    def columns(self) -> np.ndarray:
        """Values, with slopes along each direction beside them: (n, m (1 + d))."""
        return self.function.columns(*self.arguments).numpy()

    def jacobian(self) -> DenseJacobian:
        """Derivatives of `columns`, row by row, by the weights: (n m (1 + d), P)."""
        J = self.function.jacobian(*self.arguments).numpy()
        return DenseJacobian(J.reshape(-1, J.shape[2]))
