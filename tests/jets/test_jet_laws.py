"""Laws that hold for all jets, on random ones."""

from itertools import product
from math import comb, prod

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from same_jets import assert_same_jet, indices

from sk_pydelt.jets import Jet, multi_indices
from sk_pydelt.jets.parts import product_part

MAX_ORDER = {1: 5, 2: 3, 3: 2}
ELEMENTS = st.floats(-2, 2, allow_subnormal=False)
laws = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def jets(draw, count):
    """Some jets of one kind, in 1 to 3 variables, each of its own degree."""
    n_variables = draw(st.integers(1, 3))
    order = draw(st.integers(0, MAX_ORDER[n_variables]))
    shape = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    result = []
    for _ in range(count):
        sizes = [len(multi_indices(n_variables, k)) for k in range(draw(st.integers(0, order)) + 1)]
        parts = [draw(arrays(float, (size, *shape), elements=ELEMENTS)) for size in sizes]
        result.append(Jet(parts, order, n_variables))
    return result


@laws
@given(jets(3))
def test_ring_axioms(abc):
    a, b, c = abc
    assert_same_jet(a + b, b + a)
    assert_same_jet(a * b, b * a, atol=1e-10)
    assert_same_jet((a + b) + c, a + (b + c))
    assert_same_jet((a * b) * c, a * (b * c), atol=1e-10)
    assert_same_jet(a * (b + c), a * b + a * c, atol=1e-10)
    assert_same_jet(a - a, 0 * a)
    assert_same_jet(a.square(), a * a, atol=1e-10)


@laws
@given(jets(2))
def test_division_undoes_multiplication(ab):
    a, b = ab
    b = b + 4  # its value in [2, 6]
    assert_same_jet((a * b) / b, a, atol=1e-10)
    assert_same_jet((a / b) * b, a, atol=1e-10)
    assert_same_jet(b**-2 * b**3, b, atol=1e-10)
    assert_same_jet((b**0.5).square(), b, atol=1e-10)


@laws
@given(jets(2))
def test_leibniz_rule(fg):
    f, g = fg
    for alpha in indices(f.n_variables, f.order):
        expected = sum(
            prod(map(comb, alpha, beta))
            * f.partial(beta)
            * g.partial(tuple(a - b for a, b in zip(alpha, beta)))
            for beta in product(*(range(a + 1) for a in alpha))
        )
        assert_allclose((f * g).partial(alpha), expected, rtol=1e-12, atol=1e-11)


@laws
@given(jets(2), st.floats(-3, 3))
def test_product_part_adds_to_the_total(ab, scale):
    a, b = ab
    n_variables, k = a.n_variables, min(a.degree + b.degree, a.order)
    fresh = product_part(a.parts, b.parts, k, n_variables)
    total = product_part(a.parts, b.parts, k, n_variables, total=fresh + 1, scale=scale)
    assert_allclose(total, fresh + 1 + scale * fresh, atol=1e-12)


def test_multi_indices_are_graded_and_complete():
    for n_variables, degree in product(range(1, 5), range(5)):
        alphas = multi_indices(n_variables, degree)
        assert len(alphas) == comb(n_variables + degree - 1, degree)
        assert sorted(alphas, reverse=True) == list(alphas)
        assert all(sum(alpha) == degree for alpha in alphas)
