"""Taylor coefficients of a function in a TensorFlow graph, by nested reverse differentiation."""

from collections.abc import Callable, Sequence
from functools import reduce
from math import factorial, prod
from operator import mul
from typing import Any

from ...jets import multi_indices
from .framework import tf

__all__ = ["taylor"]


def taylor(
    function: Callable[[Any], Any], order: int, n_variables: int, n_outputs: int, parts: Sequence
) -> list:
    """The parts of function(Σ c_α t^α), in a graph.

    Row by row, that is a map of the variables t; its derivatives at t = 0 are those of the
    composition.

    Parameters
    ----------
    function : callable
        From X (n, p) to outputs (n, m), row by row.
    order, n_variables, n_outputs : int
    parts : sequence of tensors of shape (n_terms, n, p)
        Of a jet, by degree.

    Returns
    -------
    list of tensors of shape (n_terms, n, m)
        By degree, up to the order.
    """
    columns = [tf.zeros_like(parts[0][0, :, :1]) for _ in range(n_variables)]
    monomials = (_monomials(columns, k) for k in range(len(parts)))
    terms = [m * part[i] for ms, part in zip(monomials, parts) for i, m in enumerate(ms)]
    y = function(tf.add_n(terms))
    found = {(0,) * n_variables: [y[:, j : j + 1] for j in range(n_outputs)]}
    results = [tf.stack([y])]
    for k in range(1, order + 1):
        lower, found = found, {}
        for alpha in multi_indices(n_variables, k):
            i = next(i for i in range(n_variables) if alpha[i])
            below = tuple(power - (j == i) for j, power in enumerate(alpha))
            found[alpha] = [_gradient(output, columns[i]) for output in lower[below]]
        scaled = [tf.concat(f, 1) / prod(map(factorial, alpha)) for alpha, f in found.items()]
        results.append(tf.stack(scaled))
    return results


def _monomials(columns, degree):
    """The products of the columns to the powers of each multi-index."""
    one = tf.ones_like(columns[0])
    return [
        reduce(mul, (c for c, power in zip(columns, alpha) for _ in range(power)), one)
        for alpha in multi_indices(len(columns), degree)
    ]


def _gradient(output, column):
    return tf.gradients(output, column, unconnected_gradients="zero")[0]
