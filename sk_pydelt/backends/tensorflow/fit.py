"""A Keras model trained as the options of an estimator say, be it ours or the user's own."""

from dataclasses import dataclass

import numpy as np

from ..common import end_early, require_finite, require_one_net
from .epochs import (
    Data,
    Settings,
    compiled_model,
    compiled_perceptron,
    initial_state,
    train,
)
from .framework import forget_kernels, tf
from .lbfgs import train_by_lbfgs
from .perceptron import Perceptron, split_places

__all__ = ["Training", "tensors"]


def tensors(X, y, weight, dtype) -> Data:
    """Tensors of X and y, and of the weights, which are all 1 where there are none."""
    weight = np.ones((len(X), 1)) if weight is None else weight
    return Data(*(tf.constant(array, dtype) for array in (X, y, weight)))


@dataclass(frozen=True)
class Training:
    """How a Keras model is trained.

    Parameters
    ----------
    perceptron : Perceptron or None
        The net as a function of its weights; None is a user's own model.
    solver : {"adam", "lbfgs"}
    epochs : int
    batch_size : int
    learning_rate, alpha, dropout_rate : float
    min_rows : int
        A last mini-batch with fewer rows than this is added to the one before.
    early_stopping : bool
    tol : float
    patience : int
    seed : int
    dtype, device : str
    verbose : bool
    n_directions : int
        How many directions stand beside X in each row, along which slopes are fitted too.
    """

    perceptron: Perceptron | None
    solver: str
    epochs: int
    batch_size: int
    learning_rate: float
    alpha: float
    dropout_rate: float
    min_rows: int
    early_stopping: bool
    tol: float
    patience: int
    seed: int
    dtype: str
    device: str
    verbose: bool
    n_directions: int

    def __call__(self, model, data: Data, valid: Data) -> dict:
        """Train a Keras model in place; the losses by name, one for each epoch."""
        with tf.device(self.device):
            run = self._train_own if self.perceptron is None else self._train_perceptron
            losses, valid_losses = run(model, data, valid)
        return {"loss": losses} | ({"val_loss": valid_losses} if self.early_stopping else {})

    def _kind(self, data):
        return {
            "mini_batches": len(self._edges(len(data.X))) > 2,
            "early_stopping": self.early_stopping,
            "penalised": self.alpha > 0,
        }

    def _edges(self, n):
        """Places where the mini-batches of n rows begin, and the end of the last."""
        edges = [*range(0, n, self.batch_size), n]
        if len(edges) > 2 and n - edges[-2] < self.min_rows:
            del edges[-2]
        return edges

    def _settings(self, n, penalised, sizes=(), running_sizes=()):
        return Settings(
            learning_rate=tf.constant(self.learning_rate, tf.float64),
            alpha=tf.constant(self.alpha, self.dtype),
            dropout_rate=tf.constant(self.dropout_rate, self.dtype),
            penalised=penalised,
            seed=tf.constant([self.seed, 0], tf.int64),
            edges=tf.constant(self._edges(n), tf.int32),
            tol=tf.constant(self.tol, tf.float64),
            patience=tf.constant(self.patience, tf.int64),
            sizes=tf.constant(sizes, tf.int32),
            running_sizes=tf.constant(running_sizes, tf.int32),
        )

    def _run(self, compiled, state, data, valid, settings):
        """Train; the weights to keep and the losses."""
        by = train_by_lbfgs if self.solver == "lbfgs" else train
        state, *losses = by(compiled, state, data, valid, settings, self.epochs, self.verbose)
        if len(losses[0]) < self.epochs and state.going:
            end_early(len(losses[0]), self.epochs)
        kept = (state.params, state.stats)
        if self.early_stopping:
            kept = (state.best_params, state.best_stats)
        # The loss that the last step leads to is not seen.
        require_finite(sum(float(tf.reduce_sum(p)) for p in kept[0]), len(losses[0]))
        return *kept, losses

    def _train_perceptron(self, model, data, valid):
        weights = model.get_weights()
        per_layer = 6 if self.perceptron.batch_norm else 2
        running = [k % per_layer >= 4 for k in range(len(weights))]
        trained = [w for w, r in zip(weights, running) if not r]
        moved = [w for w, r in zip(weights, running) if r]
        penalised = [np.full(w.size, w.ndim > 1, self.dtype) for w in trained]
        # Sizes without batch normalisation: nothing, in as many pieces as the graph splits off.
        running_sizes = [w.size for w in moved] or [0] * 2 * (self.perceptron.n_layers - 1)
        settings = self._settings(
            len(data.X), _flat(penalised), [w.size for w in trained], running_sizes
        )
        compiled = compiled_perceptron(self.perceptron, self.dtype, self.device, **self._kind(data))
        state = initial_state(_flat(trained), _flat(moved or [np.zeros(0, self.dtype)]))
        params, stats, losses = self._run(compiled, state, data, valid, settings)
        new = iter(_pieces(params, trained)), iter(_pieces(stats, moved))
        model.set_weights([next(new[r]) for r in running])
        return losses

    def _train_own(self, model, data, valid):
        if self.n_directions:
            X, _ = split_places(data.X, self.n_directions)
            require_one_net(*(model(X, training=mode).numpy() for mode in (True, False)))
        variables = model.trainable_variables, model.non_trainable_variables
        params, stats = (tuple(v.value + 0 for v in group) for group in variables)
        penalised = tuple(tf.fill(p.shape, tf.cast(p.shape.rank > 1, p.dtype)) for p in params)
        state = initial_state(params, stats)
        settings = self._settings(len(data.X), penalised)
        arguments = state, tf.constant(0, tf.int32), data, valid, settings
        function = _KerasFunction(model, self.n_directions)
        compiled = compiled_model(function, arguments, **self._kind(data))
        *kept, losses = self._run(compiled, state, data, valid, settings)
        for group, values in zip(variables, kept):
            for variable, value in zip(group, values):
                variable.assign(value)
        forget_kernels()  # of this graph, which serves no other fit
        return losses


class _KerasFunction:
    """A Keras model as a function of its weights."""

    def __init__(self, model, n_directions):
        self.model = model
        self.n_directions = n_directions

    def __call__(self, params, stats, X, settings, seed, training):
        X, directions = split_places(X, self.n_directions)
        prediction, stats, losses = self.model.stateless_call(
            params, stats, X, training=training, return_losses=True
        )
        loss = sum(tf.cast(loss, X.dtype) for loss in losses)  # a user's own regularizers
        slopes = [self._slope(params, stats, X, v, training) for v in directions]
        outputs = tf.concat([tf.cast(part, X.dtype) for part in (prediction, *slopes)], 1)
        return outputs, tuple(stats), loss

    def _slope(self, params, stats, X, direction, training):
        """The derivative along a direction, by forward mode."""
        with tf.autodiff.ForwardAccumulator(X, direction) as forward:
            prediction, _ = self.model.stateless_call(params, stats, X, training=training)
        return forward.jvp(prediction, unconnected_gradients="zero")


def _flat(arrays):
    return (tf.constant(np.concatenate([a.ravel() for a in arrays])),)


def _pieces(vector, like):
    """A vector cut into arrays of given shapes."""
    cuts = np.cumsum([a.size for a in like])[:-1]
    return [part.reshape(a.shape) for part, a in zip(np.split(vector[0].numpy(), cuts), like)]
