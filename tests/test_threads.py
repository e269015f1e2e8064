"""Threads, interrupts and forks: a short run of what `tests/threaded_calls.py` does at length."""

import multiprocessing
import sys

import numpy as np
import pytest
from threaded_calls import (
    DATA,
    ESTIMATORS,
    PLACES,
    in_threads,
    interrupted_fits,
    interrupted_predictions,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # of convergence, in so few steps


def test_calls_in_threads_give_what_they_give_by_themselves():
    assert in_threads(100) == 100


def test_fits_broken_off_leave_the_old_state_or_the_new_one():
    assert sum(interrupted_fits(3 * len(ESTIMATORS)).values()) == 3 * len(ESTIMATORS)


def test_predictions_broken_off_leave_nothing_behind():
    interrupted_predictions(10 * len(ESTIMATORS))  # has the assertions


@pytest.mark.skipif(sys.platform != "linux", reason="fork is the way of Linux")
@pytest.mark.parametrize("name", ["Bayesian net", "spline", "drop-in spline"])
def test_a_forked_child_predicts_and_fits_as_its_parent(name):
    model = ESTIMATORS[name].fit(*DATA[0])
    expected = model.predict(PLACES), model.jacobian(PLACES)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        values = pool.map_async(model.predict, [PLACES] * 4).get(timeout=60)
        rates = pool.map_async(model.jacobian, [PLACES] * 4).get(timeout=60)
        again = pool.map_async(_fit, [(model, DATA[0])] * 4).get(timeout=60)
    for found in zip(values, rates):
        assert all(map(np.array_equal, found, expected))
    assert all(np.array_equal(found.predict(PLACES), expected[0]) for found in again)


def _fit(pair):
    model, data = pair
    return model.fit(*data)
