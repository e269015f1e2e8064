"""Quadrature on panels: polynomials, kinks, jumps, and values that rounding scatters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_pydelt.calculus.quadrature import integrate_pieces, quadrature_nodes, scatter


def test_polynomials_of_degree_19_are_exact_on_one_panel():
    nodes = quadrature_nodes(np.array([-1.0]), np.array([1.0]))
    weights = np.polynomial.legendre.leggauss(10)[1]
    assert_allclose((weights * nodes**18).sum(), 2 / 19, rtol=1e-13)


@pytest.mark.parametrize("n_pieces", [1, 3, 40])
def test_pieces_against_the_primitive(n_pieces):
    ends = np.linspace(0, 1.2, n_pieces + 1) ** 3 - 1
    pieces, excess = integrate_pieces(np.exp, ends, 1e-12, 0.0)
    assert excess == 0
    assert_allclose(pieces, np.diff(np.exp(ends)), atol=1e-12)


@pytest.mark.parametrize(
    ("function", "primitive"),
    [
        (lambda x: abs(x - 0.3), lambda x: (x - 0.3) * abs(x - 0.3) / 2),
        (lambda x: np.where(x < 0.3, 0.0, 5.0), lambda x: 5 * max(x - 0.3, 0)),
        (lambda x: np.sqrt(abs(x)), lambda x: 2 / 3 * np.sign(x) * abs(x) ** 1.5),
    ],
    ids=["kink", "jump", "root"],
)
def test_the_error_allowed_is_kept(function, primitive):
    pieces, excess = integrate_pieces(function, np.array([-1.0, 2.0]), 1e-9, 0.0)
    assert excess == 0
    assert abs(pieces[0] - (primitive(2.0) - primitive(-1.0))) < 1e-9


def test_several_outputs():
    def both(x):
        return np.column_stack([np.sin(x), np.cos(x)])

    pieces, _ = integrate_pieces(both, np.array([0.0, 1.0, 3.0]), 1e-12, 0.0)
    expected = np.diff([[-np.cos(x), np.sin(x)] for x in (0, 1, 3)], axis=0)
    assert_allclose(pieces, expected, atol=1e-12)


def scattering(sigma):
    """A sine to which a number is added that is another one at every place, and always that."""

    def function(x):
        digits = np.modf(1e6 * np.sin(1e12 * x))[0]  # of variance 1/3, as if drawn
        return np.sin(x) + np.sqrt(3) * sigma * digits

    return function


@pytest.mark.parametrize("sigma", [0.0, 1e-12, 1e-7, 1e-3])
def test_scatter_is_measured(sigma):
    """The largest of many places, from few neighbours each."""
    assert sigma / 2 <= scatter(scattering(sigma), 0.0, 3.0) <= 4 * sigma + 1e-15


@pytest.mark.parametrize("unit", [1e-200, 1e200, 1e306])
def test_scatter_has_the_unit_of_the_function(unit):
    measured = scatter(scattering(1e-5), 0.0, 3.0)
    assert scatter(lambda x: unit * scattering(1e-5)(x), 0.0, 3.0) == pytest.approx(unit * measured)


def test_a_kink_or_jump_is_no_scatter():
    assert scatter(lambda x: abs(x - 1e-7) + (x > 1), 0.0, 2.0) < 1e-15


def test_an_error_that_does_not_fall_is_rounding_or_an_excess():
    """Either is found long before there are as many panels as there may be."""
    calls = []

    def counted(x):
        calls.append(len(x))
        return scattering(1e-5)(x)

    ends = np.array([0.0, 3.0])
    pieces, excess = integrate_pieces(counted, ends, 1e-9, 1e-3)
    assert excess == 0
    assert_allclose(pieces, 1 - np.cos(3), atol=1e-5)
    assert integrate_pieces(counted, ends, 1e-9, 1e-9)[1] > 1e-9
    assert sum(calls) < 10**6
