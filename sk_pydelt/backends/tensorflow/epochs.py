"""Training in compiled epochs: many epochs in one call of a TensorFlow graph."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ...progress import ProgressBar
from ..contract import FitSpec
from ..losses import Loss
from ..training import require_finite
from .adam import adam_step
from .framework import tf
from .laws import LawForm, law_loss, law_specs
from .losses import mean_loss
from .perceptron_graph import PerceptronGraph

__all__ = [
    "Compiled",
    "Data",
    "Settings",
    "State",
    "TrainingRun",
    "compiled_model",
    "compiled_perceptron",
    "initial_state",
    "show",
    "train",
]

CALL_SECONDS = 0.1  # the bar moves, and a break by the user is heard, about so often


class Data(NamedTuple):
    """Rows of tensors.

    Parameters
    ----------
    X : tensor of shape (n, p)
    y : tensor of shape (n, q), or (n, q (1 + d)) with slopes along d directions beside the values
    weight : tensor of shape (n, 1) or of y's, of mean 1
    directions : tensor of shape (n, d, p)
    """

    X: Any
    y: Any
    weight: Any
    directions: Any


class Settings(NamedTuple):
    """What training reads but the graph does not depend on, as tensors."""

    learning_rate: Any
    alpha: Any
    dropout_rate: Any
    penalised: Any  # for each trained tensor, 1 where alpha counts and 0 elsewhere
    seed: Any  # (2,): of the shuffling and of the dropout masks
    edges: Any  # where mini-batches begin and end
    tol: Any
    patience: Any
    level: Any  # of the validation loss, below which epochs count
    sizes: Any  # of the pieces of the two vectors of a `PerceptronGraph`
    running_sizes: Any
    laws: tuple = ()  # of `LawTensors`


class State(NamedTuple):
    """Where training stands after an epoch."""

    epoch: Any
    step: Any
    params: Any
    stats: Any
    mean: Any  # Adam's running means of the gradients and of their squares
    square: Any
    best_params: Any
    best_stats: Any
    lowest: Any  # validation loss
    threshold: Any  # that counts as an improvement
    misses: Any
    going: Any


def initial_state(params: tuple, stats: tuple) -> State:
    """Where training begins, from weights and running statistics."""
    zeros = tuple(tf.zeros_like(p) for p in params)
    count = tf.zeros((), tf.int64)
    unset = tf.constant(np.inf, tf.float64)
    pairs = (params, stats, zeros, zeros, params, stats)
    return State(count, count, *pairs, unset, unset, count, tf.constant(True))


@dataclass(frozen=True)
class Epochs:
    """One kind of training: of what function, in what batches, with what stop.

    Parameters
    ----------
    function : callable
        ``function(params, stats, rows, settings, seed, training)`` gives what is compared with
        the y of these `Data`, the new running statistics, and what is to be added to the loss.
    loss : Loss
    mini_batches, shuffle, early_stopping, penalised : bool
        Early stopping is any held-out rows.
    laws : tuple of LawForm
    """

    function: Callable
    loss: Loss
    mini_batches: bool
    shuffle: bool
    early_stopping: bool
    penalised: bool
    laws: tuple[LawForm, ...] = ()

    def __call__(
        self, state: State, n_epochs: Any, train: Data, valid: Data, settings: Settings
    ) -> tuple[State, Any, Any]:
        """Do up to n_epochs epochs: the new state, and the losses at each of them."""
        dtype = train.X.dtype
        losses = tf.TensorArray(dtype, n_epochs, element_shape=())
        valid_losses = tf.TensorArray(dtype, n_epochs, element_shape=())

        def body(i, state, losses, valid_losses):
            state, loss = (self._batches if self.mini_batches else self._step)(
                state, train, settings
            )
            state = state._replace(epoch=state.epoch + 1, going=tf.math.is_finite(loss))
            losses = losses.write(i, loss)
            if self.early_stopping:
                state, loss = self.validate(state, valid, settings)
                valid_losses = valid_losses.write(i, loss)
            return i + 1, state, losses, valid_losses

        i, state, losses, valid_losses = tf.while_loop(
            lambda i, state, *_: (i < n_epochs) & state.going,
            body,
            (0, state, losses, valid_losses),
        )
        n_validated = i if self.early_stopping else 0
        return state, losses.stack()[:i], valid_losses.stack()[:n_validated]

    def _step(self, state, rows, settings):
        """One step of Adam on one batch; the loss is the one before it."""
        loss, gradients, stats = self.gradient(state, rows, settings)
        return adam_step(state._replace(stats=stats), gradients, settings.learning_rate), loss

    def gradient(self, state: State, rows: Data, settings: Settings) -> tuple[Any, tuple, tuple]:
        """The loss on a batch, its gradients, and the moved running statistics."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(state.params)
            seed = settings.seed + tf.stack([1, state.step])  # no two masks alike
            prediction, stats, loss = self.function(
                state.params, state.stats, rows, settings, seed, training=True
            )
            loss += mean_loss(self.loss, prediction - rows.y, rows.weight)
            if self.laws:
                loss += law_loss(partial(self._outputs, state, settings), self.laws, settings.laws)
            if self.penalised:
                squares = zip(settings.penalised, state.params)
                loss += settings.alpha * sum(
                    tf.cast(tf.reduce_sum(on * p**2), loss.dtype) for on, p in squares
                )
        return loss, tape.gradient(loss, state.params, unconnected_gradients="zero"), stats

    def _outputs(self, state, settings, X):
        """Values in training of a net without chance."""
        rows = Data(X, None, None, tf.zeros((tf.shape(X)[0], 0, tf.shape(X)[1]), X.dtype))
        return self.function(state.params, state.stats, rows, settings, None, training=True)[0]

    def _batches(self, state, train, settings):
        """An epoch of shuffled mini-batches; the loss is the mean over the rows."""
        n = tf.shape(train.X)[0]
        order = epoch_order(n, settings, state.epoch) if self.shuffle else tf.range(n)

        def body(i, state, total):
            rows = order[settings.edges[i] : settings.edges[i + 1]]
            batch = Data(*(tf.gather(tensor, rows) for tensor in train))
            state, loss = self._step(state, batch, settings)
            return i + 1, state, total + loss * tf.cast(tf.size(rows), loss.dtype)

        _, state, total = tf.while_loop(
            lambda i, *_: i < tf.size(settings.edges) - 1,
            body,
            (0, state, tf.zeros((), train.X.dtype)),
        )
        return state, total / tf.cast(n, total.dtype)

    def validate(self, state: State, valid: Data, settings: Settings) -> tuple[State, Any]:
        """Keep the weights of the lowest loss, and stop where patience has come to its end."""
        seed = tf.zeros(2, tf.int64)
        prediction, *_ = self.function(
            state.params, state.stats, valid, settings, seed, training=False
        )
        loss = mean_loss(self.loss, prediction - valid.y, valid.weight)
        score = tf.cast(loss, tf.float64)
        best, better = score < state.lowest, score < state.threshold
        waits = tf.minimum(score, state.lowest) >= settings.level
        misses = tf.where(better | waits, tf.zeros_like(state.misses), state.misses + 1)
        state = state._replace(
            best_params=_where(best, state.params, state.best_params),
            best_stats=_where(best, state.stats, state.best_stats),
            lowest=tf.where(best, score, state.lowest),
            threshold=tf.where(better, score - settings.tol, state.threshold),
            misses=misses,
            going=state.going & (misses < settings.patience),
        )
        return state, loss


def epoch_order(n: Any, settings: Settings, epoch: Any) -> Any:
    """The order of n rows in an epoch."""
    seed = settings.seed + tf.stack([2, epoch])
    return tf.random.experimental.stateless_shuffle(tf.range(n), seed)


def _where(condition, new, old):
    return tuple(tf.where(condition, a, b) for a, b in zip(new, old))


@lru_cache(maxsize=64)
def compiled_perceptron(graph: PerceptronGraph, dtype: str, device: str, **form: Any) -> "Compiled":
    """The graph that trains multilayer perceptrons of one build, whatever their sizes.

    Kept, so that it is traced once in a process and not in each fit.
    """

    def tensor(rank, dtype=dtype):
        return tf.TensorSpec([None] * rank, dtype)

    vector = (tensor(1),)
    count, flag = tensor(0, tf.int64), tensor(0, tf.bool)
    loss = tensor(0, tf.float64)
    vectors = (vector,) * 6
    state = State(count, count, *vectors, loss, loss, count, flag)
    data = Data(tensor(2), tensor(2), tensor(2), tensor(3))
    settings = Settings(
        learning_rate=tensor(0, tf.float64),
        alpha=tensor(0),
        dropout_rate=tensor(0),
        penalised=vector,
        seed=tensor(1, tf.int64),
        edges=tensor(1, tf.int32),
        tol=tensor(0, tf.float64),
        patience=count,
        level=loss,
        sizes=tensor(1, tf.int32),
        running_sizes=tensor(1, tf.int32),
        laws=law_specs(form.get("laws", ()), dtype),
    )
    signature = (state, tensor(0, tf.int32), data, data, settings)
    with tf.device(device):
        return Compiled(Epochs(graph, **form), signature)


def compiled_model(function: Callable, arguments: tuple, **form: Any) -> "Compiled":
    """The graph that trains one function, for arguments of the very shapes given."""
    specs = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), arguments)
    return Compiled(Epochs(function, **form), specs)


class Compiled:
    """The graphs of a kind of training, for arguments of one signature; built when first called."""

    def __init__(self, epochs: Epochs, signature: tuple) -> None:
        self.kind_of_training = epochs
        self._signature = signature

    def _graph(self, method, *signature):
        function = tf.function(method, autograph=False, input_signature=signature)
        return function.get_concrete_function()

    @cached_property
    def epochs(self) -> Callable:
        return self._graph(self.kind_of_training.__call__, *self._signature)

    @cached_property
    def gradient(self) -> Callable:
        state, _, data, _, settings = self._signature
        return self._graph(self.kind_of_training.gradient, state, data, settings)

    @cached_property
    def validate(self) -> Callable:
        state, _, _, valid, settings = self._signature
        return self._graph(self.kind_of_training.validate, state, valid, settings)


class TrainingRun(NamedTuple):
    """What a solver is given.

    Parameters
    ----------
    compiled : Compiled
    state : State
        To begin with.
    data, valid : Data
        The latter without rows where there is no early stopping.
    settings : Settings
    fit : FitSpec
    kind : NetKind
    model : keras.Model
        With the weights of `state`.
    watch : Watch
        Calls the callbacks.
    steps : list of array
        What the optimizer remembers from before, to be replaced by what it remembers in the end.
    laws : tuple of LawRows
    """

    compiled: Compiled
    state: State
    data: Data
    valid: Data
    settings: Settings
    fit: FitSpec
    kind: Any
    model: Any
    watch: Any
    steps: list[np.ndarray]
    laws: tuple

    @property
    def epochs(self) -> int:
        """How many, at most."""
        return self.fit.epochs

    @property
    def verbose(self) -> bool:
        """Whether a bar is shown."""
        return self.fit.verbose

    def batches(self, epoch: int) -> Iterator[Data]:
        """The rows of an epoch, as the compiled epochs have them."""
        edges = self.settings.edges.numpy()
        if len(edges) == 2:
            yield self.data
            return
        order = tf.range(edges[-1])
        if self.fit.shuffle:
            order = epoch_order(edges[-1], self.settings, tf.constant(epoch, tf.int64))
        for start, end in pairwise(edges):
            yield Data(*(tf.gather(tensor, order[start:end]) for tensor in self.data))


def train(run: TrainingRun) -> tuple[State, list[float], list[float]]:
    """Call a graph until the epochs are done, training stops early, or the user breaks it off.

    Returns
    -------
    state : State
        After the last whole epoch.
    losses, valid_losses : list of float
        One for each epoch done.
    """
    done: tuple[State, list, list] = remembering(run.state, run.steps), [], []
    n_epochs, fixed = 1, (run.data, run.valid, run.settings)
    with ProgressBar(run.epochs, run.verbose) as bar:
        try:
            while len(done[1]) < run.epochs and done[0].going:
                start = time.perf_counter()
                count = tf.constant(min(n_epochs, run.epochs - len(done[1])), tf.int32)
                state, *losses = run.compiled.epochs(done[0], count, *fixed)
                losses = [loss.numpy().tolist() for loss in losses]
                done = state, done[1] + losses[0], done[2] + losses[1]
                show(bar, *losses)
                pace = len(losses[0]) / (time.perf_counter() - start)
                n_epochs = max(1, min(int(pace * CALL_SECONDS), 4 * n_epochs))
        except KeyboardInterrupt:
            pass
    if done[1]:
        require_finite(done[1][-1], len(done[1]))
    state = done[0]
    run.steps[:] = [part.numpy() for part in (state.step, *state.mean, *state.square)]
    return done


def remembering(state: State, steps: Sequence[np.ndarray]) -> State:
    """The state with what Adam remembers: number of steps, means, means of squares."""
    like = (state.step, *state.mean, *state.square)
    if [part.shape for part in steps] != [tuple(part.shape) for part in like]:
        return state  # nothing, or of another optimizer
    step, *means = (tf.constant(part, t.dtype) for part, t in zip(steps, like))
    n = len(state.mean)
    return state._replace(step=step, mean=tuple(means[:n]), square=tuple(means[n:]))


def show(bar: ProgressBar, losses: list[float], valid_losses: list[float]) -> None:
    """Move the bar by the epochs of these losses, and show the last of them."""
    named = {"train_loss": losses, "valid_loss": valid_losses}
    bar.show(len(losses), {name: values[-1] for name, values in named.items() if values})
