"""High orders: right as far as float64 holds factorials, and refused by size."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_pydelt import (
    NeuralNetworkInterpolator,
    SplineInterpolator,
    derivatives,
    differentiate,
    directional_derivative,
    gradient,
    integrate,
)
from sk_pydelt.jets import Jet, multi_indices
from sk_pydelt.jets.parts import positions, tensor_table

x = np.linspace(-1, 1, 20).reshape(-1, 1)
PLANE = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [0, 2, 3])
SINE = make_pipeline(FunctionTransformer(np.sin), LinearRegression()).fit(x, np.sin(x))


@pytest.mark.parametrize("order", [62, 63, 64, 100, 169, 170])
def test_one_feature_at_high_order(order):
    """The order-th derivative of sin(x) is sin(x + order π / 2)."""
    expected = np.sin(x + order * np.pi / 2)
    assert_allclose(differentiate(SINE, order)(x), expected, rtol=1e-9, atol=1e-12)
    frame = differentiate(SINE, order).set_output(transform="pandas")(x)
    assert list(frame.columns) == [f"d{order}y0/dx0{order}"]
    assert_allclose(directional_derivative(SINE, x, [1.0], order), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", [171, 10**9, (171, 0), (100, 100)])
def test_orders_beyond_factorials(order):
    with pytest.raises(ValueError, match="order is too high for float64, whose largest factorial"):
        differentiate(PLANE, order)


def test_the_spread_of_a_process_takes_twice_the_order():
    process = GaussianProcessRegressor(RBF(), optimizer=None).fit(x, x.ravel())
    with pytest.raises(ValueError, match="from derivatives of its kernel of twice the order.*86"):
        differentiate(process, 86)(x[:1], return_std=True)


def test_a_tensor_too_large_names_the_partial_instead():
    with pytest.raises(ValueError, match=r"2\^26 derivatives of order 26 .* order=\(26, 0\)"):
        differentiate(PLANE, 26)
    assert differentiate(PLANE, (26, 0))([[0.0, 1.0]]) == 0


def test_jets_too_large():
    many = LinearRegression().fit(np.eye(40), np.arange(40))
    with pytest.raises(ValueError, match="Order 40 by 40 features together takes .* fewer feat"):
        differentiate(many, (1,) * 40)
    orders = [(3, *[0] * 39), *np.eye(40, dtype=int).tolist(), (20, *[0] * 39)]
    with pytest.raises(ValueError, match="Order 20 by 40 features together"):
        derivatives(many, np.eye(40), orders)


@pytest.mark.parametrize(("q", "degree"), [(1, 5), (2, 1), (3, 4), (4, 2)])
def test_table_of_a_tensor(q, degree):
    places, factorials = tensor_table(q, degree)
    entries = np.stack(np.unravel_index(np.arange(q**degree), (q,) * degree), axis=-1)
    counts = [tuple(np.bincount(e, minlength=q).tolist()) for e in entries.reshape(-1, degree)]
    assert places.tolist() == [positions(q, degree)[alpha] for alpha in counts]
    jet = Jet([np.ones((len(multi_indices(q, k)), 1, 1)) for k in range(degree + 1)], degree, q)
    assert_allclose(factorials, [jet.partial(alpha)[0, 0] for alpha in counts])


def test_the_dry_run_has_one_variable(monkeypatch):
    """Whatever the number of features: their jets of order 4 would have 135,751 terms."""
    seen = []
    variables = Jet.variables

    def spy(X, order, directions=None):
        seen.append(len(directions))
        return variables(X, order, directions)

    monkeypatch.setattr(Jet, "variables", spy)
    model = LinearRegression().fit(np.eye(40), np.arange(40))
    assert_allclose(directional_derivative(model, np.eye(40), np.ones(40), 4), 0)
    assert seen == [1]


def test_a_module_is_tried_at_the_first_order_only():
    torch = pytest.importorskip("torch")
    calls = []

    class Counted(torch.nn.Linear):
        def __init__(self, n_features, n_outputs):
            super().__init__(n_features, n_outputs)

        def forward(self, X):
            calls.append(1)
            return super().forward(X).tanh()

    net = NeuralNetworkInterpolator(module=Counted, epochs=2, random_state=0)
    net.fit(np.eye(2), np.arange(2.0))
    calls.clear()
    net.differentiate(7)
    assert len(calls) <= 2


@pytest.mark.parametrize("orders", [3, [3], [], "ab", None, (1, 1), {"x": 1}])
def test_what_is_no_list_of_orders(orders):
    with pytest.raises(ValueError, match="orders must list at least one mixed partial"):
        derivatives(PLANE, [[0, 1]], orders)


def test_a_process_without_a_fit():
    from sklearn.exceptions import NotFittedError

    process = GaussianProcessRegressor()
    half = make_pipeline(StandardScaler().fit(x), process)
    for model in (process, half):
        for call in (
            lambda model: differentiate(model),
            lambda model: gradient(model, x),
            lambda model: integrate(model, 0, 1),
            lambda model: derivatives(model, x, [(1,)]),
        ):
            with pytest.raises(NotFittedError, match="Process.* not fitted yet: there is no funct"):
                call(model)


def test_a_spline_has_its_degree():
    spline = SplineInterpolator(smoothing=0.0).fit(x, x.ravel() ** 3)
    with pytest.raises(ValueError, match="degree 5 has no derivative of order 100"):
        spline.differentiate(100)
