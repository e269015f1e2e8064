"""`LossCurveDisplay`: how a net's loss fell, and why training ended."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from .panels import panels, with_defaults

__all__ = ["LossCurveDisplay"]

REASONS = {
    "epochs": "all epochs done",
    "early_stopping": "no better on held-out samples",
    "stalled": "the loss no longer falls",
    "interrupted": "interrupted",
    "gradient": "the gradient vanished",
    "step": "no step lowers the loss",
    "loss": "the loss no longer falls",
}


class LossCurveDisplay:
    """The loss at each epoch of training, on a logarithmic scale.

    Parameters
    ----------
    loss_curve : list of float
    validation_loss_curve : list of float, default=None
    stop_reason : str, default=None
        Why training ended, as `stop_reason_` of `NeuralNetworkInterpolator`.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    lines_ : list of Line2D
        Training loss, and where there is one the loss of held-out samples.
    best_ : Line2D
        The epoch of least validation loss, whose weights were kept; without one, None.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt import NeuralNetworkInterpolator
    >>> from sk_pydelt.display import LossCurveDisplay
    >>> x = np.linspace(0, 3, 20).reshape(-1, 1)
    >>> net = NeuralNetworkInterpolator((8,), solver="lbfgs", random_state=0)
    >>> display = LossCurveDisplay.from_estimator(net.fit(x, np.sin(x).ravel()))
    >>> display.ax_.get_yscale()
    'log'
    """

    def __init__(
        self,
        loss_curve: list[float],
        validation_loss_curve: list[float] | None = None,
        stop_reason: str | None = None,
    ) -> None:
        self.loss_curve, self.validation_loss_curve = loss_curve, validation_loss_curve
        self.stop_reason = stop_reason

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, ax: Any = None, line_kw: dict | None = None
    ) -> Self:
        """Draw the loss of a fitted net.

        Parameters
        ----------
        estimator : fitted estimator
            A `NeuralNetworkInterpolator`, or another with a `loss_curve_`; in a pipeline the last
            step, in a search the best one.
        ax : Axes, default=None
            None makes a figure.
        line_kw : dict, default=None
            Keywords for matplotlib's `plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        TypeError
            The estimator has no loss of epochs.
        """
        net = _trained(estimator)
        if not hasattr(net, "loss_curve_"):
            raise TypeError(
                f"{type(net).__name__} has no loss_curve_: it is not fitted, or not by epochs that "
                "lower a loss, as a NeuralNetworkInterpolator is."
            )
        validation = getattr(net, "validation_loss_curve_", None)
        display = cls(net.loss_curve_, validation, getattr(net, "stop_reason_", None))
        return display.plot(ax, line_kw=line_kw)

    def plot(self, ax: Any = None, *, line_kw: dict | None = None) -> Self:
        """Draw again, as `from_estimator` does.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.
        line_kw : dict, default=None
            Keywords for matplotlib's `plot`.

        Returns
        -------
        self
        """
        (self.ax_,) = panels("LossCurveDisplay.plot", ax)
        self.figure_, self.best_ = self.ax_.figure, None
        self.lines_ = self._curve(self.loss_curve, line_kw, "training")
        if self.validation_loss_curve:
            self.lines_ += self._curve(self.validation_loss_curve, line_kw, "held out")
            best = int(np.argmin(self.validation_loss_curve))
            point = [best + 1], [self.validation_loss_curve[best]]
            (self.best_,) = self.ax_.plot(*point, "ko", ms=5, label=f"kept: epoch {best + 1}")
        n, reason = len(self.loss_curve), REASONS.get(str(self.stop_reason))
        self.ax_.axvline(n, color="0.6", lw=1, ls="--")
        title = f"{n} epochs" if reason is None else f"{n} epochs: {reason}"
        self.ax_.set(yscale="log", xlabel="epoch", ylabel="loss of the scaled targets", title=title)
        self.ax_.legend(fontsize="small")
        return self

    def _curve(self, curve, line_kw, label):
        epochs = np.arange(1, len(curve) + 1)
        return self.ax_.plot(epochs, curve, **with_defaults(line_kw, label=label))


def _trained(estimator):
    """The step that was trained: the last of a pipeline, the best of a search."""
    for name in ("best_estimator_", "regressor_"):
        if hasattr(estimator, name):
            return _trained(getattr(estimator, name))
    return _trained(estimator.steps[-1][1]) if hasattr(estimator, "steps") else estimator
