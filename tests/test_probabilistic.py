"""Error bars from two hooks: a toy of 30 lines against closed forms and scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from rules import ROWS, X, Y, y
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
)

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
    integrate,
)
from sk_pydelt.chain import propagate_cov, propagate_std, propagate_sum_std, register_function
from sk_pydelt.components import LinearComponent
from sk_pydelt.jets import Jet
from sk_pydelt.probabilistic import BLOCK_ROWS, ProbabilisticInterpolator


class BayesianLine(ProbabilisticInterpolator):
    """f = w·(1, x), with w ~ N(0, I) and noise of a known size: Bishop 2006, 3.3."""

    def __init__(self, noise=0.1, x_scaler=None, y_scaler=None):
        self.noise, self.x_scaler, self.y_scaler = noise, x_scaler, y_scaler

    def _fit_scaled(self, samples):
        A = self._design(Jet.variables(samples.X, 0)).value / self.noise
        precision = np.eye(A.shape[1]) + A.T @ A
        self.root_ = np.linalg.inv(np.linalg.cholesky(precision)).T
        self.coef_ = np.linalg.solve(precision, A.T @ samples.y / self.noise)

    def _predict_scaled(self, X):
        return self._design(Jet.variables(X, 0)).value @ self.coef_

    def _propagate_scaled(self, jet):
        return self._design(jet) @ self.coef_

    def _mixture_scaled(self, jet, index):
        design, m = self._design(jet).partial(index), self.coef_.shape[1]
        jacobian = np.einsum("np,oq->noqp", design, np.eye(m))  # outputs are independent
        factor = np.kron(np.eye(m), self.root_)
        jacobian = jacobian.reshape(len(design), m, -1)
        return [LinearComponent(1.0, design @ self.coef_, jacobian, factor)]

    def _noise_scaled(self):
        return np.full(self.coef_.shape[1], self.noise)

    def _design(self, jet):
        one = Jet.constant(np.ones((len(jet.value), 1)), jet.order, jet.n_variables)
        return Jet.concatenate([one, jet])


RAW = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
TARGETS = {"1-D": y, "one column": Y[:, :1], "2-D": Y}
each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def process(target, noise=0.1):
    """The same model as a function: the kernel 1 + x·x'."""
    kernel = DotProduct(1.0, sigma_0_bounds="fixed")
    return GaussianProcessRegressor(kernel, alpha=noise**2, optimizer=None).fit(X, target)


def like(target, values):
    """Values of scikit-learn, which takes away the axis of a single column."""
    return values[..., None] if np.ndim(target) == 2 and target.shape[1] == 1 else values


@each_target
def test_values_std_and_covariance_are_those_of_the_process(target):
    model, expected = BayesianLine(**RAW).fit(X, target), process(target)
    for options in ({}, {"return_std": True}, {"return_cov": True}):
        found, wanted = model.predict(ROWS, **options), expected.predict(ROWS, **options)
        for ours, theirs in zip(*((f if options else (f,)) for f in (found, wanted))):
            theirs = like(target, theirs)
            assert ours.shape == theirs.shape
            assert_allclose(ours, theirs, rtol=1e-7, atol=1e-11)


@each_target
def test_derivatives_have_the_covariance_of_the_coefficients(target):
    model = BayesianLine(**RAW).fit(X, target)
    covariance = (model.root_ @ model.root_.T)[1:, 1:]
    values, cov = model.differentiate(1)(ROWS, return_cov=True)
    assert cov.shape == (12, *values.shape)
    expected = np.broadcast_to(np.diagonal(covariance), cov.shape)
    assert_allclose(cov, expected)
    assert_allclose(model.differentiate(1)(ROWS, return_std=True)[1] ** 2, expected[0])
    _, cov = differentiate(process(target))(ROWS, return_cov=True)
    assert_allclose(like(target, cov).reshape(expected.shape), expected, rtol=1e-5)
    values, cov = model.differentiate((1, 1, 0))(ROWS, return_cov=True)
    assert_array_equal(cov, np.zeros((12, *values.shape)))


def test_the_slope_is_that_of_bayesian_ridge():
    """Centred, without an intercept, with precisions that it is told: the same posterior."""
    centred = X - X.mean(axis=0)
    told = {"alpha_init": 100.0, "lambda_init": 1.0, "max_iter": 1, "fit_intercept": False}
    ridge = BayesianRidge(**told, alpha_1=1e12, alpha_2=1e10, lambda_1=1e12, lambda_2=1e12)
    ridge.fit(centred, y - y.mean())
    model = BayesianLine(**RAW).fit(centred, y - y.mean())
    assert ridge.alpha_ == pytest.approx(100)
    assert ridge.lambda_ == pytest.approx(1)
    for order in (1, (0, 1, 0)):
        for option in ("return_std", "return_cov"):
            found = model.differentiate(order)(ROWS, **{option: True})
            expected = differentiate(ridge, order)(ROWS, **{option: True})
            for ours, theirs in zip(found, expected):
                assert_allclose(ours, theirs, rtol=1e-6)


@each_target
def test_integrals(target):
    """Of w0 + w1 x from 0.5 to b: the quadratic form of (b - 0.5, (b² - 0.25)/2)."""
    model = BayesianLine(**RAW).fit(X[:, :1], target)
    limits = np.array([0.0, 0.5, 2.0, 7.0])
    values, std = model.integrate(0.5, limits, return_std=True)
    moments = np.column_stack([limits - 0.5, (limits**2 - 0.25) / 2])
    expected = np.linalg.norm(moments @ model.root_, axis=1)
    assert values.shape == std.shape
    assert_allclose(values.reshape(4, -1), moments @ model.coef_, atol=1e-9)
    assert_allclose(std.reshape(4, -1), np.tile(expected[:, None], (1, values[0].size)), atol=1e-9)
    _, std = integrate(model.differentiate(1), 0.5, limits, return_std=True)
    slope = np.linalg.norm(model.root_[1])
    assert_allclose(std.reshape(4, -1)[:, 0], abs(limits - 0.5) * slope, atol=1e-9)


UNITS = np.array([1e-3, 1.0, 1e5]), np.array([1e6, 0.0, -1e7])  # of X; where its zero is
Y_UNITS = np.array([1e4, 1e-6])


@pytest.mark.parametrize("y_offset", [0.0, 1e3], ids=str)
@pytest.mark.parametrize("d", [1, 3])
def test_units_and_offsets_only_scale_the_result(d, y_offset):
    scale, offset = UNITS[0][:d], UNITS[1][:d]
    plain = BayesianLine().fit(X[:, :d], Y)
    there = (Y + y_offset) * Y_UNITS
    moved = BayesianLine().fit(X[:, :d] * scale + offset, there)
    rows, far = ROWS[:, :d], ROWS[:, :d] * scale + offset
    assert_allclose(moved.noise_std_, plain.noise_std_ * Y_UNITS, rtol=1e-6)
    for option, power in (("return_std", 1), ("return_cov", 2)):
        found = moved.predict(far, **{option: True})[1] / Y_UNITS**power
        expected = plain.predict(rows, **{option: True})[1]
        assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * expected.max())
        index = (1, *(0,) * (d - 1))
        found = moved.differentiate(index)(far, **{option: True})[1]
        expected = plain.differentiate(index)(rows, **{option: True})[1]
        assert_allclose(found, expected * (Y_UNITS / scale[0]) ** power, rtol=1e-4)


@each_target
def test_noise_is_in_the_units_of_y(target):
    model = BayesianLine(0.2).fit(X, target)
    expected = 0.2 * target.std(axis=0)
    assert_allclose(model.noise_std_, expected)
    assert isinstance(model.noise_std_, float) == (target.ndim == 1)
    assert np.shape(model.noise_std_) == target.shape[1:]
    assert_allclose(BayesianLine(0.2, **RAW).fit(X, target).noise_std_, 0.2)
    bent = BayesianLine(0.2, y_scaler=PowerTransformer()).fit(X, target)
    assert np.isnan(bent.noise_std_).all()
    assert np.shape(bent.noise_std_) == target.shape[1:]


def test_noise_is_not_known_before_the_fit():
    with pytest.raises(NotFittedError, match="BayesianLine instance is not fitted"):
        BayesianLine().noise_std_  # noqa: B018
    assert not hasattr(BayesianLine(), "noise_std_")


def test_a_bent_y_scaler_has_error_bars_but_no_covariances():
    model = BayesianLine(y_scaler=PowerTransformer()).fit(X, y)
    _, std = model.predict(ROWS, return_std=True)
    drawn = model.sample(ROWS, 4000, random_state=0)
    assert_allclose(drawn.std(axis=0), std, rtol=0.05)
    for call in (model.predict, model.differentiate(1)):
        with pytest.raises(TypeError, match="do not pass through the inverse of PowerTransformer"):
            call(ROWS, return_cov=True)


def test_a_std_or_a_covariance():
    model = BayesianLine().fit(X, y)
    with pytest.raises(ValueError, match="At most one of return_std and return_cov can be"):
        model.predict(ROWS, return_std=True, return_cov=True)
    with pytest.raises(NotFittedError):
        BayesianLine().predict(ROWS, return_cov=True)


@pytest.mark.parametrize("order", [0, (0, 0, 0), (1, 0, 0), {"x1": 1}], ids=str)
@each_target
def test_samples_have_the_mean_and_covariance_of_the_posterior(target, order):
    model = BayesianLine().fit(X, 50 * target + 1e3)
    draws = model.sample(ROWS, 20_000, order=order, random_state=0)
    assert draws.shape == (20_000, 12, *target.shape[1:])
    call = model.predict if order in (0, (0, 0, 0)) else model.differentiate(order)
    mean, cov = call(ROWS, return_cov=True)
    draws, mean = draws.reshape(20_000, 12, -1), mean.reshape(12, -1)
    for o, expected in enumerate(cov.reshape(12, 12, -1).transpose(2, 0, 1)):
        found = np.cov(draws[..., o], rowvar=False)
        assert_allclose(found, expected, atol=0.05 * expected.max())
        spread = np.sqrt(np.diagonal(expected) / 20_000)
        assert np.all(abs(draws[..., o].mean(axis=0) - mean[:, o]) < 5 * spread)


def test_samples_of_independent_outputs_are_independent():
    draws = BayesianLine().fit(X, Y).sample(ROWS[:1], 20_000, random_state=0)[:, 0]
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.03


def test_a_draw_is_one_function_however_many_rows():
    """The same line through all blocks of rows, and at other rows for the same seed."""
    model = BayesianLine().fit(X[:, :1], y)
    places = np.linspace(0, 3, 2 * BLOCK_ROWS + 9)[:, None]
    draws = model.sample(places, 4, random_state=3)
    assert_allclose(np.diff(draws, 2), 0, atol=1e-10)
    assert_allclose(model.sample(places[[0, -1]], 4, random_state=3), draws[:, [0, -1]])
    slopes = model.sample(places[:2], 4, order=1, random_state=3)
    assert_allclose(slopes[:, 0] * 3, draws[:, -1] - draws[:, 0])
    assert model.sample(places, 0).shape == (0, len(places))


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (1, r"order must be 0 or a tuple with one order for each of the 3 .* \(1, 0, 0\); got 1"),
        ((1, 0), "order has 2 entries, but the model was fitted with 3"),
        (-1, "order must be a whole number"),
        ({"u": 1}, "features that the model does not have"),
    ],
)
def test_samples_of_an_order_that_is_none(order, message):
    with pytest.raises(ValueError, match=message):
        BayesianLine().fit(X, y).sample(ROWS, order=order)


@each_target
def test_pipelines_searches_and_transformed_targets(target):
    bare = BayesianLine(0.3).fit(X, target)
    pipe = make_pipeline(MinMaxScaler(), BayesianLine(0.3)).fit(X, target)
    search = GridSearchCV(pipe, {"bayesianline__noise": [0.3]}, cv=2).fit(X, target)
    whole = TransformedTargetRegressor(clone(pipe), transformer=MinMaxScaler()).fit(X, target)
    for model in (pipe, search, whole):
        for option in ("return_std", "return_cov"):
            expected = bare.differentiate(1)(ROWS, **{option: True})
            for ours, theirs in zip(differentiate(model)(ROWS, **{option: True}), expected):
                assert_allclose(ours, theirs, rtol=1e-9)
        assert_allclose(differentiate(model)(ROWS), bare.differentiate(1)(ROWS), rtol=1e-9)
    for option in ("return_std", "return_cov"):
        expected = bare.predict(ROWS, **{option: True})[1]
        assert_allclose(pipe.predict(ROWS, **{option: True})[1], expected, rtol=1e-9)


def test_a_step_before_it_bends_the_slope():
    model = make_pipeline(PolynomialFeatures(2, include_bias=False), BayesianLine(**RAW))
    model.fit(X[:, :1], y)
    slope = np.array([[0, 1, 2 * x] for x in ROWS[:, 0]]) @ model[-1].root_
    _, cov = differentiate(model)(ROWS[:, :1], return_cov=True)
    assert_allclose(cov, slope @ slope.T)


def turned(z):
    return 5 - 3 * z


def turned_back(y):
    return (5 - y) / 3


def test_a_y_scaler_that_turns_y_round():
    """Means and draws turn, spreads do not."""
    register_function(turned, lambda z: 5 - z * 3)
    flip = FunctionTransformer(turned_back, turned, check_inverse=False)
    model = BayesianLine(x_scaler="passthrough", y_scaler=flip).fit(X, y)
    inside = BayesianLine(**RAW).fit(X, turned_back(y))
    for option, power in (("return_std", 1), ("return_cov", 2)):
        expected = 3**power * inside.predict(ROWS, **{option: True})[1]
        assert_allclose(model.predict(ROWS, **{option: True})[1], expected)
    assert_allclose(model.noise_std_, 0.3)
    draws = inside.sample(ROWS, 5, random_state=0)
    assert_allclose(model.sample(ROWS, 5, random_state=0), turned(draws))


class Two(BayesianLine):
    """A mixture of two lines, one of them steeper: only the hook differs."""

    def _mixture_scaled(self, jet, index):
        (part,) = super()._mixture_scaled(jet, index)
        return [
            LinearComponent(0.25, 3 * part.mean, part.jacobian, part.factor),
            LinearComponent(0.75, part.mean, part.jacobian, part.factor / 2),
        ]


@pytest.mark.parametrize("index", [(0, 0, 0), (0, 1, 0)])
def test_the_law_of_total_variance(index):
    """Moments of the mixture, written out; and those of its draws."""
    model = Two(**RAW).fit(X, Y)
    jet = Jet.variables(ROWS, sum(index))
    first, second = model._mixture_scaled(jet, index)
    expected = np.zeros((12, 12, 2))
    for o in range(2):
        mean = first.mean[:, o] / 4 + second.mean[:, o] * 3 / 4
        for part in (first, second):
            within = part.root[:, o] @ part.root[:, o].T
            expected[..., o] += part.weight * (within + np.outer(part.mean[:, o], part.mean[:, o]))
        expected[..., o] -= np.outer(mean, mean)
    cov = propagate_cov(model, jet, index)
    assert_allclose(cov, expected, atol=1e-9 * expected.max())
    std = np.sqrt(np.einsum("iio->io", expected))
    assert_allclose(propagate_std(model, jet, index), std)
    sums = np.random.default_rng(0).standard_normal((5, 12))
    of_sums = np.sqrt(np.einsum("ki,ijo,kj->ko", sums, expected, sums))
    assert_allclose(propagate_sum_std(model, jet, index, sums), of_sums, rtol=1e-6)
    draws = model.sample(ROWS, 20_000, order=index, random_state=0)
    for o in range(2):
        found = np.cov(draws[..., o], rowvar=False)
        assert_allclose(found, expected[..., o], atol=0.05 * expected[..., o].max())


def test_rows_in_several_blocks():
    """What a row has does not depend on the others; sums and matrices go across blocks."""
    model = Two().fit(X, Y)
    rows = np.tile(ROWS, (60, 1)) + np.linspace(0, 0.1, 720)[:, None]
    some = [0, BLOCK_ROWS - 1, BLOCK_ROWS, 719]
    std, cov = (model.predict(rows, **{o: True})[1] for o in ("return_std", "return_cov"))
    assert_allclose(std[some], model.predict(rows[some], return_std=True)[1])
    expected = model.predict(rows[some], return_cov=True)[1]
    assert_allclose(cov[np.ix_(some, some)], expected, rtol=1e-9, atol=1e-12)
    assert_array_equal(cov, cov.swapaxes(0, 1))
    jet, sums = Jet.variables(rows, 0), np.full((1, 720), 1 / 720)
    found = propagate_sum_std(model, jet, (0, 0, 0), sums)[0]
    assert_allclose(found, np.sqrt(cov.mean(axis=(0, 1))), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": 1.5}, "'n_samples' parameter of sample must be an int"),
        ({"n_samples": -1}, "'n_samples' parameter of sample must be an int"),
        ({"random_state": "a"}, "'random_state' parameter of sample must be"),
        ({"order": -1}, "order must be a whole number >= 1"),
        ({"order": 171}, "order is too high for float64"),
    ],
)
def test_arguments_of_sample(options, message):
    with pytest.raises(ValueError, match=message):
        BayesianLine().fit(X[:, :1], y).sample(X[:, :1], **options)


def test_an_order_in_a_tuple_is_that_of_the_one_feature():
    model = BayesianLine().fit(X[:, :1], y)
    draws = [model.sample(X[:, :1], order=order, random_state=0) for order in (1, (1,), [1])]
    assert_allclose(draws[1:], [draws[0]] * 2, rtol=0)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize(
    "model",
    [
        SplineInterpolator(),
        BayesianNeuralNetworkInterpolator((4,), "tanh", n_init=1, max_iter=10, random_state=0),
    ],
)
def test_units_whose_squares_leave_float64(model, d):
    """Powers of two move no bit of the fit; the variance itself would be 1e-361 of what it was."""
    rng, unit, order = np.random.default_rng(0), 2.0**300, (2,) + (0,) * (d - 1)
    X = rng.uniform(-1, 1, (30, d))
    y = np.sin(X.sum(axis=1)) + 0.05 * rng.standard_normal(30)
    near, far = clone(model).fit(X, y), clone(model).fit(unit * X, y)
    expected = near.differentiate(order)(X, return_std=True)[1]
    found = far.differentiate(order)(unit * X, return_std=True)[1]
    assert_allclose(found * unit**2, expected, rtol=1e-12)
    if d == 1:
        expected = integrate(near.differentiate(order), -1, [0.5, 1], return_std=True)[1]
        limits = unit * np.array([0.5, 1])
        found = integrate(far.differentiate(order), -unit, limits, return_std=True)[1]
        assert_allclose(found * unit, expected, rtol=1e-9)
