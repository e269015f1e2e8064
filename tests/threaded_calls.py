"""Calls of every estimator in threads, and fits and predictions broken off, for as long as asked.

``python tests/threaded_calls.py 1000 1000 100000`` does so many calls in 8 threads, interrupts so
many fits and so many predictions, and prints what was counted; every failure raises.
"""

import ctypes
import random
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    interpolation,
)
from sk_pydelt.solvers.threads import _blas

X = np.linspace(0, 3, 25).reshape(-1, 1)
DATA = [(X, np.sin(k * X).ravel()) for k in (1, 2)]
PLACES = np.linspace(0.1, 2.9, 40).reshape(-1, 1)


def own_module(n_features, n_outputs):
    return nn.Sequential(nn.Linear(n_features, 5), nn.Tanh(), nn.Linear(5, n_outputs))


def net(**parameters):
    return NeuralNetworkInterpolator((6, 5), random_state=0, **{"epochs": 6, **parameters})


ESTIMATORS = {
    "adam": net(batch_size=10, dropout_rate=0.1),
    "lbfgs": net(solver="lbfgs", early_stopping=True),
    "lm": net(solver="lm"),
    "own module": net(module=own_module),
    "own module, lm": net(module=own_module, solver="lm"),
    "tensorflow, adam": net(backend="tensorflow"),
    "tensorflow, lbfgs": net(backend="tensorflow", solver="lbfgs"),
    "tensorflow, lm": net(backend="tensorflow", solver="lm"),
    "spline": SplineInterpolator(),
    "Bayesian net": BayesianNeuralNetworkInterpolator(
        (4,), "tanh", n_init=1, max_iter=15, random_state=0
    ),
    "drop-in spline": interpolation.SplineInterpolator(smoothing=0.1),
}
CALLS = {
    "predict": lambda model: model.predict(PLACES),
    "differentiate": lambda model: model.differentiate(2)(PLACES),
    "jacobian": lambda model: model.jacobian(PLACES),
    "integrate": lambda model: np.asarray(model.integrate(0, [1, 2], tol=1e-3)),
}


def fit(model, data):
    """A fit, without its warnings, which are not the matter here."""
    return model.fit(*data)


def answers(name):
    """What each call gives after a fit to each of the data, computed by itself."""
    models = [fit(clone(ESTIMATORS[name]), data) for data in DATA]
    return {call: [function(model) for model in models] for call, function in CALLS.items()}


def expect_old_or_new(found, expected, what):
    assert any(np.array_equal(found, array) for array in expected), f"{what}: neither old nor new"


def global_state(filters=True):
    numbers = [library.num_threads for library in _blas()]
    found = numbers, torch.get_num_threads(), torch.get_default_dtype()
    return (*found, len(warnings.filters)) if filters else found


def in_threads(n_calls, n_threads=8, names=tuple(ESTIMATORS)):
    """Fits, refits and calls of shared models in threads: each the same as by itself."""
    expected = {name: answers(name) for name in names}
    # Frameworks are loaded; filters are swapped by scikit-learn's check_array, not by thread.
    before = global_state(filters=False)
    shared = {name: fit(clone(ESTIMATORS[name]), DATA[0]) for name in names}

    def call(i):
        rng = random.Random(i)
        name, kind = rng.choice(list(names)), rng.choice([*CALLS, "fit", "refit"])
        if kind == "refit":
            fit(shared[name], rng.choice(DATA))
        elif kind == "fit":
            k = rng.randrange(2)
            found = fit(clone(ESTIMATORS[name]), DATA[k]).predict(PLACES)
            assert np.array_equal(found, expected[name]["predict"][k]), f"{name}: another fit"
        else:
            expect_old_or_new(CALLS[kind](shared[name]), expected[name][kind], f"{name}.{kind}")

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(call, range(n_calls)))
    after = global_state(filters=False)
    assert after == before, (before, after)
    return n_calls


class Broken(KeyboardInterrupt):
    """The interruption, told from others."""


def _interrupt(thread_id, seconds, armed):
    """Raise `Broken` in a thread after some time, unless it has got through."""
    time.sleep(seconds)
    with armed:
        if armed.on:
            armed.on = False
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread_id), ctypes.py_object(Broken)
            )


class _Armed:
    """A lock with a flag: whether an interruption may still come."""

    def __init__(self):
        self.lock, self.on = threading.Lock(), True

    def __enter__(self):
        self.lock.acquire()

    def __exit__(self, *error):
        self.lock.release()


def broken_off(function, seconds):
    """Whether a call was broken off after so many seconds, or had ended before."""
    armed = _Armed()
    arguments = threading.get_ident(), seconds, armed
    timer = threading.Thread(target=_interrupt, args=arguments)
    try:
        timer.start()
        function()
        with armed:
            came, armed.on = not armed.on, False
        timer.join()
        for _ in range(1000 if came else 0):  # until what was raised at the end has come
            pass
    except KeyboardInterrupt:  # a fit raises its own in the first epoch
        timer.join()
        return True
    except RuntimeError as error:  # TensorFlow's device scopes do not take it in their own exit
        timer.join()
        if "device scope" not in str(error):
            raise
        return True
    return False


def interrupted_fits(n_fits, names=tuple(ESTIMATORS), seed=0):
    """Fits broken off at random moments: the estimator is as before, or as after."""
    rng, counts = random.Random(seed), {"broken off": 0, "kept": 0}
    for name in names:
        fit(clone(ESTIMATORS[name]), DATA[0]).predict(PLACES)
    before = global_state()  # frameworks are loaded
    for i in range(n_fits):
        name = names[i % len(names)]
        model = fit(clone(ESTIMATORS[name]), DATA[0])
        old, state = model.predict(PLACES), vars(model)
        start = time.perf_counter()
        new = fit(clone(model), DATA[1]).predict(PLACES)
        seconds = rng.uniform(0, 1.1) * (time.perf_counter() - start)
        if broken_off(lambda model=model: fit(model, DATA[1]), seconds) and vars(model) is state:
            counts["broken off"] += 1
            assert np.array_equal(model.predict(PLACES), old), f"{name}: the old state is changed"
        else:
            counts["kept"] += 1
            short = getattr(model, "n_iter_", 0) < getattr(model, "epochs", 0)
            assert short or np.array_equal(model.predict(PLACES), new), f"{name}: no new state"
        assert global_state() == before, (name, before, global_state())
    return counts


def interrupted_predictions(n_calls, names=tuple(ESTIMATORS), seed=0):
    """Predictions broken off at random moments: the next ones are as before."""
    rng, count = random.Random(seed), 0
    for name in names:
        model = fit(clone(ESTIMATORS[name]), DATA[0])
        expected, before = model.predict(PLACES), global_state()  # its framework is loaded
        start = time.perf_counter()
        model.predict(PLACES)
        usual = time.perf_counter() - start
        for _ in range(n_calls // len(names)):
            count += broken_off(lambda model=model: model.predict(PLACES), rng.uniform(0, usual))
            assert global_state() == before, (name, before, global_state())
        assert np.array_equal(model.predict(PLACES), expected), name
    return {"broken off": count}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    n_threaded, n_fits, n_predictions = map(int, sys.argv[1:])
    print("calls in threads:", in_threads(n_threaded), flush=True)
    print("interrupted fits:", interrupted_fits(n_fits), flush=True)
    print("interrupted predictions:", interrupted_predictions(n_predictions))
