"""Keras layers and functions that Keras lacks, or has in single precision only."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...jets import activations
from ...jets.activations import ACTIVATIONS
from .framework import keras

__all__ = ["Dropout", "activation_function", "gelu", "rational", "sine"]


@keras.saving.register_keras_serializable("sk_pydelt")
def sine(z: Any) -> Any:
    """sin(z), for sinusoidal representation networks (Sitzmann et al. 2020)."""
    return keras.ops.sin(z)


@keras.saving.register_keras_serializable("sk_pydelt")
def rational(z: Any) -> Any:
    """A ratio of polynomials (Boullé, Nakatsukasa & Townsend 2020), with fixed coefficients."""
    return activations.rational(z)


@keras.saving.register_keras_serializable("sk_pydelt")
def gelu(z: Any) -> Any:
    """z Φ(z) with the normal distribution Φ; Keras' own rounds √2 to single precision."""
    return 0.5 * z * (1 + keras.ops.erf(z / keras.ops.cast(np.sqrt(2), z.dtype)))


@keras.saving.register_keras_serializable("sk_pydelt")
class Dropout(keras.layers.Layer):
    """Dropout with a seed of its own, and one name for every generator of its masks.

    Keras' own draws a seed from Python's global generator, and takes a new name each time, of
    which TensorFlow never frees the last trace.
    """

    def __init__(self, rate: float, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.masks = keras.random.SeedGenerator(seed, name="masks")

    def call(self, inputs: Any, training: bool = False) -> Any:
        return keras.random.dropout(inputs, self.rate, seed=self.masks) if training else inputs

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


def activation_function(name: str) -> Callable:
    """The Keras function behind a name of `sk_pydelt.jets.activations.ACTIVATIONS`."""
    ours = {"gelu": gelu, "rational": rational, "sine": sine}
    keras_name = ACTIVATIONS[name].keras_name
    return ours.get(keras_name) or keras.activations.get(keras_name)
