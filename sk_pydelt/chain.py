"""The chain rule: how a jet passes through each fitted scikit-learn step, one rule per class."""

import warnings
from functools import singledispatch

from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from .jet import Jet

__all__ = ["entrance", "propagate", "propagate_inverse", "propagate_std", "warn_once"]


@singledispatch
def propagate(step, jet: Jet) -> Jet:
    """Pass a jet through a fitted transformer or regressor.

    The rule is chosen by the class of `step`. A new one is registered with
    ``propagate.register``; it must compute on the jet what the step's `transform` or `predict`
    computes on an array, and work for jets without rows (the dry run by which
    `sk_pydelt.differentiate` finds out what a model can do).

    Parameters
    ----------
    step : fitted estimator
    jet : Jet of shape (n, n_features_in)

    Returns
    -------
    Jet of shape (n, n_features_out) or (n, n_outputs)

    Raises
    ------
    TypeError
        No rule is registered for the class of `step`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_pydelt.jet import Jet
    >>> scaler = StandardScaler().fit([[0.0], [4.0]])
    >>> propagate(scaler, Jet.variables(np.array([[1.0]]), order=1)).partial((1,))
    array([[0.5]])
    """
    name = type(step).__name__
    raise TypeError(
        f"{name} cannot be differentiated: no rule says how a derivative passes through it. "
        f"Leave the step out, or register a rule with "
        f"sk_pydelt.chain.propagate.register({name})(rule), where rule(step, jet) returns a Jet."
    )


@singledispatch
def propagate_inverse(step, jet: Jet) -> Jet:
    """Pass a jet through the `inverse_transform` of a fitted transformer; see `propagate`."""
    name = type(step).__name__
    raise TypeError(
        f"The inverse of {name} cannot be differentiated: no rule says how a derivative passes "
        f"through it. Use another y_scaler, or register a rule with "
        f"sk_pydelt.chain.propagate_inverse.register({name})(rule), where rule(step, jet) "
        "returns a Jet."
    )


@singledispatch
def propagate_std(step, jet: Jet, index):
    """Standard deviation of one partial derivative of what a fitted regressor predicts.

    Parameters
    ----------
    step : fitted regressor
    jet : Jet of shape (n, n_features_in), of order ``sum(index)``
    index : tuple of int
        The orders of the partial derivative, one for each variable of the jet.

    Returns
    -------
    array of shape (n, n_outputs)

    Raises
    ------
    TypeError
        No rule is registered for the class of `step`: it is not known how its derivatives
        are distributed.
    """
    name = type(step).__name__
    raise TypeError(
        f"{name} gives no standard deviation: use BayesianNeuralNetworkInterpolator, or register a "
        f"rule with sk_pydelt.chain.propagate_std.register({name})(rule), where "
        "rule(step, jet, index) returns an array."
    )


def warn_once(jet: Jet, message: str) -> None:
    """Warn on the dry run only, so that one call warns once however many blocks of rows follow."""
    if jet.value.shape[0] == 0:
        warnings.warn(message, UserWarning, stacklevel=2)


@propagate.register
def _(step: StandardScaler, jet):
    jet = jet - step.mean_ if step.with_mean else jet
    return jet / step.scale_ if step.with_std else jet


@propagate_inverse.register
def _(step: StandardScaler, jet):
    jet = jet * step.scale_ if step.with_std else jet
    return jet + step.mean_ if step.with_mean else jet


@propagate.register
def _(step: MinMaxScaler, jet):
    scaled = jet * step.scale_ + step.min_
    if not step.clip:
        return scaled
    # Rounding may take the ends of the data, where the samples are, out of the range.
    in_data = (jet.value >= step.data_min_) & (jet.value <= step.data_max_)
    return _clip(scaled, *step.feature_range, in_data)


def _clip(jet, low, high, inside_too=False):
    """Clip the value; outside [low, high], its ends not counted, all derivatives are zero."""
    value = jet.value
    inside = (value >= low) & (value <= high) | inside_too
    clipped = jet * inside.astype(value.dtype)
    clipped.parts[0] = value.clip(low, high)[None, ...]
    return clipped


@propagate_inverse.register
def _(step: MinMaxScaler, jet):
    return (jet - step.min_) / step.scale_


@propagate.register
def _(step: MaxAbsScaler, jet):
    jet = jet / step.scale_
    return _clip(jet, -1.0, 1.0) if getattr(step, "clip", False) else jet  # scikit-learn >= 1.8


@propagate_inverse.register
def _(step: MaxAbsScaler, jet):
    return jet * step.scale_


@propagate.register
def _(step: RobustScaler, jet):
    jet = jet - step.center_ if step.with_centering else jet
    return jet / step.scale_ if step.with_scaling else jet


@propagate_inverse.register
def _(step: RobustScaler, jet):
    jet = jet * step.scale_ if step.with_scaling else jet
    return jet + step.center_ if step.with_centering else jet


@propagate.register
def _(step: FunctionTransformer, jet):
    return _identity(step, jet, step.func)


@propagate_inverse.register
def _(step: FunctionTransformer, jet):
    return _identity(step, jet, step.inverse_func)


def _identity(step, jet, function):
    if function is not None:
        raise TypeError(
            f"{step} cannot be differentiated: the derivative of its function is not known. Put "
            "the function into a transformer class of your own, and register a rule for that class "
            "with sk_pydelt.chain.propagate.register (propagate_inverse.register for a y_scaler)."
        )
    return jet


@propagate.register
def _(step: Pipeline, jet):
    for name, part in _active_steps(step):
        try:
            jet = propagate(part, jet)
        except TypeError as error:
            raise TypeError(f"In step {name!r} of the pipeline: {error}") from error
    return jet


@propagate.register
def _(step: BaseSearchCV, jet):
    return propagate(_best_estimator(step), jet)


@propagate_std.register
def _(step: Pipeline, jet, index):
    *before, (_, last) = _active_steps(step)
    for _, part in before:
        jet = propagate(part, jet)
    return propagate_std(last, jet, index)


@propagate_std.register
def _(step: BaseSearchCV, jet, index):
    return propagate_std(_best_estimator(step), jet, index)


def _active_steps(pipeline):
    return [(name, part) for name, part in pipeline.steps if part not in (None, "passthrough")]


def _best_estimator(search):
    if not hasattr(search, "best_estimator_"):
        raise TypeError(
            f"{type(search).__name__}(refit=False) keeps no fitted model to differentiate: "
            "set refit=True."
        )
    return search.best_estimator_


def entrance(model):
    """The fitted step that X meets first in a model: it knows X's features and their names.

    Where that step is a "passthrough", a pipeline itself does not know them.
    """
    if isinstance(model, BaseSearchCV):
        return entrance(_best_estimator(model))
    if isinstance(model, Pipeline) and _active_steps(model):
        return entrance(_active_steps(model)[0][1])
    return model
