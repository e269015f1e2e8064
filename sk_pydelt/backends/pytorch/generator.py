"""Random numbers from a seed, on whatever device they are first asked for."""

from typing import Any

import torch

__all__ = ["SeededGenerator"]


class SeededGenerator:
    """A generator of torch's that a copy or a file begins anew: it belongs to no device.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on(self, device: torch.device | str) -> torch.Generator:
        """The generator, made where it is used first."""
        if "_made" not in vars(self):
            self._made = torch.Generator(device).manual_seed(self.seed)
        return self._made

    def __getstate__(self) -> dict[str, Any]:
        return {"seed": self.seed}
