"""Keras models of a user's own, in a file that a fresh process can import."""

import keras

__all__ = ["Residual", "branches", "one_column", "regularised"]


def branches(n_features, n_outputs):
    """A functional model whose layers don't follow each other."""
    x = keras.Input((n_features,))
    h = keras.layers.Dense(6, activation="tanh")(x)
    g = keras.layers.Dense(5, activation="softplus")(h)
    return keras.Model(x, keras.layers.Dense(n_outputs)(keras.layers.Concatenate()([h * h, g])))


class Residual(keras.Model):
    """A subclassed model, with layers that act differently in training."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.dense = keras.layers.Dense(6, activation="swish")
        self.dropout = keras.layers.Dropout(0.1)
        self.norm = keras.layers.BatchNormalization()
        self.last = keras.layers.Dense(n_outputs)

    def call(self, x, training=None):
        h = self.dropout(self.dense(x), training=training)
        return self.last(self.norm(h, training=training))


def regularised(n_features, n_outputs):
    dense = keras.layers.Dense(n_outputs, kernel_regularizer=keras.regularizers.L2(0.5))
    return keras.Sequential([keras.Input((n_features,)), dense])


def one_column(n_features, n_outputs):
    return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(1)])
