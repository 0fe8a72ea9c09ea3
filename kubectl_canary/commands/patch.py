"""`kubectl canary patch`."""

from __future__ import annotations

import json
from typing import Any

import click

from kubectl_canary import patches, yamltext
from kubectl_canary.commands.common import finish, load, release_flags, verb
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.generator import Generator
from kubectl_canary.outside import files as inputs
from kubectl_canary.outside.output import say
from kubectl_canary.plan import Phase
from kubectl_canary.release import Release
from kubectl_canary.reports import SHELLS, as_json, kubectl_lines
from kubectl_canary.transition import Kind, Step, steps


@verb(
    "patch",
    "Print the difference between two phases as patches that cannot hit the wrong target.\n\n"
    "A patch tests the names on its way and every value that it overwrites: on a route that somebody has changed\n"
    "meanwhile, the API server refuses it whole. What is new is created, what is gone is deleted, in safe order.",
    """
  # From the phase that the file declares to the next, as lines to paste
  kubectl canary patch --to 25% -o kubectl

  # The way back, and back again
  kubectl canary patch --from 25% --to rollback -o kubectl
  kubectl canary patch --from 5% --to 25% --undo -o kubectl

  # For programs: a list in apply order
  kubectl canary patch --from 5% --to 25%

  # Why was it refused?
  kubectl get httproute my-app-canary-route -n production -o json | kubectl canary patch --from 5% --to 25% --check -
""",
)
@release_flags
@click.option("--to", "goal", required=True, metavar="PHASE", help="The phase to go to.")
@click.option("--from", "origin", metavar="PHASE", help="The phase to start from, instead of the file's.")
@click.option("--undo", is_flag=True, help="The exact inverse: from --to back to --from.")
@click.option(
    "--type", "kind", type=click.Choice(["json", "merge"]), default="json", help="json (default) or merge."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml", "kubectl"]),
    default="json",
    help="json (default), yaml or kubectl: lines to paste.",
)
@click.option(
    "--shell", type=click.Choice(SHELLS), default="sh", help="Quote lines for sh (default) or powershell."
)
@click.option(
    "--check", "live", metavar="FILE", help="Tell which guards this object, as it is now, does not pass."
)
@click.option("--templates", metavar="DIR", help="Templates that take the place of ours, file by file.")
def command(
    files: tuple[str, ...],
    settings: tuple[str, ...],
    canary_tag: str | None,
    namespace: str | None,
    goal: str,
    origin: str | None,
    undo: bool,
    kind: Kind,
    output: str,
    shell: str,
    live: str | None,
    templates: str | None,
) -> int:
    """Print the patches."""
    release = load(files, settings, canary_tag, namespace)
    start, to = _ends(release, origin, goal)
    if undo:
        start, to = to, start
    problem = release.plan.jump_problem(start, to)
    if problem is not None:
        finding = Finding("jump", "error", (), problem, Where(f"{start.name} → {to.name}"))
        raise Refused("this jump is not safe", [finding], "go by the phases between: kubectl canary plan")
    found = steps(release.plan, Generator(templates), start, to)
    if live is not None:
        return _check(found, live, start)
    if not found:
        say(f"`{start.name}` and `{to.name}` are the same: nothing to patch")
    if kind == "merge":
        _say_what_merging_replaces(found)
    printed = kubectl_lines(found, kind, shell) if output == "kubectl" else _as_list(found, kind, output)
    return finish(printed, release)


def _ends(release: Release, origin: str | None, goal: str) -> tuple[Phase, Phase]:
    if origin is None and release.current is None:
        raise UsageError("from which phase?", "say --from PHASE, or set spec.phase in the file")
    start = release.plan.find(origin) if origin is not None else release.current
    if start is None:
        raise UsageError("from which phase?", "say --from PHASE")
    return start, release.plan.find(goal, start.name)


def _as_list(found: list[Step], kind: Kind, output: str) -> str:
    listed = [
        {
            "apiVersion": step.rendered.planned.api_version,
            "kind": step.rendered.planned.kind,
            "namespace": step.rendered.planned.names["namespace"],
            "name": step.rendered.planned.names["name"],
            "type": kind if step.action == "patch" else step.action,
            "patch": step.patch(kind),
        }
        for step in found
    ]
    if output == "yaml":
        return yamltext.block(listed, 0) + "\n"
    return as_json(listed)


def _say_what_merging_replaces(found: list[Step]) -> None:
    for step in found:
        if step.before is not None and step.after is not None:
            for path in sorted(patches.replaced_lists(step.before.value, step.after.value)):
                title = f"{step.rendered.planned.kind} {step.rendered.planned.names['name']}"
                say(f"warning: {title}: {path} is replaced whole, with what others have changed in it")


def _check(found: list[Step], live: str, start: Phase) -> int:
    """Hold the guards of the live object's patch against it; 1 where any fails."""
    documents = yamltext.read(inputs.read_text(live)[1], live)
    value = documents[0].value if documents else None
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(metadata, dict):
        raise UsageError(
            f"--check {live}: this is no object", "kubectl get httproute NAME -o json prints one"
        )
    for step in found:
        one = step.rendered.planned
        if step.action == "patch" and (value.get("kind"), metadata.get("name")) == (
            one.kind,
            one.names["name"],
        ):
            return _explain(step, value, start)
    raise UsageError(
        f"--check {live}: {value.get('kind')} {metadata.get('name')} is not patched on this way",
        "patched: " + (", ".join(_titles(found)) or "nothing"),
    )


def _titles(found: list[Step]) -> list[str]:
    patched = [step.rendered.planned for step in found if step.action == "patch"]
    return [f"{one.kind} {one.names['name']}" for one in patched]


def _explain(step: Step, value: dict[str, Any], start: Phase) -> int:
    one = step.rendered.planned
    name = f"{one.kind.lower()}/{one.names['name']}"
    failed = patches.failed_tests(value, step.operations())
    if not failed:
        say(f"{name} passes every guard: the patch fits")
        return 0
    say(f"refused: {name} is not at {start.name} any more")
    for test in failed:
        found = (
            "missing" if test.found is patches.MISSING else f"{json.dumps(test.found, ensure_ascii=False)}"
        )
        say(f"  {test.path} is {found}, expected {json.dumps(test.expected, ensure_ascii=False)}")
    say("Look at it, and go on from the phase that it is in, or render that phase again and apply it")
    return 1
