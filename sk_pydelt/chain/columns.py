"""Rules for steps that send columns different ways: FeatureUnion, ColumnTransformer, imputers."""

from numbers import Integral

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion
from sklearn.utils import _safe_indexing

from ..jets import Jet
from ..jets.elementary import replace_where
from ..jets.namespace import is_recorded
from .arrays import any_array
from .registry import entrance, propagate, propagate_transform, within
from .rows_jet import RowsJet

__all__ = []


def _part(step, jet, name):
    """One branch: a transformer, or "passthrough" for the columns as they are."""
    if isinstance(step, str) and step == "passthrough":
        return jet
    with within(name):
        return propagate_transform(step, jet)


@propagate.register
@any_array
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
@any_array
def _(step: ColumnTransformer, jet):
    jets, weights = [jet[:, :0]], step.transformer_weights or {}
    for name, part, key in step.transformers_:
        columns = np.asarray(step._transformer_to_input_indices[name], dtype=int)
        if len(columns) and not (isinstance(part, str) and part == "drop"):
            as_one = isinstance(key, str | Integral)  # the transformer takes a column, not a table
            found = _branch(step, name, part, jet, columns, as_one)
            jets.append(found * weights.get(name, 1.0))
    return Jet.concatenate(jets)


def _branch(step, name, part, jet, columns, as_one):
    """What one branch makes of its columns: a constant where none moves, for autograd neither."""
    if not isinstance(jet, RowsJet):
        return _part(part, jet[:, columns], name)
    jet = jet.columns(columns)
    if not jet.moving.any() and not is_recorded(jet.value):
        made = step.output_indices_[name]
        return jet.held(_transform_of(part, as_one), made.stop - made.start)
    if not jet.numeric.all() and not hasattr(entrance(part), "transformers_"):
        with within(name):
            raise TypeError(
                f"{type(part).__name__} cannot be differentiated here: it takes columns that hold "
                "no numbers together with some that are differentiated. Give the two kinds a "
                "transformer each."
            )
    return _part(part, jet, name)


def _transform_of(part, as_one):
    """What a branch computes of its columns, as a function of a table of them."""
    if isinstance(part, str):
        return np.asarray
    if as_one:
        return lambda table: part.transform(_safe_indexing(table, 0, axis=1))
    return part.transform


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
