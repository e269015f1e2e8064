"""Elementary functions of jets: against mpmath, on NumPy and on torch, and their domains."""

import mpmath
import numpy as np
import pytest
import torch
from arrays import each_array
from numpy.testing import assert_allclose

from sk_pydelt.jets import Jet, elementary

MIDDLE, POSITIVE, ABOVE_ONE = (-0.7, 0.2, 0.6), (0.3, 1.1, 2.5), (1.2, 1.9, 3.0)
FUNCTIONS = {  # name: the function of mpmath, and places in its domain
    "absolute": (mpmath.fabs, MIDDLE),
    "arccos": (mpmath.acos, MIDDLE),
    "arccosh": (mpmath.acosh, ABOVE_ONE),
    "arcsin": (mpmath.asin, MIDDLE),
    "arcsinh": (mpmath.asinh, MIDDLE),
    "arctan": (mpmath.atan, MIDDLE),
    "arctanh": (mpmath.atanh, MIDDLE),
    "cbrt": (mpmath.cbrt, POSITIVE),
    "cos": (mpmath.cos, MIDDLE),
    "erf": (mpmath.erf, MIDDLE),
    "exp": (mpmath.exp, MIDDLE),
    "expit": (lambda x: 1 / (1 + mpmath.exp(-x)), MIDDLE),
    "expm1": (mpmath.expm1, MIDDLE),
    "log": (mpmath.log, POSITIVE),
    "log1p": (mpmath.log1p, MIDDLE),
    "log_expit": (lambda x: -mpmath.log(1 + mpmath.exp(-x)), MIDDLE),
    "logit": (lambda x: mpmath.log(x / (1 - x)), (0.2, 0.5, 0.9)),
    "ndtr": (mpmath.ncdf, MIDDLE),
    "ndtri": (lambda x: mpmath.sqrt(2) * mpmath.erfinv(2 * x - 1), (0.2, 0.5, 0.9)),
    "sin": (mpmath.sin, MIDDLE),
    "sqrt": (mpmath.sqrt, POSITIVE),
    "tan": (mpmath.tan, MIDDLE),
    "tanh": (mpmath.tanh, MIDDLE),
}


@each_array
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_those_of_mpmath(name, array):
    function, places = FUNCTIONS[name]
    jet = Jet.variables(array(np.array(places)[:, None]), 4)
    found = getattr(elementary, name)(jet)
    assert type(found.value) is type(jet.value)
    with mpmath.workdps(30):
        expected = [[float(mpmath.diff(function, x, k)) for x in places] for k in range(5)]
    for k in range(5):
        assert_allclose(np.asarray(found.partial((k,)))[:, 0], expected[k], rtol=1e-9, atol=1e-11)


def test_every_function_is_tested():
    helpers = {"replace_where", "require_domain", "row_sum", "sin_cos", "sinh_cosh"}
    assert set(elementary.__all__) == set(FUNCTIONS) | helpers


@each_array
def test_pairs_rows_and_constants(array):
    x = np.array([[0.3, -0.5], [1.0, 0.2]])
    jet = Jet.variables(array(x), 1)
    sinh, cosh = elementary.sinh_cosh(jet)
    assert_allclose(sinh.value, np.sinh(x), rtol=1e-14)
    assert_allclose(cosh.partial((1, 0))[:, 0], np.sinh(x[:, 0]), rtol=1e-14)
    assert_allclose(elementary.row_sum(jet).value, x.sum(axis=1, keepdims=True))
    held = elementary.replace_where(jet, array(x > 0.5), 9.0)
    assert_allclose(held.value, np.where(x > 0.5, 9.0, x))
    assert_allclose(held.partial((1, 0)), [[1, 0], [0, 0]])


@each_array
@pytest.mark.parametrize(
    ("name", "place"),
    [("log", 0.0), ("sqrt", 0.0), ("arcsin", 1.0), ("arccosh", 1.0), ("logit", 1.0), ("cbrt", 0.0)],
)
def test_the_end_of_a_domain_is_an_error(name, place, array):
    with pytest.raises(ValueError, match="has derivatives only .*given a value outside"):
        getattr(elementary, name)(Jet.variables(array(np.array([[place]])), 1))


def test_autograd_passes_through():
    x = torch.tensor([[0.4]], dtype=torch.float64, requires_grad=True)
    elementary.erf(Jet.variables(x, 2)).partial((2,)).sum().backward()
    with mpmath.workdps(30):
        assert x.grad.item() == pytest.approx(float(mpmath.diff(mpmath.erf, 0.4, 3)), rel=1e-9)
