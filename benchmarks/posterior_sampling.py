"""What bands of a single net lack: its posterior by sampling, beside Laplace's.

Hamiltonian Monte Carlo (R. M. Neal, MCMC using Hamiltonian dynamics, 2011) starts at the mode, in
the metric of the mean curvature where the chain has been; "weights" holds the precisions of priors
and noise, "all" draws them as well (Gibbs, flat in their logarithms). "std" is the sampled standard
deviation over Laplace's, the geometric mean over the places, "moved" by how many of Laplace's the
mean is from the mode (root mean square), and "held" the share of the truth inside 95 % bands, in
per cent, of Laplace and of the draws; by order of the derivative.

    python benchmarks/posterior_sampling.py --table posterior_sampling.md
"""

import argparse
from pathlib import Path

import numpy as np
from printed import write_table
from scipy.integrate import solve_ivp

from sk_pydelt import BayesianNeuralNetworkInterpolator
from sk_pydelt.bayesian.problem import NetProblem
from sk_pydelt.jets import Jet

HEAD = "| curve | net | drawn | accepted | std | moved | held, Laplace | held, draws |"
N_LEAPS = 40
SHORTEST, LONGEST = 1e-4, 0.3  # steps in units of the metric


def van_der_pol(t, u):
    return [u[1], 4 * (1 - u[0] ** 2) * u[1] - u[0]]


def roessler(t, u):
    return [-u[1] - u[2], u[0] + 0.2 * u[1], 0.2 + u[2] * (u[0] - 5.7)]


CURVES = {  # right side, start, time, relative noise, hidden layers, activation, omega_0
    "Van der Pol": (van_der_pol, (1.0, 0.0), 25, 0.05, (8, 8, 8), "tanh", 1.0),
    "Rössler's x": (roessler, (1.0, 1.0, 1.0), 50, 0.1, (12, 12), "sine", 12.0),
    "decay": (lambda t, u: [-u[0]], (1.0,), 5, 0.05, (8, 8), "softplus", 1.0),
}


def curve(name, n=200):
    """Samples X (n, 1) and y (n,), places (399, 1), and the truth there by order, (3, 399)."""
    side, start, end, noise, *_ = CURVES[name]
    t = np.linspace(0, end, n)
    places, h = np.linspace(0, end, 401)[1:-1], 1e-5 * end
    solution = solve_ivp(side, (0, end), start, dense_output=True, rtol=1e-10, atol=1e-10).sol

    def rate(t):
        return np.array([side(a, u)[0] for a, u in zip(t, solution(t).T)])

    truth = solution(places)[0], rate(places), (rate(places + h) - rate(places - h)) / (2 * h)
    y = solution(t)[0]
    y = y + noise * y.std() * np.random.default_rng(0).standard_normal(n)
    return t[:, None], y, places[:, None], np.array(truth)


class Chain:
    """Draws of a net's weights, and of its precisions where they are not held."""

    def __init__(self, posterior, is_held, seed=0):
        self.problem = NetProblem(posterior.net, posterior.samples)
        self.w, self.alpha, self.beta = posterior.w, posterior.alpha, posterior.beta
        self.is_held, self.rng = is_held, np.random.default_rng(seed)
        self.step, self.root, self.n_accepted = 0.05, self.metric([self.state]), 0

    @property
    def state(self):
        return self.w, self.alpha, self.beta

    def metric(self, states):
        """A root of the mean covariance that the curvature at some states tells."""
        total = 0.0
        for w, alpha, beta in states:
            J = self.problem.at(w).jacobian().dense()
            total = total + beta * J.T @ J + np.diag(alpha[self.problem.groups])
        return np.linalg.inv(np.linalg.cholesky(total / len(states))).T

    def potential(self, w):
        """Negative log posterior, and its gradient."""
        point, prior = self.problem.at(w), self.alpha[self.problem.groups]
        residuals = self.beta * point.residuals
        energy = 0.5 * float(self.beta @ point.squares + (prior * w) @ w)
        return energy, point.jacobian().transposed_times(residuals.ravel()) + prior * w

    def draw_precisions(self):
        squares, groups = self.problem.at(self.w).squares, self.problem.membership
        self.beta = self.rng.gamma(self.problem.counts / 2) / (squares / 2)
        shape = groups.sum(axis=1) / 2
        alpha = self.rng.gamma(shape) / (groups @ self.w**2 / 2 + 1e-6)
        self.alpha = np.clip(alpha, 1e-6, np.minimum(self.problem.ceilings, 1e8))

    def move(self):
        """One trajectory; whether it was accepted."""
        if not self.is_held:
            self.draw_precisions()
        start, gradient = self.potential(self.w)
        momentum, w, energy = self.rng.standard_normal(len(self.w)), self.w, start
        first, h = momentum, self.step * self.rng.uniform(0.6, 1.2)
        for _ in range(N_LEAPS):
            momentum = momentum - 0.5 * h * self.root.T @ gradient
            w = w + h * self.root @ momentum
            energy, gradient = self.potential(w)
            momentum = momentum - 0.5 * h * self.root.T @ gradient
            if not energy < start + 1e4:  # lost
                return False
        fall = start - energy + 0.5 * (first @ first - momentum @ momentum)
        accepted = bool(np.log(self.rng.uniform()) < fall)
        self.w = w if accepted else self.w
        return accepted

    def run(self, n_warm, n_draws):
        """Weights drawn: (n_draws, P)."""
        seen, drawn = [], []
        for i in range(n_warm):
            accepted = self.move()
            self.step = np.clip(self.step * (1.02 if accepted else 0.955), SHORTEST, LONGEST)
            seen += [self.state]
            if i in (n_warm // 8, n_warm // 4, n_warm // 2, n_warm * 3 // 4):
                self.root, self.step = self.metric(seen[len(seen) // 2 :: 5]), 0.1
        for _ in range(n_draws):
            self.n_accepted += self.move()
            drawn.append(self.w)
        return np.array(drawn)


def held(mean, std, truth):
    return " / ".join(f"{s:.0f}" for s in 100 * np.mean(abs(mean - truth) < 1.96 * std, axis=1))


def row(name, is_held, n_warm, n_draws):
    X, y, places, truth = curve(name)
    *_, sizes, activation, omega_0 = CURVES[name]
    model = BayesianNeuralNetworkInterpolator(sizes, activation, omega_0, n_init=1, random_state=0)
    posterior = model.fit(X, y)._nets[0]
    jet = Jet.variables(model.x_scaler_.transform(places), 2)
    units = model.y_scaler_.scale_[0] * model.x_scaler_.scale_[0] ** np.arange(3.0)[:, None]

    def by_order(w):
        found = posterior.net.propagate(w, jet)
        return units * np.stack([found.partial((k,))[:, 0] for k in range(3)])

    roots = [posterior.partial(jet, (k,))[1][:, 0] @ posterior.factor for k in range(3)]
    laplace = units * np.linalg.norm(roots, axis=2) / posterior.width
    chain = Chain(posterior, is_held)
    drawn = np.array([by_order(w) for w in chain.run(n_warm, n_draws)[::2]])
    mode, mean, std = by_order(posterior.w), drawn.mean(axis=0), drawn.std(axis=0)
    target = truth - np.array([[model.y_scaler_.mean_[0]], [0.0], [0.0]])
    ratio = np.exp(np.log(std / laplace).mean(axis=1))
    moved = np.sqrt((((mean - mode) / laplace) ** 2).mean(axis=1))
    columns = (
        name,
        f"{'-'.join(map(str, sizes))} {activation}",
        "weights" if is_held else "all",
        f"{100 * chain.n_accepted / n_draws:.0f} %",
        " / ".join(f"{r:.2f}" for r in ratio),
        " / ".join(f"{m:.1f}" for m in moved),
        held(mode, laplace, target),
        held(mean, std, target),
    )
    return f"| {' | '.join(columns)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warm", type=int, default=1600)
    parser.add_argument("--draws", type=int, default=2400)
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    runs = ((name, is_held) for name in CURVES for is_held in (True, False))
    write_table(HEAD, (row(*run, args.warm, args.draws) for run in runs), args.table)


if __name__ == "__main__":
    main()
