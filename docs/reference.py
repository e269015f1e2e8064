"""The pages of the API reference, from what each module says is public, its `__all__`."""

from importlib import import_module
from inspect import getdoc
from pathlib import Path

__all__ = ["MODULES", "write_reference"]

MODULES = {
    "Estimators and derivatives": ["sk_pydelt"],
    "Pictures": ["sk_pydelt.display"],
    "Large data": ["sk_pydelt.dask"],
    "Coming from pydelt": ["sk_pydelt.interpolation", "sk_pydelt.multivariate"],
    "Files": ["sk_pydelt.trusted"],
    "Extending": [
        "sk_pydelt.chain",
        "sk_pydelt.jets",
        "sk_pydelt.backends",
        "sk_pydelt.probabilistic",
        "sk_pydelt.components",
        "sk_pydelt.estimator_checks",
    ],
}


def write_reference(docs: Path) -> None:
    """Write generated/reference.rst, a table for each module."""
    lines = ["Reference", "=========", "", "Every public name, with its examples.", ""]
    for title, modules in MODULES.items():
        lines += [title, "-" * len(title), ""]
        for name in modules:
            lines += _module(name)
    page = docs / "generated" / "reference.rst"
    page.parent.mkdir(exist_ok=True)
    text = "\n".join(lines)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def _module(name):
    module = import_module(name)
    summary = getdoc(module).split("\n\n")[0].splitlines()
    names = sorted(module.__all__)
    head = f"``{name}``"
    return [
        *(head, "^" * len(head), ""),
        *(*summary, "", f".. currentmodule:: {name}", ""),
        *(".. autosummary::", "   :toctree: .", "   :nosignatures:", ""),
        *(f"   {public}" for public in names),
        "",
    ]
