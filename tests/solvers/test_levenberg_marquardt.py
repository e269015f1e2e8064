"""Levenberg–Marquardt: a valley with a known end, the first step, and why it stops."""

import numpy as np
import pytest
import torch
from arrays import each_array
from numpy.testing import assert_allclose

from sk_pydelt.jets.jacobian import DenseJacobian
from sk_pydelt.solvers.equations import DualEquations, PrimalEquations
from sk_pydelt.solvers.levenberg_marquardt import LeastSquares, LevenbergMarquardt, Point


class Residuals(LeastSquares):
    """A problem of given residuals and Jacobian, from w as a list of numbers to lists."""

    def __init__(self, array, residuals, jacobian, prior=None, dual=False):
        self.array, self.residuals, self.jacobian = array, residuals, jacobian
        self.prior, self.dual = prior, dual

    def at(self, w):
        return ResidualPoint(self, w)


class ResidualPoint(Point):
    def __init__(self, problem, w):
        self.problem, self.w = problem, w
        self.r = problem.array(np.array(problem.residuals(np.asarray(w))))

    @property
    def loss(self):
        prior = self.problem.prior
        return float(self.r @ self.r) + (0.0 if prior is None else float(prior @ self.w**2))

    @property
    def equations(self):
        J = DenseJacobian(self.problem.array(np.array(self.problem.jacobian(np.asarray(self.w)))))
        if self.problem.dual:
            return DualEquations(J, self.r)
        return PrimalEquations.of_blocks([(J.dense(), self.r)], J.transposed_times)


def valley(array, **options):
    """Rosenbrock's."""
    return Residuals(
        array,
        lambda w: [10 * (w[1] - w[0] ** 2), 1 - w[0]],
        lambda w: [[-20 * w[0], 10.0], [-1.0, 0.0]],
        **options,
    )


def linear(array, **options):
    rng = np.random.default_rng(0)
    J, r = rng.standard_normal((6, 9)), 100 * rng.standard_normal(6)
    return Residuals(array, lambda w: r + J @ w, lambda w: J, dual=True, **options)


@each_array
@pytest.mark.parametrize("bends", [True, False])
@pytest.mark.parametrize("dual", [True, False])
def test_it_solves_rosenbrocks_valley(array, bends, dual):
    problem = valley(array, dual=dual)
    problem.bends = bends
    search, point = LevenbergMarquardt(problem), problem.at(array(np.array([-1.2, 1.0])))
    for _ in range(100):
        new = search.step(point)
        assert new.loss <= point.loss
        point = new
        if search.stop_reason:
            break
    assert_allclose(point.w, [1.0, 1.0], atol=1e-12)
    assert search.stop_reason in ("loss", "gradient")


def test_both_kinds_of_arrays_take_the_same_way():
    paths = []
    for array in (np.asarray, torch.tensor):
        problem = valley(array)
        search, point = LevenbergMarquardt(problem), problem.at(array(np.array([-1.2, 1.0])))
        path = []
        for _ in range(12):
            point = search.step(point)
            path.append(np.asarray(point.w))
        paths.append(path)
    assert_allclose(paths[0], paths[1], rtol=1e-9)


@each_array
def test_the_first_step_is_bounded_by_the_weights(array):
    problem = linear(array)
    for w, bound in ((np.random.default_rng(1).standard_normal(9), 0.25), (np.zeros(9), np.inf)):
        search, point = LevenbergMarquardt(problem), problem.at(array(w))
        loss = point.loss
        point = search.step(point)
        moved = np.linalg.norm(np.asarray(point.w) - w)
        assert 0 < moved <= bound * (np.linalg.norm(w) or 1)
        assert point.loss < loss
        for _ in range(100):
            point = search.step(point)
        assert point.loss < 1e-20 * loss  # later steps are as long as they need to be


@each_array
def test_it_stops_at_the_minimum_of_a_penalised_problem(array):
    J = linear(np.asarray).jacobian(None)
    r, prior = linear(np.asarray).residuals(np.zeros(9)), np.linspace(0.1, 1, 9)
    problem = linear(array, prior=array(prior))
    search, point = LevenbergMarquardt(problem), problem.at(array(np.ones(9)))
    while not search.stop_reason:
        point = search.step(point)
    expected = -np.linalg.solve(J.T @ J + np.diag(prior), J.T @ r)
    assert_allclose(point.w, expected, rtol=1e-6)
    assert search.stop_reason in ("gradient", "step", "loss")


def test_it_stays_where_there_is_nothing_to_gain():
    problem = valley(np.asarray)
    search, point = LevenbergMarquardt(problem), problem.at(np.array([1.0, 1.0]))
    assert search.step(point) is point
    assert search.stop_reason == "loss"
    flat = Residuals(np.asarray, lambda w: [1.0, 2.0], lambda w: np.zeros((2, 2)))
    search, point = LevenbergMarquardt(flat), flat.at(np.array([1.0, 1.0]))
    assert search.step(point) is point
    assert search.stop_reason == "gradient"
