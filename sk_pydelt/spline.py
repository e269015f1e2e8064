"""Spline interpolation and smoothing with exact derivatives: the baseline."""

from math import factorial
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from .base import BaseInterpolator
from .chain import propagate
from .components import ProcessComponent
from .jets import Jet
from .probabilistic import ProbabilisticInterpolator
from .scaling import apply
from .solvers.polyharmonic import PolyharmonicColumns, PolyharmonicSpline
from .spline_fit import SplineFit, spline_knots, spline_values
from .spline_shape import CurveShape

__all__ = ["PolyharmonicSpline", "SplineInterpolator"]


class SplineInterpolator(CurveShape, ProbabilisticInterpolator):
    r"""Interpolating or smoothing spline of one or several features.

    >>> from sk_pydelt import SplineInterpolator
    >>> spline = SplineInterpolator(degree=5).fit([[0.0], [1], [2], [3], [4]], [0.0, 1, 4, 9, 16])
    >>> spline.differentiate(order=1)([[1.5]]).round(3)
    array([3.])

    Of all functions f of the scaled data it minimises

    .. math::
        \frac{\sum_i w_i\,(y_i - f(x_i))^2}{\sum_i w_i} + \lambda \int f^{(m)}(x)^2\,dx,
        \qquad m = \frac{\text{degree} + 1}{2},

    for one feature: a natural B-spline (Reinsch 1967). For several features it is the
    polyharmonic spline :math:`\sum_i c_i\,\varphi(|x - x_i|) + p(x)` with
    :math:`\varphi(r) = \pm r^{\text{degree}} / (2\,\text{degree}!)`, p a polynomial of degree
    m − 1, and the penalty :math:`\lambda\, c^T \Phi c` (Duchon 1977), which is the same spline
    where there is one feature. The automatic choice of λ is described in the Notes.

    Parameters
    ----------
    smoothing : float or None, default=None
        λ. As the data are scaled first (x to [-1, 1], y to unit variance) it has no units, and
        it does not depend on the number of samples; n λ is the `lam` of
        `scipy.interpolate.make_smoothing_spline` on the scaled data. None chooses it for each
        output, taking the noise to be independent from sample to sample; see the Notes. 0.0
        interpolates; with one feature the ends are then "not-a-knot".
    degree : int, default=5
        Degree of the spline, and the highest order of its derivatives; the last is piecewise
        constant, all below are continuous. Odd, and one feature is smoothed to degree 11 at most;
        for one feature with smoothing=0.0 it may be any.
    x_scaler : transformer, "passthrough" or None, default=None
        None is MinMaxScaler((-1, 1)).
    y_scaler : transformer, "passthrough" or None, default=None
        None is StandardScaler().
    robust : bool, default=False
        Whether outliers are left out: samples are weighed by how far they are from the spline,
        those that are 4.7 standard deviations of the noise away not at all. See the Notes.
    periodic : bool or float, default=False
        Of one feature: whether the function and all its derivatives repeat. True takes the range of
        X for the period, so that the first and the last sample are at one place: their mean is
        taken, or with smoothing=0.0 they must agree. A number is the period in units of X, and X
        may go over many periods, or less than one.

    Attributes
    ----------
    noise_std_ : float, or array of shape (m,) where y was 2-D
        Standard deviation of the noise of a sample of weight one, in units of y: the root of
        Σ w (y - f)² / (n - effective_dof_). NaN where nothing tells it.
    spline_ : scipy.interpolate.BSpline, SplineColumns, PolyharmonicSpline or PolyharmonicColumns
        The spline of the scaled data; SplineColumns where outputs differ in their knots,
        PolyharmonicColumns where they differ in their places.
    smoothing_ : float, or array of shape (m,) where y was 2-D
        λ used.
    effective_dof_ : float, or array of shape (m,) where y was 2-D
        Effective degrees of freedom, tr A.
    x_scaler_, y_scaler_ : fitted transformers
    target_names_in_ : array of str
        Names of y's columns, where y was a frame or a named series.

    Raises
    ------
    ValueError
        `fit`: an even degree where it must be odd, or one above 11 of a curve that is smoothed;
        more than 10,000 distinct places of more than five features, or of several with
        smoothing=0.0; `periodic` of several, or with an x_scaler that bends; `robust` with
        smoothing=0.0; y so large, or so nearly constant, that squares leave the range of float64.
        `differentiate`: an order above the degree. Error bars: a spline that interpolates, or a
        derivative of order (degree + 1) / 2 or above.

    Notes
    -----
    With smoothing=None, λ is a least value of the generalised cross-validation score

    .. math:: \frac{\sum_i w_i\,(y_i - f(x_i))^2 / \sum_i w_i}{(1 - \operatorname{tr} A / n)^2},

    A the hat matrix and n the number of distinct places (Craven & Wahba 1979). Its least value of
    all is often at interpolation, where it is the ratio of two small numbers. So only bandwidths
    above half of that of greatest marginal likelihood are compared (REML; Wood 2011), which all
    frequencies of the residuals decide; where the score falls on to that bound, the likelihood's
    own λ is taken. Values that all lie on a grid and repeat were rounded: the likelihood then
    takes the noise for at least that of rounding, its step squared over 12. `docs/benchmarks.md`
    has the comparison.

    With robust=True each output is fitted again and again, with weights that follow from its
    residuals r (at first from the medians of seven neighbours) and from the noise σ, 1.4826 times
    their median size: first Huber's, then Tukey's (1 − (r / 4.685 σ)²)², until these no longer
    change; λ is chosen anew each time. Without outliers slopes lose a few percent. `noise_std_` is
    that σ, which is the noise without the outliers, and error bars are of the last fit. More
    outliers than good samples at one bend are a bend.

    A periodic spline has n_free = 1 in place of m, a constant, and no ends; f, f', ... repeat
    exactly, and so do error bars, which are those of a process that repeats.

    Rows at one place (to 1e-10 of each feature's range) are one sample, the weighted mean of
    their y with the sum of their weights. Only the ratios of weights matter. Too few distinct
    places lower the degree: n places on a curve that is interpolated take a polynomial of degree
    n − 1 at most, as do m or fewer that are smoothed; in several features a polynomial of least
    slope goes through them. One sample is a constant.

    Beyond the samples the polynomial at each end goes on: of the full degree if interpolated, of
    degree m − 1 if smoothed (for a cubic, a straight line). In several features the sum of powers
    goes on, which tends to a polynomial of degree m − 1 along each ray, at most.

    The m-th derivative of a smoothed spline is drawn to zero at both ends, so that degree 5 derives
    better than 3. In several features degrees above 7 lose digits.

    m-th differences of samples h apart lose eps (4 b / h)^m to rounding where the fit has the
    bandwidth b = λ^(1 / 2m). On one feature, samples that are closer than
    h = b (24 4^m eps)^(1 / (m + 2)) are therefore smoothed as their weighted means wherever that
    loss is larger than what means over h change, (h / b)² / 24 of the values: for degrees 3, 5, 7
    and 11, h is 0.0005, 0.003, 0.01 and 0.05 of b. Bursts of three or more samples that are closer
    than this h for the mean distance of samples as b are their mean from the start, at any λ above
    zero.

    More than 10,000 samples of one feature, where a bandwidth has more than some hundred of them,
    are smoothed as two for each part of b / 16 to b / 32, of the same moments: squared residuals
    about cubics there are kept, and values move by less than a hundredth of their standard
    deviation. Such splines have few knots. One feature costs time proportional to n (10⁵ samples:
    a second with smoothing=None, 10⁶ some ten; a tenth of that where λ is given), several features
    n² memory (4 GB at 10,000 places) and n³ time (some seconds at 2000; a fifth where λ is given).

    Above 10,000 places of two to five features, samples are means over some 24,000 cells of a grid,
    and the kernels of the same penalty stand at the means of 1500 larger ones (Wood 2003, section
    2.1), in time proportional to n. Derivatives are as good as with all kernels where the surface
    has no detail finer than a few knots, some 39 along each of two features: where the degrees of
    freedom are more than half of the knots, a UserWarning says so. Error bars are of what such
    sums of kernels can be.

    **Error bars.** The spline is the mean of a Gaussian process, given the samples: of a function
    whose m-th derivative is white noise of intensity :math:`\sigma^2 / (\lambda \sum w)` (Wahba
    1978), in several features of one with the covariance :math:`\varphi`, polynomials of degree
    m − 1 unknown and the noise of a sample :math:`\sigma^2 / w_i`. `return_std`, `return_cov` are
    of that process, with σ = `noise_std_` and the λ of the fit taken for right. Bands of 95 % hold
    in the mean across a function; at its sharpest turns they hold less often, elsewhere more
    (Nychka 1988). Derivatives have a standard deviation to order m − 1: 2 for degree 5. Between and
    beyond the samples it grows as the process does. With smoothing=0.0, and where m places or fewer
    are known, nothing tells the noise, and error bars are a ValueError.

    For a curve, all samples, or those that many were condensed in, are passed once, at the first
    call, then a place costs m² log n. Draws of curves are exact but for what varies within an
    eighth of the bandwidth λ^(1 / 2m), or a sixteenth of a gap; those of surfaces are splines
    through draws of the values at the samples, and lack what varies between.

    References
    ----------
    C. H. Reinsch, Smoothing by spline functions, Numer. Math. 10 (1967) 177.
    P. Craven, G. Wahba, Smoothing noisy data with spline functions, Numer. Math. 31 (1979) 377.
    S. N. Wood, Thin plate regression splines, JRSS B 65 (2003) 95.
    S. N. Wood, Fast stable restricted maximum likelihood estimation, JRSS B 73 (2011) 3.
    G. Wahba, Improper priors, spline smoothing and the problem of guarding against model errors in
    regression, JRSS B 40 (1978) 364.
    D. Nychka, Bayesian confidence intervals for smoothing splines, JASA 83 (1988) 1134.
    J. Duchon, Splines minimizing rotation-invariant semi-norms in Sobolev spaces, 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator
    >>> t = np.linspace(0, 2, 30).reshape(-1, 1)  # s
    >>> height = 3 + 10 * t.ravel() - 4.905 * t.ravel() ** 2  # m
    >>> spline = SplineInterpolator(smoothing=0.0).fit(t, height)
    >>> spline.differentiate(order=2)([[0.5], [1.5]]).round(6)  # m/s²
    array([-9.81, -9.81])

    With noise, how well a speed is known:

    >>> read = height + 0.02 * np.random.default_rng(0).standard_normal(30)
    >>> spline = SplineInterpolator().fit(t, read)
    >>> speed, std = spline.differentiate(order=1)([[1.0]], return_std=True)
    >>> bool(abs(speed[0] - 0.19) < 2 * std[0]), bool(0.01 < spline.noise_std_ < 0.03)
    (True, True)

    Where it was highest, and when it comes down:

    >>> top = spline.extrema()
    >>> bool(abs(top.places[0] - 1.019) < 0.01), top.is_maximum.tolist()
    (True, [True])
    >>> spline.roots(0.0, 3.0).round(1)
    array([2.3])

    A day that repeats, with a reading that is wild:

    >>> hours = np.arange(0, 96.0, 1.5).reshape(-1, 1)
    >>> warmth = 15 - 5 * np.cos(2 * np.pi * hours.ravel() / 24)
    >>> warmth[10] += 40
    >>> day = SplineInterpolator(periodic=24.0, robust=True).fit(hours, warmth)
    >>> day.predict([[0.0], [12.0], [24.0], [2412.0]]).round(2)
    array([10., 20., 10., 20.])
    """

    _parameter_constraints = {
        **BaseInterpolator._parameter_constraints,
        "smoothing": [None, Interval(Real, 0, None, closed="left")],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "robust": ["boolean"],
        "periodic": ["boolean", Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        smoothing: float | None = None,
        degree: int = 5,
        x_scaler: BaseEstimator | str | None = None,
        y_scaler: BaseEstimator | str | None = None,
        robust: bool = False,
        periodic: bool | float = False,
    ) -> None:
        self.smoothing = smoothing
        self.degree = degree
        self.robust = robust
        self.periodic = periodic
        self.x_scaler = x_scaler
        self.y_scaler = y_scaler

    def _fit_scaled(self, samples):
        self._take(self._how(samples)(samples), samples)

    def _how(self, samples):
        """How scaled samples are fitted."""
        return SplineFit(self.degree, self.smoothing, self.robust, self._period(samples))

    def _period(self, samples):
        """The period of the scaled feature; None where nothing repeats."""
        if self.periodic is False or not self._free.any():
            return None
        ends = np.stack([samples.X.min(axis=0), samples.X.max(axis=0)])
        if samples.X.shape[1] > 1:
            return 1.0  # of which the fit says that it cannot be
        jet = propagate(self.x_scaler_, Jet.variables(self._unscaled(np.linspace(*ends, 5)), 2))
        slopes, bends = jet.tensor(1).ravel(), jet.tensor(2)
        if np.any(bends) or np.ptp(slopes) > 1e-9 * abs(slopes[0]):
            raise ValueError(
                f"periodic needs an x_scaler that only scales and shifts; got {self.x_scaler_}: "
                "use None, or transform X before."
            )
        return float(np.ptp(ends) if self.periodic is True else self.periodic * abs(slopes[0]))

    def _unscaled(self, X):
        return apply(self.x_scaler_.inverse_transform, X)

    def _take(self, fitted, samples):
        """Keep a spline of our degree, as `SplineFit` gives it."""
        self.spline_, self._highest_order = fitted.spline, self.degree
        self._posteriors = fitted.posteriors
        self._knots_scaled = spline_knots(fitted.spline, samples)
        self.smoothing_ = self._each_output(fitted.smoothing)
        self.effective_dof_ = self._each_output(fitted.dof)

    @property
    def _knots(self):
        return self._unscaled(self._knots_scaled[:, None])[:, 0]

    def _advice(self):
        if self.smoothing is None:
            return (
                "smoothing=None takes what it cannot tell from independent noise for noise: give a "
                "smoothing if you know better, or more samples for each oscillation"
            )
        return f"give a smaller smoothing than {self.smoothing:.2g}, or None to have it chosen"

    def _predict_scaled(self, X):
        return spline_values(self.spline_, X)

    def _propagate_scaled(self, jet):
        if jet.order > self._highest_order:
            raise ValueError(
                f"A spline of degree {self._highest_order} has no derivative of order {jet.order}: "
                f"fit SplineInterpolator(degree={jet.order // 2 * 2 + 1}) or a higher degree."
            )
        if isinstance(self.spline_, PolyharmonicSpline | PolyharmonicColumns):
            return self.spline_.propagate(jet)
        x, top = jet.value[:, 0], min(jet.order, self.spline_.k)
        return jet.compose([self.spline_(x, k) / factorial(k) for k in range(top + 1)])

    def _mixture_scaled(self, jet, index):
        self._require_spread(sum(index))
        mean = self._propagate_scaled(jet).partial(index)
        return [ProcessComponent(mean, self._posteriors, index, (jet,))]

    def _require_spread(self, order):
        if None in self._posteriors:
            raise ValueError(
                "This spline has no error bars, for nothing tells the noise: it goes through the "
                "samples, or is FITPACK's. Fit sk_pydelt.SplineInterpolator with smoothing=None to "
                f"samples at more than (degree + 1) / 2 places; got smoothing={self.smoothing}."
            )
        if 2 * order >= self._highest_order:
            raise ValueError(
                f"The derivative of order {order} of a spline of degree {self._highest_order} has "
                "no standard deviation: the functions that it is the mean of are not smooth "
                f"enough. Fit SplineInterpolator(degree={2 * order + 1}) or a higher degree."
            )

    def _noise_scaled(self):
        return np.array([np.sqrt(p.variance) if p else np.nan for p in self._posteriors])
