"""What training means in every backend: how long early stopping waits."""

from math import inf

import numpy as np
import pytest

from sk_pydelt.backends import FitSpec
from sk_pydelt.backends.training import Patience, patience
from sk_pydelt.samples import Samples, Slopes


@pytest.fixture
def parts():
    """Training and held-out samples of two functions, weighted."""
    rng = np.random.default_rng(0)

    def samples(n):
        return Samples(rng.uniform(-1, 1, (n, 1)), rng.normal(3, 2, (n, 2)), rng.uniform(1, 2, n))

    return samples(30), samples(10)


def test_a_patience_that_is_given_is_taken_as_it_is(parts):
    assert patience(FitSpec(patience=7), 5, *parts) == Patience(7, inf)


@pytest.mark.parametrize("solver", ["lbfgs", "lm"])
def test_solvers_with_whole_steps_have_fifty_epochs(parts, solver):
    assert patience(FitSpec(solver=solver), 30, *parts) == Patience(50, inf)


@pytest.mark.parametrize(("batch_size", "epochs"), [(30, 500), (8, 125), (7, 100), (1, 17)])
def test_adam_has_five_hundred_steps(parts, batch_size, epochs):
    assert patience(FitSpec(), batch_size, *parts).epochs == epochs


def test_adam_has_ten_epochs_of_however_many_steps(parts):
    train, valid = parts
    many = Samples(np.repeat(train.X, 10, axis=0), np.repeat(train.y, 10, axis=0))
    assert patience(FitSpec(), 1, many, valid).epochs == 10


def test_epochs_count_below_half_the_loss_of_the_means(parts):
    train, valid = parts
    mean = np.average(train.y, axis=0, weights=train.weight)
    errors = np.mean((valid.y - mean) ** 2, axis=1)
    expected = np.average(errors, weights=valid.weight) / 2
    assert patience(FitSpec(), 30, train, valid).level == pytest.approx(expected, rel=1e-12)


def test_known_slopes_count_as_in_the_loss():
    """The loss is the mean of squared values plus twice that of the known slopes."""
    x, known = np.linspace(-1, 1, 6)[:, None], np.ones((6, 1, 1), dtype=bool)
    slopes = Slopes(np.ones((6, 1, 1)), np.full((6, 1, 1), 3.0), known, np.ones(1), 2.0)
    samples = Samples(x, x, None, slopes)
    expected = (np.mean(x**2) + 2 * 9.0) / 2
    assert patience(FitSpec(), 6, samples, samples).level == pytest.approx(expected, rel=1e-12)
