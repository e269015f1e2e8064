"""Which nets compete, the samples they are given, and who wins: with polynomials for nets."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from sk_pydelt.bayesian.candidate import Candidate
from sk_pydelt.bayesian.entrant import Entrant, folds
from sk_pydelt.bayesian.selection import EXACT_RUNGS, LARGE_NET, MAX_JUDGED, RUNGS, portfolio, race
from sk_pydelt.bayesian.team import Team
from sk_pydelt.samples import Samples, Slopes

NOISE, N = 0.05, 300


class Polynomial:
    """A polynomial fitted by least squares; it takes `omega_0` steps until it does."""

    fitted = 0  # how many have been

    def __init__(self, samples, *, hidden_layers, activation, omega_0, seed, start=0):
        self.samples, self.degree, self.seed, self.start = samples, hidden_layers[0], seed, start
        self.n_weights, self.needed, self.n_iter = 10, omega_0, 0
        self.spread, self.log_evidence, self.coefficients = 1.0, -3.0 * self.degree, [0.0]
        self.is_exact = self.converged = False
        self.is_stuck = seed % 2 == 0 or activation == "stuck"
        Polynomial.fitted += 1

    def run(self, n_iter, tolerance):
        self.n_iter += n_iter
        if self.n_iter >= self.needed:
            x, y = self.samples.X[:, 0], self.samples.y[:, 0]
            self.coefficients = np.polyfit(x, y, self.degree)

    def on(self, samples):
        other = copy(self)
        other.samples, other.is_stuck, other.start = samples, False, "goes on"
        return other

    def log_densities(self, samples, noise=NOISE):
        error = samples.y[:, 0] - np.polyval(self.coefficients, samples.X[:, 0])
        return norm.logpdf(error, scale=noise)

    def held_out(self):
        return -100.0 if self.is_stuck else 100.0

    @property
    def finds_signal(self):
        return not self.is_stuck


@pytest.fixture
def samples():
    x = np.linspace(-1, 1, N)[:, None]
    y = 2 * x**3 - x + NOISE * np.random.default_rng(0).standard_normal((N, 1))
    return Samples(x, y)


def run(samples, settings, build=Polynomial, time_budget=None, n_jobs=None, **options):
    options = {"n_init": 4, "max_iter": 100} | options
    with Team(n_jobs, time_budget, verbose=False) as team:
        return race(build, samples, settings, **options, team=team, rng=np.random.RandomState(0))


class Free(Polynomial):
    """One that is never stuck."""

    def held_out(self):
        return 100.0


class Exact(Polynomial):
    """One whose errors are so small that data count as exact: of a wrong degree, too."""

    unit, noise = 3e-5, 0.09  # of errors, and as normal ones are predicted

    def log_densities(self, samples):
        return super().log_densities(samples, self.noise) - np.log(self.unit)


def setting(degree, steps=1):
    return (degree,), "tanh", steps


def test_each_sample_is_held_out_once(samples):
    found = folds(len(samples))
    assert_array_equal(np.sort(np.concatenate([fold for fold, _ in found])), np.arange(N))
    for fold, rest in found:
        assert_array_equal(np.sort(np.concatenate([fold, rest])), np.arange(N))
    assert len(folds(3)) == 3


def test_an_entrant_is_judged_by_samples_it_has_not_seen(samples):
    entrant = Entrant(Polynomial, samples, setting(9), seed=0)
    assert np.isnan(entrant.mean_score)
    expected = []
    for i, (fold, rest) in enumerate(folds(N)):
        net, others = entrant.trial(i)
        net.run(1, 0.0)
        entrant.record(i, net, net.log_densities(others))
        assert entrant.trial(i)[0] is net  # goes on in the next rung
        x, y = samples.X[:, 0], samples.y[:, 0]
        fit = np.polyfit(x[rest], y[rest], 9)
        expected.append(norm.logpdf(y[fold] - np.polyval(fit, x[fold]), scale=NOISE).sum())
        assert entrant.score == pytest.approx(sum(expected))
        assert entrant.n_judged == N // 5 * (i + 1)


def test_the_degree_of_the_truth_wins(samples):
    settings = [setting(k) for k in (0, 1, 2, 12, 3)]
    entrants, nets = run(samples, settings)
    assert entrants[0].setting == settings[-1]
    ranks = [(entrant.n_judged, entrant.mean_score) for entrant in entrants]
    assert ranks == sorted(ranks, reverse=True)
    assert sum(entrant.weight for entrant in entrants) == pytest.approx(1)
    assert sum(weight for _, weight in nets) == pytest.approx(1)
    assert nets[0][0].degree == 3
    assert len(nets[0][0].samples) == N


def test_settings_that_cannot_win_are_not_run_on(samples):
    settings = [setting(k) for k in (3, *(0,) * 6)]
    entrants, _ = run(samples, settings)
    winner, *others = entrants
    assert [entrant.weight for entrant in entrants] == pytest.approx([1, *(0,) * 6])
    assert [net.n_iter for net in winner.nets] == [RUNGS[0].n_steps]  # nothing is left to choose
    assert [[net.n_iter for net in entrant.nets] for entrant in others] == [[RUNGS[0].n_steps]] * 6


def test_settings_alike_stay_together_up_to_the_number_of_a_rung(samples):
    entrants, _ = run(samples, [setting(3)] * 12)
    n_steps = [entrant.nets[0].n_iter for entrant in entrants]
    assert n_steps.count(100) == RUNGS[-1].n_settings
    n_folds = [len(entrant.nets) for entrant in entrants]
    assert n_folds.count(RUNGS[-1].n_folds) == RUNGS[1].n_settings
    assert n_folds.count(1) == 12 - RUNGS[1].n_settings


def test_few_samples_are_held_out_all_from_the_start(samples):
    few = samples[np.arange(0, N, 10)]
    entrants, _ = run(few, [setting(k) for k in (3, *(0,) * 6)])
    assert [len(entrant.nets) for entrant in entrants] == [5] * 7


def test_settings_judged_by_fewer_samples_are_not_averaged(samples):
    class Unlikely(Polynomial):
        def log_densities(self, samples):
            return super().log_densities(samples) - 29  # so that sums of fewer samples are higher

    entrants, _ = run(samples, [setting(3), setting(4), setting(0)], build=Unlikely)
    assert [entrant.n_judged for entrant in entrants] == [N * 3 // 5] * 2 + [N // 5]
    assert entrants[2].score > entrants[0].score
    assert entrants[2].weight == 0


def test_in_exact_data_small_nets_take_all_steps_before_they_are_dropped(samples):
    late = setting(3, steps=RUNGS[0].n_steps + 1)  # the first rung would have dropped it
    entrants, _ = run(samples, [late, setting(1), setting(0)], build=Exact, max_iter=150)
    assert entrants[0].setting == late
    steps = [[net.n_iter for net in entrant.nets] for entrant in entrants]
    assert steps == [[150] * 5, [150], [150]]  # the best begins five times, to choose from


class Late(Polynomial):
    """One that comes near exact data after 100 steps."""

    def log_densities(self, samples):
        found = super().log_densities(samples)
        return found + 20 if self.n_iter >= 100 else found


def test_known_slopes_are_followed_for_all_steps_before_they_count_as_noisy(samples):
    ones = np.ones((N, 1, 1))
    known = replace(samples, slopes=Slopes(ones, ones, ones > 0, np.ones(1)))
    for given, n_judged in ((samples, N // 5), (known, N)):
        entrants, _ = run(given, [setting(3), setting(0)], Late, max_iter=150)
        assert [entrant.n_judged for entrant in entrants] == [n_judged, N // 5]


def test_in_exact_data_large_nets_are_dropped_by_the_small_ones(samples):
    class Large(Exact):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.n_weights = EXACT_RUNGS[0].large + (self.degree != 3)

    entrants, _ = run(samples, [setting(k) for k in (1, 3, 3)], build=Large, max_iter=150)
    steps = [[net.n_iter for net in entrant.nets] for entrant in entrants]
    assert steps == [[150] * EXACT_RUNGS[-1].n_folds] * 2 + [[40]]


def test_what_is_close_takes_no_more_steps(samples):
    class Close(Exact):
        unit = 1e-6

    entrants, nets = run(samples, [setting(3), setting(3), setting(1)], build=Close, max_iter=150)
    assert [[net.n_iter for net in entrant.nets] for entrant in entrants] == [[40], [40], [40]]
    assert {net.n_iter for net, _ in nets} == {40, 80}  # 40 with all samples, some after 40 before
    assert sum(weight for _, weight in nets) == pytest.approx(1)


def test_nets_that_wait_join_where_a_simpler_one_leads():
    x = np.linspace(-1, 1, 60)[:, None]
    small, deep = ((8, 8), "tanh", 1.0), ((8, 8, 8), "tanh", 1.0)
    options = {"build": Candidate, "n_init": 1, "max_iter": 40}
    wave = Samples(x, np.sin(6 * x))
    entrants, _ = run(wave, [small, deep], **options)
    assert {entrant.setting for entrant in entrants} == {small, deep}
    line = Samples(x, x + 0.3 * np.random.default_rng(0).standard_normal(x.shape))
    simple = [((), kind, 1.0) for kind in ("linear", "quadratic", "cubic")]
    sine, dear = ((32,), "sine", 20.0), ((48,), "sine", 60.0)
    entrants, _ = run(line, [*simple, ((8,), "swish", 1.0), sine, dear], **options)
    assert dear not in [entrant.setting for entrant in entrants]
    assert dear in portfolio(1)  # and competes where no simpler one is beside it
    entrants, _ = run(line, [dear, ((48,), "sine", 20.0)], **options)
    assert len(entrants) == 2


def test_what_was_dropped_is_not_averaged_with_what_is_left(samples):
    class Vague(Polynomial):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.spread = 1e6  # by chance, any score may be the best

    entrants, _ = run(samples, [setting(3), setting(0)], build=Vague)
    assert [entrant.n_judged for entrant in entrants] == [N // 5] * 2
    assert [entrant.weight for entrant in entrants] == [1, 0]


def test_large_nets_take_fewer_steps(samples):
    class Large(Polynomial):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.n_weights = LARGE_NET + 1

    entrants, _ = run(samples, [setting(3), setting(4), setting(0)], build=Large)
    steps = [[net.n_iter for net in entrant.nets] for entrant in entrants]
    assert steps == [[RUNGS[-1].n_steps_of_large] * RUNGS[-1].n_folds] * 2 + [
        [RUNGS[0].n_steps_of_large]
    ]


def test_what_needs_more_steps_than_it_gets_does_not_win(samples):
    settings = [setting(3, steps=RUNGS[0].n_steps + 1), setting(4)]
    entrants, _ = run(samples, settings)
    assert entrants[0].setting == settings[1]


def test_a_polynomial_as_good_as_the_best_is_enough(samples):
    settings = [((4,), "tanh", 1.0), ((), "linear", 1.0), ((), "cubic", 1.0)]
    options = {"build": Candidate, "n_init": 1, "max_iter": 40}
    entrants, _ = run(samples, settings, **options)
    assert {entrant.setting for entrant in entrants if entrant.weight} == {settings[2]}
    line = Samples(samples.X, samples.X + NOISE * np.random.default_rng(1).standard_normal((N, 1)))
    entrants, _ = run(line, settings, **options)
    assert {entrant.setting for entrant in entrants if entrant.weight} == {settings[1]}
    wave = Samples(samples.X, np.sin(6 * samples.X))
    entrants, _ = run(wave, settings, **options)
    assert {entrant.setting for entrant in entrants if entrant.weight} == {settings[0]}


def test_there_is_a_place_for_every_polynomial(samples):
    def build(samples, hidden_layers, **options):
        return Polynomial(samples, hidden_layers=hidden_layers or (3,), **options)

    nets = [setting(3, steps) for steps in range(1, RUNGS[1].n_settings + 2)]  # all alike
    entrants, _ = run(samples, [*nets, ((), "cubic", 1.0)], build)
    assert [e.setting[1] for e in entrants if e.weight] == ["cubic"]


@pytest.mark.parametrize("slope", [0.0, 6.0])
def test_a_constant_is_enough_where_no_slope_is_told(samples, slope):
    settings = [((4,), "tanh", 1.0), ((), "linear", 1.0), ((), "constant", 1.0)]
    noise = np.random.default_rng(1).standard_normal((N, 1))
    y = noise + slope * samples.X / np.sqrt((samples.X**2).sum())  # in standard errors
    entrants, _ = run(Samples(samples.X, y), settings, Candidate, n_init=1, max_iter=40)
    assert {e.setting for e in entrants if e.weight} == {settings[1 if slope else 2]}


@pytest.mark.parametrize(
    ("behind", "expected"),
    [((0.9, 0.9), "constant"), ((0.4, 0.9), "constant"), ((0.2, 0.9), "linear"), ((2, 2), "tanh")],
)
def test_a_constant_is_judged_by_the_polynomial_next_to_it(samples, behind, expected):
    """In nats behind a net, in all, of a line and of a constant."""

    class Behind(Free):
        def __init__(self, samples, *, hidden_layers, activation, **options):
            super().__init__(samples, hidden_layers=(3,), activation=activation, **options)
            nats = {"linear": behind[0], "constant": behind[1]}.get(activation, 0.0)
            self.nats, self.n_weights = nats, 1 if activation == "constant" else 2

        def log_densities(self, samples):
            return np.full(len(samples), -self.nats / (0.6 * N))  # of five folds, three are judged

    settings = [setting(3), ((), "linear", 1.0), ((), "constant", 1.0)]
    entrants, _ = run(samples, settings, Behind)
    assert [e.setting[1] for e in entrants if e.weight] == [expected]


def test_many_samples_are_judged_by_some_and_fitted_by_all():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2 * MAX_JUDGED, 1))
    samples = Samples(x, 2 * x**3 - x + NOISE * rng.standard_normal(x.shape))
    entrants, nets = run(samples, [setting(1), setting(3), setting(4)])
    assert entrants[0].n_judged == MAX_JUDGED * 3 // 5
    for net, _ in nets:
        assert len(net.samples) == 2 * MAX_JUDGED
        expected = np.polyfit(x[:, 0], samples.y[:, 0], net.degree)
        assert_allclose(net.coefficients, expected)


def test_starts_that_are_stuck_are_left_out(samples):
    entrants, nets = run(samples, [setting(3)], n_init=8)
    assert entrants[0].nets == []  # nothing to choose
    assert 0 < len(nets) < 8
    assert not any(net.is_stuck for net, _ in nets)
    assert_allclose([weight for _, weight in nets], 1 / len(nets))


def test_a_setting_that_is_alone_begins_again_where_its_nets_are_constants(samples):
    class StuckFirst(Polynomial):
        """One that is stuck in its first two starts."""

        fitted = 0

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            StuckFirst.fitted += 1
            self.is_stuck = StuckFirst.fitted <= 2

    _, nets = run(samples, [setting(3)], build=StuckFirst, n_init=2)
    assert StuckFirst.fitted == 4
    assert [net.is_stuck for net, _ in nets] == [False, False]
    StuckFirst.fitted = 2
    run(samples, [setting(3)], build=StuckFirst, n_init=2)
    assert StuckFirst.fitted == 4


def test_nets_that_were_judged_go_on_the_best_first(samples):
    class Rising(Polynomial):
        def __init__(self, samples, **options):
            super().__init__(samples, **options)
            self.log_evidence = samples.X.sum()

    few = samples[np.arange(0, N, 10)]
    entrants, nets = run(few, [setting(3), setting(0)], build=Rising, n_init=2)
    assert len(entrants[0].nets) == 5
    assert [net.start for net, _ in nets] == ["goes on"] * 2
    assert all(len(net.samples) == len(few) for net, _ in nets)
    best = sorted(entrants[0].nets, key=lambda net: net.log_evidence)[-2:]
    assert {net.seed for net, _ in nets} == {net.seed for net in best}


def test_what_is_missing_of_the_starts_begins_anew(samples):
    entrants, nets = run(samples, [setting(3), setting(0)], build=Free, n_init=3)
    assert len(entrants[0].nets) == 1  # nothing was left to choose
    assert sorted(str(net.start) for net, _ in nets) == ["1", "2", "goes on"]


def test_of_more_than_two_settings_fewer_nets_are_averaged(samples):
    for n_settings, expected in ((1, 4), (2, 4), (3, 3), (4, 2)):
        _, nets = run(samples[:40], [setting(3)] * n_settings, build=Free)
        assert len(nets) == n_settings * expected


def test_without_time_one_net_is_judged_and_one_is_fitted(samples):
    Polynomial.fitted = 0
    entrants, nets = run(samples, [setting(2), setting(3)], time_budget=0)
    assert len(entrants) == len(nets) == 1
    assert Polynomial.fitted == 1
    assert nets[0][0].start == "goes on"


def test_one_sample_needs_no_race(samples):
    entrants, nets = run(samples[[0]], [setting(0), setting(1)])
    assert [entrant.weight for entrant in entrants] == [1]
    assert nets[0][0].degree == 0


LATE_NETS = [((8, 8), "tanh", 1.0), ((8, 8, 8), "tanh", 1.0), ((8,), "swish", 1.0)]


@pytest.mark.parametrize("nets", [[((3,), "tanh", 1.0)], LATE_NETS])
def test_workers_find_the_same_nets(samples, nets):
    settings = [*nets, ((), "linear", 1.0), ((), "cubic", 1.0)]
    few = samples[np.arange(0, N, 4)]
    wave = Samples(few.X, few.y + np.sin(9 * few.X))
    alone, together = (
        run(wave, settings, Candidate, n_init=2, max_iter=30, n_jobs=n) for n in (1, 2)
    )
    assert len(alone[0]) == len(together[0]) == len(settings)
    for (net, weight), (other, other_weight) in zip(alone[1], together[1]):
        assert_array_equal(net.fit.w, other.fit.w)
        assert weight == other_weight
    for entrant, other in zip(alone[0], together[0]):
        assert_array_equal(entrant.log_densities, other.log_densities)


def test_the_portfolio_and_what_restricts_it():
    everything = portfolio(1)
    assert {"tanh", "swish", "sine", "rational"} <= {name for _, name, _ in everything}
    sines = portfolio(1, activation="sine")
    assert {name for _, name, _ in sines} == {"sine"}
    assert len({omega for *_, omega in sines}) > 2
    simple = [kind for sizes, kind, _ in everything if not sizes]
    assert simple == ["linear", "quadratic", "cubic", "constant"]
    assert [s for s in everything if s[1] != "constant"] == portfolio(1, slopes_known=True)
    assert all(sizes for sizes, *_ in sines)
    assert portfolio(2, (7,), "sine", 5) == [((7,), "sine", 5.0)]
    assert portfolio(3, (7,), "tanh") == [((7,), "tanh", 1.0)]
