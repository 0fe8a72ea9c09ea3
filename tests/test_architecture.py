"""The floors of ARCHITECTURE.md: imports go down only, and only the top knows click and the world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "kubectl_canary"
MODULES = sorted(PACKAGE.rglob("*.py"))
# from the roof to the ground; a module imports from its own floor and from those below
FLOORS = [
    {"__main__"},
    {"entry"},
    {"cli"},
    {"commands", "outside"},
    {"integrations"},
    {"reports"},
    {"judging"},
    {"rendering"},
    {"reading"},
    {"release"},
    {"api"},
    {"resources"},
    {"findings", "errors", "", "__version__"},
]
# the heart from its ground up, in the order in which a release is made; a module imports from the lines above its own
HEART = [
    {"groups", "application"},
    {"phases", "documents", "shares", "managed_fields", "patches"},
    {"plan", "strategic"},
    {"routes", "ways", "workloads"},
    {"overlay"},
    {"observed", "changes"},
    {"actions"},
]
# what decides, with what calls it: none of these opens, runs, connects or tells the time
DECIDING = ("api", "commands", "integrations", "judging", "reading", "release", "rendering", "reports")
WORLD = {
    "asyncio", "fileinput", "glob", "http", "logging", "multiprocessing", "os", "pathlib", "select", "shutil",
    "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "zipfile",
}  # fmt: skip
PURE = {"pathlib.PurePath"}
FUNCTIONS = {"__import__", "input", "open", "print"}
METHODS = {"now", "open", "today", "utcnow"}  # of datetime and date, and of what opens files


def floor(module: str) -> int:
    part = module.removeprefix("kubectl_canary").lstrip(".").partition(".")[0]
    return next(number for number, names in enumerate(FLOORS) if part in names)


def imports(file: Path) -> Iterator[str]:
    yield from imported(ast.parse(file.read_text()))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def touched(text: str) -> Iterator[str]:
    """What a module's text has of the world."""
    tree = ast.parse(text)
    for name in imported(tree):
        if name.partition(".")[0] in WORLD and name not in PURE:
            yield f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id in FUNCTIONS:
                yield f"calls {function.id}"
            elif isinstance(function, ast.Attribute) and function.attr in METHODS:
                yield f"calls {ast.unparse(function)}"


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(file: Path) -> None:
    own = str(file.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for name in imports(file):
        if name.startswith("kubectl_canary") and not (own.endswith("cli") and ".commands" in name):
            upward = floor(name) < floor(own)
            deferred = own.endswith("errors") and name.endswith("findings.Finding")
            assert not upward or deferred, f"{own} imports {name}"


def test_the_heart_has_an_order() -> None:
    order = {module: number for number, modules in enumerate(HEART) for module in modules}
    files = {file.stem: file for file in (PACKAGE / "release").glob("*.py") if file.name != "__init__.py"}
    assert order.keys() == files.keys()
    for module, file in files.items():
        known = [name.split(".")[2] for name in imports(file) if name.startswith("kubectl_canary.release.")]
        above = [name for name in known if order[name] >= order[module]]
        assert not above, f"release/{module}.py imports {', '.join(above)}"


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_top_knows_click(file: Path) -> None:
    top = file.name == "cli.py" or file.parent.name == "commands"
    assert top or not any(name.partition(".")[0] == "click" for name in imports(file))


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_say_the_whole_name(file: Path) -> None:
    assert not [name for name in imports(file) if name.startswith(".")]


@pytest.mark.parametrize("folder", DECIDING)
def test_what_decides_touches_nothing(folder: str) -> None:
    files = sorted((PACKAGE / folder).rglob("*.py"))
    assert files
    for file in files:
        assert not list(touched(file.read_text())), file.relative_to(PACKAGE)


@pytest.mark.parametrize("folder", sorted({*DECIDING} - {"commands"}))
def test_what_decides_does_not_know_outside(folder: str) -> None:
    for file in sorted((PACKAGE / folder).rglob("*.py")):
        known = [name for name in imports(file) if f"{name}.".startswith("kubectl_canary.outside.")]
        assert not known, file.relative_to(PACKAGE)


def test_outside_knows_only_errors_and_findings() -> None:
    for file in sorted((PACKAGE / "outside").glob("*.py")):
        own = [name.split(".")[1] for name in imports(file) if name.startswith("kubectl_canary.")]
        assert {*own} <= {"errors", "findings", "outside"}, file.name


def test_every_folder_decides_or_is_outside() -> None:
    folders = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert folders == {*DECIDING, "outside"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import os", "imports os"),
        ("def f():\n    import os.path", "imports os.path"),
        ("from subprocess import run", "imports subprocess.run"),
        ("from pathlib import Path, PurePath", "imports pathlib.Path"),
        ("def f(name):\n    return open(name).read()", "calls open"),
        ("import io\ntext = io.open(name).read()", "calls io.open"),
        ("from datetime import datetime\nlater = datetime.now()", "calls datetime.now"),
        ("import datetime\nday = datetime.date.today()", "calls datetime.date.today"),
    ],
)
def test_what_touches_the_world_is_found(text: str, found: str) -> None:
    assert [found] == list(touched(text))


def test_every_module_is_on_a_floor_and_in_the_document() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rules = (ROOT / "docs/lint.md").read_text()
    for file in MODULES:
        is_rule = file.parent.name == "lint" and f"## {file.stem.replace('_', '-')}\n" in rules
        if file.name != "__init__.py" and not is_rule:
            assert f"{file.stem}.py" in text, f"{file.name} is not in ARCHITECTURE.md"
