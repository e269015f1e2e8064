"""Layers of the PyTorch perceptron that torch does not have."""

import torch
from numpy.testing import assert_allclose

from sk_pydelt.backends.pytorch.generator import SeededGenerator
from sk_pydelt.backends.pytorch.perceptron import Dropout


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    before = torch.get_rng_state()
    dropout = Dropout(0.3, SeededGenerator(0))
    ones = torch.ones(400, 500)
    dropped = dropout(ones)
    assert_allclose(dropped.unique(), [0, 1 / 0.7], rtol=1e-6)
    assert_allclose((dropped == 0).double().mean(), 0.3, atol=5e-3)
    assert not torch.equal(dropout(ones), dropped)
    assert dropout.eval()(ones) is ones
    assert torch.equal(torch.get_rng_state(), before)
