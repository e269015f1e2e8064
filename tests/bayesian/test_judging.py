"""Which nets workers take first."""

import numpy as np

from sk_pydelt.bayesian.entrant import Entrant
from sk_pydelt.bayesian.judging import judge
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
