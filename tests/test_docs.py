"""The code of the pages of docs/ runs as it stands, the blocks of each page in one session."""

import doctest
import re
import runpy
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {path.stem: path for path in sorted(DOCS.glob("*.md"))}
RESULTS = DOCS.parent / "benchmarks" / "results"
OWN_TEST = {"dask", "export", "extending", "files"}  # test_dask_docs.py, ..., test_trusted.py
OPTIONAL = {"numdifftools", "pynumdiff"}  # of the extra "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page):
    """The code of each block of Python, and the line before it."""
    text = PAGES[page].read_text(encoding="utf-8")
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield found[1], text[: found.start()].count("\n") + 1


def run(code, line, page, session):
    """Run a block; one of a prompt must show what the page shows."""
    if not code.startswith(">>>"):
        return exec(compile("\n" * line + code, PAGES[page], "exec"), session)
    test = doctest.DocTestParser().get_doctest(code, session, page, str(PAGES[page]), line)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    failures = []
    runner.run(test, out=failures.append, clear_globs=False)
    session.update(test.globs)
    assert not runner.failures, "".join(failures)


@pytest.mark.filterwarnings(
    "error",
    "ignore:tvrdiff:UserWarning",  # of PyNumDiff, at import
    "ignore:.*type hint is inferred as AnyType:UserWarning",  # of MLflow, at import
)
@pytest.mark.parametrize("page", [p for p in PAGES if any(blocks(p)) and p not in OWN_TEST])
def test_code_of_the_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = {"__name__": page}
    for code, line in blocks(page):
        try:
            run(code, line, page, session)
        except ModuleNotFoundError as missing:
            if missing.name not in OPTIONAL:
                raise
    plt.close("all")


@pytest.mark.filterwarnings("error")
def test_the_first_tutorial_with_a_file_of_ones_own(tmp_path, monkeypatch):
    """Its second block, as a newcomer copies it: two columns by other names, 300 rows."""
    monkeypatch.chdir(tmp_path)
    x = range(300)
    rows = [f"{i / 7:.3f},{(i * 37 % 11) / 10 + i / 50:.2f}" for i in x]
    Path("motion.csv").write_text("\n".join(["depth (m),temperature", *rows]))
    code = (DOCS / "tutorials" / "plot_1_csv.py").read_text(encoding="utf-8").split("# %%")[2]
    monkeypatch.setattr(plt, "show", lambda: None)
    Path("mine.py").write_text(code, encoding="utf-8")
    session = runpy.run_path("mine.py")
    panels = plt.gcf().axes
    assert [len(axes.lines) > 0 for axes in panels] == [True] * 3
    assert all(axes.collections for axes in panels)  # the bands
    assert session["model"].noise_std_ > 0
    plt.close("all")


def test_every_table_of_a_benchmark_is_drawn_and_there_to_draw():
    """Pages include the tables of `benchmarks/results/`; measurements.py draws accuracy.jsonl."""
    include = re.compile(r"{include} \.\./benchmarks/results/(\S+)")
    drawn = [name for page in PAGES.values() for name in include.findall(page.read_text("utf-8"))]
    assert sorted(drawn) == sorted(path.name for path in RESULTS.glob("*.md"))


TYPED = re.compile(r"^\|.*\|( -?[\d.,]+(e-?\d+)?( %)? \|){2,}", re.MULTILINE)  # numbers in a row


@pytest.mark.parametrize("page", PAGES)
def test_no_page_holds_a_typed_row_of_numbers(page):
    assert not TYPED.search(PAGES[page].read_text(encoding="utf-8"))


FACES = [
    "sk_pydelt",
    *(f"sk_pydelt.{name}" for name in ("dask", "display", "interpolation", "multivariate")),
]


@pytest.mark.parametrize("name", FACES)
def test_every_public_name_has_an_example(name):
    module = import_module(name)
    public = [getattr(module, name) for name in module.__all__ if callable(getattr(module, name))]
    assert [thing.__name__ for thing in public if ">>>" not in (thing.__doc__ or "")] == []


def test_the_table_beside_others_is_of_medians_and_of_the_best_other(monkeypatch):
    """Two runs of two problems, counted by hand."""
    monkeypatch.syspath_prepend(DOCS)
    from measurements import _beside_others

    def run(problem, method, error, **more):
        return {"problem": problem, "method": method, "rmse1": error} | more

    rows = [
        run("a", "Bayesian nets", 1.0, cover0=0.9, cover1=1.0),
        run("a", "Bayesian nets", 2.0, cover0=0.8, cover1=0.9),
        run("a", "our spline", 0.1),
        run("a", "GP, RBF", 3.0),
        run("a", "pydelt", 4.0),
        run("b, slopes known", "Bayesian nets, with slopes", 8.0, cover0=0.5),
        run("b, slopes known", "JENN, with slopes", 2.0),
        run("b, slopes known", "pydelt", 1.0),
    ]
    methods = dict.fromkeys(row["method"] for row in rows)
    assert list(_beside_others(rows, ["a", "b, slopes known"], methods))[2:] == [
        "| a | 1.5 | GP, RBF | 3 | 0.5 | 85% / 95% |",
        "| b, with slopes | 8 | JENN, with slopes | 2 | 4 | 50% |",
    ]
