"""The table of backends: what it says is what each of them does, and what the docs show."""

from pathlib import Path

import numpy as np
import pytest

from sk_pydelt import NeuralNetworkInterpolator, neural
from sk_pydelt.backends import FEATURES

DOCS = Path(__file__).resolve().parents[2] / "docs"
X = np.linspace(-1, 1, 20)[:, None]
Y = X[:, 0] ** 2


@pytest.mark.parametrize("backend", neural.BACKENDS)
@pytest.mark.parametrize("feature", FEATURES)
def test_the_table_says_what_each_backend_has(feature, backend):
    parameters, backends = FEATURES[feature]
    net = NeuralNetworkInterpolator((4,), backend=backend, epochs=2).set_params(**parameters)
    if backend in backends:
        assert np.isfinite(net.fit(X, Y).differentiate(2)(X)).all()
    else:
        with pytest.raises(ValueError, match=f"is not in backend={backend!r}: use backend="):
            net.fit(X, Y)


def test_what_a_backend_lacks_is_refused_with_the_name_of_one_that_has_it():
    net = NeuralNetworkInterpolator((4,), solver="lm", epochs=1, backend="tensorflow")
    message = "solver='lm' is not in backend='tensorflow': use backend='pytorch', or"
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y)
    net.set_params(backend="pytorch").fit(X, Y)


def test_every_parameter_of_the_net_is_in_the_table():
    """But those that say the size of things, or are the same for any backend."""
    covered = {name for parameters, _ in FEATURES.values() for name in parameters}
    plain = {"hidden_layers", "learning_rate", "epochs", "omega_0", "x_scaler", "y_scaler"}
    plain |= {"validation_split", "patience", "tol", "backend"}
    framework = {"module", "device"}  # each backend's tests have them
    assert covered | plain | framework == set(NeuralNetworkInterpolator().get_params())


def test_the_docs_show_the_table():
    rows = [f"| | {' | '.join(f'`{name}`' for name in neural.BACKENDS)} |"]
    rows.append("|---" * (len(neural.BACKENDS) + 1) + "|")
    for feature, (_, backends) in FEATURES.items():
        marks = ["yes" if name in backends else "no" for name in neural.BACKENDS]
        rows.append(f"| {feature} | {' | '.join(marks)} |")
    table = "\n".join(rows)
    assert table in (DOCS / "backends.md").read_text(encoding="utf-8"), table
