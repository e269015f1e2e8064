"""Tensors in, tensors out: the numbers of arrays, on X's device, and autograd back to X."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from small_nets import small
from torch_modules import plain

import sk_pydelt
from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
    interpolation,
)

RNG = np.random.default_rng(0)
X = RNG.uniform(0.5, 2, (40, 2))
Y = np.column_stack([np.sin(X[:, 0]) * X[:, 1], np.cos(X.sum(axis=1))])
PLACES = RNG.uniform(0.6, 1.9, (4, 2))
FUNCTIONS = {
    "differentiate 1": lambda model, X: differentiate(model)(X),
    "differentiate 3": lambda model, X: differentiate(model, 3)(X),
    "mixed": lambda model, X: differentiate(model, (1, 2))(X),
    "derivatives": lambda model, X: sk_pydelt.derivatives(model, X, [(1, 0), (0, 2)])[1],
    "direction": lambda model, X: sk_pydelt.directional_derivative(model, X, [1.0, -2.0], 2),
} | {
    name: getattr(sk_pydelt, name)
    for name in ("jacobian", "hessian", "laplacian", "divergence", "curl")
    + ("strain_rate", "vorticity", "biharmonic")
}
SCALERS = StandardScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler()
NETS = {
    "alone": small(),
    "float32": small(dtype="float32"),
    "batch norm": small(batch_norm=True, activation="swish"),
    "own module": small(module=plain),
    "periodic": small(period={0: 3.0}),
    "scaled": make_pipeline(*SCALERS, small(x_scaler="passthrough")),
    "polynomial": make_pipeline(
        PolynomialFeatures(2, include_bias=False), small(activation="sine")
    ),
    "logarithm": make_pipeline(FunctionTransformer(np.log), small()),
    "columns": make_pipeline(make_column_transformer((StandardScaler(), [1, 0])), small()),
    "perceptron": MLPRegressor(
        hidden_layer_sizes=(6,), activation="tanh", solver="lbfgs", tol=1e-2
    ),
    "linear": LinearRegression(),
}
NUMPY = {
    "spline": make_pipeline(StandardScaler(), SplineInterpolator()),
    "Bayesian": BayesianNeuralNetworkInterpolator((3,), "tanh", max_iter=5, random_state=0),
    "power": make_pipeline(PowerTransformer(), small()),
    "basis": make_pipeline(SplineTransformer(degree=5), small()),
}

each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


@pytest.fixture(scope="module")
def fitted(request):
    return {**NETS, **NUMPY}[request.param].fit(X, Y)


def by_name(names):
    return pytest.mark.parametrize("fitted", names, indirect=True)


def tensor(values=PLACES, **options):
    return torch.tensor(values, **options)


def assert_like_arrays(found, expected):
    assert isinstance(found, torch.Tensor)
    assert found.dtype == torch.float64
    assert not found.requires_grad
    assert_allclose(found, expected, rtol=1e-5, atol=1e-12 * np.abs(expected).max())


@by_name([*NETS, *NUMPY])
@each_function
def test_tensors_hold_the_numbers_of_arrays(fitted, function):
    assert_like_arrays(function(fitted, tensor()), function(fitted, PLACES))


@by_name(["own module"])
@pytest.mark.parametrize("function", [sk_pydelt.jacobian, sk_pydelt.laplacian])
def test_autograd_passes_through_a_module_of_ones_own(fitted, function):
    places = tensor(requires_grad=True)
    assert torch.autograd.gradcheck(lambda X: function(fitted, X), (places,))


@by_name([name for name in NETS if name not in ("float32", "own module")])
@each_function
def test_autograd_passes_through_to_x(fitted, function):
    places = tensor(requires_grad=True)
    assert torch.autograd.gradcheck(lambda X: function(fitted, X), (places,))


@by_name(["alone", "float32", "batch norm", "own module"])
def test_predict(fitted):
    places = tensor(requires_grad=True)
    values = fitted.predict(places)
    assert_like_arrays(values.detach(), fitted.predict(PLACES))
    slopes = torch.autograd.functional.jacobian(fitted.predict, places).sum(dim=2)
    assert_allclose(slopes, fitted.jacobian(PLACES), rtol=1e-5, atol=1e-7)
    values.sum().backward()
    assert all(parameter.grad is None for parameter in fitted.net_.module_.parameters())


@by_name(["alone", "own module"])
def test_functional_transforms(fitted):
    def total(X):
        return fitted.divergence(X).sum()

    places = tensor(requires_grad=True)
    (slopes,) = torch.autograd.grad(total(places), places)
    assert_allclose(torch.func.grad(total)(tensor()), slopes, rtol=1e-10)
    along = torch.func.jvp(fitted.predict, (tensor(),), (torch.ones(4, 2).double(),))[1]
    assert_allclose(along, fitted.jacobian(PLACES).sum(axis=2), rtol=1e-10)


def test_precision_is_that_of_x():
    model = small().fit(X, Y[:, 0])
    for dtype in (torch.float32, torch.float64):
        assert model.predict(tensor(dtype=dtype)).dtype == dtype
        assert model.hessian(tensor(dtype=dtype)).dtype == dtype
    whole = model.gradient(torch.tensor([[1, 2]]))
    assert whole.dtype == torch.float64
    assert_allclose(whole, model.gradient([[1, 2]]))
    assert model.predict(tensor()).shape == (4,)


def test_many_blocks_of_rows():
    model, rows = small().fit(X, Y), np.tile(PLACES, (300, 1))
    assert_like_arrays(model.jacobian(torch.tensor(rows)), model.jacobian(rows))


@by_name(NUMPY)
@pytest.mark.parametrize("function", [sk_pydelt.jacobian, sk_pydelt.laplacian])
def test_gradients_do_not_pass_numpy(fitted, function):
    message = "computes in NumPy, where autograd cannot follow, .* give X.detach"
    with pytest.raises(TypeError, match=message):
        function(fitted, tensor(requires_grad=True))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(tensor(), torch.ones(4, 2).double())
        with pytest.raises(TypeError, match=message):
            function(fitted, dual)
    with torch.no_grad():
        assert_like_arrays(function(fitted, tensor(requires_grad=True)), function(fitted, PLACES))


def test_the_step_that_is_of_numpy_alone_is_named():
    model = NUMPY["power"].fit(X, Y)
    message = "In step 'powertransformer' of the pipeline: PowerTransformer computes in NumPy"
    with pytest.raises(TypeError, match=message):
        sk_pydelt.curl(model, tensor(requires_grad=True))


@pytest.mark.parametrize("model", [SplineInterpolator(), NUMPY["Bayesian"]], ids=["spline", "net"])
def test_spreads_are_computed_in_numpy(model):
    model = model.fit(X, Y)
    for function in (model.predict, model.jacobian, model.differentiate((1, 0))):
        for found, expected in zip(function(tensor(), True), function(PLACES, True)):
            assert_like_arrays(found, expected)
    found, expected = (model.predict(places, return_cov=True)[1] for places in (tensor(), PLACES))
    assert_like_arrays(found, expected)
    for function in (model.predict, model.jacobian):
        with pytest.raises(TypeError, match="computes in NumPy"):
            function(tensor(requires_grad=True), return_std=True)


def test_a_scaler_without_a_rule():
    double = FunctionTransformer(lambda y: 2 * y, lambda y: y / 2)
    model = small(y_scaler=double).fit(X, Y)
    assert_like_arrays(model.predict(tensor()), model.predict(PLACES))
    with pytest.raises(TypeError, match="computes in NumPy"):
        model.predict(tensor(requires_grad=True))


def test_places_and_the_net_on_two_devices():
    model = small().fit(X, Y)
    model.net_.module_.to("meta")
    for function in (model.predict, model.jacobian):
        with pytest.raises(ValueError, match=r"X is on cpu and the net on meta: .* X.to\('meta'\)"):
            function(tensor())


def test_errors_are_those_of_arrays():
    model = small().fit(X, Y)
    far, missing = np.full((1, 2), 1e300), np.array([[1.0, np.nan]])
    for bad, message in (
        (PLACES[:, 0], "Expected 2D array, got 1D array"),
        (PLACES[0, 0], "Expected 2D array, got scalar array"),
        (PLACES[:, :1], "X has 1 features, but NeuralNetworkInterpolator is expecting 2"),
        (PLACES[:0], "Found array with 0 sample"),
        (missing, "Input X contains NaN"),
        (PLACES + 1j, "Complex data not supported"),
    ):
        for function in (model.predict, model.jacobian, model.differentiate(2)):
            with pytest.raises(ValueError, match=message):
                function(torch.tensor(bad))
    squares = make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(X, Y)
    with pytest.raises(ValueError, match="at row 0 of X, .* is no finite number"):
        sk_pydelt.directional_derivative(squares, torch.tensor(far), [1e300, 0.0])
    for bad in (tensor().to_sparse(), tensor().bfloat16()):
        with pytest.raises(TypeError, match="X cannot be read as an array"):
            model.predict(bad)


def test_a_branch_that_does_not_move_is_a_constant_of_its_columns():
    """Of the numbers of the tensor, by which autograd differentiates it too."""
    apart = make_column_transformer((StandardScaler(), [0]), (StandardScaler(), [1]))
    for step in (apart, make_union(StandardScaler(), apart)):
        model = make_pipeline(step, small()).fit(X, Y)
        slope = differentiate(model, (1, 0))
        assert_like_arrays(slope(tensor()), slope(PLACES))
        assert torch.autograd.gradcheck(slope, (tensor(requires_grad=True),))


def test_missing_numbers_are_filled_in():
    model = make_pipeline(SimpleImputer(), small()).fit(X, Y)
    rows = np.array([[np.nan, 1.0], [1.0, 1.5]])
    for function in FUNCTIONS.values():
        assert_like_arrays(function(model, torch.tensor(rows)), function(model, rows))


def test_fits_take_tensors_as_data():
    found = small().fit(torch.tensor(X), torch.tensor(Y), torch.ones(40))
    expected = small().fit(X, Y, np.ones(40))
    assert np.array_equal(found.predict(PLACES), expected.predict(PLACES))
    assert found.score(torch.tensor(X), torch.tensor(Y)) == expected.score(X, Y)


def test_what_remains_of_numpy():
    model = SplineInterpolator().fit(X, Y)
    assert isinstance(model.sample(tensor(), 2, random_state=0), np.ndarray)
    effects = sk_pydelt.average_marginal_effects(model, tensor())
    assert_allclose(effects.average, sk_pydelt.average_marginal_effects(model, PLACES).average)
    frame = model.differentiate().set_output(transform="pandas")(tensor())
    assert isinstance(frame, pd.DataFrame)
    for function in (model.sample, lambda X: sk_pydelt.average_marginal_effects(model, X)):
        with pytest.raises(TypeError, match="cannot be read as an array"):
            function(tensor(requires_grad=True))
    slopes = small().fit(X, Y).differentiate().set_output(transform="pandas")
    with pytest.raises(TypeError, match="A frame computes in NumPy, where autograd"):
        slopes(tensor(requires_grad=True))


def test_curves_and_numbers():
    t = torch.linspace(0, 3, 30, dtype=torch.float64)
    defaults = {"hidden_layers": (6,), "epochs": 12, "random_state": 0}
    model = interpolation.NeuralNetworkInterpolator(**defaults).fit(t, t.sin())
    slope = model.differentiate(1)
    assert torch.autograd.gradcheck(slope, (t[:4].clone().requires_grad_(),))
    assert_like_arrays(model.predict(t[:4]), model.predict(t[:4].numpy()))
    place = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(slope, (place,))
    assert slope(place).shape == ()
    assert slope(place).item() == slope(1.0)


DISPATCH = """
import sklearn, torch
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from small_nets import small
X = torch.linspace(0, 3, 40, dtype=torch.float64).reshape(20, 2)
with sklearn.config_context(array_api_dispatch=True):
    model = make_pipeline(StandardScaler(), small()).fit(X, X.sin())
    places = X[:3].clone().requires_grad_()
    print(torch.autograd.gradcheck(model.predict, (places,)))
    print(torch.autograd.gradcheck(model[-1].jacobian, (places,)))
"""


def test_pipelines_under_the_array_api_of_scikit_learn():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DISPATCH],
        env={**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert run.stdout.split() == ["True", "True"], run.stderr
