"""docs/training.md: its code runs as it stands, block after block, and prints what it says."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "training.md"


def test_the_code_runs_and_prints_what_it_says(capsys):
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    for block in blocks:
        exec(compile(block, "docs/training.md", "exec"), names)
        expected = re.findall(r"print\(.*\)  # (.*)", block)
        assert capsys.readouterr().out.splitlines() == expected
