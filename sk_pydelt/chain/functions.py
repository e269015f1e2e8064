"""Functions that stand in a `FunctionTransformer`: the open table from NumPy's ufuncs to jets."""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import special

from ..jets import Jet
from ..jets import elementary as of_jets
from .arrays import any_array

__all__ = ["RULES", "function_rule", "register_function"]


def _scaled(factor, function=lambda z: z):
    return partial(_scale, factor, function)


def _scale(factor, function, z):
    return function(z) * factor


RULES: dict[Callable, Callable[..., Jet]] = {
    np.absolute: of_jets.absolute,
    np.arccos: of_jets.arccos,
    np.arccosh: of_jets.arccosh,
    np.arcsin: of_jets.arcsin,
    np.arcsinh: of_jets.arcsinh,
    np.arctan: of_jets.arctan,
    np.arctanh: of_jets.arctanh,
    np.cbrt: of_jets.cbrt,
    np.cos: of_jets.cos,
    np.cosh: lambda z: of_jets.sinh_cosh(z)[1],
    np.deg2rad: _scaled(np.pi / 180),
    np.degrees: _scaled(180 / np.pi),
    np.exp: of_jets.exp,
    np.exp2: lambda z: of_jets.exp(z * np.log(2)),
    np.expm1: of_jets.expm1,
    np.fabs: of_jets.absolute,
    np.log: of_jets.log,
    np.log10: _scaled(1 / np.log(10), of_jets.log),
    np.log1p: of_jets.log1p,
    np.log2: _scaled(1 / np.log(2), of_jets.log),
    np.negative: lambda z: -z,
    np.positive: lambda z: z,
    np.rad2deg: _scaled(180 / np.pi),
    np.radians: _scaled(np.pi / 180),
    np.reciprocal: lambda z: 1 / z,
    np.sin: of_jets.sin,
    np.sinh: lambda z: of_jets.sinh_cosh(z)[0],
    np.sqrt: of_jets.sqrt,
    np.square: Jet.square,
    np.tan: of_jets.tan,
    np.tanh: of_jets.tanh,
    special.cbrt: of_jets.cbrt,
    special.erf: of_jets.erf,
    special.erfc: lambda z: 1 - of_jets.erf(z),
    special.exp2: lambda z: of_jets.exp(z * np.log(2)),
    special.expit: of_jets.expit,
    special.expm1: of_jets.expm1,
    special.log1p: of_jets.log1p,
    special.log_expit: of_jets.log_expit,
    special.logit: of_jets.logit,
    special.ndtr: of_jets.ndtr,
    special.ndtri: of_jets.ndtri,
}
for rule in RULES.values():
    any_array(rule)


def register_function(function: Callable, rule: Callable[..., Jet]) -> None:
    """Tell how a jet passes through a function that stands in a `FunctionTransformer`.

    Parameters
    ----------
    function : callable
        As it is given to `FunctionTransformer` (or, as `func` or `inverse_func`, to
        `TransformedTargetRegressor`): the very object.
    rule : callable, ``rule(jet, **kw_args) -> Jet``
        Computes on a jet what the function computes on an array. Jets add, subtract, multiply
        and divide; `Jet.compose` takes Taylor coefficients. It is given jets of NumPy's arrays
        alone, unless `sk_pydelt.chain.any_array` marks it.

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


def function_rule(function: Callable) -> Callable[..., Jet] | None:
    """The rule for a function, None where there is none."""
    try:
        return RULES.get(function)
    except TypeError:  # not hashable
        return None
