"""Every estimator, derivative, Display and file format once: `python tests/smoke.py`.

Results stand beside closed forms. Needs what the package itself needs, and nothing of the other
tests; the TensorFlow backend and the Displays take part where TensorFlow and matplotlib are
installed. `.ci/run` runs it with the lowest versions that are declared.
"""

import io
import pickle
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

import sk_pydelt
from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
)
from sk_pydelt.interpolation import NeuralNetworkInterpolator as CurveNet
from sk_pydelt.multivariate import MultivariateDerivatives

T = np.linspace(0, 3, 40)[:, None]
PLANE = np.random.default_rng(0).uniform(0, 1, (60, 2))
FLOW = np.column_stack([PLANE[:, 0] ** 2 * PLANE[:, 1], PLANE[:, 0] - PLANE[:, 1] ** 2])


class Module(nn.Module):
    """A user's own net, one hidden layer."""

    def __init__(self, n_features: int, n_outputs: int) -> None:
        super().__init__()
        layers = nn.Linear(n_features, 8), nn.Tanh(), nn.Linear(8, n_outputs)
        self.layers = nn.Sequential(*layers)

    def forward(self, X):
        return self.layers(X)


def estimators():
    """One of each kind, by a name."""
    net = {"hidden_layers": (10,), "random_state": 0}
    yield "spline", SplineInterpolator()
    yield "bayesian", BayesianNeuralNetworkInterpolator((8,), "tanh", n_init=1, random_state=0)
    for backend in ["pytorch", *(["tensorflow"] if find_spec("tensorflow") else [])]:
        for solver, options in (
            ("adam", {"epochs": 3000, "learning_rate": 0.02}),
            ("lbfgs", {"epochs": 1000}),
            ("lm", {"epochs": 200}),
        ):
            options |= {"solver": solver, "backend": backend, **net}
            yield f"{backend} {solver}", NeuralNetworkInterpolator(**options)
    own = NeuralNetworkInterpolator(module=Module, solver="lbfgs", random_state=0)
    yield "module", own
    yield "pipeline", make_pipeline(StandardScaler(), own)
    yield "search", GridSearchCV(SplineInterpolator(), {"degree": [3, 5]}, cv=3)
    yield "target", TransformedTargetRegressor(SplineInterpolator(), transformer=StandardScaler())
    yield "polynomial", make_pipeline(PolynomialFeatures(9), BayesianRidge(tol=1e-9))


def near(found, exact, tolerance):
    """Compare with a closed form, by the largest error."""
    error = np.abs(np.asarray(found) - exact).max()
    assert error < tolerance, f"off by {error:.2g}"


def check_curve(model):
    """sin and its first three derivatives, away from the ends."""
    inner = T[8:-8]
    model.fit(T, np.sin(T).ravel())
    near(model.predict(inner), np.sin(inner).ravel(), 0.02)
    for order, exact in ((1, np.cos), (2, lambda t: -np.sin(t)), (3, lambda t: -np.cos(t))):
        near(differentiate(model, order)(inner), exact(inner).ravel(), 0.05 * 4**order)
    near(sk_pydelt.integrate(model, 0.5, 2.5), np.cos(0.5) - np.cos(2.5), 0.02)


def check_files(model):
    """A model and its derivative through pickle and joblib."""
    slope, buffer = differentiate(model), io.BytesIO()
    assert (pickle.loads(pickle.dumps(slope))(T) == slope(T)).all()
    joblib.dump(model, buffer)
    buffer.seek(0)
    assert (joblib.load(buffer).predict(T) == model.predict(T)).all()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(model, path, compress=3)
        assert (differentiate(joblib.load(path))(T) == slope(T)).all()


def check_operators(model):
    """Each operator on a plane flow, beside the entries of the Jacobian and the Hessian."""
    J, H = (differentiate(model, order)(PLANE) for order in (1, 2))
    near(sk_pydelt.jacobian(model, PLANE), J, 1e-9)
    near(sk_pydelt.hessian(model, PLANE), H, 1e-9)
    near(sk_pydelt.divergence(model, PLANE), np.trace(J, axis1=1, axis2=2), 1e-9)
    near(sk_pydelt.curl(model, PLANE), J[:, 1, 0] - J[:, 0, 1], 1e-9)
    near(sk_pydelt.strain_rate(model, PLANE), (J + J.swapaxes(1, 2)) / 2, 1e-9)
    near(sk_pydelt.laplacian(model, PLANE), np.trace(H, axis1=2, axis2=3), 1e-8)
    near(sk_pydelt.directional_derivative(model, PLANE, [1, 2]), J @ [1.0, 2.0], 1e-9)
    mixed = sk_pydelt.derivatives(model, PLANE, [(1, 0), (1, 1)])
    near(mixed[0], J[:, :, 0], 1e-9)
    near(mixed[1], H[:, :, 0, 1], 1e-8)
    near(sk_pydelt.average_marginal_effects(model, PLANE).average, J.mean(axis=0), 1e-9)


def check_error_bars(model):
    """Standard deviations, covariances and draws."""
    value, std = differentiate(model)(T, return_std=True)
    _, cov = differentiate(model)(T, return_cov=True)
    near(np.sqrt(np.diagonal(cov)), std, 1e-9)
    assert np.isfinite(value).all()
    assert model.sample(T, 3, 1, random_state=0).shape == (3, 40)


def check_known_slopes():
    """Five values of a sine, and its slopes."""
    t = np.linspace(0, 3, 5)[:, None]
    net = NeuralNetworkInterpolator((8,), solver="lm", epochs=100, random_state=0)
    near(net.fit(t, np.sin(t).ravel(), dy=np.cos(t)).differentiate()(t), np.cos(t).ravel(), 0.01)


def check_displays():
    """Each Display once, and its lines beside closed forms, where there is matplotlib."""
    if not find_spec("matplotlib"):
        return
    import matplotlib

    matplotlib.use("agg")
    from sk_pydelt import display

    spline = SplineInterpolator().fit(T, np.sin(T).ravel())
    drawn = display.DerivativeDisplay.from_estimator(spline, T, np.sin(T).ravel())
    t, slope = drawn.lines_[1][0].get_data()
    near(slope[40:-40], np.cos(t[40:-40]), 0.05)
    field = SplineInterpolator().fit(PLANE, FLOW)
    assert display.VectorFieldDisplay.from_estimator(field, PLANE).figure_ is not None
    effects = display.MarginalEffectsDisplay.from_estimator(field, PLANE)
    assert len(effects.bars_) == 2
    net = NeuralNetworkInterpolator((10,), epochs=20, random_state=0).fit(T, np.sin(T).ravel())
    assert display.LossCurveDisplay.from_estimator(net).ax_ is not None


def check_lines_for_newcomers():
    """One line for a derivative, and pydelt's class for several features."""
    near(sk_pydelt.estimate_derivative(T[:, 0], np.sin(T[:, 0]))[8:-8], np.cos(T[8:-8, 0]), 0.05)
    fields = MultivariateDerivatives(smoothing=0.0).fit(PLANE, PLANE[:, 0] * PLANE[:, 1])
    near(fields.gradient()(PLANE), PLANE[:, ::-1], 1e-6)


def main() -> None:
    warnings.simplefilter("ignore")  # of other versions than those of the tests
    for name, model in estimators():
        check_curve(model)
        check_files(model)
        if name == "bayesian":
            check_error_bars(model)
        if name != "polynomial":  # BayesianRidge has one output
            model.fit(PLANE, FLOW)
            check_operators(model)
        print(name, flush=True)
    check_known_slopes()
    check_displays()
    check_lines_for_newcomers()
    assert isinstance(CurveNet("pytorch", [8], 5, 0.1).fit(T[:, 0], T[:, 0]).predict(1.0), float)
    check_estimator(SplineInterpolator())
    print("all of it works")


if __name__ == "__main__":
    main()
