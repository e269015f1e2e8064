"""Bayesian neural interpolation: exact derivatives with error bars, and nothing to tune."""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..components import LinearComponent
from ..explained import warn_user
from ..jets import Jet
from ..jets.activations import ACTIVATIONS
from ..jets.blocks import map_row_blocks
from ..laws import LinearLaw
from ..noise import Noise
from ..probabilistic import ProbabilisticInterpolator
from ..sobolev import SobolevInterpolator
from .candidate import Candidate
from .known_noise import check_noise_std, scaled_noise_std, student_dof
from .misfit import band_widths
from .selection import portfolio, race
from .table import CandidateTable, candidate_row
from .tails import within_fences
from .team import Team

__all__ = ["BayesianNeuralNetworkInterpolator"]

MOST_COPIES = 1e12  # of a row
BLOCK_ROWS = 1024  # rows that pass through the nets at a time, so that they stay in the cache
SMOOTH = [name for name, activation in ACTIVATIONS.items() if not activation.piecewise_linear]


class BayesianNeuralNetworkInterpolator(ProbabilisticInterpolator, SobolevInterpolator):
    r"""Neural networks that find the noise, their own regularisation and their error bars.

    >>> import numpy as np
    >>> from sk_pydelt import BayesianNeuralNetworkInterpolator
    >>> x = np.linspace(0, 4, 20).reshape(-1, 1)
    >>> y = x.ravel() ** 2 + 0.1 * np.random.default_rng(3).standard_normal(20)
    >>> model = BayesianNeuralNetworkInterpolator(random_state=0).fit(x, y)
    >>> slope, std = model.differentiate(order=1)([[2.0]], return_std=True)
    >>> bool(abs(slope[0] - 4) < 3 * std[0] < 0.2)
    True

    Each net :math:`f(x, w)` is fitted by evidence-regularised Levenberg–Marquardt: weights have
    Gaussian priors of precision :math:`\alpha_g`, one for each group (the first layer's weights of
    each feature, each further layer's, or where there are several features those that leave each
    unit, and each layer's biases), and each output has Gaussian noise of precision :math:`\beta`,
    all of which are re-estimated from the data while the net is fitted (MacKay 1992; Foresee &
    Hagan 1997). Around the fit, the weights' posterior is Gaussian (Laplace), and so is that of
    every derivative,

    .. math:: \operatorname{Var}[\partial^k f(x)] = j^T H^{-1} j, \qquad
              j = \partial_w \partial^k f(x, w), \quad H = \beta J^T J + A.

    Nets of several sizes and activations compete, and polynomials of low degree with them. Each is
    judged by cross-validation: by how well its nets, fitted to four fifths of the samples, predict
    the others. What chance alone cannot have put behind the best is left out, after few steps on
    few folds if it can be (Maron & Moore 1994; Jamieson & Talwalkar 2016). Those that cannot be
    told from the best go on with all samples, from several starts, and are averaged: half of the
    weights stack their predictive distributions (Yao et al. 2018), half are by the marginal
    likelihood. The variance of the average is that of the mixture: the mean of Laplace's variances,
    and the spread of the nets. What a net leaves of the samples that no other leaves is its misfit,
    not their noise: Laplace's variances are raised by it, to several times as much in exact data,
    and to those of Student's t where few samples tell of the noise.
    Where polynomials are among them, the simplest is enough (the rule of one standard error,
    Breiman et al. 1984); a constant, if the next simple one predicts better by half a nat in all
    at most, so that slopes of two standard errors are mostly told. It has the error bars of a line,
    and wider by how far that is from it: they tell how large the slopes may be.

    With ``noise="student"`` the noise of a sample is a mixture of normal ones, Student's t of ν
    degrees of freedom: in the re-estimation, and in H, an error z in units of the scale
    :math:`\beta^{-1/2}` counts :math:`(\nu + 1) / (\nu + z^2)` (Lange, Little & Taylor 1989), in
    H times the information :math:`(\nu + 1) / (\nu + 3)` that such an error has.

    On curves, the first layers of two starts in three are as steep as the data's main frequency
    asks for, and their units bend within the range of the data (Nguyen & Widrow 1990); where it is
    above that of all sine nets, every other unit of their first layers begins about it. A fit that
    explains less than a hundredth of the variance of an output warns (`ConvergenceWarning`), for
    then there is nothing to find, or the net cannot follow it.

    Parameters
    ----------
    hidden_layers : sequence of int or "auto", default="auto"
        Width of each hidden layer.
    activation : str, default="auto"
        An activation of `NeuralNetworkInterpolator` other than "relu", or "auto" for a portfolio
        of "tanh", "swish", "softplus", "rational" and "sine" at several frequencies.
    omega_0 : float or "auto", default="auto"
        Frequency of the first layer of sine nets, in radians per half of a feature's range. On
        curves whose main frequency is above it and above 60, which is 19 periods, every other
        unit begins at up to so much from that frequency.
    n_init : int, default=3
        Starts of each net that comes into the average; fewer of each where more than two nets do.
    max_iter : int, default=150
        Steps of a fit, at most; nets of a race that follow exact data take them twice, and 40
        where they predict samples held out to 3e-7 of the deviation of y. A
        `ConvergenceWarning` says so where they end too early: where the log marginal likelihood of
        nets that carry most of the average rose in the last tenth by more than it varies by
        chance, √(γ/2) for γ effective parameters, and more than 1e-4 of the variance of y is left.
    time_budget : float, default=None
        Seconds after which no further net is begun. With None, fits are reproducible.
    noise_std : float, array of shape (m,), (n,), (n, 1) or (n, m), or None, default=None
        Known standard deviation of the noise, in units of y: of all samples, of each output, of
        each sample, or of each entry of y. None: estimated. Where there are as many samples as
        outputs, (m,) is one for each output. A `y_scaler` that is not linear passes it on by its
        rate at each sample. A `sample_weight` still counts copies of a row, each of them measured
        with this noise.
    noise : {"gaussian", "student"}, default="gaussian"
        "student" is for data with outliers: noise by Student's t distribution, a mixture of normal
        ones of all sizes. How much each sample is trusted is re-estimated with the precisions; nets
        are judged by t densities. The same is assumed of the known derivatives `dy`.
    noise_dof : float or None, default=None
        Degrees of freedom of Student's t, for `noise="student"`. None: estimated for each output,
        from 3 to 1000, which is as good as normal. Give 1 or 2 where more than one sample in seven
        is wild.
    x_scaler, y_scaler : transformer, "passthrough" or None, default=None
        None is ``MinMaxScaler((-1, 1))`` for X and ``StandardScaler()`` for y, with
        ``noise="student"`` of y without its outliers. Error
        bars pass through every `y_scaler` that has a rule and changes each output alone.
    period : dict, default=None
        The periods of features, in their units, by name or column number: ``{"hour": 24.0}``. The
        fitted function and all its derivatives repeat exactly, for the net sees the cosine and the
        sine of 2πx/P in place of the scaled feature.
    laws : list of str or LinearLaw, default=None
        What is known to hold, in units of the data: "divergence-free", "curl-free", "harmonic", and
        `sk_pydelt.LinearLaw` for other linear relations of values and partial derivatives, such as
        u_t = 0.1 u_xx, and for boundary values. Each has a
        precision of its own, estimated as that of the noise is, and at most 0.3 times that of the
        values, both scaled.
    law_places : int or array-like of shape (k, n_features), default=200
        Where laws hold that name no places: at the samples, and at so many more, spread over their
        range but no farther from them than they are from each other; or at these.
    random_state : int, RandomState or None, default=None
        An int makes the fit the same, bit for bit, on one machine and for every `n_jobs`.
    n_jobs : int or None, default=None
        Processes that fit nets at the same time, as for `joblib.Parallel`; -1 is all processors.
        `joblib.parallel_config` chooses other workers, such as those of dask. Samples of some
        hundred and more are worth it.
    verbose : bool, default=False
        Whether to show a progress bar, with the number of nets fitted so far and the best setting.
        A fit that is broken off (Ctrl-C) keeps the best nets that it has, and warns.

    Attributes
    ----------
    noise_std_ : float, or array of shape (m,) where y was 2-D
        Standard deviation of the noise, in units of y: estimated, or of a `noise_std` for each
        sample the root mean square; of Student's t the scale, that of the samples that are no
        outliers. NaN where `y_scaler` does more than scale and shift each output alone.
    noise_dof_ : float, or array of shape (m,) where y was 2-D; or None
        Degrees of freedom of the noise in the best net; None where it is Gaussian.
    dy_noise_std_ : array of shape (d,), or (m, d) where y was 2-D; or None
        The same of the known derivatives `dy`, in their units, where there were any.
    alpha_ : array of shape (n_groups,)
        Prior precisions of the best net, layer by layer: weights (in the first layer those of each
        feature apart, and with several features, in the others those of each unit), biases.
    log_marginal_likelihood_ : float
        Of the best net, in Laplace's approximation; of the scaled targets.
    log_predictive_density_ : float or None
        Mean log density of a sample held out, of the scaled targets, by the setting that won; None
        where `hidden_layers` and `activation` leave no choice.
    effective_dof_ : float, or array of shape (m,) where y was 2-D
        Parameters that the data determine, in the best net.
    n_iter_ : int
        Steps of the best net.
    candidates_ : list of dict, which is shown as a table
        What was tried, best first: hidden_layers, activation, omega_0, n_weights,
        log_marginal_likelihood (mean of the nets of the cross-validation), log_predictive_density
        (mean of the samples held out), weight (in the average). Polynomials have no hidden layers
        and "constant", "linear", "quadratic" or "cubic" for an activation.
    law_residuals_ : dict of str to float
        Root mean square of each law's left side less its right, in the units of the law, where it
        was held: laws that contradict the samples, or each other, are left with a large one.
    x_scaler_, y_scaler_ : transformer
    n_features_in_ : int
    target_names_in_ : array of str
        Names of y's columns, where y was a frame or a named series.

    Notes
    -----
    Which nets are averaged is decided by cross-validation, not by the log marginal likelihood
    alone: where a net has more weights than there are samples, Laplace's approximation of it was
    measured to prefer nets that miss the signal altogether. Nor by samples held out of the
    linearised net, which costs no fit: that prefers nets that follow the noise.

    References
    ----------
    D. J. C. MacKay, Bayesian interpolation, Neural Comput. 4 (1992) 415.
    F. D. Foresee, M. T. Hagan, Gauss-Newton approximation to Bayesian learning, ICNN 1997.
    D. Nguyen, B. Widrow, Improving the learning speed of 2-layer neural networks, IJCNN 1990.
    K. L. Lange, R. J. A. Little, J. M. G. Taylor, Robust statistical modeling using the t
    distribution, JASA 84 (1989) 881.
    R. M. Neal, Bayesian Learning for Neural Networks, Springer 1996 (priors of each unit).
    L. Breiman et al., Classification and Regression Trees, Wadsworth 1984 (the simplest model
    within a standard error of the best).
    O. Maron, A. W. Moore, Hoeffding races, NIPS 1994.
    K. Jamieson, A. Talwalkar, Non-stochastic best arm identification and hyperparameter
    optimization, AISTATS 2016.
    Y. Yao, A. Vehtari, D. Simpson, A. Gelman, Using stacking to average Bayesian predictive
    distributions, Bayesian Anal. 13 (2018) 917.

    Examples
    --------
    The rate of change of a noisy sine, with its standard deviation:

    >>> import numpy as np
    >>> from sk_pydelt import BayesianNeuralNetworkInterpolator
    >>> x = np.linspace(0, 6, 60).reshape(-1, 1)
    >>> y = np.sin(x).ravel() + 0.1 * np.random.default_rng(0).standard_normal(60)
    >>> model = BayesianNeuralNetworkInterpolator((8,), "tanh", random_state=0).fit(x, y)
    >>> rate, std = model.differentiate(order=1)([[1.0]], return_std=True)
    >>> bool(abs(rate[0] - np.cos(1.0)) < 3 * std[0]), round(model.noise_std_, 1)
    (True, 0.1)
    """

    _parameter_constraints = {
        **SobolevInterpolator._parameter_constraints,
        "hidden_layers": ["array-like", StrOptions({"auto"})],
        "activation": [StrOptions({"auto", *SMOOTH})],
        "omega_0": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "time_budget": [None, Interval(Real, 0, None, closed="left")],
        "noise": [StrOptions({"gaussian", "student"})],
        "noise_dof": [None, Interval(Real, 0, None, closed="neither")],
        "noise_std": [None, Interval(Real, 0, None, closed="neither"), "array-like"],
        "n_jobs": [None, Integral],
        "verbose": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_layers: Sequence[int] | str = "auto",
        activation: str = "auto",
        omega_0: float | str = "auto",
        n_init: int = 3,
        max_iter: int = 150,
        time_budget: float | None = None,
        x_scaler: BaseEstimator | str | None = None,
        y_scaler: BaseEstimator | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
        period: dict[str | int, float] | None = None,
        noise_std: ArrayLike | None = None,
        noise: str = "gaussian",
        noise_dof: float | None = None,
        laws: Sequence[str | LinearLaw] | str | LinearLaw | None = None,
        law_places: int | ArrayLike = 200,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.omega_0 = omega_0
        self.n_init = n_init
        self.max_iter = max_iter
        self.time_budget = time_budget
        self.x_scaler = x_scaler
        self.y_scaler = y_scaler
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.period = period
        self.noise_std = noise_std
        self.noise = noise
        self.noise_dof = noise_dof
        self.laws = laws
        self.law_places = law_places

    def _informed(self, samples, y, kept):
        tails = student_dof(self.noise, self.noise_dof)
        std = None
        if self.noise_std is not None:
            n = len(kept) if isinstance(kept, np.ndarray) else len(y)
            std = check_noise_std(self.noise_std, n, y.shape[1], self._y_ndim)[kept]
            std = scaled_noise_std(std, y, self.y_scaler_)
        return replace(samples, noise=Noise(std, *tails))

    def _typical(self, data, weight):
        return within_fences(data, weight) if self.noise == "student" else data

    @property
    def candidates_(self) -> CandidateTable:
        """What was tried, best first; see Attributes."""
        check_is_fitted(self)
        return CandidateTable(self._candidates)

    def _fit_scaled(self, samples):
        _refuse_many_copies(samples.weight)
        rng, n_features = check_random_state(self.random_state), samples.X.shape[1]
        given = self.hidden_layers, self.activation, self.omega_0
        slopes_known = samples.slopes is not None or bool(samples.laws)
        settings = portfolio(n_features, *given, slopes_known)
        samples = samples.distinct()
        with Team(self.n_jobs, self.time_budget, self.verbose) as team:
            options = {"n_init": self.n_init, "max_iter": self.max_iter}
            entrants, nets = race(Candidate, samples, settings, **options, team=team, rng=rng)
        self._candidates = [candidate_row(entrant) for entrant in entrants]
        widths = band_widths([net for net, _ in nets], entrants)
        posteriors = (net.posterior() for net, _ in nets)
        self._nets = [replace(one, width=width) for one, width in zip(posteriors, widths)]
        self._weights = np.array([weight for _, weight in nets])
        self._record(entrants[0], nets[0][0], samples.y.shape[1])
        self._record_noise(nets, samples.y.shape[1], samples.slopes)
        if team.is_interrupted:
            warn_user(
                f"The fit was interrupted after {team.n_done} nets; the best of them are kept.",
                UserWarning,
            )
        else:
            self._warn_of_steps(nets)

    def _warn_of_steps(self, nets):
        """Say so where most of the average is of nets whose evidence still rises."""
        rises = [(weight, net.unsettled) for net, weight in nets]
        share = sum(weight for weight, rise in rises if rise)
        if share > 0.5:
            warn_user(
                f"max_iter={self.max_iter} steps are too few for the fit to converge: in the last "
                f"tenth of them the log marginal likelihood of nets that carry {share:.0%} of the "
                f"average rose by up to {max(rise for _, rise in rises):.1f}. Raise max_iter.",
                ConvergenceWarning,
            )

    def _record(self, winner, best, n_outputs):
        self.n_iter_ = best.fit.n_iter
        self.alpha_ = best.fit.alpha
        self.log_marginal_likelihood_ = best.log_evidence
        self.log_predictive_density_ = winner.mean_score if winner.nets else None
        # An output's values and slopes together say how many parameters they determine.
        dof = best.fit.dof[: best.problem.n_targets]
        self.effective_dof_ = self._each_output(dof.reshape(-1, n_outputs).sum(axis=0))

    def _record_noise(self, nets, n_outputs, slopes):
        """Standard deviations of the noise: of scaled targets, of slopes in units of `dy`."""
        variance = sum(w / net.noise_precisions for net, w in nets)
        self._noise, *rates = np.sqrt(variance).reshape(-1, n_outputs)
        dof = nets[0][0].problem.tails.dof[:n_outputs]
        self.noise_dof_ = None if self.noise == "gaussian" else self._each_output(dof)
        self.dy_noise_std_ = None
        if slopes is not None:
            known = np.where(slopes.known.any(axis=0), 1.0, np.nan)
            noise = (known * rates * slopes.units[:, None] * self._units_of_y(n_outputs)).T
            with np.errstate(divide="ignore"):  # a weight of zero: anything goes
                noise = noise / np.sqrt(1.0 if slopes.weight is None else slopes.weight)
            self.dy_noise_std_ = noise[0] if self._y_ndim == 1 else noise

    def _advice(self):
        more_time = "" if self.time_budget is None else "give it a larger time_budget, or None; "
        settings = self.hidden_layers, self.activation, self.omega_0
        if all(isinstance(given, str) and given == "auto" for given in settings):
            return f"{more_time}give it more samples for each oscillation"
        return (
            f"{more_time}give it more units in hidden_layers, where y oscillates the frequency "
            "omega_0 with activation='sine', or leave all three at 'auto'"
        )

    def _predict_scaled(self, X):
        def block(rows):
            return self._propagate_scaled(Jet.constant(rows, 0, 1)).value

        return map_row_blocks(block, X, BLOCK_ROWS)

    def _propagate_scaled(self, jet):
        first, *others = [net.propagate(jet) * w for w, net in zip(self._weights, self._nets)]
        return sum(others, first)

    def _mixture_scaled(self, jet, index):
        pairs = zip(self._weights, self._nets)
        return [LinearComponent(w, *net.partial(jet, index), net.factor) for w, net in pairs]

    def _noise_scaled(self):
        return self._noise

    def _normal_noise(self):
        if self.noise == "student":
            raise ValueError(
                "With noise='student' a new sample may be an outlier, of which there need be no "
                "mean: ask for that of the function without noise, noise=False."
            )
        return self._noise


def _refuse_many_copies(weight):
    """Beyond some number of copies nothing is left in float64 of what one row says."""
    if weight is not None and weight.max() > MOST_COPIES:
        raise ValueError(
            f"sample_weight is up to {weight.max():.1e}, and a Bayesian fit takes it for that many "
            f"copies of a row, all measured with noise of their own: {MOST_COPIES:.0e} are the "
            "most. Divide the weights by one number, so that they add up to the number of samples."
        )
