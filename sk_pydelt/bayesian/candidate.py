"""A net that is fitted to samples by evidence, and judged by others."""

from copy import copy
from math import ceil

import numpy as np

from ..jets.blocks import row_slices, rows_within
from ..jets.perceptron import Dense, Perceptron, initial_layers
from ..samples import Samples
from ..solvers.evidence import EXACT, UNEXPLAINED, evidence_steps, is_exact
from ..solvers.held_out import held_out_densities
from ..solvers.laplace import EvidenceFit, whitened_svd
from ..solvers.memory import keep_freed_memory
from ..solvers.student import log_density
from ..solvers.threads import one_blas_thread
from .frequency import main_frequency
from .polynomial import DEGREES, PolynomialNet
from .posterior import Posterior
from .problem import BLOCK_ENTRIES, NetProblem

__all__ = ["Candidate"]

# Of each start in turn: steepness of the first layer, relative to the main frequency of a curve,
# and the pull of the priors on the initial weights, for each target. From small weights under tight
# priors nets follow simple curves best, and oscillations not at all. The first three are for nets
# that compete with others, the other three for a setting that is alone.
STARTS = (0.75, 10.0), (0.5, 0.1), (0.0, 10.0), (0.75, 0.1), (0.5, 0.1), (0.0, 0.1)

N_WARM = 10  # steps that leave priors and noise as they are, at least
LINEAR_TOLERANCE = 0.01  # nats in a step, of a polynomial
EXACT_SPREAD = 0.2  # nats: nets leave 1.2 times as much, or less, by chance
LEAST_NOISE_DOF = 1.0  # degree of freedom of noise: nets of many weights seem to leave none
LAST = 0.1  # of the steps of a run, in which the evidence is to have stopped rising
HIGH_FREQUENCY = 60.0  # radians per unit of scaled x: no sine net of the portfolio begins above it


class Candidate:
    """A net that is fitted to samples by evidence.

    Parameters
    ----------
    samples : Samples
    hidden_layers : tuple of int
    activation : str
    omega_0 : float
    seed : int
        Of the initial weights.
    start : int, default=0
        Which of the starts of the setting this is. See `STARTS`.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        hidden_layers: tuple[int, ...],
        activation: str,
        omega_0: float,
        seed: int,
        start: int = 0,
    ) -> None:
        self.seed = seed
        net = _net(samples, hidden_layers, activation)
        stretch, pull = STARTS[start % len(STARTS)]
        with np.errstate(all="ignore"):  # what overflows is refused
            problem = NetProblem(net, samples)  # refuses what is too large
            w = _initial_weights(net, samples, omega_0, seed, stretch)
            self.fit = problem.first_fit(w, pull)
            squares = (self.fit.point.residuals**2).sum()
        if not np.isfinite(squares):
            raise ValueError(
                "The net's outputs leave the range of float64: the scaled X is up to "
                f"{np.abs(samples.X).max():.1e}. Use an x_scaler that brings it near 1, as the "
                "default does."
            )

    @property
    def problem(self) -> NetProblem:
        """The net and its samples, as far as the noise of each is known."""
        return self.fit.point.problem

    @property
    def samples(self) -> Samples:
        """The samples that it is fitted to."""
        return self.problem.samples

    def on(self, samples: Samples) -> "Candidate":
        """The same net, to go on from here with other samples."""
        other, problem = copy(self), NetProblem(self.problem.net, samples)
        fit = EvidenceFit(problem.at(self.fit.w), self.fit.alpha, self.fit.beta)
        other.fit = problem.informed(fit)
        return other

    @property
    def n_weights(self) -> int:
        """Number of weights and biases."""
        return self.problem.net.n_weights

    @property
    def noise_precisions(self) -> np.ndarray:
        """Of each output of the samples, and of its slopes; not those of laws."""
        return self.fit.beta[: self.problem.n_targets]

    @property
    def noise_dof(self) -> np.ndarray:
        """Degrees of freedom by which each is known, (n_targets,): infinite where it was given."""
        problem, m = self.problem, self.problem.n_targets
        used = 0.0 if self.fit.dof is None else self.fit.dof[:m]
        return np.where(np.isnan(problem.known_precision[:m]), problem.counts[:m] - used, np.inf)

    @property
    def n_iter(self) -> int:
        """Steps done."""
        return self.fit.n_iter

    @property
    def converged(self) -> bool:
        """Whether more steps would change nothing that matters."""
        return self.fit.converged

    def run(self, n_iter: int, tolerance: float = 1e-3) -> None:
        """Go on for some steps, or until the log evidence changes by less than a tolerance."""
        keep_freed_memory()
        last = ceil(LAST * n_iter)
        waits = N_WARM
        if isinstance(self.problem.net, PolynomialNet):  # nothing to find, and cheap
            waits, tolerance = 0, min(tolerance, LINEAR_TOLERANCE)
        with one_blas_thread(self.problem.work):
            self.fit = evidence_steps(self.fit, n_iter - last, waits, tolerance)
            before = self.fit.log_evidence
            self.fit = evidence_steps(self.fit, last, waits, tolerance)
        self._rise = self.fit.log_evidence - before

    def log_densities(self, samples: Samples) -> np.ndarray:
        """Log predictive densities of other samples, summed over the outputs: (n,)."""
        rows = rows_within(self.n_weights * samples.targets.shape[1], BLOCK_ENTRIES)
        with one_blas_thread(self.problem.work):
            posterior = self._posterior()
            blocks = (samples[part] for part in row_slices(len(samples), rows))
            return np.concatenate([self._log_densities(posterior, block) for block in blocks])

    def _log_densities(self, posterior, samples):
        forward, y = self.problem.net.forward(self.fit.w, samples.jet), samples.targets
        with np.errstate(divide="ignore", invalid="ignore"):
            noise = 1 / self._precisions(samples)  # infinite where nothing is known
            root = forward.jacobian().dense() @ posterior.factor
            variance = np.einsum("nr,nr->n", root, root).reshape(y.shape) + noise
            density = log_density((y - forward.columns()) ** 2 / variance, self._dof())
            density -= 0.5 * np.log(variance)
        return np.where(np.isfinite(noise), density, 0.0).sum(axis=1)

    def _dof(self):
        """Of Student's t, which errors follow in units of estimated noise, as in a linear model."""
        return np.minimum(self.problem.tails.dof, np.maximum(self.noise_dof, LEAST_NOISE_DOF))

    def _precisions(self, samples):
        """Of the noise of each entry of the targets, of samples that the net has not seen."""
        known = samples.noise_precision
        found = np.minimum(self.noise_precisions, self._trusted())
        precision = np.where(np.isnan(known), found, known)
        return precision * samples.counts * samples.noise_shares

    def _trusted(self):
        """The largest precision of each column of the targets that its densities speak of.

        A column that a simple net follows exactly must not outweigh others that it does not follow.
        """
        problem, m = self.problem, self.problem.n_targets
        if self.is_exact:
            return np.full(m, np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):  # a column of zeros, or of no values
            trusted = problem.counts[:m] / (EXACT * problem.squares[:m])
        return np.where(np.isnan(trusted), np.inf, trusted)

    @property
    def log_evidence(self) -> float:
        """Log marginal likelihood, in Laplace's approximation."""
        return self.fit.log_evidence

    @property
    def spread(self) -> float:
        """By how much the log density varies by chance.

        That of γ fitted parameters has half a χ² of γ degrees of freedom. In exact data, where it
        is the steps of a fit that vary, `EXACT_SPREAD` nats for each target.
        """
        chance = float(np.sqrt(max(self.fit.dof.sum(), 0.0) / 2))  # below zero by rounding
        return max(chance, EXACT_SPREAD * self.problem.y.size) if self.is_exact else chance

    @property
    def is_exact(self) -> bool:
        """Whether the net leaves 1e-4 of the variance of y or less."""
        return is_exact(self.problem, self.fit)

    @property
    def finds_signal(self) -> bool:
        """Whether less than half of the squares of any column of the targets is left."""
        problem, m = self.problem, self.problem.n_targets
        left = problem.counts[:m] / self.noise_precisions
        return bool((left < UNEXPLAINED * problem.squares[:m]).any())

    @property
    def unsettled(self) -> float:
        """By how many nats the evidence rose in the last tenth of the run; 0 where not materially.

        That is by no more than `spread`, or in a net that leaves 1e-4 of the variance of y or less.
        """
        if self.fit.converged or self.is_exact or not self._rise > self.spread:
            return 0.0
        return float(self._rise)

    def held_out(self) -> float:
        """Log density of samples held out of the linearised net."""
        root = self.problem.row_scale
        with one_blas_thread(self.problem.work):
            return float(self._held_out().sum() + np.log(root[root > 0]).sum())

    def _held_out(self):
        U, s, basis = whitened_svd(self.problem, self.fit)
        left = 1 / (1 + s**2)
        targets, modes = self._whitened_rows(basis if U is None else None)
        square = U is not None and U.shape[0] <= U.shape[1]
        if U is None:
            U = modes
        shares = left if square else s**2 * left if modes is None else left
        residuals = U @ (shares * (U.T @ targets + self._whitened_laws(basis)))

        def precision(positions):
            rows = U[positions]
            block = (rows * shares) @ rows.swapaxes(-1, -2)
            return block if square else np.eye(positions.shape[-1]) - block

        residuals = (residuals if square else targets - residuals).reshape(self.problem.y.shape)
        known = self.problem.row_scale > 0
        noise = {"trust": self.problem.tails.trust, "dof": self.problem.tails.dof}
        given = precision, residuals, self.noise_precisions
        return held_out_densities(*given, known=known, **noise)

    def _whitened_rows(self, basis):
        """Targets of the linearised net, (n m,), and the Jacobian times a basis, (n m, r)."""
        problem, fit = self.problem, self.fit
        root, scale = fit.alpha[problem.groups] ** 0.5, np.sqrt(self.noise_precisions)
        targets, modes = [], []
        for rows, jacobian in fit.point.jacobians():
            block = problem.y[rows]
            jacobian = jacobian.scaled(np.broadcast_to(scale, block.shape).ravel())
            errors = (fit.point.residuals[rows] * scale).ravel()
            targets.append(errors - jacobian.times(fit.w))
            modes += [(jacobian.dense() / root) @ basis] if basis is not None else []
        return np.concatenate(targets), np.concatenate(modes) if modes else None

    def _whitened_laws(self, basis):
        """What targets of laws add to those of the samples in a basis of the weights, (r,)."""
        fit, problem = self.fit, self.problem
        pull = sum(
            beta * (gradient - gram @ fit.w)
            for beta, gram, gradient in zip(
                fit.beta[problem.n_targets :], *fit.point.law_equations()
            )
        )
        return basis.T @ (pull / fit.alpha[problem.groups] ** 0.5) if problem.samples.laws else 0.0

    def posterior(self) -> Posterior:
        """What is left for predictions; of a constant, with the slopes of a line."""
        net, found = self.problem.net, self._posterior()
        is_level = isinstance(net, PolynomialNet) and not net.degree
        return found.with_slopes() if is_level else found

    def _posterior(self):
        problem, fit = self.problem, self.fit
        tails = None if problem.samples.noise.is_normal else problem.tails
        return Posterior(problem.net, problem.samples, fit.w, fit.alpha, fit.beta, tails)


def _net(samples, hidden_layers, activation):
    ends = samples.X.shape[1], samples.y.shape[1]
    if not hidden_layers:
        return PolynomialNet(*ends, DEGREES[activation])
    return Perceptron((ends[0], *hidden_layers, ends[1]), activation)


def _initial_weights(net, samples, omega_0, seed, stretch):
    if isinstance(net, PolynomialNet):
        return np.ones(net.n_weights)
    layers = initial_layers(net.widths, net.activation, omega_0, seed)
    frequency = main_frequency(samples)
    if net.activation != "sine":
        layers[0] = _stretched(layers[0], stretch * frequency)
    elif frequency > max(omega_0, HIGH_FREQUENCY):
        layers[0] = _shifted(layers[0], frequency)
    return np.concatenate([part.ravel() for layer in layers for part in layer])


def _stretched(layer, stretch):
    """A first layer as steep as a curve; all its units bend within [-1, 1].

    As by D. Nguyen & B. Widrow, Improving the learning speed of 2-layer neural networks, IJCNN
    1990. A curve that is no steeper than the layer leaves it as it is.
    """
    if stretch <= 1:
        return layer
    weight = stretch * layer.weight
    return Dense(weight, np.abs(weight[:, 0]) * layer.bias)


def _shifted(layer, frequency):
    """A first layer of sines, every other one of which is moved to the frequencies about a curve's.

    Units spread evenly as far as that are too far apart for one to find a frequency, whose basin is
    some π wide on [-1, 1]. The others are for what changes slowly.
    """
    weight = layer.weight.copy()
    weight[::2] += np.copysign(frequency, weight[::2])
    return Dense(weight, layer.bias)
