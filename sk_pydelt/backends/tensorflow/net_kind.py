"""What the TensorFlow backend needs of a kind of net, be it our perceptron or a user's model."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...jets import Jet
from ..contract import NetSpec
from ..least_squares import WeightFunction
from .framework import keras

if TYPE_CHECKING:
    from .epochs import Compiled
    from .keras_net import KerasNet

__all__ = ["NetKind", "Weights"]


class Weights(NamedTuple):
    """The weights of a Keras model as tensors, in the form in which its graph takes them.

    Parameters
    ----------
    params : tuple of tensor
        What is trained.
    stats : tuple of tensor
        Running statistics, which training moves too.
    penalised : tuple of tensor
        For each of `params`, 1 where `alpha` counts and 0 elsewhere.
    sizes, running_sizes : sequence of int
        Of the pieces of `params` and `stats`, where they are one vector each.
    """

    params: tuple
    stats: tuple
    penalised: tuple
    sizes: Sequence[int] = ()
    running_sizes: Sequence[int] = ()


@dataclass(frozen=True)
class NetKind(ABC):
    """How a kind of net is built, trained and differentiated. It holds no weights.

    Parameters
    ----------
    spec : NetSpec
        Its device is TensorFlow's name of one.
    """

    spec: NetSpec

    @property
    @abstractmethod
    def may_normalise(self) -> bool:
        """Whether batch normalisation, which can't train on one row, may be among the layers."""

    @abstractmethod
    def build(self, seed: int) -> keras.Model:
        """A Keras model with initial weights."""

    @abstractmethod
    def require_slopes(self, model: keras.Model, X: Any) -> None:
        """Raise a ValueError where known derivatives cannot be fitted."""

    @abstractmethod
    def weights(self, model: keras.Model) -> Weights:
        """The model's weights, for its graph."""

    @abstractmethod
    def compiled(self, model: keras.Model, arguments: tuple, **form: Any) -> "Compiled":
        """The graph that trains the model on arguments such as these.

        Parameters
        ----------
        model : keras.Model
        arguments : tuple
            Those of `sk_pydelt.backends.tensorflow.epochs.Epochs`.
        **form : Any
            ``loss``, ``mini_batches``, ``early_stopping`` and ``penalised``.
        """

    @abstractmethod
    def weight_function(self, model: keras.Model) -> WeightFunction:
        """The model as a function of one vector of its weights."""

    @abstractmethod
    def weight_order(self, model: keras.Model) -> np.ndarray:
        """Where in the vector of `Weights.params` each weight of that function stands, (P,)."""

    @abstractmethod
    def write(self, model: keras.Model, params: tuple, stats: tuple) -> None:
        """Set the model's weights to what its graph has come to."""

    @abstractmethod
    def live(self, model: keras.Model) -> tuple[tuple, tuple]:
        """`Weights.params` and `stats` as functions of the model's variables."""

    @abstractmethod
    def pieces(self, gradients: tuple, model: keras.Model) -> list:
        """Gradients by `Weights.params` as those by the model's trainable variables."""

    @abstractmethod
    def move(self, model: keras.Model, stats: tuple) -> None:
        """Set the running statistics alone."""

    @abstractmethod
    def release(self) -> None:
        """After a fit: let go of what no other fit can use."""

    @abstractmethod
    def predict(self, net: "KerasNet", X: np.ndarray) -> np.ndarray:
        """Values of the net at X (n, p), of shape (n, q)."""

    @abstractmethod
    def propagate(self, net: "KerasNet", jet: Jet) -> Jet:
        """Pass a jet of arrays through the net as it predicts."""
