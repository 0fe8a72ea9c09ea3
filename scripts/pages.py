"""Write the pages of docs/ that are made from the code: `python scripts/pages.py`.

docs/lint.md from the lint rules' own files, docs/canary-file.md and fleet-file.md from the files' schemas, docs/verbs/
from the verbs' help, a page a tool from its importer and its
exporter, the lists of docs/comparison.md from both, docs/phases.svg from the plan of the example.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import click

from kubectl_canary.api import catalog
from kubectl_canary.click_group import Command, group, records
from kubectl_canary.integrations.exporters import DESTINATIONS
from kubectl_canary.integrations.exporters.exported import Destination
from kubectl_canary.integrations.importers import NEIGHBOURS
from kubectl_canary.integrations.importers.imported import Neighbour
from kubectl_canary.judging import lint
from kubectl_canary.resources import read
from kubectl_canary.verbs import VERBS, verb_called

sys.path.insert(0, str(Path(__file__).resolve().parent))
from picture import phases_svg

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINT = """\
# Lint rules

What the API server accepts and is still wrong. `kubectl canary validate` says it after the server's own verdict;
`--admission-only` leaves it out, `--ignore RULE` or `--ignore RULE=PATH` leaves out one rule, `--list-rules` prints
the table, and `--explain RULE` prints what stands here. An error makes `validate` exit with 1, a warning with
`--fail-on warning` only.
"""
FILE = """\
# The canary file

One file describes a release; `kubectl canary init` writes one. Its format has one definition,
[canary.schema.json](https://github.com/kubectl-canary/kubectl-canary/blob/main/schemas/canary.schema.json): editors
complete keys from it, every command checks the file against it, and this page is made from it. An unknown key is an
error, with its place and the nearest known key. Several files (`-f base.yaml -f prod.yaml`) are merged in order as JSON
merge patches, then `--set PATH=VALUE` sets single values.

YAML is read as kubectl reads it: `on` is true, `0777` is octal, and a tag like `1e3` is a number unless it is quoted.
"""
FLEET = """\
# The fleet file

One file names the canary files that are released together, in waves: [A release of many
targets](git.md#a-release-of-many-targets). Its format has one definition,
[fleet.schema.json](https://github.com/kubectl-canary/kubectl-canary/blob/main/schemas/fleet.schema.json), and this page
is made from it.
"""
MADE, END = "<!-- made from what is lost between us: python scripts/pages.py -->", "<!-- until here -->"
EXPORT = """\
```sh
kubectl canary export {name} -o losses
kubectl canary export {name} | kubectl apply -f -
```

The objects run stable's version: they are applied once, where that version runs. `--canary` prints what is another
with the new version, which the controller then releases; what it has shifted meanwhile is not in it. For the next
release, make the version that was released stable's in your files first, as `advance` does: the first command would
else bring the old one back.
"""
REPOSITORY = "https://github.com/kubectl-canary/kubectl-canary/blob/main"
IMPORTS = {
    "argo-rollouts": """\
# From Argo Rollouts

```sh
kubectl canary import k8s/
kubectl get rollouts.argoproj.io,analysistemplate,httproute,service,hpa -n shop -o yaml | kubectl canary import -
```

A Rollout with a canary strategy becomes a Deployment, its routes with the stable Service alone, and a canary file with
the same shares, pauses and gates. The Gateway API plugin's routes are taken as they are; with another router, or none,
an HTTPRoute to the stable Service has to be among the manifests, or `--gateway production-gw` has one made. Nothing is
left out in silence: the report names what cannot be said in files, each at its place, and then the steps from the
controller to the files. No cluster is changed. The Deployment's pods run beside the Rollout's, and serve alone
before that goes: the cluster needs room for twice the pods.
""",
    "flagger": """\
# From Flagger

```sh
kubectl canary import k8s/
kubectl get canary,metrictemplate,httproute,service,deployment,hpa -n shop -o yaml | kubectl canary import -
```

The Deployment that a Canary of Flagger's leads is released as it is; beside it come the Service and the HTTPRoute of
Flagger's name, with the Gateways of `gatewayRefs`. Other providers than `gatewayapi` need `--gateway`. What Flagger has
made, such as NAME-primary, is left out. Every weight of Flagger's is a phase with the same share, metrics become gates
where they ask Prometheus, and the report names what cannot be said in files, each at its place. No cluster is changed.

Flagger keeps your Deployment at no pods while NAME-primary serves. The steps give it as many, lead the Service and the
route to it, and only then delete the Canary, with which NAME-primary goes: both serve meanwhile.
""",
    "ingress-nginx": """\
# From ingress-nginx

```sh
kubectl canary import k8s/ --gateway production-gw
kubectl get ingress,httproute,service,deployment -n shop -o yaml | kubectl canary import - --gateway production-gw
```

The two Ingresses of a canary become HTTPRoutes and a canary file, and what else is among the manifests goes on as it
is, below `gateway/`. What the canary alone has, its Deployment among it, is left out, since a release makes its own.
In the phase of the share that nginx has now, every request has the share that it had. The report names what cannot be
said in files, each at its place, and then the steps from nginx to the Gateway; `-o json` is for programs. No cluster
is changed.

nginx splits every path to the same port of the same Service once one of them is split, and so does the release. Only
Ingresses of nginx's class are imported. Both serve while DNS goes over, so that no request is lost: the canary is
taken back first, then the routes are applied beside the Ingresses, and these are deleted once nobody asks nginx any
more. The release starts again on the Gateway.
""",
    "kruise": """\
# From OpenKruise Rollouts

```sh
kubectl canary import k8s/
kubectl get rollouts.rollouts.kruise.io,httproute,service,deployment,hpa -n shop -o yaml | kubectl canary import -
```

The steps of a Rollout become phases and testers of a canary file. The Deployment, its Service and its HTTPRoute are
yours already, and go on as they are, below `gateway/`; what Kruise makes for a release is left out. The report names
what cannot be said in files, each at its place, and then the steps; `-o json` is for programs. No cluster is changed.

Nothing moves: once no release is under way, the Rollout is deleted, and the same objects serve as before. Where nginx's
Ingress is split, it becomes an HTTPRoute [as without a Rollout](ingress-nginx.md), which needs `--gateway`. The shapes
are those of Kruise's documentation; no controller was tried.
""",
}


def pages() -> dict[str, str]:
    """Each page's path below docs/, and its text."""
    found = {"lint.md": lint_page(), "phases.svg": phases_svg()}
    found |= {
        "canary-file.md": file_page(FILE, catalog.CANARY),
        "fleet-file.md": file_page(FLEET, catalog.FLEET),
    }
    found |= {f"{known.name}.md": neighbour_page(known) for known in NEIGHBOURS}
    found["comparison.md"] = comparison_page((DOCS / "comparison.md").read_text(encoding="utf-8"))
    return found | {f"verbs/{verb}.md": verb_page(verb) for verb in VERBS} | {"verbs/index.md": verbs_page()}


def neighbour_page(neighbour: Neighbour) -> str:
    """What becomes of each field of a neighbour's, and of ours there, and what is lost on the way."""
    lines = [IMPORTS[neighbour.name], f"| {neighbour.source} | becomes |", "|---|---|"]
    lines += [f"| `{name}` | {text} |" for name, text in neighbour.fields.items()]
    lines += ["", "## For example", "", *_example(neighbour)]
    lines += ["", "## What is not in the files", "", "| | |", "|---|---|"]
    lines += [f"| `{neighbour.name}-{name}` | {text} |" for name, text in neighbour.losses.items()]
    for known in (one for one in DESTINATIONS if one.name == neighbour.name):
        lines += ["", f"## To {known.title}", "", EXPORT.format(name=known.name)]
        lines += ["| of a release | becomes |", "|---|---|"]
        lines += [f"| {name} | {text} |" for name, text in known.fields.items()]
        lines += ["", f"### What {known.title} cannot do of it", "", *_limits(known)]
    return "\n".join(lines) + "\n"


def _example(neighbour: Neighbour) -> list[str]:
    """What is read of the neighbour's example, and what `import` writes and says of it."""
    name = f"examples/import/{neighbour.name}.yaml"
    with tempfile.TemporaryDirectory() as folder:
        words = ["--gateway", "production-gw"] if neighbour.name == "ingress-nginx" else []
        written = ["--into", f"{folder}/gateway", "-f", f"{folder}/canary.yaml"]
        command = [sys.executable, "-m", "kubectl_canary", "import", name, *words, *written]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        canary = Path(folder, "canary.yaml").read_text(encoding="utf-8")
        said = done.stdout.replace(f" -f {folder}/canary.yaml", "").replace(f"{folder}/", "")
        said = said.replace("python -m kubectl_canary", "kubectl canary")
    first = (ROOT / name).read_text(encoding="utf-8").partition("\n")[2].partition("---\n")[0]
    said = "\n".join(line if len(line) < 400 else f"{line[:400]} ..." for line in said.splitlines())
    return [
        f"Of [{name}]({REPOSITORY}/{name}), with what stands behind it,",
        f"\n```yaml\n{first}```\n\nbecomes\n",
        f"```yaml\n{canary.partition(chr(10))[2]}```\n\nand this is said:\n",
        f"```text\n{said}\n```",
    ]


def _limits(destination: Destination) -> list[str]:
    rows = [f"| `{destination.name}-{name}` | {text} |" for name, text in destination.limits.items()]
    return ["| | |", "|---|---|", *rows]


def comparison_page(before: str) -> str:
    """The page with what is lost on the way to each neighbour, and on the way from it, between its marks."""
    head, _, rest = before.partition(MADE)
    tail = rest.partition(END)[2]
    lines: list[str] = []
    for destination in DESTINATIONS:
        (neighbour,) = (known for known in NEIGHBOURS if known.name == destination.name)
        left_out = [text for text in neighbour.losses.values() if not text.startswith("Refused")]
        lines += ["", f"### {destination.title}", "", "Of a release of ours, it cannot do:", ""]
        lines += [f"- {text}" for text in destination.limits.values()]
        lines += ["", "Of a release of its, we cannot say in files:", "", *(f"- {text}" for text in left_out)]
    return f"{head}{MADE}\n{chr(10).join(lines)}\n\n{END}{tail}"


def lint_page() -> str:
    """A table of the rules, and a section a rule."""
    rules = lint.rules()
    lines = [LINT, "| rule | severity | |", "|---|---|---|"]
    for rule in rules:
        first = rule.reason.partition("\n\n")[0].replace("\n", " ")
        lines.append(f"| [{rule.id}](#{rule.id}) | {rule.severity} | {first} |")
    for rule in rules:
        parts = [f"## {rule.id}", rule.reason, f"Source: <{rule.source}>"]
        parts += [f"{verb}:\n\n```yaml\n{example.rstrip()}\n```" for verb, example in rule.examples()]
        lines += ["", "\n\n".join(parts)]
    return "\n".join(lines) + "\n"


def file_page(head: str, name: str) -> str:
    """A section an object of a file, each with a table of its keys."""
    schema = json.loads(read("schemas", name))
    return head + "".join(_sections(schema, ()))


def _sections(schema: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    own = schema.get("properties", {})
    if path:
        yield f"\n## {'.'.join(path)}\n\n{schema.get('description', '')}\n".replace("\n\n\n", "\n\n")
    rows = [_row(key, value, schema) for key, value in own.items() if "title" in value]
    if rows:
        yield "\n| key | | default | for example |\n|---|---|---|---|\n" + "".join(rows)
    borrowed = sorted(key for key, value in own.items() if "title" not in value)
    if borrowed:
        yield f"\nAs in Kubernetes: {', '.join(f'`{key}`' for key in borrowed)}.\n"
    for key, value in own.items():
        items = value.get("items", {})
        if "title" in value and "properties" in value:
            yield from _sections(value, (*path, key))
        elif "properties" in items:
            yield from _sections({"description": value["description"], **items}, (*path, f"{key}[]"))
        for form in value.get("anyOf", []):
            if "properties" in form:
                yield from _sections({"description": value["description"], **form}, (*path, key))


def _row(key: str, value: dict[str, Any], parent: dict[str, Any]) -> str:
    required = " (required)" if key in parent.get("required", ()) else ""
    examples = [_code(_shown(one)) for one in value.get("examples", [])[:2]]
    default = _code(_shown(value["default"])) if "default" in value else ""
    said = value.get("description", "").replace("\n", " ")
    known = value.get("enum")
    said += f" One of {', '.join(f'`{one}`' for one in known)}." if known else ""
    return f"| `{key}`{required} | {said} | {default} | {', '.join(examples)} |\n".replace("  |", " |")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def verbs_page() -> str:
    """A list of the verbs."""
    lines = ["# Verbs", "", "| | |", "|---|---|"]
    lines += [f"| [kubectl canary {verb}]({verb}.md) | {text} |" for verb, text in VERBS.items()]
    return "\n".join(lines) + "\n"


def verb_page(verb: str) -> str:
    """A verb's help as a page."""
    root = click.Context(group, info_name="kubectl canary", **group.context_settings)
    command = Command(verb_called(verb))
    context = click.Context(command, info_name=verb, parent=root, **command.context_settings)
    said = [f"| {_code(flags)} | {text} |" for flags, text in records(command, context)]
    examples = "\n".join(line.removeprefix("  ") for line in command.verb.examples.strip("\n").splitlines())
    parts = [
        f"# kubectl canary {verb}",
        command.verb.help.strip(),
        "## Examples",
        f"```sh\n{examples}\n```",
    ]
    return "\n\n".join([*parts, "## Options", "| | |\n|---|---|\n" + "\n".join(said)]) + "\n"


def _code(text: str) -> str:
    """Code in a cell of a table, where a bar would end the cell."""
    return f"<code>{escape(text, quote=False).replace('|', '&#124;')}</code>"


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")
