"""The table of candidates is the list that it shows."""

import pytest
from sklearn.exceptions import NotFittedError

from sk_pydelt import BayesianNeuralNetworkInterpolator
from sk_pydelt.bayesian.table import CandidateTable

SCORES = {"log_predictive_density": None, "log_marginal_likelihood": None, "weight": 1.0}
LINE = {"hidden_layers": (), "activation": "linear", "omega_0": None, "n_weights": 2} | SCORES


def test_it_is_a_list():
    table = CandidateTable([LINE] * 3)
    assert table == [LINE] * 3
    assert table[0] is LINE
    assert isinstance(table[:2], CandidateTable)


def test_a_setting_without_scores_and_many_rows():
    lines = repr(CandidateTable([LINE] * 12)).splitlines()
    assert lines[1].split() == ["linear", "2", "1.00"]
    assert lines[-1] == "... and 2 more"
    assert len(lines) == 12
    assert len({len(line) for line in lines[:-1]}) == 1


def test_a_notebook_shows_all_rows():
    html = CandidateTable([LINE | {"activation": "<sine>"}] * 12)._repr_html_()
    assert html.count("<tr>") == 13
    assert "&lt;sine&gt;" in html


def test_it_is_there_once_fitted():
    with pytest.raises(NotFittedError):
        BayesianNeuralNetworkInterpolator().candidates_  # noqa: B018
    model = BayesianNeuralNetworkInterpolator((2,), "tanh", n_init=1, max_iter=5, random_state=0)
    model.fit([[0.0], [1], [2], [3], [4]], [0.0, 1, 0, 1, 0])
    assert repr(model.candidates_).splitlines()[1].startswith("tanh (2,)")
