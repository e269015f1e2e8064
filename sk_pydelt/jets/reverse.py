r"""Jets of order 1 and 2 through dense layers, their highest derivatives in reverse.

What is asked of the highest degree is linear in what each layer adds to it. With
:math:`\delta_l` the derivatives of the outputs by what layer l gives, which pass back through the
layers once for each output, it is added up where it arises (Griewank & Walther 2008, chapter 3):

.. math:: y_1 = \delta_0\, x_1, \qquad
          y_2 = \delta_0\, x_2 + \sum_l \delta_l\, \tfrac{1}{2} \sigma''(z_l)\, (z_{l,1})^2,

where forward all :math:`q (q + 1) / 2` second derivatives would pass through every layer.
"""

from collections.abc import Sequence
from typing import Any

from .jet import Jet
from .namespace import namespace
from .parts import multi_indices

__all__ = ["is_shorter", "propagate_in_reverse"]


def is_shorter(jet: Jet, n_outputs: int) -> bool:
    """Whether fewer numbers pass through each layer in reverse than forward."""
    q = jet.n_variables
    forward = {1: q, 2: q * (q + 1) // 2}.get(jet.order, 0)
    return jet.degree > 0 and n_outputs < forward


def propagate_in_reverse(layers: Sequence[Any], activation: Any, jet: Jet) -> Jet:
    """Pass a jet of order 1 or 2 through dense layers with an activation between them.

    Parameters
    ----------
    layers : sequence of two Dense at least
    activation : Activation
    jet : Jet of shape (n, p)

    Returns
    -------
    Jet of shape (n, m)
    """
    below = jet if jet.order == 2 else Jet.constant(jet.value, 1, jet.n_variables)
    below = Jet(below.parts[:2], jet.order, jet.n_variables)  # all but the highest degree
    kept = []
    for layer in layers[:-1]:
        sums = below.affine(layer.weight.T, layer.bias)
        series = activation.series(sums.value, jet.order)
        kept.append((sums, series))
        rates = [part * series[1] for part in sums.parts[1:]]
        below = Jet([series[0], *rates], jet.order, jet.n_variables)
    last = layers[-1]
    lower = below.affine(last.weight.T, last.bias).parts
    highest = _highest(layers, kept, jet)
    return Jet([*lower[: jet.order], highest], jet.order, jet.n_variables)


def _highest(layers, kept, jet):
    """The part of the highest degree of the outputs: (n_terms, n, m)."""
    xp, total = namespace(jet.value), None
    delta = layers[-1].weight[:, None, :]  # (m, 1 or n, w)
    for layer, (sums, series) in zip(reversed(layers[:-1]), reversed(kept)):
        if jet.order == 2:
            added = _squares(delta * series[2], sums.part(1), jet.n_variables)
            total = added if total is None else total + added
        delta = (delta * series[1]) @ layer.weight
    if jet.degree < jet.order:
        return total
    passed = xp.matmul(_rows_first(jet.parts[-1]), xp.moveaxis(_rows_first(delta), 1, 2))
    passed = xp.moveaxis(passed, 0, 1)
    return passed if total is None else total + passed


def _rows_first(part):
    """(k, n, w) as (n, k, w)."""
    return namespace(part).moveaxis(part, 0, 1)


def _squares(weights, slopes, q):
    """Second-degree terms of weighted sums of squares of slopes: (n_terms, n, m).

    Weights are (m, n, w), slopes (q, n, w).
    """
    xp, slopes = namespace(slopes), _rows_first(slopes)
    columns = xp.moveaxis(slopes, 1, 2)
    products = xp.stack(
        [xp.matmul(slopes * weight[:, None, :], columns) for weight in weights], axis=-1
    )
    pairs = [[i for i, k in enumerate(a) for _ in range(k)] for a in multi_indices(q, 2)]
    terms = [products[:, i, j, :] * (1 if i == j else 2) for i, j in pairs]
    return xp.stack(terms, axis=0)
