"""Values of a model by its rules, where derivatives are computed: on a device, under autograd."""

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..chain import propagate
from ..jets import Jet
from .evaluation import evaluate
from .rows import Rows

__all__ = ["has_rules", "predicted"]


def predicted(model: BaseEstimator, X: ArrayLike | Rows) -> Any:
    """What a fitted model predicts, (n, m): a tensor where X is one."""
    return evaluate(model, X, 0, lambda jet: jet.value)


def has_rules(model: BaseEstimator, X: Any) -> bool:
    """Whether every step of a fitted model has a rule for arrays like X (n, d).

    Those that only transform need none.
    """
    try:
        propagate(model, Jet.constant(X[:0], 0, 1))
    except TypeError:
        return False
    return True
