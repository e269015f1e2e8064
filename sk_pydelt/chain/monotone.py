"""Rules for functions of one column at a time: FunctionTransformer, power and quantile maps."""

import numpy as np
from scipy import special
from sklearn.isotonic import IsotonicRegression
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, QuantileTransformer

from ..jets.elementary import (
    expm1,
    log1p,
    ndtr,
    ndtri,
    replace_where,
    require_domain,
)
from .arrays import any_array, through_numpy
from .functions import function_rule
from .registry import predicts_1d, propagate, propagate_inverse, warn_once

__all__ = []

EDGE = 1e-7  # QuantileTransformer takes values this near to its ends for the ends


@propagate.register
@any_array
def _(step: FunctionTransformer, jet):
    return _apply(step, step.func, step.kw_args, jet)


@propagate_inverse.register
@any_array
def _(step: FunctionTransformer, jet):
    return _apply(step, step.inverse_func, step.inv_kw_args, jet)


def _apply(step, function, options, jet):
    if function is None:
        return jet
    rule = function_rule(function)
    if rule is None:
        raise TypeError(
            f"{step} cannot be differentiated: the derivative of its function is not known. Tell "
            "it by sk_pydelt.chain.register_function(function, rule), where rule(jet) returns a "
            "Jet, or put the function into a transformer class of your own and register a rule for "
            "that class with sk_pydelt.chain.propagate.register."
        )
    if type(jet.value) is np.ndarray or hasattr(rule, "any_array"):
        return rule(jet, **(options or {}))
    return through_numpy(lambda step, z: rule(z, **(options or {})), step, jet)


@propagate.register
def _(step: PowerTransformer, jet):
    power = _box_cox if step.method == "box-cox" else _yeo_johnson
    jet = power(jet, step.lambdas_)
    return propagate(step._scaler, jet) if step.standardize else jet


@propagate_inverse.register
def _(step: PowerTransformer, jet):
    jet = propagate_inverse(step._scaler, jet) if step.standardize else jet
    inverse = _box_cox_inverse if step.method == "box-cox" else _yeo_johnson_inverse
    return inverse(jet, step.lambdas_)


def _box_cox(jet, power):
    """(x^λ - 1) / λ, and log x at λ = 0."""
    require_domain(jet.value > 0, "The Box-Cox transformation", "above 0")
    return jet.compose(_power_series(jet.value, np.log(jet.value), power, jet.order))


def _box_cox_inverse(jet, power):
    return expm1(_logrel(jet, power)) + 1


def _yeo_johnson(jet, power):
    """Box and Cox's function of 1 + x, and mirrored below 0 with the power 2 - λ there.

    Its derivatives up to the second agree at 0; above, those of the right side are taken.
    """
    sign, size = np.where(jet.value >= 0, 1.0, -1.0), abs(jet.value)
    series = _power_series(1 + size, np.log1p(size), _mirrored(power, sign), jet.order)
    return jet.compose([c * sign ** (k + 1) for k, c in enumerate(series)])


def _yeo_johnson_inverse(jet, power):
    sign = np.where(jet.value >= 0, 1.0, -1.0)
    return expm1(_logrel(jet * sign, _mirrored(power, sign))) * sign


def _mirrored(power, sign):
    return np.where(sign > 0, power, 2 - power)


def _without_zeros(power):
    zero = abs(power) < np.spacing(1.0)
    return zero, np.where(zero, 1.0, power)


def _power_series(base, logarithm, power, top):
    """Taylor coefficients of (x^λ - 1) / λ at x = base, and of log x where λ = 0."""
    zero, safe = _without_zeros(power)
    found = [np.where(zero, logarithm, np.expm1(safe * logarithm) / safe)]
    term = np.exp((power - 1) * logarithm)
    for k in range(1, top + 1):
        found.append(term)
        term = term * (power - k) / ((k + 1) * base)
    return found


def _logrel(jet, power):
    """log(1 + λ z) / λ, and z at λ = 0."""
    zero, safe = _without_zeros(power)
    return log1p(jet * safe * ~zero) / safe + jet * zero


def _segment(x, knots, inside):
    """Slope of interpolation between knots (x, y): right of a knot, but at the last one left."""
    at, heights = knots
    at, first = np.unique(at, return_index=True)
    last = np.append(first[1:], len(heights)) - 1  # of knots that repeat, the segment that leaves
    if len(at) == 1:
        return np.zeros_like(x)
    i = np.clip(np.searchsorted(at, x, side="right"), 1, len(at) - 1)
    rise = heights[first[i]] - heights[last[i - 1]]
    return np.where(inside, rise / (at[i] - at[i - 1]), 0.0)


def _columnwise(jet, function):
    """Value and slope of a function of each column: function(x, j) -> two arrays of shape (n,)."""
    pairs = [function(jet.value[:, j], j) for j in range(jet.value.shape[1])]
    return jet.compose([np.stack(arrays, axis=1) for arrays in zip(*pairs)])


def _warn_of_segments(step, jet):
    if jet.order > 1:
        warn_once(
            jet,
            f"{type(step).__name__} is piecewise linear in its quantiles: what its segments bend "
            "at their joints does not show in derivatives of order 2 and above. Use "
            "PowerTransformer for a smooth map to a normal distribution.",
        )


def _probability(step, quantiles, x):
    """What fraction lies below x, averaged over both readings of a repeated quantile."""
    up = np.interp(x, quantiles, step.references_)
    down = -np.interp(-x, -quantiles[::-1], -step.references_[::-1])
    return (up + down) / 2


@propagate.register
def _(step: QuantileTransformer, jet):
    _warn_of_segments(step, jet)
    normal = step.output_distribution == "normal"
    margin = EDGE if normal else 0.0
    low, high = step.quantiles_[0] + margin, step.quantiles_[-1] - margin
    inside = (jet.value >= low) & (jet.value <= high)

    def column(x, j):
        quantiles = step.quantiles_[:, j]
        between = (x > low[j]) & (x < high[j])
        value = np.where(between, _probability(step, quantiles, x), x >= high[j])
        value = np.where(x <= low[j], 0.0, value)  # last: where all quantiles are one
        return value, _segment(x, (quantiles, step.references_), inside[:, j])

    jet = _columnwise(jet, column)
    return _clipped_ndtri(jet) if normal else jet


def _clipped_ndtri(jet):
    """Normal quantiles up to ±5.2, where scikit-learn cuts them off."""
    ends = special.ndtri([EDGE - np.spacing(1), 1 - (EDGE - np.spacing(1))])
    tail = (jet.value < EDGE) | (jet.value > 1 - EDGE)
    inner = ndtri(replace_where(jet, tail, 0.5))
    return replace_where(inner, tail, np.where(jet.value < 0.5, *ends))


@propagate_inverse.register
def _(step: QuantileTransformer, jet):
    _warn_of_segments(step, jet)
    normal = step.output_distribution == "normal"
    jet = ndtr(jet) if normal else jet
    margin = EDGE if normal else 0.0
    inside = (jet.value >= margin) & (jet.value <= 1 - margin)

    def column(u, j):
        u = np.where(inside[:, j], u, np.round(u))
        value = np.interp(u, step.references_, step.quantiles_[:, j])
        return value, _segment(u, (step.references_, step.quantiles_[:, j]), inside[:, j])

    return _columnwise(jet, column)


@propagate.register
def _(step: IsotonicRegression, jet):
    """Piecewise linear between thresholds, constant beyond them."""
    if jet.order > 1:
        warn_once(jet, "IsotonicRegression is piecewise linear: derivatives above the first are 0.")
    knots = step.X_thresholds_, step.y_thresholds_
    inside = (jet.value[:, 0] >= knots[0][0]) & (jet.value[:, 0] <= knots[0][-1])

    def column(x, j):
        return step.predict(x) if len(x) else x, _segment(x, knots, inside)

    return _columnwise(jet, column)


predicts_1d.register(IsotonicRegression, lambda step: True)
