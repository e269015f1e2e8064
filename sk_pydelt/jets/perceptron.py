"""Dense layers on arrays: values, jets, and derivatives of both by the weights, once for all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import factorial, pi, prod, sqrt
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from .activations import ACTIVATIONS
from .affine_jet import AffineJet
from .jacobian import DenseJacobian, Jacobian, LayeredJacobian
from .jet import Jet
from .line import is_one_line, sums_of_second_layer
from .namespace import namespace
from .parts import multi_indices, product_adjoint
from .reverse import is_shorter, propagate_in_reverse

__all__ = [
    "Dense",
    "ForwardPass",
    "Perceptron",
    "hidden_widths",
    "initial_layers",
    "normalised",
    "propagate",
]


class Dense(NamedTuple):
    """A dense layer z = W h + b: weight (n_out, n_in) and bias (n_out,)."""

    weight: Any
    bias: Any


def propagate(layers: Sequence[Dense], activation: str, jet: Jet) -> Jet:
    """Pass a jet through dense layers with one activation between them; values are order 0."""
    if len(layers) > 1 and is_shorter(jet, layers[-1].weight.shape[0]):
        return propagate_in_reverse(layers, ACTIVATIONS[activation], jet)
    taylor, passed = ACTIVATIONS[activation].taylor, 0
    if len(layers) > 2 and is_one_line(jet):
        jet, passed = sums_of_second_layer(layers, ACTIVATIONS[activation], jet), 2
    for k, (weight, bias) in enumerate(layers[passed:-1], passed):
        jet = (taylor(jet) if k else jet).affine(weight.T, bias)
    last = layers[-1]
    return AffineJet(taylor(jet) if len(layers) > 1 else jet, last.weight.T, last.bias)


def _passes(layers, activation, jet):
    """What goes into each dense layer in turn, and what comes out before the activation."""
    taylor = ACTIVATIONS[activation].taylor
    for k, (weight, bias) in enumerate(layers):
        jet = taylor(jet) if k else jet
        sums = jet.affine(weight.T, bias)
        yield jet, sums
        jet = sums


def normalised(layer: Dense, mean: Any, variance: Any, gamma: Any, beta: Any) -> Dense:
    """A dense layer with the batch normalisation after it put into it, by running statistics.

    Parameters
    ----------
    layer : Dense
    mean, variance : array of shape (n_out,)
        The latter with what is added to it.
    gamma, beta : array of shape (n_out,)
        Scale and shift.
    """
    scale = gamma / variance**0.5
    return Dense(scale[:, None] * layer.weight, (layer.bias - mean) * scale + beta)


def hidden_widths(sizes: Sequence[int], or_else: str = "") -> tuple[int, ...]:
    """The widths of hidden layers as they were asked for.

    Parameters
    ----------
    sizes : sequence of int
    or_else : str
        What else the caller takes, for the message: 'be "auto" or '.

    Raises
    ------
    ValueError
        If there is none, or one is no whole number of at least 1.
    """
    if len(sizes) == 0 or any(not isinstance(k, Integral) or k < 1 for k in sizes):
        raise ValueError(
            f"hidden_layers must {or_else}name the width of at least one hidden layer, each a "
            f"whole number >= 1, such as (16, 16); got {sizes!r}."
        )
    return tuple(map(int, sizes))


def initial_layers(
    widths: Iterable[int], activation: str, omega_0: float, seed: int
) -> list[Dense]:
    """Layers with uniform initial weights and biases, in float64.

    Sine layers as in Sitzmann et al. 2020, section 3.2, with the frequency `omega_0` of the first
    layer multiplied into its weights and phases; the rest as in `torch.nn.Linear`, and with the
    numbers that ``torch.manual_seed(seed)`` leads to there.

    Parameters
    ----------
    widths : iterable of int
        Of the features, the hidden layers and the outputs.
    activation : str
    omega_0 : float
    seed : int
    """
    rng, layers = np.random.RandomState(seed), []
    widths = list(widths)
    for k, (n_in, n_out) in enumerate(pairwise(widths)):
        kind = activation if k < len(widths) - 2 else "tanh"
        weight, bias = _initial_bounds(n_in, kind, k == 0, omega_0)
        layers.append(Dense(_uniform(rng, weight, n_out, n_in), _uniform(rng, bias, n_out)))
    return layers


def _initial_bounds(n_in, activation, first, omega_0):
    """Bounds of a layer's uniform initial weights and biases."""
    if activation != "sine":
        return 1 / sqrt(n_in), 1 / sqrt(n_in)
    return (omega_0 / n_in, pi) if first else (sqrt(6 / n_in), 1 / sqrt(n_in))


def _uniform(rng, bound, *shape):
    """Uniform numbers in [-bound, bound), from 53 bits each as torch takes them."""
    high, low = rng._bit_generator.random_raw(2 * prod(shape)).reshape(-1, 2).T
    bits = ((high & np.uint64(2**21 - 1)) << np.uint64(32)) | low
    return (bits * 2.0**-53 * (2 * bound) - bound).reshape(shape)


@dataclass(frozen=True)
class Perceptron:
    """A multilayer perceptron as a function of its weights, one vector of them.

    The weights stand layer by layer, W row by row and then b.

    Parameters
    ----------
    widths : tuple of int
        Of the features, the hidden layers and the outputs.
    activation : str
        A name in `sk_pydelt.jets.activations.ACTIVATIONS`.
    """

    widths: tuple[int, ...]
    activation: str

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape (n_out, n_in) of each layer's weights."""
        return [(n_out, n_in) for n_in, n_out in pairwise(self.widths)]

    @cached_property
    def n_weights(self) -> int:
        """Number of weights and biases."""
        return sum(n_out * (n_in + 1) for n_out, n_in in self.shapes)

    def layers(self, w: Any) -> list[Dense]:
        """The layers, as views of w (P,)."""
        found, start = [], 0
        for n_out, n_in in self.shapes:
            split = start + n_out * n_in
            found.append(Dense(w[start:split].reshape(n_out, n_in), w[split : split + n_out]))
            start = split + n_out
        return found

    def forward(self, w: Any, jet: Jet) -> "ForwardPass":
        """Pass a jet through the net with the weights w (P,)."""
        return ForwardPass(self, w, jet)

    def propagate(self, w: Any, jet: Jet) -> Jet:
        """The jet of the net's outputs, and nothing of how it came about."""
        return propagate(self.layers(w), self.activation, jet)


class ForwardPass:
    r"""A jet's way through a perceptron, kept for derivatives by the weights.

    With :math:`\delta_\beta` the derivative of an output by the Taylor coefficients of a layer's
    sums :math:`z_\beta = W h_\beta + b [\beta = 0]`, its derivative by W is
    :math:`\sum_\beta \delta_\beta h_\beta^T`. Through an activation :math:`h = \sigma(z)`, a
    coefficient of z moves those of h by the coefficients of :math:`\sigma'(z)`, as power series:
    :math:`\delta^z_\beta = \sum_\gamma [\sigma'(z)]_{\gamma - \beta}\, \delta^h_\gamma`.

    Attributes
    ----------
    result : Jet of shape (n, m)
    """

    def __init__(self, net: Perceptron, w: Any, jet: Jet) -> None:
        self.net, self.layers = net, net.layers(w)
        self.activation = ACTIVATIONS[net.activation]
        self.inputs, self.sums = zip(*_passes(self.layers, net.activation, jet))
        self.result = self.sums[-1]

    def columns(self) -> Any:
        """All Taylor coefficients beside each other, of all outputs: (n, n_terms m)."""
        return self.result.coefficients()

    def jacobian(self) -> Jacobian:
        """Derivatives of `columns`, row by row, by the weights: (n n_terms m, P)."""
        order, m, starts = self.result.order, self.net.widths[-1], self._starts()
        unit = self._unit(m * starts[-1]).reshape(-1, starts[-1], m)  # of a target, by its column
        xp = namespace(unit)
        by_term = xp.moveaxis(unit, 0, 1)[:, None, ...]
        deltas = self._deltas([by_term[start:stop, ...] for start, stop in pairwise(starts)])
        if order:
            return DenseJacobian(self._dense(deltas).reshape(-1, self.net.n_weights))
        return LayeredJacobian([self._factors(*pair) for pair in zip(deltas, self.inputs)])

    def combined(self, functional: Any) -> Any:
        """Sums (n, L) of `columns` that the rows of a functional (n, L, n_terms m) weigh."""
        return (functional @ self.columns()[..., None])[..., 0]

    def combined_jacobian(self, functional: Any) -> Any:
        """Derivatives of `combined` by the weights: (n, L, P)."""
        xp = namespace(functional)
        m, parts = self.net.widths[-1], []
        by_term = functional.reshape(*functional.shape[:2], -1, m)
        for start, stop in pairwise(self._starts()):
            parts.append(xp.moveaxis(by_term[:, :, start:stop, :], 2, 0))
        return self._dense(self._deltas(parts))

    def partial_jacobian(self, index: tuple[int, ...]) -> Any:
        """Derivatives of one partial derivative of the result by the weights: (n, m, P)."""
        k, m = sum(index), self.net.widths[-1]
        alphas = multi_indices(self.result.n_variables, k)
        scale = float(prod(map(factorial, index)))
        zero = 0 * self._unit(m)
        rows = [self._unit(m) * scale if alpha == tuple(index) else zero for alpha in alphas]
        top = namespace(zero).stack(rows)[:, None, ...]
        return self._dense(self._deltas([None] * k + [top]))

    def _starts(self):
        """Where the terms of each degree begin among all, and where the last ends."""
        q, order = self.result.n_variables, self.result.order
        return [0, *accumulate(len(multi_indices(q, k)) for k in range(order + 1))]

    def _unit(self, size):
        value = self.result.value
        xp = namespace(value)
        return xp.eye(size, dtype=value.dtype, device=value.device)

    def _deltas(self, parts):
        """Derivatives of targets by each layer's sums, first layer first.

        Each is a list, by degree, of arrays (n_terms, n, n_targets, n_out), or None for zero; n may
        be 1 where all rows are alike.
        """
        found = [parts]
        for i in reversed(range(1, len(self.layers))):
            below = [
                None if part is None else _times(part, self.layers[i].weight) for part in parts
            ]
            rate = self.activation.derivative(self.sums[i - 1], self.inputs[i])
            rates = [part[:, :, None, :] for part in rate.parts]
            parts = product_adjoint(rates, below, rate.n_variables)
            found.append(parts)
        return found[::-1]

    def _factors(self, parts, h):
        """A layer's δ and h, with a row for each row and target."""
        delta, h = parts[0][0, ...], h.value
        xp = namespace(h)
        n, n_targets = h.shape[0], delta.shape[1]
        if delta.shape[0] != n:
            delta = xp.broadcast_to(delta, (n, *delta.shape[1:]))
        delta = delta.reshape(n * n_targets, delta.shape[2])
        return delta, h if n_targets == 1 else xp.repeat(h, n_targets, axis=0)

    def _dense(self, deltas):
        """The Jacobian of targets, (n, n_targets, P), written block by block."""
        value = self.result.value
        n_targets = next(part for part in deltas[-1] if part is not None).shape[2]
        shape = (value.shape[0], n_targets, self.net.n_weights)
        J = namespace(value).zeros(shape, dtype=value.dtype, device=value.device)
        start = 0
        for parts, h in zip(deltas, self.inputs):
            start = _write_layer(J, start, parts, h)
        return J


def _times(part, weight):
    """(..., n_out) times (n_out, n_in), as one matrix product."""
    flat = part.reshape(-1, part.shape[-1]) @ weight
    return flat.reshape(*part.shape[:-1], weight.shape[1])


def _write_layer(J, start, parts, h):
    """Write a layer's block of the Jacobian; where the next one begins."""
    n_in = h.value.shape[1]
    n_out = next(part for part in parts if part is not None).shape[-1]
    split, stop = start + n_out * n_in, start + n_out * (n_in + 1)
    weights = J[..., start:split].reshape(*J.shape[:2], n_out, n_in)  # a view
    for part, h_part in zip(parts, h.parts):
        if part is not None:
            for delta, inputs in zip(part, h_part):
                weights += delta[..., None] * inputs[:, None, None, :]
    if parts[0] is not None:
        J[..., split:stop] = parts[0][0, ...]
    return stop
