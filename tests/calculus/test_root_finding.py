"""Zeros of functions of which all are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_pydelt.calculus.root_finding import find_zeros

EDGES = np.linspace(-1, 3, 33)


def zeros(function, edges=EDGES, tol=1e-12):
    return find_zeros(function, edges, tol)


def test_simple_zeros_with_their_directions():
    found = zeros(lambda x: np.sin(40 * x))
    k = np.arange(-12, 39)
    assert_allclose(found.places, k * np.pi / 40, atol=1e-11)
    assert_array_equal(found.directions, np.where(k % 2, -1, 1))


@pytest.mark.parametrize("lift", [0.0, 1e-13, -1e-13])
def test_a_double_zero_is_one_at_the_turn_whatever_rounding_makes_of_it(lift):
    found = zeros(lambda x: (x - 0.3) ** 2 + lift)
    assert_allclose(found.places, [0.3], atol=1e-12)
    assert_array_equal(found.directions, [0])


def test_zeros_that_are_close_are_two():
    found = zeros(lambda x: (x - 0.3) ** 2 - 1e-8)
    assert_allclose(found.places, [0.2999, 0.3001], atol=1e-11)
    assert_array_equal(found.directions, [-1, 1])


def test_a_triple_zero_rises():
    found = zeros(lambda x: x**3, tol=1e-9)
    assert_allclose(found.places, [0], atol=1e-3 * 4)
    assert_array_equal(found.directions, [1])


def test_zeros_at_the_limits_count():
    found = zeros(lambda x: (x + 1) * (3 - x))
    assert_allclose(found.places, [-1, 3])
    assert_array_equal(found.directions, [1, -1])


def test_none():
    assert len(zeros(lambda x: 1 + x**2).places) == 0


def test_jumps_and_kinks():
    assert_allclose(zeros(lambda x: np.where(x < 0.37, -1.0, 2.0)).places, [0.37], atol=1e-11)
    assert_allclose(zeros(lambda x: np.abs(x - 0.2) - 0.1).places, [0.1, 0.3], atol=1e-11)


def test_values_that_rounding_scatters():
    found = zeros(lambda x: np.cos(x).astype(np.float32).astype(float), tol=1e-6)
    assert_allclose(found.places, [np.pi / 2], atol=4e-6)


@pytest.mark.parametrize("function", [lambda x: 0 * x, lambda x: np.maximum(x, 0)])
def test_a_function_that_is_zero_all_along(function):
    with pytest.raises(ValueError, match="No place is a root more than others: all along from -1"):
        zeros(function)


def test_too_many():
    with pytest.raises(RuntimeError, match="Ask for a shorter range"):
        zeros(lambda x: np.sin(1e6 * x), np.linspace(-1, 3, 2**16))
