"""Tables that are printed row by row, as the rows come."""

import argparse
import os
import platform
import warnings
from datetime import date
from itertools import chain
from pathlib import Path

import sk_pydelt

__all__ = ["main", "write_table", "write_timings"]


def write_table(head, rows, path=None):
    """Print a head and rows of Markdown, and write them to a path where one is given."""
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    print(*lines, sep="\n", flush=True)
    for row in rows:
        lines.append(row)
        print(row, flush=True)
    if path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(description, head, rows):
    """What a benchmark does that asks for nothing but where to write its table."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    write_table(head, rows, asked.table)


def write_timings(head, rows, path=None, device=None):
    """The same, and below it when, with which version and on what it was measured."""
    write_table(head, chain(rows, _measured(device)), path)


def _measured(device):
    yield ""
    if device is None:
        load = f"with a load of {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
        device = f"{os.cpu_count()} processors ({platform.machine()}) {load}".strip()
    yield f"Measured {date.today()} with sk-pydelt {sk_pydelt.__version__}: {device}."
