"""pydelt's classes for several features, beside closed forms and the operators behind them."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor

from sk_pydelt import NeuralNetworkInterpolator, SplineInterpolator, gradient, interpolation
from sk_pydelt.multivariate import (
    MultivariateDerivatives,
    NeuralNetworkMultivariateDerivatives,
    TensorDerivatives,
)

PLANE = np.random.default_rng(0).uniform(-1, 1, (80, 2))
SPACE = np.random.default_rng(1).uniform(-1, 1, (120, 3))
INNER = 0.5 * PLANE[:7]
EXACT = {"smoothing": 0.0, "degree": 5}  # reproduces polynomials of degree 2


def quadratic(X):
    x, y = X.T
    return x * y + 2 * x**2


def flow(X):
    x, y, z = X.T
    return np.column_stack([y * z, x**2, x * y - z])


@pytest.fixture(scope="module")
def fields():
    return MultivariateDerivatives(SplineInterpolator, **EXACT).fit(PLANE, quadratic(PLANE))


@pytest.fixture(scope="module")
def tensors():
    return TensorDerivatives(SplineInterpolator, **EXACT).fit(SPACE, flow(SPACE))


def jacobian_of_flow(X):
    x, y, z = X.T
    zero, one = np.zeros(len(X)), np.ones(len(X))
    return np.moveaxis(np.array([[zero, z, y], [2 * x, zero, zero], [y, x, -one]]), 2, 0)


def test_gradient_hessian_laplacian_of_a_function_with_a_mixed_term(fields):
    x, y = INNER.T
    exact = np.column_stack([y + 4 * x, x])
    np.testing.assert_allclose(fields.gradient()(INNER), exact, atol=1e-9)
    np.testing.assert_allclose(fields.jacobian()(INNER), exact[:, None], atol=1e-9)
    hessian = np.broadcast_to([[4.0, 1.0], [1.0, 0.0]], (7, 2, 2))
    np.testing.assert_allclose(fields.hessian()(INNER), hessian, atol=1e-8)
    np.testing.assert_allclose(fields.laplacian()(INNER), np.full(7, 4.0), atol=1e-8)


def test_divergence_curl_strain_stress_in_space(tensors):
    X = SPACE[:5]
    J = jacobian_of_flow(X)
    x, _, z = X.T
    strain = (J + J.swapaxes(1, 2)) / 2
    stress = 2.0 * -np.ones((5, 1, 1)) * np.eye(3) + 2 * 0.7 * strain  # the divergence is -1
    tight = {"atol": 1e-8}
    np.testing.assert_allclose(tensors.jacobian()(X), J, **tight)
    np.testing.assert_allclose(tensors.tensor_gradient()(X), J, **tight)
    np.testing.assert_allclose(tensors.mv.jacobian()(X), J, **tight)
    np.testing.assert_allclose(tensors.divergence()(X), -np.ones(5), **tight)
    np.testing.assert_allclose(
        tensors.curl()(X), np.column_stack([x, np.zeros(5), 2 * x - z]), **tight
    )
    np.testing.assert_allclose(tensors.strain_tensor()(X), strain, **tight)
    np.testing.assert_allclose(tensors.stress_tensor(2.0, 0.7)(X), stress, **tight)


def test_the_direction_is_normalised_unless_told_otherwise():
    tensors = TensorDerivatives(**EXACT).fit(PLANE, quadratic(PLANE))
    along = gradient(tensors.estimator_, INNER) @ [3.0, 4.0]
    unit, whole = (tensors.directional_derivative([3, 4], normalize=n) for n in (True, False))
    np.testing.assert_allclose(unit(INNER), along / 5, atol=1e-10)
    np.testing.assert_allclose(whole(INNER), along, atol=1e-10)
    with pytest.raises(ValueError, match=r"direction must have a length other than zero; got \[0"):
        tensors.directional_derivative([0, 0])


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow"])
def test_nets(framework):
    if framework == "tensorflow":
        pytest.importorskip("tensorflow")
    fields = NeuralNetworkMultivariateDerivatives(
        framework, [12], 60, solver="lm", activation="tanh", random_state=0
    ).fit(PLANE, quadratic(PLANE)[:, None])
    net = fields.estimator_
    assert isinstance(net, NeuralNetworkInterpolator)
    assert (net.backend, net.epochs, net.learning_rate) == (framework, 60, 0.01)
    found = fields.hessian()(INNER)
    np.testing.assert_allclose(found, np.broadcast_to([[4, 1], [1, 0]], (7, 2, 2)), atol=0.02)


def test_one_place_has_no_axis_of_rows(fields, tensors):
    place = INNER[0]
    for name in ("gradient", "jacobian", "hessian", "laplacian"):
        field = getattr(fields, name)()
        np.testing.assert_array_equal(field(place), field(INNER[:1])[0])
        assert field(INNER[:1]).shape[0] == 1
    assert tensors.curl()(SPACE[0]).shape == (3,)


def test_places_may_be_given_at_once(fields, tensors):
    np.testing.assert_array_equal(fields.gradient(INNER), fields.gradient()(INNER))
    X = SPACE[:2]
    np.testing.assert_array_equal(
        tensors.stress_tensor(2.0, 0.7, X), tensors.stress_tensor(2.0, 0.7)(X)
    )


def test_curves():
    t = np.linspace(0, 3, 40)
    for cls in (SplineInterpolator, interpolation.SplineInterpolator):
        slope = MultivariateDerivatives(cls, smoothing=0.0).fit(t, np.sin(t)).gradient()
        np.testing.assert_allclose(slope(t)[:, 0], np.cos(t), atol=1e-4)
        assert slope(1.0).shape == (1,)


def test_any_model_that_is_differentiated_and_its_error_bars():
    fields = MultivariateDerivatives(GaussianProcessRegressor, alpha=1e-6, optimizer=None)
    values, std = fields.fit(PLANE, quadratic(PLANE)).gradient()(INNER[0], return_std=True)
    np.testing.assert_allclose(values, [INNER[0] @ [4, 1], INNER[0, 0]], atol=1e-2)
    assert values.shape == std.shape == (2,)
    assert (std > 0).all()


def test_weights_reach_the_model():
    w = np.arange(80.0)
    fields = MultivariateDerivatives(degree=3).fit(PLANE, quadratic(PLANE), sample_weight=w)
    model = SplineInterpolator(degree=3).fit(PLANE, quadratic(PLANE), w)
    np.testing.assert_array_equal(fields.gradient()(INNER), gradient(model, INNER))


def test_functions_are_of_the_fit_that_they_were_made_of_and_are_pickled(fields):
    again = MultivariateDerivatives(**EXACT).fit(PLANE, quadratic(PLANE))
    slope = again.gradient()
    again.fit(PLANE, np.zeros(80))
    np.testing.assert_array_equal(slope(INNER), fields.gradient()(INNER))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(slope))(INNER), slope(INNER))


def test_what_it_knows_of_itself(fields, tensors):
    assert (fields.n_inputs, fields.n_outputs, fields.fitted) == (2, 1, True)
    assert (tensors.n_inputs, tensors.n_outputs) == (3, 3)
    empty = TensorDerivatives()
    assert not empty.fitted
    for call in (empty.divergence, empty.gradient, lambda: empty.n_inputs):
        with pytest.raises(NotFittedError, match=r"TensorDerivatives is not fitted: call fit"):
            call()
    with pytest.raises(AttributeError, match=r"'interpolators'.*one model of all features"):
        fields.interpolators  # noqa: B018


def test_a_model_in_place_of_a_class_is_told_where_to_go():
    with pytest.raises(TypeError, match=r"must be a class.*sk_pydelt\.gradient\(.*got Sp"):
        MultivariateDerivatives(SplineInterpolator())
