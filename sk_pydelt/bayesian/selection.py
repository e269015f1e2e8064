"""The race of Bayesian nets: which of them compete, and how they are judged."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np

from ..jets.perceptron import hidden_widths
from ..samples import Samples
from ..solvers.averaging import stacking_weights

__all__ = ["Entrant", "folds", "portfolio", "race"]

Setting = tuple[tuple[int, ...], str, float]  # hidden layers, activation, frequency of a sine

# What competes where nothing is given: hidden layers, activation, frequency of a sine.
CURVES: tuple[Setting, ...] = (
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
    ((32, 32), "sine", 40.0),
)
FIELDS: tuple[Setting, ...] = (
    ((8, 8), "tanh", 1.0),
    ((8, 8, 8), "tanh", 1.0),
    ((16,), "swish", 1.0),
    ((8, 8), "swish", 1.0),
    ((16, 16), "softplus", 1.0),
    ((8, 8), "rational", 1.0),
    ((12, 12), "sine", 3.0),
)
FOLDS = 5  # of the samples: each setting is fitted without each of them, and judged by it
SMALL_NET = 200  # weights; larger nets run on only if they are among the finalists ...
FIRST_STEPS = 40  # ... after so many steps
FINALISTS = 4
HOPELESS = 25, 0.5  # nats below the best, and nats for each sample judged, that end a run
SPREADS = 2, 4  # standard deviations of the score within which a net, a setting is averaged
ALONE = 3  # number of the first start of a setting that has not been judged
LEAST_WEIGHT = 0.03  # of a net in the average, relative to that of the best


def folds(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs (rows of a fold, those of all others) of n samples, always the same."""
    from sklearn.model_selection import KFold  # not loaded with the package

    split = KFold(min(FOLDS, n), shuffle=True, random_state=0).split(np.empty((n, 1)))
    return [(fold, rest) for rest, fold in split]


def portfolio(
    n_features: int,
    hidden_layers: Any = "auto",
    activation: str = "auto",
    omega_0: float | str = "auto",
) -> list[Setting]:
    """The triples (hidden_layers, activation, omega_0) that compete."""
    found: dict[Setting, None] = {}
    for sizes, kind, omega in CURVES if n_features == 1 else FIELDS:
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


class Entrant:
    """A setting in the race, judged by how well it predicts samples that its nets have not seen.

    Parameters
    ----------
    build : callable
        From samples and the keywords `hidden_layers`, `activation`, `omega_0` and `seed` to a net,
        which has `run(n_iter)`, `log_densities(samples)`, `held_out()`, `log_evidence`, `spread`
        and `n_weights`; with the keyword `start`, the number of this start of the setting, from 0,
        or from `ALONE` where no other setting competes, and with `like`, a net that goes on from
        where another one is.
    samples : Samples
    setting : tuple
        As from `portfolio`.
    rng : numpy.random.RandomState

    Attributes
    ----------
    nets : list
        One for each fold judged so far, fitted to all other samples.
    log_densities : array of shape (n,)
        Of each sample, by the net that has not seen it; NaN where not judged.
    weight : float
        In the average.
    n_weights : int
        Of each net; known as soon as there is one.
    """

    def __init__(
        self,
        build: Callable,
        samples: Samples,
        setting: Setting,
        rng: np.random.RandomState,
    ) -> None:
        self.build, self.samples, self.setting, self.rng = build, samples, setting, rng
        self.nets: list = []
        self.log_densities, self.weight = np.full(len(samples), np.nan), 0.0

    def net(self, samples: Samples, start: int = 0, like: Any = None) -> Any:
        """A new net of this setting, or one that goes on from another."""
        options = dict(zip(("hidden_layers", "activation", "omega_0"), self.setting))
        seed = int(self.rng.randint(2**31 - 1))
        net = self.build(samples, **options, seed=seed, start=start, like=like)
        self.n_weights = net.n_weights
        return net

    def fitted(self, n_init: int, n_iter: int, in_time: Callable[[], bool]) -> list:
        """Nets fitted to all samples, best first and without those that are stuck.

        They start anew, for with more samples they may find more than those of the folds. If none
        does as well as those did, these go on instead.
        """
        scored = self._fit([None] * n_init, n_iter, in_time)
        if self.nets and in_time() and scored[0][0] < self.score - SPREADS[0] * self.spread:
            scored = self._fit(self.nets, min(FIRST_STEPS, n_iter), in_time)
        least = scored[0][0] - SPREADS[0] * scored[0][1].spread
        return [net for score, net in scored if score >= least][:n_init]

    def _fit(self, likes, n_iter, in_time):
        """Pairs (score, net), best first: at least one, and as many as there is time for."""
        scored = []
        for start, like in enumerate(likes, 0 if self.nets else ALONE):
            if not scored or in_time():
                net = self.net(self.samples, start, like)
                net.run(n_iter)
                scored.append((net.held_out(), net))
        return sorted(scored, key=lambda pair: -pair[0])

    def judge(self, i: int, fold: np.ndarray, rest: np.ndarray, max_iter: int) -> None:
        """Fit the net of the i-th fold, and judge it: a large net in two rounds."""
        is_new = len(self.nets) == i
        if is_new:
            self.nets.append(self.net(self.samples[rest]))
        net = self.nets[i]
        first = max_iter if net.n_weights <= SMALL_NET else min(FIRST_STEPS, max_iter)
        net.run(first if is_new else max_iter - first)
        densities = net.log_densities(self.samples[fold])
        self.log_densities[fold] = np.nan_to_num(densities, nan=-1e300)  # NaN is not judged

    @property
    def n_judged(self) -> int:
        """Number of samples that were held out."""
        return int(np.sum(~np.isnan(self.log_densities)))

    @property
    def score(self) -> float:
        """Log density of all samples that were held out."""
        return float(np.nansum(self.log_densities))

    @property
    def mean_score(self) -> float:
        """Log density of a sample held out; NaN before the first was."""
        return self.score / self.n_judged if self.n_judged else np.nan

    @property
    def spread(self) -> float:
        """Standard deviation of the score, as if nets were linear."""
        return float(np.mean([net.spread for net in self.nets]))


def race(
    build: Callable,
    samples: Samples,
    settings: list[Setting],
    *,
    n_init: int,
    max_iter: int,
    time_budget: float | None,
    rng: np.random.RandomState,
) -> tuple[list[Entrant], list[tuple[Any, float]]]:
    """Settings are judged by cross-validation, and the best are fitted to all samples.

    Parameters
    ----------
    build, samples, rng : as of `Entrant`
    settings : list of tuple
        As from `portfolio`. A single one is not judged.
    n_init : int
        Nets of each setting in the average, at most.
    max_iter : int
    time_budget : float or None

    Returns
    -------
    entrants : list of Entrant
        What was tried, best first.
    nets : list of (net, weight)
        The average, its best net first.
    """
    deadline = np.inf if time_budget is None else monotonic() + time_budget

    def in_time():
        return monotonic() < deadline

    entrants = [Entrant(build, samples, setting, rng) for setting in settings]
    if len(entrants) == 1 or len(samples) == 1:
        entrants = near = entrants[:1]
    else:
        entrants = _judged(entrants, folds(len(samples)), max_iter, in_time)
        least = entrants[0].score - SPREADS[1] * entrants[0].spread
        near = [entrant for entrant in entrants[:FINALISTS] if entrant.score >= least]
    fitted: list[tuple[Entrant, list]] = []
    for entrant in near:
        if not fitted or in_time():
            fitted.append((entrant, entrant.fitted(n_init, max_iter, in_time)))
    return entrants, _average(fitted)


def _judged(entrants, folds, max_iter, in_time):
    """Those that there was time for, best first."""
    tried, dropped = [], []
    for entrant in entrants:
        if not tried or in_time():
            entrant.judge(0, *folds[0], max_iter)
            tried.append(entrant)
    for i, fold in enumerate(folds[1:], 1):
        tried, hopeless = _hopeful(tried)
        dropped += hopeless
        if not in_time():
            break
        for entrant in tried:
            entrant.judge(i, *fold, max_iter)
    for entrant in _best_first(tried)[:FINALISTS]:
        if in_time():
            for i in range(len(entrant.nets)):
                entrant.judge(i, *folds[i], max_iter)
    return _best_first(tried) + _best_first(dropped)


def _best_first(entrants):
    return sorted(entrants, key=lambda entrant: -entrant.mean_score)


def _hopeful(entrants):
    """Those that may yet win, best first, and the others."""
    entrants = _best_first(entrants)
    least = entrants[0].score - HOPELESS[0] - HOPELESS[1] * entrants[0].n_judged
    n_hopeful = max(FINALISTS, sum(entrant.score > least for entrant in entrants))
    return entrants[:n_hopeful], entrants[n_hopeful:]


def _average(fitted):
    """Pairs (net, weight), best first; it sets the weights of the entrants, too.

    One half is given by stacking the settings, starts alike; the other by the evidence of each net,
    taken to be as uncertain as the score. The first knows better what predicts, the second which
    of the nets that predict as well is simpler.
    """
    densities = [np.nan_to_num(entrant.log_densities) for entrant, _ in fitted]  # 0: not judged
    shares = stacking_weights(np.array(densities))
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
