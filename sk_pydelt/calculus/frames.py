"""Derivatives as frames with named columns."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["check_container", "make_frame", "named_column"]

CONTAINERS = ("default", "pandas", "polars")


def check_container(name: str) -> str:
    """The name of a container, or a ValueError."""
    if name not in CONTAINERS:
        raise ValueError(f"transform must be one of {CONTAINERS}; got {name!r}.")
    return name


def column_name(output: str, alpha: tuple[int, ...], names: Sequence[str]) -> str:
    """A name such as dy/dx, d2y/dx2 or d3y1/dx2dt.

    >>> column_name("y", (2, 1), ["x", "t"])
    'd3y/dx2dt'
    """
    power = str(sum(alpha)) if sum(alpha) > 1 else ""
    below = [f"d{name}{a if a > 1 else ''}" for name, a in zip(names, alpha) if a]
    return f"d{power}{output}/{''.join(below)}"


def make_frame(
    container: str,
    X: Any,
    values: np.ndarray,
    alphas: Sequence[tuple[int, ...]],
    names: Sequence[str],
    outputs: Sequence[str],
) -> Any:
    """A frame of values (n, m, n_partials), one column for each output and partial derivative."""
    columns = [column_name(output, alpha, names) for output in outputs for alpha in alphas]
    table = np.ascontiguousarray(values).reshape(len(values), -1)
    if container == "pandas":
        import pandas as pd

        return pd.DataFrame(table, columns=columns, index=X.index if hasattr(X, "iloc") else None)
    import polars as pl

    return pl.DataFrame(table, schema=columns, orient="row")


def named_column(x: np.ndarray, model: BaseEstimator) -> Any:
    """Places x (n,) as a model of one feature takes them: a frame where it was fitted to one."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        return x.reshape(-1, 1)
    library = next(filter(find_spec, ("pandas", "polars")), None)
    return import_module(library).DataFrame({names[0]: x}) if library else x.reshape(-1, 1)
