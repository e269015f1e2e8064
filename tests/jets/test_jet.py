"""The jet against mpmath, closed forms and torch's autograd; its laws are in test_jet_laws.py."""

import operator
from functools import lru_cache
from itertools import product
from math import factorial

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from same_jets import assert_same_jet, indices

from sk_pydelt.jets.jet import Jet, solve

MAX_ORDER = {1: 6, 2: 4, 3: 3}
POINTS = np.array([[0.75, -0.5, 1.25], [-1.5, 0.375, 0.625]])


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    """What turns a list into an array of each library, in double precision unless told."""
    if request.param == "numpy":
        return np.asarray
    torch = pytest.importorskip("torch")
    return lambda values: torch.asarray(np.asarray(values))


# Each function is evaluated on one-column jets and on mpmath numbers alike.


def linear_form(v):
    return sum(c * t for c, t in zip((0.5, -1.25, 0.75), v))


def positive(v):
    return 1.5 + linear_form(v) ** 2


FUNCTIONS = {
    "affine": lambda v: (3 - linear_form(v)) / 4 - 1,
    "monomial": lambda v: v[0] ** 3 * v[-1] * v[len(v) // 2],
    "zeroth power": lambda v: linear_form(v) ** 0 + v[0],
    "first power": lambda v: (v[0] * v[-1]) ** 1,
    "fifth power": lambda v: (1 - linear_form(v)) ** 5,
    "quotient": lambda v: (2 - v[0] * v[-1]) / positive(v),
    "affine quotient": lambda v: (v[0] + 2) / (linear_form(v) + 4),
    "reciprocal": lambda v: 3 / (positive(v) + v[-1] ** 2),
    "power -2": lambda v: positive(v) ** -2,
    "power 0.5": lambda v: positive(v) ** 0.5,
    "power -1.25": lambda v: (linear_form(v) + 4) ** -1.25,
}
CASES = [(name, d) for name in FUNCTIONS for d in MAX_ORDER]


@lru_cache
def oracle(function, n_variables, max_order):
    """Every partial derivative at POINTS, in 40 digits: {multi-index: array of shape (n,)}."""

    def partials(alpha):
        points = map(tuple, POINTS[:, :n_variables].tolist())
        return np.float64([mpmath.diff(lambda *v: function(v), point, alpha) for point in points])

    with mpmath.workdps(40):
        return {alpha: partials(alpha) for alpha in indices(n_variables, max_order)}


def columns(array, n_variables, order):
    x = Jet.variables(array(POINTS[:, :n_variables]), order)
    return [x[:, j] for j in range(n_variables)]


def assert_agrees(jet, function, n_variables, order):
    for alpha, expected in oracle(function, n_variables, order).items():
        assert_allclose(jet.partial(alpha)[:, 0], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "n_variables"), CASES)
def test_arithmetic_agrees_with_mpmath(name, n_variables, array):
    function, order = FUNCTIONS[name], MAX_ORDER[n_variables]
    assert_agrees(function(columns(array, n_variables, order)), function, n_variables, order)


def mp_exp(v):
    return mpmath.exp(linear_form(v) * v[0])


def mp_log(v):
    return mpmath.log(positive(v))


@pytest.mark.parametrize("n_variables", MAX_ORDER)
def test_compose_and_solve_agree_with_mpmath(n_variables, array):
    order = MAX_ORDER[n_variables]
    v = columns(array, n_variables, order)

    z = linear_form(v) * v[0]
    value = array(np.exp(np.asarray(z.value)))
    exp = z.compose([value / factorial(k) for k in range(order + 1)])
    assert_agrees(exp, mp_exp, n_variables, order)
    (exp,) = solve(z, [value], [lambda parts, k: parts[0][k]])
    assert_agrees(exp, mp_exp, n_variables, order)

    z = positive(v)
    log = [array(np.log(np.asarray(z.value)))]
    log += [-((-1 / z.value) ** k) / k for k in range(1, order + 1)]
    assert_agrees(z.compose(log), mp_log, n_variables, order)


def test_solve_of_a_system():
    z = Jet.variables(np.array([[0.3], [1.25]]), 6).square()
    slopes = [lambda parts, k: parts[1][k], lambda parts, k: -parts[0][k]]
    sine, cosine = solve(z, [np.sin(z.value), np.cos(z.value)], slopes)
    assert_same_jet(sine.square() + cosine.square(), z**0, atol=1e-11)
    expected = [mpmath.diff(lambda t: mpmath.sin(t**2), 1.25, k) for k in range(7)]
    assert_allclose([sine.partial((k,))[1, 0] for k in range(7)], np.float64(expected), rtol=1e-12)


def test_solve_of_a_constant_is_constant():
    z = Jet.constant(np.array([[0.3]]), 4, 2)
    (exp,) = solve(z, [np.exp(z.value)], [lambda parts, k: parts[0][k]])
    assert exp.degree == 0
    assert not exp.tensor(3).any()


def test_compose_with_fewer_coefficients_is_a_polynomial(array):
    (x,) = columns(array, 1, 5)
    one = 0 * x.value + 1
    assert_same_jet(x.compose([x.value**2, 2 * x.value, one]), x * x)
    assert_same_jet(x.compose([one]), x**0)


def test_columns_do_not_mix(array):
    x = Jet.variables(array(POINTS), 4)
    joined = (1 - x) ** 3 / (x.square() + 1) + x**2.0
    single = [(1 - x[:, [j]]) ** 3 / (x[:, [j]].square() + 1) + x[:, [j]] ** 2.0 for j in range(3)]
    assert_same_jet(joined, Jet.concatenate(single))


def test_arrays_on_either_side(array):
    x = Jet.variables(array(POINTS), 3)
    y = x * x + 3
    a = array([[2.0, -1.0, 0.5], [4.0, 3.0, -2.0]])
    constant = Jet.constant(a, 3, 3)
    for other in (a, a[0, :]):  # an (n, m) array, a row of m
        constant = Jet.constant(a * 0 + other, 3, 3)
        assert_same_jet(y + other, y + constant)
        assert_same_jet(other + y, y + constant)
        assert_same_jet(y - other, y - constant)
        assert_same_jet(other - y, constant - y)
        assert_same_jet(y * other, y * constant)
        assert_same_jet(other * y, y * constant)
        assert_same_jet(y / other, y / constant)
        assert_same_jet(other / y, constant / y)
    for scalar in (2, -0.75):
        assert_same_jet(scalar - y / scalar, Jet.constant(0 * a + scalar, 3, 3) - y * (1 / scalar))
        assert_same_jet(scalar / y, (scalar * y) / y.square())
    assert_same_jet(-y, 0 - y)


def test_one_column_against_many(array):
    x = Jet.variables(array(POINTS), 3)
    one, wide = x[:, :1], Jet.concatenate([x[:, :1]] * 4)
    centers = array([0.5, -1.0, 2.0, 0.0])
    factor = Jet.concatenate([x, x[:, 1] ** 2])
    assert_same_jet((one - centers).square(), (wide - centers).square())
    assert_same_jet(1 / (centers + one**2), 1 / (centers + wide**2))
    assert_same_jet(one**3 + factor, wide**3 + factor)
    assert_same_jet(one * factor, wide * factor)
    assert_same_jet(one / (factor.square() + 1), wide / (factor.square() + 1))
    assert (one - centers).tensor(1).shape == (2, 4, 3)


def test_real_power_needs_positive_values(array):
    x = Jet.variables(array([[1.0], [0.0]]), 2)
    with pytest.raises(ValueError, match=r"at or below zero has no derivatives of the power 0\.5"):
        x**0.5
    assert_same_jet(x**2.0, x * x)


def test_matmul_agrees_with_columns(array):
    x = Jet.variables(array(POINTS), 3) ** 2
    W = array([[1.0, -2.0], [0.5, 3.0], [4.0, 0.25]])
    rows = [sum(float(W[i, j]) * x[:, i] for i in range(3)) for j in range(2)]
    assert_same_jet(x @ W, Jet.concatenate(rows))


@pytest.mark.parametrize("rows", [slice(None), slice(1, None), -1])
@pytest.mark.parametrize("cols", [slice(0, 3, 2), [2, 0], [True, False, True], 1, -1, np.int64(0)])
def test_selection_keeps_both_axes(rows, cols):
    x = Jet.variables(POINTS, 2) ** 3
    picked = x[rows, cols]
    assert picked.value.ndim == 2
    for alpha in indices(3, 2):
        expected = x.partial(alpha)[np.atleast_1d(np.arange(2)[rows])]
        assert_array_equal(picked.partial(alpha), expected[:, np.atleast_1d(np.arange(3)[cols])])


def test_selection_of_rows_and_of_nothing(array):
    x = Jet.variables(array(POINTS), 2) ** 3
    assert_same_jet(x[array([1, 0])], Jet.variables(array(POINTS[::-1].copy()), 2) ** 3)
    assert_same_jet(x[1], x[1:])
    assert_same_jet(x[:, [2, 0]], Jet.concatenate([x[:, 2], x[:, 0]]))
    with pytest.raises(IndexError):
        x[:, 3]
    with pytest.raises(IndexError):
        x[:, :, 0]


def test_concatenate_fills_lower_degrees(array):
    x = Jet.variables(array(POINTS[:, :2]), 4)
    constant = Jet.constant(array([[7.0], [8.0]]), 4, 2)
    joined = Jet.concatenate([constant, x, x[:, :1] ** 3])
    assert joined.degree == 3
    for cols, jet in [([0], constant), ([1, 2], x), ([3], x[:, :1] ** 3)]:
        assert_same_jet(joined[:, cols], jet)


@pytest.mark.parametrize("n_variables", MAX_ORDER)
def test_square_is_the_product(n_variables, array):
    order = MAX_ORDER[n_variables]
    x = Jet.variables(array(POINTS[:, :n_variables]), order)
    for jet in (x, x**0, x * x - x, 1 / (x * x + 1)):
        assert_same_jet(jet.square(), jet * jet)
        assert jet.square().degree == min(2 * jet.degree, order)


def test_directions_give_directional_derivatives(array):
    X = array(POINTS)
    V = array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])

    def f(x):
        return 1 / (x[:, 0] * x[:, 1] + x[:, 2].square() + 4)

    along, full = f(Jet.variables(X, 3, directions=V)), f(Jet.variables(X, 3))
    assert along.n_variables == 2
    for k, letters in [(1, "ai"), (2, "aibj"), (3, "aibjck")]:
        operands = [np.asarray(full.tensor(k))] + [np.asarray(V)] * k
        steps = [letters[i : i + 2] for i in range(0, 2 * k, 2)]
        formula = ",".join(["nm" + letters[1::2], *steps]) + "->nm" + letters[::2]
        assert_allclose(along.tensor(k), np.einsum(formula, *operands), rtol=1e-12, atol=1e-15)


def test_constant(array):
    value = array(POINTS)
    c = Jet.constant(value, 3, 2)
    assert_array_equal(c.value, POINTS)
    assert c.tensor(2).shape == (2, 3, 2, 2)
    assert not c.tensor(2).any()
    assert not c.partial((1, 2)).any()


@pytest.mark.parametrize("n_variables", MAX_ORDER)
def test_tensor_holds_the_partials(n_variables, array):
    order = MAX_ORDER[n_variables]
    x = Jet.variables(array(POINTS[:, :n_variables]), order)
    f = 1 / (Jet.concatenate([x[:, 0] * x[:, -1], x[:, -1] ** 2 + x[:, 0]]) + 9)
    assert_array_equal(f.tensor(0), f.value)
    for k in range(1, order + 1):
        tensor = np.asarray(f.tensor(k))
        assert tensor.shape == (2, 2) + (n_variables,) * k
        for entry in product(range(n_variables), repeat=k):
            alpha = tuple(entry.count(i) for i in range(n_variables))
            assert_allclose(tensor[(..., *entry)], f.partial(alpha), rtol=1e-15)
        assert_array_equal(tensor, np.swapaxes(tensor, 2, -1))


def test_derivatives_above_the_order_are_refused(array):
    x = Jet.variables(array(POINTS), 2)
    assert not x.tensor(2).any()
    with pytest.raises(ValueError, match="order 2 holds no derivatives of order 3.*order=3"):
        x.tensor(3)
    with pytest.raises(ValueError, match="order 2 holds no derivatives of order 4"):
        x.partial((4, 0, 0))


def test_only_jets_of_one_kind_combine():
    x = Jet.variables(POINTS, 2)
    higher = Jet.variables(POINTS, 3)
    fewer = Jet.variables(POINTS, 2, directions=np.ones((1, 3)))
    operations = [operator.add, operator.sub, operator.mul, operator.truediv]
    for combine in [*operations, lambda *pair: Jet.concatenate(pair)]:
        for other in (higher, fewer):
            with pytest.raises(ValueError, match="one order and in the same variables.*got order"):
                combine(x, other)


def test_map_parts(array):
    x = Jet.variables(array(POINTS), 3) ** 2
    assert_same_jet(x.map_parts(lambda part: part[:, 1:, :] * 2), 2 * x[1:])


def test_affine_maps_stay_of_degree_one(array):
    x = Jet.variables(array(POINTS), 6)
    W, b = array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]]), array([1.0, -2.0])
    y = (x @ W + b) * b / 3.0 - x[:, :2]
    y = Jet.concatenate([y, 1 - y[:, [0]], Jet.constant(array([[1.0], [2.0]]), 6, 3)])
    assert len(y.parts) == 2
    assert len((y * Jet.constant(y.value, 6, 3)).parts) == 2
    assert len((y / Jet.constant(y.value, 6, 3)).parts) == 2
    assert len((y * y).parts) == len((y**2).parts) == 3


def test_order_zero_is_plain_arithmetic(array):
    X = array(POINTS)
    x = Jet.variables(X, 0)
    (exp,) = solve(x, [X], [lambda parts, k: parts[0][k]])
    for jet, expected in [
        (x + X, X + X),
        (x * x - 2, X * X - 2),
        (1 / x + x / X, 1 / X + 1),
        (x**3, X**3),
        ((x * x) ** 0.5, abs(X)),
        (x.square(), X * X),
        (x.compose([X + 1]), X + 1),
        (exp, X),
        (Jet.concatenate([x[:, :1], x[:, 1:]]), X),
    ]:
        assert len(jet.parts) == 1
        assert_allclose(jet.value, expected, rtol=1e-15)
        assert_allclose(jet.tensor(0), expected, rtol=1e-15)


def everything(x, y, W):
    """Every operation once."""
    return Jet.concatenate(
        [x + y, x - y, x * y, x / y, -x, 2 + x, 2 - x, 2 * x, 2 / y, y**3, y**-1, y**0.5]
        + [x + W, W - x, W * x, W / y, x @ W, x[:, [1, 0]], x.square(), x.compose([W, W, W])]
        + solve(x, [x.value, y.value], [lambda p, k: p[1][k], lambda p, k: -p[0][k]])
    )


def test_nothing_is_changed_in_place(array):
    x = Jet.variables(array(POINTS[:, :2]), 3)
    x = x**2 - x
    y = 1 / (x.square() + 1) + 1
    W = array([[1.0, 2.0], [3.0, 4.0]])
    before = [np.asarray(a).copy() for a in (*x.parts, *y.parts, W)]
    result = everything(x, y, W)
    first = [np.asarray(a).copy() for a in result.parts]
    for a, expected in zip((*x.parts, *y.parts, W), before):
        assert_array_equal(a, expected)
    for a, expected in zip(everything(x, y, W).parts, first):
        assert_array_equal(a, expected)


def test_single_precision_stays_single(array):
    x = Jet.variables(array(POINTS[:, :2].astype("float32")), 3)
    x = x**2 - x
    W = array(np.ones((2, 2), dtype="float32"))
    result = everything(x, 1 / (x.square() + 1) + 1, W)
    for a in (
        *result.parts,
        result.tensor(2),
        result.partial((1, 1)),
        Jet.variables(W, 2).parts[1],
    ):
        assert str(a.dtype).endswith("float32")


def test_repr():
    x = Jet.variables(POINTS, 4)
    assert repr(x) == "Jet of order 4 in 3 variables, 2 rows, 3 columns"


def test_torch_autograd_passes_through():
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    X, W = (torch.randn(s, generator=generator, dtype=torch.float64) for s in [(3, 2), (2, 2)])
    W.requires_grad_()

    def f(z):
        return z[..., :1] / (z**2 + 1) + (z**2 + 2) ** 0.5

    def third(W):
        z = Jet.variables(X, 3) @ W
        return (z[:, :1] / (z.square() + 1) + (z**2 + 2) ** 0.5).partial((2, 1))

    def third_by_nesting(W):
        jac = torch.func.jacrev
        nested = jac(jac(jac(lambda x: f(x @ W))))
        return torch.func.vmap(nested)(X)[:, :, 0, 0, 1]

    cotangent = torch.arange(1.0, 7.0, dtype=torch.float64).reshape(3, 2)
    actual, expected = (
        torch.autograd.grad(g(W), W, cotangent)[0] for g in (third, third_by_nesting)
    )
    assert_allclose(actual, expected, rtol=1e-11)
    assert torch.autograd.gradcheck(third, (W,))


def test_lines_through_rows():
    """Directions of each row's own; none is order 0."""
    X, V = np.array([[1.0, 2.0], [3.0, 4.0]]), np.arange(12.0).reshape(2, 3, 2)
    jet = Jet.along(X, V)
    assert (jet.order, jet.n_variables) == (1, 3)
    assert_allclose(jet.value, X)
    assert_allclose(jet.partial((0, 1, 0)), V[:, 1])
    assert Jet.along(X).order == 0


def test_lines_that_are_the_same_for_many_rows_are_computed_once(array):
    rng = np.random.default_rng(0)
    X, W, v = (array(rng.uniform(1, 2, shape)) for shape in ((100, 2), (2, 3), (2,)))
    line = Jet.variables(X, 3)
    dense = line.map_parts(lambda part: part + 0)
    for function in (
        lambda z: z @ W,
        lambda z: z.affine(W, W[0]),
        lambda z: z * v - v,
        lambda z: z / v,
        lambda z: 2 * z,
    ):
        found = function(line)
        assert_same_jet(found, function(dense))
        shown = found.parts[1]
        assert (shown.strides if hasattr(shown, "strides") else shown.stride())[1] == 0
    assert_same_jet(line * X, dense * X)
    assert_same_jet(line / X, dense / X)
