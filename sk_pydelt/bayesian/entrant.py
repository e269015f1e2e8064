"""A setting in the race of Bayesian nets, judged by samples that its nets have not seen."""

from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ..samples import Samples

__all__ = ["Entrant", "Setting", "folds"]

Setting = tuple[tuple[int, ...], str, float]  # hidden layers, activation, frequency of a sine

FOLDS = 5  # of the samples: each setting is fitted without each of them, and judged by it
STUCK = 2  # standard deviations of the score by which a start is below the best
ALONE = 3  # number of the first start of a setting that has not been judged
EXACT, CLOSE = 1e-2, 3e-7  # root mean square errors, of targets scaled to variance 1
WORST = -1e300  # density of a sample where a net gives none


def folds(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs (rows of a fold, those of all others) of n samples, always the same."""
    from sklearn.model_selection import KFold  # not loaded with the package

    split = KFold(min(FOLDS, n), shuffle=True, random_state=0).split(np.empty((n, 1)))
    return [(fold, rest) for rest, fold in split]


class Entrant:
    """A setting in the race, judged by how well it predicts samples that its nets have not seen.

    Parameters
    ----------
    build : callable
        From samples and the keywords `hidden_layers`, `activation`, `omega_0`, `seed` and `start`
        to a net with `run(n_iter, tolerance)`, `n_iter`, `converged`, `on(samples)`,
        `log_densities(samples)`, `held_out()`, `log_evidence`, `is_exact`, `finds_signal`,
        `spread`, `n_weights` and `samples`. `start` is the number of this start of the setting,
        from 0, or from `ALONE` where no other competes.
    samples : Samples
        Those by which it is judged.
    setting : tuple
        As from `portfolio`.
    seed : int

    Attributes
    ----------
    nets : list
        One for each fold judged so far, fitted to all other samples.
    log_densities : array of shape (n,)
        Of each sample, by the net that has not seen it; NaN where not judged.
    stuck : list
        Nets that were fitted to all samples and left out of the average.
    weight : float
        In the average.
    n_weights : int
        Of each net; 0 before there is one.
    """

    def __init__(self, build: Callable, samples: Samples, setting: Setting, seed: int) -> None:
        self.build, self.samples, self.setting = build, samples, setting
        self.rng = np.random.RandomState(seed)
        self.nets: list = []
        self.stuck: list = []
        self.n_weights = 0
        self.log_densities, self.weight = np.full(len(samples), np.nan), 0.0

    def net(self, samples: Samples, start: int = 0) -> Any:
        """A new net of this setting."""
        options = dict(zip(("hidden_layers", "activation", "omega_0"), self.setting))
        seed = int(self.rng.randint(2**31 - 1))
        net = self.build(samples, **options, seed=seed, start=start)
        self.n_weights = net.n_weights
        return net

    def __str__(self) -> str:
        sizes, activation, omega_0 = self.setting
        shown = f"{'-'.join(map(str, sizes))} {activation}".strip()
        return f"{shown} {omega_0:g}" if activation == "sine" else shown

    @property
    def cost(self) -> int:
        """Weights between layers, of one feature and one output: tasks of many take long."""
        return sum(a * b for a, b in pairwise((1, *self.setting[0], 1)))

    @cached_property
    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pairs (rows of a fold, those of all others)."""
        return folds(len(self.samples))

    def is_done(self, i: int, n_steps: int) -> bool:
        """Whether the net of the i-th fold has done so many steps, or has nothing left to do."""
        if i >= len(self.nets):
            return self.is_close
        return self.nets[i].converged or self.nets[i].n_iter >= n_steps or self.is_close

    def trial(self, i: int) -> tuple[Any, Samples]:
        """The net of the i-th fold, as far as it is, and the samples that it has not seen."""
        fold, rest = self.folds[i]
        net = self.nets[i] if i < len(self.nets) else self.net(self.samples[rest])
        return net, self.samples[fold]

    def record(self, i: int, net: Any, log_densities: np.ndarray) -> None:
        """Take note of the outcome of a trial."""
        self.nets[i : i + 1] = [net]
        self.log_densities[self.folds[i][0]] = np.nan_to_num(log_densities, nan=WORST)

    def begun(self, i: int, first: int = 0) -> Any:
        """The i-th net to be fitted to all samples: one that was judged, or else a new one."""
        nets = sorted(self.nets, key=lambda net: -net.log_evidence)
        return nets[i].on(self.samples) if i < len(nets) else self.net(self.samples, first + i)

    def unstuck(self, scored: list[tuple[float, Any]]) -> list:
        """Nets from pairs (score, net), best first and without those that are stuck."""
        scored = sorted(scored, key=lambda pair: -pair[0])
        least = scored[0][0] - STUCK * scored[0][1].spread
        self.stuck += [net for score, net in scored if score < least]
        return [net for score, net in scored if score >= least]

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
    def is_exact(self) -> bool:
        """Whether samples that its nets have not seen are predicted as if they had no noise."""
        return self._predicts_within(EXACT)

    @property
    def is_close(self) -> bool:
        """Whether they are predicted so well that nothing is left to be gained."""
        return self._predicts_within(CLOSE)

    def _predicts_within(self, error):
        """Whether densities are as of normal errors of so large a root mean square, or higher."""
        density = -0.5 * (1 + np.log(2 * np.pi)) - np.log(error)
        targets = (self.samples.counts > 0).sum() / len(self.samples)
        return bool(self.mean_score > density * targets)

    @property
    def spread(self) -> float:
        """Standard deviation of the score, as if nets were linear."""
        return float(np.mean([net.spread for net in self.nets]))
