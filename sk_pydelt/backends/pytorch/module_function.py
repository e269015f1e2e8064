"""A user's module as a function of its weights, and of places and directions."""

from collections.abc import Callable
from typing import Any

import torch

from ...jets import Jet
from ...jets.jacobian import DenseJacobian
from .arrays import as_array
from .turns import TURN

__all__ = ["ModuleFunction", "with_slopes"]


def with_slopes(
    function: Callable[[torch.Tensor], torch.Tensor],
    X: torch.Tensor,
    directions: torch.Tensor | None,
) -> torch.Tensor:
    """Values (n, m) of a function of rows, with slopes along directions (n, d, p) beside them."""
    if directions is None:
        return function(X)
    with TURN:
        pairs = [torch.func.jvp(function, (X,), (v,)) for v in directions.unbind(1)]
    return torch.cat([pairs[0][0], *(pair[1] for pair in pairs)], dim=1)


class ModuleFunction:
    """A user's own module as a function of its weights, differentiated by torch.func.

    Parameters
    ----------
    module : torch.nn.Module
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        self.names, parameters = zip(
            *((n, p) for n, p in module.named_parameters() if p.requires_grad)
        )
        self.shapes = [p.shape for p in parameters]
        self.device = parameters[0].device

    def __call__(self, w: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """Values (n, m) at X (n, p) with the weights w (P,)."""
        parts = w.split([shape.numel() for shape in self.shapes])
        tensors = {n: part.view(s) for n, part, s in zip(self.names, parts, self.shapes)}
        return torch.func.functional_call(self.module, tensors, (X,))

    def forward(self, w: Any, jet: Jet) -> "ModulePass":
        """Pass a jet of places, of order 0 or 1, through the net with the weights w (P,)."""
        X, *directions = (torch.as_tensor(part, device=self.device) for part in jet.parts)
        lines = directions[0].movedim(0, 1) if jet.order else None
        return ModulePass(self, torch.as_tensor(w, device=self.device), X[0], lines)


class ModulePass:
    """A user's module at some weights, places (n, p) and directions (n, d, p) or None."""

    def __init__(
        self,
        function: ModuleFunction,
        w: torch.Tensor,
        X: torch.Tensor,
        directions: torch.Tensor | None,
    ) -> None:
        self.function, self.w, self.X, self.directions = function, w, X, directions

    def _columns(self, w, X, directions):
        return with_slopes(lambda X: self.function(w, X), X, directions)

    def columns(self) -> Any:
        """Values, with slopes along each direction beside them: (n, m (1 + d))."""
        with torch.no_grad():
            return as_array(self._columns(self.w, self.X, self.directions))

    def jacobian(self) -> DenseJacobian:
        """Derivatives of `columns`, row by row, by the weights: (n m (1 + d), P)."""

        def row(w, x, lines=None):
            return self._columns(w, x[None], None if lines is None else lines[None])[0]

        rows = (self.X,) if self.directions is None else (self.X, self.directions)
        function = torch.func.vmap(torch.func.jacrev(row), in_dims=(None, *(0 for _ in rows)))
        with TURN:
            return DenseJacobian(as_array(function(self.w, *rows).flatten(0, 1)))
