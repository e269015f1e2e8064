"""Derivatives of nets by their inputs, while they are trained, and those of these by the weights.

A row of *places* is a row of X with directions beside it; a row of outputs is then the values with
the slopes along each direction beside them.
"""

import torch
from torch import nn

from ...jets import Jet
from ...jets.activations import ACTIVATIONS
from ...solvers.levenberg_marquardt import DenseJacobian
from .jacobian import ModuleFunction, PerceptronFunction
from .perceptron import MultilayerPerceptron

__all__ = ["module_function", "partial_jacobians", "perceptron_function"]


def _split(places, n_directions):
    """X (n, p) and the directions (n, n_directions, p)."""
    p = places.shape[1] // (1 + n_directions)
    return places[:, :p], places[:, p:].reshape(-1, n_directions, p)


def _jet(places, n_directions):
    X, directions = _split(places, n_directions)
    return Jet([X[None], directions.movedim(1, 0)], 1, n_directions)


def _columns(jet):
    """Values and slopes beside each other: (n, m (1 + n_directions))."""
    return torch.cat(list(jet.parts)).movedim(0, 1).flatten(1)


def _by_forward_mode(function, places, n_directions):
    X, directions = _split(places, n_directions)
    pairs = [torch.func.jvp(function, (X,), (v,)) for v in directions.unbind(1)]
    return torch.cat([pairs[0][0], *(slope for _, slope in pairs)], dim=1)


def perceptron_function(module: MultilayerPerceptron, n_directions: int):
    """A perceptron as a function of its weights: `values(w, places)`, `jacobian(w, places)`."""
    function = PerceptronFunction(module)
    return PerceptronSlopes(function, n_directions) if n_directions else function


def module_function(module: nn.Module, n_directions: int):
    """A user's own module as a function of its weights, of the same methods."""
    function = ModuleFunction(module)
    return ModuleSlopes(function, n_directions) if n_directions else function


class PerceptronSlopes:
    """Values and slopes of a perceptron as a function of its weights.

    Parameters
    ----------
    function : PerceptronFunction
    n_directions : int
    """

    def __init__(self, function, n_directions):
        self.function, self.shapes = function, function.shapes
        self.n_directions = n_directions

    def values(self, w, places):
        """Outputs (n, m (1 + n_directions)) with the weights w (P,)."""
        layers, taylor = self.function.layers(w), self.function.taylor
        return _columns(_Pass(layers, taylor, _jet(places, self.n_directions)).result)

    def jacobian(self, w, places):
        """Outputs, and the Jacobian (n m (1 + n_directions), P) of all of them."""
        with torch.enable_grad():
            layers, taylor = self.function.layers(w), self.function.taylor
            done = _Pass(layers, taylor, _jet(places, self.n_directions), watched=True)
            outputs = _columns(done.result)
            J = torch.stack([done.jacobian(column) for column in outputs.unbind(1)], dim=1)
        return outputs.detach(), DenseJacobian(J.flatten(0, 1))


class ModuleSlopes:
    """Values and slopes of a user's own module as a function of its weights.

    Parameters
    ----------
    function : ModuleFunction
    n_directions : int
    """

    def __init__(self, function, n_directions):
        self.function, self.shapes = function, function.shapes
        self.n_directions = n_directions

    def values(self, w, places):
        """Outputs (n, m (1 + n_directions)) with the weights w (P,)."""
        return _by_forward_mode(lambda X: self.function.values(w, X), places, self.n_directions)

    def jacobian(self, w, places):
        """Outputs, and the Jacobian (n m (1 + n_directions), P) of all of them."""

        def row(w, place):
            outputs = self.values(w, place[None])[0]
            return outputs, outputs

        function = torch.func.vmap(torch.func.jacrev(row, has_aux=True), in_dims=(None, 0))
        J, outputs = function(w, places)
        return outputs.detach(), DenseJacobian(J.detach().flatten(0, 1))


class _Pass:
    r"""A jet's way through dense layers, kept for derivatives by the weights.

    With :math:`\delta_\alpha` the derivative of an output by the Taylor coefficients of a layer's
    sums :math:`z_\alpha = W h_\alpha + b [\alpha = 0]`, its derivative by W is
    :math:`\sum_\alpha \delta_\alpha h_\alpha^T`.
    """

    def __init__(self, layers, taylor, jet, watched=False):
        self.inputs, self.sums = [], []
        for i, (weight, bias) in enumerate(layers):
            jet = taylor(jet) if i else jet
            self.inputs.append(jet)
            jet = jet @ weight.T + bias
            if watched:
                jet = jet.map_parts(lambda p: p if p.requires_grad else p.requires_grad_())
            self.sums.append(jet.parts)
        self.result = jet

    def jacobian(self, column):
        """Derivatives (n, P) of an output (n,) by the weights, in one backward pass."""
        flat = [part for parts in self.sums for part in parts]
        if not column.requires_grad:  # beyond the degree of an affine net
            sizes = (s[0].shape[2] * (h.value.shape[1] + 1) for s, h in zip(self.sums, self.inputs))
            return column.new_zeros((len(column), sum(sizes)))
        found = iter(torch.autograd.grad(column.sum(), flat, retain_graph=True, allow_unused=True))
        blocks = []
        for h, parts in zip(self.inputs, self.sums):
            blocks += _layer_block(h, parts[0], [next(found) for _ in parts])
        return torch.cat(blocks, dim=1)


def _layer_block(h, value, deltas):
    """The part of the Jacobian that belongs to a layer's weights, and that of its biases."""
    n, n_out = value.shape[1:]
    weight = value.new_zeros((n, n_out, h.value.shape[1]))
    for part, delta in zip(h.parts, deltas):
        if delta is not None:
            weight = weight + torch.einsum("tno,tni->noi", delta, part.detach())
    bias = value.new_zeros((n, n_out)) if deltas[0] is None else deltas[0][0]
    return weight.flatten(1), bias


def partial_jacobians(module, jet, index):
    """Derivatives of one partial derivative by the weights, all rows in one backward pass.

    Yields
    ------
    tensor of shape (n, P), for each output
    """
    layers = [(a.weight, a.bias) for a in module.layers if isinstance(a, nn.Linear)]
    with torch.enable_grad():
        done = _Pass(layers, ACTIVATIONS[module.activation].taylor, jet, watched=True)
        target = done.result.partial(index)
    for column in target.unbind(1):
        yield done.jacobian(column)
