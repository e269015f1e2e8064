"""The house itself: who imports whom, what loads when, and how large the rooms are."""

import ast
import inspect
import re
import subprocess
import sys
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sk_pydelt"

ESTIMATOR = "base calculus* chain* explained jets* progress samples solvers*"

BACKEND = (
    "jets* law_rows samples solvers* backends.contract backends.devices backends.features "
    "backends.imports backends.least_squares backends.losses backends.schedule "
    "backends.training progress"
)

# module: what it may import, itself never needs saying; (in brackets): only inside a function.
MAY_IMPORT = {
    "checks": "",
    "trusted": "",
    "progress": "",
    "jets*": "jets*",
    "noise": "solvers.student",
    "samples": "jets* law_rows noise",
    "law_rows": "jets*",
    "laws": "",
    "law_scaling": "chain* checks jets* law_rows laws periodic",
    "state": "",
    "solvers*": "jets* solvers*",
    "backends": (
        "backends.contract backends.features backends.memory backends.registry backends.schedule "
        "backends.training"
    ),
    "backends.__main__": "backends.registry",
    "backends.contract": "jets* samples",
    "backends.devices": "",
    "backends.imports": "",
    "backends.memory": "backends.contract jets* samples solvers*",
    "backends.features": "backends.contract samples",
    "backends.least_squares": "jets* law_rows solvers*",
    "backends.losses": "jets*",
    "backends.schedule": "backends.contract",
    "backends.registry": (
        "backends.contract backends.features backends.pytorch backends.tensorflow samples"
    ),
    "backends.training": "backends.contract backends.losses samples",
    "backends.pytorch*": f"{BACKEND} backends.pytorch*",
    "backends.tensorflow*": f"{BACKEND} backends.tensorflow*",
    "chain*": "jets* chain*",
    "scaling": "",
    "periodic": "chain* jets* scaling",
    "tensors": "checks jets*",
    "calculus*": "chain* checks jets* calculus* state tensors",
    "estimator_checks": "calculus* chain* jets*",
    "dask*": "calculus* chain* checks dask* state",
    "explained": "",
    "convergence": "explained",
    "options": "jets* samples",
    "further_samples": "base checks samples scaling",
    "methods": "calculus*",
    "base": (
        "calculus* chain* checks explained jets* methods periodic samples scaling state tensors"
    ),
    "sobolev": "base chain* checks jets* law_scaling laws periodic samples",
    "components": "jets*",
    "mixtures": "chain* components jets*",
    "probabilistic": "base calculus* chain* components jets* mixtures state tensors",
    "row_blocks": "checks",
    "incremental": (
        "backends base checks further_samples progress row_blocks samples scaling sobolev"
    ),
    "neural": f"{ESTIMATOR} backends convergence incremental laws options",
    "bayesian*": (
        f"{ESTIMATOR} bayesian* checks components law_rows laws noise probabilistic sobolev"
    ),
    "spline_fit": "explained samples solvers*",
    "spline_shape": "base calculus* state",
    "spline": f"{ESTIMATOR} components probabilistic scaling spline_fit spline_shape",
    "pydelt_names": "",
    "curves": "calculus* checks tensors",
    "labels": "",
    "display*": "calculus* checks display* labels",
    "measured": "checks labels",
    "estimate": "bayesian calculus* checks measured spline",
    "interpolation": (
        "base bayesian* calculus* curves neural pydelt_names solvers* spline spline_fit state"
    ),
    "multivariate": "calculus checks curves neural pydelt_names spline",
    "__init__": "base bayesian calculus* estimate laws neural spline (*)",
}

# library: the modules that may import it when they are themselves imported.
TOP_LEVEL_OWNERS = {
    "torch": "backends.pytorch*",
    "skorch": "backends.pytorch*",
    "tensorflow": "backends.tensorflow*",
    "keras": "backends.tensorflow*",
    "scikeras": "backends.tensorflow*",
    "matplotlib": "",
    "pint": "",
    "xarray": "",
    "dask": "dask*",
    "distributed": "",
}


def _module_name(path):
    """The dotted name below sk_pydelt; a package's __init__.py goes by the package's name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {_module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
each_module = pytest.mark.parametrize("name", MODULES)


def _tree(name):
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def _import_nodes(node, lazy=False):
    """Every import statement below node that can run, with whether it waits for a call."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, lazy
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.orelse:
                yield from _import_nodes(ast.Module([statement], []), lazy)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _import_nodes(child, lazy or function)


def _absolute(name, node):
    """The full dotted names that one import statement of a module of ours asks for."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    origin = node.module or ""
    if node.level:
        here = MODULES[name].relative_to(ROOT).with_suffix("").parts
        origin = ".".join([*here[: len(here) - node.level], *filter(None, [node.module])])
    return [f"{origin}.{alias.name}" for alias in node.names]


def _imports(name):
    """The pairs (full dotted name, lazy) of everything that a module of ours imports."""
    for node, lazy in _import_nodes(_tree(name)):
        for target in _absolute(name, node):
            yield target, lazy


def _our_module(target):
    """The module of ours that a full dotted name lies in, None if it is somebody else's."""
    top, *parts = target.split(".")
    if top != PACKAGE.name:
        return None
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts) or "__init__"


def _matches(name, patterns):
    return any(fnmatch(name, pattern) for pattern in patterns)


def _allowed(name, lazy):
    """The patterns of the modules that a module may import, at the top or inside a function."""
    row = next(row for pattern, row in MAY_IMPORT.items() if fnmatch(name, pattern)).split()
    return [word.strip("()") for word in row if lazy or not word.startswith("(")] + [name]


@each_module
def test_every_module_has_its_row_in_the_table(name):
    assert _matches(name, MAY_IMPORT), f"say in MAY_IMPORT what sk_pydelt.{name} may import"


@pytest.mark.parametrize("pattern", MAY_IMPORT)
def test_every_row_of_the_table_is_of_a_module(pattern):
    assert any(fnmatch(name, pattern) for name in MODULES), "there is no such module: leave it out"


@pytest.mark.parametrize("pattern", MAY_IMPORT)
def test_every_name_in_a_row_is_of_a_module(pattern):
    words = [word.strip("()") for word in MAY_IMPORT[pattern].split()]
    assert not [w for w in words if w != "*" and not any(fnmatch(name, w) for name in MODULES)]


@each_module
def test_imports_go_only_downward(name):
    ours = {(_our_module(target), lazy) for target, lazy in _imports(name)}
    wrong = {
        module for module, lazy in ours if module and not _matches(module, _allowed(name, lazy))
    }
    assert not wrong, f"sk_pydelt.{name} may not import {sorted(wrong)} there"


def _visit(name, trail=()):
    """Follow the table's own edges down from a module, refusing to come back to one."""
    assert name not in trail, f"the table has a circle: {' -> '.join([*trail, name])}"
    for below in MAY_IMPORT[name].split():
        for pattern in MAY_IMPORT:
            if pattern != name and fnmatch(pattern, below.strip("()")):
                _visit(pattern, (*trail, name))


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_the_table_itself_has_no_circle(name):
    _visit(name)


@each_module
def test_heavy_libraries_stay_in_the_files_that_own_them(name):
    wrong = {
        target
        for target, lazy in _imports(name)
        if (owner := TOP_LEVEL_OWNERS.get(target.split(".")[0])) is not None
        and not lazy
        and not fnmatch(name, owner)
    }
    assert not wrong, (
        f"import {sorted(wrong)} inside the function of sk_pydelt.{name} that needs it"
    )


@each_module
def test_only_the_tensorflow_backend_knows_scikeras(name):
    knows = any(target.split(".")[0] == "scikeras" for target, _ in _imports(name))
    assert not knows or fnmatch(name, TOP_LEVEL_OWNERS["scikeras"])


def test_importing_the_package_loads_no_heavy_library():
    code = "import sys, sk_pydelt; print(sk_pydelt.__file__, *sys.modules, sep='\\n')"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    file, *loaded = run.stdout.split()
    assert Path(file) == PACKAGE / "__init__.py"
    assert not {module.split(".")[0] for module in loaded} & set(TOP_LEVEL_OWNERS)


@each_module
def test_no_file_is_above_400_lines(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 400


def _body_length(function):
    """Lines from the first statement after the docstring to the last."""
    first = 1 if ast.get_docstring(function) is not None else 0
    body = function.body[first:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@each_module
def test_no_function_body_is_above_40_lines(name):
    functions = [
        node
        for node in ast.walk(_tree(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = {f.name: _body_length(f) for f in functions if _body_length(f) > 40}
    assert not long


def _public_functions(node, within=""):
    """Pairs (dotted name, function) of what users may call of a module or class, and __init__."""
    for child in node.body:
        if isinstance(child, ast.ClassDef) and _is_public(child.name):
            yield from _public_functions(child, f"{within}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and _is_public(child.name):
            yield f"{within}{child.name}", child


def _is_public(name):
    return not name.startswith("_") or name in ("__init__", "__call__")


def _without_annotation(function, is_method):
    """Names of the parameters without an annotation, but for `self`; and "return"."""
    a = function.args
    placed = [*a.posonlyargs, *a.args][is_method and not _is_static(function) :]
    named = [*placed, *a.kwonlyargs, *filter(None, [a.vararg, a.kwarg])]
    if function.name == "__init__" and not named:
        return []
    bare = [parameter.arg for parameter in named if parameter.annotation is None]
    return bare if function.returns is not None else [*bare, "return"]


def _is_static(function):
    return any(ast.unparse(decorator) == "staticmethod" for decorator in function.decorator_list)


@each_module
def test_public_functions_are_annotated(name):
    missing = {
        where: found
        for where, function in _public_functions(_tree(name))
        if (found := _without_annotation(function, is_method="." in where))
    }
    assert not missing


def test_what_is_annotated():
    code = """
def whole(a: int, *b: int, c: int = 1, **d: int) -> None: ...
def bare(a, *b, c, **d): ...
def _private(a): ...
class Public:
    def __init__(self, a: int): ...
    def __call__(self) -> int: ...
    def method(self, a: int, b) -> int:
        def nested(c): ...
    @staticmethod
    def static(a) -> int: ...
class _Private:
    def method(self, a): ...
"""
    found = {
        where: _without_annotation(function, "." in where)
        for where, function in _public_functions(ast.parse(code))
    }
    assert found == {
        "whole": [],
        "bare": ["a", "c", "b", "d", "return"],
        "Public.__init__": ["return"],
        "Public.__call__": [],
        "Public.method": ["b"],
        "Public.static": ["a"],
    }


def _overrides(module):
    """Triples (name, method, parent's method) of what a module's classes override of ours."""
    for cls in vars(module).values():
        if inspect.isclass(cls) and cls.__module__ == module.__name__:
            ours = [c for c in cls.__mro__ if c.__module__.startswith(PACKAGE.name)]
            for i, child in enumerate(ours):
                for parent in ours[i + 1 :]:
                    for name in vars(child).keys() & vars(parent).keys():
                        method, above = vars(child)[name], vars(parent)[name]
                        if inspect.isfunction(method) and not name.startswith("__"):
                            yield f"{child.__name__}.{name} of {cls.__name__}", method, above


def _takes_every_call(method, above):
    """Whether a method has another's parameters, and further ones only with defaults behind."""
    ours, theirs = (inspect.signature(f).parameters for f in (method, above))
    same = all(
        name in ours and (ours[name].kind, ours[name].default) == (p.kind, p.default)
        for name, p in theirs.items()
    )
    placed = [name for name, p in theirs.items() if p.kind is not p.KEYWORD_ONLY]
    further = [p for name, p in ours.items() if name not in theirs]
    return same and list(ours)[: len(placed)] == placed and all(map(_may_be_left_out, further))


def _may_be_left_out(parameter):
    variable = parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD
    return parameter.default is not parameter.empty or parameter.kind in variable


@each_module
def test_a_method_takes_every_call_that_its_parents_takes(name):
    if name.startswith("backends.tensorflow"):
        pytest.importorskip("tensorflow")
    module = import_module(f"{PACKAGE.name}.{name}" if name != "__init__" else PACKAGE.name)
    wrong = [what for what, *pair in _overrides(module) if not _takes_every_call(*pair)]
    assert not wrong, "a child may add parameters with defaults after its parent's, nothing else"


def test_what_takes_every_call():
    def parent(self, X, y=None, *, weight=None): ...

    def more(self, X, y=None, z=None, *, weight=None, dy=None): ...

    def fewer(self, X, y=None): ...

    def renamed(self, x, y=None, *, weight=None): ...

    def between(self, X, z=None, y=None, *, weight=None): ...

    def other_default(self, X, y=1, *, weight=None): ...

    def needed(self, X, y=None, *, weight=None, dy): ...

    assert _takes_every_call(parent, parent)
    assert _takes_every_call(more, parent)
    for method in (fewer, renamed, between, other_default, needed):
        assert not _takes_every_call(method, parent), method.__name__


MACHINE_PATH = re.compile(r"(?<![\w./~])/(?:work|opt|home|root|tmp|Users|mnt|srv)\b|file://")
PRODUCT_TEXT = sorted(
    path
    for place in ("README.md", "sk_pydelt", "docs", "examples", "benchmarks")
    for path in [ROOT / place, *(ROOT / place).rglob("*")]
    if path.suffix in {".py", ".md", ".rst", ".txt", ".toml", ".cfg", ".ipynb"}
    and not {"_build", "auto_examples", "generated"} & set(path.parts)
)


@pytest.mark.parametrize("path", PRODUCT_TEXT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_names_a_path_of_one_machine(path):
    found = MACHINE_PATH.findall(path.read_text(encoding="utf-8"))
    assert not found
