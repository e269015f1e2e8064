"""How a skorch net is put together: all that a file needs to know of it beside its weights."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from ..contract import FitSpec
from ..losses import Loss
from ..training import Patience
from .batches import Batches
from .callbacks import callbacks
from .criterion import Criterion
from .generator import SeededGenerator
from .net_kind import NetKind
from .optimizers import SOLVERS
from .skorch_net import SkorchNet

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """The skorch net that specifications describe.

    Parameters
    ----------
    kind : NetKind
    fit : FitSpec
    n_train : int
        Number of samples that are trained on.
    batch_size : int
    stop : Patience or None
        Of early stopping.
    seed : int
    first_epoch : int
        How many were done before this fit.
    """

    kind: NetKind
    fit: FitSpec
    n_train: int
    batch_size: int
    stop: Patience | None
    seed: int
    first_epoch: int = 0

    def without_callbacks(self) -> "Recipe":
        """The same net, which calls nothing of the user's."""
        return replace(self, fit=replace(self.fit, callbacks=None))

    def build(self, train_split: Any = None) -> SkorchNet:
        """The net, not initialised; on the processor where its GPU is not there."""
        solver, kind = SOLVERS[self.fit.solver](self.fit), self.kind
        if kind.spec.device != "cpu" and not torch.cuda.is_available():
            kind = replace(kind, spec=replace(kind.spec, device="cpu"))
        module, arguments = kind.module(self.seed)
        return solver.net(
            module,
            **{f"module__{name}": value for name, value in arguments.items()},
            **solver.options,
            kind=kind,
            recipe=self,
            optimizer=solver.optimizer,
            criterion=Criterion,
            criterion__loss=Loss(self.fit.loss, self.fit.huber_epsilon),
            alpha=self.fit.alpha,
            max_epochs=self.fit.epochs,
            batch_size=self.batch_size,
            iterator_train=Batches,
            iterator_train__generator=SeededGenerator(self.seed + 2) if self.fit.shuffle else None,
            iterator_train__min_rows=min(2, self.batch_size) if kind.may_normalise else 1,
            iterator_valid=Batches,
            iterator_valid__batch_size=self.n_train,
            train_split=train_split,
            max_grad_norm=self.fit.max_grad_norm,
            callbacks=callbacks(self.fit, self.stop, solver.callbacks, self.first_epoch),
            device=kind.spec.device,
            verbose=int(bool(self.fit.callbacks)),
        )
