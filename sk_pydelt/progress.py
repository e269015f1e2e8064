"""A progress bar over the epochs of a fit, or over its nets."""

from tqdm.auto import tqdm

__all__ = ["ProgressBar"]


class ProgressBar(tqdm):
    """A tqdm bar in terminals and notebooks, with the time left and the last losses.

    Without tqdm's monitor, a thread that would stay when the bar is gone.
    """

    monitor_interval = 0

    def __init__(self, total: int | None, verbose: bool = True, unit: str = "epoch") -> None:
        super().__init__(total=total, desc="fit", unit=unit, disable=not verbose)

    def show(self, n_epochs: int, losses: dict[str, float]) -> None:
        """Move by some epochs, and show the losses of the last."""
        self.set_postfix({name: f"{loss:.3g}" for name, loss in losses.items()}, refresh=False)
        self.update(n_epochs)
