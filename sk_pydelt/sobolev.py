"""Known derivatives as data: Sobolev fitting, in the units of the user."""

from dataclasses import replace
from numbers import Integral, Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array

from .base import BaseInterpolator, validated
from .chain import propagate
from .checks import check_measured, check_numbers, check_places
from .jets import Jet
from .law_scaling import by_laws, equations, scaled_laws, spread_places
from .laws import LinearLaw, expanded
from .periodic import periods_by_column
from .samples import Samples, Slopes

__all__ = ["SobolevInterpolator", "scaled_slopes"]

HEAVIEST = 1e12  # dy_weight
STEEPEST = 1e100  # scaled derivatives: their squares are numbers of float64


def _check_dy(dy, n, m, d, y_ndim):
    """Known derivatives as an array (n, m, d), with NaN where they are unknown."""
    dy = check_array(
        check_numbers(dy, "dy"),
        dtype=np.float64,
        order="C",
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite="allow-nan",
        input_name="dy",
    )
    shapes = {(n, m, d)}
    if y_ndim == 1:
        shapes |= {(n, d)}
    if d == 1:
        shapes |= {(n,), (n, 1)} if y_ndim == 1 else {(n, m)}
    if dy.shape not in shapes:
        raise ValueError(
            f"dy must hold the derivative of each of {m} outputs by each of {d} features at each "
            f"of {n} samples, in shape {' or '.join(map(str, sorted(shapes)))}, with NaN where it "
            f"is unknown; got shape {dy.shape}."
        )
    return dy.reshape(n, m, d)


def _check_dy_weight(weight, dy):
    if weight is None:
        return
    if dy is None:
        raise ValueError("dy_weight says what known derivatives count: give them as dy too.")
    if not isinstance(weight, Real) or not 0 <= weight < np.inf:
        raise ValueError(f"dy_weight must be None or a finite number >= 0; got {weight!r}.")
    if weight > HEAVIEST or 0 < weight < 1 / HEAVIEST:
        raise ValueError(
            f"dy_weight must be 0 or lie between {1 / HEAVIEST:g} and {HEAVIEST:g}: beyond, "
            f"float64 holds nothing of one of the two errors that it weighs; got {weight!r}."
        )


def scaled_slopes(
    dy: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    x_scaler: BaseEstimator,
    y_scaler: BaseEstimator,
    weight: float | None,
) -> Slopes:
    """`Slopes` from derivatives dy (n, m, d) at X (n, d) and y (n, m), by the chain rule."""
    directions = propagate(x_scaler, Jet.variables(X, 1)).tensor(1).swapaxes(1, 2)
    unknown = np.isnan(dy)
    rates = _rates(y_scaler, y, ~unknown.all(axis=(1, 2)))
    target = np.einsum("nqm,nmd->ndq", rates, np.where(unknown, 0.0, dy))
    spoiled = np.einsum("nqm,nmd->ndq", rates != 0, unknown) > 0
    units = np.sqrt((directions**2).sum(axis=2).mean(axis=0))
    units[units == 0] = 1.0
    target = np.where(spoiled, 0.0, target / units[:, None])
    if (steepest := np.abs(target).max(initial=0.0)) > STEEPEST:
        raise ValueError(
            f"dy is up to {steepest:.1e} times as large as the range of y over that of X: check "
            "its units, which are those of y over those of X."
        )
    return Slopes(directions / units[:, None], target, ~spoiled, units, weight)


def _rates(scaler, y, used):
    """Derivatives (n, q, m) of scaled by unscaled targets, at rows `used` whatever is unknown."""
    lowest, highest = (
        propagate(scaler, Jet.variables(np.where(np.isnan(y), bound(y, axis=0), y), 1)).tensor(1)
        for bound in (np.nanmin, np.nanmax)
    )
    if not np.array_equal(lowest[used], highest[used]):
        raise ValueError(
            f"dy is given where y is NaN, and there {scaler} has no fixed rate: use a y_scaler "
            "that scales and shifts each output alone, such as StandardScaler()."
        )
    return lowest


class SobolevInterpolator(BaseInterpolator):
    """An interpolator that fits known derivatives along with the values, laws and periods.

    Its hook `_fit_scaled` finds the derivatives in the `slopes` of its samples, None where there
    are none, and the laws in `laws`. A child has the parameters `period`, `laws`, `law_places` and
    `random_state`.
    """

    _parameter_constraints = {
        **BaseInterpolator._parameter_constraints,
        "period": [None, dict],
        "laws": [None, str, LinearLaw, "array-like"],
        "law_places": [Interval(Integral, 0, None, closed="left"), "array-like"],
    }

    @validated
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        dy: ArrayLike | None = None,
        dy_weight: float | None = None,
    ) -> Self:
        """Fit the function to samples, and to derivatives of it where they are known.

        A fit that fails or is broken off leaves the estimator as it was before.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Places of the samples, in any units.
        y : array-like of shape (n,) or (n, m)
            Samples of one or m functions. NaN is "not measured": that entry counts nothing. Some
            output, or some slope in `dy`, must be known in each row.
        sample_weight : array-like of shape (n,), default=None
            A whole weight counts as that many copies of the row, its derivatives included.
        dy : array-like of shape (n, m, d), or of that of ``differentiate(1)(X)``, default=None
            Known first derivatives at the samples, in units of y over those of X, NaN where they
            are unknown. In a pipeline, X and so the derivatives are those that reach this step,
            after the transformers before it.
        dy_weight : float, default=None
            What the mean squared error of the known derivatives counts beside that of the values,
            both scaled. None is 1 for `NeuralNetworkInterpolator`; in
            `BayesianNeuralNetworkInterpolator` it is for the data to say how precise each
            derivative is, and a number is the precision of all of them over that of the values.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            `dy` of a wrong shape, with infinities, or with an option that excludes it
            (`dropout_rate`, `batch_norm`).
        TypeError
            A scaler that has no derivative.

        References
        ----------
        W. M. Czarnecki et al., Sobolev training for neural networks, NeurIPS 2017.

        Examples
        --------
        Five samples of a sine with its rate known at three of them:

        >>> import numpy as np
        >>> from sk_pydelt import NeuralNetworkInterpolator
        >>> t = np.linspace(0, 4, 5).reshape(-1, 1)
        >>> rate = np.cos(t)
        >>> rate[[1, 3]] = np.nan
        >>> net = NeuralNetworkInterpolator((8,), solver="lm", epochs=100, random_state=0)
        >>> net.fit(t, np.sin(t).ravel(), dy=rate).differentiate(order=1)(t[[0, 2, 4]]).round(4)
        array([ 1.    , -0.4161, -0.6536])
        """
        places, values, weight, kept = self._samples(X, y, sample_weight)
        _check_dy_weight(dy_weight, dy)
        if dy is not None:
            n = len(kept) if isinstance(kept, np.ndarray) else len(places)
            known = _check_dy(dy, n, values.shape[1], places.shape[1], self._y_ndim)[kept]
        check_measured(values, None if dy is None else known)
        by_known = False if dy is None else ~np.isnan(known).all(axis=(0, 1))
        found = self._equations(values.shape[1])
        by_known = by_known | by_laws(found, places.shape[1])
        samples = self._scale(places, values, weight, by_known)
        if dy is not None:
            scalers = self.x_scaler_, self.y_scaler_
            slopes = scaled_slopes(known, places, values, *scalers, dy_weight)
            samples = replace(samples, slopes=slopes)
        if found:
            given = self._enter, self.y_scaler_, samples.y.shape[1]
            counts = float(self.get_params(deep=False).get("law_weight", 1.0))
            laws = scaled_laws(found, self._law_places(places), *given, counts)
            samples = replace(samples, laws=laws)
        self._fit_scaled(self._informed(samples, values, kept))
        self.law_residuals_ = self._law_residuals(samples)
        self._warn_of_constants(places, values, weight)
        return self

    def _periods(self) -> dict[int, float]:
        names = getattr(self, "feature_names_in_", None)
        return periods_by_column(self.period, names, self.n_features_in_)

    def _informed(self, samples: Samples, y: np.ndarray, kept: np.ndarray | slice) -> Samples:
        """The scaled samples, whose targets are y (n, m), with what else the estimator knows.

        `kept` selects their rows from those given to `fit`.
        """
        return samples

    def _equations(self, n_outputs):
        """The laws that were asked for, by numbers of outputs and features."""
        if self.laws is None:
            return []
        laws = expanded(self.laws, self.n_features_in_, n_outputs)
        names = (getattr(self, f"{kind}_names_in_", None) for kind in ("feature", "target"))
        return equations(laws, *names, self.n_features_in_, n_outputs)

    def _law_places(self, X):
        """Where laws hold that name no places: at the samples, and at more."""
        if isinstance(self.law_places, Integral):
            rng = check_random_state(self.random_state)
            more = spread_places(X, self.law_places, rng)
        else:
            more = check_array(check_places(self.law_places), dtype=np.float64)
            if more.shape[1] != X.shape[1]:
                raise ValueError(
                    f"law_places must be a number of places, or an array of shape (k, "
                    f"{X.shape[1]}) of them; got shape {more.shape}."
                )
        return np.unique(np.vstack([X, more]), axis=0)

    def _law_residuals(self, samples):
        """Root mean square of each law's left side less its right, in units of the law."""
        found = {}
        for rows in samples.laws:
            columns = self._propagate_scaled(rows.jet).coefficients()
            errors = (rows.functional @ columns[..., None])[..., 0] - rows.target
            found |= zip(rows.names, (rows.units * np.sqrt(np.mean(errors**2, axis=0))).tolist())
        return found
