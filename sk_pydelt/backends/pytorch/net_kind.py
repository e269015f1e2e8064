"""What the PyTorch backend needs of a kind of net, be it our perceptron or a user's module."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...jets import Jet
from ..contract import NetSpec
from ..least_squares import WeightFunction
from .batches import Rows

__all__ = ["NetKind"]


@dataclass(frozen=True)
class NetKind(ABC):
    """How a kind of net is built and differentiated. It holds no weights: the module does.

    Parameters
    ----------
    spec : NetSpec
        Its device is one of torch's, and not "auto".
    """

    spec: NetSpec

    @property
    @abstractmethod
    def may_normalise(self) -> bool:
        """Whether batch normalisation, which can't train on one row, may be among the layers."""

    @abstractmethod
    def module(self, seed: int) -> tuple[Callable, dict[str, Any]]:
        """What builds the module, and with which arguments, as skorch takes them."""

    def arrays(self, module: torch.nn.Module) -> list[np.ndarray] | None:
        """All that a module built by the same recipe needs to become this one; None is too much."""
        return None

    @abstractmethod
    def seeded(self, seed: int) -> AbstractContextManager:
        """Around all that draws random numbers: from the seed, and nothing global is left moved."""

    @abstractmethod
    def require_outputs(self, module: torch.nn.Module, X: torch.Tensor) -> None:
        """Raise a ValueError or TypeError where rows of X do not become outputs to be trained."""

    @abstractmethod
    def require_slopes(self, module: torch.nn.Module, X: torch.Tensor) -> None:
        """Raise a ValueError where known derivatives cannot be fitted; it may draw numbers."""

    @abstractmethod
    def propagate(self, module: torch.nn.Module, jet: Jet, *, frozen: bool = False) -> Jet:
        """Pass a jet of tensors through the module as it predicts.

        The weights of a `frozen` one are constants, which autograd does not reach.
        """

    @abstractmethod
    def outputs(self, module: torch.nn.Module, rows: Rows) -> torch.Tensor:
        """Values in training, with slopes along the rows' directions beside them: (n, q (1 + d)).

        Direction by direction, as `sk_pydelt.samples.Samples.targets` has them.
        """

    @abstractmethod
    def weight_function(self, module: torch.nn.Module) -> WeightFunction:
        """The module as a function of its weights, one vector in the order of its parameters."""
