"""The race of Bayesian nets: which of them compete, and how far each is run."""

from dataclasses import dataclass
from numbers import Integral
from time import monotonic

import numpy as np

__all__ = ["Samples", "portfolio", "race"]

# What competes where nothing is given: hidden layers, activation, frequency of a sine.
CURVES = (
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
    ((32, 32), "sine", 40.0),
)
FIELDS = (
    ((8, 8), "tanh", 1.0),
    ((8, 8, 8), "tanh", 1.0),
    ((8, 8), "swish", 1.0),
    ((16, 16), "softplus", 1.0),
    ((8, 8), "rational", 1.0),
    ((12, 12), "sine", 3.0),
)
FIRST_STEPS = 40  # of every candidate; then the best go on
SMALL_NET = 200  # weights: so small a net takes all its starts in the first round
FINALISTS = 3


@dataclass(frozen=True)
class Samples:
    """Distinct scaled samples in a fixed order: no fit depends on the order of rows.

    Parameters
    ----------
    X : array of shape (n, p), or (n, p (1 + n_directions)) with directions beside it
    y : array of shape (n, q), or (n, q (1 + n_directions)) with slopes beside it
    weight : array of shape (n, 1) or of y's
        What each entry of y counts.
    n_directions : int
    tied : bool
        Whether an output's slopes have the noise precision of its values.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    n_directions: int = 0
    tied: bool = False

    @classmethod
    def distinct(cls, X, y, sample_weight, slopes=None):
        """Samples whose copies are merged into one of their common weight."""
        n_directions = 0 if slopes is None else slopes.n_directions
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        if slopes is not None:
            X, y = slopes.places(X), slopes.targets(y)
        shares = np.ones_like(y) if slopes is None else slopes.shares(np.ones(len(X)))
        # The scaler's rounding of y does depend on the order of rows.
        rows = np.column_stack([X, y.round(12), shares])
        rows, copy = np.unique(rows, axis=0, return_inverse=True)
        X, y, shares = np.split(rows, np.cumsum([X.shape[1], y.shape[1]]), axis=1)
        weight = np.bincount(copy.ravel(), weight)[:, None] * shares
        tied = n_directions > 0 and slopes.weight is not None
        if tied:
            weight[:, y.shape[1] // (1 + n_directions) :] *= slopes.weight
        return cls(X, y, weight, n_directions, tied)


def portfolio(n_features, hidden_layers="auto", activation="auto", omega_0="auto"):
    """The triples (hidden_layers, activation, omega_0) that compete."""
    found = {}
    for sizes, kind, omega in CURVES if n_features == 1 else FIELDS:
        if activation != "auto":
            if (kind == "sine") != (activation == "sine"):
                continue
            kind = activation
        if not isinstance(hidden_layers, str):
            sizes = _check_layers(hidden_layers)
        if kind == "sine" and omega_0 != "auto":
            omega = float(omega_0)
        found[sizes, kind, omega] = None  # a set that keeps its order
    return list(found)


def _check_layers(sizes):
    if len(sizes) == 0 or any(not isinstance(k, Integral) or k < 1 for k in sizes):
        raise ValueError(
            'hidden_layers must be "auto" or name the width of at least one hidden layer, each a '
            f"whole number >= 1, such as (16, 16); got {sizes!r}."
        )
    return tuple(int(k) for k in sizes)


def race(build, settings, *, n_init, max_iter, time_budget, rng):
    """Every net a few steps; then the best, with all their starts, to the end.

    Parameters
    ----------
    build : callable
        From the keywords `hidden_layers`, `activation`, `omega_0` and `seed` to a candidate, which
        has `run(n_iter)`, `log_densities`, `n_weights` and these four.
    settings : list of tuple
        As from `portfolio`.
    n_init, max_iter : int
    time_budget : float or None
    rng : numpy.random.RandomState

    Returns
    -------
    list of candidates
    """
    deadline = np.inf if time_budget is None else monotonic() + time_budget

    def begin(setting):
        seed = int(rng.randint(2**31 - 1))
        options = dict(zip(("hidden_layers", "activation", "omega_0"), setting))
        candidate = build(**options, seed=seed)
        candidate.run(min(FIRST_STEPS, max_iter))
        return candidate

    def in_time():
        return monotonic() < deadline

    entered = []
    for setting in settings:
        entered += [begin(setting)] if not entered or in_time() else []
        starts = n_init if entered[-1].n_weights <= SMALL_NET else 1
        entered += [begin(setting) for _ in range(starts - 1) if in_time()]
    best = sorted({_setting(c) for c in entered}, key=lambda s: -_score(entered, s))[:FINALISTS]
    for setting in best:
        missing = n_init - sum(_setting(c) == setting for c in entered)
        entered += [begin(setting) for _ in range(missing) if in_time()]
    for candidate in entered:
        if _setting(candidate) in best and in_time():
            candidate.run(max(0, max_iter - FIRST_STEPS))
    return entered


def _setting(candidate):
    return candidate.hidden_layers, candidate.activation, candidate.omega_0


def _score(candidates, setting):
    return max(c.log_densities.sum() for c in candidates if _setting(c) == setting)
