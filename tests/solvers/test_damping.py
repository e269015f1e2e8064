"""Nielsen's damping, and the loop that all solvers share."""

import numpy as np
import pytest
from arrays import ARRAYS
from numpy.testing import assert_allclose

from sk_pydelt.jets.jacobian import DenseJacobian
from sk_pydelt.solvers.damping import Damping, descend
from sk_pydelt.solvers.equations import DualEquations


def test_the_damping_follows_the_gain():
    """Madsen, Nielsen & Tingleff 2004, algorithm 3.16."""
    assert Damping(3.0, 8.0).lowered(1.0, 0.0) == (1.0, 2.0)
    assert Damping(3.0).lowered(0.5, 0.0) == (3.0, 2.0)
    assert Damping(3.0).lowered(0.0, 0.0) == (6.0, 2.0)
    assert Damping(3.0).lowered(1.0, 2.0) == (2.0, 2.0)
    assert Damping(3.0).raised().raised() == (24.0, 8.0)


@pytest.fixture(params=ARRAYS.values(), ids=ARRAYS)
def linear(request):
    draw, array = np.random.default_rng(0).standard_normal, request.param
    J, r, w, tried = array(draw((4, 6))), array(draw(4)), array(draw(6)), []

    def move(step):
        tried.append(step)
        return step.p, float(((r + J @ step.p) ** 2).sum())

    return (DualEquations(DenseJacobian(J), r), w, float(r @ r)), move, tried


def test_a_linear_problem_falls_at_the_first_trial(linear):
    arguments, move, tried = linear
    found = descend(*arguments, Damping(0.3), move, max_trials=5, least=1e-9)
    _, energy, damping = found
    assert len(tried) == 1
    assert arguments[2] - energy == pytest.approx(tried[0].fall)
    assert_allclose(damping, (0.1, 2.0))


def test_steps_that_do_not_fall_are_tried_with_more_damping(linear):
    arguments, move, tried = linear

    def harder(step):
        point, energy = move(step)
        return point, np.nan if len(tried) < 4 else energy

    _, _, damping = descend(*arguments, Damping(1.0), harder, max_trials=5, least=1e-9)
    lengths = [np.linalg.norm(step.p) for step in tried]
    assert lengths == sorted(lengths, reverse=True)
    assert damping.value == pytest.approx(2 * 4 * 8 / 3)  # raised three times, then lowered


def test_without_a_falling_step_there_is_no_point(linear):
    arguments, move, tried = linear

    def never(step):
        return move(step)[0], np.inf

    point, energy, damping = descend(*arguments, Damping(1.0), never, max_trials=3, least=1e-9)
    assert point is None
    assert energy == arguments[2]
    assert len(tried) == 3
    assert damping == (64.0, 16.0)


def test_lengths_bound_what_is_tried(linear):
    arguments, move, tried = linear
    longest = 0.1
    options = {"max_trials": 40, "least": 1e-9}
    descend(*arguments, Damping(1e-6), move, lengths=(0.0, longest), **options)
    assert len(tried) == 1
    assert np.linalg.norm(tried[0].p) <= longest
    found = descend(*arguments, Damping(1e-6), move, lengths=(1e9, np.inf), **options)
    assert found[0] is None
    assert len(tried) == 1
