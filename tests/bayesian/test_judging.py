"""Which nets workers take first, and what those do that would wait."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_pydelt.bayesian.entrant import Entrant
from sk_pydelt.bayesian.judging import judge, scouts
from sk_pydelt.bayesian.selection import RUNGS
from sk_pydelt.bayesian.team import Team
from sk_pydelt.samples import Samples

N = 300
STEPS = 40


class Guess:
    """A net whose densities tell its seed; `order` holds the layers of all that are run."""

    converged = False
    order: list = []

    def __init__(self, samples, *, hidden_layers, activation, omega_0, seed, start=0):
        self.hidden_layers, self.seed, self.n_iter, self.n_weights = hidden_layers, seed, 0, 10

    def run(self, n_iter, tolerance):
        self.n_iter += n_iter
        Guess.order.append(self.hidden_layers)

    def log_densities(self, samples):
        return np.full(len(samples), self.seed % 1000 - 1000.0)


def entrants(*layers):
    samples = Samples(np.zeros((N, 1)), np.ones((N, 1)))
    return [Entrant(Guess, samples, (sizes, "tanh", 1.0), seed=len(sizes)) for sizes in layers]


@pytest.fixture
def team():
    with joblib.parallel_config("threading"), Team(2, None, verbose=False) as team:
        yield team


def test_nets_that_take_long_come_first():
    Guess.order = []
    with Team(None, None, verbose=False) as alone:
        judge(entrants((4,), (20, 20), (48,), (8, 8, 8)), RUNGS[1], STEPS, alone)
    assert Guess.order == 3 * [(20, 20), (8, 8, 8), (48,), (4,)]


def test_of_the_first_those_of_two_layers_come_first():
    Guess.order = []
    with Team(None, None, verbose=False) as alone:
        judge(entrants((48,), (4, 4), (), (8, 8)), RUNGS[0], STEPS, alone, is_first=True)
    assert Guess.order == [(4, 4), (8, 8), (48,), ()]


def test_scouts_find_what_is_found_without_them(team):
    ahead_of, alone = entrants((4,), (5, 5)), entrants((4,), (5, 5))
    for some in (ahead_of, alone):
        judge(some, RUNGS[0], STEPS, team)
    ahead = scouts(ahead_of, team)
    judge(entrants((3,)), RUNGS[0], STEPS, team, ahead=ahead, next_rung=RUNGS[1])
    assert [len(entrant.nets) for entrant in ahead_of] == [1, 1]
    assert max(len(scout.nets) for scout in ahead.values()) > 1
    judge(ahead_of, RUNGS[1], STEPS, team, found=ahead)
    judge(alone, RUNGS[1], STEPS, team)
    for entrant, other in zip(ahead_of, alone):
        assert_array_equal(entrant.log_densities, other.log_densities)
        assert entrant.net(entrant.samples).seed == other.net(other.samples).seed


def test_what_is_judged_does_not_depend_on_how_far_scouts_came(team):
    """Also where one net more would make an entrant good enough."""
    (entrant,) = entrants((4,))
    judge([entrant], RUNGS[0], STEPS, team)
    scout = entrant.scout()
    net, _ = scout.trial(1)
    scout.record(1, net, np.full(N // 5, 1e9))
    assert scout.is_close
    judge([entrant], RUNGS[1], STEPS, team, found={entrant: scout})
    assert len(entrant.nets) == 3
    assert entrant.nets[1] is net


def test_scouts_that_nobody_follows_leave_nothing(team):
    (entrant,), (other,) = entrants((4,)), entrants((4,))
    ahead = scouts([entrant], team)
    judge(entrants((3,)), RUNGS[0], STEPS, team, ahead=ahead, next_rung=RUNGS[1])
    assert ahead[entrant].nets
    assert not entrant.nets
    assert np.isnan(entrant.log_densities).all()
    assert entrant.net(entrant.samples).seed == other.net(other.samples).seed


def test_one_worker_sends_no_scouts():
    with Team(None, None, verbose=False) as alone:
        assert scouts(entrants((4,)), alone) == {}
