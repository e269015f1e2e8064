"""`VectorFieldDisplay` draws a field with known curl, divergence, speed and strain."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.spatial import Delaunay
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sk_pydelt import SplineInterpolator
from sk_pydelt.display import VectorFieldDisplay

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.uniform(-1, 1, (60, 2)), columns=["x [m]", "y [m]"])
A, B = X.to_numpy().T
UV = pd.DataFrame({"u [m/s]": A * B, "v [m/s]": A**2 - B})


def field(y=UV):
    return make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(X, y)


EXACT = {
    "curl": lambda x, y: 2 * x - x,
    "divergence": lambda x, y: y - 1,
    "speed": lambda x, y: np.hypot(x * y, x**2 - y),
    "strain": lambda x, y: np.sqrt(2 * (y**2 + 1 + 2 * (1.5 * x) ** 2)),
}


@pytest.mark.parametrize("quantity", EXACT)
def test_the_quantity_in_colours(quantity):
    model = field().set_output(transform="default")
    display = VectorFieldDisplay.from_estimator(model, X, quantity=quantity, grid_resolution=25)
    mesh = np.meshgrid(*display.grids, indexing="ij")
    drawn = ~np.isnan(display.quantity)
    assert drawn.mean() > 0.8
    assert_allclose(display.quantity[drawn], EXACT[quantity](*mesh)[drawn], atol=1e-12)
    assert_allclose(display.image_.get_array().T[drawn], display.quantity[drawn])
    assert display.colorbar_.ax.get_ylabel() == quantity  # the pipeline knows no names of outputs
    assert display.ax_.get_xlabel() == "x [m]"


def test_names_of_the_outputs_give_the_unit():
    display = VectorFieldDisplay.from_estimator(SplineInterpolator().fit(X, UV), X)
    assert display.colorbar_.ax.get_ylabel() == "curl [m/s per m]"


def test_nothing_outside_of_the_hull_or_inside_of_a_body():
    def body(places):
        return np.hypot(*places.T) < 0.4

    display = VectorFieldDisplay.from_estimator(field(), X, mask=body, grid_resolution=40)
    shown = ~np.isnan(display.field[..., 0])
    places = np.stack(np.meshgrid(*display.grids, indexing="ij"), axis=-1).reshape(-1, 2)
    in_hull = Delaunay(X.to_numpy()).find_simplex(places) >= 0
    assert 0.05 < np.mean(~in_hull) < 0.4
    assert np.mean(shown.ravel() == (in_hull & ~body(places))) > 0.995  # all but on its edges
    assert not shown.ravel()[body(places)].any()


def test_arrows_and_streamlines():
    arrows = VectorFieldDisplay.from_estimator(field(), X).arrows_
    assert type(arrows).__name__ == "Quiver"
    u = np.asarray(arrows.U)
    shown = ~np.asarray(arrows.Umask)
    assert_allclose(u[shown], np.prod(arrows.get_offsets(), axis=1)[shown], atol=1e-12)
    lines = VectorFieldDisplay.from_estimator(field(), X, style="streamlines")
    assert len(lines.arrows_.lines.get_segments()) > 10


@pytest.mark.parametrize(
    ("model", "asked", "message"),
    [
        (lambda: field(), {"quantity": "swirl"}, "quantity must be one of .*; got 'swirl'"),
        (lambda: field(), {"style": "dots"}, "style must be 'arrows' or 'streamlines'; got 'dots'"),
        (lambda: field(UV.iloc[:, 0]), {}, "2 features and 1 outputs"),
    ],
)
def test_what_is_refused(model, asked, message):
    with pytest.raises(ValueError, match=message):
        VectorFieldDisplay.from_estimator(model(), X, **asked)
