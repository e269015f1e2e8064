"""Skorch callbacks: the progress bar, and when to stop."""

from collections.abc import Sequence
from math import inf
from typing import Any

from skorch.callbacks import Callback, EarlyStopping
from skorch.utils import noop

from ...progress import ProgressBar
from ..contract import FitSpec
from ..schedule import learning_rate
from ..training import Patience

__all__ = ["EpochProgress", "LearningRate", "StoppingBelow", "callbacks", "stopping"]


def callbacks(
    fit: FitSpec,
    patience: Patience | None,
    ours: Sequence[tuple[str, Callback]] = (),
    first_epoch: int = 0,
) -> list[Any]:
    """All callbacks of a fit, the bar and the best weights first, and those that stop it last.

    The names of those that stop are stop reasons.

    Parameters
    ----------
    fit : FitSpec
    patience : Patience or None
        Of early stopping.
    ours : sequence of (name, callback)
        Of the solver.
    first_epoch : int
        How many were done before this fit.
    """
    found: list[Any] = [("progress", EpochProgress())] if fit.verbose else []
    if fit.learning_rate_schedule != "constant":
        found.append(("learning_rate", LearningRate(fit, first_epoch)))
    stops = list(ours)
    if patience is not None:
        # The best weights are those of the lowest loss, however little lower; it never stops.
        best = stopping("valid_loss", inf, load_best=True)
        found += [("best", best)]
        stop = stopping("valid_loss", patience.epochs, threshold=fit.tol, level=patience.level)
        stops.insert(0, ("early_stopping", stop))
    return [*found, *map(_checked, fit.callbacks or ()), *stops]


def _checked(given):
    """A callback of the user's, or a pair of its name and it, as skorch takes both."""
    callback = given[1] if isinstance(given, tuple | list) and len(given) == 2 else given
    kind = callback if isinstance(callback, type) else type(callback)
    if not issubclass(kind, Callback):
        raise TypeError(
            "With backend='pytorch', callbacks must be skorch.callbacks.Callback, or pairs of a "
            f"name and one; got {given!r}."
        )
    return given


def stopping(
    monitor: str,
    patience: float,
    *,
    threshold: float = 0.0,
    load_best: bool = False,
    level: float = inf,
) -> EarlyStopping:
    """Stops where a loss has not fallen by more than the threshold for `patience` epochs.

    They count once it has been below the level.
    """
    options = {"threshold_mode": "abs", "load_best": load_best, "sink": noop}
    return StoppingBelow(monitor, patience, threshold, level=level, **options)


class StoppingBelow(EarlyStopping):
    """Early stopping that waits until the loss has been below a level."""

    def __init__(self, *args: Any, level: float = inf, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.level = level

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        super().on_train_begin(net, **kwargs)
        self.is_below_ = False

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.is_below_ |= bool(net.history[-1][self.monitor] < self.level)
        if not self.is_below_:
            self.misses_ = -1  # so that this epoch is none
        super().on_epoch_end(net, **kwargs)


class LearningRate(Callback):
    """Sets the learning rate of each epoch.

    Parameters
    ----------
    fit : FitSpec
    first_epoch : int
    """

    def __init__(self, fit: FitSpec, first_epoch: int) -> None:
        self.fit, self.first_epoch = fit, first_epoch

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        rate = learning_rate(self.fit, self.first_epoch + len(net.history) - 1)
        for group in net.optimizer_.param_groups:
            group["lr"] = rate


class EpochProgress(Callback):
    """One tqdm bar over the epochs, in terminals and notebooks, with the loss and the time left."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.bar = ProgressBar(net.max_epochs)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        epoch = net.history[-1]
        self.bar.show(1, {key: epoch[key] for key in ("train_loss", "valid_loss") if key in epoch})

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.bar.close()
        del self.bar  # a bar holds locks and a stream: it can't be pickled
