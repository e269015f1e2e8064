"""Rules for transformers that shift, scale, clip or normalise."""

import numpy as np
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from ..jets.elementary import replace_where, row_sum
from ..jets.namespace import alike, namespace
from .arrays import any_array
from .registry import propagate, propagate_inverse

__all__ = []


@propagate.register
@any_array
def _(step: StandardScaler, jet):
    jet = jet - step.mean_ if step.with_mean else jet
    return jet / step.scale_ if step.with_std else jet


@propagate_inverse.register
@any_array
def _(step: StandardScaler, jet):
    jet = jet * step.scale_ if step.with_std else jet
    return jet + step.mean_ if step.with_mean else jet


@propagate.register
@any_array
def _(step: MinMaxScaler, jet):
    scaled = jet * step.scale_ + step.min_
    if not step.clip:
        return scaled
    # Rounding may take the ends of the data, where the samples are, out of the range.
    first, last = (alike(end, jet.value) for end in (step.data_min_, step.data_max_))
    in_data = (jet.value >= first) & (jet.value <= last)
    low, high = step.feature_range
    return _clip(scaled, low, high, in_data)


def _clip(jet, low, high, inside_too=False):
    """Clip the value; outside [low, high], its ends not counted, all derivatives are zero."""
    inside = (jet.value >= low) & (jet.value <= high) | inside_too
    clipped = replace_where(jet, ~inside, 0.0)
    clipped.parts[0] = namespace(jet.value).clip(jet.value, low, high)[None]
    return clipped


@propagate_inverse.register
@any_array
def _(step: MinMaxScaler, jet):
    return (jet - step.min_) / step.scale_


@propagate.register
@any_array
def _(step: MaxAbsScaler, jet):
    jet = jet / step.scale_
    return _clip(jet, -1.0, 1.0) if getattr(step, "clip", False) else jet  # scikit-learn >= 1.8


@propagate_inverse.register
@any_array
def _(step: MaxAbsScaler, jet):
    return jet * step.scale_


@propagate.register
@any_array
def _(step: RobustScaler, jet):
    jet = jet - step.center_ if step.with_centering else jet
    return jet / step.scale_ if step.with_scaling else jet


@propagate_inverse.register
@any_array
def _(step: RobustScaler, jet):
    jet = jet * step.scale_ if step.with_scaling else jet
    return jet + step.center_ if step.with_centering else jet


@propagate.register
def _(step: Normalizer, jet):
    """Divide each row by its norm; a row of zeros stays, and is flat there."""
    empty = ~jet.value.any(axis=1, keepdims=True)
    safe = replace_where(jet, empty, 1.0)
    return replace_where(safe / _norm(safe, step.norm), empty, 0.0)


def _norm(jet, norm):
    """Norm of each row: (n, 1). The sign of a zero counts as +, of equal maxima the first rules."""
    if norm == "l2":
        return row_sum(jet.square()) ** 0.5
    size = jet * np.where(jet.value < 0, -1.0, 1.0)
    if norm == "l1":
        return row_sum(size)
    largest = np.argmax(size.value, axis=1)[:, None]
    return row_sum(size * (np.arange(size.value.shape[1]) == largest))
