"""Doctests: what cannot be imported without TensorFlow is left out, and no fit of them warns."""

from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("tensorflow") else ["sk_pydelt/backends/tensorflow/*"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What users copy must converge; tests may train nets for some steps only (setup.cfg)."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker(pytest.mark.filterwarnings("error"))
