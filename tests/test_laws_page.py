"""The code of docs/laws.md runs, and gives what it shows."""

import doctest
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_the_code_of_the_page():
    results = doctest.testfile(str(DOCS / "laws.md"), module_relative=False, optionflags=OPTIONS)
    assert results.attempted > 0
    assert not results.failed
