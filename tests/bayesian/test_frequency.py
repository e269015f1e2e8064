"""The main frequency of a curve, against sinusoids."""

import numpy as np
import pytest

from sk_pydelt.bayesian.frequency import main_frequency
from sk_pydelt.samples import Samples


@pytest.fixture
def x():
    return np.sort(np.random.default_rng(0).uniform(-1, 1, (120, 1)), axis=0)


def noise(n=120, seed=1):
    return np.random.default_rng(seed).standard_normal((n, 1))


@pytest.mark.parametrize("periods", [1, 4.6, 20, 50])
@pytest.mark.parametrize("level", [0.0, 0.5, 100.0])
def test_a_sinusoid_is_found_whatever_its_phase_noise_and_level(x, periods, level):
    y = np.cos(np.pi * periods * x + level) + 0.5 * noise() + level
    assert main_frequency(Samples(x, y)) == pytest.approx(np.pi * periods, abs=np.pi / 3)


def test_noise_and_constants_have_none(x):
    found = [main_frequency(Samples(x, noise(seed=seed))) for seed in range(50)]
    assert np.count_nonzero(found) <= 1
    assert main_frequency(Samples(x, np.ones((120, 1)))) == 0
    assert main_frequency(Samples(np.column_stack([x, x]), np.sin(9 * x))) == 0
    assert main_frequency(Samples(x[:2], x[:2])) == 0


def test_outputs_count_alike(x):
    y = np.column_stack([np.zeros(120), 1e-3 * np.sin(9 * np.pi * x), noise()])
    assert main_frequency(Samples(x, y)) == pytest.approx(9 * np.pi, abs=np.pi / 3)


def test_weights_count_copies(x):
    weight = np.arange(120) % 3 + 1
    y = np.sin(7 * np.pi * x) + noise()
    copies = Samples(np.repeat(x, weight, axis=0), np.repeat(y, weight, axis=0))
    assert main_frequency(Samples(x, y, weight.astype(float))) == main_frequency(copies) > 0
