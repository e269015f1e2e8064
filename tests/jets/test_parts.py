"""Homogeneous parts: the adjoint of a product against the product itself."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_pydelt.jets import Jet
from sk_pydelt.jets.parts import multi_indices, product_adjoint, product_part


@pytest.mark.parametrize("q", [1, 2, 3])
@pytest.mark.parametrize("top", [0, 1, 2, 4])
@pytest.mark.parametrize("a_degree", [0, 1, 4])
def test_the_adjoint_of_a_product(q, top, a_degree):
    """⟨c, a b⟩ = ⟨adjoint of c, b⟩ for all a, b and c."""
    rng = np.random.default_rng(0)

    def parts(degree):
        return [rng.standard_normal((len(multi_indices(q, k)), 4, 3)) for k in range(degree + 1)]

    a, b, c = parts(min(a_degree, top)), parts(top), parts(top)
    product = [product_part(a, b, k, q) for k in range(top + 1)]
    adjoint = product_adjoint(a, c, q)
    left = sum((x * y).sum() for x, y in zip(c, product))
    assert_allclose(sum((x * y).sum() for x, y in zip(adjoint, b)), left, rtol=1e-12)


def test_what_counts_nothing_is_left_out():
    a = [np.ones((1, 2, 1)), np.ones((1, 2, 1))]
    low, high = product_adjoint(a, [None, np.full((1, 2, 1), 3.0)], 1)
    assert_allclose(low, 3.0)
    assert_allclose(high, 3.0)
    assert product_adjoint(a[:1], [None, a[0]], 1)[0] is None


class Immutable(np.ndarray):
    """An array whose += gives a new one, as in libraries without updates in place."""

    def __iadd__(self, other):
        return self + other


@pytest.mark.parametrize("q", [1, 2])
def test_sums_need_no_update_in_place(q):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3, q))
    plain, other = (Jet.variables(X.view(kind), 3) for kind in (np.ndarray, Immutable))
    for expected, found in zip(_polynomial(plain).parts, _polynomial(other).parts):
        assert_allclose(np.asarray(found), expected, rtol=1e-14)


def _polynomial(jet):
    x, y = jet[:, 0], jet[:, -1]
    return x * (x * y) / (1 + y * y) + (x * y).square()
