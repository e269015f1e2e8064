"""Derivative and the operators: closed forms, identities, refusals."""

import copy
import itertools
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import Quadratic
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_pydelt import (
    NeuralNetworkInterpolator,
    SplineInterpolator,
    calculus,
    curl,
    differentiate,
    divergence,
    gradient,
    hessian,
    jacobian,
    laplacian,
    strain_rate,
)


def samples(d, n=80, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, (n, d))


def exact_model(field, scaled=False):
    """A quadratic field fitted exactly: a spline of degree 5 with the polynomial for its tail."""
    X = samples(field.shape[1])
    spline = SplineInterpolator(smoothing=0.0, degree=5)
    return (make_pipeline(StandardScaler(), spline) if scaled else spline).fit(X, field(X))


def net(d=2, m=2, **options):
    X = samples(d)
    y = Quadratic.random(d, m)(X)
    options = {"hidden_layers": (6, 5), "epochs": 20, "learning_rate": 0.02} | options
    return NeuralNetworkInterpolator(random_state=0, **options).fit(X, y if m > 1 else y[:, 0])


def assert_close(actual, expected):
    assert actual.shape == expected.shape
    assert_allclose(actual, expected, atol=1e-7 * max(1.0, abs(expected).max()))


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(("d", "m"), [(2, 1), (2, 2), (2, 3), (3, 1), (3, 3), (4, 2), (4, 4)])
def test_closed_forms(d, m, scaled):
    field = Quadratic.random(d, m)
    model, X = exact_model(field, scaled), samples(d, 9, seed=1)
    J, H = field.jacobian(X), np.broadcast_to(field.H, (9, m, d, d))
    assert_close(jacobian(model, X), J)
    assert_close(differentiate(model)(X), J)
    assert_close(hessian(model, X), H)
    assert_close(differentiate(model, 2)(X), H)
    assert_close(laplacian(model, X), np.einsum("nmii->nm", H))
    if m == 1:
        assert_close(gradient(model, X), J[:, 0])
    if m == d:
        assert_close(divergence(model, X), np.einsum("nii->n", J))
        assert_close(strain_rate(model, X), (J + J.transpose(0, 2, 1)) / 2)


def test_vorticity_of_a_rotating_shear():
    """u = 3y - x², v = 5x + y²: ∂v/∂x − ∂u/∂y = 2, everywhere."""
    X = samples(2)
    v = np.column_stack([3 * X[:, 1] - X[:, 0] ** 2, 5 * X[:, 0] + X[:, 1] ** 2])
    model = SplineInterpolator(smoothing=0.0, degree=5).fit(X, v)
    assert_close(curl(model, X), np.full(80, 2.0))


def test_curl_in_three_dimensions():
    field = Quadratic.random(3, 3)
    X = samples(3, 9, seed=1)
    assert_close(curl(exact_model(field), X), field.curl_field()(X))


@pytest.mark.parametrize("d", [2, 3])
def test_curl_of_a_gradient_field_vanishes(d):
    field = Quadratic.random(d, 1).gradient_field()
    rotation = curl(exact_model(field), samples(d, 9, seed=1))
    assert_close(rotation, np.zeros((9, 3) if d == 3 else 9))


def test_divergence_of_a_curl_field_vanishes():
    field = Quadratic.random(3, 3).curl_field()
    assert abs(field.g).max() > 1
    assert_close(divergence(exact_model(field), samples(3, 9, seed=1)), np.zeros(9))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_operators_are_made_of_the_tensors(d):
    """On a net, where nothing is as simple as a polynomial."""
    model, X = net(d, d if d > 1 else 1), samples(d, 9, seed=1)
    J, H = jacobian(model, X), hessian(model, X).reshape(9, d, d, d)
    first, second = differentiate(model, 1)(X), differentiate(model, 2)(X)
    assert_array_equal(J, first.reshape(J.shape))
    assert_array_equal(H, second.reshape(H.shape))
    assert_allclose(laplacian(model, X).reshape(9, d), np.einsum("nmii->nm", H), rtol=1e-12)
    assert_array_equal(divergence(model, X), np.trace(J, axis1=1, axis2=2))
    assert_array_equal(strain_rate(model, X), (J + J.swapaxes(1, 2)) / 2)
    if d == 2:
        assert_array_equal(curl(model, X), J[:, 1, 0] - J[:, 0, 1])
    if d == 3:
        levi_civita = np.zeros((3, 3, 3))
        levi_civita[[0, 1, 2], [1, 2, 0], [2, 0, 1]] = 1
        levi_civita[[0, 2, 1], [2, 1, 0], [1, 0, 2]] = -1
        assert_allclose(curl(model, X), np.einsum("ijk,nkj->ni", levi_civita, J), rtol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_multi_index_is_an_entry_of_the_tensor(d):
    model, X = net(d), samples(d, 9, seed=1)
    for order in range(1, 5):
        tensor = differentiate(model, order)(X).reshape(9, 2, *(d,) * order)
        for entry in itertools.product(range(d), repeat=order):
            index = tuple(entry.count(i) for i in range(d))
            expected = tensor[(slice(None), slice(None), *entry)]
            actual = differentiate(model, index)(X)
            assert_allclose(actual, expected, rtol=1e-11, atol=1e-13 * abs(expected).max())


@pytest.mark.parametrize("order", [2, 3])
def test_mixed_partials_are_symmetric(order):
    tensor = differentiate(net(3), order)(samples(3, 9))
    for axes in itertools.permutations(range(2, 2 + order)):
        assert_array_equal(tensor, tensor.transpose(0, 1, *axes))
    assert np.ptp(tensor[0, 0]) > 0


@pytest.mark.parametrize("many", [(1, 2), [1, 2], np.array([1, 2]), (np.int64(1), np.int32(2))])
def test_spellings_of_a_multi_index(many):
    model, X = net(), samples(2, 5)
    derivative = differentiate(model, many)
    assert derivative.order == (1, 2)
    assert all(type(k) is int for k in derivative.order)
    assert_array_equal(derivative(X), model.differentiate((1, 2))(X))


@pytest.mark.parametrize("order", [2, np.int64(2), np.uint8(2)])
def test_spellings_of_an_order(order):
    derivative = net().differentiate(order=order)
    assert derivative.order == 2
    assert type(derivative.order) is int


BAD_ORDERS = [
    *(0, -1, -3, 1.5, 2.0, True, False, None, "2", "gradient", 1j, np.nan, np.array(2)),
    *((0, 0), [0, 0], (1, -1), (2, -1), (1.0, 1), (True, True), (1, None), (), np.array([1.0, 0])),
    *(np.array([True, False]), np.array([[1, 0]]), [[1, 0]], np.float64(1)),
]


@pytest.mark.parametrize("order", BAD_ORDERS, ids=repr)
@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: make_pipeline(m)], ids=["net", "pipeline"])
def test_bad_order(order, wrap):
    message = rf"(?s)order must be a whole number >= 1, or .* got {re.escape(repr(order))}"
    with pytest.raises(ValueError, match=message):
        differentiate(wrap(net()), order)


@pytest.mark.parametrize("order", [(1,), [2], (1, 0, 0), np.array([1, 1, 1])], ids=repr)
def test_multi_index_of_the_wrong_length(order):
    message = rf"order has {len(order)} entries, but the model was fitted with 2 features"
    with pytest.raises(ValueError, match=message):
        net().differentiate(order)


@pytest.mark.parametrize(
    ("operator", "d", "m", "rule"),
    [
        (gradient, 1, 2, r"gradient needs one output \(see jacobian\); .* 2 output.* of 1 feature"),
        (gradient, 2, 2, r"gradient needs one output \(see jacobian\); .* 2 output"),
        (divergence, 2, 1, "divergence needs as many outputs as features; .* 1 output.* of 2"),
        (divergence, 2, 3, "divergence needs as many outputs as features; .* 3 output.* of 2"),
        (strain_rate, 3, 2, "strain_rate needs as many outputs as features; .* 2 output.* of 3"),
        (curl, 4, 4, "curl needs 2 features and 2 outputs, or 3 and 3; .* 4 output.* of 4"),
        (curl, 2, 3, "curl needs 2 features and 2 outputs, or 3 and 3; .* 3 output.* of 2"),
        (curl, 3, 2, "curl needs 2 features and 2 outputs, or 3 and 3; .* 2 output.* of 3"),
        (curl, 2, 1, "curl needs 2 features and 2 outputs, or 3 and 3; .* 1 output.* of 2"),
        (curl, 1, 1, "curl needs 2 features and 2 outputs, or 3 and 3; .* 1 output.* of 1"),
    ],
)
def test_operator_that_does_not_exist(operator, d, m, rule):
    model = net(d, m, epochs=1)
    for fitted in (model, make_pipeline(model)):
        with pytest.raises(ValueError, match=rule):
            operator(fitted, samples(d))
    with pytest.raises(ValueError, match=rule):
        getattr(model, operator.__name__)(samples(d))


@pytest.mark.parametrize(("order", "shape"), [(1, "n, 2"), (3, "n, 2, 2, 2"), ((0, 2), "n,")])
def test_repr_says_what_it_is_and_the_shape_of_the_result(order, shape):
    name = f"Derivative(NeuralNetworkInterpolator, order={order})"
    assert repr(differentiate(net(2, 1), order)) == f"{name}: (n, 2) -> ({shape})"
    several = repr(differentiate(net(), order))
    assert several == f"{name}: (n, 2) -> ({shape.replace('n,', 'n, m,').removesuffix(',')})"
    curve = repr(differentiate(net(1, 1), 2))
    assert curve == "Derivative(NeuralNetworkInterpolator, order=2): (n, 1) -> (n,)"


def test_derivative_is_a_snapshot():
    """Of the weights too: neither another fit nor a change in place reaches it, nor it them."""
    model, X = net(), samples(2, 5)
    derivative = model.differentiate()
    before = derivative(X)
    model.net_.module_.layers[0].weight.data.mul_(2.0)
    model.x_scaler_.scale_ *= 3.0
    model.set_params(activation="relu")
    assert_array_equal(derivative(X), before)
    assert_array_equal(copy.deepcopy(derivative)(X), before)
    assert derivative.model.activation == "tanh"


def test_derivative_of_a_derivative_is_no_model():
    with pytest.raises(TypeError, match="must be a fitted model.*got a Derivative"):
        differentiate(net().differentiate())


def relu(wrapped):
    model = net(activation="relu", hidden_layers=(4,), epochs=1)
    return make_pipeline(StandardScaler(), model).fit(samples(2), samples(2)) if wrapped else model


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("order", [2, 3, (1, 1), (0, 2), "hessian", "laplacian"])
def test_second_derivatives_of_relus_warn_once(order, wrapped):
    """However many blocks of rows are evaluated, and for a Derivative not when it is called."""
    X, model = samples(2, 2 * calculus.BLOCK_ROWS + 1), relu(wrapped)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if isinstance(order, str):
            values = getattr(calculus, order)(model, X)
        else:
            derivative = differentiate(model, order)
            assert len(caught) == 1
            values = derivative(X)
    assert [w.category for w in caught] == [UserWarning]
    assert re.search("ReLUs .* zero almost everywhere.* smooth .*'tanh'", str(caught[0].message))
    assert not values.any()


@pytest.mark.parametrize("wrapped", [False, True])
def test_first_derivatives_of_relus_do_not_warn(wrapped):
    model, X = relu(wrapped), samples(2)
    values = [differentiate(model)(X), differentiate(model, (0, 1))(X), jacobian(model, X)]
    values += [f(model, X) for f in (divergence, curl, strain_rate)]
    assert all(v.any() for v in values)


@pytest.mark.parametrize("d", [1, 2])
def test_blocks_of_rows_are_put_together(d, monkeypatch):
    """Rows one by one, in blocks that divide their number and that don't: the same values."""
    model, X = net(d, d), samples(d, 12)
    calls = [differentiate(model, 3), differentiate(model, (2,) * d), model.hessian]
    expected = [call(X) for call in calls]
    for block_rows in (1, 4, 5, 11, 12, 13):
        monkeypatch.setattr(calculus, "BLOCK_ROWS", block_rows)
        for call, values in zip(calls, expected):
            assert_allclose(call(X), values, rtol=1e-11, atol=1e-14 * abs(values).max())


def test_units_of_y_and_x():
    """The same field in other units: derivatives change by the units' factors alone."""
    X, units, unit = samples(2), np.array([1e-3, 1e4]), 1e5
    y = Quadratic.random(2, 1)(X)[:, 0]
    options = {"hidden_layers": (6,), "epochs": 20, "random_state": 0}
    plain = NeuralNetworkInterpolator(**options).fit(X, y)
    scaled = NeuralNetworkInterpolator(**options).fit(X * units, y * unit)
    for order in ((1, 0), (0, 1), (1, 1), (2, 1), (0, 3)):
        expected = plain.differentiate(order)(X) * unit / np.prod(units ** np.array(order))
        actual = scaled.differentiate(order)(X * units)
        assert_allclose(actual, expected, rtol=1e-9, atol=1e-9 * abs(expected).max())
