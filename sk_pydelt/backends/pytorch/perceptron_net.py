"""The multilayer perceptron as a kind of net."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import torch

from ...jets import Jet
from ...jets.perceptron import Dense, Perceptron, propagate
from .batches import Rows
from .net_kind import NetKind
from .perceptron import MultilayerPerceptron

__all__ = ["PerceptronNet"]


class PerceptronNet(NetKind):
    """Dense layers as `NetSpec` describes them; jets pass through them by Taylor arithmetic."""

    @property
    def may_normalise(self) -> bool:
        return self.spec.batch_norm

    def module(self, seed: int) -> tuple[Callable, dict[str, Any]]:
        names = ["n_features", "n_outputs", "hidden_layers", "activation", "omega_0"]
        names += ["dropout_rate", "batch_norm"]
        arguments = {name: getattr(self.spec, name) for name in names}
        return MultilayerPerceptron, arguments | {
            "dtype": getattr(torch, self.spec.dtype),
            "seed": seed,
        }

    def arrays(self, module: torch.nn.Module) -> list[np.ndarray]:
        return [tensor.cpu().numpy() for tensor in module.state_dict().values()]

    def seeded(self, seed: int) -> AbstractContextManager:
        return nullcontext()  # it draws from generators of its own

    def require_outputs(self, module: torch.nn.Module, X: torch.Tensor) -> None:
        """It does."""

    def require_slopes(self, module: torch.nn.Module, X: torch.Tensor) -> None:
        """Nothing: the estimator refuses dropout and batch normalisation with known slopes."""

    def propagate(self, module: torch.nn.Module, jet: Jet, *, frozen: bool = False) -> Jet:
        layers = cast(MultilayerPerceptron, module).dense_layers()
        if frozen or not torch.is_grad_enabled():  # parts may be computed later, where it is
            layers = [Dense(weight.detach(), bias.detach()) for weight, bias in layers]
        return propagate(layers, self.spec.activation, jet)

    def outputs(self, module: torch.nn.Module, rows: Rows) -> torch.Tensor:
        if rows.directions is None:
            return module(rows.X)
        jet = self.propagate(module, rows.jet)
        return torch.cat(list(jet.parts)).movedim(0, 1).flatten(1)

    def weight_function(self, module: torch.nn.Module) -> Perceptron:
        widths = (self.spec.n_features, *self.spec.hidden_layers, self.spec.n_outputs)
        return Perceptron(widths, self.spec.activation)
