"""`CandidateTable`: the settings that competed, as a list that shows itself as a table."""

from html import escape
from typing import Any

import numpy as np

from .entrant import Entrant

__all__ = ["CandidateTable", "candidate_row"]

HEADINGS = {
    "activation": "net",
    "n_weights": "weights",
    "log_predictive_density": "log density",
    "log_marginal_likelihood": "log evidence",
    "weight": "share",
}
SHOWN = 10  # rows at the prompt


class CandidateTable(list):
    """A list of dict, one for each setting, which is shown as a table.

    Examples
    --------
    >>> row = {"hidden_layers": (8,), "activation": "sine", "omega_0": 5.0, "n_weights": 25}
    >>> scores = {"log_predictive_density": 0.31, "log_marginal_likelihood": 18.2, "weight": 1.0}
    >>> CandidateTable([row | scores])
    net          weights  log density  log evidence  share
    sine (8,) 5       25        0.310          18.2   1.00
    """

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return CandidateTable(found) if isinstance(key, slice) else found

    def __repr__(self) -> str:
        rows = [list(HEADINGS.values()), *map(_cells, self[:SHOWN])]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(_aligned(row, widths)) for row in rows]
        return "\n".join([*lines, *self._rest()])

    def _repr_html_(self) -> str:
        """The table of a notebook."""
        head = "".join(f"<th>{heading}</th>" for heading in HEADINGS.values())
        rows = "".join(f"<tr>{_html(_cells(row))}</tr>" for row in self)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def _rest(self):
        return [f"... and {len(self) - SHOWN} more"] if len(self) > SHOWN else []


def candidate_row(entrant: Entrant) -> dict[str, Any]:
    """What `candidates_` says of one setting."""
    hidden_layers, activation, omega_0 = entrant.setting
    evidence = [net.log_evidence for net in entrant.nets]
    return {
        "hidden_layers": hidden_layers,
        "activation": activation,
        "omega_0": omega_0,
        "n_weights": entrant.n_weights,
        "log_marginal_likelihood": float(np.mean(evidence)) if evidence else None,
        "log_predictive_density": entrant.mean_score if evidence else None,
        "weight": entrant.weight,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    name = row["activation"]
    if row["hidden_layers"]:
        name += f" {row['hidden_layers']}"
    if row["activation"] == "sine":
        name += f" {row['omega_0']:.3g}"
    density, evidence = row["log_predictive_density"], row["log_marginal_likelihood"]
    scores = [_number(density, ".3f"), _number(evidence, ".1f"), f"{row['weight']:.2f}"]
    return [name, str(row["n_weights"]), *scores]


def _number(value, form):
    return "" if value is None else format(value, form)


def _aligned(row, widths):
    """The name to the left, numbers to the right."""
    return [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]


def _html(cells):
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)
