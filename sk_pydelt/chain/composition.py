"""Rules for models made of models: pipelines, searches, frozen estimators, transformed targets."""

from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from ..jets.namespace import alike
from .arrays import any_array, apply_rule
from .latents import Transformed, latent
from .links import moments_of_link
from .registry import (
    entrance,
    home,
    output_names,
    predicts_1d,
    propagate,
    propagate_cov,
    propagate_inverse,
    propagate_std,
    propagate_sum_std,
    propagate_transform,
    within,
)
from .target import linear_factors, output_factors

__all__ = []

SPREADS = propagate_std, propagate_sum_std, propagate_cov, latent  # what a step at the end has


def _active_steps(pipeline):
    return [(name, part) for name, part in pipeline.steps if part not in (None, "passthrough")]


def _before_last(pipeline, jet):
    """The jet as it comes to the last step."""
    for name, part in _active_steps(pipeline):
        if part is pipeline.steps[-1][1]:
            break
        with within(name):
            jet = propagate_transform(part, jet)
    return jet


def _last(pipeline):
    """Name and step at the end, None for a step that does nothing."""
    name, part = pipeline.steps[-1]
    return name, None if part in (None, "passthrough") else part


@propagate.register
@any_array
def _(step: Pipeline, jet):
    jet, (name, last) = _before_last(step, jet), _last(step)
    if last is None:
        return jet
    with within(name):
        return propagate(last, jet)


@propagate_transform.register
@any_array
def _(step: Pipeline, jet):
    jet, (name, last) = _before_last(step, jet), _last(step)
    if last is None:
        return jet
    with within(name):
        return propagate_transform(last, jet)


@propagate_inverse.register
@any_array
def _(step: Pipeline, jet):
    for name, part in reversed(_active_steps(step)):
        with within(name):
            jet = propagate_inverse(part, jet)
    return jet


def _spread_of_last(table):
    """A table's rule for the step at the end."""

    @any_array
    def rule(step, jet, *args):
        name, last = _last(step)
        with within(name):
            return table(last, _before_last(step, jet), *args)

    return rule


for table in SPREADS:
    table.register(Pipeline, _spread_of_last(table))


@predicts_1d.register
def _(step: Pipeline):
    return predicts_1d(_last(step)[1])


@output_names.register
def _(step: Pipeline):
    return output_names(_last(step)[1])


@home.register
def _(step: Pipeline):
    return home(_last(step)[1])


@entrance.register
def _(step: Pipeline):
    steps = _active_steps(step)
    return entrance(steps[0][1]) if steps else step


def _best_estimator(search):
    if not hasattr(search, "best_estimator_"):
        raise TypeError(
            f"{type(search).__name__}(refit=False) keeps no fitted model to differentiate: "
            "set refit=True."
        )
    return search.best_estimator_


def _register_wrapper(cls, inside):
    """A model that only holds another has every rule of that one."""
    tables = entrance, home, output_names, predicts_1d, propagate, propagate_transform
    tables += propagate_inverse, *SPREADS
    for table in tables:
        rule = any_array(lambda step, *args, table=table: table(inside(step), *args))
        table.register(cls, rule)


_register_wrapper(BaseSearchCV, _best_estimator)
_register_wrapper(FrozenEstimator, lambda step: step.estimator)


@propagate.register
@any_array
def _(step: TransformedTargetRegressor, jet):
    with within("regressor"):
        jet = propagate(step.regressor_, jet)
    with within("transformer"):
        return propagate_inverse(step.transformer_, jet)


def _spread_of_target(table, power=1):
    """A table's rule for a target that is scaled and shifted."""

    @any_array
    def rule(step, *args):
        with within("regressor"):
            spread = table(step.regressor_, *args)
        with within("transformer"):
            factors = output_factors(step.transformer_, spread.shape[-1])
        return spread * alike(abs(factors) ** power, spread)

    return rule


_std_of_linear = _spread_of_target(propagate_std)


@propagate_std.register
@any_array
def _(step: TransformedTargetRegressor, jet, index):
    n_outputs = propagate(step.regressor_, jet[:0]).value.shape[1]
    if linear_factors(step.transformer_, n_outputs) is not None:
        return _std_of_linear(step, jet, index)
    return apply_rule(_std_through_link, step, jet, index)


def _std_through_link(step, jet, index):
    return moments_of_link(latent(step, jet), index)[1]


@latent.register
def _(step: TransformedTargetRegressor, jet):
    with within("regressor"):
        return Transformed(latent(step.regressor_, jet), step.transformer_)


propagate_sum_std.register(TransformedTargetRegressor, _spread_of_target(propagate_sum_std))
propagate_cov.register(TransformedTargetRegressor, _spread_of_target(propagate_cov, power=2))


@predicts_1d.register
def _(step: TransformedTargetRegressor):
    return step._training_dim == 1


@home.register
def _(step: TransformedTargetRegressor):
    return home(step.regressor_)


@entrance.register
def _(step: TransformedTargetRegressor):
    return entrance(step.regressor_)
