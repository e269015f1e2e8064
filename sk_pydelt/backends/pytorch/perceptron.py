"""The multilayer perceptron in PyTorch: layers, initialisation, and how a jet passes through it."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from ...jets.activations import ACTIVATIONS, rational
from ...jets.perceptron import Dense, initial_layers, normalised
from .generator import SeededGenerator

__all__ = ["Dropout", "MultilayerPerceptron", "Rational", "Sine", "Softplus"]


class Sine(nn.Module):
    """sin(z), for sinusoidal representation networks (Sitzmann et al. 2020)."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.sin(z)


class Softplus(nn.Module):
    """log(1 + exp(z)), exact at every z; torch's own turns linear above 20."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.logaddexp(z, z.new_zeros(()))


class Rational(nn.Module):
    """A ratio of polynomials (Boullé, Nakatsukasa & Townsend 2020), with fixed coefficients."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return rational(z)


class Dropout(nn.Module):
    """Dropout whose masks come from a generator of its own, not torch's global one."""

    def __init__(self, rate: float, generator: SeededGenerator) -> None:
        super().__init__()
        self.rate = rate
        self.generator = generator

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return z
        keep = torch.empty_like(z).bernoulli_(1 - self.rate, generator=self.generator.on(z.device))
        return z * keep / (1 - self.rate)


def _activation_module(name):
    ours = {"Sine": Sine, "Softplus": Softplus, "Rational": Rational}
    torch_name = ACTIVATIONS[name].torch_name
    return (ours.get(torch_name) or getattr(nn, torch_name))()


def _linear(layer, dtype):
    """A dense layer of given weights and biases.

    It is put together by hand: the draws of nn.Linear's own __init__ can only be kept from the
    global generator by `skip_init`, which takes a quarter of the time of a short fit.
    """
    made = nn.Linear.__new__(nn.Linear)
    nn.Module.__init__(made)
    made.out_features, made.in_features = layer.weight.shape
    made.weight, made.bias = (nn.Parameter(torch.tensor(part, dtype=dtype)) for part in layer)
    return made


class MultilayerPerceptron(nn.Module):
    """Dense layers with one activation between them.

    Parameters
    ----------
    n_features, n_outputs : int
    hidden_layers : sequence of int
    activation : str
        A name in `sk_pydelt.jets.activations.ACTIVATIONS`.
    omega_0 : float
        Frequency of the first layer where the activation is "sine".
    dropout_rate : float
    batch_norm : bool
        Whether each dense layer but the last is followed by batch normalisation.
    dtype : torch.dtype
    seed : int
        Of the initial weights and of the dropout masks.
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        *,
        hidden_layers: Sequence[int],
        activation: str,
        omega_0: float,
        dropout_rate: float,
        batch_norm: bool,
        dtype: torch.dtype,
        seed: int,
    ) -> None:
        super().__init__()
        masks = SeededGenerator(seed + 1)
        widths = (n_features, *hidden_layers, n_outputs)
        *hidden, last = initial_layers(widths, activation, omega_0, seed)
        layers = []
        for layer in hidden:
            layers.append(_linear(layer, dtype))
            if batch_norm:
                layers.append(nn.BatchNorm1d(len(layer.bias), dtype=dtype))
            layers.append(_activation_module(activation))
            if dropout_rate:
                layers.append(Dropout(dropout_rate, masks))
        layers.append(_linear(last, dtype))
        self.layers = nn.Sequential(*layers)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layers(X)

    def dense_layers(self) -> list[Dense]:
        """The net as it predicts, batch normalisation put into the layers before it."""
        found: list[Dense] = []
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                found.append(Dense(layer.weight, layer.bias))
            elif isinstance(layer, nn.BatchNorm1d):
                mean, variance = cast(torch.Tensor, layer.running_mean), layer.running_var
                spread = cast(torch.Tensor, variance) + layer.eps
                found[-1] = normalised(found[-1], mean, spread, layer.weight, layer.bias)
        return found
