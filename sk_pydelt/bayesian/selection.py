"""The race of Bayesian nets: which of them compete, and how they are judged."""

from collections.abc import Callable
from itertools import repeat
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from ..jets.perceptron import hidden_widths
from ..samples import Samples
from ..solvers.averaging import stacking_weights
from .entrant import ALONE, WORST, Entrant, Setting
from .judging import judge
from .team import Team

__all__ = ["portfolio", "race"]

# What competes where nothing is given: hidden layers, activation, frequency of a sine.
CURVES: tuple[Setting, ...] = (
    ((), "linear", 1.0),
    ((), "quadratic", 1.0),
    ((), "cubic", 1.0),
    ((8,), "rational", 1.0),
    ((8,), "swish", 1.0),
    ((8, 8), "tanh", 1.0),
    ((8, 8, 8), "tanh", 1.0),
    ((8, 8), "swish", 1.0),
    ((8, 8), "softplus", 1.0),
    ((32,), "sine", 20.0),
    ((48,), "sine", 60.0),
    ((8, 8), "sine", 8.0),
    ((12, 12), "sine", 12.0),
    ((24, 24), "sine", 40.0),
    ((), "constant", 1.0),
)
FIELDS: tuple[Setting, ...] = (
    ((), "linear", 1.0),
    ((), "quadratic", 1.0),
    ((8, 8), "tanh", 1.0),
    ((8, 8, 8), "tanh", 1.0),
    ((16,), "swish", 1.0),
    ((8, 8), "swish", 1.0),
    ((12, 12), "softplus", 1.0),
    ((8, 8), "rational", 1.0),
    ((12, 12), "sine", 3.0),
    ((), "constant", 1.0),
)
# Nets that compete only where one of these simpler ones is among the best `LEADERS` at first.
LATE: dict[Setting, tuple[Setting, ...]] = {
    ((8, 8, 8), "tanh", 1.0): (((8, 8), "tanh", 1.0),),
    ((8, 8), "swish", 1.0): (((8,), "swish", 1.0), ((8, 8), "softplus", 1.0)),
    ((48,), "sine", 60.0): (((32,), "sine", 20.0), ((12, 12), "sine", 12.0)),
    ((24, 24), "sine", 40.0): (((12, 12), "sine", 12.0),),
}
LEADERS = 4
LARGE_NET = 200  # weights


class Rung(NamedTuple):
    """So many settings at most, each judged by the nets of so many folds.

    They take so many steps at most, large nets fewer: their steps are dear, and less is needed.
    """

    n_settings: int
    n_folds: int
    n_steps: int
    n_steps_of_large: int
    large: int = LARGE_NET

    def folds(self, entrant: Entrant) -> int:
        """Number of folds that a setting is judged by: more where they are of few samples."""
        least = ceil(LEAST_JUDGED * len(entrant.folds) / len(entrant.samples))
        return min(max(self.n_folds, least), len(entrant.folds))

    def steps(self, entrant: Entrant) -> int:
        """Number of steps of a net, at most."""
        return self.n_steps if entrant.n_weights <= self.large else self.n_steps_of_large


RUNGS = Rung(100, 1, 40, 20), Rung(8, 3, 40, 20), Rung(6, 3, 80, 40), Rung(5, 3, 150, 80)
EXACT_RUNGS = Rung(100, 1, 150, 40, 100), Rung(8, 1, 150, 150), Rung(5, 3, 150, 150)  # from then on
ALL_STEPS = Rung(1, 1, 150, 150)  # of a setting that is left alone and knows slopes
MORE_STARTS = Rung(1, 5, 150, 150)  # of a setting that nothing else keeps up with, to choose from
EXACT_GAPS = 1.0, 5.0  # nats a sample by which a setting may be behind then: of all steps, of fewer
CLOSE_STEPS = 40  # with all samples, of a setting whose nets are close without some
LEAST_JUDGED = 40  # samples, if there are so many: by fewer nothing is told apart
# Nats in a step: smaller changes of the evidence end a fit, and that of a setting that is alone.
# Nothing stands in for that one, and on its way it may be a constant for many steps.
TOLERANCES = 0.05, 1e-3
CHANCE = 1.5, 1.0  # standard errors, and nats, by which a setting may be behind the best
SIMPLER = 1.0, 1.0  # the same for a polynomial, which then needs nothing else beside it ...
LEVEL = 0.0, 0.5  # ... and for a constant, behind that: most slopes of two errors are told ...
LEAST_TOLD = 20  # ... if so many samples say so
LARGEST = 50.0  # nats by which a single sample tells two settings apart
MAX_JUDGED = 1000  # samples by which settings are judged
SPREAD = 4  # standard deviations of the score within which a setting is averaged
LEAST_WEIGHT = 0.03  # of a net in the average, relative to that of the best


def portfolio(
    n_features: int,
    hidden_layers: Any = "auto",
    activation: str = "auto",
    omega_0: float | str = "auto",
    slopes_known: bool = False,
) -> list[Setting]:
    """The triples (hidden_layers, activation, omega_0) that compete.

    A constant does not where something is known of slopes.
    """
    found: dict[Setting, None] = {}
    for sizes, kind, omega in CURVES if n_features == 1 else FIELDS:
        if not sizes and (activation != "auto" or not isinstance(hidden_layers, str)):
            continue
        if slopes_known and kind == "constant":
            continue
        if activation != "auto":
            if (kind == "sine") != (activation == "sine"):
                continue
            kind = activation
        if not isinstance(hidden_layers, str):
            sizes = hidden_widths(hidden_layers, 'be "auto" or ')
        if kind == "sine" and omega_0 != "auto":
            omega = float(omega_0)
        found[sizes, kind, omega] = None  # a set that keeps its order
    return list(found)


def race(
    build: Callable,
    samples: Samples,
    settings: list[Setting],
    *,
    n_init: int,
    max_iter: int,
    team: Team,
    rng: np.random.RandomState,
) -> tuple[list[Entrant], list[tuple[Any, float]]]:
    """Settings are judged by cross-validation, and the best are fitted to all samples.

    Rung by rung fewer settings are judged by more folds and nets of more steps (successive halving,
    Jamieson & Talwalkar 2016). A setting stays as long as chance may have put it behind the best,
    by the differences of their densities at the same samples (racing, Maron & Moore 1994).

    Parameters
    ----------
    build, samples : as of `Entrant`
    settings : list of tuple
        As from `portfolio`. A single one is not judged.
    n_init : int
        Nets of each setting in the average, at most.
    max_iter : int
    team : Team
    rng : numpy.random.RandomState

    Returns
    -------
    entrants : list of Entrant
        What was tried, best first.
    nets : list of (net, weight)
        The average, its best net first. Where the user interrupts before a net has been fitted to
        all samples, those that were fitted to some by the best setting.

    Raises
    ------
    KeyboardInterrupt
        Of a user, before there is any net.
    """
    judged = samples[_some_rows(len(samples), rng)]
    entrants = [Entrant(build, judged, setting, rng.randint(2**31 - 1)) for setting in settings]
    if len(judged) < len(samples):
        for entrant in entrants:
            entrant.net(samples)  # refuses what is too large for all, before it is fitted to some
    if len(entrants) == 1 or len(samples) == 1:
        entrants = near = entrants[:1]
    else:
        left, dropped = _judged(entrants, max_iter, team)
        entrants, near = left + dropped, _finalists(left)
    fitted = _fitted(near, samples, n_init, max_iter, team) or [(e, e.nets) for e in near[:1]]
    if not any(nets for _, nets in fitted):
        raise KeyboardInterrupt("The fit was interrupted before there was a net.")
    return entrants, _average(fitted)


def _some_rows(n, rng):
    """Rows of the samples by which settings are judged."""
    if n <= MAX_JUDGED:
        return slice(None)
    return np.sort(rng.permutation(n)[:MAX_JUDGED])


def _judged(entrants, max_iter, team):
    """Those that were never dropped and those that were, if there was time for them; best first."""
    dropped: list[Entrant] = []
    entrants, waiting = _first(entrants)
    rungs, is_exact = list(RUNGS), False
    while rungs:
        rung = rungs.pop(0)
        entrants, hopeless = _hopeful(entrants, rung.n_settings)
        dropped = hopeless + dropped
        if len(entrants) == 1 and dropped:
            if entrants[0].samples.slopes is not None:  # exact, as a rule, but after more steps
                judge(entrants, ALL_STEPS, max_iter, team)
            if not entrants[0].is_exact:
                break
            rungs, rung = [], MORE_STARTS
        is_first = not any(entrant.nets for entrant in entrants)
        judge(entrants, rung, max_iter, team, is_first=is_first)
        entrants = _best_first(entrants)
        if not entrants:
            break
        joining, waiting = _joining(entrants, waiting), []
        judge(joining, rung, max_iter, team)
        entrants = _best_first(entrants + joining)
        if entrants[0].is_exact and not is_exact:
            rungs, is_exact = list(EXACT_RUNGS), True
        team.show(str(entrants[0]))
    return entrants, dropped


def _first(entrants):
    """Those that compete from the start, and those that wait for the simpler ones among these."""
    present = {entrant.setting for entrant in entrants}
    late = [e for e in entrants if not present.isdisjoint(LATE.get(e.setting, ()))]
    return [entrant for entrant in entrants if entrant not in late], late


def _joining(entrants, waiting):
    """Those of the waiting of which a simpler one is among the best."""
    leaders = {entrant.setting for entrant in _hopeful(entrants, LEADERS)[0]}
    return [entrant for entrant in waiting if not leaders.isdisjoint(LATE[entrant.setting])]


def _best_first(entrants):
    """Those that were judged, best first."""
    return sorted((e for e in entrants if e.nets), key=lambda entrant: -entrant.mean_score)


def _hopeful(entrants, n_settings):
    """Those that may yet win, best first, and the others (Maron & Moore 1994).

    Of nets, only so many: there is a place for every polynomial, which costs next to nothing.
    """
    if not any(entrant.nets for entrant in entrants):
        return entrants, []
    best, *others = _best_first(entrants)
    may_win = _keeps_up if best.is_exact else _near
    near = [best, *(entrant for entrant in others if may_win(entrant, best))]
    near = [entrant for i, entrant in enumerate(near) if i < n_settings or not entrant.setting[0]]
    return near, [entrant for entrant in entrants if entrant not in near]


def _keeps_up(entrant, best):
    """Whether a setting may yet win in exact data, which nets follow closer with each step.

    Chance is no reason there. Nets of few weights take all their steps before they are judged, for
    these are cheap and what they find last may be orders of magnitude nearer.
    """
    done = all(entrant.is_done(i, EXACT_RUNGS[-1].n_steps) for i in range(len(entrant.nets)))
    closed = done or best.is_close
    return _lead(best, entrant).mean() <= EXACT_GAPS[not closed]


def _finalists(entrants):
    """Those that cannot be told from the best, or the simplest polynomial among them."""
    if not entrants:
        return []
    best = entrants[0]
    near = [e for e in entrants if _near(e, best, 0.0, SPREAD * best.spread)]
    if best.n_judged < LEAST_TOLD:
        return near
    simple = [e for e in near if not e.setting[0] and _near(e, best, *SIMPLER)]
    return _enough(sorted(simple, key=lambda entrant: entrant.n_weights), best) or near


def _enough(simple, best):
    """The first of some polynomials, unless it is a constant and there is something to tell."""
    if simple and simple[0].setting[1] == "constant":
        constant, *others = simple
        simple = simple if _near(constant, (others or [best])[0], *LEVEL) else others
    return simple[:1]


def _near(entrant, best, n_errors=CHANCE[0], slack=CHANCE[1]):
    """Whether chance alone may have put a setting behind the best, by samples that both saw."""
    lead = _lead(best, entrant)
    return lead.sum() <= n_errors * np.sqrt(len(lead)) * lead.std() + slack


def _lead(best, entrant):
    """By how much one predicts samples better than another, those that both saw."""
    lead = best.log_densities - entrant.log_densities
    return np.clip(lead[~np.isnan(lead)], -LARGEST, LARGEST)


def _fitted(entrants, samples, n_init, max_iter, team):
    """Pairs of a setting and its nets, fitted to all samples: one at least.

    Nets that were judged go on, the best first; what is missing of `n_init` begins anew. Of more
    than two settings, fewer nets each. A setting that competes with none begins as often again
    where its nets are constants: nothing stands in for it. Where settings were judged by some of
    many samples, the best net of each then goes on with all.
    """
    alone = not any(entrant.nets for entrant in entrants)
    first, tolerance = (ALONE, TOLERANCES[1]) if alone else (0, TOLERANCES[0])
    at_least = 0 if team.is_interrupted else 1
    numbers = range(min(n_init, ceil(2 * n_init / len(entrants))) if entrants else 0)
    ordered = entrants[:1] + sorted(entrants[1:], key=lambda entrant: -entrant.cost)
    owners = [entrant for _ in numbers for entrant in ordered]
    nets = (entrant.begun(k, first) for k in numbers for entrant in ordered)
    steps = [min(max_iter, CLOSE_STEPS) if entrant.is_close else max_iter for entrant in owners]
    fits = zip(nets, steps, repeat(tolerance))
    scored = _scored(owners, fits, team, at_least)
    if alone and scored and not any(net.finds_signal for _, net in scored[entrants[0]]):
        again = ((entrants[0].begun(n_init + k, first), max_iter, tolerance) for k in numbers)
        scored[entrants[0]] += _scored(owners, again, team).get(entrants[0], [])
    fitted = [(e, e.unstuck(scored[e])) for e in entrants if e in scored]
    if not alone:
        fitted = _closer(fitted, max_iter, tolerance, team)
    if not fitted or len(samples) == len(fitted[0][0].samples):
        return fitted
    goals = ((nets[0].on(samples), max_iter, tolerance) for _, nets in fitted)
    gone_on = zip(team.map(_fit, goals, at_least), fitted)
    return [(entrant, [net]) for net, (entrant, _) in gone_on] or fitted


def _closer(fitted, max_iter, tolerance, team):
    """Nets that follow exact data go on once more: each step brings them closer."""
    exact = [(e, net) for e, nets in fitted for net in nets if net.is_exact and not e.is_close]
    fits = ((net, max_iter, tolerance) for _, net in exact)
    closer = _scored([entrant for entrant, _ in exact], fits, team)
    return [(e, e.unstuck(closer[e]) if e in closer else nets) for e, nets in fitted]


def _scored(owners, fits, team, at_least=0):
    """Of each setting, the pairs (score, net) that there was time for."""
    found: dict[Entrant, list] = {}
    for pair, entrant in zip(team.map(_fit_scored, fits, at_least), owners):
        found.setdefault(entrant, []).append(pair)
    return found


def _fit_scored(net, n_steps, tolerance):
    _fit(net, n_steps, tolerance)
    return float(np.nan_to_num(net.held_out(), nan=WORST)), net


def _fit(net, n_steps, tolerance):
    net.run(n_steps, tolerance)
    return net


def _average(fitted):
    """Pairs (net, weight), best first; it sets the weights of the entrants, too.

    One half is given by stacking the settings, starts alike; the other by the evidence of each net,
    taken to be as uncertain as the score. The first knows better what predicts, the second which
    of the nets that predict as well is simpler.
    """
    densities = np.array([entrant.log_densities for entrant, _ in fitted])
    by_all = ~np.isnan(densities).any(axis=0)  # samples that all were judged by
    shares = stacking_weights(densities[:, by_all])
    pairs = [(entrant, net) for entrant, nets in fitted for net in nets]
    stacked = [share / len(nets) for share, (_, nets) in zip(shares, fitted) for _ in nets]
    evidence = np.array([net.log_evidence for _, net in pairs])
    best = int(evidence.argmax())
    trusted = np.exp((evidence - evidence[best]) / max(1.0, pairs[best][1].spread))
    weights = np.array(stacked) + trusted / trusted.sum()
    weights[weights < LEAST_WEIGHT * weights.max()] = 0
    weights /= weights.sum()
    for (entrant, _), weight in zip(pairs, weights):
        entrant.weight += float(weight)
    order = [i for i in np.argsort(-weights, kind="stable") if weights[i]]
    return [(pairs[i][1], float(weights[i])) for i in order]
