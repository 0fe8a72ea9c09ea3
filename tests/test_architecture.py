"""The floors of ARCHITECTURE.md: imports go down only, and only the top knows click."""

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
    {"commands"},
    {"reports", "integrations"},
    {"judging"},
    {"rendering", "reading", "release"},
    {"api"},
    {"outside", "resources"},
    {"findings", "errors", "", "__version__"},
]


def floor(module: str) -> int:
    part = module.removeprefix("kubectl_canary").lstrip(".").partition(".")[0]
    return next(number for number, names in enumerate(FLOORS) if part in names)


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(file: Path) -> None:
    own = str(file.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for name in imports(file):
        if name.startswith("kubectl_canary") and not (own.endswith("cli") and ".commands" in name):
            upward = floor(name) < floor(own)
            deferred = own.endswith("errors") and name.endswith("findings.Finding")
            assert not upward or deferred, f"{own} imports {name}"


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_top_knows_click(file: Path) -> None:
    top = file.name == "cli.py" or file.parent.name == "commands"
    assert top or not any(name.partition(".")[0] == "click" for name in imports(file))


def test_every_module_is_on_a_floor_and_in_the_document() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rules = (ROOT / "docs/lint.md").read_text()
    for file in MODULES:
        is_rule = file.parent.name == "lint" and f"## {file.stem.replace('_', '-')}\n" in rules
        if file.name != "__init__.py" and not is_rule:
            assert f"{file.stem}.py" in text, f"{file.name} is not in ARCHITECTURE.md"
