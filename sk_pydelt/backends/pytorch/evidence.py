"""Perceptrons fitted by evidence: the problem that is solved, and the posterior that is left."""

from dataclasses import dataclass, field
from math import pi
from typing import Any

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ...jets import Jet
from ...solvers.evidence import EvidenceFit, evidence_steps, held_out_densities, whitened_svd
from ...solvers.levenberg_marquardt import MAX_SIDE
from .perceptron import MultilayerPerceptron
from .slopes import partial_jacobians, perceptron_function
from .threads import one_thread

__all__ = ["Candidate", "Posterior"]

FIRST_NOISE = 0.1  # of the scaled targets
BLOCK_ENTRIES = 2**23  # of a Jacobian held at once
SUM_ROWS = 256  # whose Jacobians by the weights are held at once in a sum
DUAL_ADVANTAGE = 1.25  # a dual system is set up faster, by so much in size


def _group(shapes):
    """The group of each weight, and that of each input and the biases, layer by layer.

    With several features, the weights that leave a unit are a group (automatic relevance
    determination, Neal 1996): on Friedman's and the flow around a cylinder errors of gradients were
    less by a tenth to a third. On curves nets then followed the noise.
    """
    groups, classes, start = [], [], 0
    for layer, (n_out, n_in) in enumerate(shapes):
        apart = layer == 0 or shapes[0][1] > 1
        columns = start + (torch.arange(n_in) if apart else torch.zeros(n_in).long())
        bias = 1 + columns[-1:]
        groups += [columns.repeat(n_out), bias.repeat(n_out)]
        classes += [columns, bias]
        start = 1 + int(bias)
    return torch.cat(groups), torch.cat(classes)


def _pool(n_outputs, n_copies, tied, dtype):
    """1 where two columns of targets have the same noise precision."""
    copies = (
        torch.ones(n_copies, n_copies, dtype=dtype) if tied else torch.eye(n_copies, dtype=dtype)
    )
    return torch.kron(copies, torch.eye(n_outputs, dtype=dtype))


class EvidenceProblem:
    """The data, and groups of weights that have a prior precision in common.

    Parameters
    ----------
    module : MultilayerPerceptron
    X : tensor of shape (n, d), or (n, d (1 + n_directions)) with directions beside it
    y : tensor of shape (n, m), or (n, m (1 + n_directions)) with slopes beside it
    weight : tensor of shape (n, 1) or of y's
        What each entry of y counts; zero where it is unknown.
    n_directions : int
    tied : bool
        Whether an output's slopes have the noise precision of its values.
    """

    def __init__(self, module, X, y, weight, n_directions, tied):
        self.function = perceptron_function(module, n_directions)
        self.X, self.y = X, y
        weight = weight.expand_as(y)
        self.row_scale, self.counts = weight.sqrt(), weight.sum(0)
        m = y.shape[1] // (1 + n_directions)
        self.pool = _pool(m, 1 + n_directions, tied, y.dtype)
        self.slopes_apart = (torch.arange(y.shape[1]) >= m) & (not tied)
        self.groups, classes = _group(self.function.shapes)
        self.classes = self.groups if n_directions else classes  # of a Jacobian's traces
        self.n_groups = 1 + int(self.groups[-1])
        self.ceilings = torch.full((self.n_groups,), torch.inf, dtype=y.dtype)
        self.ceilings[-1] = 1.0  # the level of an output is never known before it is seen
        n_weights = len(self.groups)
        self.dual = y.numel() <= min(DUAL_ADVANTAGE * n_weights, MAX_SIDE)
        side = y.numel() if self.dual else n_weights
        if side > MAX_SIDE:
            raise ValueError(
                f"The evidence needs a linear system of size {side} in each step, and at most "
                f"{MAX_SIDE} is possible: the net has {n_weights} weights and the data "
                f"{y.numel()} targets. Use smaller hidden_layers, or NeuralNetworkInterpolator("
                "solver='adam', early_stopping=True)."
            )

    def residuals(self, values):
        """Errors of the values, times the roots of the weights: (n, m)."""
        return self.row_scale * (values - self.y)

    def normal_equations(self, w):
        """JᵀJ and Jᵀr of each output, and all residuals, summed over blocks of rows."""
        m, n_weights = self.y.shape[1], len(w)
        grams, gradients, residuals = [0] * m, [0] * m, []
        rows = max(1, BLOCK_ENTRIES // (n_weights * m))
        for start in range(0, len(self.X), rows):
            part = slice(start, start + rows)
            values, jacobian = self.function.jacobian(w, self.X[part])
            scale = self.row_scale[part]
            residuals.append(scale * (values - self.y[part]))
            J = jacobian.scaled(scale.flatten()).dense()
            for o, J_o in enumerate(J.view(-1, m, n_weights).unbind(1)):
                grams[o] = grams[o] + J_o.T @ J_o
                gradients[o] = gradients[o] + J_o.T @ residuals[-1][:, o]
        return grams, gradients, torch.cat(residuals)

    def first_fit(self, w):
        """Priors as wide as the initial weights, and some noise, that of slopes by their size."""
        squares = w.new_zeros(self.n_groups).index_add_(0, self.groups, w**2)
        sizes = torch.bincount(self.groups, minlength=self.n_groups)
        alpha = (sizes / (squares + 1e-10)).clamp(1e-4, 1e4)
        squares = (self.row_scale * self.y).square().sum(0) / self.counts.clamp(min=1)
        beta = FIRST_NOISE**-2 / torch.where(self.slopes_apart, squares.clamp(min=1), 1.0)
        return EvidenceFit(w, alpha, beta)


class Candidate:
    """A net that is fitted to samples by evidence.

    Parameters
    ----------
    samples : Samples
    hidden_layers : tuple of int
    activation : str
    omega_0 : float
    seed : int
    like : Candidate, default=None
        One of the same setting, fitted to other samples, from where this one goes on.
    """

    def __init__(self, samples, *, hidden_layers, activation, omega_0, seed, like=None):
        copies = 1 + samples.n_directions
        self.module = MultilayerPerceptron(
            samples.X.shape[1] // copies,
            samples.y.shape[1] // copies,
            hidden_layers=hidden_layers,
            activation=activation,
            omega_0=omega_0,
            dropout_rate=0.0,
            batch_norm=False,
            dtype=torch.float64,
            device="cpu",
            seed=seed,
        )
        tensors = map(torch.as_tensor, (samples.X, samples.y, samples.weight))
        self.problem = EvidenceProblem(self.module, *tensors, samples.n_directions, samples.tied)
        if like is None:
            w = parameters_to_vector(self.module.parameters()).detach()
            self.fit = self.problem.first_fit(w)
        else:
            self.fit = EvidenceFit(like.fit.w, like.fit.alpha, like.fit.beta)

    @property
    def n_weights(self):
        """Number of weights and biases."""
        return len(self.fit.w)

    def run(self, n_iter):
        """Go on with the fit for some steps."""
        with torch.no_grad(), self._threads():
            evidence_steps(self.problem, self.fit, n_iter)

    def _threads(self):
        return one_thread(self.problem.y.numel() * self.n_weights)

    def log_densities(self, samples):
        """Log predictive densities of other samples, summed over the outputs: (n,)."""
        posterior, n_columns = self.posterior(), samples.y.shape[1]
        rows = max(1, BLOCK_ENTRIES // (self.n_weights * n_columns))
        total = []
        with torch.no_grad(), self._threads():
            for start in range(0, len(samples.X), rows):
                part = samples.part(slice(start, start + rows))
                X, y, weight = map(torch.as_tensor, (part.X, part.y, part.weight))
                values, jacobian = self.problem.function.jacobian(self.fit.w, X)
                noise = 1 / (self.fit.beta * weight)  # infinite where nothing is known
                variance = posterior.variances(jacobian.dense()).view_as(y) + noise
                density = -0.5 * ((y - values) ** 2 / variance + (2 * pi * variance).log())
                total.append(torch.where(noise.isfinite(), density, 0.0).sum(1))
        return torch.cat(total).numpy()

    @property
    def log_evidence(self):
        """Log marginal likelihood, in Laplace's approximation."""
        return self.fit.log_evidence

    @property
    def spread(self):
        """By how much the log density varies by chance.

        That of γ fitted parameters has half a χ² of γ degrees of freedom.
        """
        return float((self.fit.dof.sum() / 2).sqrt())

    def held_out(self):
        """Log density of samples held out of the linearised net."""
        root = self.problem.row_scale
        with torch.no_grad(), self._threads():
            return float(self._held_out().sum() + root[root > 0].log().sum())

    def _held_out(self):
        U, s, basis = whitened_svd(self.problem, self.fit)
        left = 1 / (1 + s**2)
        targets, modes = self._whitened_rows(basis if U is None else None)
        square = U is not None and len(U) <= U.shape[1]
        if U is None:
            U, shares = modes, left
        else:
            shares = left if square else s**2 * left
        residuals = U @ (shares * (U.T @ targets))

        def precision(places):
            block = (U[places] * shares) @ U[places].T
            return (block if square else torch.eye(len(places), dtype=U.dtype) - block).numpy()

        residuals = (residuals if square else targets - residuals).view_as(self.problem.y)
        known = (self.problem.row_scale > 0).numpy()
        return held_out_densities(precision, residuals.numpy(), self.fit.beta.numpy(), known=known)

    def _whitened_rows(self, basis):
        """Targets of the linearised net, (n m,), and the Jacobian times a basis, (n m, r)."""
        problem, fit = self.problem, self.fit
        root = fit.alpha[problem.groups].sqrt()
        targets, modes = [], []
        rows = max(1, BLOCK_ENTRIES // (self.n_weights * len(fit.beta)))
        for start in range(0, len(problem.X), rows):
            part = slice(start, start + rows)
            values, jacobian = problem.function.jacobian(fit.w, problem.X[part])
            scale = (problem.row_scale[part] * fit.beta.sqrt()).flatten()
            jacobian = jacobian.scaled(scale)
            targets.append(scale * (values - problem.y[part]).flatten() - jacobian.times(fit.w))
            modes += [(jacobian.dense() / root) @ basis] if basis is not None else []
        return torch.cat(targets), torch.cat(modes) if modes else None

    def posterior(self):
        """What is left of the candidate for predictions."""
        fit = self.fit
        vector_to_parameters(fit.w.clone(), self.module.parameters())
        self.module.requires_grad_(False)
        root = fit.alpha[self.problem.groups].rsqrt()
        with torch.no_grad(), self._threads():
            _, singular_values, basis = whitened_svd(self.problem, fit)
        return Posterior(self.module, root, basis.contiguous(), singular_values)


@dataclass
class Posterior:
    r"""A net and the Gaussian that its weights are thought to follow.

    Covariance :math:`A^{-1/2} (I - V \operatorname{diag}(s^2/(1+s^2)) V^T) A^{-1/2}`.

    Parameters
    ----------
    module : MultilayerPerceptron
    root : tensor of shape (P,)
        Standard deviation of each weight in the prior, A^-½.
    basis : tensor of shape (P, r)
        V, orthonormal columns.
    singular_values : tensor of shape (r,)
        s.
    """

    module: Any
    root: Any
    basis: Any
    singular_values: Any = field(repr=False)

    def predict(self, X) -> np.ndarray:
        """Values of the net, (n, m)."""
        with torch.inference_mode():
            return self.module(torch.tensor(X)).numpy()

    def propagate(self, jet: Jet) -> Jet:
        """Pass a jet of arrays through the net."""
        with torch.inference_mode():
            return self.module.propagate(jet.map_parts(torch.tensor)).map_parts(_array)

    def variance(self, jet: Jet, index, sums=None) -> np.ndarray:
        """Variance of one partial derivative of the jet's order: (n, m).

        With `sums`, (k, n), that of its weighted sums over the rows: (k, m).
        """
        if sums is None:
            return self._map_partial(jet, index, self.variances)
        total = 0.0
        for start in range(0, sums.shape[1], SUM_ROWS):
            rows = slice(start, start + SUM_ROWS)
            weights = torch.tensor(sums[:, rows])
            total = total + self._map_partial(jet[rows], index, lambda J, c=weights: c @ J)
        return self.variances(torch.tensor(total).flatten(0, 1)).view(total.shape[:2]).numpy()

    def variances(self, J):
        """Variances (n,) of numbers whose Jacobian by the weights is J (n, P)."""
        z = J * self.root
        inside = z @ self.basis
        left = z - inside @ self.basis.T if self.basis.shape[1] < len(self.root) else None
        variance = (inside**2 / (1 + self.singular_values**2)).sum(1)
        return variance if left is None else variance + (left**2).sum(1)

    def deviations(self, n_samples, rng) -> torch.Tensor:
        """Draws of the weights, less their mean: (n_samples, P)."""
        white = torch.tensor(rng.standard_normal((n_samples, len(self.root))))
        shrink = 1 - (1 + self.singular_values**2).rsqrt()
        return (white - (white @ self.basis * shrink) @ self.basis.T) * self.root

    def changes(self, jet: Jet, index, deviations) -> np.ndarray:
        """Changes of that derivative by deviations of the weights: (n, m, n_samples)."""
        return self._map_partial(jet, index, lambda J: J @ deviations.T)

    def _map_partial(self, jet, index, function):
        """A function of the partial derivative's Jacobian (n, P) by the weights, of each output."""
        if len(jet.value) == 0:
            m = self.module.layers[-1].out_features
            return np.empty((0, m, *function(self.root.new_zeros((0, len(self.root)))).shape[1:]))
        jacobians = partial_jacobians(self.module, jet.map_parts(torch.tensor), index)
        return torch.stack([function(J) for J in jacobians], dim=1).numpy()


def _array(tensor):
    return tensor.numpy()
