"""Optimizers of Keras: by our names with torch's arithmetic, or a user's class."""

from collections.abc import Callable
from typing import Any

from ..contract import FitSpec
from ..schedule import learning_rate
from ..training import require_arguments, require_parameters
from .framework import keras

__all__ = ["Adam", "AdamW", "keras_optimizer"]


def _torch_step(optimizer, gradient, variable, learning_rate):
    """A step of Adam (Kingma & Ba 2015), ε beside the corrected root, as `torch.optim` takes it."""
    ops = keras.ops
    rate, gradient = (ops.cast(part, variable.dtype) for part in (learning_rate, gradient))
    step = ops.cast(optimizer.iterations + 1, variable.dtype)
    i = optimizer._get_variable_index(variable)
    mean, square = optimizer._momentums[i], optimizer._velocities[i]
    optimizer.assign_add(mean, (1 - optimizer.beta_1) * (gradient - mean))
    optimizer.assign_add(square, (1 - optimizer.beta_2) * (gradient**2 - square))
    root = ops.sqrt(square) / ops.sqrt(1 - optimizer.beta_2**step) + optimizer.epsilon
    optimizer.assign_sub(variable, rate / (1 - optimizer.beta_1**step) * mean / root)


@keras.saving.register_keras_serializable("sk_pydelt")
class Adam(keras.optimizers.Adam):
    """Keras' Adam with the steps of `torch.optim.Adam`, but where `amsgrad` is asked for."""

    def __init__(self, *args: Any, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(*args, epsilon=epsilon, **kwargs)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        step = super().update_step if self.amsgrad else _torch_step_of(self)
        step(gradient, variable, learning_rate)


@keras.saving.register_keras_serializable("sk_pydelt")
class AdamW(keras.optimizers.AdamW):
    """Keras' AdamW with the steps and the weight decay of `torch.optim.AdamW`."""

    def __init__(
        self, *args: Any, weight_decay: float = 0.01, epsilon: float = 1e-8, **kwargs: Any
    ) -> None:
        super().__init__(*args, weight_decay=weight_decay, epsilon=epsilon, **kwargs)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        step = super().update_step if self.amsgrad else _torch_step_of(self)
        step(gradient, variable, learning_rate)


def _torch_step_of(optimizer):
    return lambda *args: _torch_step(optimizer, *args)


OPTIMIZERS: dict[str, Callable] = {"adam": Adam, "adamw": AdamW, "sgd": keras.optimizers.SGD}


def keras_optimizer(fit: FitSpec) -> keras.optimizers.Optimizer:
    """The optimizer that a fit asks for.

    Raises
    ------
    TypeError
        Something that is no class of Keras' optimizers, or parameters that it does not take.
    ValueError
        Parameters that the net has itself.
    """
    params, named = fit.optimizer_params or {}, fit.optimizer
    optimizer: Any = OPTIMIZERS[named] if isinstance(named, str) else named
    if not (isinstance(optimizer, type) and issubclass(optimizer, keras.optimizers.Optimizer)):
        raise TypeError(
            "optimizer must be 'adam', 'adamw', 'sgd' or a class of keras.optimizers.Optimizer; "
            f"got {optimizer!r}."
        )
    require_parameters(params)
    if fit.max_grad_norm is not None:
        params = {"global_clipnorm": fit.max_grad_norm} | params
    wanted = f"optimizer_params={params} are given to the optimizer with learning_rate=..."
    require_arguments(optimizer, wanted, learning_rate=None, **params)
    return optimizer(learning_rate=learning_rate(fit, 0), **params)
