"""What the project says of itself is so: its dependencies, its map, the folders of its tests."""

import ast
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sk_pydelt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMPORTED_AS = {"scikit-learn": "sklearn", "mlflow-skinny": "mlflow"}
# run, not imported by us
TOOLS = {"build", "mypy", "onnxscript", "pre-commit", "pytest", "pytest-xdist", "ruff", "twine"}
CONF = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
ON_PAGES = {"numdifftools"}  # in the code of docs/*.md, which tests/test_docs.py runs


def _names(requirements):
    names = (re.match(r"[\w-]+", requirement)[0] for requirement in requirements)
    return {name for name in names if name != PROJECT["name"]}


def _module(name):
    return IMPORTED_AS.get(name) or name.replace("-", "_")


def _imported(*folders):
    """Names of the top-level packages that files in some folders import anywhere."""
    found = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    return found


def test_every_dependency_is_imported_by_the_package():
    unused = {n for n in _names(PROJECT["dependencies"]) if _module(n) not in _imported(PACKAGE)}
    assert not unused


def test_every_extra_is_imported_somewhere():
    used = _imported("sk_pydelt", "tests", "examples", "benchmarks", "docs")
    for extra, requirements in PROJECT["optional-dependencies"].items():
        names = _names(requirements) - TOOLS - ON_PAGES
        unused = {n for n in names if _module(n) not in used}
        assert not {n for n in unused if n not in CONF and _module(n) not in CONF}, extra


def test_everything_that_the_package_imports_is_declared():
    extras = PROJECT["optional-dependencies"]
    declared = _names(PROJECT["dependencies"]) | _names(extras["tensorflow"])
    declared |= _names(extras["plot"]) | _names(extras["dask"])
    declared |= {"pandas", "polars", "pytest", "sk-pydelt"}
    known = {_module(name) for name in declared}
    assert not _imported(PACKAGE) - known - set(sys.stdlib_module_names)


def _pins(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_the_lowest_versions_are_those_declared():
    extras = PROJECT["optional-dependencies"]
    declared = PROJECT["dependencies"] + extras["tensorflow"] + extras["plot"]
    pins = _pins("constraints-lowest.txt")
    assert pins.keys() == _names(declared)
    for requirement in declared:
        name, bound = re.fullmatch(r"([\w-]+)[>=]=([\d.*]+)", requirement).groups()
        lowest = bound.replace("*", "0").split(".")
        pin = pins[name].split(".")
        assert pin == lowest + ["0"] * (len(pin) - len(lowest)), requirement


def test_the_leg_of_lowest_versions_is_run():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.index("-c constraints-lowest.txt") < script.index("tests/smoke.py")
    assert script.index("tests/smoke.py") < script.index('step "$tests"')


def _map():
    """Rows of the map in CONTRIBUTING: the names in its first column, and those in its second."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split("| where | what |")[1].split("\n\n")[0]
    for row in table.splitlines()[2:]:
        _, first, second, _ = row.split("|")
        yield re.findall(r"`([^`]+)`", first), re.findall(r"`([^`]+(?:\.py|/))`", second)


def test_every_name_on_the_map_is_there():
    rows = list(_map())
    assert len(rows) > 5
    for folders, names in rows:
        assert not [name for name in folders if not (PACKAGE / name).exists()]
        homes = [PACKAGE, *(PACKAGE / name for name in folders)]
        assert not [n for n in names if not any((home / n).exists() for home in homes)]


def test_every_file_at_the_top_is_on_the_map():
    entries = {
        p.name for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    named = {name.rstrip("/").split("/")[0] for names, _ in _map() for name in names}
    assert not entries - named - {"__init__.py"}


TEST_FOLDERS = sorted({p.parent for p in (ROOT / "tests").rglob("test_*.py")} - {ROOT / "tests"})


@pytest.mark.parametrize("folder", TEST_FOLDERS, ids=lambda p: str(p.relative_to(ROOT / "tests")))
def test_folders_of_tests_mirror_the_package(folder):
    assert (PACKAGE / folder.relative_to(ROOT / "tests")).is_dir()


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()


def test_the_version_is_one():
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1]
    assert PROJECT["version"] == cited
    assert f"\n## [{cited}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_citation_names_the_repository_and_the_documentation():
    text = (ROOT / "CITATION.cff").read_text()
    assert f"repository-code: {PROJECT['urls']['Repository']}\n" in text
    assert f"\nurl: {PROJECT['urls']['Documentation']}\n" in text


def test_links_of_the_readme_work_on_the_package_index():
    targets = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    repository = PROJECT["urls"]["Repository"]
    raw = repository.replace("github.com", "raw.githubusercontent.com")
    homes = f"{repository}/blob/main/", f"{raw}/main/"
    files = [t.removeprefix(home) for home in homes for t in targets if t.startswith(home)]
    assert len(files) > 5
    assert not [name for name in files if not (ROOT / name).exists()]
    assert all(target.startswith("https://") for target in targets)


def test_the_source_distribution_grafts_every_folder():
    manifest = (ROOT / "MANIFEST.in").read_text().split()
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    scratch = {"build", "dist", "venv", "__pycache__"} | {p.name for p in ROOT.glob("*.egg-info")}
    assert not folders - scratch - {PACKAGE.name} - set(manifest)


@pytest.mark.parametrize("module", ["sk_pydelt", "sk_pydelt.interpolation"])
def test_diagrams_link_to_the_documentation(module):
    """That is declared, on the page of the class's public name."""
    model = import_module(module).SplineInterpolator()
    page = (
        f"{PROJECT['urls']['Documentation']}/en/stable/generated/{module}.SplineInterpolator.html"
    )
    assert f'href="{page}"' in model._repr_html_()


def test_every_page_is_in_the_navigation_of_the_site():
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
    trees = re.findall(r"```{toctree}\n(.*?)```", "".join(pages.values()), re.DOTALL)
    named = [re.sub(r".*<(.*)>", r"\1", line) for tree in trees for line in tree.splitlines()]
    assert not pages.keys() - {*named, "index"}, "name it in docs/guide.md"
    assert not [page for page in pages if named.count(page) > 1], "it is named twice"
