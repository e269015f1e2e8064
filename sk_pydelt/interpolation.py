"""The drop-in for `pydelt.interpolation`: the same interpolators, taking curves and scalars.

Here x may be a 1-D array, list or Series, or one number, and gives back 1-D arrays or a float;
2-D X works as in the strict classes of the same names in `sk_pydelt`. pydelt code runs with its
import changed:

===============================  ==================================================================
pydelt                           here
===============================  ==================================================================
``framework=``, ``dropout=``     taken, and kept as the parameters `backend` and `dropout_rate`
``k=``                           taken, and kept as the parameter `degree`
``('pytorch', [8], 500, 0.1)``    arguments by position are in pydelt's order, framework first
``.model``                       the framework's own net, of data as scaled here
``.splines``, other attributes   their AttributeError says where it is now
``smoothing=s`` (FITPACK's)      the same spline, `scipy.interpolate.UnivariateSpline`; None is
                                 chosen better; see `SplineInterpolator`
``differentiate(order, mask=)``  the mask picks points by Booleans or indices
===============================  ==================================================================

Windows (``window_func``) and stochastic links have no counterpart.
"""

from dataclasses import replace
from functools import partial, wraps
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from . import neural, spline, spline_fit
from .base import BaseInterpolator, validated
from .calculus import Order
from .curves import CurveDerivative, check_curve, column, like
from .pydelt_names import alias, moved, takes_pydelt_names
from .solvers.fitpack import HIGHEST_DEGREE, fit_fitpack
from .solvers.smoothing_curves import SplineColumns
from .state import reads_one_state

__all__ = ["CurveDerivative", "NeuralNetworkInterpolator", "SplineInterpolator"]

NO_WINDOWS = "there are no windows here; fit samples that are multiplied by it, y * window(len(y))"
NO_LINKS = "stochastic links have no counterpart here; apply the rule of Itô to the derivatives"
LOG_LAMBDA = -30.0, 10.0  # from interpolation to a polynomial, for scaled data of any use


def _refuse_windows(sample_weight):
    if callable(sample_weight):
        raise TypeError(
            f"The third argument of fit is sample_weight, not window_func: {NO_WINDOWS}."
        )


@moved(
    n_observations="it is the number of samples that you fitted, len(y)",
    **dict.fromkeys(("window_func", "window_weights"), NO_WINDOWS),
    **dict.fromkeys(("set_stochastic_link", "stochastic_link", "stochastic_method"), NO_LINKS),
)
class _CurveMixin(BaseInterpolator):
    """Curves and scalars for a strict interpolator: put before its class."""

    def differentiate(  # type: ignore[override]
        self, order: Order = 1, mask: ArrayLike | None = None
    ) -> CurveDerivative:
        """A derivative as a function of places along the curve; see `sk_pydelt.differentiate`.

        Parameters
        ----------
        order : int, tuple of int or dict of int, default=1
        mask : array-like of bool or int, default=None
            Which of the points are evaluated, as in pydelt.

        Returns
        -------
        CurveDerivative
        """
        return CurveDerivative(super().differentiate(order), mask)


@moved(
    fitted="sklearn.utils.validation.check_is_fitted(model) raises where it is not",
    **dict.fromkeys(("scaler_x", "t_min", "t_max"), "x_scaler_ is what scales X"),
    **dict.fromkeys(("scaler_y", "s_min", "s_max"), "y_scaler_ is what scales y"),
)
class NeuralNetworkInterpolator(_CurveMixin, neural.NeuralNetworkInterpolator):
    """`sk_pydelt.NeuralNetworkInterpolator` for curves and scalars too.

    Parameters
    ----------
    **parameters
        Those of the strict class, under its names and with its defaults (pydelt's own are ReLU,
        dropout 0.1 and learning rate 0.01), or as pydelt calls them: `framework` is `backend` and
        `dropout` is `dropout_rate`. `get_params` knows the strict names.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt.interpolation import NeuralNetworkInterpolator
    >>> t = np.linspace(0, 3, 20)
    >>> net = NeuralNetworkInterpolator([16], framework="pytorch", solver="lbfgs", random_state=0)
    >>> speed = net.fit(t, np.sin(t)).differentiate(order=1)
    >>> round(net.predict(1.0), 2), round(speed(1.0), 2)
    (0.84, 0.54)
    >>> speed([0.5, 1.0, 1.5]).shape
    (3,)
    """

    framework, dropout = alias("backend"), alias("dropout_rate")

    @partial(
        takes_pydelt_names,
        order=("framework", "hidden_layers", "epochs", "dropout"),
        framework="backend",
        dropout="dropout_rate",
    )
    @wraps(neural.NeuralNetworkInterpolator.__init__)
    def __init__(self, *args: Any, **parameters: Any) -> None:
        super().__init__(*args, **parameters)

    @property
    def model(self) -> Any:
        """The framework's own net, of scaled data: a `torch.nn.Module` or a `keras.Model`."""
        check_is_fitted(self)
        return getattr(self.net_, "module_", getattr(self.net_, "model_", self.net_))

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        dy: ArrayLike | None = None,
        dy_weight: float | None = None,
        validation_data: tuple[ArrayLike, ...] | None = None,
    ) -> Self:
        """Fit the net to samples of a curve, X (n,) and y (n,), or as the strict class.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, d)
        y : array-like of shape (n,) or (n, m)
        sample_weight : array-like of shape (n,), default=None
        dy : array-like, default=None
            Known derivatives: (n,) for a curve, or as the strict class takes them.
        dy_weight : float, default=None
        validation_data : (Xv, yv) or (Xv, yv, sample_weight), default=None
            Samples to watch the fit by.

        Returns
        -------
        self
        """
        _refuse_windows(sample_weight)
        if isinstance(validation_data, tuple | list) and validation_data:
            validation_data = (column(validation_data[0]), *validation_data[1:])
        return super().fit(
            column(X),
            y,
            sample_weight,
            dy=dy,
            dy_weight=dy_weight,
            validation_data=validation_data,
        )

    @reads_one_state
    def predict(self, X: ArrayLike) -> float | np.ndarray:  # type: ignore[override]
        """Values of the fitted function: a float for a number, else an array with a row for each.

        Parameters
        ----------
        X : float, or array-like of shape (n,) or (n, d)

        Returns
        -------
        float, or array of shape (n,) or (n, m)
        """
        check_is_fitted(self)
        check_curve(X, self)
        return like(X, super().predict(column(X)))


def _weighted_squares(residuals, weight):
    """Σ w r² of each column."""
    return np.sum(residuals**2 if weight is None else weight[:, None] * residuals**2, axis=0)


@moved(splines="spline_ holds all outputs, of scaled data; use predict and differentiate")
class SplineInterpolator(_CurveMixin, spline.SplineInterpolator):
    """`sk_pydelt.SplineInterpolator` for curves and scalars too, smoothed as pydelt's is.

    Parameters
    ----------
    smoothing : float or None, default=None
        FITPACK's s, as in pydelt: the spline of fewest knots whose squared residuals
        Σ w_i (y_i - f(x_i))², in units of y², are at most s for each output, which is
        `scipy.interpolate.UnivariateSpline(s=...)` (Dierckx 1993). 0.0 interpolates. None is the
        automatic choice of the strict class, where pydelt guesses an s; for even degrees it is the
        s that the automatic spline of the next higher degree leaves.

        FITPACK knows one feature and degrees to 5. Else the smoothest possible spline that leaves
        s on average over the outputs is taken (Reinsch 1967).
    degree : int, default=5
        Degree of the spline, as in pydelt; or `k`, as pydelt calls it. May be even where FITPACK
        smooths.
    x_scaler, y_scaler : transformer, "passthrough" or None, default=None
    robust : bool, default=False
        As in the strict class; with smoothing=None alone, for s counts the outliers.
    periodic : bool or float, default=False
        As in the strict class, which then smooths in FITPACK's place.

    Attributes
    ----------
    smoothing_ : float, or array of shape (m,)
        λ, the `smoothing` of the strict class; where FITPACK smooths, s.
    effective_dof_ : float, or array of shape (m,)
        Effective degrees of freedom; where FITPACK smooths, the number of coefficients.

    References
    ----------
    P. Dierckx, Curve and Surface Fitting with Splines, Oxford 1993.
    C. H. Reinsch, Smoothing by spline functions, Numer. Math. 10 (1967) 177.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt.interpolation import SplineInterpolator
    >>> t = np.linspace(0, 2, 30)
    >>> spline = SplineInterpolator(smoothing=0.0, k=3).fit(t, t**3)
    >>> round(spline.differentiate(order=2)(0.5), 6)
    3.0
    >>> noisy = t**3 + 0.1 * np.cos(40 * t)
    >>> spline = SplineInterpolator(smoothing=0.15).fit(t, noisy)
    >>> bool(np.sum((spline.predict(t) - noisy) ** 2) < 0.15)
    True
    """

    k = alias("degree")

    @partial(takes_pydelt_names, k="degree")
    def __init__(
        self,
        smoothing: float | None = None,
        degree: int = 5,
        x_scaler: BaseEstimator | str | None = None,
        y_scaler: BaseEstimator | str | None = None,
        robust: bool = False,
        periodic: bool | float = False,
    ) -> None:
        super().__init__(smoothing, degree, x_scaler, y_scaler, robust, periodic)

    @validated
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the spline to samples of a curve, X (n,) and y (n,), or as the strict class.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, d)
        y : array-like of shape (n,) or (n, m)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        self
        """
        _refuse_windows(sample_weight)
        return super().fit(column(X), y, sample_weight)

    @overload  # type: ignore[override]
    def predict(
        self, X: ArrayLike, return_std: Literal[False] = False, return_cov: Literal[False] = False
    ) -> float | np.ndarray: ...

    @overload
    def predict(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> float | np.ndarray | tuple[float | np.ndarray, float | np.ndarray]: ...

    @reads_one_state
    def predict(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> float | np.ndarray | tuple[float | np.ndarray, float | np.ndarray]:
        """Values of the fitted function, and error bars where it is not FITPACK's.

        Parameters
        ----------
        X : float, or array-like of shape (n,) or (n, d)
        return_std, return_cov : bool, default=False
            As in the strict class.

        Returns
        -------
        float, or array of shape (n,) or (n, m)
        float or array
            Standard deviation, or covariance between places, where it is asked for.
        """
        check_is_fitted(self)
        check_curve(X, self)
        found = super().predict(column(X), return_std, return_cov)
        if not isinstance(found, tuple):
            return like(X, found)
        values, spread = (like(X, array) for array in found)
        return values, like(X, spread) if return_cov and np.ndim(spread) else spread

    def _is_fitpacks(self, n_features):
        smoothed = self.smoothing or (self.smoothing is None and self.degree % 2 == 0)
        plain = self.periodic is False and not self.robust
        return smoothed and plain and n_features == 1 and self.degree <= HIGHEST_DEGREE

    def _fit_scaled(self, samples):
        if self.robust and self.smoothing:
            raise ValueError(
                "robust=True finds the noise by itself, and a smoothing that is FITPACK's s says "
                f"how much it is, outliers counted: set smoothing=None; got {self.smoothing}."
            )
        if self._is_fitpacks(samples.X.shape[1]):
            self._fit_by_fitpack(samples)
        elif self.smoothing:
            self._take(self._smoothed(samples), samples)
        else:
            super()._fit_scaled(samples)

    def _fit_by_fitpack(self, samples):
        unit, automatic = self._unit(samples.values), self.smoothing is None
        s = self._automatic_bounds(samples) if automatic else self.smoothing / unit**2
        fits = [self._fitpack(*pair) for pair in zip(samples.outputs(), s)]
        self.spline_ = SplineColumns([([i], found) for i, (found, _) in enumerate(fits)])
        self._knots_scaled = spline_fit.spline_knots(self.spline_, samples)
        dof = np.concatenate([size for _, size in fits])
        self._highest_order, self._posteriors = self.degree, [None] * len(fits)
        used = s * unit**2
        self.smoothing_ = used if self._y_ndim == 2 else float(used[0])
        self.effective_dof_ = dof if self._y_ndim == 2 else float(dof[0])

    def _fitpack(self, output, s):
        """The spline of one output whose weighted squared residuals are s at most, and its size."""
        X, y, weight = spline_fit.merge_repeated(output.X, output.y, output.weight)
        means = np.interp(output.X[:, 0], X[:, 0], y[:, 0])[:, None]
        within = _weighted_squares(output.y - means, output.weight)
        return fit_fitpack(X[:, 0], y, weight, self.degree, s - within)

    def _unit(self, y):
        """What one in the scaled outputs is in the units of y."""
        spread = np.ptp(y, axis=0)
        given = np.ptp(self.y_scaler_.inverse_transform(y), axis=0)
        return np.divide(given, spread, out=np.ones_like(spread), where=spread > 0)

    def _automatic_bounds(self, samples):
        """The sums of squared residuals of the automatic spline of a degree above."""
        above, *_ = spline_fit.SplineFit(self.degree + 1, None)(samples)
        residuals = samples.known * (samples.values - spline_fit.spline_values(above, samples.X))
        return _weighted_squares(residuals, samples.weight)

    def _smoothed(self, samples):
        """The strict spline whose squared residuals add up to s, found by its λ."""
        y = self.y_scaler_.inverse_transform(samples.values)
        tried, how = {}, self._how(samples)

        def excess(log_lambda):
            found = tried["last"] = replace(how, smoothing=10**log_lambda)(samples)
            values = self.y_scaler_.inverse_transform(spline_fit.spline_values(found[0], samples.X))
            residuals = samples.known * (y - values)
            return _weighted_squares(residuals, samples.weight).mean() - self.smoothing

        low, high = LOG_LAMBDA
        if excess(low) < 0 < excess(high):
            excess(brentq(excess, low, high, xtol=1e-9))
        return tried["last"]
