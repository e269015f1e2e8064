"""`LossCurveDisplay` draws the curves of the net, and says why training ended."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_pydelt import NeuralNetworkInterpolator, SplineInterpolator
from sk_pydelt.display import LossCurveDisplay

X = np.linspace(0, 3, 40)[:, None]
Y = np.sin(X[:, 0])
NET = NeuralNetworkInterpolator((4,), epochs=30, random_state=0)


def test_training_alone():
    net = NeuralNetworkInterpolator((4,), solver="lm", epochs=500, random_state=0).fit(X, Y)
    display = LossCurveDisplay.from_estimator(net)
    (line,) = display.lines_
    assert_array_equal(line.get_ydata(), net.loss_curve_)
    assert_array_equal(line.get_xdata(), np.arange(1, net.n_iter_ + 1))
    assert display.best_ is None
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_title().startswith(f"{net.n_iter_} epochs: ")


def test_held_out_samples_and_the_epoch_that_was_kept():
    net = NeuralNetworkInterpolator(
        (4,), epochs=400, learning_rate=0.05, early_stopping=True, patience=20, random_state=0
    ).fit(X, Y)
    display = LossCurveDisplay.from_estimator(net)
    assert_array_equal(display.lines_[1].get_ydata(), net.validation_loss_curve_)
    best = int(np.argmin(net.validation_loss_curve_))
    assert display.best_.get_label() == f"kept: epoch {best + 1}"
    assert display.best_.get_ydata() == [net.validation_loss_curve_[best]]


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), NET),
        GridSearchCV(make_pipeline(NET), {"neuralnetworkinterpolator__alpha": [0, 1e-3]}, cv=2),
        TransformedTargetRegressor(NET, transformer=StandardScaler()),
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=300, random_state=0, tol=0.1),
    ],
    ids=["pipeline", "search", "target", "scikit-learn"],
)
def test_the_net_within(model):
    display = LossCurveDisplay.from_estimator(model.fit(X, Y))
    assert len(display.loss_curve) > 1
    assert f"{len(display.loss_curve)} epochs" in display.ax_.get_title()


def test_what_has_no_loss():
    with pytest.raises(TypeError, match="SplineInterpolator has no loss_curve_"):
        LossCurveDisplay.from_estimator(SplineInterpolator().fit(X, Y))
