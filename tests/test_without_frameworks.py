"""Where neither PyTorch nor TensorFlow is installed: Bayesian nets and splines do all they do."""

import importlib.metadata
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import sk_pydelt
from sk_pydelt import BayesianNeuralNetworkInterpolator

FRAMEWORKS = ("torch", "functorch", "skorch", "tensorflow", "keras", "scikeras", "jax")
T = np.linspace(0, 6, 40)[:, None]


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A folder with every installed package but the frameworks, linked one by one."""
    folder = tmp_path_factory.mktemp("bare")
    places = {Path(d.locate_file("")) for d in importlib.metadata.distributions()}
    for entry in (entry for place in places if place.is_dir() for entry in place.iterdir()):
        name = entry.name.lower()
        wanted = not name.startswith(FRAMEWORKS) and entry.suffix not in {".pth", ".py"}
        single = entry.suffix == ".py" and not name.startswith("__editable__")
        if (wanted or single) and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(entry)
    package = folder / "sk_pydelt"
    if not package.exists():
        package.symlink_to(Path(sk_pydelt.__file__).parent)
    return folder


def run(script, path, *arguments):
    command = [sys.executable, "-S", "-W", "error", "-c", script, *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command, env=environment | {"PYTHONPATH": str(path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fitted(**options):
    options = {"n_init": 1, "max_iter": 15, "random_state": 0} | options
    return BayesianNeuralNetworkInterpolator((6,), "tanh", **options).fit(T, np.sin(T).ravel())


USE = """
import pickle, sys
from importlib.util import find_spec
import numpy as np
assert not any(map(find_spec, ("torch", "skorch", "tensorflow", "keras", "scikeras")))
from sk_pydelt import BayesianNeuralNetworkInterpolator, SplineInterpolator, integrate
t = np.linspace(0, 6, 40)[:, None]
if len(sys.argv) > 1:
    with open(sys.argv[1], "rb") as file:
        model = pickle.load(file)
else:
    model = BayesianNeuralNetworkInterpolator((6,), "tanh", n_init=1, max_iter=15, random_state=0)
    model.fit(t, np.sin(t).ravel(), dy=np.cos(t))
values, std = model.predict(t[:3], return_std=True)
slopes, deviations = model.differentiate(1)(t[:3], return_std=True)
area, error = integrate(model, 0, 3, return_std=True)
draws = model.sample(t[:3], 2, random_state=0)
assert np.isfinite([*values, *std, *slopes, *deviations, area, error, *draws.ravel()]).all()
assert SplineInterpolator().fit(t, np.sin(t).ravel()).differentiate(2)(t).shape == (40,)
print(*values, *std, *slopes, *deviations)
"""


def test_bayesian_nets_and_splines_need_no_framework(bare):
    run(USE, bare)


def test_a_file_made_beside_the_frameworks_opens_without(bare, tmp_path):
    model = fitted()
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    found = np.array(run(USE, bare, tmp_path / "model.pkl").split(), dtype=float)
    expected = model.predict(T[:3], return_std=True)
    expected += model.differentiate(1)(T[:3], return_std=True)
    assert_allclose(found, np.concatenate(expected), rtol=1e-9)


def test_a_net_of_a_framework_says_what_is_missing(bare):
    script = """
import numpy as np
from sk_pydelt import NeuralNetworkInterpolator
t = np.linspace(0, 6, 40)[:, None]
for backend in ("pytorch", "tensorflow"):
    try:
        NeuralNetworkInterpolator(backend=backend).fit(t, t.ravel())
    except ImportError as error:
        assert f"backend={backend!r} needs" in str(error), error
        assert "pip install" in str(error), error
    else:
        raise AssertionError(backend)
"""
    run(script, bare)


def test_beside_the_frameworks_a_bayesian_fit_loads_none_of_them():
    script = """
import sys
import numpy as np
from sk_pydelt import BayesianNeuralNetworkInterpolator
t = np.linspace(0, 6, 40)[:, None]
model = BayesianNeuralNetworkInterpolator(n_init=1, max_iter=3).fit(t, np.sin(t).ravel())
model.differentiate(2)(t, return_std=True)
loaded = {module.split(".")[0] for module in sys.modules}
assert not loaded & {"torch", "skorch", "tensorflow", "keras", "scikeras"}, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[1])


def test_a_file_is_small():
    """Samples and weights; what follows from them is found again when it is asked for."""
    t = np.linspace(0, 6, 200)[:, None]
    y = np.sin(3 * t).ravel() + 0.1 * np.random.default_rng(0).standard_normal(200)
    model = BayesianNeuralNetworkInterpolator(max_iter=5, random_state=0).fit(t, y)
    model.predict(t, return_std=True)
    assert len(model._nets) > 1
    assert len(pickle.dumps(model)) < 100_000
