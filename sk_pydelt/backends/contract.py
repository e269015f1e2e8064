"""What a backend is given, what it gives back, and what it must be able to do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..jets import Jet
from ..jets.activations import ACTIVATIONS
from ..jets.blocks import Home
from ..samples import Samples

__all__ = ["Backend", "FitResult", "FitSpec", "NetSpec", "Start"]


@dataclass(frozen=True)
class NetSpec:
    """Which net is asked for; the fields are parameters of `NeuralNetworkInterpolator`.

    Parameters
    ----------
    n_features, n_outputs : int
        Columns of the scaled X and y.
    hidden_layers : tuple of int
    activation : str
        A name in `sk_pydelt.jets.activations.ACTIVATIONS`.
    omega_0 : float
    dropout_rate : float
    batch_norm : bool
    module : callable or None
        What builds the net from ``n_features`` and ``n_outputs``; None is dense layers, as the
        fields above describe them.
    dtype : {"float64", "float32"}
    device : str
        As the user wrote it: the backend checks it.
    """

    n_features: int
    n_outputs: int
    hidden_layers: tuple[int, ...] = (64, 32)
    activation: str = "tanh"
    omega_0: float = 30.0
    dropout_rate: float = 0.0
    batch_norm: bool = False
    module: Callable | None = None
    dtype: str = "float64"
    device: str = "cpu"

    @property
    def piecewise_linear(self) -> bool:
        """Whether derivatives of order 2 and above vanish because of the activation."""
        return self.module is None and ACTIVATIONS[self.activation].piecewise_linear


@dataclass(frozen=True)
class FitSpec:
    """How the net is to be trained; the fields are parameters of `NeuralNetworkInterpolator`.

    Parameters
    ----------
    solver : {"adam", "lbfgs", "lm"}
    learning_rate : float
    learning_rate_schedule : {"constant", "invscaling", "cosine"} or callable
    optimizer : {"adam", "adamw", "sgd"} or a class of the framework
    optimizer_params : dict or None
    max_grad_norm : float or None
    callbacks : sequence or None
        The framework's own.
    epochs : int
    batch_size : int or None
        None is all samples.
    shuffle : bool
    alpha : float
    loss : {"squared_error", "absolute_error", "huber"}
    huber_epsilon : float
    early_stopping : bool
    validation_split : float
    patience : int or None
        None is what `sk_pydelt.backends.training.patience` says.
    tol : float
    warm_start : bool
        Whether the net may be gone on with: by `Backend.resume` after this fit, or in it.
    random_state : int, RandomState or None
    verbose : bool
    """

    solver: str = "adam"
    learning_rate: float = 1e-3
    learning_rate_schedule: str | Callable[[int], float] = "constant"
    optimizer: str | type = "adam"
    optimizer_params: dict[str, Any] | None = None
    max_grad_norm: float | None = None
    callbacks: Sequence[Any] | None = None
    epochs: int = 1000
    batch_size: int | None = None
    shuffle: bool = True
    alpha: float = 0.0
    loss: str = "squared_error"
    huber_epsilon: float = 1.35
    early_stopping: bool = False
    validation_split: float = 0.2
    patience: int | None = None
    tol: float = 0.0
    warm_start: bool = False
    random_state: Any = None
    verbose: bool = False


@dataclass(frozen=True)
class Start:
    """What a fit goes on from.

    Parameters
    ----------
    net : object
        That `Backend.fit` gave; it must stay as it is.
    epochs : int
        Done before.
    steps : bool
        Whether the optimizer goes on with what it remembers of its steps; else it begins anew.
    """

    net: Any
    epochs: int
    steps: bool


@dataclass(frozen=True)
class FitResult:
    """A fitted net, and how its training went.

    Parameters
    ----------
    net : object
        Whatever the backend predicts with. It becomes `net_`, and must survive pickle.
    loss_curve : list of float
        Loss at each epoch done: mean `loss` of the scaled targets, and penalty.
    validation_loss_curve : list of float or None
        Mean `loss` of the held-out samples, with early stopping.
    stop_reason : str or None
        Why training ended, None where the backend does not say.
    """

    net: Any
    loss_curve: list[float]
    validation_loss_curve: list[float] | None = None
    stop_reason: str | None = None


class Backend(ABC):
    """A framework that trains nets and differentiates them.

    A child sets `supports` and fills three hooks. It sees scaled data only, and holds no state:
    one instance serves all estimators. What it imports at the top of its file is loaded when it
    is registered, so that a large framework is better imported where it is used.

    Attributes
    ----------
    supports : frozenset of str
        Names in `sk_pydelt.backends.FEATURES`. A fit that asks for another one is refused before
        `fit` is called; what is not a feature every backend has: one hidden layer of "tanh" in
        float64 on the CPU, several features and outputs.
    any_array : bool
        Whether `propagate` takes jets of torch's tensors, and autograd follows it. Others are
        given jets of NumPy's arrays alone.
    """

    supports: frozenset[str] = frozenset()
    any_array: bool = False

    @abstractmethod
    def fit(self, net: NetSpec, fit: FitSpec, samples: Samples) -> FitResult:
        """Train a net on scaled samples.

        Raises
        ------
        ValueError
            A specification that makes no sense, or training that diverged.
        KeyboardInterrupt
            Where the user broke training off before there was a net.
        """

    def resume(self, start: Start, net: NetSpec, fit: FitSpec, samples: Samples) -> FitResult:
        """Train a copy of a fitted net further; curves are of these epochs alone.

        Raises
        ------
        ValueError
            A net of another specification, but for its device.
        """
        raise NotImplementedError("a backend that supports 'warm_start' fills it")

    @abstractmethod
    def predict(self, net: Any, X: np.ndarray) -> np.ndarray:
        """Values of a fitted net at X (n, p): float64 of shape (n, q)."""

    @abstractmethod
    def propagate(self, net: Any, jet: Jet) -> Jet:
        """The jet of the net's values, (n, q), from that of its input, (n, p), of arrays."""

    def home(self, net: Any) -> Home | None:
        """The device to which rows are brought for the net; None is the processor."""
        return None
