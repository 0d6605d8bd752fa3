"""The layout of `vaelib`: floors, file lengths, documented functions, and what an import costs."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import vaelib

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "vaelib").rglob("*.py"))
MAX_LINES = 350

MODULES = {path.stem if path.is_file() else path.name for path in (ROOT / "vaelib").iterdir()}
FILES_TO_READ = {"models", "losses", "latent", "priors", "flow", "detail", "sharpening", "metrics", "training", "cli"}
FILES_TO_READ |= {"errors"}
FOLDERS = {"data", "runs", "course", "support", "shipped"}
DOORS = {"__init__", "__main__"}  # they lead to every floor
# Imports between rooms, each pair counted once.
MOST_ARROWS = 65
LATER = "vaelib.detail"  # the house was measured without it

Function = ast.FunctionDef | ast.AsyncFunctionDef


def each_file(function):
    """Run a test once for each file of the library."""
    return pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))(function)


def module_of(path: Path) -> str:
    """The module or sub-package of vaelib that a file belongs to: `data` for vaelib/data/celeba.py."""
    return path.relative_to(ROOT / "vaelib").with_suffix("").parts[0]


def package_of(path: Path) -> list[str]:
    """The dotted package in which the file's relative imports start."""
    return list(path.relative_to(ROOT).parent.parts)


def imported_names(path: Path) -> Iterator[str]:
    """All imports of a file, at any place in it, as absolute dotted names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = package_of(path)[: len(package_of(path)) + 1 - node.level] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str:
    """The room that a dotted name belongs to: a file or folder of vaelib, or another top-level folder."""
    top, *rest = name.split(".")
    return f"{top}.{rest[0]}" if top == "vaelib" and rest else top


def arrows() -> set[tuple[str, str]]:
    """Which room imports which, outside of the tests."""
    tops = ("vaelib", "pages", "release", "benchmarks", "notebooks")
    found = set()
    for path in (path for top in tops for path in (ROOT / top).rglob("*.py")):
        own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        used = {room_of(name) for name in imported_names(path) if name.split(".")[0] in tops}
        found |= {(own, other) for other in used - {own, "vaelib", "vaelib.__version__"}}
    return {(a, b) for a, b in found if a.removeprefix("vaelib.") not in DOORS}


def public_functions(path: Path) -> Iterator[Function]:
    """Functions and methods that others may call: at the top of a module, or in a public class."""
    tree = ast.parse(path.read_text())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in [*tree.body, *(node for cls in classes for node in cls.body)]:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node


def parameters(function: Function) -> list[ast.arg]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [argument for argument in named if argument.arg not in ("self", "cls")]


def test_who_opens_the_library_sees_nine_files_and_five_folders() -> None:
    assert {name for name in MODULES if not name.startswith(("_", "."))} - {"py"} == FILES_TO_READ | FOLDERS


def test_imports_go_down_and_in_no_circle() -> None:
    """The floors stand in pyproject.toml, as contracts of import-linter, and in the docstring of the package."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stdout
    assert all(re.search(rf"^    \d  .*\b{name}\b", vaelib.__doc__, re.MULTILINE) for name in FILES_TO_READ)


def test_rooms_are_tied_by_few_arrows() -> None:
    found = arrows()
    ties = [arrow for arrow in found if LATER not in arrow]
    assert 40 < len(ties) <= MOST_ARROWS, sorted(ties)
    assert len(found) - len(ties) <= 5


def test_no_test_reaches_for_the_path_of_modules() -> None:
    tricks = [path.name for path in (ROOT / "tests").rglob("*.py") if re.search(r"sys\.path|E402", path.read_text())]
    assert [name for name in tricks if name != "test_structure.py"] == []


@each_file
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@each_file
def test_modules_say_what_they_are_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@each_file
def test_public_functions_are_documented(path: Path) -> None:
    assert [function.name for function in public_functions(path) if not ast.get_docstring(function)] == []


@each_file
def test_public_functions_have_type_hints(path: Path) -> None:
    untyped = [
        function.name
        for function in public_functions(path)
        if function.returns is None or any(argument.annotation is None for argument in parameters(function))
    ]
    assert untyped == []


def distribution_name(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_dependencies_are_declared() -> None:
    """The packages that the library imports are named in pyproject.toml, not just installed for other packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["course"]]
    declared = {distribution_name(re.match(r"[\w.-]+", requirement).group()) for requirement in requirements}
    imported = {name.split(".")[0] for path in FILES for name in imported_names(path)}
    providers = importlib.metadata.packages_distributions()
    for package in imported - sys.stdlib_module_names - {"vaelib"}:
        assert declared & {distribution_name(name) for name in providers[package]}, package


def test_type_checkers_may_use_the_hints() -> None:
    """The marker of PEP 561 lies in the package, where the wheel takes it along with all that lies there."""
    assert (ROOT / "vaelib/py.typed").is_file()
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["vaelib"] and wheel.keys() <= {"packages", "force-include"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after `statement`."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(finished.stdout.split())


def test_import_vaelib_is_light() -> None:
    assert loaded_by("import vaelib") & {"torch", "numpy", "IPython", "ipywidgets", "matplotlib"} == set()


def test_modules_are_reached_by_attribute_and_by_import() -> None:
    assert "torch" in loaded_by("import vaelib; vaelib.losses")
    assert "torch" in loaded_by("from vaelib import losses")


def test_the_library_needs_no_notebook() -> None:
    every_module = ", ".join(sorted(FILES_TO_READ | FOLDERS - {"shipped"}))
    assert loaded_by(f"from vaelib import {every_module}") & {"IPython", "ipywidgets", "ipykernel"} == set()


def test_an_unknown_module_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trainning'"):
        vaelib.trainning


def test_help_answers_at_once() -> None:
    """Well under a second on an idle machine; the bound leaves room for a busy one."""
    command = [sys.executable, "-X", "importtime", "-m", "vaelib", "--help"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=5)
    assert "manipulate" in finished.stdout
    assert re.search(r"\| +(torch|numpy|pandas|IPython)$", finished.stderr, re.MULTILINE) is None
