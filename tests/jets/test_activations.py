"""Every activation's Taylor rule against mpmath and nested torch derivatives."""

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_pydelt.jets import Jet
from sk_pydelt.jets.activations import ACTIVATIONS, RATIONAL_DENOMINATOR, RATIONAL_NUMERATOR

NAMES = [
    *("relu", "tanh", "sigmoid", "swish", "gelu"),
    *("sine", "softplus", "elu", "mish", "rational", "identity"),
]


def mp_sigmoid(z):
    return 1 / (1 + mpmath.exp(-z))


def mp_softplus(z):
    return mpmath.log(1 + mpmath.exp(z))


def mp_rational(z):
    return mpmath.polyval(RATIONAL_NUMERATOR, z) / mpmath.polyval(RATIONAL_DENOMINATOR, z)


CLOSED_FORMS = {
    "relu": lambda z: z if z > 0 else mpmath.mpf(0),
    "tanh": mpmath.tanh,
    "sigmoid": mp_sigmoid,
    "swish": lambda z: z * mp_sigmoid(z),
    "gelu": lambda z: z * (1 + mpmath.erf(z / mpmath.sqrt(2))) / 2,
    "sine": mpmath.sin,
    "softplus": mp_softplus,
    "elu": lambda z: z if z > 0 else mpmath.exp(z) - 1,
    "mish": lambda z: z * mpmath.tanh(mp_softplus(z)),
    "rational": mp_rational,
    "identity": lambda z: z,
}


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    """What turns a list into an array of each library, in double precision unless told."""
    if request.param == "numpy":
        return np.asarray
    torch = pytest.importorskip("torch")
    return lambda values: torch.asarray(np.asarray(values))


def test_the_names():
    assert sorted(ACTIVATIONS) == sorted(NAMES)


def test_only_relu_is_piecewise_linear():
    assert [name for name in NAMES if ACTIVATIONS[name].piecewise_linear] == ["relu"]


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_mpmath_in_one_variable(name, array):
    points = [-1.75, -0.5, 0.25, 1.5]

    def inner(x):
        return (x * x - 3) * x * 0.5 + x * 0.25 - 0.125

    z = inner(Jet.variables(array([[x] for x in points]), 8))
    assert (np.asarray(z.value) > 0).any()
    assert (np.asarray(z.value) < 0).any()
    f = ACTIVATIONS[name].taylor(z)
    with mpmath.workdps(40):
        for row, x in enumerate(points):
            expected = mpmath.taylor(lambda t: CLOSED_FORMS[name](inner(t)), mpmath.mpf(x), 8)
            actual = [float(part[0, row, 0]) for part in (f.part(k) for k in range(9))]
            assert_allclose(actual, np.array(expected, dtype=float), rtol=2e-12, atol=1e-14)


def torch_function(name):
    torch = pytest.importorskip("torch")

    def horner(coefficients, z):
        result = 0 * z
        for coefficient in coefficients:
            result = result * z + coefficient
        return result

    def rational(z):
        return horner(RATIONAL_NUMERATOR, z) / horner(RATIONAL_DENOMINATOR, z)

    own = {"Sine": torch.sin, "Rational": rational}
    torch_name = ACTIVATIONS[name].torch_name
    return own.get(torch_name) or getattr(torch.nn, torch_name)()


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_nested_torch_in_two_variables(name, array):
    torch = pytest.importorskip("torch")
    function = torch_function(name)
    points = [[0.5, -0.75], [-0.75, 0.25], [0.75, 0.6]]
    W = [[1.0, -0.5, 0.25], [0.5, 0.75, -1.5]]

    def nested(x):
        z = x @ torch.tensor(W, dtype=x.dtype)
        return function(z * z[0] + z)

    z = Jet.variables(array(points), 3) @ array(W)
    f = ACTIVATIONS[name].taylor(z * z[:, 0] + z)
    for k in range(4):
        for row, point in enumerate(torch.tensor(points, dtype=torch.float64)):
            expected = nested(point)
            assert_allclose(f.tensor(k)[row, ...], expected, rtol=1e-11, atol=1e-13)
        nested = torch.func.jacrev(nested)


@pytest.mark.parametrize("name", NAMES)
def test_finite_and_quiet_far_out(name, array):
    far = [s * v for v in (0.0, 1e-300, 30.0, 40.0, 100.0, 710.0, 1e3) for s in (-1, 1)]
    x = Jet.variables(array([[v, v] for v in far]), 4)
    with np.errstate(all="raise", under="ignore"):
        f = ACTIVATIONS[name].taylor(x)
        g = ACTIVATIONS[name].taylor(x[:, 0] - x[:, 1] * 0.5)
    for part in (*f.parts, *g.parts):
        assert np.isfinite(np.asarray(part)).all()


LEFT_AND_RIGHT_SLOPES = {
    "relu": (0, 1),
    "tanh": (0, 0),
    "sigmoid": (0, 0),
    "swish": (0, 1),
    "gelu": (0, 1),
    "softplus": (0, 1),
    "elu": (0, 1),
    "mish": (0, 1),
    "identity": (1, 1),
}


@pytest.mark.parametrize("name", LEFT_AND_RIGHT_SLOPES)
def test_straight_far_out(name, array):
    f = ACTIVATIONS[name].taylor(Jet.variables(array([[-1e3], [1e3]]), 4))
    left, right = LEFT_AND_RIGHT_SLOPES[name]
    at_infinity = {"tanh": [-1, 1], "sigmoid": [0, 1], "elu": [-1, 1e3]}
    values = at_infinity.get(name, [-1e3 * left, 1e3 * right])
    assert_allclose(f.value[:, 0], values, rtol=1e-15, atol=1e-300)
    assert_allclose(f.partial((1,))[:, 0], [left, right], rtol=1e-12, atol=1e-300)
    for k in (2, 3, 4):
        assert_allclose(f.partial((k,)), np.zeros((2, 1)), atol=1e-11)


@pytest.mark.parametrize(("name", "expected"), [("relu", [0, 0, 0, 0]), ("elu", [0, 1, 1, 1])])
def test_at_zero_the_left_branch_counts(name, expected, array):
    f = ACTIVATIONS[name].taylor(Jet.variables(array([[0.0]]), 3))
    assert [float(f.partial((k,))[0, 0]) for k in range(4)] == expected

    torch = pytest.importorskip("torch")
    zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = torch_function(name)(zero)
    (slope,) = torch.autograd.grad(value, zero)
    assert [value.item(), slope.item()] == expected[:2]


@pytest.mark.parametrize("name", NAMES)
def test_order_zero_and_constant_jets(name, array):
    """The rule holds at order 0, and leaves a map that does not vary unvarying."""
    values = array([[-0.5, 2.0], [1.0, -3.0]])
    with mpmath.workdps(30):
        expected = [
            [float(CLOSED_FORMS[name](mpmath.mpf(v))) for v in row] for row in values.tolist()
        ]
    for jet in (Jet.variables(values, 0), Jet.constant(values, 3, 2)):
        f = ACTIVATIONS[name].taylor(jet)
        assert_allclose(f.value, expected, rtol=1e-14)
        assert not any(np.asarray(f.tensor(k)).any() for k in range(1, f.order + 1))


@pytest.mark.parametrize("name", ["relu", "identity"])
def test_piecewise_linear_jets_stay_short(name):
    f = ACTIVATIONS[name].taylor(Jet.variables(np.array([[-1.0, 2.0]]), 8))
    assert len(f.parts) == 2


@pytest.mark.parametrize("name", NAMES)
def test_input_and_precision_are_kept(name, array):
    x = Jet.variables(array(np.array([[-0.5, 2.0], [1.0, -3.0]], dtype="float32")), 3)
    z = x * x[:, 0] + x
    before = [np.asarray(part).copy() for part in z.parts]
    f = ACTIVATIONS[name].taylor(z)
    for part, expected in zip(z.parts, before):
        assert_array_equal(part, expected)
    assert all(str(part.dtype).endswith("float32") for part in f.parts)


@pytest.mark.parametrize("name", NAMES)
def test_torch_autograd_passes_through(name):
    torch = pytest.importorskip("torch")
    X = torch.tensor([[0.5, -0.9], [-0.75, 0.3]], dtype=torch.float64)
    W = torch.tensor([[1.0, -0.5], [0.5, 0.75]], dtype=torch.float64, requires_grad=True)

    def coefficients(W):
        z = Jet.variables(X, 3) @ W
        f = ACTIVATIONS[name].taylor(z.square() + z)
        return f.value, f.partial((1, 0)), f.partial((1, 1)), f.partial((2, 1))

    assert torch.autograd.gradcheck(coefficients, (W,))
