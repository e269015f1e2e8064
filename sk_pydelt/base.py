"""What every interpolator shares: validation, scaling, shapes and the methods of calculus."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .calculus.prediction import predicted
from .calculus.reach import require_numbers, without_overflow_warnings
from .calculus.rows import Rows, validate_rows
from .chain import any_array, home, predicts_1d, propagate, propagate_inverse, through_numpy
from .checks import (
    check_measured,
    check_numbers,
    check_places,
    check_rows,
    check_weight,
    column_names,
)
from .explained import measured_r2, warn_of_constants, warn_user
from .jets import Jet
from .jets.blocks import Home, map_row_blocks
from .methods import DifferentiableMixin
from .periodic import PeriodicScaler, wrapped
from .samples import Samples
from .scaling import apply, fit_scaler, varies
from .state import ChangesAtOnce, fits_at_once, reads_one_state
from .tensors import in_numpy, is_tensor, refuse_foreign

__all__ = ["BaseInterpolator", "validated"]

PREDICT_ROWS = 65_536  # rows predicted at a time: bounds the memory beside X and the result

Fit = TypeVar("Fit", bound=Callable)


def validated(fit: Fit) -> Fit:
    """A `fit` that is all or nothing, before which parameters are checked; its type stays."""
    return _fit_context(prefer_skip_nested_validation=True)(fits_at_once(fit))


class BaseInterpolator(DifferentiableMixin, RegressorMixin, ChangesAtOnce, BaseEstimator, ABC):
    """Template of an interpolator: checks and scales the data, and leaves the fit to its hooks.

    A child has the parameters `x_scaler` and `y_scaler` and fills three hooks, which see
    scaled data only: `_fit_scaled`, `_predict_scaled` and `_propagate_scaled`.
    """

    _parameter_constraints = {
        "x_scaler": [None, StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "y_scaler": [
            None,
            StrOptions({"passthrough"}),
            HasMethods(["fit", "transform", "inverse_transform"]),
        ],
    }

    _doc_link_module = "sk_pydelt"  # what a notebook's diagram links to
    _doc_link_template = "https://sk-pydelt.readthedocs.io/en/stable/generated/{name}.html"

    def _doc_link_url_param_generator(self):
        module = type(self).__module__
        public = module if module == "sk_pydelt.interpolation" else "sk_pydelt"
        return {"name": f"{public}.{type(self).__name__}"}

    @abstractmethod
    def _fit_scaled(self, samples: Samples):
        """Fit to scaled samples, whose y is NaN where it was not measured."""

    @abstractmethod
    def _predict_scaled(self, X) -> np.ndarray:
        """Values at X (n, p), of shape (n, q)."""

    @abstractmethod
    def _propagate_scaled(self, jet: Jet) -> Jet:
        """The jet of the fitted function, (n, q), from that of its scaled input, (n, p)."""

    @validated
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the function to samples.

        A fit that fails or is broken off leaves the estimator as it was before.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Places of the samples, in any units.
        y : array-like of shape (n,) or (n, m)
            Samples of one or m functions. NaN is "not measured": that output, at that row, counts
            nothing. Some output must be known in each row.
        sample_weight : array-like of shape (n,), default=None
            A whole weight counts as that many copies of the row.

        Returns
        -------
        self
        """
        X, y, sample_weight, _ = self._samples(X, y, sample_weight)
        check_measured(y)
        self._fit_scaled(self._scale(X, y, sample_weight))
        self._warn_of_constants(X, y, sample_weight)
        return self

    def _samples(self, X, y, sample_weight):
        """X (n, d), y (n, m) and the weights, checked, of the rows that count; and which do."""
        X, y = check_numbers(check_places(X), "X"), check_numbers(y, "y")
        check_rows(X, y)
        names = column_names(y)
        options = {"dtype": np.float64, "order": "C"}
        of_y = {**options, "ensure_2d": False, "ensure_all_finite": "allow-nan"}
        X, y = validate_data(self, X, y, validate_separately=(options, of_y))
        sample_weight, kept = check_weight(sample_weight, X)
        self._y_ndim = y.ndim
        self._keep_names(names)
        return X[kept], y.reshape(len(y), -1)[kept], sample_weight, kept

    def _keep_names(self, names):
        """Names of the outputs, where y has some; those of an earlier fit go."""
        if names is not None:
            self.target_names_in_ = names
        elif hasattr(self, "target_names_in_"):
            del self.target_names_in_

    def _scale(self, X, y, sample_weight, by_known=False):
        """Fit the scalers, and scale the samples.

        Features that never vary are held from here on, but for those `by_known` derivatives.
        """
        periods = self._periods()
        self._free = varies(wrapped(X, periods)) | by_known
        self._held_at = np.where(self._free, 0.0, X.min(axis=0))
        if len(X) > 1 and not self._free.all():
            self._warn_of_held()
        default, held = (MinMaxScaler((-1, 1)), StandardScaler()), self._hold(X)
        scaler = PeriodicScaler(self.x_scaler, periods) if periods else self.x_scaler
        self.x_scaler_, X = fit_scaler(scaler, default[0], held, sample_weight, "X")
        typical = self._typical(y, sample_weight) if self.y_scaler is None else y
        self.y_scaler_, y = fit_scaler(self.y_scaler, default[1], y, sample_weight, "y", typical)
        return Samples(X, y, sample_weight)

    def _periods(self) -> dict[int, float]:
        """The periods of the features that repeat, by column."""
        return {}

    def _warn_of_held(self):
        names = getattr(self, "feature_names_in_", np.arange(len(self._free)))
        warn_user(
            f"Features {names[~self._free].tolist()} never vary, so that the data say nothing of "
            "how y depends on them: predictions don't, and derivatives by them are zero.",
            UserWarning,
        )

    def _hold(self, X):
        """An array of places, or a jet, with the features that never varied where they were."""
        return X if self._free.all() else X * self._free + self._held_at

    def _enter(self, jet):
        """The jet of scaled places from that of places."""
        return propagate(self.x_scaler_, self._hold(jet))

    @reads_one_state
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Values of the fitted function.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        array of shape (n,) or (n, m), as y was, in its units
            A tensor like X, where X is one of torch.
        """
        return self._tensor_values(X) if is_tensor(X) else self._values(self._checked(X))

    @reads_one_state
    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R² of the predictions, the mean over the outputs.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, m)
            NaN is "not measured": it counts nothing.
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        float
        """
        fitted, given = self._values(self._checked(X)), check_numbers(y, "y")
        check_rows(X, given)
        options = {"ensure_2d": False, "ensure_all_finite": "allow-nan", "input_name": "y"}
        known = check_array(given, dtype=np.float64, **options)
        weight, kept = check_weight(sample_weight, known)
        known, fitted = (array.reshape(len(known), -1)[kept] for array in (known, fitted))
        return measured_r2(known, fitted, weight)

    def _checked(self, X):
        """X as an array (n, d) of the features that the fitted function has."""
        check_is_fitted(self)
        refuse_foreign(X)
        X = check_numbers(check_places(X), "X")
        return validate_data(self, X, reset=False, dtype=np.float64, order="C")

    def _values(self, X):
        """Values at a checked X, with as many axes as y had."""
        y = None if self._home() is None else predicted(self, Rows.of_numbers(X))
        if y is None:
            with without_overflow_warnings():
                y = map_row_blocks(self._predict_block, X, PREDICT_ROWS)
            require_numbers(y, X, lambda row, places: self._predict_block(places))
        return y[:, 0] if self._y_ndim == 1 else y

    def _tensor_values(self, X):
        """Values at a tensor X, as a tensor."""
        check_is_fitted(self)
        rows = validate_rows(self, X)
        y = predicted(self, rows) if self._computes_on_tensors() else None
        if y is None:
            return in_numpy(lambda places: self._values(self._checked(places)), X, self)
        return y[:, 0] if self._y_ndim == 1 else y

    def _warn_of_constants(self, X, y, sample_weight):
        """Say so where the fit is hardly more than a constant, at its checked samples (n, m).

        Where no feature varies it can be no more, and `_warn_of_held` says why.
        """
        if not self._free.any():
            return
        values = self._values(X).reshape(y.shape)
        y = values + self._typical(y - values, sample_weight)
        warn_of_constants(y, values, sample_weight, self._advice())

    def _typical(self, data: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
        """Targets (n, m), or errors of them, without outliers, where the fit passes by them."""
        return data

    def _advice(self) -> str:
        """What to try where the fit explains nothing, though y depends on X."""
        return "give it other parameters"

    def _predict_block(self, X):
        scaled = self._predict_scaled(apply(self.x_scaler_.transform, self._hold(X)))
        known = np.isfinite(scaled).all(axis=1, keepdims=True)  # no transformer takes others
        values = apply(self.y_scaler_.inverse_transform, np.where(known, scaled, 0.0))
        return values if known.all() else np.where(known, values, np.nan)

    def _computes_on_tensors(self) -> bool:
        """Whether `_propagate_scaled` takes jets of tensors."""
        return False

    def _home(self) -> Home | None:
        """The device to which rows are brought for values and jets; None is the processor."""
        return None

    def _each_output(self, values):
        """One number for each output (m,), or the only one where y was 1-D."""
        return float(values[0]) if self._y_ndim == 1 else values

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@propagate.register
@any_array
@reads_one_state
def _(step: BaseInterpolator, jet):
    return propagate_inverse(step.y_scaler_, _propagate_between(step, step._enter(jet)))


def _propagate_between(step, jet):
    """The jet between the scalers."""
    if type(jet.value) is np.ndarray or step._computes_on_tensors():
        return step._propagate_scaled(jet)
    return through_numpy(type(step)._propagate_scaled, step, jet)


home.register(BaseInterpolator, lambda step: step._home())


predicts_1d.register(BaseInterpolator, lambda step: step._y_ndim == 1)
