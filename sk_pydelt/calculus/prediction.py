"""Values of a model by its rules, where derivatives are computed: on a device, under autograd."""

from typing import Any

from sklearn.base import BaseEstimator

from ..chain import propagate
from .evaluation import map_jets
from .rows import Rows

__all__ = ["predicted"]

VALUE_ROWS = 4096  # at a time on a processor: values are not as large as jets


def predicted(model: BaseEstimator, rows: Rows) -> Any:
    """What a fitted model predicts, (n, m): a tensor where its rows are one.

    None where a step has no rule for such rows: those that only transform need none.
    """
    try:
        return map_jets(model, rows, 0, None, lambda jet: propagate(model, jet).value, VALUE_ROWS)
    except TypeError:
        return None
