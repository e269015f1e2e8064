"""Activation functions: one table of names, with their torch and Keras names and Taylor rules."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

from .jet import Jet, solve
from .namespace import namespace, special_functions
from .parts import one_minus_square, product_part, square_part

__all__ = [
    "ACTIVATIONS",
    "RATIONAL_DENOMINATOR",
    "RATIONAL_NUMERATOR",
    "Activation",
    "rational",
]

# The type (3, 2) rational function nearest to ReLU on [-1, 1], highest power first
# (Boullé, Nakatsukasa & Townsend 2020, "Rational neural networks").
RATIONAL_NUMERATOR = (1.1915, 1.5957, 0.5, 0.0218)
RATIONAL_DENOMINATOR = (2.383, 0.0, 1.0)
POLE = RATIONAL_DENOMINATOR[0]
SLOPE, OFFSET = RATIONAL_NUMERATOR[0] / POLE, RATIONAL_NUMERATOR[1] / POLE  # division with ...
REST = RATIONAL_NUMERATOR[2] - SLOPE, RATIONAL_NUMERATOR[3] - OFFSET  # ... remainder


def _relu(z: Jet) -> Jet:
    return z * _step(z.value)


def _step(x):
    """1 where x is positive and 0 elsewhere, at zero too, as torch has it."""
    return namespace(x).astype(x > 0, x.dtype)


def _tanh(z: Jet) -> Jet:
    def rate(parts, k):  # 1 - y²
        if k == 0:
            return one_minus_square(parts[0][0])
        return -2, square_part(parts[0], k, z.n_variables, scale=0.5)

    return solve(z, [namespace(z.value).tanh(z.value)], [rate])[0]


def _tanh_series(z, order):
    """As y' = 1 - y²: k y_k is the sum of -y_i y_j for i + j = k - 1, above k = 1."""
    value = namespace(z).tanh(z)[None, ...]
    parts = [value, one_minus_square(value)]
    for k in range(2, order + 1):
        parts.append(square_part(parts, k - 1, 1, scale=-1 / k))
    return parts[: order + 1]


def _logistic_rate(n_variables, position=0):
    """The rate y - y² of the logistic function, whose parts stand at one position of the list."""

    def rate(parts, k):
        return parts[position][k] + square_part(parts[position], k, n_variables, scale=-1)

    return rate


def _sigmoid(z: Jet) -> Jet:
    return solve(z, [special_functions(z.value).expit(z.value)], [_logistic_rate(z.n_variables)])[0]


def _swish(z: Jet) -> Jet:
    return z * _sigmoid(z)


def _normal(z: Jet) -> list[Jet]:
    """The normal distribution and its density."""

    def density_rate(parts, k):  # φ' = -z φ
        return product_part(z.parts, parts[1], k, z.n_variables, scale=-1)

    density = namespace(z.value).exp(-0.5 * z.value**2) / sqrt(2 * pi)
    values = [special_functions(z.value).ndtr(z.value), density]
    return solve(z, values, [lambda parts, k: parts[1][k], density_rate])


def _gelu(z: Jet) -> Jet:
    return z * _normal(z)[0]


def _sin_cos(z: Jet) -> list[Jet]:
    xp = namespace(z.value)
    rates = [lambda parts, k: parts[1][k], lambda parts, k: -parts[0][k]]
    return solve(z, [xp.sin(z.value), xp.cos(z.value)], rates)


def _sine(z: Jet) -> Jet:
    return _sin_cos(z)[0] if z.order else z.map_parts(namespace(z.value).sin)


def _cosine(z: Jet) -> Jet:
    return _sin_cos(z)[1] if z.order else z.map_parts(namespace(z.value).cos)


def _softplus(z: Jet) -> Jet:
    xp = namespace(z.value)
    values = [
        xp.logaddexp(z.value, xp.zeros_like(z.value)),
        special_functions(z.value).expit(z.value),
    ]
    rates = [lambda parts, k: parts[1][k], _logistic_rate(z.n_variables, position=1)]
    return solve(z, values, rates)[0]


def _elu(z: Jet) -> Jet:
    xp = namespace(z.value)
    positive = _step(z.value)
    below = (1 - positive) * z.value  # no overflow in the branch not taken
    exponential = solve(z, [xp.exp(below)], [lambda parts, k: parts[0][k]])[0]
    exponential.parts[0] = xp.expm1(below)[None, ...]
    return z * positive + exponential * (1 - positive)


def _mish(z: Jet) -> Jet:
    return z * _tanh(_softplus(z))


def rational(z: Any) -> Any:
    """The rational activation of an array, a tensor or a jet: a line, and what fades far away.

    So neither a large z nor its square, which may overflow, leaves the quotient of two infinities.
    """
    square = z.square() if isinstance(z, Jet) else z * z
    return z * SLOPE + OFFSET + _rest(z) / (square * POLE + 1.0)


def _rest(z):
    return z * REST[0] + REST[1]


def _identity(z: Jet) -> Jet:
    return z


def _constant(value, like: Jet) -> Jet:
    return Jet.constant(value, like.order, like.n_variables)


def _relu_derivative(z, h):
    return _constant(_step(z.value), z)


def _tanh_derivative(z, h):
    return 1 - h.square()


def _sigmoid_derivative(z, h):
    return h - h.square()


def _swish_derivative(z, h):
    s = _sigmoid(z)
    return s + h - h * s


def _gelu_derivative(z, h):
    distribution, density = _normal(z)
    return distribution + z * density


def _sine_derivative(z, h):
    return _cosine(z)


def _softplus_derivative(z, h):
    return _sigmoid(z)


def _elu_derivative(z, h):
    return h * (1 - _step(z.value)) + 1


def _mish_derivative(z, h):
    t = _tanh(_softplus(z))
    return t + z * (1 - t.square()) * _sigmoid(z)


def _rational_derivative(z, h):
    below = z.square() * POLE + 1.0
    return (REST[0] - z * (_rest(z) / below) * (2 * POLE)) / below + SLOPE


def _identity_derivative(z, h):
    return _constant(namespace(z.value).ones_like(z.value), z)


@dataclass(frozen=True)
class Activation:
    """What an activation function is called elsewhere, and how a jet passes through it.

    Parameters
    ----------
    torch_name : str
        Class in `torch.nn`, or in the PyTorch backend where torch has none that fits.
    keras_name : str
        Name of a Keras activation, or of a function in the TensorFlow backend.
    taylor : callable, Jet -> Jet
    derivative : callable, (Jet, Jet) -> Jet
        The function's derivative, from the jets of its argument and of its value.
    piecewise_linear : bool
        Whether it bends only at kinks, so that all its derivatives above the first vanish
        almost everywhere though the function is not linear.
    own_series : callable, (z, order) -> list, default=None
        A shorter way to its `series`.
    """

    torch_name: str
    keras_name: str
    taylor: Callable[[Jet], Jet]
    derivative: Callable[[Jet, Jet], Jet]
    piecewise_linear: bool = False
    own_series: Callable[[Any, int], list] | None = None

    def series(self, z: Any, order: int) -> list:
        """The Taylor coefficients at z (n, m), from the value to an order: arrays (1, n, m)."""
        if self.own_series is not None:
            return self.own_series(z, order)
        one = namespace(z).ones_like(z[:1, :1])
        line = namespace(z).broadcast_to(one, z.shape)
        jet = self.taylor(Jet([z[None, ...], line[None, ...]][: order + 1], order, 1))
        return [jet.part(k) for k in range(order + 1)]


ACTIVATIONS = {
    "relu": Activation("ReLU", "relu", _relu, _relu_derivative, piecewise_linear=True),
    "tanh": Activation("Tanh", "tanh", _tanh, _tanh_derivative, own_series=_tanh_series),
    "sigmoid": Activation("Sigmoid", "sigmoid", _sigmoid, _sigmoid_derivative),
    "swish": Activation("SiLU", "silu", _swish, _swish_derivative),
    "gelu": Activation("GELU", "gelu", _gelu, _gelu_derivative),
    "sine": Activation("Sine", "sine", _sine, _sine_derivative),
    "softplus": Activation("Softplus", "softplus", _softplus, _softplus_derivative),
    "elu": Activation("ELU", "elu", _elu, _elu_derivative),
    "mish": Activation("Mish", "mish", _mish, _mish_derivative),
    "rational": Activation("Rational", "rational", rational, _rational_derivative),
    "identity": Activation("Identity", "linear", _identity, _identity_derivative),
}
