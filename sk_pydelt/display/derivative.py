"""`DerivativeDisplay`: a fitted function and its derivatives along one feature, or over two."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.base import BaseEstimator

from ..calculus.evaluation import Order, check_order, feature_names
from ..calculus.rows import n_features, require_fitted
from ..labels import derivative_name, derivative_unit, split_unit, with_unit
from .panels import feature_position, output_names, output_position, panels, with_defaults
from .places import Found, Table, along, averaged, over

__all__ = ["DerivativeDisplay"]


class DerivativeDisplay:
    """A fitted function and derivatives of it: curves with error bars, or maps.

    Made by `from_estimator`. Each order has a panel of its own, and a band where the model knows
    its standard deviation: a spline does to order (degree − 1) / 2. Where some orders have none,
    the legends of their panels say so.

    Parameters
    ----------
    found : Found
        Places and values: `grids`, `values` of each order, `stds`, `rows`.
    orders : list of tuples
        One order for each feature.
    samples : list of arrays
        Of the samples: their places along each feature that is drawn, (n,), and y, (n, m) or None.
    xlabels, ylabels, output_names : list of str
        Of the features that are drawn, of the orders, and of the outputs.
    level : float, default=0.95
        What the bands hold.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        Of the first order.
    axes_ : array of Axes
        Of all orders.
    lines_ : list of lists of Line2D
        For each order and output.
    bands_ : list of lists of FillBetweenPolyCollection
        The same; an empty list for an order of which the model knows no error bars.
    images_ : list of QuadMesh
        Of maps, for each order.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator
    >>> from sk_pydelt.display import DerivativeDisplay
    >>> t = np.linspace(0, 6, 60).reshape(-1, 1)
    >>> y = np.sin(t).ravel() + 0.1 * np.random.default_rng(0).standard_normal(60)
    >>> spline = SplineInterpolator(degree=5).fit(t, y)
    >>> display = DerivativeDisplay.from_estimator(spline, t, y)
    >>> [axes.get_ylabel() for axes in display.axes_]
    ['y', 'd(y)/d(x0)']
    """

    def __init__(
        self,
        found: Found,
        *,
        orders: list[tuple[int, ...]],
        samples: list[Any],
        xlabels: list[str],
        ylabels: list[str],
        output_names: list[str],
        level: float = 0.95,
    ) -> None:
        self.found, self.orders = found, orders
        self.samples, self.level = samples, level
        self.xlabels, self.ylabels, self.output_names = xlabels, ylabels, output_names

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        orders: Sequence[Order] = (0, 1),
        features: int | str | Sequence[int | str] = 0,
        kind: str = "fixed",
        fixed: dict[int | str, Any] | None = None,
        output: int | str | None = None,
        grid_resolution: int = 200,
        n_rows: int = 100,
        level: float = 0.95,
        ax: Any = None,
        line_kw: dict | None = None,
        band_kw: dict | None = None,
        samples_kw: dict | None = None,
        image_kw: dict | None = None,
    ) -> Self:
        """Draw a fitted model and its derivatives.

        Parameters
        ----------
        estimator : fitted estimator
            Any that `sk_pydelt.differentiate` takes.
        X : array-like of shape (n, d)
            Samples: the range that is drawn, and what other features are held at.
        y : array-like of shape (n,) or (n, m), default=None
            Their values, drawn beside the function where there is one feature or `kind` is
            "average"; its names name the outputs.
        orders : sequence, default=(0, 1)
            A panel for each: 0 is the function, k its k-th derivative by the (first) feature
            drawn; an order for each feature, as a tuple or by names, is a mixed partial.
        features : int, str or a pair of them, default=0
            The feature that is drawn along, by its number or name; two make maps.
        kind : {"fixed", "average"}, default="fixed"
            "fixed" holds the other features at one value each; "average" averages over rows of X
            as they are, and draws a thin line for each of them.
        fixed : dict, default=None
            Values of features, by number or name; those not named are held at their median in X,
            or where they hold no numbers at the most frequent value.
        output : int or str, default=None
            The output that is drawn; None is all. A map draws one.
        grid_resolution : int, default=200
            Places along a feature; along each of a map, 60 at most.
        n_rows : int, default=100
            With ``kind="average"``, rows of X at most, evenly over it.
        level : float, default=0.95
            What the bands hold, of models whose error bars are known.
        ax : Axes or array of Axes, default=None
            One for each order; None makes a figure.
        line_kw, band_kw, samples_kw, image_kw : dict, default=None
            Keywords for matplotlib's `plot`, `fill_between`, `plot` and `pcolormesh`.

        Returns
        -------
        DerivativeDisplay

        Raises
        ------
        ValueError
            A feature, output or order that the model does not have; a map of several outputs.
        """
        require_fitted(estimator)
        names, table = feature_names(estimator), Table.of(X)
        drawn = _drawn(features, kind, names)
        alphas = [_alpha(order, drawn[0], estimator) for order in orders]
        held = _held(table, fixed, names)
        if kind == "average":
            found = averaged(estimator, table, drawn[0], alphas, grid_resolution, n_rows)
        elif len(drawn) == 2:
            found = over(estimator, table, drawn, held, alphas, grid_resolution)
        else:
            found = along(estimator, table, drawn[0], held, alphas, grid_resolution)
        outputs = output_names(estimator, y, found.values[0].shape[-1])
        chosen = _chosen(output, outputs, is_map=len(drawn) == 2)
        outputs = [outputs[i] for i in chosen]
        shown = y is not None and (len(names) == 1 or kind == "average")
        y = np.asarray(y).reshape(len(table), -1)[:, chosen] if shown else None
        display = cls(
            found.of_outputs(chosen),
            orders=alphas,
            samples=[*(table.numbers(i) for i in drawn), y],
            xlabels=[names[i] for i in drawn],
            ylabels=[_label(outputs, names, alpha) for alpha in alphas],
            output_names=outputs,
            level=level,
        )
        kw = {"line_kw": line_kw, "band_kw": band_kw, "samples_kw": samples_kw}
        return display.plot(ax, **kw, image_kw=image_kw)

    def plot(
        self,
        ax: Any = None,
        *,
        line_kw: dict | None = None,
        band_kw: dict | None = None,
        samples_kw: dict | None = None,
        image_kw: dict | None = None,
    ) -> Self:
        """Draw again, as `from_estimator` does.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One for each order; None makes a figure.
        line_kw, band_kw, samples_kw, image_kw : dict, default=None
            Keywords for matplotlib's `plot`, `fill_between`, `plot` and `pcolormesh`.

        Returns
        -------
        self
        """
        is_map, n = len(self.found.grids) == 2, len(self.ylabels)
        rows, columns = (1, n) if is_map else (n, 1)
        self.axes_ = panels("DerivativeDisplay.plot", ax, rows, columns)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.lines_: list[list[Any]] = []
        self.bands_: list[list[Any]] = []
        self.images_: list[Any] = []
        for k in range(n):
            if is_map:
                self._draw_map(k, image_kw, samples_kw)
            else:
                self._draw_curves(k, line_kw, band_kw, samples_kw)
        if not is_map:
            self.axes_[-1].set_xlabel(self.xlabels[0])
        return self

    def _draw_curves(self, k, line_kw, band_kw, samples_kw):
        axes, (grid,) = self.axes_[k], self.found.grids
        self.lines_.append([])
        self.bands_.append([])
        for j, name in enumerate(self.output_names):
            values, color = self.found.values[k][:, j], {"color": f"C{j}"}
            if self.found.rows is not None:
                axes.plot(grid, self.found.rows[k][..., j].T, **color, lw=0.5, alpha=0.2)
            if (std := self.found.stds[k]) is not None:
                reach = norm.ppf((1 + self.level) / 2) * std[:, j]
                label = None if j else f"{100 * self.level:g} % band"
                options = with_defaults(band_kw, **color, alpha=0.25, lw=0, label=label)
                band = axes.fill_between(grid, values - reach, values + reach, **options)
                self.bands_[k].append(band)
            label = name if len(self.output_names) > 1 else self._fitted
            self.lines_[k] += axes.plot(
                grid, values, **with_defaults(line_kw, **color, label=label)
            )
            if not any(self.orders[k]) and self.samples[-1] is not None:
                self._draw_samples(axes, j, samples_kw)
        axes.set(ylabel=self.ylabels[k])
        axes.margins(x=0.01)
        self._draw_legend(axes, k)

    def _draw_legend(self, axes, k):
        """Where a panel shows what none before it does, or has no error bars and others have."""
        known = [std is not None for std in self.found.stds]
        lacks = any(known) and not known[k]
        if lacks:
            axes.plot([], [], " ", label="no error bars of this order")
        before = {label for panel in self.axes_[:k] for label in _labels(panel)}
        if lacks or set(_labels(axes)) - before:
            axes.legend(fontsize="small")

    @property
    def _fitted(self):
        return "fitted" if self.found.rows is None else f"average of {len(self.found.rows[0])} rows"

    def _draw_samples(self, axes, j, samples_kw):
        dots = {"ls": "", "marker": ".", "ms": 4, "color": f"C{j}" if j else "k", "zorder": 1.5}
        options = with_defaults(samples_kw, **dots, label=None if j else "samples")
        axes.plot(self.samples[0], self.samples[-1][:, j], **options)

    def _draw_map(self, k, image_kw, samples_kw):
        axes, values = self.axes_[k], self.found.values[k][..., 0]
        signed = any(self.orders[k]) and values.min() < 0 < values.max()
        largest = np.abs(values).max()
        colors = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest} if signed else {}
        options = with_defaults(image_kw, shading="nearest", **colors)
        image = axes.pcolormesh(*self.found.grids, values.T, **options)
        self.images_.append(image)
        self.figure_.colorbar(image, ax=axes, label=self.ylabels[k])
        dots = {"ls": "", "marker": ".", "ms": 2, "color": "k", "alpha": 0.5}
        axes.plot(*self.samples[:2], **with_defaults(samples_kw, **dots))
        axes.set(xlabel=self.xlabels[0], ylabel=self.xlabels[1])


def _labels(axes):
    return axes.get_legend_handles_labels()[1]


def _drawn(features, kind, names):
    """Numbers of the features that are drawn: one or two."""
    if kind not in ("fixed", "average"):
        raise ValueError(f"kind must be 'fixed' or 'average'; got {kind!r}.")
    one = isinstance(features, int | np.integer | str)
    asked = [features] if one else list(features)
    if len(asked) not in (1, 2) or (len(asked) == 2 and kind == "average"):
        raise ValueError(
            "features must be one feature, or two of them with kind='fixed'; got "
            f"features={features!r} with kind={kind!r}."
        )
    return [feature_position(feature, names) for feature in asked]


def _alpha(order, first, model):
    """One order for each feature: that of a number is by the first feature drawn."""
    d = n_features(model)
    several = isinstance(order, dict) or np.ndim(order) > 0
    if several and any(order.values() if isinstance(order, dict) else order):
        found = check_order(order, model)
        return found if isinstance(found, tuple) else (found,)
    if not several and order:
        check_order(order, model)
        return tuple(int(order) if i == first else 0 for i in range(d))
    return (0,) * d


def _held(table, fixed, names):
    """A value for each feature: those given, and typical ones of X."""
    held = table.typical()
    for feature, value in (fixed or {}).items():
        held[feature_position(feature, names)] = value
    return held


def _chosen(output, names, is_map):
    """Numbers of the outputs that are drawn."""
    if output is not None:
        return [output_position(output, names)]
    if is_map and len(names) > 1:
        raise ValueError(f"A map draws one output: give output, one of {names}.")
    return list(range(len(names)))


def _label(outputs, features, alpha):
    """The label of a derivative of some outputs, with its unit where they share it."""
    parts, below = [split_unit(name) for name in outputs], [split_unit(name) for name in features]
    units = {unit for _, unit in parts}
    name = derivative_name(", ".join(p for p, _ in parts), [n for n, _ in below], alpha)
    unit = units.pop() if len(units) == 1 else None
    return with_unit(name, derivative_unit(unit, [u for _, u in below], alpha))
