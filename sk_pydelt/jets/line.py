r"""Jets of places that all move along one line, through the first layers of a net.

The sums of the first layer are :math:`z + s t`, with slopes s of its columns that are the same at
all places. So the activation gives :math:`\sum_k c_k(z)\, (s t)^k`, with its own Taylor
coefficients, and the powers of s go into the weights of the second layer: no slope is multiplied
with anything of as many rows as there are places.
"""

from collections.abc import Sequence
from typing import Any

from .jet import Jet
from .parts import is_one_row

__all__ = ["is_one_line", "sums_of_second_layer"]


def is_one_line(jet: Jet) -> bool:
    """Whether a jet in one variable moves all its rows, which are many, along one line."""
    return jet.n_variables == jet.degree == 1 and is_one_row(jet.parts[1])


def sums_of_second_layer(layers: Sequence[Any], activation: Any, jet: Jet) -> Jet:
    """What comes out of the second dense layer, before the activation.

    Parameters
    ----------
    layers : sequence of two Dense at least
    activation : Activation
    jet : Jet of shape (n, p)
        One that `is_one_line`.

    Returns
    -------
    Jet of shape (n, width of the second layer)
    """
    first, second = layers[:2]
    sums = jet.affine(first.weight.T, first.bias)
    value, *series = activation.series(sums.value, jet.order)
    slopes, weight = sums.parts[1][0, :1, :].T, second.weight.T
    parts = Jet([value], jet.order, 1).affine(weight, second.bias).parts
    for coefficient in series:
        weight = weight * slopes
        parts.append(coefficient @ weight)
    return Jet(parts, jet.order, 1)
