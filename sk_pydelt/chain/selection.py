"""Rules for steps that keep some of the features."""

import numpy as np
from sklearn.feature_selection import RFE
from sklearn.feature_selection._base import SelectorMixin

from .arrays import any_array
from .registry import predicts_1d, propagate, propagate_inverse, propagate_transform

__all__ = []


@any_array
def _select(step, jet):
    return jet[:, step.get_support(indices=True)]


propagate.register(SelectorMixin, _select)
propagate_transform.register(SelectorMixin, _select)


@propagate.register
@any_array
def _(step: RFE, jet):
    """At the end of a model RFE predicts, by the estimator fitted to the features it kept."""
    return propagate(step.estimator_, _select(step, jet))


predicts_1d.register(RFE, lambda step: predicts_1d(step.estimator_))


@propagate_inverse.register
@any_array
def _(step: SelectorMixin, jet):
    support = step.get_support()
    return jet @ np.eye(len(support))[support]
