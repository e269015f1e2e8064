"""Rules for regressors made of regressors: averages, stacks, one for each output, chains."""

import numpy as np
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.multioutput import MultiOutputRegressor, RegressorChain

from ..jets import Jet
from .arrays import any_array
from .registry import entrance, predicts_1d, propagate, propagate_transform, within

__all__ = []


@any_array
def _named_predictions(step, jet):
    """What each estimator of a vote or stack predicts, beside each other."""
    names = [name for name, part in step.estimators if part != "drop"]
    jets = []
    for name, part in zip(names, step.estimators_):
        with within(name):
            jets.append(propagate(part, jet))
    return Jet.concatenate(jets)


@propagate.register
@any_array
def _(step: VotingRegressor, jet):
    weights = step._weights_not_none
    weights = np.ones(len(step.estimators_)) if weights is None else np.asarray(weights)
    return _named_predictions(step, jet) @ (weights / weights.sum())[:, None]


propagate_transform.register(VotingRegressor, _named_predictions)
for cls in (VotingRegressor, StackingRegressor):
    entrance.register(cls, lambda step: entrance(step.estimators_[0]))


@propagate.register
@any_array
def _(step: BaggingRegressor, jet):
    total = 0
    for i, (part, features) in enumerate(zip(step.estimators_, step.estimators_features_)):
        with within(f"estimators_[{i}]"):
            total = propagate(part, jet[:, features]) + total
    return total / len(step.estimators_)


@propagate_transform.register
@any_array
def _(step: StackingRegressor, jet):
    predictions = _named_predictions(step, jet)
    return Jet.concatenate([predictions, jet]) if step.passthrough else predictions


@propagate.register
@any_array
def _(step: StackingRegressor, jet):
    jet = propagate_transform(step, jet)
    with within("final_estimator"):
        return propagate(step.final_estimator_, jet)


@propagate.register
@any_array
def _(step: MultiOutputRegressor, jet):
    with within("estimator"):
        return Jet.concatenate([propagate(part, jet) for part in step.estimators_])


@propagate.register
@any_array
def _(step: RegressorChain, jet):
    with within("estimator"):
        for part in step.estimators_:
            jet = Jet.concatenate([jet, propagate(part, jet)])
    first = jet.value.shape[1] - len(step.estimators_)
    return jet[:, first + np.argsort(step.order_)]


predicts_1d.register(VotingRegressor, lambda step: True)
predicts_1d.register(BaggingRegressor, lambda step: predicts_1d(step.estimators_[0]))
predicts_1d.register(StackingRegressor, lambda step: predicts_1d(step.final_estimator_))
for cls in (MultiOutputRegressor, RegressorChain):
    predicts_1d.register(cls, lambda step: False)
