"""A polynomial of low degree as a net: one dense layer, on products of the features."""

from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Any

from ..jets import Jet
from ..jets.perceptron import ForwardPass, Perceptron
from ..solvers.surface_modes import monomials

__all__ = ["DEGREES", "PolynomialNet"]

DEGREES = {"constant": 0, "linear": 1, "quadratic": 2, "cubic": 3}


@dataclass(frozen=True)
class PolynomialNet:
    """A polynomial as a function of its coefficients, as `Perceptron` is one of its weights.

    Parameters
    ----------
    n_features, n_outputs : int
    degree : int
    """

    n_features: int
    n_outputs: int
    degree: int

    @cached_property
    def _layer(self):
        n_terms = comb(self.n_features + self.degree, self.degree) - 1  # the bias is the constant
        return Perceptron((n_terms, self.n_outputs), "identity")

    @property
    def widths(self) -> tuple[int, int]:
        """Of the terms and the outputs: there are no hidden layers."""
        return self._layer.widths

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape (n_out, n_in) of its one layer's weights."""
        return self._layer.shapes

    @property
    def n_weights(self) -> int:
        """Number of coefficients."""
        return self._layer.n_weights

    def forward(self, w: Any, jet: Jet) -> ForwardPass:
        """Pass a jet of the features through the polynomial with the coefficients w (P,)."""
        return self._layer.forward(w, self._terms(jet))

    def propagate(self, w: Any, jet: Jet) -> Jet:
        """The jet of the polynomial's values."""
        return self._layer.propagate(w, self._terms(jet))

    def _terms(self, jet):
        columns = [jet[:, i] for i in range(self.n_features)]
        return Jet.concatenate([jet[:, :0], *monomials(columns, self.degree)[1:]])
