"""The two linear systems: damped steps, falls and bends against dense algebra."""

import numpy as np
import pytest
from arrays import each_array
from numpy.testing import assert_allclose, assert_array_equal

from sk_pydelt.jets.jacobian import DenseJacobian
from sk_pydelt.solvers import equations as module
from sk_pydelt.solvers.equations import DualEquations, PrimalEquations, bent, linearise


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def both(J, r):
    jacobian = DenseJacobian(J)
    primal = PrimalEquations.of_blocks([(J, r)], jacobian.transposed_times)
    return primal, DualEquations(jacobian, r)


@each_array
@pytest.mark.parametrize(("n", "P"), [(7, 12), (12, 7), (9, 9)])
@pytest.mark.parametrize("damping", [1e-8, 0.1, 100.0])
@pytest.mark.parametrize("penalty", [None, 0.3])
def test_both_systems_give_the_step_of_dense_least_squares(rng, array, n, P, damping, penalty):
    J, r, w = rng.standard_normal((n, P)), rng.standard_normal(n), rng.standard_normal(P)
    prior = None if penalty is None else penalty * rng.uniform(size=P)
    known = np.zeros(P) if prior is None else prior
    rows = np.vstack([J, np.diag(np.sqrt(known)), damping**0.5 * np.eye(P)])
    target = np.concatenate([r, np.sqrt(known) * w, 0 * w])
    expected = -np.linalg.lstsq(rows, target)[0]
    given = None if prior is None else array(prior)
    for equations in both(array(J), array(r)):
        step = equations.step(array(w), given, damping)
        assert_allclose(step.p, expected, rtol=1e-6, atol=1e-9)
        assert_allclose(equations.gradient, J.T @ r, rtol=1e-12)
        assert_allclose(equations.half_gradient(array(w), given), J.T @ r + known * w, rtol=1e-12)
        assert equations.scale() == pytest.approx((J**2).sum() / P)


@each_array
@pytest.mark.parametrize(("n", "P"), [(7, 12), (12, 7)])
@pytest.mark.parametrize("penalty", [None, 0.3])
def test_a_step_falls_and_bends_as_dense_algebra_says(rng, array, n, P, penalty):
    J, r, w = rng.standard_normal((n, P)), rng.standard_normal(n), rng.standard_normal(P)
    H = rng.standard_normal((n, P, P))
    prior = None if penalty is None else penalty * rng.uniform(size=P)
    known = np.zeros(P) if prior is None else prior
    system = J.T @ J + np.diag(0.1 + known)
    for equations in both(array(J), array(r)):
        step = equations.step(array(w), None if prior is None else array(prior), 0.1)
        p = np.asarray(step.p)
        curvature = (H @ p) @ p  # r(w + t p) = r + t J p + t² curvature / 2
        bend = step.bend(array(J @ p + module.DIFFERENCE * curvature / 2))
        expected = -np.linalg.solve(system, J.T @ curvature) / 2
        assert_allclose(bend, expected, rtol=1e-9, atol=1e-12)

        def model(p):
            return ((r + J @ p) ** 2).sum() + known @ (w + p) ** 2

        assert step.fall == pytest.approx(model(0 * p) - model(p))


@each_array
def test_a_step_is_bent_where_the_bend_is_short(rng, array):
    J, r, w = rng.standard_normal((5, 8)), rng.standard_normal(5), rng.standard_normal(8)
    step = both(array(J), array(r))[1].step(array(w), None, 1.0)
    p, turn = np.asarray(step.p), rng.standard_normal(5)
    for size in (1e-3, 1e3, np.nan):

        def residuals(v, size=size):
            t = np.linalg.norm(np.asarray(v) - w) / np.linalg.norm(p)
            return array(r + t * J @ p + t**2 * size * turn)

        end = np.asarray(bent(array(w), step, array(r), residuals))
        if size == 1e-3:
            bend = -np.linalg.solve(J.T @ J + np.eye(8), J.T @ turn) * size
            assert_allclose(end, w + p + bend, rtol=1e-6)
        else:
            assert_allclose(end, w + p, rtol=1e-12)


@each_array
def test_the_gram_matrix_is_summed_over_row_blocks(rng, array, monkeypatch):
    J, r = rng.standard_normal((50, 4)), rng.standard_normal(50)

    def jacobian(rows):
        sizes.append(len(J[rows]))
        return DenseJacobian(array(J[rows])), array(r[rows])

    sizes = []
    whole = linearise(jacobian, 50, 1, 4)
    assert sizes == [50]
    monkeypatch.setattr(module, "MAX_JACOBIAN", 30)
    sizes = []
    blocks = linearise(jacobian, 50, 1, 4)
    assert max(sizes) * 4 <= 30
    assert sum(sizes) == 50
    assert_allclose(blocks.gram, whole.gram, rtol=1e-12)
    assert_allclose(blocks.gradient, whole.gradient, rtol=1e-12)
    assert_array_equal(blocks.r, r)
    for equations in (blocks, whole):
        assert_allclose(equations.transposed_times(array(r)), J.T @ r, rtol=1e-12)


@each_array
@pytest.mark.parametrize("n_weights", [4, 90])
def test_further_residuals_stand_below(rng, array, n_weights):
    J, r = rng.standard_normal((60, n_weights)), rng.standard_normal(60)

    def part(rows):
        return DenseJacobian(array(J[rows])), array(r[rows])

    more = [(8, lambda: part(slice(50, 58))), (2, lambda: part(slice(58, 60)))]
    joined = linearise(lambda rows: part(range(50)[rows]), 50, 1, n_weights, more)
    whole = linearise(part, 60, 1, n_weights)
    assert type(joined) is type(whole)
    assert_allclose(joined.gram, whole.gram, rtol=1e-12, atol=1e-12)
    assert_allclose(joined.gradient, J.T @ r, rtol=1e-12, atol=1e-12)
    if n_weights == 4:
        assert_allclose(joined.transposed_times(array(r)), J.T @ r, rtol=1e-12)


def test_a_hopeless_size_is_refused_before_anything_is_computed():
    with pytest.raises(ValueError, match="20000 weights .* 30000 residuals.*solver='lbfgs'"):
        linearise(None, 30_000, 1, 20_000)
