"""Bayesian neural interpolation: exact derivatives with error bars, and nothing to tune."""

from importlib import import_module
from numbers import Integral, Real
from time import monotonic

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .activations import ACTIVATIONS
from .base import BaseInterpolator
from .calculus import check_places
from .chain import propagate, propagate_inverse, propagate_std, propagate_sum_std
from .chain.target import output_scale
from .jet import Jet
from .solvers.evidence import pseudo_bma_weights

__all__ = ["BayesianNeuralNetworkInterpolator"]

SMOOTH = [name for name, activation in ACTIVATIONS.items() if not activation.piecewise_linear]
# What competes where nothing is given: hidden layers, activation, frequency of a sine.
CURVES = (
    ((8,), "rational", 1.0),
    ((8,), "swish", 1.0),
    ((8, 8), "tanh", 1.0),
    ((8, 8, 8), "tanh", 1.0),
    ((8, 8), "swish", 1.0),
    ((8, 8), "softplus", 1.0),
    ((32,), "sine", 20.0),
    ((48,), "sine", 60.0),
    ((8, 8), "sine", 8.0),
    ((12, 12), "sine", 12.0),
    ((32, 32), "sine", 40.0),
)
FIELDS = (
    ((8, 8), "tanh", 1.0),
    ((8, 8, 8), "tanh", 1.0),
    ((8, 8), "swish", 1.0),
    ((16, 16), "softplus", 1.0),
    ((8, 8), "rational", 1.0),
    ((12, 12), "sine", 3.0),
)
FIRST_STEPS = 40  # of every candidate; then the best go on
SMALL_NET = 200  # weights: so small a net takes all its starts in the first round
FINALISTS = 3
BLOCK_ROWS = 256  # rows whose Jacobians by the weights are held at once


class BayesianNeuralNetworkInterpolator(BaseInterpolator):
    r"""Neural networks that find the noise, their own regularisation and their error bars.

    Each net :math:`f(x, w)` is fitted by evidence-regularised Levenberg–Marquardt: weights have
    Gaussian priors of precision :math:`\alpha_g`, one for each group (the first layer's weights of
    each feature, each further layer's, each layer's biases), and each output has Gaussian noise of
    precision :math:`\beta`, all of which are re-estimated from the data while the net is fitted
    (MacKay 1992; Foresee & Hagan 1997). Around the fit, the weights' posterior is Gaussian
    (Laplace), and so is that of every derivative,

    .. math:: \operatorname{Var}[\partial^k f(x)] = j^T H^{-1} j, \qquad
              j = \partial_w \partial^k f(x, w), \quad H = \beta J^T J + A.

    Nets of several sizes, activations and starts compete. Each is judged by how well it predicts
    any three samples from the others (cross-validation of the linearised net, in closed form), and
    the best are averaged with the weights of pseudo-BMA+ (Yao et al. 2018), so that the
    error bars hold what the nets disagree on.

    Parameters
    ----------
    hidden_layers : sequence of int or "auto", default="auto"
        Width of each hidden layer.
    activation : str, default="auto"
        An activation of `NeuralNetworkInterpolator` other than "relu", or "auto" for a portfolio
        of "tanh", "swish", "softplus", "rational" and "sine" at several frequencies.
    omega_0 : float or "auto", default="auto"
        Frequency of the first layer of sine nets, in radians per half of a feature's range.
    n_init : int, default=3
        Starts of each net that comes into the last round.
    max_iter : int, default=150
        Steps of a fit, at most.
    time_budget : float, default=None
        Seconds after which no further net is begun. With None, fits are reproducible.
    x_scaler, y_scaler : transformer, "passthrough" or None, default=None
        None is ``MinMaxScaler((-1, 1))`` for X and ``StandardScaler()`` for y. The standard
        deviation needs a `y_scaler` that scales and shifts each output alone.
    random_state : int, RandomState or None, default=None
        An int makes the fit the same, bit for bit, on one machine.

    Attributes
    ----------
    noise_std_ : float, or array of shape (m,) where y was 2-D
        Estimated standard deviation of the noise, in units of y; NaN where `y_scaler` does more
        than scale and shift each output alone.
    alpha_ : array of shape (n_groups,)
        Prior precisions of the best net, layer by layer: weights (in the first layer those of each
        feature apart), biases.
    log_marginal_likelihood_ : float
        Of the best net, in Laplace's approximation; of the scaled targets.
    log_predictive_density_ : float
        Sum of the log densities of samples held out, of the scaled targets.
    effective_dof_ : float, or array of shape (m,) where y was 2-D
        Parameters that the data determine, in the best net.
    n_iter_ : int
        Steps of the best net.
    candidates_ : list of dict
        What was tried, best first: hidden_layers, activation, omega_0, seed, n_iter, n_weights,
        log_marginal_likelihood, log_predictive_density, weight (in the average).
    x_scaler_, y_scaler_ : transformer
    n_features_in_ : int

    Notes
    -----
    Nets are chosen by their predictive density, and not by the log marginal likelihood: where a
    net has more weights than there are samples, Laplace's approximation of the latter was measured
    to prefer nets that miss the signal altogether. Both are in `candidates_`.

    References
    ----------
    D. J. C. MacKay, Bayesian interpolation, Neural Comput. 4 (1992) 415.
    F. D. Foresee, M. T. Hagan, Gauss-Newton approximation to Bayesian learning, ICNN 1997.
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
        **BaseInterpolator._parameter_constraints,
        "hidden_layers": ["array-like", StrOptions({"auto"})],
        "activation": [StrOptions({"auto", *SMOOTH})],
        "omega_0": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "time_budget": [None, Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_layers="auto",
        activation="auto",
        omega_0="auto",
        n_init=3,
        max_iter=150,
        time_budget=None,
        x_scaler=None,
        y_scaler=None,
        random_state=None,
    ):
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.omega_0 = omega_0
        self.n_init = n_init
        self.max_iter = max_iter
        self.time_budget = time_budget
        self.x_scaler = x_scaler
        self.y_scaler = y_scaler
        self.random_state = random_state

    def predict(self, X, return_std=False):
        """Values of the fitted function, and its standard deviation.

        Parameters
        ----------
        X : array-like of shape (n, d)
        return_std : bool, default=False

        Returns
        -------
        array of shape (n,) or (n, m), as y was, in its units
        array of the same shape
            With ``return_std=True``: the standard deviation of the function, without noise.
        """
        values = super().predict(X)
        if not return_std:
            return values
        std = self._over_blocks(X, 0, lambda jet: propagate_std(self, jet, (0,) * jet.n_variables))
        return values, std[:, 0] if self._y_ndim == 1 else std

    def sample(self, X, n_samples=1, order=0, random_state=None) -> np.ndarray:
        """Draw functions, or derivatives of them, from the posterior.

        Parameters
        ----------
        X : array-like of shape (n, d)
        n_samples : int, default=1
        order : int or tuple of int, default=0
            0 is the functions themselves, a tuple (one order for each feature) one mixed partial;
            with one feature an int k is the k-th derivative.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        array of shape (n_samples, n) or (n_samples, n, m), as y was
            Each draw is one net of the average, with weights drawn from its posterior.
        """
        check_is_fitted(self)
        index = self._index(order)
        rng = check_random_state(random_state)
        counts = rng.multinomial(n_samples, self._weights)
        draws = [net.deviations(k, rng) for net, k in zip(self._nets, counts)]
        samples = self._over_blocks(X, sum(index), lambda jet: self._draw(jet, index, draws))
        samples = samples.transpose(2, 0, 1)[rng.permutation(n_samples)]
        return samples[:, :, 0] if self._y_ndim == 1 else samples

    def _fit_scaled(self, X, y, sample_weight):
        self._backend = import_module(".backends.pytorch_evidence", __package__)
        rng = check_random_state(self.random_state)
        candidates = self._race(*_merge_copies(X, y, sample_weight), rng)
        del self._backend
        candidates.sort(key=lambda c: -c.log_densities.sum())
        weights = pseudo_bma_weights(np.array([c.log_densities for c in candidates]), rng)
        weights[weights < 0.1 * weights.max()] = 0
        weights /= weights.sum()
        self.candidates_ = [_row(c, w) for c, w in zip(candidates, weights)]
        self._nets = [c.posterior() for c, w in zip(candidates, weights) if w]
        self._weights = weights[weights > 0]
        self._record(candidates, weights)

    def _race(self, X, y, sample_weight, rng):
        """Every net a few steps; then the best, with all their starts, to the end."""
        deadline = None if self.time_budget is None else monotonic() + self.time_budget

        def begin(setting):
            seed = int(rng.randint(2**31 - 1))
            options = dict(zip(("hidden_layers", "activation", "omega_0"), setting))
            candidate = self._backend.Candidate(X, y, sample_weight, **options, seed=seed)
            candidate.run(min(FIRST_STEPS, self.max_iter))
            return candidate

        def in_time():
            return deadline is None or monotonic() < deadline

        entered = []
        settings = self._portfolio(X.shape[1])
        for setting in settings:
            entered += [begin(setting)] if not entered or in_time() else []
            starts = self.n_init if entered[-1].n_weights <= SMALL_NET else 1
            entered += [begin(setting) for _ in range(starts - 1) if in_time()]
        best = sorted({_setting(c) for c in entered}, key=lambda s: -_score(entered, s))[:FINALISTS]
        for setting in best:
            missing = self.n_init - sum(_setting(c) == setting for c in entered)
            entered += [begin(setting) for _ in range(missing) if in_time()]
        for candidate in entered:
            if _setting(candidate) in best and in_time():
                candidate.run(max(0, self.max_iter - FIRST_STEPS))
        return entered

    def _portfolio(self, n_features):
        """The triples (hidden_layers, activation, omega_0) that compete."""
        found = {}
        for sizes, activation, omega in CURVES if n_features == 1 else FIELDS:
            if self.activation != "auto":
                if (activation == "sine") != (self.activation == "sine"):
                    continue
                activation = self.activation
            if not isinstance(self.hidden_layers, str):
                sizes = _check_layers(self.hidden_layers)
            if activation == "sine" and self.omega_0 != "auto":
                omega = float(self.omega_0)
            found[sizes, activation, omega] = None  # a set that keeps its order
        return list(found)

    def _record(self, candidates, weights):
        best = candidates[0]
        one = self._y_ndim == 1
        variance = sum(w / c.fit.beta.numpy() for c, w in zip(candidates, weights))
        try:
            noise = np.sqrt(variance) * output_scale(self.y_scaler_, len(variance))
        except TypeError:
            noise = np.full(len(variance), np.nan)
        self.noise_std_ = float(noise[0]) if one else noise
        self.n_iter_ = best.fit.n_iter
        self.alpha_ = best.fit.alpha.numpy()
        self.log_marginal_likelihood_ = best.fit.log_evidence
        self.log_predictive_density_ = float(best.log_densities.sum())
        dof = best.fit.dof.numpy()
        self.effective_dof_ = float(dof[0]) if one else dof

    def _predict_scaled(self, X):
        return sum(w * net.predict(X) for w, net in zip(self._weights, self._nets))

    def _propagate_scaled(self, jet):
        first, *others = [net.propagate(jet) * w for w, net in zip(self._weights, self._nets)]
        return sum(others, first)

    def _index(self, order):
        d = self.n_features_in_
        if isinstance(order, tuple):
            return order
        if order and d > 1:
            raise ValueError(
                f"order must be 0 or a tuple with one order for each of the {d} features, such as "
                f"{(1, *(0,) * (d - 1))}; got {order!r}."
            )
        return (order, *(0,) * (d - 1))

    def _over_blocks(self, X, order, function):
        check_places(X)
        X = validate_data(self, X, reset=False, dtype=np.float64, order="C")
        blocks = [X[start : start + BLOCK_ROWS] for start in range(0, len(X), BLOCK_ROWS)]
        return np.concatenate([function(Jet.variables(rows, order)) for rows in blocks])

    def _draw(self, jet, index, draws):
        """Samples of one partial derivative: (n, m, n_samples)."""
        jet = propagate(self.x_scaler_, jet)
        samples = []
        for net, deviations in zip(self._nets, draws):
            mean = propagate_inverse(self.y_scaler_, net.propagate(jet)).partial(index)
            change = net.changes(jet, index, deviations)
            scale = output_scale(self.y_scaler_, mean.shape[1])
            samples.append(mean[..., None] + scale[:, None] * change)
        return np.concatenate(samples, axis=2)


@propagate_std.register
def _(step: BayesianNeuralNetworkInterpolator, jet, index):
    return _std(step, jet, index)


@propagate_sum_std.register
def _(step: BayesianNeuralNetworkInterpolator, jet, index, weights):
    return _std(step, jet, index, weights)


def _std(step, jet, index, sums=None):
    """Laplace's variance within each net, and that between the nets."""
    jet = propagate(step.x_scaler_, jet)
    means = [net.propagate(jet).partial(index) for net in step._nets]
    means = means if sums is None else [sums @ f for f in means]
    within = [net.variance(jet, index, sums) for net in step._nets]
    mean = sum(w * f for w, f in zip(step._weights, means))
    total = sum(w * (v + (f - mean) ** 2) for w, v, f in zip(step._weights, within, means))
    return np.sqrt(total) * output_scale(step.y_scaler_, mean.shape[1])


def _check_layers(sizes):
    if len(sizes) == 0 or any(not isinstance(k, Integral) or k < 1 for k in sizes):
        raise ValueError(
            'hidden_layers must be "auto" or name the width of at least one hidden layer, each a '
            f"whole number >= 1, such as (16, 16); got {sizes!r}."
        )
    return tuple(int(k) for k in sizes)


def _merge_copies(X, y, weight):
    """Distinct samples in a fixed order, and their weights: no fit depends on the order of rows."""
    samples = np.column_stack([X, y.round(12)])  # the scaler's rounding does depend on it
    samples, row = np.unique(samples, axis=0, return_inverse=True)
    weight = np.bincount(row.ravel(), weight).astype(float)
    return samples[:, : X.shape[1]], samples[:, X.shape[1] :], weight


def _setting(candidate):
    return candidate.hidden_layers, candidate.activation, candidate.omega_0


def _score(candidates, setting):
    return max(c.log_densities.sum() for c in candidates if _setting(c) == setting)


def _row(candidate, weight):
    """What `candidates_` says of one net."""
    return {
        "hidden_layers": candidate.hidden_layers,
        "activation": candidate.activation,
        "omega_0": candidate.omega_0,
        "seed": candidate.seed,
        "n_iter": candidate.fit.n_iter,
        "n_weights": candidate.n_weights,
        "log_marginal_likelihood": candidate.fit.log_evidence,
        "log_predictive_density": float(candidate.log_densities.sum()),
        "weight": float(weight),
    }
