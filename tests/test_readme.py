"""The README's code runs as it stands, block after block, in one session."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.filterwarnings("error")
def test_python_blocks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) == 2
    session = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), session)
    assert abs(session["velocity"]([[1.0]])[0] - 0.5403) < 0.05
    assert session["acceleration"]([[1.0]]).shape == (1,)
    assert "activation" in capsys.readouterr().out
