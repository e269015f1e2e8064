"""The Bayesian interpolator: error bars against brute force, and data that are not nice."""

import pickle
from contextlib import nullcontext

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    differentiate,
    gradient,
    hessian,
    jacobian,
)
from sk_pydelt.bayesian.problem import NetProblem
from sk_pydelt.jets import Jet


def quick(**parameters):
    defaults = {
        "hidden_layers": (5,),
        "activation": "tanh",
        "n_init": 2,
        "max_iter": 50,
        "random_state": 0,
    }
    return BayesianNeuralNetworkInterpolator(**{**defaults, **parameters})


def noisy(n=40, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 6, n))[:, None]
    return x, np.sin(x).ravel() + noise * rng.standard_normal(n)


def field(n=40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2))
    Y = np.column_stack([np.sin(X @ [2, 1]), X[:, 0] * X[:, 1]])
    return X, Y + 0.05 * rng.standard_normal(Y.shape)


@pytest.fixture(scope="module")
def curve_model():
    return quick().fit(*noisy())


@pytest.fixture(scope="module")
def field_model():
    return quick().fit(*field())


def brute_force(model, X, index, n=4000):
    """Standard deviation of one partial derivative, from draws of the weights of each net."""
    rng, scale = np.random.RandomState(1), model.y_scaler_.scale_
    jet = Jet.variables(X, sum(index))
    scaled = Jet([p * model.x_scaler_.scale_ for p in jet.parts], jet.order, jet.n_variables)
    scaled.parts[0] = scaled.parts[0] + model.x_scaler_.min_
    means, variances = [], []
    for posterior in model._nets:
        layout, w = posterior.net, posterior.w
        problem = NetProblem(layout, posterior.samples)
        J = problem.at(w).jacobian().dense()
        precision = np.broadcast_to(posterior.beta, problem.y.shape).ravel()
        H = (J.T * precision) @ J + np.diag(posterior.alpha[problem.groups])
        covariance = np.linalg.inv(H)
        means.append(posterior.propagate(scaled).partial(index))
        columns = []
        for step in 1e-5 * np.eye(len(w)):  # the derivative by each weight, by differences
            sides = [layout.forward(w + s * step, scaled).result.partial(index) for s in (1, -1)]
            columns.append((sides[0] - sides[1]) / 2e-5)
        deviation = rng.multivariate_normal(np.zeros(len(w)), covariance, n)
        variances.append((np.stack(columns, axis=-1) @ deviation.T).var(axis=-1))
    within = np.average(variances, axis=0, weights=model._weights)
    mean = np.average(means, axis=0, weights=model._weights)
    between = np.average((means - mean) ** 2, axis=0, weights=model._weights)
    return np.sqrt(within + between) * scale


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_std_of_a_curve_is_that_of_a_brute_force_ensemble(curve_model, order):
    X = np.linspace(-0.5, 6.5, 7)[:, None]
    expected = brute_force(curve_model, X, (order,))[:, 0]
    if order == 0:
        _, std = curve_model.predict(X, return_std=True)
    else:
        _, std = curve_model.differentiate(order)(X, return_std=True)
    assert_allclose(std, expected, rtol=0.07)


@pytest.mark.parametrize("index", [(1, 0), (1, 1), (0, 2)])
def test_std_of_a_field_is_that_of_a_brute_force_ensemble(field_model, index):
    X = field(5, seed=3)[0]
    expected = brute_force(field_model, X, index)
    values, std = field_model.differentiate(index)(X, return_std=True)
    assert_allclose(std, expected, rtol=0.07)
    assert_allclose(values, field_model.differentiate(index)(X), rtol=1e-12)


def test_every_operator_with_its_std_has_the_shape_of_its_values(field_model, curve_model):
    X = field(6)[0]
    for values, std in (
        field_model.predict(X, return_std=True),
        field_model.jacobian(X, return_std=True),
        field_model.hessian(X, return_std=True),
        field_model.differentiate(2)(X, return_std=True),
        field_model.differentiate((1, 2))(X, return_std=True),
        curve_model.gradient(X[:, :1], return_std=True),
        curve_model.differentiate(3)(X[:, :1], return_std=True),
        curve_model.hessian(X[:, :1], return_std=True),
    ):
        assert values.shape == std.shape
        assert np.all(std > 0)
    mixed = field_model.differentiate((1, 1))(X, return_std=True)[1]
    assert_allclose(field_model.hessian(X, return_std=True)[1][:, :, 0, 1], mixed, rtol=1e-9)


def test_functions_take_return_std_too(curve_model):
    X = np.array([[1.0], [2.0]])
    for function in (gradient, jacobian, hessian):
        values, std = function(curve_model, X, return_std=True)
        assert_array_equal(values, function(curve_model, X))
        assert std.shape == values.shape


def test_samples_have_the_mean_and_std_of_the_posterior(curve_model):
    X = np.linspace(0, 6, 5)[:, None]
    for order in (0, 1, 2):
        draws = curve_model.sample(X, 3000, order=order, random_state=0)
        assert draws.shape == (3000, 5)
        call = curve_model.differentiate(order) if order else curve_model.predict
        mean, std = call(X, return_std=True)
        assert_allclose(draws.std(axis=0), std, rtol=0.07)
        assert np.all(np.abs(draws.mean(axis=0) - mean) < 0.1 * std)
    assert_array_equal(
        curve_model.sample(X, 3, random_state=1), curve_model.sample(X, 3, random_state=1)
    )


def test_the_variance_is_that_of_the_mixture_of_nets():
    model = quick(hidden_layers=(4,), activation="auto", n_init=3).fit(*noisy(15, noise=0.02))
    far = np.linspace(-3, 9, 24)[:, None]
    jet = Jet.variables(model.x_scaler_.transform(far), 1)
    means = np.array([net.propagate(jet).partial((1,)) for net in model._nets])
    roots = [net.partial(jet, (1,))[1] @ net.factor for net in model._nets]
    variances = np.array([(root**2).sum(axis=-1) for root in roots])
    assert len(means) > 2
    second = np.average(means**2 + variances, axis=0, weights=model._weights)
    expected = np.sqrt(second - np.average(means, axis=0, weights=model._weights) ** 2)
    unit = model.y_scaler_.scale_ * model.x_scaler_.scale_
    _, std = model.differentiate(1)(far, return_std=True)
    assert_allclose(std, (expected * unit)[:, 0], rtol=1e-7)
    draws = model.sample(far, 30_000, order=1, random_state=0)  # tails are those of a mixture
    assert_allclose(draws.std(axis=0), std, rtol=0.05)


def test_a_hundred_periods_are_found():
    """The first layers of the portfolio's sines begin at 19 periods, at most."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 5, 600))
    w = 2 * np.pi * 20  # radians per unit of x
    y = np.cos(w * x) + 0.1 * rng.standard_normal(600)
    model = quick(hidden_layers=(8,), activation="sine", n_init=1, max_iter=40).fit(x[:, None], y)
    assert 0.08 < model.noise_std_ < 0.12
    T = np.linspace(0.1, 4.9, 300)
    error = model.gradient(T[:, None])[:, 0] + w * np.sin(w * T)
    assert np.sqrt(np.mean(error**2)) < 0.05 * w


HELD = r"Features \[0\] never vary"


@pytest.mark.filterwarnings("ignore:The fit explains")  # it is noise
def test_the_mean_of_a_few_samples_of_noise_is_not_known():
    """Where nothing but noise is found, the level is as uncertain as a mean is."""
    ratios = []
    for seed in range(5):
        x, y = np.linspace(0, 1, 8)[:, None], np.random.RandomState(seed).standard_normal(8)
        model = quick(random_state=seed).fit(x, 1e6 + 1e-3 * y)
        _, std = model.predict(x, return_std=True)
        ratios.append(std.min() / (model.noise_std_ / np.sqrt(8)))
    assert 0.8 < np.median(ratios) < 1.5


def test_samples_have_the_covariance_of_the_posterior(curve_model, field_model):
    """Between places, of values and of derivatives, and for each output."""
    curve, plane = np.linspace(0, 6, 5)[:, None], field(4, seed=5)[0]
    for model, X, orders in ((curve_model, curve, (0, 1, 2)), (field_model, plane, (0, (1, 1)))):
        for order in orders:
            call = model.differentiate(order) if order else model.predict
            _, cov = call(X, return_cov=True)
            _, std = call(X, return_std=True)
            n = len(X)
            assert cov.shape == (n, *std.shape)
            assert_allclose(np.einsum("ii...->i...", cov), std**2, rtol=1e-9)
            draws = model.sample(X, 20_000, order=order, random_state=0).reshape(20_000, n, -1)
            for o, expected in enumerate(cov.reshape(n, n, -1).transpose(2, 0, 1)):
                found = np.cov(draws[..., o], rowvar=False)
                assert_allclose(found, expected, atol=0.06 * expected.max())


def test_samples_of_a_field(field_model):
    X = field(4)[0]
    assert field_model.sample(X, 7).shape == (7, 4, 2)
    assert field_model.sample(X, 7, order=(1, 1)).shape == (7, 4, 2)
    with pytest.raises(ValueError, match=r"order must be 0 or a tuple.*such as \(1, 0\); got 1"):
        field_model.sample(X, order=1)


def test_std_passes_through_pipelines_and_searches():
    x, y = noisy()
    bare = quick().fit(x, y)
    pipe = make_pipeline(StandardScaler(), quick()).fit(x, y)
    search = GridSearchCV(pipe, {"standardscaler__with_std": [True]}, cv=2).fit(x, y)
    T = np.linspace(1, 5, 4)[:, None]
    for model in (pipe, search.best_estimator_):
        assert_allclose(model.predict(T, return_std=True)[1], bare.predict(T, return_std=True)[1])
        for order in (1, 2):
            expected = bare.differentiate(order)(T, return_std=True)[1]
            assert_allclose(differentiate(model, order)(T, return_std=True)[1], expected, rtol=1e-6)


def test_a_model_without_error_bars_says_so():
    x, y = noisy()
    net = NeuralNetworkInterpolator((3,), epochs=2).fit(x, y)
    with pytest.raises(TypeError, match="NeuralNetworkInterpolator"):
        net.differentiate(1)(x, return_std=True)


def test_a_bent_y_scaler_fits_and_has_a_std_but_not_of_the_noise():
    x, y = noisy()
    model = quick(y_scaler=PowerTransformer()).fit(x, y)
    assert np.isnan(model.noise_std_)
    values, std = model.predict(x, return_std=True)
    assert np.corrcoef(values, y)[0, 1] > 0.9
    assert (std > 0).all()
    assert std.max() < y.std()
    with pytest.raises(TypeError, match="PowerTransformer"):
        model.predict(x, return_cov=True)


def test_the_order_of_rows_and_their_copies_do_not_matter():
    x, y = noisy(25)
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(25), 2))
    plain = quick().fit(x, y, sample_weight=np.full(25, 2.0))
    shuffled = quick().fit(x[order], y[order])
    assert_allclose(shuffled.predict(x), plain.predict(x), rtol=1e-7)


def test_the_noise_is_not_known_before_the_fit():
    with pytest.raises(NotFittedError):
        quick().noise_std_  # noqa: B018


def test_noise_is_found_and_bands_hold_the_truth():
    x, y = noisy(200, noise=0.2)
    model = quick(n_init=1).fit(x, y)
    assert model.noise_std_ == pytest.approx(0.2, rel=0.15)
    T = np.linspace(0.2, 5.8, 100)[:, None]
    for order, truth in ((0, np.sin(T)), (1, np.cos(T)), (2, -np.sin(T))):
        call = model.differentiate(order) if order else model.predict
        values, std = call(T, return_std=True)
        assert np.mean(np.abs(values - truth[:, 0]) < 3 * std) > 0.9


def test_each_output_has_its_own_noise():
    x, _ = noisy(150)
    rng = np.random.default_rng(0)
    Y = np.column_stack([np.sin(x), 100 * np.cos(x)]) + rng.standard_normal((150, 2)) * [0.05, 20]
    model = quick(hidden_layers=(8,)).fit(x, Y)
    assert_allclose(model.noise_std_, [0.05, 20], rtol=0.3)
    assert model.effective_dof_.shape == (2,)


def test_data_without_noise_are_interpolated():
    x = np.linspace(-1, 1, 25)[:, None]
    model = quick(max_iter=150).fit(x, np.exp(x).ravel())
    assert_allclose(model.predict(x), np.exp(x).ravel(), atol=1e-4)
    assert model.noise_std_ < 1e-4
    values, std = model.differentiate(1)(x, return_std=True)
    assert_allclose(values, np.exp(x).ravel(), atol=1e-2)
    assert np.all(np.isfinite(std))


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_units_only_scale_the_result(factor):
    x, y = noisy()
    plain, scaled = quick().fit(x, y), quick().fit(x * factor, y / factor)
    T = np.linspace(1, 5, 4)[:, None]
    for a, b, unit in zip(
        plain.differentiate(1)(T, return_std=True),
        scaled.differentiate(1)(T * factor, return_std=True),
        (factor**-2, factor**-2),
    ):
        assert_allclose(b, a * unit, rtol=1e-3)
    assert scaled.noise_std_ == pytest.approx(plain.noise_std_ / factor, rel=1e-3)


def nasty():
    x, y = noisy(25)
    outlier = y.copy()
    outlier[7] += 50
    return {
        "outlier": (x, outlier),
        "repeated x": (np.repeat(x[:5], 5, axis=0), y),
        "few samples": (x[:4], y[:4]),
        "one sample": (x[:1], y[:1]),
        "constant y": (x, np.full(25, 3.0)),
        "constant x": (np.ones((25, 1)), y),
        "zero y": (x, np.zeros(25)),
    }


@pytest.mark.parametrize("case", nasty())
def test_nasty_data_give_finite_results(case):
    x, y = nasty()[case]
    model = quick(hidden_layers=(8, 8), max_iter=60, n_init=1)
    held = pytest.warns(UserWarning, match=HELD)
    with held if case == "constant x" else nullcontext():
        model.fit(x, y)
    for result in (
        *model.predict(x, return_std=True),
        *model.differentiate(1)(x, return_std=True),
        *model.differentiate(2)(x, return_std=True),
    ):
        assert np.all(np.isfinite(result))
    if case in ("constant y", "zero y"):
        assert_allclose(model.predict(x), y, atol=1e-5)


def test_noise_is_taken_for_a_constant_with_the_error_bars_of_a_line():
    """It warns all the same. The mean square of the line's slopes, from `np.polyfit`."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, 50), 1 + rng.standard_normal(50)
    model = BayesianNeuralNetworkInterpolator(random_state=0)
    with pytest.warns(ConvergenceWarning, match="0.0% of the variance of y and is hardly more"):
        model.fit(x[:, None], y)
    assert model.candidates_[0]["activation"] == "constant"
    assert model.candidates_[0]["weight"] == 1
    slopes, std = model.differentiate(1)([[0.2], [5.0]], return_std=True)
    assert_array_equal(slopes, 0)
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
    assert_allclose(std, np.hypot(slope, covariance[0, 0] ** 0.5), rtol=0.03)
    assert model.noise_std_ == pytest.approx(y.std(ddof=1), rel=1e-3)
    mean, std = model.predict([[x.mean()]], return_std=True)
    assert_allclose(mean, y.mean(), rtol=1e-3)
    assert_allclose(std, y.std() / 50**0.5, rtol=0.03)


@pytest.mark.parametrize("known", [{"dy": np.full((12, 1), 0.2)}, {"laws": "harmonic"}])
def test_a_constant_does_not_compete_where_something_is_known_of_slopes(known):
    x, y = np.linspace(0, 1, 12)[:, None], np.random.default_rng(0).standard_normal(12)
    laws = known.pop("laws", None)
    model = BayesianNeuralNetworkInterpolator(max_iter=3, n_init=1, random_state=0, laws=laws)
    kinds = [row["activation"] for row in model.fit(x, y, **known).candidates_]
    assert "linear" in kinds
    assert "constant" not in kinds


def test_a_hopeless_size_is_refused():
    x = np.linspace(0, 1, 9000)[:, None]
    with pytest.raises(ValueError, match="size 8461 .*smaller hidden_layers"):
        quick(hidden_layers=(90, 90)).fit(x, x.ravel() ** 2)


def test_candidates_and_attributes():
    x, y = noisy(30)
    model = BayesianNeuralNetworkInterpolator((4,), n_init=1, max_iter=15, random_state=0)
    model.fit(x, y)
    scores = [c["log_predictive_density"] for c in model.candidates_]
    assert scores[0] == max(c["log_predictive_density"] for c in model.candidates_ if c["weight"])
    assert sum(c["weight"] for c in model.candidates_) == pytest.approx(1)
    assert model.log_predictive_density_ == scores[0]
    assert np.isfinite(model.log_marginal_likelihood_)
    assert 0 < model.effective_dof_ < 30
    assert model.alpha_.ndim == 1
    alone = quick().fit(x, y)  # nothing to choose, so nothing is held out
    assert alone.log_predictive_density_ is None
    assert [c["weight"] for c in alone.candidates_] == [1]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_race_over_very_few_samples(n):
    x, y = noisy(n)
    model = quick(hidden_layers="auto", activation="auto", max_iter=20).fit(x, y)
    assert sum(row["weight"] for row in model.candidates_) == pytest.approx(1)
    for found in (*model.predict(x, return_std=True), model.differentiate(2)(x)):
        assert np.all(np.isfinite(found))


def test_a_time_budget_ends_the_race():
    x, y = noisy(30)
    model = BayesianNeuralNetworkInterpolator(time_budget=0, random_state=0).fit(x, y)
    assert len(model.candidates_) == 1


def test_without_time_it_is_a_net_that_follows():
    x = np.linspace(0, 6, 300)[:, None]
    y = np.cos(5 * x[:, 0]) + 0.02 * np.random.default_rng(0).standard_normal(300)
    model = BayesianNeuralNetworkInterpolator(time_budget=0, random_state=0).fit(x, y)
    assert 0.016 < model.noise_std_ < 0.025


def test_where_time_or_samples_are_too_few_the_warning_says_so():
    x, noise = np.linspace(0, 1, 400)[:, None], np.random.default_rng(2).standard_normal(400)
    for budget, said in (
        (0, "a larger time_budget, or None; give it more samples"),
        (None, "more samples"),
    ):
        model = quick(hidden_layers="auto", activation="auto", time_budget=budget)
        with pytest.warns(ConvergenceWarning, match=f"cannot follow it: give it {said}"):
            model.fit(x, noise)


def test_the_same_seed_gives_the_same_bits_and_pickles_keep_them():
    x, y = noisy()
    first, second = (quick().fit(x, y) for _ in range(2))
    for a, b in zip(first.predict(x, return_std=True), second.predict(x, return_std=True)):
        assert_array_equal(a, b)
    again = pickle.loads(pickle.dumps(first.differentiate(1)))
    for a, b in zip(again(x, return_std=True), first.differentiate(1)(x, return_std=True)):
        assert_array_equal(a, b)


def test_sample_weight_counts_copies():
    x, y = noisy(25)
    weight = np.arange(25) % 3 + 1
    options = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
    weighted = quick(**options).fit(x / 3 - 1, y, sample_weight=weight)
    copies = quick(**options).fit(np.repeat(x / 3 - 1, weight, axis=0), np.repeat(y, weight))
    assert weighted.noise_std_ == pytest.approx(copies.noise_std_, rel=0.05)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layers": (0,)}, r'must be "auto" or name the width.*got \(0,\)'),
        ({"activation": "tan"}, "'activation'.*Got 'tan'"),
        ({"activation": "relu"}, "'activation'.*Got 'relu'"),
        ({"omega_0": 0}, "'omega_0'"),
        ({"n_init": 0}, "'n_init'"),
        ({"max_iter": 0}, "'max_iter'"),
        ({"time_budget": -1}, "'time_budget'"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        quick(**parameters).fit(*noisy(10))


@pytest.mark.parametrize("activation", ["swish", "rational", "softplus"])
def test_numbers_beyond_float64_are_refused(activation):
    x, y = noisy(20)
    model = quick(activation=activation, x_scaler="passthrough")
    with pytest.raises(ValueError, match="[Ss]caled X is up to .*e[+]30.*Use .*x_scaler"):
        model.fit(1e300 * x, y)
    assert not hasattr(model, "x_scaler_")
