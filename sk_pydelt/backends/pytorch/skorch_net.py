"""The skorch net of the PyTorch backend: its batches, its loss, its lean training step."""

import threading
from contextlib import contextmanager
from copy import deepcopy

import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.history import History
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.utils.data import DataLoader, TensorDataset
from tqdm.auto import tqdm

from ..common import require_finite
from .slopes import values_and_slopes

__all__ = ["Batches", "EpochProgress", "SkorchNet", "one_thread"]

SMALL_STEP = 2**20  # multiplications below which a second processor costs more than it brings
LBFGS_LOSS_SCALE = 2.0**30  # torch's L-BFGS learns nothing from steps of curvature below 1e-10


class Batches:
    """Iterator over tensors as they are: the whole set, or shuffled mini-batches.

    Parameters
    ----------
    dataset : TensorDataset
    batch_size : int
    generator : torch.Generator, default=None
        Shuffles the rows anew each epoch; None keeps their order.
    min_rows : int, default=1
        A last batch with fewer rows than this is added to the one before.
    """

    def __init__(self, dataset, batch_size, generator=None, min_rows=1):
        self.tensors = dataset.tensors
        self.batch_size = batch_size
        self.generator = generator
        self.min_rows = min_rows

    def __iter__(self):
        n = len(self.tensors[0])
        if self.batch_size >= n:
            X, *y_and_weight = self.tensors
            yield X, tuple(y_and_weight)
            return
        order = torch.arange(n)
        if self.generator is not None:
            order = torch.randperm(n, generator=self.generator, device="cpu")
        *chunks, last = order.split(self.batch_size)
        if len(last) < self.min_rows:
            last = torch.cat([chunks.pop(), last])
        for rows in (*chunks, last):
            yield self._batch(rows.to(self.tensors[0].device))

    def _batch(self, rows):
        X, *y_and_weight = (tensor[rows] for tensor in self.tensors)
        return X, tuple(y_and_weight)


class Epochs(History):
    """A history that finds its last epoch at once, where skorch copies all of them to find it."""

    def __getitem__(self, i):
        return list.__getitem__(self, i) if type(i) is int else super().__getitem__(i)


class SkorchNet(NeuralNetRegressor):
    """A skorch regressor whose loss takes sample weights and an L2 penalty.

    Parameters
    ----------
    alpha : float
        Factor of the sum of squared weights, biases left out, in the loss.
    n_directions : int
        How many directions stand beside X in each row, along which slopes are fitted too.
    """

    def __init__(self, module, *args, alpha=0.0, n_directions=0, **kwargs):
        self.alpha = alpha
        self.n_directions = n_directions
        super().__init__(module, *args, **kwargs)

    def __deepcopy__(self, memo):
        """Copy without pickling, as skorch would: a module's class may be local to a function."""
        memo[id(self)] = net = type(self).__new__(type(self))
        vars(net).update(deepcopy(vars(self), memo))
        return net

    def initialize_history(self):
        if self.history_ is None:
            self.history_ = Epochs()
        return super().initialize_history()

    @property
    def _default_callbacks(self):
        return []  # the losses are recorded in on_epoch_end, at a tenth of the cost

    def get_iterator(self, dataset, training=False):
        """Our own batches in `fit_net`; torch's loader for data that a user brings to the net."""
        if isinstance(dataset, TensorDataset):
            return super().get_iterator(dataset, training)
        return DataLoader(dataset, self.batch_size)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y, *weight = y_true if isinstance(y_true, tuple) else (y_true,)
        if y_pred.shape != y.shape:
            raise ValueError(
                f"The module must return an array of shape (n, n_outputs) = {tuple(y.shape)} for "
                f"{len(y)} rows, or the loss would compare every row with every other; it "
                f"returned {tuple(y_pred.shape)}."
            )
        loss = (weight[0] * (y_pred - y) ** 2).mean() if weight else self.criterion_(y_pred, y)
        if training and self.alpha:
            matrices = [p for p in self.module_.parameters() if p.ndim > 1]
            loss = loss + self.alpha * sum((p**2).sum() for p in matrices)
        return loss

    def train_step(self, batch, **fit_params):
        """One step of the optimizer, without skorch's bookkeeping of gradients."""
        if not self.module_.training:
            self._set_training(True)
        X, y = batch

        scale = LBFGS_LOSS_SCALE if isinstance(self.optimizer_, torch.optim.LBFGS) else 1

        def closure():
            self.optimizer_.zero_grad()
            loss = scale * self.get_loss(self._outputs(X), y, X=X, training=True)
            loss.backward()
            return loss

        start = self._start_of_search()
        try:
            return {"loss": self.optimizer_.step(closure).detach() / scale}
        except KeyboardInterrupt:
            if start is not None:
                vector_to_parameters(start, self.module_.parameters())
            raise

    def _outputs(self, X):
        """What the loss compares with y: values, with slopes beside them where they are fitted."""
        return values_and_slopes(self.module_, X, self.n_directions)

    def _start_of_search(self):
        """Weights to go back to from L-BFGS's search along a line, where it is broken off."""
        if isinstance(self.optimizer_, torch.optim.LBFGS):
            return parameters_to_vector(self.module_.parameters()).detach()
        return None

    def validation_step(self, batch, **fit_params):
        self._set_training(False)
        X, y = batch
        with torch.no_grad():
            return {"loss": self.get_loss(self._outputs(X), y, X=X)}

    def on_epoch_end(self, net, **kwargs):
        """Record the epoch's losses, and refuse to go on from one that is not a number."""
        epoch = self.history[-1]
        batches = epoch.pop("batches")
        for prefix in ("train", "valid"):
            rows = [b for b in batches if f"{prefix}_loss" in b]
            if rows:
                size = sum(b[f"{prefix}_batch_size"] for b in rows)
                loss = sum(b[f"{prefix}_loss"] * b[f"{prefix}_batch_size"] for b in rows) / size
                epoch[f"{prefix}_loss"] = loss
        require_finite(epoch["train_loss"], len(self.history))

    def on_train_end(self, net, **kwargs):
        """Refuse weights that the last step, whose loss is not seen, has thrown off."""
        total = sum(float(p.detach().sum()) for p in self.module_.parameters())
        require_finite(total, len(self.history))


class EpochProgress(Callback):
    """One tqdm bar over the epochs, in terminals and notebooks, with the loss and the time left."""

    def on_train_begin(self, net, **kwargs):
        self.bar = tqdm(total=net.max_epochs, desc="fit", unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        epoch = net.history[-1]
        shown = {key: f"{epoch[key]:.3g}" for key in ("train_loss", "valid_loss") if key in epoch}
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def on_train_end(self, net, **kwargs):
        self.bar.close()
        del self.bar  # a bar holds locks and a stream: it can't be pickled


class _OneThread:
    """Torch's operations kept on the thread that calls them, as long as anyone is inside.

    Threads that wait for each other at the end of operations of microseconds slow a small net
    down, by a hundred times where another process needs the processor too.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = 0

    @contextmanager
    def __call__(self, n_multiplications):
        if n_multiplications > SMALL_STEP:
            yield
            return
        with self.lock:
            self.before = self.before if self.inside else torch.get_num_threads()
            self.inside += 1
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(self.before)
            with self.lock:
                self.inside -= 1


one_thread = _OneThread()
