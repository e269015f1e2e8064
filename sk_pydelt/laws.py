"""Laws that a function is known to fulfil: linear in its values and partial derivatives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["NAMED_LAWS", "LinearLaw", "boundary_values", "expanded"]

Coefficient = float | Callable[[np.ndarray], ArrayLike]
Key = str | int | tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class LinearLaw:
    r"""A linear law, :math:`\sum_j c_j(x)\, \partial^{\alpha_j} f_{o_j}(x) = g(x)`.

    All is in the units of the user's data, whatever the scalers.

    Parameters
    ----------
    terms : dict
        Coefficients :math:`c_j`, a number or a function of X (n, d) with results (n,), by what they
        multiply: an output, or a tuple of an output and the features that it is differentiated by,
        one for each time. Outputs and features are named, or numbered from 0; the only output of
        1-D y is "y" where it has no name. ``("u", "x", "x")`` is ∂²u/∂x².
    right_side : float, array of shape (k,) or callable, default=0.0
        g: a number, one for each of the places given, or a function of X (n, d).
    places : array-like of shape (k, d), default=None
        Where the law holds. None is everywhere: at the samples, and at `law_places` more.
    name : str, default=None
        By which `law_residuals_` names it. None is the law as a formula.

    Examples
    --------
    Heat that is conducted along a rod, u_t = 0.1 u_xx:

    >>> from sk_pydelt import LinearLaw
    >>> print(LinearLaw({("u", "t"): 1.0, ("u", "x", "x"): -0.1}))
    u_t - 0.1 u_xx = 0
    """

    terms: Mapping[Key, Coefficient]
    right_side: float | ArrayLike | Callable[[np.ndarray], ArrayLike] = 0.0
    places: ArrayLike | None = None
    name: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pairs in place of a dict, whose keys skops takes for text."""
        return {**vars(self), "terms": list(self.terms.items())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, terms=dict(state["terms"]))

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        shown = " ".join(_term(*pair, first=not i) for i, pair in enumerate(self.terms.items()))
        is_number = isinstance(self.right_side, int | float)
        return f"{shown} = {format(self.right_side, 'g') if is_number else 'g'}"


def boundary_values(output: str | int, places: ArrayLike, values: Any = 0.0) -> LinearLaw:
    """The law that an output has given values at given places.

    Parameters
    ----------
    output : str or int
    places : array-like of shape (k, d)
    values : float, array-like of shape (k,) or callable, default=0.0

    Returns
    -------
    LinearLaw

    Examples
    --------
    No slip at a wall, y = 0:

    >>> import numpy as np
    >>> from sk_pydelt import boundary_values
    >>> x = np.linspace(0, 1, 20)
    >>> print(boundary_values("u", np.column_stack([x, np.zeros(20)])))
    u at 20 places
    """
    places = np.asarray(places)
    return LinearLaw({output: 1.0}, values, places, f"{output} at {len(places)} places")


def _term(key, coefficient, first):
    output, *features = key if isinstance(key, tuple) else (key,)
    by = f"_{''.join(map(str, features))}" if features else ""
    symbol = f"{output if isinstance(output, str) else f'f{output}'}{by}"
    if callable(coefficient):
        return f"{'' if first else '+ '}c {symbol}"
    sign = ("-" if first else "- ") if coefficient < 0 else ("" if first else "+ ")
    size = abs(coefficient)
    return f"{sign}{'' if size == 1 else f'{size:g} '}{symbol}"


def _divergence_free(n_features, n_outputs):
    return [LinearLaw({(i, i): 1.0 for i in range(n_features)}, name="divergence-free")]


def _curl_free(n_features, n_outputs):
    """Of each plane; in two dimensions there is one."""
    planes = list(combinations(range(n_features), 2))
    apart = len(planes) > 1
    return [
        LinearLaw({(j, i): 1.0, (i, j): -1.0}, name="curl-free" + apart * f" ({i}, {j})")
        for i, j in planes
    ]


def _harmonic(n_features, n_outputs):
    """Of each output."""
    return [
        LinearLaw(
            {(o, i, i): 1.0 for i in range(n_features)},
            name="harmonic" + (n_outputs > 1) * f" ({o})",
        )
        for o in range(n_outputs)
    ]


NAMED_LAWS = {
    "divergence-free": _divergence_free,
    "curl-free": _curl_free,
    "harmonic": _harmonic,
}


def expanded(laws: Sequence[str | LinearLaw], n_features: int, n_outputs: int) -> list[LinearLaw]:
    """Laws, those that are named written out.

    Raises
    ------
    ValueError
        No such name, or a law of vector fields for another number of outputs.
    TypeError
        Something that is no law.
    """
    if isinstance(laws, str | LinearLaw):
        laws = [laws]
    found = []
    for law in laws:
        if isinstance(law, LinearLaw):
            found.append(law)
            continue
        if not isinstance(law, str):
            raise TypeError(
                f"laws must hold sk_pydelt.LinearLaw, or names: {', '.join(NAMED_LAWS)}; got "
                f"{law!r}."
            )
        if law not in NAMED_LAWS:
            raise ValueError(
                f"laws names {law!r}, and the known names are {', '.join(map(repr, NAMED_LAWS))}: "
                "write other laws as sk_pydelt.LinearLaw({('u', 't'): 1.0, ...})."
            )
        if law != "harmonic" and (n_outputs != n_features or n_features < 2):
            raise ValueError(
                f"{law!r} is a law of vector fields, with as many outputs as features, 2 at least; "
                f"got {n_outputs} outputs and {n_features} features. Write a law of some of them "
                "as sk_pydelt.LinearLaw({(output, feature): coefficient, ...})."
            )
        found += NAMED_LAWS[law](n_features, n_outputs)
    return found
