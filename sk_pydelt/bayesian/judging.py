"""Entrants are judged: by nets that a rung asks for, and ahead of it where workers would wait."""

from collections.abc import Iterable
from typing import Any

from .entrant import FOLDS, Entrant
from .team import Team

__all__ = ["Scouts", "judge", "scouts"]

TOLERANCE = 0.4  # nats in a step: smaller changes of the evidence end a trial

Scouts = dict[Entrant, Entrant]


def judge(
    entrants: Iterable[Entrant],
    rung: Any,
    max_iter: int,
    team: Team,
    is_first: bool = False,
    found: Scouts | None = None,
    ahead: Scouts | None = None,
    next_rung: Any = None,
) -> None:
    """Nets of a rung's folds take its steps, those that have not yet; of each fold, large first.

    So none is left over that takes long, when others have nothing to do.

    Parameters
    ----------
    entrants : iterable of Entrant
    rung : Rung
    max_iter : int
    team : Team
    is_first : bool, default=False
        Whether these are the first of all: one is judged in any case, then.
    found : dict of Entrant to Entrant, default=None
        Scouts of these entrants that have been ahead in this rung.
    ahead : dict of Entrant to Entrant, default=None
        Scouts that take their `next_rung` as long as not all of the others are back.
    next_rung : Rung, default=None
    """
    needed = _tasks(entrants if is_first else _large_first(entrants), rung)
    if is_first:
        needed.sort(key=_follows_less)
    needed = _without(found or {}, needed)
    tasks = needed + _tasks(_large_first((ahead or {}).values()), next_rung)
    n_back = 0

    def trials():
        for k, (entrant, i, its_rung) in enumerate(tasks):
            if k >= len(needed) and n_back >= len(needed):
                return
            yield *entrant.trial(i), min(its_rung.steps(entrant), max_iter)

    for outcome, (entrant, i, _) in zip(team.map(_try, trials(), at_least=is_first), tasks):
        n_back += 1
        entrant.record(i, *outcome)


def scouts(entrants: Iterable[Entrant], team: Team) -> Scouts:
    """Copies of entrants that may go ahead of them; none where there is one worker only."""
    return {entrant: entrant.scout() for entrant in entrants} if team.n_workers > 1 else {}


def _large_first(entrants):
    return sorted(entrants, key=lambda entrant: -entrant.cost)


def _tasks(entrants, rung):
    """Entrants, folds and the rung, of nets that have not yet done its steps: fold by fold."""
    pairs = [(e, i) for i in range(FOLDS) for e in entrants if i < rung.folds(e)]
    return [(e, i, rung) for e, i in pairs if not e.is_done(i, rung.steps(e))]


def _without(found, tasks):
    """Tasks that no scout has done: entrants go on from where theirs are.

    What is to be done does not depend on how far the scouts came.
    """
    before = {entrant: len(entrant.nets) for entrant, _, _ in tasks}
    for entrant in before:
        entrant.adopt(found.get(entrant, entrant))
    return [(e, i, rung) for e, i, rung in tasks if not before[e] <= i < len(e.nets)]


def _follows_less(task):
    """Whether a setting is not of two layers: these follow most, if there is time for one only."""
    return len(task[0].setting[0]) != 2


def _try(net, samples, n_steps):
    """A net after so many steps in all, and how well it predicts other samples."""
    net.run(n_steps - net.n_iter, TOLERANCE)
    return net, net.log_densities(samples)
