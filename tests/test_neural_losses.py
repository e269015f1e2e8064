"""`loss` of the nets: what they go through, wild samples, weights, slopes, and who refuses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import HuberRegressor, QuantileRegressor
from small_nets import small

T = np.linspace(0, 3, 80)[:, None]
CLEAN = np.column_stack([np.sin(2 * T[:, 0]), np.cos(T[:, 0])])
RNG = np.random.default_rng(0)
NOISY = CLEAN + 0.03 * RNG.standard_normal(CLEAN.shape)
WILD = NOISY.copy()
WILD[RNG.choice(80, 8, replace=False)] += RNG.normal(0, 3, (8, 2))
each_backend = pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
each_robust = pytest.mark.parametrize("loss", ["absolute_error", "huber"])
each_solver = pytest.mark.parametrize("solver", ["adam", "lbfgs"])


@pytest.fixture(autouse=True)
def framework(request):
    """TensorFlow is an extra."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if "tensorflow" in parameters.values():
        pytest.importorskip("tensorflow")


def net(solver, **parameters):
    epochs = {"adam": 1200, "lbfgs": 200}[solver]
    return small(hidden_layers=(6, 6), solver=solver, epochs=epochs, **parameters)


def error(fitted):
    return np.sqrt(np.mean((fitted.predict(T) - CLEAN) ** 2))


@each_backend
@each_solver
def test_wild_samples_move_squares_alone(backend, solver):
    clean = error(net(solver, backend=backend).fit(T, NOISY))
    assert clean < 0.02
    errors = {
        loss: error(net(solver, backend=backend, loss=loss).fit(T, WILD))
        for loss in ("squared_error", "absolute_error", "huber")
    }
    assert errors["huber"] < 1.5 * clean
    assert errors["absolute_error"] < 3 * clean  # of noise, medians follow more
    assert errors["squared_error"] > 10 * clean


def line(loss, X, y, weight=None, **parameters):
    """Coefficients and intercept of a net that is a linear function."""
    options = {"hidden_layers": (1,), "activation": "identity", "solver": "lbfgs", "epochs": 400}
    fitted = small(loss=loss, **options, **parameters).fit(X, y, sample_weight=weight)
    return [*fitted.gradient(X[:1])[0], fitted.predict(np.zeros_like(X[:1]))[0]]


@each_backend
@pytest.mark.filterwarnings("ignore:The fit has")
def test_linear_nets_are_sklearns_robust_regressors(backend):
    X = RNG.uniform(-1, 1, (60, 2))
    y = 5 + X @ [2.0, -1.0] + 0.1 * RNG.standard_t(1.5, 60)
    weight = RNG.integers(1, 4, 60)
    huber = HuberRegressor(alpha=0, epsilon=1.5, tol=1e-10, max_iter=1000).fit(X, y, weight)
    found = line("huber", X, y, weight, backend=backend, huber_epsilon=1.5)
    assert_allclose(found, [*huber.coef_, huber.intercept_], atol=1e-5)
    median = QuantileRegressor(alpha=0).fit(X, y, weight)
    found = line("absolute_error", X, y, weight, backend=backend)
    lines = X @ median.coef_ + median.intercept_, X @ found[:2] + found[2]
    least, ours = (np.average(np.abs(y - fitted), weights=weight) for fitted in lines)
    assert least <= ours < 1.005 * least


@each_backend
@each_robust
def test_a_recorded_loss_is_of_the_weights_before_the_epoch(backend, loss):
    """From an int seed, both backends begin with the same weights."""
    curves = [small(backend=b, loss=loss).fit(T, WILD).loss_curve_ for b in ("pytorch", backend)]
    assert_allclose(*curves, rtol=1e-9)


@each_backend
@each_robust
def test_wild_slopes_and_gaps_are_taken(backend, loss):
    """A tenth of the slopes wild, a tenth of the values not measured."""
    slopes = np.column_stack([2 * np.cos(2 * T[:, 0]), -np.sin(T[:, 0])])
    slopes[::10] += 40
    y = np.where(RNG.uniform(size=NOISY.shape) < 0.1, np.nan, NOISY)
    fitted = net("lbfgs", backend=backend, loss=loss).fit(T, y, dy=slopes)
    assert error(fitted) < 0.02


@each_robust
def test_early_stopping_watches_the_same_loss(loss):
    fitted = small(loss=loss, early_stopping=True, epochs=300).fit(T, WILD)
    constant = small(loss="squared_error", early_stopping=True, epochs=300).fit(T, WILD)
    assert min(fitted.validation_loss_curve_) < 0.8 * min(constant.validation_loss_curve_)


@each_robust
def test_levenberg_marquardt_takes_squares_alone(loss):
    message = f"solver='lm' minimises a sum of squares. Use loss='squared_error'; got loss='{loss}'"
    with pytest.raises(ValueError, match=message):
        small(solver="lm", loss=loss).fit(T, CLEAN)


@pytest.mark.parametrize("bad", [{"loss": "cauchy"}, {"huber_epsilon": 0.5}])
def test_bad_parameters(bad):
    with pytest.raises(ValueError, match=f"The '{next(iter(bad))}' parameter"):
        small(**bad).fit(T, CLEAN)
