"""Laws at their places in a TensorFlow graph."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...law_rows import LawRows
from .framework import tf
from .taylor import taylor

__all__ = ["LawForm", "LawTensors", "law_form", "law_loss", "law_specs", "law_tensors"]


class LawForm(NamedTuple):
    """What a graph depends on of some laws at the same places."""

    order: int
    n_variables: int
    n_outputs: int
    n_parts: int


class LawTensors(NamedTuple):
    """The rest of `LawRows`."""

    parts: tuple
    functional: Any
    target: Any
    weight: Any


def law_form(rows: LawRows, n_outputs: int) -> LawForm:
    """The form of laws for a net of so many outputs."""
    return LawForm(rows.jet.order, rows.jet.n_variables, n_outputs, len(rows.jet.parts))


def law_tensors(rows: LawRows, dtype: str) -> LawTensors:
    """Laws at their places as tensors."""
    parts = tuple(tf.constant(part, dtype) for part in rows.jet.parts)
    rest = (tf.constant(array, dtype) for array in (rows.functional, rows.target, rows.weight))
    return LawTensors(parts, *rest)


def law_specs(forms: Sequence[LawForm], dtype: str) -> tuple[LawTensors, ...]:
    """The signature of `LawTensors` of each form, whatever their sizes."""

    def tensor(rank):
        return tf.TensorSpec([None] * rank, dtype)

    rest = tensor(3), tensor(2), tensor(0)
    return tuple(LawTensors((tensor(3),) * form.n_parts, *rest) for form in forms)


def law_loss(
    function: Callable[[Any], Any], forms: Sequence[LawForm], laws: Sequence[LawTensors]
) -> Any:
    """Mean squared errors of laws at their places, times their weights, summed over all.

    Parameters
    ----------
    function : callable
        From X (n, p) to outputs (n, m) of the net.
    forms, laws : sequence
    """
    total = 0.0
    for form, law in zip(forms, laws):
        order, n_variables, n_outputs, _ = form
        parts = taylor(function, order, n_variables, n_outputs, law.parts)
        by_place = tf.transpose(tf.concat(parts, 0), (1, 0, 2))
        flat = tf.reshape(by_place, (tf.shape(by_place)[0], -1))
        errors = tf.einsum("klt,kt->kl", law.functional, flat) - law.target
        n_places = tf.cast(tf.shape(errors)[0], errors.dtype)
        total += law.weight * tf.reduce_sum(errors**2) / n_places
    return total
