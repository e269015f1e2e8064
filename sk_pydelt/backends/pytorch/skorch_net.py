"""The skorch net of the PyTorch backend: its loss and its lean training step."""

from collections.abc import Callable
from copy import deepcopy
from math import inf
from typing import Any

import numpy as np
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.history import History
from skorch.utils import TeeGenerator
from torch.nn.utils import clip_grad_norm_, parameters_to_vector, vector_to_parameters
from torch.utils.data import DataLoader, Dataset

from ...law_rows import LawRows
from ..training import require_finite, require_shape
from .batches import Batches, Rows, RowSet
from .net_kind import NetKind

__all__ = ["SkorchNet"]

LBFGS_LOSS_SCALE = 2.0**30  # torch's L-BFGS learns nothing from steps of curvature below 1e-10


class Epochs(History):
    """A history that finds its last epoch at once, where skorch copies all of them to find it."""

    def __getitem__(self, i: Any) -> Any:
        return list.__getitem__(self, i) if type(i) is int else super().__getitem__(i)


class SkorchNet(NeuralNetRegressor):
    """A skorch regressor whose loss takes sample weights and an L2 penalty.

    Parameters
    ----------
    alpha : float
        Factor of the sum of squared weights, biases left out, in the loss.
    kind : NetKind
        What the module is, and how it is differentiated.
    recipe : Recipe
        Builds this net.
    max_grad_norm : float or None
        Longer gradients are shortened to it.

    Attributes
    ----------
    stopped_by_ : str or None
        The name of the callback that has stopped training.
    """

    history_: Epochs | None
    callbacks_: list[tuple[str, Any]]
    stopped_by_: str | None = None
    laws_: tuple[LawRows, ...] = ()  # of tensors, during a fit

    def __init__(
        self,
        module: Callable,
        *args: Any,
        kind: NetKind,
        recipe: Any,
        alpha: float = 0.0,
        max_grad_norm: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.alpha = alpha
        self.kind = kind
        self.recipe = recipe
        self.max_grad_norm = max_grad_norm
        super().__init__(module, *args, **kwargs)

    def __deepcopy__(self, memo: dict) -> "SkorchNet":
        """Copy without pickling, as skorch would: a module's class may be local to a function.

        The copy's optimizer begins anew, as it does in a file.
        """
        memo[id(self)] = net = type(self).__new__(type(self))
        kept = {name: value for name, value in vars(self).items() if name != "optimizer_"}
        net.__dict__.update(deepcopy(kept, memo))
        if self.initialized_:
            net.initialize_optimizer()
            if self.is_gone_on_with:
                net.remember(self.steps())
        return net

    def __getstate__(self) -> dict[str, Any]:
        """The weights, the history and the recipe; of a user's module all that skorch keeps."""
        if not self.initialized_:
            return super().__getstate__()
        arrays = self.kind.arrays(self.module_)
        if arrays is None:
            lean = type(self).__new__(type(self))
            lean.__dict__.update(vars(self))
            if not self.is_gone_on_with:
                lean.initialize_optimizer()
            return NeuralNetRegressor.__getstate__(lean)
        state = {"recipe": self.recipe, "arrays": arrays, "history": [*map(dict, self.history)]}
        return state | ({"steps": self.steps()} if self.is_gone_on_with else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "arrays" not in state:
            return super().__setstate__(state)
        net = state["recipe"].build().initialize()
        names = net.module_.state_dict()
        tensors = map(torch.as_tensor, state["arrays"])
        net.module_.load_state_dict(dict(zip(names, tensors)))
        net.history_ = Epochs(state["history"])
        net.module_.eval()
        if "steps" in state:
            net.remember(state["steps"])
        self.__dict__.update(vars(net))

    @property
    def is_gone_on_with(self) -> bool:
        """Whether what the optimizer remembers is kept in copies and files."""
        return self.recipe.fit.warm_start

    def steps(self) -> list[dict[str, Any]]:
        """What the optimizer remembers of each parameter, as arrays and numbers."""
        state = self.optimizer_.state_dict()["state"]
        return [
            {k: v.cpu().numpy().copy() if torch.is_tensor(v) else v for k, v in part.items()}
            for _, part in sorted(state.items())
        ]

    def remember(self, steps: list[dict[str, Any]]) -> None:
        """Let the optimizer go on from what another one of its class remembers."""
        state = self.optimizer_.state_dict()
        state["state"] = {
            i: {k: torch.as_tensor(v) if isinstance(v, np.ndarray) else v for k, v in part.items()}
            for i, part in enumerate(steps)
        }
        self.optimizer_.load_state_dict(state)

    def resume(self, net: "SkorchNet", steps: bool) -> None:
        """Take the weights of another net, and what its optimizer remembers if both are alike."""
        self.module_.load_state_dict(net.module_.state_dict())
        if steps and type(net.optimizer_) is type(self.optimizer_):
            self.remember(net.steps())

    @property
    def is_watched(self) -> bool:
        """Whether callbacks of the user's are called."""
        return bool(self.recipe.fit.callbacks)

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks as skorch does, with X and y as the batch; know who stops training."""
        getattr(self, method_name)(self, **cb_kwargs)
        if self.is_watched:
            n_outputs = self.kind.spec.n_outputs
            for name, value in cb_kwargs.items():
                if isinstance(value, Rows):
                    cb_kwargs[name] = value.X, value.y[:, :n_outputs]
                elif name == "y_pred" and value is not None:
                    cb_kwargs[name] = value[:, :n_outputs]
        for name, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                self.stopped_by_ = name
                raise

    def keep_what_predicts(self) -> None:
        """Let go of samples, gradients, the user's callbacks, and the steps L-BFGS remembers."""
        if self.is_watched:
            self.recipe = self.recipe.without_callbacks()
            self.callbacks = self.recipe.build().callbacks
            ours = {name for name, _ in self.callbacks}
            self.callbacks_ = [(name, c) for name, c in self.callbacks_ if name in ours]
            for epoch in self.history:
                epoch.pop("batches", None)
        self.train_split, self.laws_ = None, ()
        self.module_.zero_grad(set_to_none=True)
        self.module_.eval()
        if isinstance(self.optimizer_, torch.optim.LBFGS):
            self.initialize_optimizer()

    def initialize_module(self) -> "SkorchNet":
        """Build the module, and refuse what cannot be trained."""
        super().initialize_module()
        if not isinstance(self.module_, torch.nn.Module):
            raise TypeError(
                "module must be a torch.nn.Module class, or a function that returns a module; it "
                f"returned {self.module_!r}."
            )
        if not any(p.requires_grad for p in self.module_.parameters()):
            raise ValueError(
                f"The module {type(self.module_).__name__} has no parameters that require a "
                "gradient, so there is nothing to fit: give it layers with weights."
            )
        return self

    @property
    def end_of_search(self) -> str | None:
        """Why the training step itself can go no further; None where it can."""
        return None

    def initialize_history(self) -> "SkorchNet":
        """Start a history of our own kind."""
        if self.history_ is None:
            self.history_ = Epochs()
        return super().initialize_history()

    @property
    def _default_callbacks(self):
        return []  # the losses are recorded in on_epoch_end, at a tenth of the cost

    def get_iterator(self, dataset: Dataset, training: bool = False) -> Any:
        """Our own batches in a fit; torch's loader for data that a user brings to the net."""
        if isinstance(dataset, RowSet):
            return super().get_iterator(dataset, training)
        return DataLoader(dataset, self.batch_size)

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Callable, **fit_params: Any
    ) -> None:
        """An epoch as skorch's; the losses of its batches are read at its end, where none is asked.

        Each time that one is read a GPU is waited for.
        """
        if not isinstance(iterator, Batches) or self._asks_for_batches():
            return super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        sizes, losses = [], []
        for rows in iterator:
            sizes.append(len(rows.X))
            losses.append(step_fn(rows, **fit_params)["loss"])
        for size, loss in zip(sizes, _numbers(losses)):
            self.history.new_batch()
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", size)
        self.history.record(f"{prefix}_batch_count", len(sizes))

    def _asks_for_batches(self):
        """Whether a callback is to be called for each batch."""
        hooks = "on_batch_begin", "on_batch_end", "on_grad_computed"
        kinds = {type(callback) for _, callback in self.callbacks_}
        return any(
            getattr(kind, hook) is not getattr(Callback, hook) for kind in kinds for hook in hooks
        )

    def evaluation_step(self, batch: Any, training: bool = False) -> torch.Tensor:
        """Outputs at the X of a batch of ours, or of a user's."""
        return super().evaluation_step(batch[:2] if isinstance(batch, Rows) else batch, training)

    def get_loss(
        self, y_pred: torch.Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> torch.Tensor:
        """Mean loss of y_true = y or (y, weight), and the penalty in training."""
        y, weight = y_true if isinstance(y_true, tuple) else (y_true, None)
        require_shape(y_pred, *y.shape)
        loss = self.criterion_(y_pred, y, weight)
        if training and self.alpha:
            matrices = [p for p in self.module_.parameters() if p.ndim > 1]
            loss = loss + self.alpha * sum((p**2).sum() for p in matrices)
        return loss

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """One step of the optimizer, without skorch's bookkeeping of gradients.

        The batch is `Rows`, or X and y of a data set that a user brings.
        """
        if not self.module_.training:
            self._set_training(True)
        rows = Rows(*batch)
        scale = LBFGS_LOSS_SCALE if isinstance(self.optimizer_, torch.optim.LBFGS) else 1

        def closure():
            self.optimizer_.zero_grad()
            step["y_pred"], loss = self._loss(rows, training=True)
            loss = loss if scale == 1 else loss * scale
            loss.backward()
            self._change_gradients(rows)
            return loss

        step: dict[str, torch.Tensor] = {}
        start = self._start_of_search()
        try:
            loss = self.optimizer_.step(closure).detach()
            loss = loss if scale == 1 else loss / scale
            return {"loss": loss, "y_pred": step["y_pred"].detach()}
        except KeyboardInterrupt:
            if start is not None:
                vector_to_parameters(start, self.module_.parameters())
            raise

    def _loss(self, rows, training):
        """Outputs, and their loss."""
        outputs = self.kind.outputs(self.module_, rows)
        loss = self.get_loss(outputs, (rows.y, rows.weight), rows.X, training=training)
        for law in self.laws_ if training else ():
            loss = loss + self._law_loss(law)
        return outputs, loss

    def _law_loss(self, rows):
        """Mean squared errors of laws at their places, summed over the laws."""
        columns = self.kind.propagate(self.module_, rows.jet).coefficients()
        errors = torch.einsum("klt,kt->kl", rows.functional, columns) - rows.target
        return rows.weight * (errors**2).sum() / len(rows)

    def _change_gradients(self, rows):
        """Shorten long gradients, and let callbacks do as they like with them."""
        if self.max_grad_norm is not None:
            clip_grad_norm_(self.module_.parameters(), self.max_grad_norm)
        if self.is_watched:
            named = TeeGenerator(self.get_all_learnable_params())
            self.notify("on_grad_computed", named_parameters=named, batch=rows, training=True)

    def _start_of_search(self):
        """Weights to go back to from L-BFGS's search along a line, where it is broken off."""
        if isinstance(self.optimizer_, torch.optim.LBFGS):
            return parameters_to_vector(self.module_.parameters()).detach()
        return None

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        """The loss on held-out rows, without the penalty."""
        self._set_training(False)
        with torch.no_grad():
            y_pred, loss = self._loss(Rows(*batch), training=False)
            return {"loss": loss, "y_pred": y_pred}

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the epoch's losses, and refuse to go on from one that is not a number."""
        epoch = self.history[-1]
        batches = epoch["batches"] if self.is_watched else epoch.pop("batches")
        for prefix in ("train", "valid"):
            rows = [b for b in batches if f"{prefix}_loss" in b]
            if rows:
                size = sum(b[f"{prefix}_batch_size"] for b in rows)
                loss = sum(b[f"{prefix}_loss"] * b[f"{prefix}_batch_size"] for b in rows) / size
                epoch[f"{prefix}_loss"] = loss
                if self.is_watched:  # callbacks look for it, as skorch's own losses have it
                    lowest = min(
                        (e.get(f"{prefix}_loss", inf) for e in self.history[:-1]), default=inf
                    )
                    epoch[f"{prefix}_loss_best"] = loss < lowest
        require_finite(epoch["train_loss"], len(self.history))

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Refuse weights that the last step, whose loss is not seen, has thrown off."""
        total = sum(float(p.detach().sum()) for p in self.module_.parameters())
        require_finite(total, len(self.history))


def _numbers(losses):
    """Tensors of one number each, of one device, which is waited for once."""
    return torch.stack(losses).tolist() if len(losses) > 1 else [loss.item() for loss in losses]
