"""`VectorFieldDisplay`: a field of two components in the plane, over one of its derivatives."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import binary_dilation
from scipy.spatial import ConvexHull
from sklearn.base import BaseEstimator

from ..calculus import curl, divergence, strain_rate
from ..calculus.evaluation import feature_names
from ..calculus.rows import n_features, require_fitted
from ..calculus.values import values
from ..labels import derivative_unit, split_unit, with_unit
from .panels import output_names, panels, with_defaults
from .places import Table

__all__ = ["VectorFieldDisplay"]


def _speed(model, P):
    return np.linalg.norm(values(model, P, 0)[0], axis=1)


def _strain(model, P):
    """√(2 E:E) of the rate of strain E, the rate of shear of a parallel flow."""
    return np.sqrt(2 * np.sum(strain_rate(model, P) ** 2, axis=(1, 2)))


QUANTITIES: dict[str, Callable[[BaseEstimator, Any], np.ndarray]] = {
    "curl": curl,
    "divergence": divergence,
    "speed": _speed,
    "strain": _strain,
}


class VectorFieldDisplay:
    """Arrows or streamlines of a fitted field of two components, over a quantity in colours.

    Made by `from_estimator`. Outside the convex hull of the samples, where the model extrapolates,
    nothing is drawn but grey.

    Parameters
    ----------
    grids : list of two arrays of shape (k,)
        Places along each feature.
    field : array of shape (k, k, 2)
        NaN where it is not drawn.
    quantity : array of shape (k, k)
        The same, to the next place beyond the hull, where the picture is clipped.
    samples : array of shape (n, 2)
    labels : list of str
        Of both features, and of the quantity.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    image_ : QuadMesh
    arrows_ : Quiver or StreamplotSet
    colorbar_ : Colorbar

    Examples
    --------
    Solid rotation has the same curl everywhere:

    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator
    >>> from sk_pydelt.display import VectorFieldDisplay
    >>> X = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    >>> spline = SplineInterpolator(smoothing=0.0).fit(X, np.column_stack([-X[:, 1], X[:, 0]]))
    >>> display = VectorFieldDisplay.from_estimator(spline, X, quantity="curl")
    >>> bool(np.nanmax(abs(display.quantity - 2)) < 1e-9)
    True
    """

    def __init__(
        self,
        *,
        grids: list[np.ndarray],
        field: np.ndarray,
        quantity: np.ndarray,
        samples: np.ndarray,
        labels: list[str],
    ) -> None:
        self.grids, self.field, self.quantity = grids, field, quantity
        self.samples, self.labels = samples, labels

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        quantity: str = "curl",
        style: str = "arrows",
        grid_resolution: int = 120,
        mask: Callable[[np.ndarray], np.ndarray] | None = None,
        ax: Any = None,
        image_kw: dict | None = None,
        arrows_kw: dict | None = None,
        samples_kw: dict | None = None,
    ) -> Self:
        """Draw a fitted field.

        Parameters
        ----------
        estimator : fitted estimator
            Of two features and two outputs.
        X : array-like of shape (n, 2)
            Places of the samples.
        quantity : {"curl", "divergence", "speed", "strain"}, default="curl"
            What the colours say; "strain" is √(2 E:E) of the rate of strain E.
        style : {"arrows", "streamlines"}, default="arrows"
        grid_resolution : int, default=120
            Places along each feature.
        mask : callable, default=None
            Of places (k, 2), whether each is left out too, such as those inside of a body: (k,).
        ax : Axes, default=None
            None makes a figure.
        image_kw, arrows_kw, samples_kw : dict, default=None
            Keywords for matplotlib's `pcolormesh`, `quiver` or `streamplot`, and `plot`.

        Returns
        -------
        VectorFieldDisplay

        Raises
        ------
        ValueError
            A model of other numbers of features or outputs; a quantity or style that is unknown.
        """
        require_fitted(estimator)
        if quantity not in QUANTITIES:
            raise ValueError(f"quantity must be one of {list(QUANTITIES)}; got {quantity!r}.")
        table = Table.of(X)
        _check_plane(estimator, table)
        grids = [table.grid(i, grid_resolution) for i in range(2)]
        samples = np.column_stack([table.numbers(i) for i in range(2)])
        places = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, 2)
        left_out = np.zeros(len(places), bool) if mask is None else np.asarray(mask(places))
        square = (grid_resolution, grid_resolution)
        inside = (_inside(samples, places) & ~left_out).reshape(square)
        field, colors = np.full((*square, 2), np.nan), np.full(square, np.nan)
        field[inside] = values(estimator, _rows(table, places, inside), 0)[0]
        around = binary_dilation(inside, np.ones((3, 3))) & ~left_out.reshape(square)
        colors[around] = QUANTITIES[quantity](estimator, _rows(table, places, around))
        display = cls(
            grids=grids,
            field=field,
            quantity=colors,
            samples=samples,
            labels=[*feature_names(estimator), _label(estimator, quantity)],
        )
        kw = {"image_kw": image_kw, "arrows_kw": arrows_kw, "samples_kw": samples_kw}
        return display.plot(ax, style=style, **kw)

    def plot(
        self,
        ax: Any = None,
        *,
        style: str = "arrows",
        image_kw: dict | None = None,
        arrows_kw: dict | None = None,
        samples_kw: dict | None = None,
    ) -> Self:
        """Draw again, as `from_estimator` does.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.
        style : {"arrows", "streamlines"}, default="arrows"
        image_kw, arrows_kw, samples_kw : dict, default=None
            Keywords for matplotlib's `pcolormesh`, `quiver` or `streamplot`, and `plot`.

        Returns
        -------
        self
        """
        if style not in ("arrows", "streamlines"):
            raise ValueError(f"style must be 'arrows' or 'streamlines'; got {style!r}.")
        (self.ax_,) = panels("VectorFieldDisplay.plot", ax)
        from matplotlib.path import Path

        self.figure_ = self.ax_.figure
        self.ax_.set_facecolor("0.85")
        low, high = np.nanmin(self.quantity), np.nanmax(self.quantity)
        largest = max(-low, high)
        colors = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest} if low < 0 else {}
        options = with_defaults(image_kw, shading="nearest", **colors)
        self.image_ = self.ax_.pcolormesh(*self.grids, self.quantity.T, **options)
        hull = self.samples[ConvexHull(self.samples).vertices]
        self.image_.set_clip_path(Path(hull), self.ax_.transData)
        as_high = {"fraction": 0.046, "pad": 0.04}  # as axes of equal scales
        self.colorbar_ = self.figure_.colorbar(
            self.image_, ax=self.ax_, label=self.labels[2], **as_high
        )
        dots = {"ls": "", "marker": ".", "ms": 2, "color": "k", "alpha": 0.4}
        self.ax_.plot(*self.samples.T, **with_defaults(samples_kw, **dots))
        self.arrows_ = (self._quiver if style == "arrows" else self._streamlines)(arrows_kw)
        self.ax_.set(xlabel=self.labels[0], ylabel=self.labels[1], aspect="equal")
        return self

    def _quiver(self, arrows_kw):
        step = max(1, round(len(self.grids[0]) / 20))
        some = (slice(step // 2, None, step),) * 2
        mesh = np.meshgrid(*(grid[some[0]] for grid in self.grids))
        u, v = np.moveaxis(self.field[some], 2, 0)
        return self.ax_.quiver(*mesh, u.T, v.T, **with_defaults(arrows_kw, pivot="mid"))

    def _streamlines(self, arrows_kw):
        u, v = np.ma.masked_invalid(np.moveaxis(self.field, 2, 0))
        options = with_defaults(arrows_kw, color="k", linewidth=0.7, arrowsize=0.7)
        return self.ax_.streamplot(*self.grids, u.T, v.T, **options)


def _check_plane(model, table):
    d = n_features(model)
    m = values(model, table.held({0: table.grid(0, 1)}, table.typical()), 0)[0]
    if d != 2 or m.ndim != 2 or m.shape[1] != 2:
        n_outputs = 1 if m.ndim == 1 else m.shape[1]
        raise ValueError(
            "A field in the plane has two features and two outputs; got a model of "
            f"{d} features and {n_outputs} outputs."
        )


def _inside(samples, places):
    """Whether places (k, 2) are in the convex hull of the samples."""
    normals, offsets = np.split(ConvexHull(samples).equations, [2], axis=1)
    return np.all(places @ normals.T + offsets.T <= 0, axis=1)


def _rows(table, places, shown):
    """Rows of X at some of the places of a grid."""
    return table.rows(list(places[shown.ravel()].T))


def _label(model, quantity):
    """The quantity with its unit, where the components and the features each share one."""
    outputs = {split_unit(name)[1] for name in output_names(model, None, 2)}
    below = {split_unit(name)[1] for name in feature_names(model)}
    if len(outputs) > 1 or len(below) > 1:
        return quantity
    order = 0 if quantity == "speed" else 1
    return with_unit(quantity, derivative_unit(outputs.pop(), [below.pop()], [order]))
