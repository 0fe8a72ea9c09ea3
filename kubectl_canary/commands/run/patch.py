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
from kubectl_canary.release.changes import Alteration, Change, PatchType, Step
from kubectl_canary.release.documents import Key, Part
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_parts, live_step
from kubectl_canary.rendering.steps import steps
from kubectl_canary.reports import shells
from kubectl_canary.reports.plans import as_json, gate_text

LIVE = "the cluster"


@dataclass(frozen=True)
class Asked:
    """The flags of `patch` itself."""

    goal: str
    origin: str | None
    undo: bool
    kind: PatchType
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
    found = _read(call.cluster_flags.kubectl(), live_parts(call.release.plan))
    step, findings = live_step(
        call.release.plan, call.generator, call.asked.goal, found, skip=call.asked.skip
    )
    for finding in findings:
        say(str(finding))
    if not step.changes:
        say(f"the cluster is at `{step.phase.name}` already: nothing to patch")
    return _print([step], call)


def _planned(call: Call) -> int:
    """From one phase of the plan to another."""
    asked, plan = call.asked, call.release.plan
    start, to = _ends(call)
    way = steps(plan, call.generator, start, to, jump=asked.jump, skip=asked.skip)
    changes = [change for step in way for change in step.changes]
    if not changes:
        say(f"`{start.name}` and `{to.name}` are the same: nothing to patch")
    if asked.checked is not None:
        kubectl = call.cluster_flags.kubectl()
        return _check(call, changes, _checked_object(changes, asked.checked, kubectl), (start, to))
    return _print(way, call)


def _print(way: Sequence[Step], call: Call) -> int:
    """The stages, up to the first phase with a gate, and then what prints the rest."""
    asked, printed = call.asked, actions.until_gate(way)
    notes = _notes(way, printed, call)
    if asked.kind == "merge":
        _say_what_merging_replaces([change for step in printed for change in step.changes])
    for note in notes:
        say(note)
    if asked.output == "kubectl":
        drain = call.release.plan.application.drain
        done = [*actions.of_steps(printed, drain), *map(actions.Note, notes)]
        kubectl = shells.Kubectl(call.cluster_flags.words())
        style = shells.Style(asked.shell, asked.kind, asked.strict, kubectl)
        return _finish(shells.block(done, style), printed, call)
    if len(printed) > 1:
        say("these are several phases: after each, wait for its pods, its route's acceptance and its pause")
    return _finish(_printed(_listed_steps(printed, asked), asked.output), printed, call)


def _finish(text: str, printed: Sequence[Step], call: Call) -> int:
    code = finish(text, call.release)
    for step in printed[-1:]:
        say_what_follows(call.release, step.phase)
    return code


def _notes(way: Sequence[Step], printed: Sequence[Step], call: Call) -> list[str]:
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


def _read(kubectl: Kubectl, wanted: Sequence[Part]) -> dict[Key, dict[str, Any]]:
    """Those of the objects that are in the cluster, one call a namespace."""
    found: dict[Key, dict[str, Any]] = {}
    for namespace in dict.fromkeys(part.namespace for part in wanted):
        here = [part for part in wanted if part.namespace == namespace]
        live = kubectl.get([_resource(part) for part in here], namespace)
        by_name = {(value["kind"], value["metadata"]["name"]): value for value in live}
        found |= {part.key: by_name[own] for part in here if (own := (part.kind, part.name)) in by_name}
    return found


def _resource(part: Part) -> str:
    group, slash, _ = part.api_version.rpartition("/")
    return f"{part.kind.lower()}{f'.{group}' if slash else ''}/{part.name}"


def _ends(call: Call) -> tuple[Phase, Phase]:
    asked, plan = call.asked, call.release.plan
    start = plan.find(asked.origin) if asked.origin is not None else call.release.current
    if start is None:
        raise UsageError("from which phase?", "say --from PHASE, or set spec.phase in the file")
    to = plan.find(asked.goal, start.name)
    return (to, start) if asked.undo else (start, to)


def _listed(change: Change, kind: PatchType, strict: bool = False) -> dict[str, Any]:
    part = change.part
    return {
        "apiVersion": part.api_version,
        "kind": part.kind,
        "namespace": part.namespace,
        "name": part.name,
        "type": kind if isinstance(change, Alteration) else change.action,
        "patch": change.patch(kind, strict),
    }


def _listed_steps(way: Sequence[Step], asked: Asked) -> list[dict[str, Any]]:
    """As a list; where there are several steps, each entry with the phase that it belongs to."""
    return [
        {**({"phase": step.phase.name} if len(way) > 1 else {}), **_listed(change, asked.kind, asked.strict)}
        for step in way
        for change in step.changes
    ]


def _printed(listed: list[dict[str, Any]], output: str) -> str:
    return yamltext.block(listed, 0) + "\n" if output == "yaml" else as_json(listed)


def _say_what_merging_replaces(changes: Sequence[Change]) -> None:
    for change in changes:
        if isinstance(change, Alteration):
            for path in sorted(patches.replaced_lists(change.before.value, change.after.value)):
                say(
                    f"warning: {change.part.title}: {path} is replaced whole, with what others have changed in it"
                )


def _checked_object(changes: Sequence[Change], checked: str, kubectl: Kubectl) -> dict[str, Any]:
    """The object to check: the route in the cluster, or what a file holds."""
    if checked == LIVE:
        routes = [change.part for change in changes if change.part.kind == "HTTPRoute"]
        live = _read(kubectl, routes)
        if not live:
            raise UsageError("--check: there is no route to check", _what_is_patched(changes))
        return live[routes[0].key]
    documents = yamltext.read(files.read_text(checked)[1], checked)
    value = documents[0].value if documents else None
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        raise UsageError(
            f"--check {checked}: this is no object", "kubectl get httproute NAME -o json prints one"
        )
    return value


def _check(call: Call, changes: Sequence[Change], value: dict[str, Any], way: tuple[Phase, Phase]) -> int:
    """Hold the guards of the object's patch against it; 1 where any fails."""
    own = (value.get("kind"), value["metadata"].get("name"))
    for change in changes:
        if isinstance(change, Alteration) and own == (change.part.kind, change.part.name):
            return _explain(call, change, value, *way)
    raise UsageError(
        f"--check {call.asked.checked}: {own[0]} {own[1]} is not patched on this way",
        _what_is_patched(changes),
    )


def _what_is_patched(changes: Sequence[Change]) -> str:
    patched = [change.part.title for change in changes if isinstance(change, Alteration)]
    return "patched: " + (", ".join(patched) or "nothing")


def _explain(call: Call, change: Alteration, value: dict[str, Any], start: Phase, to: Phase) -> int:
    name = f"{change.part.kind.lower()}/{change.part.name}"
    failed = patches.failed_tests(value, change.operations())
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
