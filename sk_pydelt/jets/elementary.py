"""Elementary functions of jets."""

from math import pi
from math import sqrt as sqrt_of
from typing import Any

from .activations import ACTIVATIONS
from .jet import Jet, solve
from .namespace import alike, namespace, special_functions
from .parts import product_part, square_part

__all__ = [
    "absolute",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "cbrt",
    "cos",
    "erf",
    "exp",
    "expit",
    "expm1",
    "log",
    "log1p",
    "log_expit",
    "logit",
    "ndtr",
    "ndtri",
    "replace_where",
    "require_domain",
    "row_sum",
    "sin",
    "sin_cos",
    "sinh_cosh",
    "sqrt",
    "tan",
    "tanh",
]

tanh = ACTIVATIONS["tanh"].taylor
expit = ACTIVATIONS["sigmoid"].taylor


def replace_where(jet: Jet, mask: Any, values: Any) -> Jet:
    """The jet with constants in place of the entries under a mask: their derivatives are zero."""
    where, values = namespace(jet.value).where, alike(values, jet.value)
    parts = [where(mask, 0.0, part) for part in jet.parts[1:]]
    return Jet([where(mask, values, jet.value)[None], *parts], jet.order, jet.n_variables)


def row_sum(jet: Jet) -> Jet:
    """Sum over the columns: shape (n, 1)."""
    return jet.map_parts(lambda part: part.sum(axis=-1, keepdims=True))


def require_domain(allowed: Any, name: str, domain: str) -> None:
    """Raise a ValueError unless all values lie where a function has derivatives."""
    if not allowed.all():
        raise ValueError(
            f"{name} has derivatives only {domain}, but was given a value outside: change the data "
            "or the steps before it."
        )


def _integrate(z, value, rate) -> Jet:
    """The function of a known value at `z` whose derivative is a known jet."""
    return solve(z, [value], [lambda found, k: rate.part(k)])[0]


def exp(z: Jet) -> Jet:
    """e to the z."""
    return solve(z, [namespace(z.value).exp(z.value)], [lambda found, k: found[0][k]])[0]


def expm1(z: Jet) -> Jet:
    """exp(z) - 1, exact near zero."""
    result = exp(z)
    result.parts[0] = namespace(z.value).expm1(z.value)[None]
    return result


def log(z: Jet) -> Jet:
    """Natural logarithm of positive values."""
    require_domain(z.value > 0, "The logarithm", "above 0")
    return _integrate(z, namespace(z.value).log(z.value), 1 / z)


def log1p(z: Jet) -> Jet:
    """log(1 + z), exact near zero."""
    require_domain(z.value > -1, "log1p", "above -1")
    return _integrate(z, namespace(z.value).log1p(z.value), 1 / (z + 1))


def sqrt(z: Jet) -> Jet:
    """Square root of positive values."""
    require_domain(z.value > 0, "The square root", "above 0")
    return z**0.5


def cbrt(z: Jet) -> Jet:
    """Cube root, of any values but zero."""
    require_domain(z.value != 0, "The cube root", "off 0")
    sign = namespace(z.value).sign(z.value)
    return (z * sign) ** (1 / 3) * sign


def absolute(z: Jet) -> Jet:
    """Absolute value; at zero that of the side above."""
    return z * namespace(z.value).where(z.value < 0, -1.0, 1.0 + 0 * z.value)


def sin_cos(z: Jet) -> list[Jet]:
    """Sine and cosine."""
    rates = [lambda found, k: found[1][k], lambda found, k: -found[0][k]]
    xp = namespace(z.value)
    return solve(z, [xp.sin(z.value), xp.cos(z.value)], rates)


def sin(z: Jet) -> Jet:
    """Sine."""
    return sin_cos(z)[0]


def cos(z: Jet) -> Jet:
    """Cosine."""
    return sin_cos(z)[1]


def sinh_cosh(z: Jet) -> list[Jet]:
    """Hyperbolic sine and cosine."""
    rates = [lambda found, k: found[1][k], lambda found, k: found[0][k]]
    xp = namespace(z.value)
    return solve(z, [xp.sinh(z.value), xp.cosh(z.value)], rates)


def tan(z: Jet) -> Jet:
    """Tangent."""

    def rate(found, k):  # 1 + y²
        part = square_part(found[0], k, z.n_variables)
        return part + 1 if k == 0 else part

    return solve(z, [namespace(z.value).tan(z.value)], [rate])[0]


def arcsin(z: Jet) -> Jet:
    """Arcsine of values strictly between -1 and 1."""
    require_domain(abs(z.value) < 1, "The arcsine", "between -1 and 1")
    return _integrate(z, namespace(z.value).asin(z.value), (1 - z.square()) ** -0.5)


def arccos(z: Jet) -> Jet:
    """Arccosine of values strictly between -1 and 1."""
    return pi / 2 - arcsin(z)


def arctan(z: Jet) -> Jet:
    """Arctangent."""
    return _integrate(z, namespace(z.value).atan(z.value), 1 / (z.square() + 1))


def arcsinh(z: Jet) -> Jet:
    """Inverse hyperbolic sine."""
    return _integrate(z, namespace(z.value).asinh(z.value), (z.square() + 1) ** -0.5)


def arccosh(z: Jet) -> Jet:
    """Inverse hyperbolic cosine of values above 1."""
    require_domain(z.value > 1, "arccosh", "above 1")
    return _integrate(z, namespace(z.value).acosh(z.value), (z.square() - 1) ** -0.5)


def arctanh(z: Jet) -> Jet:
    """Inverse hyperbolic tangent of values strictly between -1 and 1."""
    require_domain(abs(z.value) < 1, "arctanh", "between -1 and 1")
    return _integrate(z, namespace(z.value).atanh(z.value), 1 / (1 - z.square()))


def logit(z: Jet) -> Jet:
    """log(z / (1 - z)) of values strictly between 0 and 1."""
    require_domain((z.value > 0) & (z.value < 1), "The logit", "between 0 and 1")
    return log(z) - log(1 - z)


def log_expit(z: Jet) -> Jet:
    """Logarithm of the logistic function."""
    return -ACTIVATIONS["softplus"].taylor(-z)


def erf(z: Jet) -> Jet:
    """Error function."""
    return _integrate(
        z, special_functions(z.value).erf(z.value), exp(-z.square()) * (2 / sqrt_of(pi))
    )


def ndtr(z: Jet) -> Jet:
    """Cumulative normal distribution."""
    density = exp(z.square() * -0.5) / sqrt_of(2 * pi)
    return _integrate(z, special_functions(z.value).ndtr(z.value), density)


def ndtri(z: Jet) -> Jet:
    """Quantiles of the normal distribution, of probabilities strictly between 0 and 1."""
    require_domain((z.value > 0) & (z.value < 1), "The normal quantile", "between 0 and 1")

    def curvature(found, k):  # w' = y w², where y' = w
        squares = [square_part(found[1], j, z.n_variables) for j in range(k + 1)]
        return product_part(found[0], squares, k, z.n_variables)

    value = special_functions(z.value).ndtri(z.value)
    rate = sqrt_of(2 * pi) * namespace(value).exp(value**2 / 2)
    return solve(z, [value, rate], [lambda found, k: found[1][k], curvature])[0]
