"""The kinds of arrays on which solvers and jets are tested, value for value."""

import numpy as np
import pytest
import torch

ARRAYS = {"numpy": np.asarray, "torch": torch.tensor}

each_array = pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
