"""Templates of the user's: which files count, and what none of them may do, so that each ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePath

import jinja2
from jinja2 import meta, nodes

from kubectl_canary.errors import Refused, UsageError, WorldError
from kubectl_canary.findings import Finding, Where, nearest
from kubectl_canary.records import dataclass, field

TEMPLATES = (
    "deployment.yaml.j2",
    "gateway.yaml.j2",
    "horizontalpodautoscaler.yaml.j2",
    "httproute.yaml.j2",
    "metadata.yaml.j2",
    "poddisruptionbudget.yaml.j2",
    "service.yaml.j2",
)
BESIDE = ("README.md", "__init__.py")  # what else is in the folder that people copy
ENDLESS = ("range", "lipsum", "cycler", "joiner", "namespace")
MACROS = (nodes.Macro, nodes.CallBlock, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block)
SUMS = (nodes.Pow, nodes.Mul)


@dataclass(frozen=True)
class Templates:
    """A folder of the user's as it was read: the text of what lies in it by its name, or why it has none.

    `files` are the names of its files, without what lies there otherwise. `problem` is why the folder itself could
    not be read; mostly empty. That something cannot be read counts only where it is rendered.
    """

    folder: str
    files: Collection[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    def file(self, name: str) -> PurePath:
        """The path of a file in the folder."""
        return PurePath(self.folder) / name

    def text(self, name: str) -> str | None:
        """The text of a file; None where there is none of this name. Raises WorldError where it cannot be read."""
        if name in self.unread:
            raise WorldError(f"cannot read the template {self.file(name)}: {self.unread[name]}")
        return self.texts.get(name)


def check_names(templates: Templates, environment: jinja2.Environment) -> None:
    """Raise UsageError for a file that replaces none of our templates and that no template of the folder includes.

    Raises WorldError where the folder could not be read.
    """
    if templates.problem:
        raise WorldError(templates.problem)
    names = sorted(name for name in templates.files if name[0] != ".")
    used = {*TEMPLATES, *BESIDE}
    waiting = [name for name in names if name in TEMPLATES]
    while waiting:
        included = set(_includes(templates, waiting.pop(), environment)) - used
        used |= included
        waiting += [name for name in included if name in names]
    for name in names:
        if name not in used:
            close = nearest(name, TEMPLATES)
            hint = f"did you mean `{close}`?" if close else f"templates are {', '.join(TEMPLATES)}"
            raise UsageError(
                f"--templates {PurePath(templates.folder)}: `{name}` is none of the templates", hint
            )


def check(templates: Templates, name: str, environment: jinja2.Environment) -> None:
    """Raise Refused for what may run for ever: a template loops over what it is given, and includes no circle.

    Raises jinja2.TemplateSyntaxError where the text is no template.
    """
    file = templates.file(name)
    tree = environment.parse(templates.texts[name], file.name, str(file))
    for line, message in _endless(tree):
        raise template_error(str(file), line, message, "templates/README.md says what a template may use")
    for included in _includes(templates, name, environment):
        if name in _reached(templates, included, environment):
            message = f"`{included}` includes `{name}` again, which would never end"
            raise template_error(str(file), _include_line(tree, included), message)


def template_error(file: str, line: int | None, message: str | None, hint: str = "") -> Refused:
    """A template that cannot be rendered, with its place."""
    finding = Finding(
        "template", "error", (), message or "it cannot be rendered", Where(file, line or 1, 1), hint
    )
    return Refused(f"the template {PurePath(file).name} cannot be rendered", [finding])


def _endless(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in ENDLESS:
            message = "is not allowed: a template loops over the names that it is given"
            yield node.lineno, f"`{node.node.name}` {message}"
        elif isinstance(node, MACROS):
            yield (
                node.lineno,
                "macros, `call`, `import`, `extends` and `block` are not allowed; use `include`",
            )
        elif isinstance(node, nodes.For) and node.recursive:
            yield node.lineno, "a `recursive` loop is not allowed"
        elif isinstance(node, SUMS):
            yield (
                node.lineno,
                f"`{node.operator}` is not allowed: everything is computed before a template is reached",
            )
        elif isinstance(node, nodes.Include) and None in meta.find_referenced_templates(_alone(node)):
            yield node.lineno, "an `include` names its template, so that it is known to end"


def _alone(node: nodes.Include) -> nodes.Template:
    return nodes.Template([node], lineno=node.lineno)


def _include_line(tree: nodes.Template, name: str) -> int:
    lines = [
        node.lineno
        for node in tree.find_all(nodes.Include)
        if name in meta.find_referenced_templates(_alone(node))
    ]
    return lines[0] if lines else 1


def _includes(templates: Templates, name: str, environment: jinja2.Environment) -> list[str]:
    """The templates that a file includes; none where it is not there or no template."""
    try:
        tree = environment.parse(templates.texts.get(name, ""))
    except jinja2.TemplateSyntaxError:
        return []
    return [name for name in meta.find_referenced_templates(tree) if name is not None]


def _reached(templates: Templates, first: str, environment: jinja2.Environment) -> set[str]:
    """The names of everything that a file includes, at any depth, itself among them.

    Raises ValueError for what is no name of a file in the folder.
    """
    reached: set[str] = set()
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _includes(templates, templates.file("-").with_name(name).name, environment)
    return reached
