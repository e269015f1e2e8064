"""A user's own module as a kind of net: built under seeds, differentiated by torch.func."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import factorial, prod
from typing import Any, cast

import torch

from ...jets import Jet, multi_indices
from ..training import require_arguments, require_one_net, require_shape
from .batches import Rows
from .module_function import ModuleFunction, with_slopes
from .net_kind import NetKind
from .turns import TURN

__all__ = ["UserModule"]

_GLOBAL_GENERATORS = threading.RLock()


class UserModule(NetKind):
    """What a user's class or function builds."""

    may_normalise = True  # it may, for all we know

    def module(self, seed: int) -> tuple[Callable, dict[str, Any]]:
        """The user's callable and its arguments.

        Raises
        ------
        TypeError
            A module in place of what builds one.
        """
        module = cast(Callable, self.spec.module)  # without one it is a PerceptronNet
        if isinstance(module, torch.nn.Module):
            name = type(module).__name__
            raise TypeError(
                "module must be a torch.nn.Module class, or a function that returns a module: it "
                f"is called with n_features and n_outputs. Pass module={name} itself; got an "
                f"instance, {name}(...)."
            )
        named = {"n_features": self.spec.n_features, "n_outputs": self.spec.n_outputs}
        require_arguments(module, "module is called with n_features=... and n_outputs=...", **named)
        return module, named

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Torch's global generators, from which a user's module draws, seeded and put back.

        Such fits take turns when they run in threads.
        """
        devices = range(torch.cuda.device_count())  # named: fork_rng warns where it finds several
        with _GLOBAL_GENERATORS, torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield

    def require_outputs(self, module: torch.nn.Module, X: torch.Tensor) -> None:
        """Refuse a module that does not map rows of X to outputs that depend on its weights.

        Raises
        ------
        TypeError
            A `forward` that does not take one tensor.
        ValueError
            Outputs of another shape, or that no gradient passes through.
        """
        require_arguments(module.forward, "The module's forward is called with one tensor", X)
        with torch.random.fork_rng(range(torch.cuda.device_count())):
            outputs = module.eval()(X)
        require_shape(outputs, len(X), self.spec.n_outputs)
        known = isinstance(outputs, torch.Tensor) and outputs.requires_grad
        if not (known and outputs.is_floating_point()):
            raise ValueError(
                "What the module returns must be real numbers that a gradient passes through: "
                "leave out detach(), numpy() and casts to whole or complex numbers; it returned "
                f"{outputs.dtype}{'' if known else ' without a gradient'}."
            )

    def require_slopes(self, module: torch.nn.Module, X: torch.Tensor) -> None:
        """Refuse a module that is another one in training.

        Raises
        ------
        ValueError
        """
        with torch.no_grad():
            in_training, outputs = (module.train(mode)(X).cpu().numpy() for mode in (True, False))
        require_one_net(in_training, outputs)

    def propagate(self, module: torch.nn.Module, jet: Jet, *, frozen: bool = False) -> Jet:
        """Taylor coefficients of the module along a jet, by nested forward differentiation.

        Row by row, g(t) = module(Σ c_α t^α) is a map of the jet's variables t; its derivatives at
        t = 0 are those of the composition.
        """
        call = _with_constants(module) if frozen else module
        q, n = jet.n_variables, len(jet.value)
        exponents = [a for k in range(jet.degree + 1) for a in multi_indices(q, k)]
        powers = torch.tensor(exponents, dtype=jet.value.dtype, device=jet.value.device)
        coefficients = torch.cat(jet.parts).movedim(1, 0)  # (n, n_terms, p)
        order = jet.order
        if n == 0:  # a module need not take an empty batch, and vmap does not: a row to be dropped
            coefficients = coefficients.new_zeros((1, *coefficients.shape[1:]))
            order = min(order, 1)  # shows whether the module can be differentiated

        def row(coefficient, t):
            return call((torch.prod(t**powers, dim=1) @ coefficient)[None])[0]

        functions = [row]
        for _ in range(order):
            functions.append(torch.func.jacfwd(functions[-1], argnums=1))
        t = torch.zeros(q, dtype=jet.value.dtype, device=jet.value.device)
        parts = []
        for k, function in enumerate(functions):
            with TURN:
                tensor = torch.func.vmap(function, in_dims=(0, None))(coefficients, t)[:n]
            parts.append(torch.stack([_entry(tensor, alpha) for alpha in multi_indices(q, k)]))
        return Jet(parts, jet.order, q)

    def outputs(self, module: torch.nn.Module, rows: Rows) -> torch.Tensor:
        """Values, and the slopes by forward mode."""
        return with_slopes(module, rows.X, rows.directions)

    def weight_function(self, module: torch.nn.Module) -> ModuleFunction:
        return ModuleFunction(module)


def _with_constants(module):
    """The module as a function whose weights autograd does not reach."""
    named = *module.named_parameters(), *module.named_buffers()
    tensors = {name: tensor.detach() for name, tensor in named}
    return lambda X: torch.func.functional_call(module, tensors, (X,))


def _entry(tensor, alpha):
    """The Taylor coefficient of one multi-index from a full tensor of derivatives."""
    index = [i for i, power in enumerate(alpha) for _ in range(power)]
    return tensor[(slice(None), slice(None), *index)] / prod(map(factorial, alpha))
