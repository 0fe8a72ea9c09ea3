"""What `kubectl canary patch` does."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.patch import PatchFlags
from kubectl_canary.commands.run.releases import finish, generator_of, load, say_what_follows, start_of
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.outside import files
from kubectl_canary.outside.clock import now
from kubectl_canary.outside.kubectl import Kubectl
from kubectl_canary.outside.output import say
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.release import Release
from kubectl_canary.records import dataclass
from kubectl_canary.release import managed_fields, patches
from kubectl_canary.release.changes import Alteration, Change, PatchType, Step, until_gate
from kubectl_canary.release.documents import Key, Part
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.steps import steps
from kubectl_canary.reports.ages import ago
from kubectl_canary.reports.gates import gate_texts
from kubectl_canary.reports.programs import as_identity, as_json, said

LIVE = "the cluster"


@dataclass(frozen=True)
class Call:
    """One call of the verb: the release, and all flags."""

    release: Release
    generator: Generator
    flags: PatchFlags
    release_flags: ReleaseFlags
    cluster_flags: ClusterFlags

    def kubectl(self) -> Kubectl:
        """What asks the cluster."""
        return Kubectl(self.cluster_flags.words())

    def command(self, *words: str) -> str:
        """A `patch` command about the same release and cluster."""
        return command_line("patch", *words, release=self.release_flags, cluster=self.cluster_flags)


def run(release_flags: ReleaseFlags, flags: PatchFlags, cluster_flags: ClusterFlags) -> int:
    """Print the patches. Raises UsageError for flags that do not go together."""
    if flags.live and (flags.origin or flags.undo or flags.jump or flags.checked):
        raise UsageError("--live starts from what is there", "leave --from, --undo, --jump and --check out")
    if flags.strict and not flags.live:
        raise UsageError("--strict goes with --live", "only a live object has a resourceVersion")
    if flags.jump and flags.skip:
        raise UsageError("--jump goes by every phase, --skip by none", "give one of them")
    release = load(release_flags)
    call = Call(release, generator_of(release, release_flags), flags, release_flags, cluster_flags)
    return _live(call) if flags.live else _planned(call)


def _live(call: Call) -> int:
    """From what is in the cluster."""
    from kubectl_canary.rendering.live import live_step
    from kubectl_canary.rendering.parts import live_parts

    live = _read(call.kubectl(), live_parts(call.release.plan))
    step, findings = live_step(call.release.plan, call.generator, call.flags.goal, live, skip=call.flags.skip)
    for finding in findings:
        say(str(finding))
    if not step.changes:
        say(f"the cluster is at `{step.phase.name}` already: nothing to patch")
    return _print([step], call)


def _planned(call: Call) -> int:
    """From one phase of the plan to another."""
    flags, plan = call.flags, call.release.plan
    start, to = _ends(call)
    way = steps(plan, call.generator, start, to, jump=flags.jump, skip=flags.skip)
    changes = [change for step in way for change in step.changes]
    if not changes:
        say(f"`{start.name}` and `{to.name}` are the same: nothing to patch")
    if flags.checked is not None:
        values = _checked_objects(call, changes, flags.checked)
        return max(_check(call, changes, value, (start, to)) for value in values)
    return _print(way, call)


def _print(way: Sequence[Step], call: Call) -> int:
    """The steps, up to the first phase with a gate, and then what prints the rest."""
    flags, printed = call.flags, until_gate(way)
    notes = _notes(way, printed, call)
    if flags.kind == "merge":
        _say_what_merging_replaces([change for step in printed for change in step.changes])
    for note in notes:
        say(note)
    if flags.output == "kubectl":
        from kubectl_canary.commands.run.lines import lines

        flagged = (flags, call.release_flags, call.cluster_flags)
        return _finish(lines(printed, notes, call.release.plan.application.drain, *flagged), printed, call)
    if len(printed) > 1:
        say("these are several phases: after each, wait for its pods, its route's acceptance and its pause")
    return _finish(_printed(_listed_steps(printed, flags), flags.output), printed, call)


def _finish(text: str, printed: Sequence[Step], call: Call) -> int:
    code = finish(text, call.release)
    for step in printed[-1:]:
        say_what_follows(call.release, step.phase)
    return code


def _notes(way: Sequence[Step], printed: Sequence[Step], call: Call) -> list[str]:
    """What whoever goes this way has to know: where it stops before the goal, and what follows promotion."""
    if len(printed) < len(way):
        here = printed[-1].phase
        gates = "; ".join(gate_texts(here.gates, here.traffic.share))
        output = (
            "-o",
            "kubectl",
            *(("--type", "merge") if call.flags.kind == "merge" else ()),
            *(("--shell", "powershell") if call.flags.shell == "powershell" else ()),
        )
        rest = call.command("--from", here.name, "--to", way[-1].phase.name, "--jump", *output)
        return [f"{here.name} has a gate: {gates}. When it holds, this prints the rest: {rest}"]
    return []


def _read(kubectl: Kubectl, wanted: Sequence[Part]) -> dict[Key, dict[str, Any]]:
    """Those of the objects that are in the cluster, one call a namespace."""
    objects: dict[Key, dict[str, Any]] = {}
    for namespace in dict.fromkeys(part.namespace for part in wanted):
        here = [part for part in wanted if part.namespace == namespace]
        live = kubectl.get([_resource(part) for part in here], namespace)
        by_name = {(value["kind"], value["metadata"]["name"]): value for value in live}
        objects |= {part.key: by_name[name] for part in here if (name := (part.kind, part.name)) in by_name}
    return objects


def _resource(part: Part) -> str:
    group, slash, _ = part.api_version.rpartition("/")
    return f"{part.kind.lower()}{f'.{group}' if slash else ''}/{part.name}"


def _ends(call: Call) -> tuple[Phase, Phase]:
    flags, plan = call.flags, call.release.plan
    start = start_of(call.release, flags.origin)
    to = plan.find(flags.goal, start.name)
    return (to, start) if flags.undo else (start, to)


def _listed(change: Change, kind: PatchType, strict: bool = False) -> dict[str, Any]:
    return {
        **as_identity(change.part),
        "type": kind if isinstance(change, Alteration) else change.action,
        "patch": change.patch(kind, strict),
    }


def _listed_steps(way: Sequence[Step], flags: PatchFlags) -> list[dict[str, Any]]:
    """As a list; where there are several steps, each entry with the phase that it belongs to."""
    return [
        {**({"phase": step.phase.name} if len(way) > 1 else {}), **_listed(change, flags.kind, flags.strict)}
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


def _checked_objects(call: Call, changes: Sequence[Change], checked: str) -> list[dict[str, Any]]:
    """The objects to check: the routes in the cluster, or what a file holds."""
    if checked == LIVE:
        patched = (change.part for change in changes if isinstance(change, Alteration))
        routes = list(dict.fromkeys(part for part in patched if part.is_route))
        live = _read(call.kubectl(), routes)
        if not routes:
            raise UsageError("--check: no route is patched on this way", _what_is_patched(changes))
        for route in routes:
            if route.key not in live:
                raise _absent(route)
        return [live[route.key] for route in routes]
    documents = yamltext.read(files.read_text(checked)[1], checked)
    value = documents[0].value if documents else None
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        line = shlex.join(["kubectl", *call.cluster_flags.words(), "get", "httproute", "NAME", "-o", "json"])
        raise UsageError(f"--check {checked}: this is no object", f"{line} prints one")
    return [value]


def _absent(route: Part) -> Refused:
    place = f" in {route.namespace}" if route.namespace else ""
    message = f"there is no {route.title}{place}: nothing to check"
    hint = "is it the right context and namespace?"
    return Refused("the release is not there", [Finding("live", "error", (), message, Where(LIVE), hint)])


def _check(call: Call, changes: Sequence[Change], value: dict[str, Any], way: tuple[Phase, Phase]) -> int:
    """Hold the guards of the object's patch against it; 1 where any fails."""
    kind, name, namespace = value.get("kind"), *(value["metadata"].get(key) for key in ("name", "namespace"))
    for change in changes:
        found = (kind, namespace or change.part.namespace, name)
        if isinstance(change, Alteration) and found == change.part.located:
            return _explain(call, change, value, *way)
    raise UsageError(
        f"--check {call.flags.checked}: {kind} {name} is not patched on this way",
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
    for test in (innermost for outer in failed for innermost in patches.deepest(outer)):
        say(f"  {test.path} is {said(test.found)}, expected {said(test.expected)}{_by(value, test.path)}")
    output = (
        *(("-o", call.flags.output) if call.flags.output != "json" else ()),
        *(("--type", call.flags.kind) if call.flags.kind != "json" else ()),
    )
    say(f"To start from what is there: {call.command('--to', to.name, '--live', *output)}")
    return 1


def _by(value: dict[str, Any], pointer: str) -> str:
    """Who changed it last, and how long ago."""
    writer = managed_fields.who_changed(value, pointer)
    if writer is None:
        return ""
    manager, written = writer
    age = ago(written, now())
    return f" (changed by {manager}{f', {age}' if age else ''})"
