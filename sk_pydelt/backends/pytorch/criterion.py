"""The loss of a fit as skorch's criterion."""

import torch
from torch.nn.functional import mse_loss

from ..losses import Loss

__all__ = ["Criterion"]


class Criterion(torch.nn.Module):
    """The mean loss of predictions, of weighted rows or entries where weights are given.

    Parameters
    ----------
    loss : Loss
    """

    def __init__(self, loss: Loss = Loss()) -> None:  # noqa: B008  # it is frozen
        super().__init__()
        self.loss = loss

    def forward(
        self, y_pred: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        if weight is None and self.loss.name == "squared_error":
            return mse_loss(y_pred, y)  # in one call
        return self.loss(y_pred - y, weight)
