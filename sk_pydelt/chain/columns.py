"""Rules for steps that send columns different ways: FeatureUnion, ColumnTransformer, imputers."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion

from ..jet import Jet
from .elementary import replace_where
from .registry import entrance, propagate, propagate_transform, within

__all__ = []


def _part(step, jet, place):
    """One branch: a transformer, or "passthrough" for the columns as they are."""
    if isinstance(step, str) and step == "passthrough":
        return jet
    with within(place):
        return propagate_transform(step, jet)


@propagate.register
def _(step: FeatureUnion, jet):
    weights = step.transformer_weights or {}
    jets = [
        _part(part, jet, name) * weights.get(name, 1.0)
        for name, part in step.transformer_list
        if not (isinstance(part, str) and part == "drop")
    ]
    return Jet.concatenate(jets) if jets else jet[:, :0]


@entrance.register
def _(step: FeatureUnion):
    parts = [part for _, part in step.transformer_list if not isinstance(part, str)]
    return entrance(parts[0]) if parts else step


@propagate.register
def _(step: ColumnTransformer, jet):
    jets = [jet[:, :0]]
    for name, part, _ in step.transformers_:
        columns = np.asarray(step._transformer_to_input_indices[name], dtype=int)
        if len(columns) and not (isinstance(part, str) and part == "drop"):
            jets.append(_part(part, jet[:, columns], name))
    return Jet.concatenate(jets)


@propagate.register
def _(step: SimpleImputer, jet):
    """A missing entry is a constant: nothing depends on it."""
    missing = _is_missing(jet.value, step.missing_values)
    statistics = np.asarray(step.statistics_, dtype=float)
    filled = replace_where(jet, missing, statistics)
    kept = ~_is_missing(statistics, np.nan) | bool(step.keep_empty_features)
    filled = filled[:, np.flatnonzero(kept)]
    if not step.add_indicator:
        return filled
    shown = missing[:, step.indicator_.features_].astype(float)
    return Jet.concatenate([filled, Jet.constant(shown, jet.order, jet.n_variables)])


def _is_missing(values, marker):
    return np.isnan(values) if _is_nan(marker) else values == marker


def _is_nan(marker):
    return not isinstance(marker, str) and (marker is None or np.isnan(float(marker)))
