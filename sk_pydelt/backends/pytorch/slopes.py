"""Derivatives of nets by their inputs, while they are trained, and those of these by the weights.

A row of *places* is a row of X with directions beside it; a row of outputs is then the values with
the slopes along each direction beside them.
"""

from typing import Any

import torch
from torch import nn

from ...jets import Jet
from ...jets.jacobian import DenseJacobian
from ...jets.perceptron import Perceptron
from ..least_squares import WeightFunction
from .arrays import as_array
from .perceptron import MultilayerPerceptron

__all__ = ["ModuleFunction", "jet_of_places", "values_and_slopes", "weight_function"]


def jet_of_places(places: torch.Tensor, n_directions: int) -> Jet:
    """The jet of X (n, p) along the directions beside it, of order 0 where there are none."""
    if not n_directions:
        return Jet.constant(places, 0, 1)
    p = places.shape[1] // (1 + n_directions)
    directions = places[:, p:].reshape(-1, n_directions, p)
    return Jet([places[None, :, :p], directions.movedim(1, 0)], 1, n_directions)


def values_and_slopes(module: nn.Module, places: torch.Tensor, n_directions: int) -> torch.Tensor:
    """Values of a net, with slopes beside them: (n, m (1 + n_directions))."""
    if not n_directions:
        return module(places)
    jet = jet_of_places(places, n_directions)
    if isinstance(module, MultilayerPerceptron):
        return torch.cat(list(module.propagate(jet).parts)).movedim(0, 1).flatten(1)
    return _by_forward_mode(module, jet)


def _by_forward_mode(function, jet):
    """Values and slopes beside each other, of a function of rows."""
    if not jet.order:
        return function(jet.value)
    pairs = [torch.func.jvp(function, (jet.value,), (v,)) for v in jet.parts[1]]
    return torch.cat([pairs[0][0], *(slope for _, slope in pairs)], dim=1)


def weight_function(module: nn.Module) -> WeightFunction:
    """A module as a function of its weights."""
    if not isinstance(module, MultilayerPerceptron):
        return ModuleFunction(module)
    dense = [layer for layer in module.layers if isinstance(layer, nn.Linear)]
    widths = (dense[0].in_features, *(layer.out_features for layer in dense))
    return Perceptron(widths, module.activation)


class ModuleFunction:
    """A user's own module as a function of its weights, differentiated by torch.func.

    Parameters
    ----------
    module : torch.nn.Module
    """

    def __init__(self, module: nn.Module):
        self.module = module
        self.names, parameters = zip(*module.named_parameters())
        self.shapes = [p.shape for p in parameters]
        self.device = parameters[0].device

    def __call__(self, w: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """Values (n, m) at X (n, p) with the weights w (P,)."""
        parts = w.split([shape.numel() for shape in self.shapes])
        tensors = {n: part.view(s) for n, part, s in zip(self.names, parts, self.shapes)}
        return torch.func.functional_call(self.module, tensors, (X,))

    def forward(self, w: Any, jet: Jet) -> "ModulePass":
        """Pass a jet of places, of order 0 or 1, through the net with the weights w (P,)."""
        tensors = jet.map_parts(lambda part: torch.as_tensor(part, device=self.device))
        return ModulePass(self, torch.as_tensor(w, device=self.device), tensors)


class ModulePass:
    """A user's module at some weights and places."""

    def __init__(self, function: ModuleFunction, w: torch.Tensor, jet: Jet):
        self.function, self.w, self.jet = function, w, jet

    def _columns(self, w, jet):
        return _by_forward_mode(lambda X: self.function(w, X), jet)

    def columns(self) -> Any:
        """Values, with slopes along each variable of the jet beside them: (n, m (1 + q))."""
        return as_array(self._columns(self.w, self.jet))

    def jacobian(self) -> DenseJacobian:
        """Derivatives of `columns`, row by row, by the weights: (n m (1 + q), P)."""

        def row(w, *parts):
            jet = Jet([part[:, None] for part in parts], self.jet.order, self.jet.n_variables)
            return self._columns(w, jet)[0]

        in_dims = (None, *(1 for _ in self.jet.parts))
        function = torch.func.vmap(torch.func.jacrev(row), in_dims=in_dims)
        J = function(self.w, *self.jet.parts)
        return DenseJacobian(as_array(J.flatten(0, 1)))
