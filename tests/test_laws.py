"""Laws as data: their scaling, fits that hold them, what is reported, and refusals."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import CENTRES, SPREADS, hard_X
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    PowerTransformer,
    StandardScaler,
)
from torch_modules import plain

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    LinearLaw,
    NeuralNetworkInterpolator,
    boundary_values,
)
from sk_pydelt.law_scaling import spread_places

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(hard_X(40, 2), columns=["t", "x"])
X = FRAME.to_numpy()
UNIT = (X - CENTRES[:2]) / SPREADS[:2]
Y = np.column_stack([1e5 * (3 + np.sin(UNIT[:, 0]) * UNIT[:, 1]), 1e-4 * np.exp(UNIT[:, 0])])
OUTPUTS = pd.DataFrame(Y, columns=["u", "v"])
LAWS = [
    LinearLaw(
        {("u", "t"): 2.0, ("v", "x", "x"): lambda X: X[:, 0] * 1e-3, "v": 1e4}, 3.0, name="a"
    ),
    LinearLaw({("u", "t", "x"): 1.0, "u": -7.0}, lambda X: X[:, 1], name="b"),
    boundary_values("v", X[:3], [1e-4, 2e-4, 3e-4]),
    LinearLaw({("u", "x"): 1.0}, 1e8, X[3:5], name="slope"),
]


def bayesian(**options):
    given = {"n_init": 1, "max_iter": 5, "random_state": 0, **options}
    return BayesianNeuralNetworkInterpolator((4,), "tanh", **given)


def left_less_right(model, places):
    """What the first two of `LAWS` leave of a fitted model, by its derivatives in units of y."""
    u_t, u_tx, v_xx = (model.differentiate(o)(places) for o in ((1, 0), (1, 1), (0, 2)))
    values, t, x = model.predict(places), *places.to_numpy().T
    first = 2 * u_t[:, 0] + 1e-3 * t * v_xx[:, 1] + 1e4 * values[:, 1] - 3
    return first, u_tx[:, 0] - 7 * values[:, 0] - x


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"period": {"t": 5.0}},
        {"x_scaler": make_pipeline(StandardScaler(), PowerTransformer())},
        {"x_scaler": make_pipeline(StandardScaler(), PCA(whiten=True))},
        {"y_scaler": make_pipeline(StandardScaler(), PCA())},
    ],
    ids=str,
)
def test_residuals_are_those_of_the_fitted_function_in_units_of_the_law(options):
    """The net's Taylor coefficients in scaled space say what derivatives in units of y say."""
    more = hard_X(7, 2, seed=1)
    model = bayesian(laws=LAWS, law_places=more, **options).fit(FRAME, OUTPUTS)
    places = pd.DataFrame(np.vstack([X, more]), columns=FRAME.columns)
    for name, left in zip("ab", left_less_right(model, places)):
        assert model.law_residuals_[name] == pytest.approx(np.sqrt(np.mean(left**2)), rel=1e-8)
    v, u_x = model.predict(FRAME)[:3, 1], model.differentiate((0, 1))(FRAME)[3:5, 0]
    of_values = np.sqrt(np.mean((v - [1e-4, 2e-4, 3e-4]) ** 2))
    assert model.law_residuals_["v at 3 places"] == pytest.approx(of_values, rel=1e-8)
    assert model.law_residuals_["slope"] == pytest.approx(np.sqrt(np.mean((u_x - 1e8) ** 2)))


def rotation(seed=0, n=60, noise=0.05):
    """A field free of divergence, (sin v, sin u), with noise."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-2, 2, (n, 2))
    field = np.sin(places[:, ::-1])
    return places, field + noise * rng.standard_normal(field.shape), field


@pytest.mark.parametrize(
    ("law", "operator"), [("divergence-free", "divergence"), ("harmonic", "laplacian")]
)
def test_named_laws_hold_and_narrow_the_bands(law, operator):
    places, noisy, _ = rotation()
    if law == "harmonic":
        u, v = places.T
        field = np.column_stack([np.exp(0.7 * u) * np.cos(0.7 * v), u * v])
        noisy = field + 0.3 * RNG.standard_normal(field.shape)
    options = {"max_iter": 80, "law_places": 60}
    without = bayesian(**options).fit(places, noisy)
    model = bayesian(laws=[law], **options).fit(places, noisy)
    size = np.sqrt(np.mean(getattr(without, operator)(places) ** 2))
    assert np.sqrt(np.mean(getattr(model, operator)(places) ** 2)) < 0.5 * size
    std = [np.mean(m.differentiate(1)(places, return_std=True)[1]) for m in (without, model)]
    assert std[1] < 0.8 * std[0]


def test_a_field_free_of_curl():
    places, noisy, _ = rotation()
    noisy = noisy[:, ::-1]  # the gradient of -cos u - cos v
    model = bayesian(laws="curl-free", max_iter=80).fit(places, noisy)
    without = bayesian(max_iter=80).fit(places, noisy)
    assert np.std(model.curl(places)) < 0.5 * np.std(without.curl(places))
    assert model.law_residuals_["curl-free"] < 0.2


def test_in_space_each_plane_is_free_of_curl_by_itself():
    places = RNG.uniform(-1, 1, (30, 3))
    model = bayesian(laws=["curl-free"], law_places=5).fit(places, places**2)
    assert list(model.law_residuals_) == [f"curl-free {p}" for p in ("(0, 1)", "(0, 2)", "(1, 2)")]


def test_laws_that_contradict_each_other_leave_residuals():
    t = np.linspace(0, 1, 30)[:, None]
    laws = [LinearLaw({("y", 0): 1.0}, value, name=str(value)) for value in (1.0, 5.0)]
    model = bayesian(laws=laws, max_iter=60).fit(t, t.ravel())
    assert sum(model.law_residuals_.values()) > 3.9


def test_the_posterior_is_that_of_samples_and_laws():
    """The covariance of the weights is the inverse of prior + samples + laws, put together here."""
    places, noisy, _ = rotation(n=20)
    model = bayesian(laws=["divergence-free"], law_places=10).fit(places, noisy)
    (posterior,) = model._nets
    net, samples, n = posterior.net, posterior.samples, 20
    J = net.forward(posterior.w, samples.jet).jacobian().dense().reshape(n, 2, -1)
    precision = np.einsum("nop,o,noq->pq", J, posterior.beta[:2], J)
    (rows,) = samples.laws
    all_terms = net.forward(posterior.w, rows.jet).jacobian().dense().reshape(30, 6, -1)
    A = np.einsum("klt,ktp->klp", rows.functional, all_terms)[:, 0]
    precision += posterior.beta[2] * n / 30 * A.T @ A
    factor = replace(posterior, width=1.0).factor
    precision += np.diag(factor.deviation**-2)
    root = np.eye(net.n_weights) @ factor
    assert_allclose(root @ root.T @ precision, np.eye(net.n_weights), atol=1e-6)


def test_laws_are_summed_over_blocks_of_rows(monkeypatch):
    from sk_pydelt.bayesian import problem

    places, noisy, _ = rotation(n=20)
    fits = []
    for entries in (2**23, 200):
        monkeypatch.setattr(problem, "BLOCK_ENTRIES", entries)
        fits.append(bayesian(laws=["divergence-free"], law_places=10).fit(places, noisy))
    assert_allclose(*(model.predict(places) for model in fits), rtol=1e-6)


def test_held_out_samples_are_judged_with_the_laws():
    """Of a polynomial, whose fit is linear: against a direct solution without some samples."""
    from sk_pydelt.bayesian.candidate import Candidate
    from sk_pydelt.solvers.held_out import held_out_densities

    places, noisy, _ = rotation(n=12)
    fitted = bayesian(laws=["divergence-free"], law_places=8).fit(places, noisy)
    (samples,) = {id(p.samples): p.samples for p in fitted._nets}.values()
    options = {"hidden_layers": (), "activation": "quadratic", "omega_0": 1.0, "seed": 0}
    net = Candidate(samples, **options)
    net.run(30)
    fit, problem = net.fit, net.problem
    J = problem.net.forward(fit.w, samples.jet).jacobian().dense()
    (rows,) = samples.laws
    A = problem.net.forward(fit.w, rows.jet).combined_jacobian(rows.functional)[:, 0]
    prior = np.linalg.inv(
        np.diag(fit.alpha[problem.groups]) + fit.beta[2] * 12 / len(rows) * A.T @ A
    )
    root = np.tile(np.sqrt(fit.beta[:2]), 12)
    C = np.eye(24) + root[:, None] * (J @ prior @ J.T) * root
    Q, left = np.linalg.inv(C), root * samples.y.ravel()
    expected = held_out_densities(
        lambda p: Q[p[..., :, None], p[..., None, :]], (Q @ left).reshape(12, 2), fit.beta[:2]
    )
    assert_allclose(net._held_out(), expected, rtol=1e-6)


def test_places_are_spread_where_samples_are():
    ring = RNG.standard_normal((200, 2))
    ring *= (1 + 0.3 * RNG.uniform(size=(200, 1))) / np.linalg.norm(ring, axis=1, keepdims=True)
    places = spread_places(ring, 150, np.random.RandomState(0))
    radius = np.linalg.norm(places, axis=1)
    assert len(places) == 150
    assert radius.min() > 0.5
    assert_array_equal(places, spread_places(ring, 150, np.random.RandomState(0)))
    assert spread_places(ring, 0, np.random.RandomState(0)).shape == (0, 2)


def test_a_file_holds_the_laws_at_their_places():
    places, noisy, _ = rotation(n=20)
    model = bayesian(laws=["divergence-free"], law_places=10).fit(places, noisy)
    again = pickle.loads(pickle.dumps(model))
    pair = (m.differentiate(1)(places, return_std=True) for m in (model, again))
    for a, b in zip(*pair):
        assert_allclose(a, b, rtol=1e-9)


def test_fits_are_the_same_for_one_random_state():
    places, noisy, _ = rotation(n=20)
    fits = [bayesian(laws=["divergence-free"]).fit(places, noisy) for _ in range(2)]
    assert_array_equal(fits[0].predict(places), fits[1].predict(places))


def test_laws_of_one_name_are_told_apart():
    t = np.linspace(0, 1, 9)[:, None]
    laws = [LinearLaw({("y", 0): 1.0}, value, name="rate") for value in (1.0, 1.0, 2.0)]
    model = bayesian(laws=laws, law_places=3).fit(t, t.ravel())
    assert list(model.law_residuals_) == ["rate", "rate (2)", "rate (3)"]


def test_laws_read_as_formulas():
    assert str(LinearLaw({("u", "t"): 1.0, ("u", "x", "x"): -0.1})) == "u_t - 0.1 u_xx = 0"
    assert str(LinearLaw({(0, 1): -2, 1: np.cos}, np.sin)) == "-2 f0_1 + c f1 = g"


REFUSED = [
    ("div-free", ValueError, "laws names 'div-free', and the known names are 'divergence-free'"),
    (["curl free"], ValueError, "laws names 'curl free', and the known names are"),
    ([3.0], TypeError, "laws must hold sk_pydelt.LinearLaw, or names: divergence-free.*got 3.0"),
    ([LinearLaw({})], ValueError, "A LinearLaw needs terms"),
    ([LinearLaw({("w", "t"): 1})], ValueError, r"names the output 'w', and the outputs are \['u'"),
    ([LinearLaw({("u", "city"): 1})], ValueError, r"'city', and the features are \['t', 'x'\]"),
    ([LinearLaw({("u", 2): 1})], ValueError, "names the feature 2, and X has 2: those from 0 to 1"),
    ([LinearLaw({(2, "t"): 1})], ValueError, "names the output 2, and y has 2: those from 0 to 1"),
    ([LinearLaw({("u", *"t" * 9): 1})], ValueError, "has a derivative of order 9: laws are of"),
    ([LinearLaw({"u": np.nan})], ValueError, "A coefficient of the law .* is NaN or infinite"),
    (
        [LinearLaw({"u": lambda X: X})],
        ValueError,
        r"must be a number, or one for each of .* places",
    ),
    ([LinearLaw({"u": 0.0})], ValueError, "says nothing: its coefficients are zero wherever"),
    ([LinearLaw({"u": 1}, "one")], ValueError, "right_side of the law .* must be a number"),
    ([LinearLaw({"u": 1}, 0, [[0.0]])], ValueError, r"must have the shape \(k, 2\), a column for"),
    ([LinearLaw({"u": 1}, 0, [[0.0, np.nan]])], ValueError, "hold NaN or infinity"),
]


@pytest.mark.parametrize(("laws", "error", "message"), REFUSED)
def test_what_is_no_law_of_the_data_is_refused(laws, error, message):
    with pytest.raises(error, match=message):
        bayesian(laws=laws).fit(FRAME, OUTPUTS)


@pytest.mark.parametrize("law", ["curl-free", "divergence-free"])
def test_a_law_of_fields_needs_as_many_outputs_as_features(law):
    with pytest.raises(ValueError, match="as many outputs as features, 2 at least; got 1 outputs"):
        bayesian(laws=[law]).fit(X, Y[:, 0])


def test_the_target_must_be_scaled_linearly():
    logarithm = FunctionTransformer(np.log, np.exp)
    with pytest.raises(TypeError, match="laws are linear in y, and the inverse of y_scaler=Func"):
        bayesian(laws=LAWS, y_scaler=logarithm).fit(FRAME, OUTPUTS)


def test_places_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"of shape \(k, 2\) of them; got shape \(3, 1\)"):
        bayesian(laws=LAWS, law_places=np.zeros((3, 1))).fit(FRAME, OUTPUTS)


def test_a_feature_that_never_varied_may_be_one_of_a_law():
    """It is followed away from the samples, as known derivatives are."""
    flat = np.column_stack([np.linspace(0, 1, 20), np.full(20, 3.0)])
    law = LinearLaw({("y", 1): 1.0}, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = bayesian(laws=[law], max_iter=60).fit(flat, flat[:, 0])
    assert_allclose(model.jacobian(flat)[:, 0, 1], 2.0, atol=0.2)


BACKENDS = ("pytorch", "tensorflow")
STILL = 1e-300  # a learning rate that leaves the weights where they are


def net(**options):
    return NeuralNetworkInterpolator(**{"hidden_layers": (5, 4), "random_state": 0, **options})


def documented_loss(model, law_weight):
    """The mean squared errors of the scaled values, and of the laws with coefficients of size 1."""
    values = np.mean(((model.predict(FRAME) - Y) / model.y_scaler_.scale_) ** 2)
    units = {"a": 0.0, "b": 0.0}
    t = X[:, 0]
    scale, rate = model.y_scaler_.scale_, model.x_scaler_.scale_
    u, v = scale
    units["a"] = (2 * u * rate[0]) ** 2 + (1e-3 * t * v * rate[1] ** 2) ** 2 + (1e4 * v) ** 2
    units["b"] = (u * rate[0] * rate[1]) ** 2 + (7 * u) ** 2
    left = left_less_right(model, FRAME)
    laws = (np.mean(r**2) / np.mean(units[k] + 0 * t) for k, r in zip("ab", left))
    return values + law_weight * sum(laws)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [{}, {"solver": "lbfgs"}, {"solver": "lm"}], ids=str)
def test_the_loss_is_the_documented_one(backend, options):
    """The first loss is that of the initial weights."""
    given = {"laws": LAWS[:2], "law_places": 0, "law_weight": 0.3, "backend": backend}
    still = net(epochs=1, learning_rate=STILL, **given).fit(FRAME, OUTPUTS)
    model = net(epochs=1, learning_rate=STILL, **given, **options).fit(FRAME, OUTPUTS)
    assert model.loss_curve_[0] == pytest.approx(documented_loss(still, 0.3), rel=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "lm", "epochs": 60},
        {"solver": "lm", "epochs": 60, "hidden_layers": (20, 20)},  # more weights than residuals
        {"solver": "lbfgs", "epochs": 60},
        {"solver": "adam", "epochs": 300, "learning_rate": 0.01},
        {"solver": "adam", "epochs": 150, "learning_rate": 0.02, "batch_size": 20},
        {"solver": "lbfgs", "epochs": 30, "module": "own"},
        {"solver": "lm", "epochs": 60, "dtype": "float32"},
        {"optimizer": "adamw", "epochs": 150, "learning_rate": 0.02, "batch_size": 20},
    ],
    ids=str,
)
def test_every_solver_holds_a_law(backend, options):
    """Noisy heat, which a net without the law does not take for heat."""
    if "module" in options:
        options = options | own(backend)
    rng = np.random.default_rng(0)
    places = pd.DataFrame({"t": rng.uniform(0, 0.5, 40), "x": rng.uniform(0, 3, 40)})
    u = np.exp(-places["t"]) * np.sin(places["x"]) + 0.1 * rng.standard_normal(40)
    law = LinearLaw({("y", "t"): 1.0, ("y", "x", "x"): -1.0}, name="heat")
    given = {"backend": backend, "law_places": 20, **options}
    free, held = (net(laws=laws, **given).fit(places, u) for laws in ([], [law]))
    left = free.differentiate((1, 0))(places) - free.differentiate((0, 2))(places)
    assert held.law_residuals_["heat"] < 0.5 * np.sqrt(np.mean(left**2))
    assert held.score(places, u) > 0.8


def own(backend):
    if backend == "pytorch":
        return {"module": plain}
    from keras_modules import branches

    return {"module": branches}


def test_two_backends_end_at_the_same_net():
    law = LinearLaw({("u", "t", "t"): 1.0})
    given = {"solver": "lm", "epochs": 5, "laws": [law]}
    first, *others = (net(backend=b, **given).fit(FRAME, OUTPUTS).predict(FRAME) for b in BACKENDS)
    for other in others:
        assert_allclose(other, first, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout_rate": 0.1}, "laws=... needs the derivative of the very net that predicts. Use"),
        ({"batch_norm": True}, "laws=... needs the derivative of the very net that predicts. Use"),
        ({"activation": "relu"}, "derivatives of order 2, and those of a net of activation='relu'"),
        ({"solver": "lm", "module": plain}, "solver='lm' fits laws to dense layers alone"),
        ({"law_weight": -1.0}, "The 'law_weight' parameter"),
    ],
)
def test_options_that_exclude_laws(options, message):
    with pytest.raises(ValueError, match=message):
        net(laws=LAWS, **options).fit(FRAME, OUTPUTS)


@pytest.mark.parametrize("model", [bayesian(max_iter=60), net(solver="lm", epochs=60)], ids=str)
def test_laws_that_contradict_known_derivatives_leave_residuals(model):
    t = np.linspace(0, 1, 30)[:, None]
    law = LinearLaw({("y", 0): 1.0}, 4.0, name="steep")
    model = model.set_params(laws=[law]).fit(t, t.ravel(), dy=np.ones((30, 1)))
    assert 1 < model.law_residuals_["steep"] < 3.5
    agreed = model.set_params(laws=[LinearLaw(law.terms, 1.0, name="flat")])
    assert agreed.fit(t, t.ravel(), dy=np.ones((30, 1))).law_residuals_["flat"] < 0.1


@pytest.mark.parametrize("options", [{"noise": "student"}, {"noise_std": 0.05}], ids=str)
def test_laws_go_with_what_is_known_of_the_noise(options):
    places, noisy, field = rotation()
    noisy[:3] += 2.0 * ("noise" in options)
    model = bayesian(laws=["divergence-free"], max_iter=80, **options).fit(places, noisy)
    assert model.law_residuals_["divergence-free"] < 0.3
    assert np.sqrt(np.mean((model.predict(places) - field) ** 2)) < 0.15
    assert np.shape(model.noise_std_) == (2,)


def test_a_law_tells_of_an_output_where_it_was_not_measured():
    """v from u by the law v = 2 u_x, but for its values at a few places."""
    x = np.linspace(0, 3, 40)[:, None]
    y = np.column_stack([np.sin(x), 2 * np.cos(x)])
    y[5:35, 1] = np.nan
    law = LinearLaw({(1,): 1.0, (0, 0): -2.0})
    model = bayesian(laws=[law], max_iter=80).fit(x, y)
    values, std = model.predict(x, return_std=True)
    without = bayesian(max_iter=80).fit(x, y)
    wrong, wide = without.predict(x, return_std=True)
    truth = 2 * np.cos(x[:, 0])
    assert abs(values[:, 1] - truth).mean() < 0.5 * abs(wrong[:, 1] - truth).mean()
    assert std[5:35, 1].mean() < 0.7 * wide[5:35, 1].mean()
