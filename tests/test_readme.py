"""The README's code runs as it stands, block after block, in one session."""

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.filterwarnings("error")
def test_python_blocks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) == 3
    session = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), session)
    assert abs(session["rate"][30] - np.cos(session["seconds"][30])) < 4 * session["std"][30]
    assert abs(session["velocity"]([[1.0]])[0] - 0.5403) < 0.05
    assert session["acceleration"]([[1.0]]).shape == (1,)
    assert "activation" in capsys.readouterr().out
