"""Student's t distribution as noise."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm
from scipy.stats import t as student_t

from sk_pydelt.solvers.student import (
    LEAST_DOF,
    MOST_DOF,
    information,
    likeliest_dof,
    log_density,
    trust,
)


def test_log_density():
    z, dof = np.linspace(-50, 50, 11)[:, None], np.array([1.0, 4.0, 1000.0, np.inf])
    found = log_density(z**2, dof)
    assert_allclose(found[:, :3], student_t.logpdf(z, dof[:3]), rtol=1e-9)
    assert_allclose(found[:, 3:], norm.logpdf(z))


def test_trust_is_the_mean_of_precisions_given_the_error():
    """Of the mixture: precisions λ with λν of χ² with ν degrees of freedom."""
    z, dof = 2.5, 4.0

    def joint(precision, power):
        prior = precision ** (dof / 2 - 1) * np.exp(-dof * precision / 2)
        return precision**power * prior * norm.pdf(z, scale=precision**-0.5)

    mean = quad(joint, 0, 40, (1,))[0] / quad(joint, 0, 40, (0,))[0]
    assert_allclose(trust(np.array([[z**2]]), np.array([dof])), [[mean]], rtol=1e-6)


def test_information_is_fishers():
    for dof in (1.0, 3.0, 10.0):

        def score(z, dof=dof):
            return ((dof + 1) * z / (dof + z**2)) ** 2 * student_t.pdf(z, dof)

        assert_allclose(information(dof), quad(score, -np.inf, np.inf)[0], rtol=1e-6)
    assert information(np.inf) == 1


def test_degrees_of_freedom_are_the_likeliest_within_bounds():
    rng = np.random.default_rng(0)
    errors = np.column_stack(
        [rng.standard_t(6, 3000), rng.standard_t(1, 3000), rng.normal(size=3000)]
    )
    found = likeliest_dof(errors**2, np.ones_like(errors))

    def likelihood(dof):
        return student_t.logpdf(errors[:, 0], dof).sum()

    assert likelihood(found[0]) > max(map(likelihood, np.linspace(4, 9, 200))) - 0.1
    assert found[1] < 1.01 * LEAST_DOF
    assert found[2] > 30


def test_copies_count_as_weights():
    errors = np.random.default_rng(1).standard_t(5, (200, 1))
    counts = np.arange(200)[:, None] % 3.0
    copied = np.repeat(errors, counts[:, 0].astype(int), axis=0)
    expected = likeliest_dof(copied**2, np.ones_like(copied))
    assert_allclose(likeliest_dof(errors**2, counts), expected)
    assert LEAST_DOF <= expected[0] <= MOST_DOF
