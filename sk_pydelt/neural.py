"""Neural-network interpolation with exact derivatives."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions

from .backends import (
    FitSpec,
    NetSpec,
    Start,
    constant_loss,
    get_backend,
    one_of_many,
    refuse,
    require_memory_for,
)
from .chain import warn_once
from .convergence import warn_of_epochs, warn_of_leaps
from .incremental import IncrementalInterpolator
from .jets import Jet
from .jets.activations import ACTIVATIONS
from .jets.blocks import Home
from .laws import LinearLaw
from .options import check_options
from .samples import Samples

__all__ = ["NeuralNetworkInterpolator"]


class NeuralNetworkInterpolator(IncrementalInterpolator):
    r"""A multilayer perceptron fitted to samples, with exact derivatives of any order.

    >>> from sk_pydelt import NeuralNetworkInterpolator
    >>> net = NeuralNetworkInterpolator((8,), solver="lm", random_state=0)
    >>> net = net.fit([[0.0], [1], [2], [3], [4]], [0.0, 1, 4, 9, 16])
    >>> net.differentiate(order=1)([[1.5]]).round(1)
    array([3.])

    The net maps scaled features to scaled targets through dense layers,

    .. math:: h_0 = s_x(x), \quad h_l = \sigma(W_l h_{l-1} + b_l), \quad
              f(x) = s_y^{-1}(W_L h_{L-1} + b_L),

    and is fitted by the smallest mean `loss` of the scaled targets. Derivatives pass
    through the net and both scalers by Taylor arithmetic, so they are exact to rounding and in
    the units of the data.

    Parameters
    ----------
    hidden_layers : sequence of int, default=(64, 32)
        Width of each hidden layer.
    activation : str, default="tanh"
        "relu", "tanh", "sigmoid", "swish", "gelu", "sine", "softplus", "elu", "mish", "rational"
        or "identity". Derivatives of order k want an activation that has them: those of "relu"
        vanish above the first.
    solver : {"adam", "lbfgs", "lm"}, default="adam"
        "adam" (Kingma & Ba 2015); "lbfgs" (limited-memory BFGS with a strong Wolfe line search,
        one iteration an epoch, until the loss stops falling) for full batches of few samples:
        it refuses `batch_size` and `dropout_rate`; "lm" (Levenberg & Marquardt, one accepted step
        an epoch) for nets of up to some thousand weights, or few samples: by far
        the closest fit. It refuses `batch_size`, `dropout_rate` and `batch_norm`.
    learning_rate : float, default=1e-3
        Step size of "adam".
    learning_rate_schedule : {"constant", "invscaling", "cosine"} or callable, default="constant"
        What `learning_rate` is multiplied by in the epoch of number t, the first being 0: 1;
        1 / √(t + 1), as `MLPRegressor` has it for its updates; half of 1 + cos(π t / epochs)
        (Loshchilov & Hutter 2017); or what a function of t gives. A rate that falls where the loss
        stands still is a callback of the framework's.
    optimizer : {"adam", "adamw", "sgd"} or class, default="adam"
        What takes the steps of "adam": a class is one of `torch.optim`, or with the TensorFlow
        backend of `keras.optimizers`.
    optimizer_params : dict, default=None
        Further parameters of the optimizer, by the framework's own names:
        ``{"weight_decay": 1e-2}``, ``{"momentum": 0.9}``.
    max_grad_norm : float, default=None
        Gradients longer than this, all weights together, are shortened to it before a step.
    callbacks : list, default=None
        Callbacks of skorch, or with the TensorFlow backend of Keras: they are called as the
        framework calls them, with the net on scaled data. One that stops training does so;
        `stop_reason_` is its name.
    epochs : int, default=1000
        Passes over the samples, at most. With "lbfgs" and "lm" a `ConvergenceWarning` says so where
        the loss fell by more than 1 % of a constant's in the last tenth of them.
    batch_size : int, default=None
        Samples in a step; None is all of them.
    shuffle : bool, default=True
        Whether mini-batches are drawn anew in each epoch; else they follow the rows.
    dropout_rate : float, default=0.0
        Share of each hidden layer's units left out at random in a training step.
    batch_norm : bool, default=False
        Batch normalisation after each hidden dense layer (Ioffe & Szegedy 2015). Predictions and
        derivatives use the running mean and variance, which take no account of sample weights.
        A last batch of one row is added to the one before.
    alpha : float, default=0.0
        L2 penalty: alpha times the sum of squared weights, without biases, is added to the loss.
    loss : {"squared_error", "absolute_error", "huber"}, default="squared_error"
        What is made small, as a mean over the scaled targets: squares; absolute values, so that
        the net goes through medians; or what `sklearn.linear_model.HuberRegressor` minimises,
        squares near zero and absolute values of wild samples. "lm" takes squares alone.
    huber_epsilon : float, default=1.35
        Where "huber" goes over from squares to absolute values, in standard deviations of the
        residuals: these are estimated in each step, for each output, and for each of its known
        derivatives, along with the net.
    omega_0 : float, default=30.0
        Frequency of the first layer where `activation` is "sine": the larger, the faster the
        oscillations over the scaled range that the net starts from (Sitzmann et al. 2020).
    early_stopping : bool, default=False
        Whether to hold out `validation_split` of the samples, stop when their loss has not
        improved by more than `tol` for `patience` epochs, and restore the weights of its lowest
        value.
    validation_split : float, default=0.2
    patience : int, default=None
        None is 500 steps of "adam", but at least 10 epochs, which count once half of the variance
        held out has been explained; 50 epochs of the other solvers.
    tol : float, default=0.0
    warm_start : bool, default=False
        Whether `fit` goes on from the net that is fitted, with its scalers, in place of a new one.
    x_scaler, y_scaler : transformer, "passthrough" or None, default=None
        What brings X and y near 1; None is ``MinMaxScaler((-1, 1))`` for X and
        ``StandardScaler()`` for y. Clones are fitted, to weighted samples where they can be;
        `partial_fit` takes those that are fitted as they are.
    period : dict, default=None
        Of features, in their units: ``{"hour": 24.0}``. The net sees cosine and sine of 2πx/P.
    laws : list of str or LinearLaw, default=None
        What is known to hold, in units of the data: "divergence-free", "curl-free", "harmonic", or
        `sk_pydelt.LinearLaw`: the loss has `law_weight` times each one's mean squared error too.
    law_places : int or array-like of shape (k, d), default=200
        Where laws hold: at the samples, and at so many places more between them, or at these.
    law_weight : float, default=1.0
    module : callable, default=None
        A class, or a function, that builds a `torch.nn.Module` (with the TensorFlow backend, a
        `keras.Model`) from ``n_features`` and ``n_outputs``, in place of the dense layers
        described above; it maps (n, n_features) to (n, n_outputs). Its derivatives are computed
        by the framework's own differentiation; it refuses `dropout_rate` and `batch_norm`.
    backend : str, default="pytorch"
        The framework that trains and holds the net: "pytorch"; "tensorflow", which wants
        ``pip install sk-pydelt[tensorflow]``; or a name given to
        `sk_pydelt.backends.register_backend`.
    device : str, default="cpu"
        "cpu", "cuda" (or "cuda:1", ...), or "auto" for a GPU where there is one.
    dtype : {"float64", "float32"}, default="float64"
        Arithmetic of the net. Scaling and results are float64.
    random_state : int, RandomState or None, default=None
        An int makes the fit the same, bit for bit, on one machine, and leaves the global
        generators alone. None draws from the framework's global generator.
    verbose : bool, default=False
        Whether to show a progress bar over the epochs.

    Attributes
    ----------
    net_ : skorch.NeuralNetRegressor or scikeras.wrappers.KerasRegressor
        The fitted net, on scaled data; with another backend, what that one holds.
    law_residuals_ : dict of str to float, root mean squares of what is left of each law
    x_scaler_, y_scaler_ : transformer
    loss_curve_ : list of float
        Mean `loss` of the scaled targets at each epoch, penalty, and errors of laws.
    validation_loss_curve_ : list of float or None
        Mean `loss` of the held-out samples at each epoch, with early stopping or
        ``fit(..., validation_data=...)``.
    n_iter_ : int
        Number of epochs done.
    stop_reason_ : str
        Why training ended: "epochs", "early_stopping", "stalled" ("lbfgs": the loss does not fall),
        "interrupted", the name of the callback that stopped it; "gradient", "step" or "loss" ("lm":
        a vanishing gradient, no step that lowers the loss, a loss that is zero or does not fall).
        None with the TensorFlow backend.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X was a frame.
    target_names_in_ : array of str
        Names of y's columns, where y was a frame or a named series: they name the columns of
        frames of derivatives.

    Examples
    --------
    A sine and its rate of change from 20 samples:

    >>> import numpy as np
    >>> from sk_pydelt import NeuralNetworkInterpolator
    >>> x = np.linspace(0, 3, 20).reshape(-1, 1)
    >>> net = NeuralNetworkInterpolator((16,), solver="lbfgs", epochs=300, random_state=0)
    >>> net.fit(x, np.sin(x).ravel())
    NeuralNetworkInterpolator(epochs=300, hidden_layers=(16,), random_state=0,
                              solver='lbfgs')
    >>> net.predict([[1.0]]).round(2), net.differentiate(order=1)([[1.0]]).round(2)
    (array([0.84]), array([0.54]))
    """

    _parameter_constraints = {
        **IncrementalInterpolator._parameter_constraints,
        "hidden_layers": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"adam", "lbfgs", "lm"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions({"constant", "invscaling", "cosine"}), callable],
        "optimizer": [StrOptions({"adam", "adamw", "sgd"}), type],
        "optimizer_params": [None, dict],
        "max_grad_norm": [None, Interval(Real, 0, None, closed="neither")],
        "callbacks": [None, list, tuple],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [None, Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "dropout_rate": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "alpha": [Interval(Real, 0, 1e100, closed="both")],
        "loss": [StrOptions({"squared_error", "absolute_error", "huber"})],
        "huber_epsilon": [Interval(Real, 1, None, closed="left")],
        "omega_0": [Interval(Real, 0, None, closed="neither")],
        "early_stopping": ["boolean"],
        "validation_split": [Interval(Real, 0, 1, closed="neither")],
        "patience": [None, Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "module": [None, callable],
        "backend": [str],
        "device": [str],
        "dtype": [StrOptions({"float32", "float64"})],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
        "law_weight": [Interval(Real, 0, 1e12, closed="both")],
    }

    def __init__(
        self,
        hidden_layers: Sequence[int] = (64, 32),
        activation: str = "tanh",
        solver: str = "adam",
        learning_rate: float = 1e-3,
        learning_rate_schedule: str | Callable[[int], float] = "constant",
        optimizer: str | type = "adam",
        optimizer_params: dict[str, Any] | None = None,
        max_grad_norm: float | None = None,
        callbacks: Sequence[Any] | None = None,
        epochs: int = 1000,
        batch_size: int | None = None,
        shuffle: bool = True,
        dropout_rate: float = 0.0,
        batch_norm: bool = False,
        alpha: float = 0.0,
        loss: str = "squared_error",
        huber_epsilon: float = 1.35,
        omega_0: float = 30.0,
        early_stopping: bool = False,
        validation_split: float = 0.2,
        patience: int | None = None,
        tol: float = 0.0,
        warm_start: bool = False,
        x_scaler: Any = None,
        y_scaler: Any = None,
        module: Callable | None = None,
        backend: str = "pytorch",
        device: str = "cpu",
        dtype: str = "float64",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        period: dict[str | int, float] | None = None,
        laws: Sequence[str | LinearLaw] | str | LinearLaw | None = None,
        law_places: int | ArrayLike = 200,
        law_weight: float = 1.0,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.max_grad_norm = max_grad_norm
        self.callbacks = callbacks
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.dropout_rate = dropout_rate
        self.batch_norm = batch_norm
        self.alpha = alpha
        self.loss = loss
        self.huber_epsilon = huber_epsilon
        self.omega_0 = omega_0
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.tol = tol
        self.warm_start = warm_start
        self.x_scaler = x_scaler
        self.y_scaler = y_scaler
        self.module = module
        self.backend = backend
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose
        self.period = period
        self.laws = laws
        self.law_places = law_places
        self.law_weight = law_weight

    def _train_scaled(self, samples: Samples, epochs: int | None, goes_on: bool) -> None:
        check_options(self.get_params(deep=False), samples)
        net, fit = self._specs(samples)
        if epochs is not None:
            fit = one_of_many(fit, epochs)
        refuse(self.backend, net, fit, samples)
        require_memory_for(net, fit, samples)
        backend = get_backend(self.backend)
        if goes_on:
            self._require_same_backend()
            start = Start(self.net_, self.n_iter_, steps=epochs is not None)
            result = backend.resume(start, net, fit, samples)
        else:
            result = backend.fit(net, fit, samples)
        self._keep(result, net, goes_on)
        if epochs is None and not goes_on:
            self._warn_of_training(fit, samples)

    def _require_same_backend(self):
        if self.backend != self._backend:
            raise ValueError(
                f"The net that is fitted is of backend={self._backend!r}: go on with that one, or "
                f"fit anew with warm_start=False; got backend={self.backend!r}."
            )

    def _keep(self, result, net, goes_on):
        """The net, and the curves of its losses, which go on where it does."""
        self._backend = self.backend  # a later set_params must not change what is fitted
        self._piecewise_linear = net.piecewise_linear
        before = (self.loss_curve_, self.validation_loss_curve_ or []) if goes_on else ([], [])
        self.net_ = result.net
        self.loss_curve_ = before[0] + result.loss_curve
        valid = before[1] + (result.validation_loss_curve or [])
        self.validation_loss_curve_ = valid or None
        self.n_iter_ = len(self.loss_curve_)
        self.stop_reason_ = result.stop_reason

    def _warn_of_training(self, fit, samples):
        """Say so where more epochs would have given another net, or steps threw it off."""
        constant = constant_loss(fit, samples, samples)
        watched = self.validation_loss_curve_ or self.loss_curve_
        if self.solver == "adam":
            left = min(self.validation_loss_curve_ or self.loss_curve_[-1:])
            warn_of_leaps(self.loss_curve_, left, constant, self.learning_rate)
        elif self.stop_reason_ in (None, "epochs") and len(watched) == self.epochs:
            warn_of_epochs(watched, constant, self.epochs, self.solver)

    def _advice(self) -> str:
        tries = ["activation='sine' with a frequency omega_0 where y oscillates"]
        if self.solver == "adam":
            tries = [
                f"more epochs, another learning_rate than {self.learning_rate:g}",
                "solver='lbfgs' or 'lm' for up to some thousand samples",
                *tries,
            ]
        elif self.n_iter_ == self.epochs:
            tries.insert(0, "more epochs")
        if self.early_stopping:
            tries.append("a larger patience")
        return "try " + ", ".join(tries)

    def _predict_scaled(self, X: np.ndarray) -> np.ndarray:
        return get_backend(self._backend).predict(self.net_, X)

    def _propagate_scaled(self, jet: Jet) -> Jet:
        if self._piecewise_linear and jet.order > 1:
            warn_once(
                jet,
                "A net of ReLUs is piecewise linear: its derivatives of order 2 and above are zero "
                "almost everywhere. Fit it with a smooth activation such as 'tanh', 'swish', "
                "'gelu', 'softplus' or 'sine'.",
            )
        return get_backend(self._backend).propagate(self.net_, jet)

    def _computes_on_tensors(self) -> bool:
        return get_backend(self._backend).any_array

    def _home(self) -> Home | None:
        return get_backend(self._backend).home(self.net_)

    def _specs(self, samples):
        """Which net is asked for, and how it is to be trained."""
        params = self.get_params(deep=False)
        params["hidden_layers"] = tuple(map(int, self.hidden_layers))
        params |= {"n_features": samples.X.shape[1], "n_outputs": samples.y.shape[1]}
        return (
            spec(**{field.name: params[field.name] for field in fields(spec)})
            for spec in (NetSpec, FitSpec)
        )
