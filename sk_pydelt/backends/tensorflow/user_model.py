"""A user's own Keras model as a kind of net, with derivatives by nested reverse mode."""

import inspect
import random
import threading
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...jets import Jet
from ...jets.blocks import map_row_blocks
from ..training import require_arguments, require_one_net, require_shape
from .epochs import Compiled, compiled_model
from .framework import forget_kernels, keras, tf
from .model_function import ModelFunction
from .net_kind import NetKind, Weights
from .taylor import taylor

if TYPE_CHECKING:
    from .keras_net import KerasNet

__all__ = ["UserModel", "predict_model"]

PREDICT_ROWS = 8192  # rows that pass through the model at a time
_GLOBAL_STATE = threading.Lock()


class UserModel(NetKind):
    """What a user's class or function builds."""

    may_normalise = True  # it may, for all we know

    def build(self, seed: int) -> keras.Model:
        """The model that a user's function or class builds, with weights.

        Raises
        ------
        TypeError
            Something that does not build a `keras.Model`.
        ValueError
            A model of another number of outputs.
        """
        module = cast(Callable, self.spec.module)  # without one it is a PerceptronNet
        n_features, n_outputs = self.spec.n_features, self.spec.n_outputs
        if isinstance(module, keras.Model):
            name = type(module).__name__
            raise TypeError(
                "module must be a class or function that builds a keras.Model: it is called with "
                f"n_features and n_outputs. Pass what builds {name}; got an instance, {name}(...)."
            )
        named = {"n_features": n_features, "n_outputs": n_outputs}
        require_arguments(module, "module is called with n_features=... and n_outputs=...", **named)
        with _global_state(self.spec.dtype, seed):
            model = module(n_features=n_features, n_outputs=n_outputs)
            if not isinstance(model, keras.Model):
                raise TypeError(
                    "With backend='tensorflow', module must be a function or class that builds a "
                    f"keras.Model from n_features and n_outputs; got {type(model)} from {module!r}."
                )
            X = tf.zeros((2, n_features), self.spec.dtype)
            require_arguments(model.call, "The model's call is called with one tensor", X)
            outputs = model(X, **_mode(model, False))
        require_shape(outputs, 2, n_outputs)
        if not model.trainable_variables:
            raise ValueError(
                f"The model {type(model).__name__} has no trainable weights, so there is nothing "
                "to fit: give it layers with weights."
            )
        return model

    def require_slopes(self, model: keras.Model, X: Any) -> None:
        """Refuse a model that is another one in training.

        Raises
        ------
        ValueError
        """
        require_one_net(*(model(X, **_mode(model, mode)).numpy() for mode in (True, False)))

    def weights(self, model: keras.Model) -> Weights:
        groups = model.trainable_variables, model.non_trainable_variables
        params, stats = (tuple(v.value + 0 for v in group) for group in groups)
        penalised = tuple(tf.fill(p.shape, tf.cast(p.shape.rank > 1, p.dtype)) for p in params)
        return Weights(params, stats, penalised)

    def compiled(self, model: keras.Model, arguments: tuple, **form: Any) -> Compiled:
        return compiled_model(_ModelGraph(model), arguments, **form)

    def weight_function(self, model: keras.Model) -> ModelFunction:
        """The model as it predicts, for solvers of sums of squares.

        Raises
        ------
        ValueError
            Losses of the model's own, which are no sum of squares.
        """
        if model.losses:
            raise ValueError(
                "solver='lm' minimises a sum of squares, and the model that module builds has "
                f"{len(model.losses)} loss(es) of its own, such as a layer's regularizer. Use "
                "solver='lbfgs' or 'adam', or alpha in place of the regularizer."
            )
        return ModelFunction(_ModelGraph(model), model)

    def weight_order(self, model: keras.Model) -> np.ndarray:
        return np.arange(sum(int(tf.size(v)) for v in model.trainable_variables))

    def write(self, model: keras.Model, params: tuple, stats: tuple) -> None:
        groups = model.trainable_variables, model.non_trainable_variables
        for group, values in zip(groups, (params, stats)):
            for variable, value in zip(group, values):
                variable.assign(value)

    def live(self, model: keras.Model) -> tuple[tuple, tuple]:
        groups = model.trainable_variables, model.non_trainable_variables
        trained, moved = (tuple(v.value + 0 for v in group) for group in groups)
        return trained, moved

    def pieces(self, gradients: tuple, model: keras.Model) -> list:
        return list(gradients)

    def move(self, model: keras.Model, stats: tuple) -> None:
        for variable, value in zip(model.non_trainable_variables, stats):
            variable.assign(value)

    def release(self) -> None:
        forget_kernels()  # of the graph of this fit, which serves no other

    def predict(self, net: "KerasNet", X: np.ndarray) -> np.ndarray:
        with tf.device(self.spec.device):
            return predict_model(net.model_, X, self.spec.dtype)

    def propagate(self, net: "KerasNet", jet: Jet) -> Jet:
        """Taylor coefficients of the model along a jet, by nested reverse differentiation.

        Row by row, g(t) = model(Σ c_α t^α) is a map of the jet's variables t; its derivatives at
        t = 0 are those of the composition. The net keeps the graphs, which take long to build.
        """
        order, q, dtype = jet.order, jet.n_variables, self.spec.dtype
        if not len(jet.value):
            return Jet.constant(self.predict(net, jet.value), order, q)
        with tf.device(self.spec.device):
            parts = [tf.constant(part, dtype) for part in jet.parts]
            key = order, q, len(parts)
            if key not in net.derivatives:
                shapes = ([part.shape[0], None, part.shape[2]] for part in parts)
                specs = [tf.TensorSpec(shape, dtype) for shape in shapes]
                given = order, q, self.spec.n_outputs
                model = partial(_outputs, net.model_)
                function = tf.function(partial(taylor, model, *given), autograph=False)
                net.derivatives[key] = function.get_concrete_function(specs)
            results = net.derivatives[key](parts)
        return Jet([np.asarray(part, np.float64) for part in results], order, q)


def _mode(model, training):
    """The argument `training`, for a model whose call takes it."""
    arguments = inspect.signature(model.call).parameters
    takes = "training" in arguments or any(a.kind is a.VAR_KEYWORD for a in arguments.values())
    return {"training": training} if takes else {}


def _outputs(model, X):
    return model(X, **_mode(model, False))


def predict_model(model: keras.Model, X: np.ndarray, dtype: str) -> np.ndarray:
    """Values of a Keras model at X (n, p), of shape (n, q), in its own precision."""

    def block(rows):
        return model(tf.constant(rows, dtype), **_mode(model, False)).numpy()

    return map_row_blocks(block, X, PREDICT_ROWS).astype(np.float64, copy=False)


@contextmanager
def _global_state(dtype, seed):
    """Keras' default dtype and the generators set for a user's function, and put back afterwards.

    Keras draws the seeds of layers from Python's global generator. Fits with a user's module take
    turns here when they run in threads.
    """
    with _GLOBAL_STATE:
        floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
        states = random.getstate(), np.random.get_state()  # noqa: NPY002
        keras.config.set_floatx(dtype)  # of inputs
        keras.config.set_dtype_policy(dtype)  # of layers
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_dtype_policy(policy)
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


class _ModelGraph:
    """A Keras model as a function of its weights, for training in a graph."""

    def __init__(self, model):
        self.model = model

    def __call__(self, params, stats, rows, settings, seed, training):
        """As of `PerceptronGraph`."""
        prediction, moved, losses = self.model.stateless_call(
            params, stats, rows.X, return_losses=True, **_mode(self.model, training)
        )
        loss = sum(tf.cast(loss, rows.X.dtype) for loss in losses)  # a user's own regularizers
        directions = tf.unstack(rows.directions, axis=1)
        slopes = [self._slope(params, stats, rows.X, v, training) for v in directions]
        outputs = [tf.cast(part, rows.X.dtype) for part in (prediction, *slopes)]
        return tf.concat(outputs, 1), tuple(moved), loss

    def _slope(self, params, stats, X, direction, training):
        """The derivative along a direction, by forward mode."""
        with tf.autodiff.ForwardAccumulator(X, direction) as forward:
            prediction, _ = self.model.stateless_call(
                params, stats, X, **_mode(self.model, training)
            )
        return forward.jvp(prediction, unconnected_gradients="zero")
