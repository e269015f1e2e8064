"""Elementary functions of jets, and the table from NumPy's ufuncs to them."""

from functools import partial

import numpy as np
from scipy import special

from ..activations import ACTIVATIONS
from ..jet import Jet, product_part, solve, square_part

__all__ = [
    "exp",
    "expm1",
    "function_rule",
    "log",
    "log1p",
    "ndtr",
    "ndtri",
    "register_function",
    "replace_where",
    "require_domain",
    "row_sum",
]

tanh = ACTIVATIONS["tanh"].taylor
expit = ACTIVATIONS["sigmoid"].taylor


def replace_where(jet, mask, values) -> Jet:
    """The jet with constants in place of the entries under a mask: their derivatives are zero."""
    parts = [np.where(mask, 0.0, part) for part in jet.parts[1:]]
    return Jet([np.where(mask, values, jet.value)[None], *parts], jet.order, jet.n_variables)


def row_sum(jet) -> Jet:
    """Sum over the columns: shape (n, 1)."""
    return jet.map_parts(lambda part: part.sum(axis=-1, keepdims=True))


def require_domain(allowed, name, domain) -> None:
    """Raise a ValueError unless all values lie where a function has derivatives."""
    if not allowed.all():
        raise ValueError(
            f"{name} has derivatives only {domain}, but was given a value outside: change the data "
            "or the steps before it."
        )


def _integrate(z, value, slope) -> Jet:
    """The function of a known value at `z` whose derivative is a known jet."""
    return solve(z, [value], [lambda found, k: slope._part(k)])[0]


def exp(z):
    """e to the z."""
    return solve(z, [np.exp(z.value)], [lambda found, k: found[0][k]])[0]


def expm1(z):
    """exp(z) - 1, exact near zero."""
    result = exp(z)
    result.parts[0] = np.expm1(z.value)[None]
    return result


def log(z):
    """Natural logarithm of positive values."""
    require_domain(z.value > 0, "The logarithm", "above 0")
    return _integrate(z, np.log(z.value), 1 / z)


def log1p(z):
    """log(1 + z), exact near zero."""
    require_domain(z.value > -1, "log1p", "above -1")
    return _integrate(z, np.log1p(z.value), 1 / (z + 1))


def _sqrt(z):
    require_domain(z.value > 0, "The square root", "above 0")
    return z**0.5


def _cbrt(z):
    require_domain(z.value != 0, "The cube root", "off 0")
    return (z * np.sign(z.value)) ** (1 / 3) * np.sign(z.value)


def _absolute(z):
    return z * np.where(z.value < 0, -1.0, 1.0)


def _sin_cos(z):
    slopes = [lambda found, k: found[1][k], lambda found, k: -found[0][k]]
    return solve(z, [np.sin(z.value), np.cos(z.value)], slopes)


def _sinh_cosh(z):
    slopes = [lambda found, k: found[1][k], lambda found, k: found[0][k]]
    return solve(z, [np.sinh(z.value), np.cosh(z.value)], slopes)


def _tan(z):
    def slope(found, k):  # 1 + y²
        part = square_part(found[0], k, z.n_variables)
        return part + 1 if k == 0 else part

    return solve(z, [np.tan(z.value)], [slope])[0]


def _arcsin(z):
    require_domain(abs(z.value) < 1, "The arcsine", "between -1 and 1")
    return _integrate(z, np.arcsin(z.value), (1 - z.square()) ** -0.5)


def _arccos(z):
    return np.pi / 2 - _arcsin(z)


def _arctan(z):
    return _integrate(z, np.arctan(z.value), 1 / (z.square() + 1))


def _arcsinh(z):
    return _integrate(z, np.arcsinh(z.value), (z.square() + 1) ** -0.5)


def _arccosh(z):
    require_domain(z.value > 1, "arccosh", "above 1")
    return _integrate(z, np.arccosh(z.value), (z.square() - 1) ** -0.5)


def _arctanh(z):
    require_domain(abs(z.value) < 1, "arctanh", "between -1 and 1")
    return _integrate(z, np.arctanh(z.value), 1 / (1 - z.square()))


def _logit(z):
    require_domain((z.value > 0) & (z.value < 1), "The logit", "between 0 and 1")
    return log(z) - log(1 - z)


def _log_expit(z):
    return -ACTIVATIONS["softplus"].taylor(-z)


def _erf(z):
    return _integrate(z, special.erf(z.value), exp(-z.square()) * (2 / np.sqrt(np.pi)))


def ndtr(z):
    """Cumulative normal distribution."""
    density = exp(z.square() * -0.5) / np.sqrt(2 * np.pi)
    return _integrate(z, special.ndtr(z.value), density)


def ndtri(z):
    """Quantiles of the normal distribution, of probabilities strictly between 0 and 1."""
    require_domain((z.value > 0) & (z.value < 1), "The normal quantile", "between 0 and 1")

    def curvature(found, k):  # w' = y w², where y' = w
        squares = [square_part(found[1], j, z.n_variables) for j in range(k + 1)]
        return product_part(found[0], squares, k, z.n_variables)

    value = special.ndtri(z.value)
    slope = np.sqrt(2 * np.pi) * np.exp(value**2 / 2)
    return solve(z, [value, slope], [lambda found, k: found[1][k], curvature])[0]


def _scaled(factor, function=lambda z: z):
    return partial(_scale, factor, function)


def _scale(factor, function, z):
    return function(z) * factor


RULES = {
    np.absolute: _absolute,
    np.arccos: _arccos,
    np.arccosh: _arccosh,
    np.arcsin: _arcsin,
    np.arcsinh: _arcsinh,
    np.arctan: _arctan,
    np.arctanh: _arctanh,
    np.cbrt: _cbrt,
    np.cos: lambda z: _sin_cos(z)[1],
    np.cosh: lambda z: _sinh_cosh(z)[1],
    np.deg2rad: _scaled(np.pi / 180),
    np.degrees: _scaled(180 / np.pi),
    np.exp: exp,
    np.exp2: lambda z: exp(z * np.log(2)),
    np.expm1: expm1,
    np.fabs: _absolute,
    np.log: log,
    np.log10: _scaled(1 / np.log(10), log),
    np.log1p: log1p,
    np.log2: _scaled(1 / np.log(2), log),
    np.negative: lambda z: -z,
    np.positive: lambda z: z,
    np.rad2deg: _scaled(180 / np.pi),
    np.radians: _scaled(np.pi / 180),
    np.reciprocal: lambda z: 1 / z,
    np.sin: lambda z: _sin_cos(z)[0],
    np.sinh: lambda z: _sinh_cosh(z)[0],
    np.sqrt: _sqrt,
    np.square: Jet.square,
    np.tan: _tan,
    np.tanh: tanh,
    special.cbrt: _cbrt,
    special.erf: _erf,
    special.erfc: lambda z: 1 - _erf(z),
    special.exp2: lambda z: exp(z * np.log(2)),
    special.expit: expit,
    special.expm1: expm1,
    special.log1p: log1p,
    special.log_expit: _log_expit,
    special.logit: _logit,
    special.ndtr: ndtr,
    special.ndtri: ndtri,
}


def register_function(function, rule) -> None:
    """Tell how a jet passes through a function that stands in a `FunctionTransformer`.

    Parameters
    ----------
    function : callable
        As it is given to `FunctionTransformer` (or, as `func` or `inverse_func`, to
        `TransformedTargetRegressor`): the very object.
    rule : callable, ``rule(jet, **kw_args) -> Jet``
        Computes on a jet what the function computes on an array. Jets add, subtract, multiply
        and divide; `Jet.compose` takes Taylor coefficients.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sk_pydelt import gradient
    >>> from sk_pydelt.chain import register_function
    >>> def lorentzian(x, width):
    ...     return 1 / (1 + (x / width) ** 2)
    >>> register_function(lorentzian, lorentzian)  # arithmetic alone: it takes jets too
    >>> step = FunctionTransformer(lorentzian, kw_args={"width": 2.0})
    >>> X = np.linspace(0, 3, 7).reshape(-1, 1)
    >>> model = make_pipeline(step, LinearRegression()).fit(X, 3 * lorentzian(X.ravel(), 2.0))
    >>> gradient(model, [[2.0]]).round(6)
    array([[-0.75]])
    """
    RULES[function] = rule


def function_rule(function):
    """The rule for a function, None where there is none."""
    try:
        return RULES.get(function)
    except TypeError:  # not hashable
        return None
