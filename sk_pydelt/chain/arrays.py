"""Which rules compute on arrays of any kind; jets of tensors go to all others through NumPy."""

from collections.abc import Callable
from typing import Any, TypeVar

from ..jets import Jet
from ..jets.blocks import in_row_blocks
from ..jets.namespace import alike, as_numpy, refuse_gradients

__all__ = ["any_array", "apply_rule", "through_numpy"]

Rule = TypeVar("Rule", bound=Callable)


def any_array(rule: Rule) -> Rule:
    """Mark a rule that computes on jets of tensors as on those of NumPy's arrays.

    One that is made of the arithmetic of jets and of rules for other steps does. The others are
    given NumPy's arrays alone, and autograd does not follow them.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator, TransformerMixin
    >>> from sk_pydelt.chain import any_array, propagate
    >>> class Double(TransformerMixin, BaseEstimator):
    ...     def fit(self, X, y=None):
    ...         return self
    ...
    ...     def transform(self, X):
    ...         return 2 * X
    >>> @propagate.register
    ... @any_array
    ... def _(step: Double, jet):
    ...     return 2 * jet
    >>> import torch
    >>> from sk_pydelt.jets import Jet
    >>> propagate(Double(), Jet.variables(torch.ones(1, 1), order=1)).partial((1,))
    tensor([[2.]])
    """
    rule.any_array = True  # type: ignore[attr-defined]
    return rule


def apply_rule(rule: Callable, step: Any, jet: Jet, *args: Any) -> Any:
    """What a rule makes of a jet, which is brought to NumPy and back where the rule asks for it."""
    if getattr(rule, "any_array", False):
        return rule(step, jet, *args)
    return through_numpy(rule, step, jet, *args)


def through_numpy(rule: Callable, step: Any, jet: Jet, *args: Any) -> Any:
    """What a rule that knows only NumPy makes of a jet of any arrays, as arrays like the jet's.

    Raises
    ------
    TypeError
        Autograd records the jet, and would lose it here.
    """
    refuse_gradients(jet.parts, type(step).__name__)

    def of_numpy(part):
        return rule(step, part, *args)

    plain = Jet([as_numpy(part) for part in jet.parts], jet.order, jet.n_variables)
    if args:  # numbers of all rows together
        return alike(of_numpy(plain), jet.value)
    entries = plain.value.shape[1] * sum(len(part) for part in plain.parts)
    return in_row_blocks(of_numpy, plain, entries).map_parts(lambda part: alike(part, jet.value))
