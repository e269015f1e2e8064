"""The solvers by name: which skorch net takes the steps, by which optimizer, and what ends them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from skorch.callbacks import Callback

from ..contract import FitSpec
from ..schedule import learning_rate
from ..training import require_arguments, require_parameters
from .callbacks import stopping
from .levenberg_marquardt_net import LevenbergMarquardtNet, StopWhenDone
from .skorch_net import SkorchNet

__all__ = ["SOLVERS", "Solver"]

STALLED_EPOCHS = 10  # L-BFGS is at its end when the loss has not fallen for so many steps


@dataclass(frozen=True)
class Solver:
    """How a solver is put together with skorch.

    Parameters
    ----------
    optimizer : type
        Of `torch.optim`.
    options : dict
        Of the skorch net, for the optimizer.
    net : type
        The skorch net whose training step it is.
    callbacks : list of (name, callback)
        What ends it, beside early stopping.
    """

    optimizer: type[torch.optim.Optimizer]
    options: dict[str, Any] = field(default_factory=dict)
    net: type[SkorchNet] = SkorchNet
    callbacks: list[tuple[str, Callback]] = field(default_factory=list)


OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
UNFUSED = {"foreach", "fused", "differentiable", "capturable"}  # parameters that say how


def _adam(fit):
    params, optimizer = fit.optimizer_params or {}, fit.optimizer
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer]
        params = params if params.keys() & UNFUSED else {"fused": True} | params
    _check_optimizer(optimizer, params)
    named = {f"optimizer__{name}": value for name, value in params.items()}
    return Solver(optimizer, {"lr": learning_rate(fit, 0), **named})


def _check_optimizer(optimizer, params):
    """Refuse what is no optimizer that takes a step on each batch, and what it does not take."""
    steps = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
    if not steps or issubclass(optimizer, torch.optim.LBFGS):
        raise TypeError(
            "optimizer must be 'adam', 'adamw', 'sgd' or a class of torch.optim.Optimizer that "
            f"takes one step on a batch (for L-BFGS use solver='lbfgs'); got {optimizer!r}."
        )
    require_parameters(params)
    wanted = f"optimizer_params={params} are given to the optimizer with params=... and lr=..."
    require_arguments(optimizer, wanted, params=None, lr=None, **params)


def _lbfgs(fit):
    # One iteration an epoch; the search along a line finds the step, so that lr is 1.
    options = {
        "lr": 1.0,
        "optimizer__max_iter": 1,
        "optimizer__max_eval": 26,
        "optimizer__history_size": 50,
        "optimizer__tolerance_grad": 0.0,
        "optimizer__tolerance_change": 0.0,
        "optimizer__line_search_fn": "strong_wolfe",
    }
    stalled = ("stalled", stopping("train_loss", STALLED_EPOCHS))
    return Solver(torch.optim.LBFGS, options, callbacks=[stalled])


def _lm(fit):
    done = ("done", StopWhenDone())
    return Solver(torch.optim.SGD, net=LevenbergMarquardtNet, callbacks=[done])  # SGD is not used


SOLVERS: dict[str, Callable[[FitSpec], Solver]] = {"adam": _adam, "lbfgs": _lbfgs, "lm": _lm}
