"""A fit that explains next to nothing says so, whoever made it and however it was trained."""

import re
import warnings

import numpy as np
import pytest
from keras_modules import regularised
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import small
from torch_modules import plain

from sk_pydelt import BayesianNeuralNetworkInterpolator, SplineInterpolator, interpolation
from sk_pydelt.explained import explained_shares, warn_of_constants

pytestmark = pytest.mark.filterwarnings("error")
X = np.linspace(0, 1, 400)[:, None]
FAST = np.sin(50 * np.pi * X[:, 0])  # what no small net can follow
ONE_UNIT = {"hidden_layers": (1,), "epochs": 20}
TOO_STIFF = {
    "adam": (
        small(**ONE_UNIT),
        "another learning_rate than 0.01, solver='lbfgs' or 'lm'",
    ),
    "mini-batches": (small(**ONE_UNIT, batch_size=100), "learning_rate"),
    "lbfgs": (
        small(**ONE_UNIT, solver="lbfgs"),
        "try (more epochs, )?activation='sine' with a freq",
    ),
    "lm": (small(**ONE_UNIT, solver="lm"), "try (more epochs, )?activation='sine' with a freq"),
    "stopped": (small(**ONE_UNIT, early_stopping=True), "a larger patience"),
    "module": (small(epochs=20, module=plain), "learning_rate"),
    "tensorflow": (small(**ONE_UNIT, backend="tensorflow"), "learning_rate"),
    "keras": (small(epochs=2, module=regularised, backend="tensorflow"), "learning_rate"),
    "bayesian": (
        BayesianNeuralNetworkInterpolator((3,), "tanh", n_init=1, max_iter=100, random_state=0),
        "more units in hidden_layers",
    ),
    "spline": (SplineInterpolator(smoothing=10.0), "a smaller smoothing than 10, or None"),
    "drop-in": (interpolation.SplineInterpolator(smoothing=1e4), "a smaller smoothing than 1e"),
    "drop-in net": (interpolation.NeuralNetworkInterpolator([1], epochs=5), "learning_rate"),
}


@pytest.mark.parametrize("name", TOO_STIFF)
def test_a_fit_that_is_no_better_than_the_mean_warns_at_the_line_of_the_fit(name):
    model, advice = TOO_STIFF[name]
    nothing = rf"^The fit (explains 0\.\d% of the variance|has R² = -.* for y and is).*{advice}"
    with pytest.warns(ConvergenceWarning, match=nothing) as record:
        model.fit(X, FAST)
    assert [warning.filename for warning in record] == [__file__]


def test_through_a_search_it_is_the_users_line():
    with pytest.warns(ConvergenceWarning, match="The fit explains") as record:
        GridSearchCV(TOO_STIFF["spline"][0], {"degree": [5]}, cv=2, refit=False).fit(X, FAST)
    assert {warning.filename for warning in record} == {__file__}


def test_through_a_pipeline_it_is_the_users_line():
    with pytest.warns(ConvergenceWarning, match="explains") as record:
        make_pipeline(StandardScaler(), TOO_STIFF["spline"][0]).fit(X, FAST)
    assert record[0].filename == __file__


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
def test_a_net_thrown_off_by_its_learning_rate_warns(backend):
    net = small(learning_rate=1e6, epochs=30, backend=backend)
    with pytest.warns(
        ConvergenceWarning, match=r"R² = -\d.*further from it.*another learning_rate than 1e"
    ):
        net.fit(X, X[:, 0] ** 2)


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
def test_a_net_thrown_off_that_explains_a_little_warns_too(backend):
    """At its end it is a step somewhere, by chance better than a constant."""
    between = []
    for seed in range(6):
        net = small(hidden_layers=(16,), learning_rate=10.0, epochs=200, backend=backend)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            score = net.set_params(random_state=seed).fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2)
        if score < 0.8:
            assert len(caught) == 1
            between += [str(caught[0].message)] if score > 0.05 else []
    assert between
    for said in between:
        assert re.match(r"learning_rate=10 is too large: the loss rose .* is left\. Lower it", said)


def test_too_few_epochs_are_named_where_they_ended_the_fit():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        small(solver="lbfgs", epochs=2).fit(X, FAST)
    assert "cannot follow it: try more epochs, activation='sine'" in str(caught[-1].message)


def test_where_no_feature_varies_one_warning_names_them():
    with pytest.warns(UserWarning, match=r"Features \[0\] never vary") as record:
        small(epochs=2).fit(np.ones((400, 1)), X[:, 0])
    assert len(record) == 1


def test_noise_has_a_line_for_a_spline_and_a_word_that_says_so():
    """y does not depend on X: the straight line is right, and so is the warning."""
    noise = np.random.default_rng(2).standard_normal(400)
    model = SplineInterpolator()
    with pytest.warns(ConvergenceWarning, match="Either y does not depend on X, or"):
        model.fit(X, noise)
    assert model.score(X, noise) < 0.01


@pytest.mark.parametrize("n", [1, 2, 3, 40])
@pytest.mark.parametrize("level", [0.0, 0.1, 1e9])
def test_constants_and_too_few_samples_have_nothing_to_explain(n, level):
    for model in (SplineInterpolator(smoothing=10.0), small(epochs=2)):
        model.fit(X[:n], np.full(n, level))
        if n < 4:
            model.fit(X[:n], [0.0, 1.0, 0.0][:n])


def test_a_fit_of_a_few_percent_is_silent():
    y = 0.2 * FAST + X[:, 0] + np.random.default_rng(0).standard_normal(400)
    SplineInterpolator(smoothing=10.0).fit(X, y)


def test_a_search_for_the_smoothing_is_judged_by_its_end_alone():
    """λ is searched for between interpolation and a line, which explains nothing."""
    interpolation.SplineInterpolator(smoothing=50.0, degree=7).fit(X, FAST)
    with pytest.warns(ConvergenceWarning, match="a smaller smoothing than 1e"):
        interpolation.SplineInterpolator(smoothing=1e3, degree=7).fit(X, FAST)


def test_shares_are_r2_of_each_output():
    rng = np.random.default_rng(0)
    y, weight = rng.standard_normal((30, 3)), rng.uniform(0.5, 2, 30)
    fitted = y + 0.3 * rng.standard_normal((30, 3))
    for scale in (1.0, 1e-160, 1e150):
        expected = r2_score(y, fitted, sample_weight=weight, multioutput="raw_values")
        assert_allclose(explained_shares(scale * y, scale * fitted, weight), expected, rtol=1e-12)
    y[::2, 1], y[:, 2] = np.nan, 3.0  # not measured; constant
    expected = [r2_score(y[:, 0], fitted[:, 0]), r2_score(y[1::2, 1], fitted[1::2, 1]), np.nan]
    assert_allclose(explained_shares(y, fitted), expected, rtol=1e-12)


def test_the_worst_output_is_named():
    y = np.column_stack([FAST, X, FAST])
    named = r"explains 0\.0% of the variance of y \(output 2\)"
    with pytest.warns(ConvergenceWarning, match=named):
        warn_of_constants(y, y * [1, 1, 0], None, "change it")
    warn_of_constants(y, y, None, "change it")
