"""Tables that are printed row by row, as the rows come."""

import os
import platform
from datetime import date
from itertools import chain

import sk_pydelt

__all__ = ["write_table", "write_timings"]


def write_table(head, rows, path=None):
    """Print a head and rows of Markdown, and write them to a path where one is given."""
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    print(*lines, sep="\n", flush=True)
    for row in rows:
        lines.append(row)
        print(row, flush=True)
    if path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_timings(head, rows, path=None, device=None):
    """The same, and below it when, with which version and on what it was measured."""
    write_table(head, chain(rows, _measured(device)), path)


def _measured(device):
    yield ""
    if device is None:
        load = f"with a load of {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
        device = f"{os.cpu_count()} processors ({platform.machine()}) {load}".strip()
    yield f"Measured {date.today()} with sk-pydelt {sk_pydelt.__version__}: {device}."
