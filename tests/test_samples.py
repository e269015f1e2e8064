"""Samples as one noun: rows, targets with slopes beside them, and copies."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_pydelt.samples import Samples, Slopes

X, Y = np.arange(6.0).reshape(3, 2), np.array([[10.0], [20.0], [30.0]])


@pytest.fixture
def slopes():
    """Along two directions, of which the second is unknown at the first sample."""
    directions = np.arange(12.0).reshape(3, 2, 2)
    target = np.array([[1.0, 0.0], [2.0, 5.0], [3.0, 6.0]])[..., None]
    return Slopes(directions, target, target > 0, np.ones(2))


def test_rows_are_taken_from_all_that_is_there(slopes):
    part = Samples(X, Y, np.array([1.0, 2.0, 3.0]), slopes)[[2, 0]]
    assert len(part) == 2
    assert_array_equal(part.X, X[[2, 0]])
    assert_array_equal(part.y, Y[[2, 0]])
    assert_array_equal(part.weight, [3, 1])
    assert_array_equal(part.slopes.target, slopes.target[[2, 0]])
    assert Samples(X, Y)[:1].weight is None


def test_targets_and_what_they_count(slopes):
    assert_array_equal(Samples(X, Y).targets, Y)
    assert_array_equal(Samples(X, Y).counts, np.ones((3, 1)))
    samples = Samples(X, Y, np.array([1.0, 2.0, 3.0]), slopes)
    assert_array_equal(samples.targets, [[10, 1, 0], [20, 2, 5], [30, 3, 6]])
    assert_array_equal(samples.counts, [[1, 1, 0], [2, 2, 2], [3, 3, 3]])
    tied = Slopes(slopes.directions, slopes.target, slopes.known, slopes.units, weight=0.5)
    assert_array_equal(Samples(X, Y, None, tied).counts[0], [1, 0.5, 0])


def test_the_jet_moves_along_the_directions(slopes):
    jet = Samples(X, Y, None, slopes).jet
    assert (jet.order, jet.n_variables) == (1, 2)
    assert_array_equal(jet.value, X)
    assert_array_equal(jet.partial((0, 1)), slopes.directions[:, 1])
    assert Samples(X, Y).jet.order == 0


def test_copies_are_merged_whatever_their_order():
    X, y = np.array([[2.0], [1.0], [2.0], [2.0]]), np.array([[0.0], [3.0], [0.0], [5.0]])
    samples = Samples(X, y, np.array([1.0, 2.0, 4.0, 8.0])).distinct()
    assert_array_equal(samples.X[:, 0], [1, 2, 2])
    assert_array_equal(samples.y[:, 0], [3, 0, 5])
    assert_array_equal(samples.weight, [2, 5, 8])
    for order in ([3, 1, 0, 2], [2, 0, 3, 1]):
        again = Samples(X[order], y[order], np.array([1.0, 2.0, 4.0, 8.0])[order]).distinct()
        assert_array_equal(again.X, samples.X)
        assert_array_equal(again.weight, samples.weight)


def test_samples_that_differ_in_their_slopes_are_not_copies(slopes):
    rows = [0, 1, 1]
    samples = Samples(X[rows], Y[rows], None, slopes).distinct()
    assert len(samples) == 3
    samples = Samples(X[rows], Y[rows], None, slopes[rows]).distinct()
    assert len(samples) == 2
    assert_array_equal(samples.weight, [1, 2])
