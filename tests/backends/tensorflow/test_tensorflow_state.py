"""What a TensorFlow fit leaves behind: in files, in copies, in the process, on the screen."""

import copy
import logging
import os
import pickle
import random
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import keras
import keras_modules
import numpy as np
import pytest
import tensorflow as tf
from case_names import name
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_pydelt import NeuralNetworkInterpolator, differentiate
from sk_pydelt.backends.tensorflow.perceptron import build_perceptron

X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
Y = np.sin(3 * X[:, 0]) * X[:, 1]
KINDS = {
    "sine": {"activation": "sine"},
    "rational": {"activation": "rational", "batch_norm": True, "dropout_rate": 0.1},
    "own function": {"module": keras_modules.branches},
    "own class": {"module": keras_modules.Residual},
}
FEW_EPOCHS = ["-W", "ignore:The fit", "-W", "ignore:epochs="]  # what is said of them
each_kind = pytest.mark.parametrize("kind", KINDS)


def make(**parameters):
    defaults = {"hidden_layers": (8, 4), "epochs": 5, "omega_0": 5.0, "random_state": 0}
    return NeuralNetworkInterpolator(backend="tensorflow", **defaults | parameters)


def run(script, **environment):
    """Run a script in a fresh process; what it wrote."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    result = subprocess.run(
        [sys.executable, "-W", "error", *FEW_EPOCHS, "-c", script],
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
        | {"PYTHONPATH": path}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result


def test_files_give_the_same_bits_in_a_fresh_process(tmp_path):
    nets = [make(**parameters).fit(X, Y) for parameters in KINDS.values()]
    derivatives = [net.differentiate(2) for net in nets]
    joblib.dump((nets, derivatives, X), tmp_path / "nets.joblib")
    script = (
        "import joblib\n"
        f"nets, derivatives, X = joblib.load(r'{tmp_path}/nets.joblib')\n"
        "values = [(f.predict(X), d(X), f.net_.predict(X)) for f, d in zip(nets, derivatives)]\n"
        f"joblib.dump(values, r'{tmp_path}/values.joblib')\n"
    )
    run(script)
    values = joblib.load(tmp_path / "values.joblib")
    for net, derivative, (y, slope, scaled) in zip(nets, derivatives, values, strict=True):
        assert_array_equal(y, net.predict(X))
        assert_array_equal(slope, derivative(X))
        assert_array_equal(scaled, net.net_.predict(X))


@each_kind
def test_copies_stand_for_themselves(kind):
    net = make(**KINDS[kind]).fit(X, Y)
    before = net.predict(X)
    derivative = net.differentiate(1)
    slope = derivative(X)
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    net.net_.model_.set_weights([2 * w for w in net.net_.model_.get_weights()])
    assert not np.array_equal(net.predict(X), before)
    for other in copies:
        assert_array_equal(other.predict(X), before)
        assert_array_equal(other.differentiate(1)(X), slope)
        assert_array_equal(other.net_.model_.get_weights()[0] * 2, net.net_.weights()[0])
    assert_array_equal(derivative(X), slope)
    assert_array_equal(pickle.loads(pickle.dumps(derivative))(X), slope)


def test_a_net_that_is_not_fitted_has_no_model():
    net = make().fit(X, Y)
    with pytest.raises(AttributeError, match="after fit"):
        clone(net.net_).model_  # noqa: B018


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras' own, on saving
@pytest.mark.parametrize("activation", ["sine", "rational", "gelu"])
def test_keras_saves_and_loads_the_model(activation, tmp_path):
    net = make(activation=activation, dropout_rate=0.1).fit(X, Y)
    net.net_.model_.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert_array_equal(loaded(X).numpy(), net.net_.model_(X).numpy())


def test_clone_and_grid_search_over_backends_in_two_processes():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), clone(make(random_state=1))),
        {
            "neuralnetworkinterpolator__backend": ["pytorch", "tensorflow"],
            "neuralnetworkinterpolator__hidden_layers": [(4,), (8,)],
        },
        cv=2,
        n_jobs=2,
        error_score="raise",
    ).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert differentiate(search, 2)(X).shape == (30, 2, 2)
    assert cross_val_predict(make(), X, Y, cv=2).shape == (30,)


def test_a_search_over_the_tensorflow_backend_alone():
    grid = {"activation": ["tanh", "swish"]}
    search = GridSearchCV(make(), grid, cv=2, n_jobs=2, error_score="raise").fit(X, Y)
    assert search.best_params_["activation"] in grid["activation"]


def test_the_backend_of_the_fit_stays_that_of_the_net():
    net = make().fit(X, Y)
    before = net.predict(X)
    assert_array_equal(net.set_params(backend="pytorch").predict(X), before)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"dropout_rate": 0.2, "batch_size": 7, "batch_norm": True},
        {"module": keras_modules.Residual, "batch_size": 7},
        {"early_stopping": True},
    ],
    ids=name,
)
def test_a_whole_number_makes_the_fit_the_same_bit_for_bit(parameters):
    first, again = (make(**parameters).fit(X, Y) for _ in range(2))
    assert first.loss_curve_ == again.loss_curve_
    assert_array_equal(first.predict(X), again.predict(X))
    other = make(**parameters | {"random_state": 1}).fit(X, Y)
    assert not np.array_equal(first.predict(X), other.predict(X))


def test_none_follows_the_global_seed_of_tensorflow():
    predictions = []
    for seed in (0, 0, 1):
        tf.random.set_seed(seed)
        nets = [make(random_state=None).fit(X, Y) for _ in range(2)]
        predictions.append([net.predict(X) for net in nets])
    assert_array_equal(predictions[0], predictions[1])
    assert not np.array_equal(predictions[0], predictions[2])
    assert not np.array_equal(predictions[0][0], predictions[0][1])


def global_state():
    """What other code in the process could notice."""
    return {
        "floatx": keras.config.floatx(),
        "policy": keras.config.dtype_policy().name,
        "python": random.getstate(),
        "numpy": str(np.random.get_state()),
        "eager": (tf.executing_eagerly(), tf.config.functions_run_eagerly()),
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "logging": (tf.get_logger().level, logging.getLogger().level),
        "environment": dict(os.environ),
        "error state": np.geterr(),
        "stderr": sys.stderr,
    }


@each_kind
@pytest.mark.parametrize("early_stopping", [False, True])
def test_global_state_is_left_as_found(kind, early_stopping):
    tf.random.set_seed(3)
    expected = tf.random.uniform((3,)).numpy()
    tf.random.set_seed(3)
    before = global_state()
    net = make(**KINDS[kind], early_stopping=early_stopping, batch_size=8).fit(X, Y)
    net.differentiate(2)(X)
    copy.deepcopy(net).net_.predict(X)
    assert global_state() == before
    assert_array_equal(tf.random.uniform((3,)).numpy(), expected)


@pytest.mark.parametrize("module", [keras_modules.one_column, keras_modules.branches])
def test_global_state_is_left_as_found_by_a_fit_that_fails(module):
    before = global_state()
    with pytest.raises(ValueError, match="must return|diverged"):
        make(module=module, learning_rate=1e200).fit(X, np.stack([Y, Y], axis=1))
    assert global_state() == before


@pytest.mark.parametrize("module", [None, keras_modules.Residual])
def test_two_threads_do_not_disturb_each_other(module):
    def fit(seed):
        net = make(module=module, epochs=40, batch_size=8, random_state=seed).fit(X, Y)
        results[seed] = net.predict(X), net.jacobian(X)

    results = {}
    for seed in range(4):
        fit(seed)
    expected, results = results, {}
    threads = [threading.Thread(target=fit, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        for actual, value in zip(results[seed], expected[seed]):
            assert_array_equal(actual, value)


@pytest.mark.parametrize("module", [None, keras_modules.branches])
def test_repeated_fits_do_not_warn_of_retracing(module, caplog):
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        for n in range(8):
            net = make(module=module, epochs=2).fit(X[n:], Y[n:])
            net.jacobian(X[n:])
            net.predict(X[n:])
    assert not caplog.records


def test_nothing_of_tensorflows_start_is_on_the_screen():
    script = (
        "import sys, numpy as np\n"
        "from sk_pydelt import NeuralNetworkInterpolator\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
        "X = np.linspace(-1, 1, 9)[:, None]\n"
        "net = NeuralNetworkInterpolator((4,), epochs=3, backend='tensorflow').fit(X, X[:, 0])\n"
        "net.differentiate(2)(X)\n"
    )
    shown = run(script)
    assert shown.stdout == shown.stderr == ""


def test_what_others_write_while_tensorflow_starts_is_shown():
    script = (
        "import os, threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), os.write(2, b'hello\\n'))).start()\n"
        "import sk_pydelt.backends.tensorflow.fit\n"
    )
    assert run(script).stderr == "hello\n"


@pytest.mark.parametrize(
    "close", ["os.close(2)", "sys.stderr.close()", "os.close(2); sys.stderr = None"]
)
def test_tensorflow_starts_where_the_stream_of_errors_is_closed(close):
    script = f"import os, sys; {close}\nimport sk_pydelt.backends.tensorflow.fit; print('done')"
    assert run(script).stdout == "done\n"


def test_the_bar_shows_a_validation_loss_only_where_there_is_one(capfd):
    make(verbose=True).fit(X, Y)
    assert "valid_loss" not in capfd.readouterr().err
    make(verbose=True, early_stopping=True).fit(X, Y)
    assert "valid_loss" in capfd.readouterr().err


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
def test_no_thread_is_left_by_a_fit(solver, verbose):
    script = (
        "import threading, numpy as np\n"
        "from sk_pydelt import NeuralNetworkInterpolator\n"
        "X = np.linspace(-1, 1, 9)[:, None]\n"
        f"net = NeuralNetworkInterpolator((4,), solver={solver!r}, epochs=3, verbose={verbose})\n"
        "for backend in ('pytorch', 'tensorflow'):\n"
        "    net.set_params(backend=backend).fit(X, X[:, 0])\n"
        "print(threading.active_count())\n"
    )
    assert run(script).stdout == "1\n"


HIDE = (
    "import sys\n"
    "class Hide:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name.split('.')[0] in {names}:\n"
    "            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n"
    "sys.meta_path.insert(0, Hide())\n"
    "import numpy as np\n"
    "from sk_pydelt import NeuralNetworkInterpolator\n"
    "X = np.linspace(-1, 1, 9)[:, None]\n"
    "net = NeuralNetworkInterpolator((4,), epochs=3, backend='tensorflow')\n"
)


@pytest.mark.parametrize("name", ["tensorflow", "scikeras"])
def test_without_tensorflow_the_error_says_what_to_install(name):
    script = HIDE.format(names=[name]) + "try:\n    net.fit(X, X[:, 0])\n"
    script += "except ImportError as error:\n    print(error)"
    message = run(script).stdout
    assert repr(name) in message
    assert "pip install sk-pydelt[tensorflow]" in message


def test_without_torch_the_backend_works():
    script = HIDE.format(names=["torch", "skorch"]) + (
        "import pickle\n"
        "for activation in ('gelu', 'softplus', 'sigmoid', 'sine', 'rational', 'mish'):\n"
        "    net.set_params(activation=activation).fit(X, X[:, 0])\n"
        "    pickle.loads(pickle.dumps(net.differentiate(3)))(X)\n"
        "assert 'torch' not in sys.modules\n"
    )
    run(script)


def test_keras_on_another_framework_is_refused():
    script = HIDE.format(names=["nothing"]) + "try:\n    net.fit(X, X[:, 0])\n"
    script += "except ImportError as error:\n    print(error)"
    assert "KERAS_BACKEND=tensorflow" in run(script, KERAS_BACKEND="torch").stdout


def test_memory_does_not_grow_over_200_fits():
    """Less than 20 kB a fit, where one name of a variable kept would be 35 kB."""
    script = (
        "import gc, numpy as np\n"
        "from sk_pydelt import NeuralNetworkInterpolator\n"
        "X = np.random.default_rng(0).uniform(-1, 1, (30, 2))\n"
        "def fits(n):\n"
        "    for i in range(n):\n"
        "        net = NeuralNetworkInterpolator(\n"
        "            (5 + i % 7, 4), epochs=2, backend='tensorflow', random_state=i,\n"
        "            dropout_rate=0.1, batch_size=8, early_stopping=i % 2 == 0)\n"
        "        net.fit(X[: 20 + i % 5], X[: 20 + i % 5, 0]).differentiate(2)(X)\n"
        "    gc.collect()\n"
        "    with open('/proc/self/statm') as statm:\n"
        "        return int(statm.read().split()[1]) * 4096\n"
        "first = fits(120)\n"
        "print((fits(200) - first) / 200)\n"
    )
    if not Path("/proc/self/statm").exists():
        pytest.skip("the size of a process is read as Linux shows it")
    assert float(run(script).stdout) < 2e4


def test_the_initial_weights_are_those_of_the_seed():
    arguments = {
        "n_features": 2,
        "n_outputs": 1,
        "hidden_layers": (5,),
        "activation": "tanh",
        "omega_0": 30.0,
        "dropout_rate": 0.0,
        "batch_norm": False,
        "dtype": "float64",
    }
    first, again, other = (build_perceptron(**arguments, seed=seed) for seed in (0, 0, 1))
    for w, v, u in zip(*(model.get_weights() for model in (first, again, other)), strict=True):
        assert_array_equal(w, v)
        assert not np.array_equal(w, u)


def test_sklearn_checks():
    """All of them; scikit-learn skips some where this is not set before SciPy is imported."""
    script = (
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from sk_pydelt import NeuralNetworkInterpolator\n"
        "for options in ({'epochs': 300}, {'solver': 'lbfgs', 'epochs': 40}):\n"
        "    estimator = NeuralNetworkInterpolator(backend='tensorflow', **options)\n"
        "    results = check_estimator(estimator, on_fail='raise')\n"
        "    assert {result['status'] for result in results} == {'passed'}\n"
    )
    run(script, SCIPY_ARRAY_API="1")
