"""What training means in every backend: the split, the batches, the seed, and the ends."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from math import ceil, inf, isfinite
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from ..samples import Samples
from .contract import FitSpec, NetSpec
from .losses import Loss

__all__ = [
    "SEEDS",
    "Patience",
    "batch_size",
    "constant_loss",
    "draw_seed",
    "end_early",
    "out_of_memory",
    "patience",
    "require_arguments",
    "require_finite",
    "require_one_net",
    "require_parameters",
    "require_same_net",
    "require_shape",
    "split",
    "split_rows",
]

SEEDS = 2**31 - 1
PATIENT_STEPS = 500  # of Adam, of which ...
PATIENT_EPOCHS = 10, 50  # ... at least so many epochs are waited; of other solvers
UNEXPLAINED = 0.5  # of the held-out variance: as long as more is left, nothing is waited for


@dataclass(frozen=True)
class Patience:
    """When early stopping ends training.

    Parameters
    ----------
    epochs : int
        Without a lower loss of the held-out samples.
    level : float
        Epochs count once that loss has been below it.
    """

    epochs: int
    level: float = inf


def draw_seed(random_state: Any, from_global: Callable[[], int]) -> int:
    """A seed from an int or a RandomState, or from a framework's global generator for None."""
    if random_state is None:
        return int(from_global())
    return int(check_random_state(random_state).randint(SEEDS))


def split(fit: FitSpec, samples: Samples, seed: int) -> tuple[Samples, Samples | None]:
    """The samples to train on, and those that are held out; None without any.

    Held out are those that were given for it, or else a share of all for early stopping.
    """
    if samples.held_out is not None or not fit.early_stopping:
        return samples, samples.held_out
    rows, held_out = split_rows(fit, len(samples), seed)
    return samples[rows], samples[held_out]


def split_rows(fit: FitSpec, n: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Numbers of the training and the validation rows; the latter None without early stopping.

    Raises
    ------
    ValueError
        A split that leaves nothing to train on.
    """
    if not fit.early_stopping:
        return np.arange(n), None
    n_valid = ceil(fit.validation_split * n)
    if n_valid >= n:
        raise ValueError(
            f"validation_split={fit.validation_split} leaves no sample to train on: it holds "
            f"out {n_valid} of n_samples = {n}. Use more samples, a smaller validation_split, or "
            "early_stopping=False."
        )
    return tuple(train_test_split(np.arange(n), test_size=n_valid, random_state=seed))


def batch_size(net: NetSpec, fit: FitSpec, n_train: int) -> int:
    """The number of rows in a batch.

    Raises
    ------
    ValueError
        Batches of one row, which batch normalisation can't train on.
    """
    size = int(min(fit.batch_size or n_train, n_train))
    if net.batch_norm and size < 2:
        raise ValueError(
            f"batch_norm needs at least two samples in each batch: got n_samples = {n_train} to "
            f"train on and batch_size={fit.batch_size}."
        )
    return size


def patience(fit: FitSpec, batch_size: int, train: Samples, valid: Samples) -> Patience:
    """What is waited for: `patience` epochs, or where it is None, what the data ask for.

    Adam's steps are as short as its learning rate, so that a net may be a constant for hundreds of
    them before it turns to what the data say: that is no end, and neither are the epochs counted,
    which may be of one step or of thousands.
    """
    if fit.patience is not None:
        return Patience(fit.patience)
    if fit.solver != "adam":
        return Patience(PATIENT_EPOCHS[1])
    n_steps = ceil(len(train) / batch_size)
    epochs = max(PATIENT_EPOCHS[0], ceil(PATIENT_STEPS / n_steps))
    return Patience(epochs, UNEXPLAINED * constant_loss(fit, train, valid))


def constant_loss(fit: FitSpec, train: Samples, valid: Samples) -> float:
    """Loss on held-out samples of each output's mean, with slopes of zero."""
    n_outputs, (weight, held_out) = train.y.shape[1], map(_loss_weights, (train, valid))
    constant = np.zeros(train.targets.shape[1])
    weight = weight[:, :n_outputs]
    total = (weight * train.known).sum(axis=0)
    constant[:n_outputs] = (weight * train.values).sum(axis=0) / np.where(total, total, 1.0)
    return float(Loss(fit.loss, fit.huber_epsilon)(valid.targets - constant, held_out))


def _loss_weights(samples):
    weight = samples.loss_weights
    return np.broadcast_to(1.0 if weight is None else weight, samples.targets.shape)


def require_finite(number: float, n_epochs: int) -> None:
    """Refuse to go on from a loss, or a sum of weights, that is not a number any more."""
    if not isfinite(number):
        raise ValueError(
            f"Training diverged in epoch {n_epochs}: its loss or a weight is not a "
            "number any more. Use scalers that bring the data near 1, or a smaller "
            "learning_rate with solver='adam'."
        )


def require_arguments(function: Callable, wanted: str, *args: Any, **kwargs: Any) -> None:
    """Raise a TypeError where a user's function, or class, does not take some arguments."""
    is_class = inspect.isclass(function)
    try:
        signature = inspect.signature(function.__init__ if is_class else function)
    except ValueError:  # of C, which tells none
        return
    try:
        signature.bind(*(None,) * is_class, *args, **kwargs)
    except TypeError as error:
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(f"{wanted}; {name}{signature} does not: {error}.") from None


def require_same_net(fitted: NetSpec, net: NetSpec) -> None:
    """Refuse to go on from a net that is another one than is asked for now, but for its device."""
    for field in fields(net):
        was, now = getattr(fitted, field.name), getattr(net, field.name)
        if was != now and field.name != "device":
            raise ValueError(
                f"The net that is fitted has {field.name}={was!r}: go on with the same, or fit "
                f"anew with warm_start=False; got {field.name}={now!r}."
            )


def require_parameters(params: dict[str, Any]) -> None:
    """Refuse parameters of an optimizer that are parameters of the net."""
    ours = sorted(params.keys() & {"lr", "learning_rate", "params"})
    if ours:
        raise ValueError(
            f"optimizer_params must not hold {', '.join(ours)}: the step size is the parameter "
            "learning_rate of the net itself."
        )


def require_shape(outputs: Any, n_rows: int, n_outputs: int) -> None:
    """Refuse what a user's net returns for some rows unless it is a table of all outputs."""
    got = getattr(outputs, "shape", None)
    if got is None or tuple(got) != (n_rows, n_outputs):
        shown = type(outputs).__name__ if got is None else f"shape {tuple(got)}"
        raise ValueError(
            f"What module builds must return one array of shape (n, n_outputs), ({n_rows}, "
            f"{n_outputs}) for {n_rows} rows, or the loss would compare every row with every "
            f"other; it returned {shown}."
        )


def out_of_memory(net: NetSpec, n: int, error: Exception) -> MemoryError:
    """The error for a framework's own that it has no memory, which names what was asked for."""
    asked = f"hidden_layers={net.hidden_layers}" if net.module is None else "a module of your own"
    return MemoryError(
        f"There is not enough memory on device={net.device!r} to train {asked} on {n} samples: use "
        "a smaller net, dtype='float32' or a batch_size, or give fewer samples. The framework "
        f"says: {error}"
    )


def require_one_net(in_training: np.ndarray, outputs: np.ndarray) -> None:
    """Refuse slopes of a user's net that is another one while it is trained."""
    if not np.array_equal(in_training, outputs):
        raise ValueError(
            "fit(..., dy=...) needs the derivative of the very net that predicts, and what module "
            "builds gives other values in training: leave its dropout and normalisation out."
        )


def end_early(n_done: int, epochs: int) -> None:
    """What a break by the user leads to: a warning, or KeyboardInterrupt before the first epoch."""
    if not n_done:
        raise KeyboardInterrupt("Training was interrupted in its first epoch.")
    warnings.warn(
        f"Training was interrupted after {n_done} of {epochs} epochs; the net as trained so far "
        "is kept.",
        UserWarning,
        stacklevel=2,
    )
