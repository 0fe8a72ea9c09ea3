"""What `kubectl canary patch` does."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from kubectl_canary import live as live_objects
from kubectl_canary import patches, yamltext
from kubectl_canary.commands.common import finish, generator_of, load
from kubectl_canary.errors import UsageError
from kubectl_canary.objects import Key, Planned
from kubectl_canary.outside import files as inputs
from kubectl_canary.outside.kubectl import Kubectl
from kubectl_canary.outside.output import say
from kubectl_canary.plan import Phase
from kubectl_canary.release import Release
from kubectl_canary.reports import as_json, kubectl_lines, stage_lines
from kubectl_canary.transition import Kind, Stage, Step, live_steps, stages

LIVE = "the cluster"


def run(
    *,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    canary_tag: str | None,
    namespace: str | None,
    goal: str,
    origin: str | None,
    undo: bool,
    jump: bool,
    kind: Kind,
    output: str,
    shell: str,
    live: bool,
    strict: bool,
    checked: str | None,
    context: str | None,
    kubeconfig: str | None,
    templates: str | None,
    no_validate: bool,
) -> int:
    """Print the patches."""
    if live and (origin or undo or jump or checked):
        raise UsageError("--live starts from what is there", "leave --from, --undo, --jump and --check out")
    if strict and not live:
        raise UsageError("--strict goes with --live", "only a live object has a resourceVersion")
    release = load(files, settings, canary_tag, namespace)
    generator, kubectl = generator_of(release, templates, no_validate), _kubectl(context, kubeconfig)
    if live:
        to = release.plan.find(goal, release.current.name if release.current else None)
        found, findings = live_steps(release.plan, generator, to, lambda wanted: _read(kubectl, wanted))
        for finding in findings:
            say(str(finding))
        if not found:
            say(f"the cluster is at `{to.name}` already: nothing to patch")
    else:
        start, to = _ends(release, origin, goal)
        if undo:
            start, to = to, start
        way = stages(release.plan, generator, start, to, jump)
        if len(way) > 1 and output == "kubectl":
            return finish(stage_lines(way, kind, shell), release)
        if len(way) > 1:
            say(
                "warning: these are several phases; after each, wait until every pod is ready and the route is accepted"
            )
            return finish(_as_stages(way, kind, output), release)
        found = [step for stage in way for step in stage.steps]
        if not found:
            say(f"`{start.name}` and `{to.name}` are the same: nothing to patch")
        if checked is not None:
            return _check(found, _checked_object(found, checked, kubectl), checked, (start, to))
    if kind == "merge":
        _say_what_merging_replaces(found)
    printed = (
        kubectl_lines(found, kind, shell, strict)
        if output == "kubectl"
        else _as_list(found, kind, output, strict)
    )
    return finish(printed, release)


def _kubectl(context: str | None, kubeconfig: str | None) -> Kubectl:
    given = (("--context", context), ("--kubeconfig", kubeconfig))
    return Kubectl(tuple(f"{flag}={value}" for flag, value in given if value))


def _read(kubectl: Kubectl, wanted: Sequence[Planned]) -> dict[Key, dict[str, Any]]:
    """Those of the objects that are in the cluster, one call a namespace."""
    found: dict[Key, dict[str, Any]] = {}
    for namespace in dict.fromkeys(one.names["namespace"] for one in wanted):
        here = [one for one in wanted if one.names["namespace"] == namespace]
        live = kubectl.get([_resource(one) for one in here], namespace)
        by_name = {(value["kind"], value["metadata"]["name"]): value for value in live}
        found |= {one.key: by_name[own] for one in here if (own := (one.kind, one.names["name"])) in by_name}
    return found


def _resource(one: Planned) -> str:
    group, slash, _ = one.api_version.rpartition("/")
    return f"{one.kind.lower()}{f'.{group}' if slash else ''}/{one.names['name']}"


def _ends(release: Release, origin: str | None, goal: str) -> tuple[Phase, Phase]:
    start = release.plan.find(origin) if origin is not None else release.current
    if start is None:
        raise UsageError("from which phase?", "say --from PHASE, or set spec.phase in the file")
    return start, release.plan.find(goal, start.name)


def _listed(step: Step, kind: Kind, strict: bool = False) -> dict[str, Any]:
    one = step.rendered.planned
    return {
        "apiVersion": one.api_version,
        "kind": one.kind,
        "namespace": one.names["namespace"],
        "name": one.names["name"],
        "type": kind if step.action == "patch" else step.action,
        "patch": step.patch(kind, strict),
    }


def _as_list(found: list[Step], kind: Kind, output: str, strict: bool) -> str:
    return _printed([_listed(step, kind, strict) for step in found], output)


def _as_stages(way: list[Stage], kind: Kind, output: str) -> str:
    """As a list, each entry with the phase that it belongs to."""
    return _printed(
        [{"phase": stage.phase.name, **_listed(step, kind)} for stage in way for step in stage.steps], output
    )


def _printed(listed: list[dict[str, Any]], output: str) -> str:
    return yamltext.block(listed, 0) + "\n" if output == "yaml" else as_json(listed)


def _say_what_merging_replaces(found: list[Step]) -> None:
    for step in found:
        if step.before is not None and step.after is not None:
            for path in sorted(patches.replaced_lists(step.before.value, step.after.value)):
                title = f"{step.rendered.planned.kind} {step.rendered.planned.names['name']}"
                say(f"warning: {title}: {path} is replaced whole, with what others have changed in it")


def _checked_object(found: list[Step], checked: str, kubectl: Kubectl) -> dict[str, Any]:
    """The object to check: the route in the cluster, or what a file holds."""
    if checked == LIVE:
        routes = [step.rendered.planned for step in found if step.rendered.planned.kind == "HTTPRoute"]
        live = _read(kubectl, routes)
        if not live:
            raise UsageError("--check: there is no route to check", _what_is_patched(found))
        return live[routes[0].key]
    documents = yamltext.read(inputs.read_text(checked)[1], checked)
    value = documents[0].value if documents else None
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        raise UsageError(
            f"--check {checked}: this is no object", "kubectl get httproute NAME -o json prints one"
        )
    return value


def _check(found: list[Step], value: dict[str, Any], checked: str, way: tuple[Phase, Phase]) -> int:
    """Hold the guards of the object's patch against it; 1 where any fails."""
    own = (value.get("kind"), value["metadata"].get("name"))
    for step in found:
        if step.action == "patch" and own == (
            step.rendered.planned.kind,
            step.rendered.planned.names["name"],
        ):
            return _explain(step, value, *way)
    raise UsageError(
        f"--check {checked}: {own[0]} {own[1]} is not patched on this way", _what_is_patched(found)
    )


def _what_is_patched(found: list[Step]) -> str:
    patched = [step.rendered.planned for step in found if step.action == "patch"]
    return "patched: " + (", ".join(f"{one.kind} {one.names['name']}" for one in patched) or "nothing")


def _explain(step: Step, value: dict[str, Any], start: Phase, to: Phase) -> int:
    one = step.rendered.planned
    name = f"{one.kind.lower()}/{one.names['name']}"
    failed = patches.failed_tests(value, step.operations())
    if not failed:
        say(f"{name} passes every guard: the patch fits")
        return 0
    say(f"refused: {name} is not at {start.name} any more")
    for test in failed:
        found = "missing" if test.found is patches.MISSING else json.dumps(test.found, ensure_ascii=False)
        say(
            f"  {test.path} is {found}, expected {json.dumps(test.expected, ensure_ascii=False)}{_by(value, test.path)}"
        )
    say(f"To start from what is there: kubectl canary patch --to {shlex.quote(to.name)} --live")
    return 1


def _by(value: dict[str, Any], pointer: str) -> str:
    """Who changed it last, and how long ago."""
    writer = live_objects.who_changed(value, pointer)
    if writer is None:
        return ""
    manager, written = writer
    try:
        ago = datetime.now(timezone.utc) - datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        return f" (changed by {manager})"
    minutes = int(ago.total_seconds() // 60)
    return f" (changed by {manager}, {f'{minutes} minutes' if minutes > 1 else 'a moment'} ago)"
