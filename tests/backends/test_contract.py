"""The contract: what is asked for and not there is refused; the docs show what each backend has."""

import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import numpy as np
import pytest
from torch_modules import plain

from sk_pydelt import LinearLaw, NeuralNetworkInterpolator
from sk_pydelt.backends import (
    FEATURES,
    OURS,
    Backend,
    FitResult,
    FitSpec,
    NetSpec,
    backend_names,
    feature_table,
    get_backend,
    register_backend,
    registry,
)
from sk_pydelt.jets import Jet
from sk_pydelt.samples import Samples

DOCS = Path(__file__).resolve().parents[2] / "docs"
X = np.linspace(-1, 1, 20)[:, None]
Y = X[:, 0] ** 2

# Parameters of the estimator, and arguments of its fit, that ask for each feature.
ASKS = {
    "hidden_layers": ({"hidden_layers": (4, 3)}, {}),
    "activation": ({"activation": "sine"}, {}),
    "solver='adam'": ({"solver": "adam"}, {}),
    "solver='lbfgs'": ({"solver": "lbfgs"}, {}),
    "solver='lm'": ({"solver": "lm"}, {}),
    "learning_rate_schedule": ({"learning_rate_schedule": "cosine"}, {}),
    "optimizer": ({"optimizer": "sgd"}, {}),
    "optimizer_params": ({"optimizer_params": {"weight_decay": 0.1}}, {}),
    "max_grad_norm": ({"max_grad_norm": 1.0}, {}),
    "callbacks": ({"callbacks": ["of the framework"]}, {}),
    "validation_data": ({}, {"validation_data": (X, Y)}),
    "shuffle": ({"batch_size": 4, "shuffle": False}, {}),
    "batch_size": ({"batch_size": 4}, {}),
    "dropout_rate": ({"dropout_rate": 0.2}, {}),
    "batch_norm": ({"batch_norm": True}, {}),
    "sample_weight": ({}, {"sample_weight": np.linspace(1, 2, 20)}),
    "dy": ({}, {"dy": 2 * X}),
    "laws": ({"laws": [LinearLaw({("y", 0): 1.0})], "law_places": 5}, {}),
    "y=nan": ({}, {"y": np.column_stack([Y, np.where(Y > 0.5, np.nan, Y)])}),
    "alpha": ({"alpha": 0.01}, {}),
    "loss": ({"loss": "huber"}, {}),
    "early_stopping": ({"early_stopping": True}, {}),
    "warm_start": ({"warm_start": True}, {}),
    "dtype='float32'": ({"dtype": "float32"}, {}),
    "device": ({"device": "cuda"}, {}),
    "module": ({"module": plain}, {}),
    "verbose": ({"verbose": True}, {}),
    "random_state": ({"random_state": 0}, {}),
}
OF_ADAM = {"batch_size", "shuffle", "dropout_rate", "learning_rate_schedule", "optimizer"}
OF_ADAM |= {"optimizer_params", "max_grad_norm"}
each_feature = pytest.mark.parametrize("feature", FEATURES)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_BACKENDS", dict(registry._BACKENDS))


class Recorder(Backend):
    """A backend that does nothing but keep what it is given."""

    supports = frozenset(FEATURES)

    def fit(self, net, fit, samples):
        self.given = net, fit, samples
        return FitResult(net, [0.0])

    def predict(self, net, X):
        return np.zeros((len(X), net.n_outputs))

    def propagate(self, net, jet):
        return Jet.constant(self.predict(net, jet.value), jet.order, jet.n_variables)


def ask(feature, backend, **parameters):
    """Fit with the parameters that ask for a feature, and nothing else."""
    asked, arguments = ASKS[feature]
    net = NeuralNetworkInterpolator((4,), backend=backend, epochs=2, **parameters)
    return net.set_params(**asked).fit(**{"X": X, "y": Y, **arguments})


@each_feature
def test_a_backend_that_lacks_a_feature_refuses_it_and_nothing_else(feature):
    backend = Recorder()
    backend.supports = frozenset(FEATURES) - {feature}
    register_backend("recorder", backend)
    parameter, value = FEATURES[feature].parameter, ASKS[feature][0].get(feature)
    written = rf"fit\(..., {parameter}=...\)" if ASKS[feature][1] else f"{parameter}="
    message = f"{written}.* is not in backend='recorder': use backend='pytorch'.*, or (another|no) "
    with pytest.raises(ValueError, match=message) as refusal:
        ask(feature, "recorder")
    long = value is None or callable(value) or isinstance(value, list)
    assert long or f"{parameter}={value!r} is" in str(refusal.value)
    others = {
        other
        for other, (asked, _) in ASKS.items()
        if FEATURES[other].parameter != parameter and parameter not in asked
    }
    solver = {}
    if feature == "solver='adam'":
        solver, others = {"solver": "lbfgs"}, others - OF_ADAM
    for other in others:
        assert ask(other, "recorder", **solver).predict(X).shape[0] == 20


@each_feature
def test_a_plain_fit_asks_for_no_feature_but_its_solver(feature):
    asked = FEATURES[feature].asked(NetSpec(1, 1, (4,)), FitSpec(), Samples(X, Y[:, None]))
    assert asked == (feature == "solver='adam'")


@pytest.mark.parametrize("backend", OURS)
@each_feature
def test_our_backends_have_what_their_column_says(feature, backend, capfd):
    if feature == "device":
        pytest.skip("what needs a GPU is in the tests of each backend")
    if feature == "callbacks" or (feature == "module" and backend == "tensorflow"):
        pytest.skip("what is of one framework is in the tests of each backend")
    if feature in get_backend(backend).supports:
        assert np.isfinite(ask(feature, backend).differentiate(2)(X)).all()
    else:
        with pytest.raises(ValueError, match=f"is not in backend={backend!r}: use backend="):
            ask(feature, backend)
    capfd.readouterr()  # the progress bar


def test_what_no_backend_has_is_refused_without_a_name():
    for name in OURS:
        registry._BACKENDS[name] = backend = Recorder()
        backend.supports = frozenset({"solver='adam'"})
    with pytest.raises(ValueError, match="alpha=0.01 is not in backend='pytorch': use another"):
        ask("alpha", "pytorch")


def test_every_parameter_of_the_net_is_in_the_table():
    """But those that say the size of things, or are the same for any backend."""
    covered = {FEATURES[feature].parameter for feature in ASKS} - {"sample_weight", "dy", "y"}
    covered -= {"validation_data"}
    plain = {"learning_rate", "epochs", "omega_0", "period", "x_scaler", "y_scaler"}
    plain |= {
        "law_places",
        "law_weight",
        "huber_epsilon",
        "validation_split",
        "patience",
        "tol",
        "backend",
    }
    assert set(ASKS) == set(FEATURES)
    assert covered | plain == set(NeuralNetworkInterpolator().get_params())


def test_a_backend_is_given_specifications_and_samples():
    backend = Recorder()
    register_backend("recorder", lambda: backend)
    options = {"hidden_layers": np.array([4, 3]), "alpha": 0.1, "tol": 0.2, "dtype": "float32"}
    y = np.column_stack([Y, Y])
    estimator = NeuralNetworkInterpolator(backend="recorder", **options).fit(X, y)
    net, fit, samples = backend.given
    assert net == NetSpec(1, 2, (4, 3), dtype="float32")
    assert fit == FitSpec(alpha=0.1, tol=0.2)
    assert isinstance(samples, Samples)
    assert estimator.net_ is net
    assert (estimator.loss_curve_, estimator.validation_loss_curve_) == ([0.0], None)
    with pytest.raises(FrozenInstanceError):
        net.activation = "relu"


def test_specifications_have_the_parameters_and_defaults_of_the_estimator():
    parameters = NeuralNetworkInterpolator().get_params()
    specified = [f for spec in (NetSpec, FitSpec) for f in fields(spec)]
    sizes = {"n_features", "n_outputs"}
    defaults = {f.name: f.default for f in specified if f.name not in sizes}
    assert defaults == {name: parameters[name] for name in defaults}
    ours = {"period", "laws", "law_places", "law_weight", "x_scaler", "y_scaler", "backend"}
    assert set(parameters) - set(defaults) == ours


def test_a_name_that_is_not_registered_is_refused_with_those_that_are():
    register_backend("recorder", Recorder)
    message = "'pytorch', 'tensorflow', 'recorder'.*register_backend.*Got 'jax' instead"
    with pytest.raises(ValueError, match=message):
        NeuralNetworkInterpolator(backend="jax").fit(X, Y)
    with pytest.raises(ValueError, match="'backend' parameter.*'str'.*Got 3"):
        NeuralNetworkInterpolator(backend=3).fit(X, Y)


def test_a_name_may_be_given_again_but_not_ours():
    register_backend("recorder", Recorder)
    first = get_backend("recorder")
    assert get_backend("recorder") is first
    register_backend("recorder", Recorder)
    assert get_backend("recorder") is not first
    assert backend_names() == (*OURS, "recorder")
    with pytest.raises(ValueError, match="'pytorch' is a backend of sk_pydelt itself"):
        register_backend("pytorch", Recorder)


def test_what_is_no_backend_is_refused():
    with pytest.raises(TypeError, match="backend must be a .*Backend.*; got 3"):
        register_backend("three", 3)
    register_backend("list", list)
    with pytest.raises(TypeError, match=r"must be a sk_pydelt.backends.Backend; got \[\]"):
        get_backend("list")
    backend = Recorder()
    backend.supports = frozenset({"telepathy"})
    with pytest.raises(ValueError, match=r"Recorder.supports .*\['telepathy'\].*hidden_layers"):
        register_backend("recorder", backend)


def test_the_docs_show_the_table():
    assert feature_table() in (DOCS / "backends.md").read_text(encoding="utf-8"), feature_table()


def test_the_backend_in_the_docs_works(capsys):
    page = (DOCS / "backends.md").read_text(encoding="utf-8")
    exec(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[-1], {})
    assert float(capsys.readouterr().out.strip(" []\n")) == pytest.approx(-np.sin(1.5), abs=0.01)
