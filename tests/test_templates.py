"""Templates are dumb, strict, and cannot change the plan."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
from conftest import ROOT, SEED, Result
from hypothesis import given, settings
from jinja2 import nodes
from strategies import canary_files
from test_plan import planned

from kubectl_canary import resources
from kubectl_canary.rendering import compiled, generator, objects, overrides
from kubectl_canary.rendering.printer import Printer

TEMPLATES = sorted((ROOT / "templates").glob("*.j2"))
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.For, nodes.If, nodes.Include,
    nodes.Const, nodes.Filter,
)  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_decides_nothing(template: Path) -> None:
    tree = jinja2.Environment(autoescape=True).parse(template.read_text())
    for node in tree.find_all(nodes.Node):
        assert isinstance(node, ALLOWED), f"line {node.lineno}: {type(node).__name__}"
        if isinstance(node, nodes.If):
            assert isinstance(node.test, nodes.Name)
        if isinstance(node, nodes.Filter):
            assert (node.name, node.args, node.kwargs) == ("yaml", [], [])
        if isinstance(node, nodes.For):
            assert node.test is None
            assert not node.recursive
        if isinstance(node, nodes.Output):
            assert all(isinstance(one, nodes.TemplateData | nodes.Filter) for one in node.nodes)


def test_every_name_of_a_template_is_documented() -> None:
    documented = (ROOT / "templates/README.md").read_text()
    for template in TEMPLATES:
        for name in jinja2.Environment(autoescape=True).parse(template.read_text()).find_all(nodes.Name):
            assert f"`{name.name}`" in documented


def override(folder: Path, template: str, old: str, new: str) -> Path:
    text = (ROOT / "templates" / template).read_text()
    assert old in text
    (folder / template).write_text(text.replace(old, new))
    return folder


def test_a_template_of_the_users_may_add(canary: Callable[..., Result], tmp_path: Path) -> None:
    override(tmp_path, "deployment.yaml.j2", "  template:\n", "  minReadySeconds: 10\n  template:\n")
    ours, theirs = canary("render", "-f", SEED), canary("render", "-f", SEED, "--templates", tmp_path)
    assert theirs.out == ours.out.replace("  template:\n", "  minReadySeconds: 10\n  template:\n")


def test_a_sidecar_of_the_users_template_may_stand_beside_ours(
    canary: Callable[..., Result], tmp_path: Path
) -> None:
    new = "{{ containers | yaml }}\n        - name: log\n          image: registry.example.com/log:v1"
    override(tmp_path, "deployment.yaml.j2", "{{ containers | yaml }}", new)
    assert canary("render", "-f", SEED, "--templates", tmp_path).out.count("name: log") == 2


# template, what is replaced by what, and what is said about it
CHANGES = {
    "another name": ("metadata.yaml.j2", "{{ name | yaml }}", "other", "metadata.name: Service my-app-stable: other, planned is my-app-stable"),
    "another namespace": ("metadata.yaml.j2", "{{ namespace | yaml }}", "other", "metadata.namespace: Service my-app-stable: other, planned is production"),
    "no label of ours": ("metadata.yaml.j2", "labels: {{ labels | yaml }}", "labels: {a: b}", 'metadata.labels.app.kubernetes.io/managed-by: Service my-app-stable: missing, planned is kubectl-canary'),
    "another selector": ("service.yaml.j2", "{{ selector | yaml }}", "{app: my-app}", "spec.selector.version: Service my-app-stable: missing, planned is stable"),
    "another port": ("service.yaml.j2", "{{ ports | yaml }}", "[{port: 81, protocol: TCP, targetPort: 8080}]", "spec.ports[0].port: Service my-app-stable: 81, planned is 80"),
    "other replicas": ("deployment.yaml.j2", "{{ replicas | yaml }}", "7", "spec.replicas: Deployment my-app-stable: 7, planned is 3"),
    "replicas as text": ("deployment.yaml.j2", "{{ replicas | yaml }}", '"3"', 'spec.replicas: Deployment my-app-stable: "3", planned is 3'),
    "no containers": ("deployment.yaml.j2", "containers: {{ containers | yaml }}", "containers: []", "spec.template.spec.containers: Deployment my-app-stable: planned are ['app'] in this order, found []"),
    "another class": ("gateway.yaml.j2", "{{ class_name | yaml }}", "nginx", "spec.gatewayClassName: Gateway production-gw: nginx, planned is istio"),
    "no rules": ("httproute.yaml.j2", "{{ rules | yaml }}", "[]", "planned are ['default-canary-testers-my-app', 'default'] in this order, found []"),
    "a rule of its own to the canary": ("httproute.yaml.j2", "{{ rules | yaml }}", "{{ rules | yaml }}\n    - name: more\n      backendRefs: [{name: my-app-canary, port: 80}]", "spec.rules[2]: HTTPRoute my-app-canary-route: sends to my-app-canary, which the plan does not know"),
    "a mirror of its own to the canary": ("httproute.yaml.j2", "{{ rules | yaml }}", "{{ rules | yaml }}\n    - name: more\n      filters: [{type: RequestMirror, requestMirror: {backendRef: {name: my-app-canary, port: 80}}}]", "sends to my-app-canary, which the plan does not know"),
    "a field that nobody knows": ("httproute.yaml.j2", "  rules:", "  rule: []\n  rules:", "unknown field \"spec.rule\"; did you mean `rules`?"),
    "a condition on the split": ("httproute.yaml.j2", "{{ rules | yaml }}", "{{ rules[1:] | yaml }}", "planned are ['default-canary-testers-my-app', 'default']"),
    "two documents": ("service.yaml.j2", "apiVersion", "a: b\n---\napiVersion", "service.yaml.j2:1:1: a template prints one object, this one prints 2 documents"),
    "broken YAML": ("service.yaml.j2", "spec:", "spec: [", "service.yaml.j2:1"),
}  # fmt: skip


def test_a_template_cannot_send_from_the_redirect_to_the_canary(
    canary: Callable[..., Result], tmp_path: Path
) -> None:
    rule = "\n    - name: more\n      backendRefs: [{name: my-app-canary, port: 80}]"
    override(tmp_path, "httproute.yaml.j2", "{{ rules | yaml }}", "{{ rules | yaml }}" + rule)
    flags = ("--set", "spec.route.gateway.create.redirect=true", "--only", "gateway")
    result = canary("render", "-f", SEED, *flags, "--templates", tmp_path)
    assert (1, "") == (result.code, result.out)
    assert "HTTPRoute my-app-canary-route-redirect: sends to my-app-canary" in result.err


@pytest.mark.parametrize("text", ["5\n", "[a]\n", "null\n", "", "# nothing\n"])
def test_a_template_that_prints_no_object_is_said(
    canary: Callable[..., Result], tmp_path: Path, text: str
) -> None:
    (tmp_path / "service.yaml.j2").write_text(text)
    result = canary("render", "-f", SEED, "--templates", tmp_path)
    assert (1, "") == (result.code, result.out)
    assert "service.yaml.j2:1:1: a template prints one object, this one prints none\n" in result.err


def test_a_template_cannot_leave_out_how_pods_are_changed(
    canary: Callable[..., Result], tmp_path: Path
) -> None:
    override(tmp_path, "deployment.yaml.j2", "  {{ deployment | yaml }}\n", "")
    setting = ("--set", "spec.deployment.minReadySeconds=5")
    result = canary("render", "-f", SEED, *setting, "--templates", tmp_path)
    assert (1, "") == (result.code, result.out)
    assert "spec.minReadySeconds: Deployment my-app-stable: missing, planned is 5" in result.err


@pytest.mark.parametrize("name", CHANGES)
def test_a_template_cannot_change_the_plan(canary: Callable[..., Result], tmp_path: Path, name: str) -> None:
    template, old, new, message = CHANGES[name]
    override(tmp_path, template, old, new)
    result = canary("render", "-f", SEED, "--phase", "5%", "--templates", tmp_path)
    assert (1, "") == (result.code, result.out)
    assert message in result.err
    refused = (
        "the API server would refuse" if "unknown field" in message else "the templates print something else"
    )
    assert result.err.startswith(f"error: {refused}")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: b\nkind: {{ nam | yaml }}\n", 2, "'nam' is undefined"),
        ("a: b\n{% if nam %}\n{% endif %}\n", 2, "'nam' is undefined"),
        ("{% for %}\n", 1, "Expected an expression"),
        ("a: {{ name | yml }}\n", 1, "No filter named 'yml'."),
        ("a: {{ name.first | yaml }}\n", 1, "has no attribute 'first'"),
        ('\n{% include "more.j2" %}\n', 2, "more.j2"),
        ("a: {{ 1 // 0 }}\n", 1, "by zero"),
    ],
)
def test_a_broken_template_is_named_with_its_line(
    canary: Callable[..., Result], tmp_path: Path, text: str, line: int, message: str
) -> None:
    (tmp_path / "service.yaml.j2").write_text(text)
    result = canary("render", "-f", SEED, "--templates", tmp_path)
    assert (1, "") == (result.code, result.out)
    assert f"{tmp_path}/service.yaml.j2:{line}:1: " in result.err
    assert message in result.err


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: b\n{% for i in range(10 ** 12) %}x{% endfor %}\n", 2, "`range` is not allowed"),
        ("a: {{ lipsum(10000000) }}\n", 1, "`lipsum` is not allowed"),
        ("{% set n = namespace(a=1) %}\n", 1, "`namespace` is not allowed"),
        ("{% set n = cycler('a') %}\n", 1, "`cycler` is not allowed"),
        ("{% set n = joiner() %}\n", 1, "`joiner` is not allowed"),
        ("{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}\n{{ a() }}\n", 1, "macros, `call`, `import`"),
        ("\n{% block a %}{{ self.a() }}{% endblock %}\n", 2, "macros, `call`, `import`"),
        (
            "{% for i in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}\n",
            1,
            "a `recursive` loop is not allowed",
        ),
        ("{{ 9 ** 9 ** 9 }}\n", 1, "`**` is not allowed"),
        ("{% for i in name * 1000000000 %}{% endfor %}\n", 1, "`*` is not allowed"),
        ('\n{% include "service.yaml.j2" %}\n', 2, "includes `service.yaml.j2` again"),
        ('{% include "more.j2" %}{% include "more.j2" %}\n', 1, "`more.j2` includes `service.yaml.j2` again"),
        ("{% include name %}\n", 1, "an `include` names its template"),
    ],
)
def test_a_template_that_might_never_end_is_refused_at_once(
    canary: Callable[..., Result], tmp_path: Path, text: str, line: int, message: str
) -> None:
    (tmp_path / "service.yaml.j2").write_text(text)
    if "more.j2" in text:
        (tmp_path / "more.j2").write_text('{% include "last.j2" %}')
        (tmp_path / "last.j2").write_text('{% include "service.yaml.j2" %}')
    start = time.monotonic()
    result = canary("render", "-f", SEED, "--templates", tmp_path)
    assert time.monotonic() - start < 5
    assert (1, "") == (result.code, result.out)
    assert f"{tmp_path}/service.yaml.j2:{line}:1: " in result.err
    assert message in result.err


def test_a_long_loop_over_what_is_given_is_fine(canary: Callable[..., Result], tmp_path: Path) -> None:
    loop = "{% for number in [" + "1, " * 5000 + "1] %}\n# {{ number }}\n{% endfor %}\n"
    text = (ROOT / "templates/service.yaml.j2").read_text()
    (tmp_path / "service.yaml.j2").write_text(loop + text)
    assert canary("render", "-f", SEED, "--templates", tmp_path).code == 0


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("deploymnt.yaml.j2", "did you mean `deployment.yaml.j2`?"),
        ("service.yaml", "did you mean `service.yaml.j2`?"),
        (
            "x",
            "templates are deployment.yaml.j2, gateway.yaml.j2, horizontalpodautoscaler.yaml.j2, httproute.yaml.j2",
        ),
    ],
)
def test_a_file_that_is_no_template_is_said(
    canary: Callable[..., Result], tmp_path: Path, name: str, hint: str
) -> None:
    (tmp_path / name).write_text("a: b\n")
    result = canary("render", "-f", SEED, "--templates", tmp_path)
    assert (2, "") == (result.code, result.out)
    assert f"error: --templates {tmp_path}: `{name}` is none of the templates\n{hint}" in result.err


def test_a_file_that_a_template_includes_may_be_called_anything(
    canary: Callable[..., Result], tmp_path: Path
) -> None:
    override(tmp_path, "service.yaml.j2", "spec:", '{% include "more.j2" %}\nspec:')
    (tmp_path / "more.j2").write_text("# ours\n")
    (tmp_path / ".gitkeep").touch()
    assert "# ours\n" in canary("render", "-f", SEED, "--templates", tmp_path).out


def test_every_template_has_a_name_that_may_be_overridden() -> None:
    assert [template.name for template in TEMPLATES] == sorted(overrides.TEMPLATES)


def test_template_folders_that_are_not_there_or_not_readable(
    canary: Callable[..., Result], tmp_path: Path
) -> None:
    missing = canary("render", "-f", SEED, "--templates", tmp_path / "none")
    assert (4, "") == (missing.code, missing.out)
    assert f"error: --templates {tmp_path}/none: no such folder\n" in missing.err
    (tmp_path / "service.yaml.j2").mkdir()
    folder = canary("render", "-f", SEED, "--templates", tmp_path)
    assert (4, "") == (folder.code, folder.out)
    assert f"error: cannot read the template {tmp_path}/service.yaml.j2: " in folder.err


def test_what_cannot_be_read_counts_only_where_it_is_rendered(
    canary: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "service.yaml.j2").write_bytes(b"\xff")
    (tmp_path / "poddisruptionbudget.yaml.j2").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    used = canary("render", "-f", SEED, "--templates", tmp_path)
    assert (4, "") == (used.code, used.out)
    reason = "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    assert f"error: cannot read the template {tmp_path}/service.yaml.j2: {reason}\n" in used.err
    rest = ("render", "-f", SEED, "--only", "gateway")
    assert canary(*rest).out == canary(*rest, "--templates", tmp_path).out


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "it is no file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is no file"),
        (lambda path: path.mkdir(), "it is no file"),
        (lambda path: path.symlink_to("nowhere"), "it is a link to nothing"),
        (lambda path: path.symlink_to(path.name), "it is a link to nothing"),
    ],
    ids=["pipe", "device", "folder", "link to nothing", "link to itself"],
)
def test_a_template_that_is_no_file_is_said_where_it_is_used(
    canary: Callable[..., Result], tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(tmp_path / "service.yaml.j2")
    used = canary("render", "-f", SEED, "--templates", tmp_path)
    assert (4, "") == (used.code, used.out)
    assert used.err.startswith(f"error: cannot read the template {tmp_path}/service.yaml.j2: {reason}\n")
    rest = ("render", "-f", SEED, "--only", "route")
    assert canary(*rest).out == canary(*rest, "--templates", tmp_path).out


def test_a_hidden_file_counts_where_it_is_included(canary: Callable[..., Result], tmp_path: Path) -> None:
    override(tmp_path, "service.yaml.j2", "spec:", '{% include ".more.j2" %}\nspec:')
    (tmp_path / ".more.j2").write_text("# ours\n")
    (tmp_path / ".other").write_bytes(b"\xff")
    assert "# ours\n" in canary("render", "-f", SEED, "--templates", tmp_path).out


def test_a_template_includes_nothing_from_elsewhere(canary: Callable[..., Result], tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "more.j2").write_text("# ours\n")
    override(own, "service.yaml.j2", "spec:", '{% include "../more.j2" %}\nspec:')
    result = canary("render", "-f", SEED, "--templates", own)
    assert (1, "") == (result.code, result.out)
    assert "Invalid name '../more.j2'" in result.err


def test_a_canary_file_that_is_refused_needs_no_templates(
    canary: Callable[..., Result], tmp_path: Path
) -> None:
    missing = tmp_path / "none"
    refused = canary("validate", SEED, "--set", "spec.phases=[200%]", "--templates", missing)
    assert (1, "") == (refused.code, refused.err)
    judged = canary("validate", SEED, "--templates", missing)
    assert (4, "") == (judged.code, judged.out)
    assert f"error: --templates {missing}: no such folder\n" in judged.err


# --- without Jinja2 ---------------------------------------------------------


def test_the_compiled_templates_are_those_of_today() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    import compile_templates

    assert compile_templates.compiled() == compile_templates.PLACE.read_text(), (
        "run python scripts/compile_templates.py"
    )


@settings(max_examples=60)
@given(canary_files())
def test_the_compiled_templates_print_what_the_templates_do(value: dict[str, Any]) -> None:
    plan, printer = planned(value), Printer(None)
    for phase in plan.phases:
        for item in objects.planned(plan.application, phase):
            assert "".join(compiled.PRINTS[item.template](item.names)) == printer.text(item)


@pytest.mark.parametrize("template", ["service.yaml.j2", "metadata.yaml.j2"])
def test_a_template_of_the_package_that_is_edited_counts(
    template: str, canary: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = resources.read

    def edited(folder: str, name: str) -> str:
        text = read(folder, name)
        return f"{text}# ours\n" if name == template else text

    generator.compiled.cache_clear()
    monkeypatch.setattr("kubectl_canary.resources.read", edited)
    try:
        assert "# ours" in canary("render", "-f", SEED).out
    finally:
        generator.compiled.cache_clear()


@pytest.mark.parametrize(
    "text", ["{% for a in b %}{% endfor %}", "{{ a.b | yaml }}", "{% if a %}{% else %}b{% endif %}"]
)
def test_what_cannot_be_compiled_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    import compile_templates

    monkeypatch.setattr("kubectl_canary.resources.read", lambda *_: text)
    with pytest.raises(ValueError, match=r"line 1: [A-Z][a-z]+ is not compiled"):
        compile_templates.compiled()
