"""The rows of X: checked, as numbers, with the columns of a frame that hold none beside them."""

from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_array, get_tags
from sklearn.utils.validation import _is_fitted, check_is_fitted, validate_data

from ..chain import entrance
from ..chain.registry import no_features, no_tags
from ..chain.rows_jet import RowsJet
from ..checks import check_numbers, check_places, described
from ..jets import Jet
from ..jets.blocks import Home
from ..jets.namespace import alike, all_finite, as_numpy, namespace
from ..tensors import is_tensor, like_given, refuse_foreign, stand_in

__all__ = [
    "Rows",
    "branches",
    "moved",
    "n_features",
    "require_fitted",
    "validate_rows",
    "without_rows",
]


@dataclass
class Rows:
    """The rows of X.

    Parameters
    ----------
    values : array or tensor of shape (n, d)
        In float64. NaN in columns that hold no numbers.
    source : frame, array or tensor of n rows and d columns, None without rows
        As the model takes it.
    numeric : array of bool of shape (d,)
        Columns that hold numbers.
    given : tensor, or None
        What the user gave, where results are to be tensors like it.
    """

    values: Any
    source: Any
    numeric: np.ndarray
    given: Any = None

    def answer(self, found: Any) -> Any:
        """Results of the kind of what the user gave."""
        return found if self.given is None else like_given(found, self.given)

    @classmethod
    def of_numbers(cls, values: Any, given: Any = None) -> "Rows":
        """Checked values (n, d) that are all numbers."""
        return cls(values, values, np.ones(values.shape[1], dtype=bool), given)

    @property
    def axes(self) -> np.ndarray:
        """Directions along the columns that hold numbers: (q, d)."""
        return np.eye(len(self.numeric))[self.numeric]

    def jet(
        self, part: range, order: int, directions: np.ndarray, place: Home | None = None
    ) -> RowsJet:
        """The jet of some of the rows, moved along directions, (q, d) or for each row (q, n, d).

        It is where the rows are, or on the device of `place`.
        """
        rows = slice(part.start, part.stop)
        values = self.values[rows] if place is None else place.enter(self.values[rows])
        parts = [values[None]]
        if order:
            lines = directions[:, rows] if directions.ndim == 3 else directions[:, None]
            shape = len(directions), *values.shape
            parts.append(namespace(values).broadcast_to(alike(lines, values), shape))
        jet = Jet(parts, order, len(directions))
        return RowsJet(jet, self._source(rows), moved(directions), self.numeric)

    def _source(self, rows):
        if self.source is None or is_tensor(self.source) or type(self.source) is np.ndarray:
            return self.source if self.source is None else self.source[rows]
        return _safe_indexing(self.source, rows)


def moved(directions: np.ndarray) -> np.ndarray:
    """Which columns directions (q, d) or (q, n, d) move at all."""
    return np.asarray(directions.reshape(-1, directions.shape[-1]).any(axis=0))


def require_fitted(model: BaseEstimator) -> None:
    """Raise a NotFittedError for a model, or a step of one, that is not fitted.

    scikit-learn lets a Gaussian process pass, which predicts its prior without a fit. What is no
    model is a TypeError, which does not print the data that may stand in its place.
    """
    if not isinstance(model, type) and not hasattr(model, "fit"):
        raise TypeError(
            "The first argument must be a fitted model, as in differentiate(model, order)(X) or "
            f"gradient(model, X); got {described(model)}."
        )
    if not isinstance(model, type) and not hasattr(model, "__sklearn_tags__"):
        raise no_tags(model)
    check_is_fitted(model)
    if isinstance(model, Pipeline):
        for _, step in model.steps:
            if step not in (None, "passthrough"):
                require_fitted(step)
    elif hasattr(model, "predict") and not get_tags(model).requires_fit and not _is_fitted(model):
        raise NotFittedError(
            f"This {type(model).__name__} instance is not fitted yet: there is no function to "
            "differentiate or integrate. Call 'fit' with samples first."
        )


def n_features(model: BaseEstimator) -> int:
    """Number of features of X."""
    first = entrance(model)
    tags = get_tags(first).input_tags
    if tags.one_d_array and not tags.two_d_array:  # IsotonicRegression
        return 1
    if not hasattr(first, "n_features_in_"):
        raise no_features(first)
    return first.n_features_in_


def branches(model: BaseEstimator) -> bool:
    """Whether a model sends the columns of X different ways, so that some may hold no numbers."""
    return hasattr(entrance(model), "transformers_")


def validate_rows(model: BaseEstimator, X: ArrayLike | Rows) -> Rows:
    """X as float64 numbers of the model's features; missing ones only where the model takes them.

    A model that takes them fills them in before any rule that could not. Columns of text, of
    dtype category or of other objects are left to a model that branches.
    """
    if isinstance(X, Rows):
        return X
    refuse_foreign(X)
    return _tensor_rows(model, X) if is_tensor(X) else _rows(model, X)


def _tensor_rows(model, X):
    """Rows that stay on their device, unless the checks of the model ask for all of them."""
    first = entrance(model)
    shape = None if _is_as_fitted(first, X) else stand_in(X)
    values = X.double()
    if branches(model) or not all_finite(values):
        rows = _rows(model, as_numpy(X))  # with incomplete rows it raises, where the model does
        return replace(rows, values=values, given=X)
    if shape is not None:
        options = {"dtype": np.float64, "ensure_all_finite": False}
        validate_data(first, shape, estimator=model, reset=False, **options)
        _check_width(model, values)
    return Rows.of_numbers(values, X)


def _is_as_fitted(step, X):
    """Whether scikit-learn has nothing to say to a tensor: a table as wide as that of the fit."""
    xp = namespace(X)
    is_table = X.layout == xp.strided and X.dtype in (xp.float32, xp.float64) and X.ndim == 2
    known = is_table and len(X) > 0 and X.shape[1] == getattr(step, "n_features_in_", None)
    return known and not hasattr(step, "feature_names_in_")


def _rows(model, X):
    source = check_places(X)
    first = entrance(model)
    apart = branches(model)  # one branch may fill in what is missing
    may_miss = apart or get_tags(first).input_tags.allow_nan
    finite = "allow-nan" if may_miss else True
    options = {"dtype": np.float64, "order": "C", "ensure_all_finite": finite}
    numeric = _numeric_columns(source) if apart else np.ones(1, dtype=bool)
    if numeric.all():
        source = source if apart else check_numbers(source, "X")
        values = validate_data(first, source, estimator=model, reset=False, **options)
        numeric = np.ones(_check_width(model, values), dtype=bool)
    else:
        validate_data(first, source, reset=False, skip_check_array=True)
        values = np.full((len(source), len(numeric)), np.nan)
        numbers = _safe_indexing(source, np.flatnonzero(numeric), axis=1)
        values[:, numeric] = check_array(numbers, estimator=model, **options)
    if may_miss and (incomplete := (np.isnan(values) & numeric).any(axis=1)).any():
        function = model.predict if hasattr(model, "predict") else model.transform
        function(_safe_indexing(source, np.flatnonzero(incomplete)))  # raises where the model does
    as_given = (hasattr(source, "columns") and apart) or not numeric.all()
    return Rows(values, source if as_given else values, numeric)


def without_rows(model: BaseEstimator, X: ArrayLike) -> Rows:
    """The columns of X, checked, without its rows: what is computed of them shows the shape."""
    rows = validate_rows(model, X)
    return Rows(rows.values[:0], None, rows.numeric)


def _check_width(model, values):
    """The number of features, or a ValueError: scikit-learn checks only where it was kept."""
    if values.shape[1] != n_features(model):
        raise ValueError(
            f"X has {values.shape[1]} features, but {type(model).__name__} is expecting "
            f"{n_features(model)} features as input."
        )
    return values.shape[1]


def _numeric_columns(X):
    """Which columns of a frame or of an array of objects hold numbers."""
    if not hasattr(X, "columns") and str(getattr(X, "dtype", "")) != "object":
        return np.ones(1, dtype=bool)
    columns = range(X.shape[1])
    return np.array([_is_numeric(_safe_indexing(X, i, axis=1)) for i in columns])


def _is_numeric(column):
    dtype = column.dtype
    if str(dtype) == "object":
        return all(value is None or isinstance(value, Number) for value in column)
    if hasattr(dtype, "is_numeric"):  # polars
        return dtype.is_numeric() or str(dtype) == "Boolean"
    return dtype.kind in "biuf"
