"""Entrants are judged, by the nets that a rung of the race asks for."""

from collections.abc import Iterable
from typing import Any

from .entrant import FOLDS, Entrant
from .team import Team

__all__ = ["judge"]

TOLERANCE = 0.4  # nats in a step: smaller changes of the evidence end a trial


def judge(
    entrants: Iterable[Entrant], rung: Any, max_iter: int, team: Team, is_first: bool = False
) -> None:
    """Nets of a rung's folds take its steps, those that have not yet; of each fold, large first.

    So none is left over that takes long, when other workers have nothing to do.

    Parameters
    ----------
    entrants : iterable of Entrant
    rung : Rung
    max_iter : int
    team : Team
    is_first : bool, default=False
        Whether these are the first of all: one is judged in any case, then.
    """
    pairs = _pairs(entrants if is_first else _large_first(entrants), rung)
    if is_first:
        pairs.sort(key=_follows_less)
    trials = ((*e.trial(i), min(rung.steps(e), max_iter)) for e, i in pairs)
    for outcome, (entrant, i) in zip(team.map(_try, trials, at_least=is_first), pairs):
        entrant.record(i, *outcome)


def _large_first(entrants):
    return sorted(entrants, key=lambda entrant: -entrant.cost)


def _pairs(entrants, rung):
    """Entrants and folds, of nets that have not yet done a rung's steps: fold by fold."""
    pairs = [(e, i) for i in range(FOLDS) for e in entrants if i < rung.folds(e)]
    return [(e, i) for e, i in pairs if not e.is_done(i, rung.steps(e))]


def _follows_less(pair):
    """Whether a setting is not of two layers: these follow most, if there is time for one only."""
    return len(pair[0].setting[0]) != 2


def _try(net, samples, n_steps):
    """A net after so many steps in all, and how well it predicts other samples."""
    net.run(n_steps - net.n_iter, TOLERANCE)
    return net, net.log_densities(samples)
