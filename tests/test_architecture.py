"""The floors of ARCHITECTURE.md: imports go down only, and only the top knows the world."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
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
    {"completing"},
    {"click_group"},
    {"verbs"},
    {"commands", "outside"},
    {"integrations"},
    {"reports"},
    {"driving"},
    {"judging"},
    {"rendering"},
    {"reading"},
    {"release"},
    {"routing"},
    {"api"},
    {"resources"},
    {"findings", "errors", "", "__version__"},
    {"records", "expressions"},
]
# the heart from its ground up, in the order in which a release is made; a module imports from the lines above its own
HEART = [
    {"groups", "metrics", "selectors", "testers"},
    {"application"},
    {"engines"},
    {"gates", "grants", "documents", "shares", "managed_fields", "patches"},
    {"phases"},
    {"plan", "strategic"},
    {"quota", "reversal", "routes", "ways", "workloads"},
    {"overlay", "companions", "reach"},
    {"apart", "neighbours"},
    {"observed", "changes", "adoption"},
    {"actions", "fleets", "lifecycle", "precedence", "wording"},
]
# what decides, with what calls it: none of these opens, runs, connects or tells the time
DECIDING = (
    "api",
    "commands",
    "driving",
    "integrations",
    "judging",
    "reading",
    "release",
    "rendering",
    "reports",
    "routing",
)
# the standard library as far as it touches nothing, for what decides
PURE = {
    "__future__", "base64", "bisect", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "fractions", "functools", "gc", "hashlib", "html", "importlib", "inspect", "io", "ipaddress", "itertools", "json", "math",
    "operator", "posixpath", "re", "shlex", "string", "textwrap", "types", "typing", "unicodedata", "xml", "_typeshed",
    "click", "jinja2", "jsonschema", "referencing", "ruamel", "yaml", "kubectl_canary",
}  # fmt: skip
PURE_NAMES = {
    "pathlib.PurePath", "pathlib.PurePosixPath", "platform.python_version", "urllib.parse.parse_qsl",
    "urllib.parse.quote", "urllib.parse.urlsplit",
}  # fmt: skip
FUNCTIONS = {"__import__", "compile", "eval", "exec", "input", "open", "print"}
METHODS = {
    "iterdir", "mkdir", "now", "open", "read_bytes", "read_text", "stat", "today", "unlink", "utcnow", "write_bytes",
    "write_text",
}  # fmt: skip
TOUCHED = {
    "api/cel/translate.py": ["uses eval"]
}  # of names of ours and of literals, without Python's own functions
MAPPED = ("kubectl_canary.templates", "kubectl_canary.schemas")  # of folders beside the package
GROUND = ("errors", "findings")  # modules at the top of the package that decide too
MOST_PARAMETERS = 7
# `inputs.py` is imported by what does the work
VERBS_FILES = sorted({*(PACKAGE / "commands").glob("*.py")} - {PACKAGE / "commands/inputs.py"})
VERBS_RUN = {file.stem for file in (PACKAGE / "commands").glob("*.py")}


def floor(module: str) -> int:
    part = module.removeprefix("kubectl_canary").lstrip(".").partition(".")[0]
    return next(number for number, names in enumerate(FLOORS) if part in names)


def imports(file: Path) -> Iterator[str]:
    yield from imported(ast.parse(file.read_text()))


def imported(tree: ast.Module, deep: bool = True) -> Iterator[str]:
    for node in ast.walk(tree) if deep else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def touched(text: str) -> Iterator[str]:
    """What a module's text has of the world."""
    tree = ast.parse(text)
    for name in imported(tree):
        if (name.partition(".")[0] not in PURE and name not in PURE_NAMES) or (
            name.startswith("kubectl_canary.resources.") and name != "kubectl_canary.resources.read"
        ):
            yield f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in FUNCTIONS:
            yield f"uses {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in METHODS and not _is_own(node):
            yield f"uses {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from _imports_another(node)


def _is_own(node: ast.Attribute) -> bool:
    """Whether it is a function of ours that `outside` has, which the callers may call by its module."""
    return ast.unparse(node) in {"files.read_text"}


def _imports_another(call: ast.Call) -> Iterator[str]:
    """A module that is imported by a name which does not begin with the package's own."""
    (name,) = call.args
    start = name.values[0] if isinstance(name, ast.JoinedStr) else name
    written = ast.unparse(start)
    if "__name__" not in written and not written.startswith("'kubectl_canary."):
        yield f"imports {ast.unparse(name)}"


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(file: Path) -> None:
    own = str(file.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for name in imports(file):
        if name.startswith("kubectl_canary"):
            upward = floor(name) < floor(own)
            deferred = (own, name) == ("kubectl_canary.errors", "kubectl_canary.findings.Finding")
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
def test_one_module_knows_click(file: Path) -> None:
    assert file.name == "click_group.py" or not any(
        name.partition(".")[0] == "click" for name in imports(file)
    )


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_say_the_whole_name(file: Path) -> None:
    assert not [name for name in imports(file) if name.startswith(".")]


@pytest.mark.parametrize("folder", DECIDING)
def test_what_decides_touches_nothing(folder: str) -> None:
    files = sorted((PACKAGE / folder).rglob("*.py"))
    assert files
    for file in files:
        place = str(file.relative_to(PACKAGE))
        assert list(touched(file.read_text())) == TOUCHED.get(place, []), place


@pytest.mark.parametrize("module", GROUND)
def test_what_all_stand_on_touches_nothing(module: str) -> None:
    assert not list(touched((PACKAGE / f"{module}.py").read_text()))


@pytest.mark.parametrize("file", VERBS_FILES, ids=lambda path: path.stem)
def test_what_a_verb_does_is_imported_when_it_is_done(file: Path) -> None:
    """Help and completion load the flags alone."""
    tree = ast.parse(file.read_text())
    at_once = imported(
        ast.Module([node for node in tree.body if not isinstance(node, ast.If)], []), deep=False
    )
    heavy = (
        "kubectl_canary.commands.run",
        "kubectl_canary.rendering",
        "kubectl_canary.reading",
        "jinja2",
        "yaml",
    )
    assert not [name for name in at_once if name.startswith(heavy)]


def test_a_way_back_asks_the_cluster_before_it_loads_what_leads() -> None:
    """Kubectl takes as long as the rest of the imports, so they go on beside it."""
    code = (
        "import sys; sys.argv = ['kubectl-canary']; import kubectl_canary.entry, kubectl_canary.commands.rollback, "
        "kubectl_canary.commands.run.calls; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    late = (
        "kubectl_canary.driving.driver",
        "kubectl_canary.rendering.generator",
        "jinja2",
        "jsonschema",
        "ruamel",
    )
    assert not [name for name in done.stdout.split() if name.startswith(late)]


IMPORTED = (
    # an editable install has imported pathlib before
    "import sys; sys.modules.pop('pathlib', None); before = {*sys.modules}; from kubectl_canary.cli import run; run(sys.argv[1:], 'kubectl canary'); "
    "print(*{*sys.modules} - before, file=sys.stderr)"
)
NOT_FOR_WHAT_IS_RIGHT = {
    "ast", "click", "dataclasses", "difflib", "inspect", "jinja2", "jsonschema", "kubectl_canary.api.cel.translate", "pickle",
    "kubectl_canary.api.explain",     "ruamel", "ssl", "tokenize",
}  # fmt: skip


@pytest.mark.parametrize("case", ["adopt-shop", "minimal"])
@pytest.mark.parametrize(
    "words",
    [
        "render --phase deploy",
        "plan",
        "validate canary.yaml",
        "patch --from deploy --to 5%",
    ],
)
def test_what_is_right_imports_nothing_for_what_is_wrong(case: str, words: str) -> None:
    assert not NOT_FOR_WHAT_IS_RIGHT & imported_by(words.split(), case)


@pytest.mark.parametrize("words", ["render --phase deploy", "plan", "validate canary.yaml"])
def test_a_canary_file_alone_takes_no_paths(words: str) -> None:
    """With what pathlib imports it takes 3 ms of each call."""
    assert "pathlib" not in imported_by(words.split(), "minimal")


def test_manifests_without_a_canary_file_are_judged_without_what_renders() -> None:
    loaded = imported_by(["validate", "--admission-only", "expected/01-deploy.yaml"], "minimal")
    folders = ("release", "rendering", "routing", "judging.lint", "judging.canaries", "reading.canaryfile")
    assert not [
        name for name in loaded if name.startswith(tuple(f"kubectl_canary.{folder}" for folder in folders))
    ]


def test_only_templates_of_the_users_take_the_template_engine() -> None:
    words = ["render", "--phase", "deploy", "--templates", "../../../templates"]
    assert {"jinja2", "click"} & imported_by(words, "minimal") == {"jinja2"}


def imported_by(words: list[str], case: str) -> set[str]:
    """The modules that a command line has imported."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent / "tests/cases" / case,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_expressions_of_readers_that_are_not_used_are_not_compiled() -> None:
    code = "import kubectl_canary.reading.yamltext, yaml.reader; print(type(yaml.reader.Reader.NON_PRINTABLE).__module__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "kubectl_canary.expressions\n"


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_function_has_many_parameters(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            parameters = [argument.arg for argument in named if argument.arg not in ("self", "cls")]
            assert len(parameters) <= MOST_PARAMETERS, f"{node.name}: {parameters}"


@pytest.mark.parametrize("folder", sorted({*DECIDING} - {"commands"}))
def test_what_decides_does_not_know_outside(folder: str) -> None:
    for file in sorted((PACKAGE / folder).rglob("*.py")):
        known = [name for name in imports(file) if f"{name}.".startswith("kubectl_canary.outside.")]
        assert not known, file.relative_to(PACKAGE)


def test_outside_knows_only_errors_and_findings() -> None:
    for file in sorted((PACKAGE / "outside").glob("*.py")):
        own = [name.split(".")[1] for name in imports(file) if name.startswith("kubectl_canary.")]
        assert {*own} <= {"errors", "expressions", "findings", "outside", "records"}, file.name


def test_every_package_is_installed() -> None:
    """What setup.cfg does not name is in a checkout alone."""
    known = configparser.ConfigParser()
    known.read(PACKAGE.parent / "setup.cfg")
    named = [name for name in known["options"]["packages"].split() if name not in MAPPED]
    there = {file.parent.relative_to(PACKAGE.parent).as_posix() for file in PACKAGE.rglob("__init__.py")}
    assert sorted(name.replace("/", ".") for name in there) == sorted(named)


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
        ("def f(name):\n    return open(name).read()", "uses open"),
        ("reader = open", "uses open"),
        ("import io\ntext = io.open(name).read()", "uses io.open"),
        ("from datetime import datetime\nlater = datetime.now()", "uses datetime.now"),
        ("import datetime\nday = datetime.date.today()", "uses datetime.date.today"),
        ("import platform", "imports platform"),
        ("import importlib\nworld = importlib.import_module('os')", "imports 'os'"),
        ("from kubectl_canary.resources import Path", "imports kubectl_canary.resources.Path"),
        ("def f(path):\n    return path.read_text()", "uses path.read_text"),
    ],
)
def test_what_touches_the_world_is_found(text: str, found: str) -> None:
    assert [found] == list(touched(text))


def described(folder: str) -> str:
    """What the map of ARCHITECTURE.md says of a folder, without what lies below it; of the package where it is empty."""
    lines = (ROOT / "ARCHITECTURE.md").read_text().partition("```\nkubectl_canary/\n")[2].splitlines()
    current, found = "", []
    for line in lines[
        : lines.index("templates/          one document a file; README.md lists the names they may use")
    ]:
        entry = re.match(r" {2,4}([\w.]+)(/?)", line)
        if entry and entry[2]:
            current = f"{current.partition('/')[0]}/{entry[1]}" if line.startswith("    ") else entry[1]
        elif entry and not line.startswith("    "):
            current = ""
        found += [line] if current == folder else []
    return "\n".join(found)


def test_every_module_is_in_the_document() -> None:
    rules = (ROOT / "docs/lint.md").read_text()
    for file in MODULES:
        folder = file.parent.relative_to(PACKAGE).as_posix().removeprefix(".")
        is_rule = file.parent.name == "lint" and f"## {file.stem.replace('_', '-')}\n" in rules
        if file.name != "__init__.py" and not is_rule:
            known = described(folder)
            is_a_verb = folder == "commands/run" and file.stem in VERBS_RUN
            assert is_a_verb or f"{file.stem}.py" in known, f"{folder}/{file.name} is not in ARCHITECTURE.md"
