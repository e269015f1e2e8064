"""docs/dask.md: its code runs as it stands, block after block, in one session."""

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

PAGE = (Path(__file__).parents[1] / "docs" / "dask.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def session():
    names: dict = {}
    for block in BLOCKS:
        exec(compile(block, "docs/dask.md", "exec"), names)
    return names


def test_the_page_computes_what_it_says(session):
    places = session["places"].compute()
    assert np.abs(session["mixed"].compute() - np.cos(places[:, 0])).mean() < 0.01
    assert np.abs(session["slopes"].compute()[:, 1] - np.sin(places[:, 0])).mean() < 0.01


def test_vorticity_keeps_the_coordinates(session):
    velocity, found = session["velocity"], session["found"]
    exact = -2 * np.exp(-velocity.time) * np.cos(velocity.y) * np.cos(velocity.x)
    xr.testing.assert_allclose(found, exact, atol=0.02)
    assert found.dims == velocity.u.dims == ("time", "y", "x")


def test_vorticity_of_chunks_is_lazy_and_the_same(session):
    lazily = dict(session)
    lazily["velocity"] = session["velocity"].chunk({"time": 1})
    call = BLOCKS[-1][BLOCKS[-1].index("found = ") :]
    exec(call, lazily)
    assert lazily["found"].chunks == ((1, 1, 1), (12,), (15,))
    xr.testing.assert_allclose(lazily["found"].compute(), session["found"])


def test_the_frame_has_the_derivatives(session):
    frame = session["frame"].compute()
    np.testing.assert_allclose(frame.speed, np.cos(frame.t), atol=1e-5)
    np.testing.assert_allclose(frame.acceleration, -np.sin(frame.t), atol=1e-3)
