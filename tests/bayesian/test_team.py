"""Workers: what is done in time, by several processes, and until the user interrupts."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sk_pydelt import BayesianNeuralNetworkInterpolator
from sk_pydelt.bayesian.candidate import Candidate
from sk_pydelt.bayesian.team import Team


def square(x):
    if x == 99:
        raise KeyboardInterrupt
    return x * x


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_results_come_in_order(n_jobs):
    with Team(n_jobs, None, verbose=False) as team:
        assert list(team.map(square, ((k,) for k in range(7)))) == [0, 1, 4, 9, 16, 25, 36]
        assert team.n_done == 7
        assert team.in_time


def test_without_time_only_what_must_be_is_done():
    asked = []

    def tasks():
        for k in range(5):
            asked.append(k)
            yield (k,)

    with Team(None, 0, verbose=False) as team:
        assert list(team.map(square, tasks(), at_least=2)) == [0, 1]
    assert asked == [0, 1]


def test_an_interrupt_is_the_end_of_the_time():
    with Team(None, None, verbose=False) as team:
        assert list(team.map(square, [(1,), (2,), (99,), (3,)])) == [1, 4]
        assert team.is_interrupted
        assert not team.in_time
        assert list(team.map(square, [(1,)])) == []


@pytest.fixture
def samples():
    t = np.linspace(0, 6, 40)
    return t[:, None], np.sin(t) + 0.05 * np.random.default_rng(0).standard_normal(40)


def break_off(monkeypatch, after):
    """Ctrl-C in the run of a net after so many runs."""
    run, done = Candidate.run, []

    def broken(self, *args, **kwargs):
        done.append(1)
        if len(done) == after + 1:
            raise KeyboardInterrupt
        return run(self, *args, **kwargs)

    monkeypatch.setattr(Candidate, "run", broken)


@pytest.mark.parametrize("after", [1, 10, 25, 50])
def test_a_fit_that_is_interrupted_keeps_its_best_nets(samples, monkeypatch, after):
    X, y = samples
    break_off(monkeypatch, after)
    model = BayesianNeuralNetworkInterpolator(random_state=0)
    with pytest.warns(UserWarning, match=f"interrupted after {after} nets; the best of them"):
        model.fit(X, y)
    slope, std = model.differentiate(1)(X, return_std=True)
    assert np.isfinite(slope).all()
    assert np.isfinite(std).all()
    assert sum(row["weight"] for row in model.candidates_) == pytest.approx(1)
    if after >= 25:
        assert model.score(X, y) > 0.98


@pytest.mark.parametrize("options", [{}, {"hidden_layers": (4,), "activation": "tanh"}])
def test_without_a_net_an_interrupt_leaves_the_estimator_as_it_was(samples, monkeypatch, options):
    break_off(monkeypatch, 0)
    model = BayesianNeuralNetworkInterpolator(**options, random_state=0)
    with pytest.raises(KeyboardInterrupt, match="before there was a net"):
        model.fit(*samples)
    assert not hasattr(model, "x_scaler_")


def test_several_processes_and_one_fit_the_same(samples):
    X, y = samples
    options = {"activation": "tanh", "n_init": 2, "max_iter": 20, "random_state": 0}
    found = [
        BayesianNeuralNetworkInterpolator(n_jobs=n_jobs, **options).fit(X, y).predict(X)
        for n_jobs in (None, 2)
    ]
    assert_array_equal(*found)


@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
def test_verbose_shows_one_bar_with_the_best_setting(samples, capfd):
    options = {"activation": "tanh", "n_init": 1, "max_iter": 10, "random_state": 0}
    BayesianNeuralNetworkInterpolator(verbose=True, **options).fit(*samples)
    shown = capfd.readouterr().err
    assert "net" in shown
    assert "tanh" in shown
    BayesianNeuralNetworkInterpolator(**options).fit(*samples)
    assert capfd.readouterr().err == ""
