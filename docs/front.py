"""The picture of the front page, drawn by the code on it."""

import re
from pathlib import Path

import matplotlib

__all__ = ["draw_front"]


def draw_front(docs: Path) -> None:
    """Run the first block of index.md, and keep its figure as generated/front.png."""
    matplotlib.use("agg")
    text = (docs / "index.md").read_text(encoding="utf-8")
    session: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], session)
    figure = session["display"].figure_
    path = docs / "generated" / "front.png"
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    matplotlib.pyplot.close(figure)
