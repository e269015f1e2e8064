"""What Displays share: axes to draw on, keywords, names of features and outputs."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..calculus.evaluation import output_labels
from ..checks import column_names

__all__ = ["feature_position", "output_names", "output_position", "panels", "with_defaults"]


def panels(caller: str, ax: Any, n_rows: int = 1, n_columns: int = 1) -> np.ndarray:
    """Axes to draw on, shape (n_rows * n_columns,): those given, or of a new figure."""
    check_matplotlib_support(caller)
    n = n_rows * n_columns
    if ax is not None:
        given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(given) != n:
            raise ValueError(f"ax must hold {n} axes, one for each panel; got {len(given)}.")
        return given
    import matplotlib.pyplot as plt

    size = (1.6 + 4.8 * n_columns, 1.2 + 2.6 * n_rows)
    figure = plt.figure(figsize=size, layout="constrained")
    return figure.subplots(n_rows, n_columns, sharex=n_columns == 1, squeeze=False).ravel()


def with_defaults(given: dict | None, **defaults: Any) -> dict:
    """Keywords for matplotlib: those that the caller gave go before."""
    return defaults | (given or {})


def output_names(model: BaseEstimator, y: Any, n_outputs: int) -> list[str]:
    """Names of the outputs: those of y where it has some, or of the model."""
    names = None if y is None else column_names(y)
    if names is not None and len(names) == n_outputs:
        return [str(name) for name in names]
    return output_labels(model, n_outputs, n_outputs > 1)


def feature_position(feature: int | str, names: list[str]) -> int:
    """The number of a feature that is given by its name or number, or a ValueError."""
    return _position(feature, names, "feature")


def output_position(output: int | str, names: list[str]) -> int:
    """The number of an output that is given by its name or number, or a ValueError."""
    return _position(output, names, "output")


def _position(given, names, kind):
    if isinstance(given, str) and given in names:
        return names.index(given)
    if isinstance(given, int | np.integer) and 0 <= given < len(names):
        return int(given)
    raise ValueError(f"{kind} must be one of {names}, or its number; got {given!r}.")
