"""docs/extending.md: the rules it shows are those of the source, and its own code runs."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import sk_pydelt

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"<!-- from (\S+) -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
OWN = re.findall(r"(?<!-->\n)```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize(("path", "code"), QUOTED, ids=[path for path, _ in QUOTED])
def test_quoted_rules_are_in_the_source(path, code):
    assert code in (ROOT / path).read_text(encoding="utf-8")


def test_there_are_quotations():
    assert len(QUOTED) == 2
    assert len(OWN) == 5


def test_the_page_runs(tmp_path, monkeypatch):
    """As a module of its own, for its class must be found again when it is unpickled."""
    (tmp_path / "extending_page.py").write_text("\n".join(OWN), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    page = import_module("extending_page")
    slope, mixed = (page.differentiate(page.model, k) for k in ((1, 0), (1, 1)))
    assert abs(slope([[8.0, 90.0]])[0] - 16) < 0.2
    exact = -2 * 8 * 0.2 * np.pi / 180
    assert abs(mixed([[8.0, 90.0]])[0] - exact) < 0.05


def test_every_rule_named_in_the_docs_exists():
    """Names of classes on the page of rules are those of scikit-learn."""
    from sklearn.utils import all_estimators

    known = {name for name, _ in all_estimators()} | {"FrozenEstimator", *sk_pydelt.__all__}
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]\w+)", page)) - {"ValueError"}
    assert not named - known
