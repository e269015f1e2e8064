"""Names with units, such as "velocity [mm/s]", and those of derivatives of them."""

import re
from collections.abc import Sequence

__all__ = ["derivative_label", "derivative_name", "derivative_unit", "split_unit", "with_unit"]

NAME_AND_UNIT = re.compile(r"(?P<name>.+?)\s+(?:\[(?P<square>[^][]+)\]|\((?P<round>[^()]+)\))")
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def split_unit(label: str) -> tuple[str, str | None]:
    """The name and the unit of a label; None where it names no unit.

    >>> split_unit("velocity [mm/s]"), split_unit("time (ms)"), split_unit("x0")
    (('velocity', 'mm/s'), ('time', 'ms'), ('x0', None))
    """
    found = NAME_AND_UNIT.fullmatch(label)
    if found is None:
        return label, None
    return found["name"], (found["square"] or found["round"]).strip()


def with_unit(name: str, unit: str | None) -> str:
    """A label of a name and its unit.

    >>> with_unit("velocity", "mm/s"), with_unit("velocity", None)
    ('velocity [mm/s]', 'velocity')
    """
    return name if unit is None else f"{name} [{unit}]"


def derivative_name(output: str, features: Sequence[str], orders: Sequence[int]) -> str:
    """The name of a derivative, an order for each feature.

    With several features it is a partial derivative.

    >>> derivative_name("position", ["time"], [2])
    'd²(position)/d(time)²'
    >>> derivative_name("u", ["x", "t"], [2, 1])
    '∂³(u)/∂(x)²∂(t)'
    """
    if not any(orders):
        return output
    d = "d" if len(features) == 1 else "∂"
    below = "".join(f"{d}({name}){_power(k)}" for name, k in zip(features, orders) if k)
    return f"{d}{_power(sum(orders))}({output})/{below}"


def derivative_unit(
    output: str | None, features: Sequence[str | None], orders: Sequence[int]
) -> str | None:
    """The unit of a derivative; None where a unit that it is of is not known.

    >>> derivative_unit("mm", ["ms"], [2])
    'mm/ms²'
    >>> derivative_unit("mm/s", ["ms"], [1])
    'mm/s per ms'
    """
    below = [(unit, k) for unit, k in zip(features, orders) if k]
    if output is None or any(unit is None for unit, _ in below):
        return None
    if not below:
        return output
    powers = [unit if k == 1 else f"{_bracketed(unit)}{_power(k)}" for unit, k in below if unit]
    if len(powers) == 1 and _is_simple(output) and _is_simple(below[0][0]):
        return f"{output}/{powers[0]}"
    return f"{output} per {'·'.join(powers)}"


def derivative_label(output: str, features: Sequence[str], orders: Sequence[int]) -> str:
    """The label of a derivative, from labels that may name units.

    >>> derivative_label("velocity [mm/s]", ["time [ms]"], [1])
    'd(velocity)/d(time) [mm/s per ms]'
    """
    (name, unit), parts = split_unit(output), [split_unit(feature) for feature in features]
    names, units = [part[0] for part in parts], [part[1] for part in parts]
    return with_unit(derivative_name(name, names, orders), derivative_unit(unit, units, orders))


def _power(k):
    return "" if k == 1 else str(k).translate(SUPERSCRIPTS)


def _is_simple(unit):
    return not re.search(r"[\s/·*^⁰-⁹²³¹]", unit)


def _bracketed(unit):
    return unit if _is_simple(unit) else f"({unit})"
