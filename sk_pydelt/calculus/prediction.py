"""Values of a model by its rules, where derivatives are computed: on a device, under autograd."""

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..chain import propagate
from ..jets import Jet
from .evaluation import map_jets
from .rows import Rows

__all__ = ["has_rules", "predicted"]

VALUE_ROWS = 4096  # at a time on a processor: values are not as large as jets


def predicted(model: BaseEstimator, X: ArrayLike | Rows) -> Any:
    """What a fitted model predicts, (n, m): a tensor where X is one."""
    return map_jets(model, X, 0, None, lambda jet: propagate(model, jet).value, VALUE_ROWS)


def has_rules(model: BaseEstimator, X: Any) -> bool:
    """Whether every step of a fitted model has a rule for arrays like X (n, d).

    Those that only transform need none.
    """
    try:
        propagate(model, Jet.constant(X[:0], 0, 1))
    except TypeError:
        return False
    return True
