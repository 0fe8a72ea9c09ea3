"""What `kubectl canary patch` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubectl_canary.commands.common import finish, say_what_follows
from kubectl_canary.commands.flags import ClusterFlags, ReleaseFlags, command_line
from kubectl_canary.errors import UsageError
from kubectl_canary.outside import files
from kubectl_canary.outside.clock import now
from kubectl_canary.outside.kubectl import Kubectl
from kubectl_canary.outside.output import say
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.release import Release
from kubectl_canary.release import actions, managed_fields, patches
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import Key, Planned
from kubectl_canary.rendering.transition import Kind, Stage, Step, live_objects, live_stage, stages
from kubectl_canary.reports import shells
from kubectl_canary.reports.plans import as_json, gate_text

LIVE = "the cluster"


@dataclass(frozen=True)
class Asked:
    """The flags of `patch` itself."""

    goal: str
    origin: str | None
    undo: bool
    kind: Kind
    output: str
    shell: shells.Shell
    jump: bool
    skip: bool
    live: bool
    strict: bool
    checked: str | None


@dataclass(frozen=True)
class Call:
    """One call of the verb: the release, and everything that was asked."""

    release: Release
    generator: Generator
    asked: Asked
    release_flags: ReleaseFlags
    cluster_flags: ClusterFlags

    def command(self, *words: str) -> str:
        """A `patch` command about the same release and cluster."""
        return command_line("patch", *words, release=self.release_flags, cluster=self.cluster_flags)


def run(release_flags: ReleaseFlags, cluster_flags: ClusterFlags, asked: Asked) -> int:
    """Print the patches."""
    if asked.live and (asked.origin or asked.undo or asked.jump or asked.checked):
        raise UsageError("--live starts from what is there", "leave --from, --undo, --jump and --check out")
    if asked.strict and not asked.live:
        raise UsageError("--strict goes with --live", "only a live object has a resourceVersion")
    if asked.jump and asked.skip:
        raise UsageError("--jump goes by every phase, --skip by none", "give one of them")
    release = release_flags.load()
    call = Call(release, release_flags.generator(release), asked, release_flags, cluster_flags)
    return _live(call) if asked.live else _planned(call)


def _live(call: Call) -> int:
    """From what is in the cluster."""
    found = _read(call.cluster_flags.kubectl(), live_objects(call.release.plan))
    stage, findings = live_stage(
        call.release.plan, call.generator, call.asked.goal, found, skip=call.asked.skip
    )
    for finding in findings:
        say(str(finding))
    if not stage.steps:
        say(f"the cluster is at `{stage.phase.name}` already: nothing to patch")
    return _print([stage], call)


def _planned(call: Call) -> int:
    """From one phase of the plan to another."""
    asked, plan = call.asked, call.release.plan
    start, to = _ends(call)
    way = stages(plan, call.generator, start, to, jump=asked.jump, skip=asked.skip)
    if not [step for stage in way for step in stage.steps]:
        say(f"`{start.name}` and `{to.name}` are the same: nothing to patch")
    if asked.checked is not None:
        found = [step for stage in way for step in stage.steps]
        kubectl = call.cluster_flags.kubectl()
        return _check(call, found, _checked_object(found, asked.checked, kubectl), (start, to))
    return _print(way, call)


def _print(way: Sequence[Stage], call: Call) -> int:
    """The stages, up to the first phase with a gate, and then what prints the rest."""
    asked, printed = call.asked, actions.until_gate(way)
    notes = _notes(way, printed, call)
    if asked.kind == "merge":
        _say_what_merging_replaces([step for stage in printed for step in stage.steps])
    for note in notes:
        say(note)
    if asked.output == "kubectl":
        drain = call.release.plan.canary.drain
        done = [*actions.of_stages(printed, drain), *map(actions.Note, notes)]
        kubectl = shells.Kubectl(call.cluster_flags.words())
        style = shells.Style(asked.shell, asked.kind, asked.strict, kubectl)
        return _finish(shells.block(done, style), printed, call)
    if len(printed) > 1:
        say("these are several phases: after each, wait for its pods, its route's acceptance and its pause")
    return _finish(_printed(_listed_stages(printed, asked), asked.output), printed, call)


def _finish(text: str, printed: Sequence[Stage], call: Call) -> int:
    code = finish(text, call.release)
    for stage in printed[-1:]:
        say_what_follows(call.release, stage.phase)
    return code


def _notes(way: Sequence[Stage], printed: Sequence[Stage], call: Call) -> list[str]:
    """What whoever goes this way has to know: where it stops before the goal, and what follows promotion."""
    if len(printed) < len(way):
        here = printed[-1].phase
        gates = "; ".join(map(gate_text, here.gates))
        output = (
            "-o",
            "kubectl",
            *(("--type", "merge") if call.asked.kind == "merge" else ()),
            *(("--shell", "powershell") if call.asked.shell == "powershell" else ()),
        )
        rest = call.command("--from", here.name, "--to", way[-1].phase.name, "--jump", *output)
        return [f"{here.name} has a gate: {gates}. When it holds, this prints the rest: {rest}"]
    return []


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


def _ends(call: Call) -> tuple[Phase, Phase]:
    asked, plan = call.asked, call.release.plan
    start = plan.find(asked.origin) if asked.origin is not None else call.release.current
    if start is None:
        raise UsageError("from which phase?", "say --from PHASE, or set spec.phase in the file")
    to = plan.find(asked.goal, start.name)
    return (to, start) if asked.undo else (start, to)


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


def _listed_stages(way: Sequence[Stage], asked: Asked) -> list[dict[str, Any]]:
    """As a list; where there are several stages, each entry with the phase that it belongs to."""
    return [
        {**({"phase": stage.phase.name} if len(way) > 1 else {}), **_listed(step, asked.kind, asked.strict)}
        for stage in way
        for step in stage.steps
    ]


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
    documents = yamltext.read(files.read_text(checked)[1], checked)
    value = documents[0].value if documents else None
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        raise UsageError(
            f"--check {checked}: this is no object", "kubectl get httproute NAME -o json prints one"
        )
    return value


def _check(call: Call, found: list[Step], value: dict[str, Any], way: tuple[Phase, Phase]) -> int:
    """Hold the guards of the object's patch against it; 1 where any fails."""
    own = (value.get("kind"), value["metadata"].get("name"))
    for step in found:
        if step.action == "patch" and own == (
            step.rendered.planned.kind,
            step.rendered.planned.names["name"],
        ):
            return _explain(call, step, value, *way)
    raise UsageError(
        f"--check {call.asked.checked}: {own[0]} {own[1]} is not patched on this way", _what_is_patched(found)
    )


def _what_is_patched(found: list[Step]) -> str:
    patched = [step.rendered.planned for step in found if step.action == "patch"]
    return "patched: " + (", ".join(f"{one.kind} {one.names['name']}" for one in patched) or "nothing")


def _explain(call: Call, step: Step, value: dict[str, Any], start: Phase, to: Phase) -> int:
    one = step.rendered.planned
    name = f"{one.kind.lower()}/{one.names['name']}"
    failed = patches.failed_tests(value, step.operations())
    if not failed:
        say(f"{name} passes every guard: the patch fits")
        return 0
    say(f"refused: {name} is not at {start.name} any more")
    for test in (innermost for one in failed for innermost in patches.deepest(one)):
        say(f"  {test.path} is {_said(test.found)}, expected {_said(test.expected)}{_by(value, test.path)}")
    output = ("-o", call.asked.output) if call.asked.output != "json" else ()
    say(f"To start from what is there: {call.command('--to', to.name, '--live', *output)}")
    return 1


def _said(value: Any) -> str:
    """A value that a guard expects or finds; none is nothing at all."""
    return "missing" if value is patches.MISSING or value is None else json.dumps(value, ensure_ascii=False)


def _by(value: dict[str, Any], pointer: str) -> str:
    """Who changed it last, and how long ago."""
    writer = managed_fields.who_changed(value, pointer)
    if writer is None:
        return ""
    manager, written = writer
    try:
        ago = now() - datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        return f" (changed by {manager})"
    minutes = int(ago.total_seconds() // 60)
    return f" (changed by {manager}, {f'{minutes} minutes' if minutes > 1 else 'a moment'} ago)"
