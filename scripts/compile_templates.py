"""Write functions that print what templates/ print into kubectl_canary/rendering/compiled.py.

    python scripts/compile_templates.py

Jinja2 reads the templates; what it would import to run them takes longer than all they print. A template that uses more
than text, `if NAME`, `include` and a filter with numbers is refused here: it would need Jinja2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from jinja2 import nodes

from kubectl_canary import resources
from kubectl_canary.rendering.overrides import TEMPLATES
from kubectl_canary.rendering.printer import FILTERS, environment

PLACE = Path(__file__).resolve().parent.parent / "kubectl_canary" / "rendering" / "compiled.py"
HEAD = '''\
"""What the templates of the package print, without Jinja2; made from them by `python scripts/compile_templates.py`.

`TEXTS` are the templates that it was made from: it counts for those that are still the same.
"""
# ruff: noqa: E501  a template is one line here, however long
# fmt: off

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.reading import yamltext
'''


def compiled() -> str:
    """The module. Raises ValueError for what it cannot have."""
    tree = environment(lambda _: None)
    texts = {name: resources.read("templates", name) for name in TEMPLATES}
    lines = [HEAD, "TEXTS = {", *(f"    {name!r}: {text!r}," for name, text in texts.items()), "}"]
    for name, text in texts.items():
        lines += ["", "", f"def {_function(name)}(names: Mapping[str, Any]) -> Iterator[str]:"]
        lines += _statements(tree.parse(text, name).body, "    ")
    lines += ["", "", "PRINTS = {", *(f"    {name!r}: {_function(name)}," for name in texts), "}"]
    return "\n".join(lines) + "\n"


def _function(template: str) -> str:
    return template.partition(".")[0]


def _statements(body: Sequence[nodes.Node], indent: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, nodes.Output):
            yield from (f"{indent}yield {_expression(part)}" for part in node.nodes)
        elif isinstance(node, nodes.Include) and isinstance(node.template, nodes.Const):
            yield f"{indent}yield from {_function(node.template.value)}(names)"
        elif isinstance(node, nodes.If) and not node.elif_ and not node.else_:
            yield f"{indent}if {_expression(node.test)}:"
            yield from _statements(node.body, f"{indent}    ")
        else:
            raise ValueError(f"line {node.lineno}: {type(node).__name__} is not compiled")


def _expression(node: nodes.Node) -> str:
    if isinstance(node, nodes.TemplateData):
        return repr(node.data)
    if isinstance(node, nodes.Name):
        return f"names[{node.name!r}]"
    if isinstance(node, nodes.Filter) and node.name in FILTERS and node.node is not None:
        return (
            f"yamltext.{FILTERS[node.name].__name__}({', '.join(map(_expression, (node.node, *node.args)))})"
        )
    if isinstance(node, nodes.Const):
        return repr(node.value)
    raise ValueError(f"line {node.lineno}: {type(node).__name__} is not compiled")


if __name__ == "__main__":
    PLACE.write_text(compiled(), encoding="utf-8")
