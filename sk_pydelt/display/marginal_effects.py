"""`MarginalEffectsDisplay`: average marginal effects as bars with errors."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.base import BaseEstimator

from ..calculus import MarginalEffects, average_marginal_effects
from .panels import panels, with_defaults

__all__ = ["MarginalEffectsDisplay"]


class MarginalEffectsDisplay:
    """Averages over rows of the derivative by each feature, with their errors.

    Parameters
    ----------
    effects : MarginalEffects
        As `sk_pydelt.average_marginal_effects` gives them.
    level : float, default=0.95
        What the bars of errors hold.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    bars_ : list of BarContainer
        For each output; the errors are those of `errorbar` of each.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt.display import MarginalEffectsDisplay
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> model = LinearRegression().fit(X, X @ [1.0, -2.0])
    >>> display = MarginalEffectsDisplay.from_estimator(model, X)
    >>> print(*[f"{bar.get_width():.1f}" for bar in display.bars_[0]])
    1.0 -2.0
    """

    def __init__(self, effects: MarginalEffects, *, level: float = 0.95) -> None:
        self.effects, self.level = effects, level

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        level: float = 0.95,
        ax: Any = None,
        bar_kw: dict | None = None,
    ) -> Self:
        """Draw the average marginal effects of a fitted model over the rows of X.

        Parameters
        ----------
        estimator : fitted estimator
        X : array-like of shape (n, d)
        sample_weight : array-like of shape (n,), default=None
        level : float, default=0.95
            What the bars of errors hold.
        ax : Axes, default=None
            None makes a figure.
        bar_kw : dict, default=None
            Keywords for matplotlib's `barh`.

        Returns
        -------
        MarginalEffectsDisplay
        """
        effects = average_marginal_effects(estimator, X, sample_weight=sample_weight)
        return cls(effects, level=level).plot(ax, bar_kw=bar_kw)

    def plot(self, ax: Any = None, *, bar_kw: dict | None = None) -> Self:
        """Draw again, as `from_estimator` does.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.
        bar_kw : dict, default=None
            Keywords for matplotlib's `barh`.

        Returns
        -------
        self
        """
        (self.ax_,) = panels("MarginalEffectsDisplay.plot", ax)
        self.figure_, self.bars_ = self.ax_.figure, []
        names, outputs = self.effects.feature_names, self.effects.output_names
        average = self.effects.average.reshape(len(outputs), -1)
        reach = norm.ppf((1 + self.level) / 2) * self.effects.standard_error.reshape(average.shape)
        height, rows = 0.8 / len(outputs), np.arange(len(names))
        for j, output in enumerate(outputs):
            places = rows + (j - (len(outputs) - 1) / 2) * height
            options = with_defaults(bar_kw, height=height, label=output, capsize=3, ecolor="k")
            self.bars_.append(self.ax_.barh(places, average[j], xerr=reach[j], **options))
        self.ax_.axvline(0, color="k", lw=0.8)
        label = f"average effect on {', '.join(outputs)} of one unit more"
        self.ax_.set(yticks=rows, yticklabels=names, xlabel=label)
        self.ax_.invert_yaxis()
        if len(outputs) > 1:
            self.ax_.legend(fontsize="small")
        return self
