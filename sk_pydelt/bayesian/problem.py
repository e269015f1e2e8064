"""A perceptron and its samples as an evidence problem: groups of weights, systems, row blocks."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
from scipy.linalg import block_diag

from ..jets import Jet
from ..jets.blocks import row_slices, rows_within
from ..jets.jacobian import Jacobian
from ..jets.perceptron import Perceptron
from ..law_rows import LawRows
from ..samples import Samples
from ..solvers.equations import MAX_SIDE
from ..solvers.laplace import EvidenceFit, EvidencePoint, EvidenceProblem
from ..solvers.memory import least_squares_bytes, require_memory
from ..solvers.student import log_density
from .polynomial import PolynomialNet
from .tails import Tails

__all__ = ["Net", "NetPoint", "NetProblem"]

Net = Perceptron | PolynomialNet

FIRST_NOISE = 0.1  # of the scaled targets
BLOCK_ENTRIES = 2**23  # of a Jacobian held at once
DUAL_ADVANTAGE = 0.9  # residuals for each weight up to which a dual system takes less time
BEND_ADVANTAGE = 1.25  # ... and up to which steps are bent: for more it was measured not to pay
FIRST_LAW = 1.0  # precision of laws, ...
LAW_GROWTH = 1.2  # ... by which factor it may rise in a step, ...
LAW_CEILING = 0.3  # ... and to how many times that of the values: higher, laws pruned nets


def _groups(shapes):
    """The group of each weight, and that of each input and the biases, layer by layer.

    With several features, the weights that leave a unit are a group (automatic relevance
    determination, Neal 1996): on Friedman's and the flow around a cylinder errors of gradients were
    less by a tenth to a third. On curves nets then followed the noise.
    """
    groups, classes, start = [], [], 0
    for layer, (n_out, n_in) in enumerate(shapes):
        apart = layer == 0 or shapes[0][1] > 1
        columns = start + (np.arange(n_in) if apart else np.zeros(n_in, dtype=int))
        bias = np.array([start + (n_in if apart else 1)])
        groups += [np.tile(columns, n_out), np.repeat(bias, n_out)]
        classes += [columns, bias]
        start = 1 + int(bias[0])
    return np.concatenate(groups), np.concatenate(classes)


def _one_hot(groups):
    return (groups == np.arange(1 + groups[-1])[:, None]).astype(float)


class NetProblem(EvidenceProblem):
    """A perceptron with m outputs, and the samples it is fitted to, their slopes included.

    Laws are further outputs, with rows of their own. Each counts as much as the samples, however
    many its places are. A constant fulfils most laws, and the evidence would make one of every net
    if the precision of laws were free: it is re-estimated as that of the noise is, but rises slowly
    and stays below that of the values.

    Parameters
    ----------
    net : Perceptron or PolynomialNet
    samples : Samples
    tails : Tails, default=None
        What is known of outliers; None is what the targets by themselves tell.
    """

    def __init__(self, net: Net, samples: Samples, tails: Tails | None = None) -> None:
        self.net, self.samples = net, samples
        self.y, self.known_precision = samples.targets, samples.noise_precision
        self.copies, self.shares = samples.counts, samples.noise_shares
        self.counts = self.copies.sum(axis=0)
        self.n_rows = np.full(self.y.shape[1], len(self.y))
        self._n_laws = sum(len(rows.names) for rows in samples.laws)
        self._weigh(tails or Tails.first(samples))
        m, copies = samples.y.shape[1], 1 + samples.n_directions
        tied = samples.slopes is not None and samples.slopes.weight is not None
        self.pool = np.kron(np.ones((copies, copies)) if tied else np.eye(copies), np.eye(m))
        self.slopes_apart = (np.arange(self.y.shape[1]) >= m) & (not tied)
        is_small = self.y.size <= MAX_SIDE and not samples.laws
        self.bends = is_small and self.y.size <= BEND_ADVANTAGE * net.n_weights
        self.dual = is_small and self.y.size <= DUAL_ADVANTAGE * net.n_weights
        self.block_rows = rows_within(net.n_weights * self.y.shape[1], BLOCK_ENTRIES)
        self._check_size()
        self.groups, classes = _groups(net.shapes)
        self.membership = _one_hot(self.groups)
        self.classes = _one_hot(classes) if samples.slopes is None else self.membership
        self.ceilings = np.full(len(self.membership), np.inf)
        self.ceilings[-1] = 1.0  # the level of an output is never known before it is seen
        self._add_laws(samples.laws)

    def _add_laws(self, laws):
        """Each law as an output more: its counts, its rows and its own precision."""
        self.law_scale = [np.sqrt(len(self.y) / len(rows)) for rows in laws]
        if not (n_laws := self._n_laws):
            return
        numbers = [len(rows) for rows in laws for _ in rows.names]
        self.n_rows = np.append(self.n_rows, numbers)
        self.counts = np.append(self.counts, np.full(n_laws, float(len(self.y))))
        self.pool = block_diag(self.pool, np.eye(n_laws))
        self.known_precision = np.append(self.known_precision, np.full(n_laws, np.nan))

    @property
    def information(self) -> np.ndarray:
        """What an error of each output tells, relative to a normal one of the same scale."""
        return np.append(self.tails.information, np.ones(self._n_laws))

    @property
    def n_targets(self) -> int:
        """Number of outputs that samples are of, values and slopes: those of laws come after."""
        return self.y.shape[1]

    def bounded(self, beta: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Precisions of laws rise slowly, and no higher than so many times that of the data."""
        data, laws = beta[: self.n_targets], beta[self.n_targets :]
        if len(laws):
            values = data[: self.samples.y.shape[1]].max()
            most = np.minimum(LAW_GROWTH * before[self.n_targets :], LAW_CEILING * values)
            beta = np.append(data, np.minimum(laws, most))
        return beta

    def _weigh(self, tails):
        """Let each entry of the targets count as much as it is trusted."""
        self.tails = tails
        self.row_scale = np.sqrt(self.copies * self.shares * tails.trust)
        squares = (self.row_scale**2 * self.y**2).sum(axis=0)
        self.squares = np.append(squares, np.full(self._n_laws, np.inf))

    def _check_size(self):
        side = self.y.size if self.dual else self.net.n_weights
        if side > MAX_SIDE:
            raise ValueError(
                f"The evidence needs a linear system of size {side} in each step, and at most "
                f"{MAX_SIDE} is possible: the net has {self.net.n_weights} weights and the data "
                f"{self.y.size} targets. Use smaller hidden_layers, or NeuralNetworkInterpolator("
                "solver='adam', early_stopping=True)."
            )
        n_bytes = least_squares_bytes(self.y.size, self.net.n_weights)
        require_memory(
            f"A Bayesian net of {self.net.n_weights:,} weights (hidden_layers="
            f"{self.net.widths[1:-1]}) with {self.y.size} targets",
            n_bytes if self.dual else 0,  # else a block of rows at a time
        )

    @cached_property
    def parts(self) -> list[Jet]:
        """Jets of the samples' places and directions: of all at once, or block by block."""
        jet = self.samples.jet
        if self.bends or self.block_rows >= len(self.y):
            return [jet]
        return [jet[rows] for rows in row_slices(len(self.y), self.block_rows)]

    @property
    def weighted_laws(self) -> list[tuple[LawRows, float]]:
        """Laws at their places, and the root of what a row counts."""
        return list(zip(self.samples.laws, self.law_scale))

    def __reduce__(self) -> tuple:
        return NetProblem, (self.net, self.samples, self.tails)

    def at(self, w: np.ndarray) -> "NetPoint":
        """The problem at the weights w (P,)."""
        return NetPoint(self, w)

    def log_likelihood(self, fit: EvidenceFit) -> float:
        """Log density of the targets at the weights of a fit."""
        m, density = self.n_targets, log_density(self._squares(fit), self.tails.dof)
        density = (self.copies * (density + 0.5 * np.log(fit.beta[:m] * self.shares))).sum()
        beta, squares = fit.beta[m:], fit.point.squares[m:]
        laws = self.counts[m:] * np.log(beta / (2 * np.pi)) - beta * squares
        return float(density + 0.5 * laws.sum())

    def informed(self, fit: EvidenceFit) -> EvidenceFit:
        """A fit whose noise was estimated, with what is known of it and of outliers in place."""
        known, noise = self.known_precision, self.samples.noise
        fit = replace(fit, beta=np.where(np.isnan(known), fit.beta, known))
        if noise.is_normal:
            return fit
        other, point = copy(self), cast(NetPoint, fit.point)
        other._weigh(Tails.of(noise, self._squares(fit), self.copies))
        return replace(fit, point=point.of(other))

    def _squares(self, fit):
        """Squared errors in units of the noise of each entry: (n, m)."""
        return fit.beta[: self.n_targets] * self.shares * fit.point.errors**2

    @property
    def work(self) -> int:
        """Multiplications in a step, in order of size."""
        return self.y.size * self.net.n_weights * min(self.y.size, self.net.n_weights)

    def first_fit(self, w: np.ndarray, pull: float = np.inf) -> EvidenceFit:
        """Priors as wide as the initial weights, and some noise, that of slopes by their size.

        All together, priors cost at most `pull` for each target. Else many weights would be drawn
        to zero by few data, before the net has found anything.
        """
        sizes = self.membership.sum(axis=1)
        alpha = np.clip(sizes / (self.membership @ w**2 + 1e-10), 1e-4, 1e4)
        squares = (self.squares / np.maximum(self.counts, 1))[: self.n_targets]
        beta = FIRST_NOISE**-2 / np.where(self.slopes_apart, np.maximum(squares, 1), 1.0)
        n_targets = len(np.unique(self.samples.X, axis=0)) * self.y.shape[1]
        alpha = alpha * min(1.0, pull * n_targets / self.net.n_weights)
        beta = np.append(beta, np.full(len(self.counts) - self.n_targets, FIRST_LAW))
        return EvidenceFit(self.at(w), alpha, beta)


class NetPoint(EvidencePoint):
    """The weights of a perceptron, its errors, and the pass forward that led to them.

    Parameters
    ----------
    problem : NetProblem
    w : array of shape (P,)

    Attributes
    ----------
    errors : array of shape (n, m)
        Of the outputs.
    """

    def __init__(self, problem: NetProblem, w: np.ndarray) -> None:
        self.problem, self.w = problem, w
        parts = problem.parts
        passes = [problem.net.forward(w, part) for part in parts] if len(parts) == 1 else None
        columns = [f.columns() for f in passes or (problem.net.forward(w, p) for p in parts)]
        values = columns[0] if len(columns) == 1 else np.concatenate(columns)
        self.errors = values - problem.y
        self.residuals = problem.row_scale * self.errors
        self._passes = passes
        self._laws = [_LawPoint(problem.net, w, *pair) for pair in problem.weighted_laws]

    @cached_property
    def squares(self) -> np.ndarray:
        """Sum of squared residuals of each output, and then of each law."""
        parts = [self.residuals, *(law.residuals for law in self._laws)]
        return np.concatenate([(part**2).sum(axis=0) for part in parts])

    def __reduce__(self) -> tuple:
        return NetPoint, (self.problem, self.w)

    def of(self, problem: NetProblem) -> "NetPoint":
        """The same weights of a problem that differs in how much entries are trusted."""
        other = copy(self)
        other.problem, other.residuals = problem, problem.row_scale * self.errors
        for name in ("_whole", "squares"):
            other.__dict__.pop(name, None)
        return other

    def jacobian(self) -> Jacobian:
        """Of the residuals by the weights, row by row: (n m, P)."""
        return self._whole

    @cached_property
    def _whole(self):
        (forward,) = self._passes
        return forward.jacobian().scaled(self.problem.row_scale.reshape(-1))

    def jacobians(self) -> Iterator[tuple[slice, Jacobian]]:
        """Pairs of rows and their Jacobian, block by block."""
        n, m = self.problem.y.shape
        for i, part in enumerate(row_slices(n, self.problem.block_rows)):
            if self._passes:
                yield part, self._whole.rows(slice(part.start * m, part.stop * m))
            else:
                forward = self.problem.net.forward(self.w, self.problem.parts[i])
                scale = self.problem.row_scale[part].reshape(-1)
                yield part, forward.jacobian().scaled(scale)

    def normal_equations(self) -> tuple[list, list]:
        """JᵀJ (P, P) and Jᵀr (P,) of each output, summed over blocks of rows."""
        m = self.problem.y.shape[1]
        grams, gradients = [0.0] * m, [0.0] * m
        for part, jacobian in self.jacobians():
            J = jacobian.dense().reshape(-1, m, jacobian.shape[1])
            for o in range(m):
                J_o = np.ascontiguousarray(J[:, o])
                grams[o] = grams[o] + J_o.T @ J_o
                gradients[o] = gradients[o] + self.residuals[part, o] @ J_o
        of_laws = self.law_equations()
        return grams + of_laws[0], gradients + of_laws[1]

    def law_equations(self) -> tuple[list, list]:
        """The same of each law."""
        found = [law.normal_equations() for law in self._laws]
        return [G for grams, _ in found for G in grams], [g for _, some in found for g in some]


class _LawPoint:
    """The errors of laws at some weights, times what a row counts: (k, L).

    Parameters
    ----------
    net : Perceptron or PolynomialNet
    w : array of shape (P,)
    rows : LawRows
    scale : float
    """

    def __init__(self, net: Net, w: np.ndarray, rows: LawRows, scale: float) -> None:
        self.net, self.w, self.rows, self.scale = net, w, rows, scale
        self._forward = net.forward(w, rows.jet)
        self.residuals = scale * (self._forward.combined(rows.functional) - rows.target)

    def normal_equations(self) -> tuple[list, list]:
        """JᵀJ (P, P) and Jᵀr (P,) of each law, summed over blocks of rows."""
        n_laws = self.residuals.shape[1]
        grams, gradients = [0.0] * n_laws, [0.0] * n_laws
        size = rows_within(self.net.n_weights * n_laws, BLOCK_ENTRIES)
        for part in row_slices(len(self.rows), size):
            J = self._jacobian(part, size)
            for i in range(n_laws):
                J_i = np.ascontiguousarray(J[:, i])
                grams[i] = grams[i] + J_i.T @ J_i
                gradients[i] = gradients[i] + self.residuals[part, i] @ J_i
        return grams, gradients

    def _jacobian(self, part, size):
        whole = size >= len(self.rows)
        forward = self._forward if whole else self.net.forward(self.w, self.rows.jet[part])
        return self.scale * forward.combined_jacobian(self.rows.functional[part])
