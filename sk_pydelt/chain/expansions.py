"""Rules for transformers that make many features of few: polynomials and splines."""

from math import factorial

import numpy as np
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer

from ..jets import Jet
from ..jets.elementary import replace_where
from ..jets.namespace import namespace
from .arrays import any_array
from .registry import propagate, warn_once

__all__ = []


@propagate.register
@any_array
def _(step: PolynomialFeatures, jet):
    n, d = jet.value.shape
    one = (0,) * d
    column_of = {one: 0}
    bias = namespace(jet.value).ones((n, 1), dtype=jet.value.dtype, device=jet.value.device)
    columns = [Jet.constant(bias, jet.order, jet.n_variables)]
    for degree in range(1, int(step.powers_.sum(axis=1).max(initial=0)) + 1):
        wanted = _monomials(step.powers_, degree)
        lower, factor = zip(*(_split(alpha, column_of) for alpha in wanted))
        base = Jet.concatenate(columns)
        columns.append(base[:, list(lower)] * jet[:, list(factor)])
        column_of |= {alpha: len(column_of) + i for i, alpha in enumerate(wanted)}
    found = [column_of[tuple(alpha)] for alpha in step.powers_.tolist()]
    return Jet.concatenate(columns)[:, found]


def _monomials(powers, degree):
    """The monomials of one degree on the way to those wanted, each reached by its last factors."""
    found = {}
    for alpha in powers.tolist():
        for feature in reversed(range(len(alpha))):
            excess = max(sum(alpha) - degree, 0)
            alpha[feature] -= min(excess, alpha[feature])
        if sum(alpha) == degree:
            found[tuple(alpha)] = None
    return list(found)


def _split(alpha, column_of):
    """A monomial as a known one times a feature: their columns."""
    feature = max(i for i, power in enumerate(alpha) if power)
    lower = tuple(power - (i == feature) for i, power in enumerate(alpha))
    return column_of[lower], feature


@propagate.register
def _(step: SplineTransformer, jet):
    if step.extrapolation == "linear" and step.degree < 2 and len(step.bsplines_) > 1:
        raise TypeError(
            "SplineTransformer(degree < 2, extrapolation='linear') cannot be differentiated for "
            "several features: scikit-learn's transform takes wrong knots there (1.9.1 raises its "
            "degree from feature to feature). Use degree=2 or more, or 'constant'."
        )
    if jet.order > step.degree:
        warn_once(
            jet,
            f"SplineTransformer(degree={step.degree}) is piecewise polynomial: its derivatives of "
            f"order above {step.degree} are zero almost everywhere. Raise its degree.",
        )
    columns = [_expand(step, spline, jet[:, [j]]) for j, spline in enumerate(step.bsplines_)]
    kept = slice(None) if step.include_bias else slice(None, -1)
    return Jet.concatenate([column[:, kept] for column in columns])


def _expand(step, spline, x):
    """All basis functions of one column; at a knot the derivatives of its right side."""
    missing = np.isnan(x.value)
    low, high = spline.t[spline.k], spline.t[-spline.k - 1]
    if step.extrapolation == "periodic":
        low, high = spline.t[spline.k], spline.t[spline.t.size - spline.k - 1]
    x = replace_where(x, missing, low)
    at, top = x.value[:, 0], min(x.order, step.degree)
    if step.extrapolation == "periodic":
        at = low + (at - low) % (high - low) if high > low else np.zeros_like(at)
    outside = ((at < low) | (at > high))[:, None]
    inner = np.clip(at, low, high) if step.extrapolation in ("constant", "linear") else at
    _check_range(step, outside & ~missing)
    coefficients = [spline(inner, k) / factorial(k) for k in range(max(top, 1) + 1)]
    if step.extrapolation == "linear":
        beyond = coefficients[0] + (at - inner)[:, None] * coefficients[1]
        curved = [c * ~outside for c in coefficients[2:]]
        coefficients = [beyond, coefficients[1], *curved]
    elif step.extrapolation == "constant":
        coefficients[1:] = [c * ~outside for c in coefficients[1:]]
    return replace_where(x.compose(coefficients), missing, 0.0)


def _check_range(step, outside):
    if step.extrapolation == "error" and outside.any():
        raise ValueError(
            "X contains values beyond the limits of the knots: fit SplineTransformer with another "
            "extrapolation, or on a wider range."
        )
