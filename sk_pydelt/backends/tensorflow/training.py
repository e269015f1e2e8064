"""How a Keras model is trained, be it ours or the user's own."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...samples import Samples
from ..contract import FitSpec, Start
from ..losses import Loss
from ..training import Patience, end_early, patience, require_finite
from .epochs import Data, Settings, TrainingRun, initial_state, train
from .framework import keras, tf
from .keras_epochs import train_by_keras
from .laws import law_form, law_tensors
from .lbfgs import train_by_lbfgs
from .levenberg_marquardt import train_by_levenberg_marquardt
from .net_kind import NetKind
from .watch import Watch

__all__ = ["TRAINERS", "Training", "batch_edges"]

NEVER = 2**62  # epochs of patience

# By solver, or "keras" for its own optimizers: from a `TrainingRun` to the state after the last
# whole epoch, the losses, and those of the validation rows.
TRAINERS: dict[str, Callable] = {
    "adam": train,
    "keras": train_by_keras,
    "lbfgs": train_by_lbfgs,
    "lm": train_by_levenberg_marquardt,
}


def _steps_by_keras(fit):
    """Whether Adam's compiled epochs lack something that Keras' optimizers have."""
    ours = fit.optimizer == "adam" and not fit.optimizer_params and not fit.callbacks
    plain = fit.learning_rate_schedule == "constant" and fit.max_grad_norm is None
    return fit.solver == "adam" and not (ours and plain)


def batch_edges(n: int, batch_size: int, min_rows: int) -> list[int]:
    """Where the mini-batches of n rows begin, and the end of the last.

    A last one with fewer rows than `min_rows` is added to the one before.
    """
    edges = [*range(0, n, batch_size), n]
    if len(edges) > 2 and n - edges[-2] < min_rows:
        del edges[-2]
    return edges


@dataclass(frozen=True)
class Training:
    """How a Keras model is trained.

    Parameters
    ----------
    kind : NetKind
    fit : FitSpec
        Its `random_state` is the seed.
    batch_size : int
    """

    kind: NetKind
    fit: FitSpec
    batch_size: int

    def without_callbacks(self) -> "Training":
        """The same, which calls nothing of the user's."""
        return replace(self, fit=replace(self.fit, callbacks=None))

    def __call__(
        self, model: keras.Model, train: Samples, valid: Samples | None, start: Start | None = None
    ) -> tuple[dict[str, list[float]], list[np.ndarray]]:
        """Train a Keras model in place.

        Returns
        -------
        losses : dict
            By name, one for each epoch.
        steps : list of array
            What the optimizer remembers.
        """
        given = self.fit, self.batch_size
        with tf.device(self.kind.spec.device):
            data = _tensors(train, self.kind.spec.dtype)
            nothing = Data(*(tensor[:0] for tensor in data))
            held_out = nothing if valid is None else _tensors(valid, self.kind.spec.dtype)
            if train.slopes is not None or train.laws:
                self.kind.require_slopes(model, data.X)
            stop = Patience(NEVER)
            if valid is not None and self.fit.early_stopping:
                stop = patience(*given, train, valid)
            if start is not None:
                model.set_weights(start.net.weights())
            (losses, valid_losses), steps = self._train(
                model, data, held_out, stop, start, train.laws
            )
        return {"loss": losses} | ({} if valid is None else {"val_loss": valid_losses}), steps

    def _train(self, model, data, valid, stop, start, laws):
        """Set the model's weights to those that training keeps; the losses, and the steps."""
        weights = self.kind.weights(model)
        state = initial_state(weights.params, weights.stats)
        steps: list[np.ndarray] = []
        if start is not None:
            state = state._replace(epoch=tf.constant(start.epochs, tf.int64))
            steps = list(start.net.steps_) if start.steps else []
        settings = self._settings(len(data.X), weights, stop, laws)
        arguments = state, tf.constant(0, tf.int32), data, valid, settings
        form = {
            "loss": Loss(self.fit.loss, self.fit.huber_epsilon),
            "mini_batches": len(settings.edges) > 2,
            "shuffle": self.fit.shuffle,
            "early_stopping": len(valid.X) > 0,
            "penalised": self.fit.alpha > 0,
            "laws": tuple(law_form(rows, self.kind.spec.n_outputs) for rows in laws),
        }
        compiled = self.kind.compiled(model, arguments, **form)
        n_batches = len(settings.edges) - 1
        watch = Watch(self.fit.callbacks or (), model, self.kind, self.fit.epochs, n_batches)
        given = (compiled, state, data, valid, settings)
        run = TrainingRun(*given, self.fit, self.kind, model, watch, steps, laws)
        params, stats, losses = self._run(run)
        self.kind.write(model, params, stats)
        self.kind.release()
        return losses, run.steps

    def _settings(self, n, weights, stop, laws):
        fit, dtype = self.fit, self.kind.spec.dtype
        min_rows = min(2, self.batch_size) if self.kind.may_normalise else 1
        return Settings(
            learning_rate=tf.constant(fit.learning_rate, tf.float64),
            alpha=tf.constant(fit.alpha, dtype),
            dropout_rate=tf.constant(self.kind.spec.dropout_rate, dtype),
            penalised=weights.penalised,
            seed=tf.constant([fit.random_state, 0], tf.int64),
            edges=tf.constant(batch_edges(n, self.batch_size, min_rows), tf.int32),
            tol=tf.constant(fit.tol, tf.float64),
            patience=tf.constant(stop.epochs, tf.int64),
            level=tf.constant(stop.level, tf.float64),
            sizes=tf.constant(weights.sizes, tf.int32),
            running_sizes=tf.constant(weights.running_sizes, tf.int32),
            laws=tuple(law_tensors(rows, dtype) for rows in laws),
        )

    def _run(self, run):
        """Train; the weights to keep and the losses."""
        fit = self.fit
        state, *losses = TRAINERS["keras" if _steps_by_keras(fit) else fit.solver](run)
        if len(losses[0]) < fit.epochs and state.going:
            end_early(len(losses[0]), fit.epochs)
        kept = (state.params, state.stats)
        if fit.early_stopping:
            kept = (state.best_params, state.best_stats)
        # The loss that the last step leads to is not seen.
        require_finite(sum(float(tf.reduce_sum(p)) for p in kept[0]), len(losses[0]))
        return *kept, losses


def _tensors(samples, dtype):
    """Samples as tensors: weights of 1 and no directions where there are none."""
    weight, directions = samples.loss_weights, samples.directions
    weight = np.ones((len(samples), 1)) if weight is None else weight
    if directions is None:
        directions = np.zeros((len(samples), 0, samples.X.shape[1]))
    arrays = (samples.X, samples.targets, weight, directions)
    return Data(*(tf.constant(array, dtype) for array in arrays))
