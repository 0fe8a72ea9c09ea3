"""What `kubectl canary render` does."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from kubectl_canary.commands.common import finish, say_what_follows
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.reading.release import Release
from kubectl_canary.release import actions
from kubectl_canary.release.changes import Alteration
from kubectl_canary.release.plan import WAYS_BACK, Kind, Phase, Plan
from kubectl_canary.release.ways import objection
from kubectl_canary.rendering import record
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned, removed
from kubectl_canary.reports import shells
from kubectl_canary.reports.plans import as_json, as_list, as_yaml

RESET = (
    "warning: applied over Deployments that had `replicas`, this sets them to 1; `render --all -o dir=OUT`, over a "
    "folder that had them, prints the lines that hand them over first"
)
OR_GIVE = ", or give --phase"


@dataclass(frozen=True)
class Asked:
    """The flags of `render` itself."""

    phase_name: str | None
    origin: str | None
    all_phases: bool
    only: tuple[str, ...]
    only_removed: bool
    output: str
    skip: bool
    handed_over: bool


def run(release_flags: ReleaseFlags, asked: Asked) -> int:
    """Render."""
    folder = _folder(asked.output)
    if folder is None and asked.all_phases:
        raise UsageError(
            "--all needs -o dir=OUT", "in one stream, kubectl would apply all phases up to the last one"
        )
    if folder is not None and (asked.phase_name or asked.origin or asked.only or asked.only_removed):
        raise UsageError(
            "-o dir=OUT writes all phases and all objects", "leave --phase, --from, --only, --removed out"
        )
    release = release_flags.load()
    generator = release_flags.generator(release)
    if folder is not None:
        return _write_folder(release, generator, folder, asked)
    return _print(release, generator, asked)


def _print(release: Release, generator: Generator, asked: Asked) -> int:
    phase = _asked_phase(release, asked.phase_name, asked.origin)
    wanted = planned(release.plan.application, phase)
    if asked.only_removed:
        wanted = removed(release.plan.application, _start(release.plan, phase, asked.origin), phase)
        if not wanted:
            say(f"`{phase.name}` removes nothing")
    chosen = [item for item in wanted if not asked.only or item.part.group in asked.only]
    if wanted and not chosen:
        say(f"`{phase.name}` has nothing of {', '.join(asked.only)}")
    rendered = generator.render(chosen)
    if not asked.skip:
        _warn_of_jump(release, phase)
    if not release.plan.application.workload.prints_replicas and any(
        item.part.kind == "Deployment" for item in chosen
    ):
        say(RESET)
    done = finish(as_list(rendered) if asked.output == "json" else as_yaml(rendered), release)
    if not asked.only_removed:
        say_what_follows(release, phase)
    return done


def _folder(output: str) -> PurePath | None:
    if output in ("yaml", "json"):
        return None
    kind, equals, folder = output.partition("=")
    if kind != "dir":
        raise UsageError(f"-o {output}: unknown format", "yaml, json or dir=OUT")
    if not equals or not folder:
        raise UsageError(f"-o {output}: into which folder?", "for example -o dir=rendered")
    return PurePath(folder)


def _asked_phase(release: Release, name: str | None, origin: str | None) -> Phase:
    if name is None:
        if origin is not None:
            raise UsageError("--from goes with --phase rollback or --phase rollback-promotion")
        return release.declared(OR_GIVE)
    if origin is not None and name.strip() not in ("rollback", "rollback-promotion"):
        raise UsageError("--from goes with --phase rollback or --phase rollback-promotion")
    return release.plan.find(name, origin or (release.current.name if release.current else None))


def _start(plan: Plan, phase: Phase, origin: str | None) -> Phase | None:
    return plan.find(origin) if origin and phase.kind not in WAYS_BACK else plan.previous(phase)


def _warn_of_jump(release: Release, phase: Phase) -> None:
    """Say so where going from the declared phase straight to this one is not safe, or leaves phases out."""
    start, plan = release.current, release.plan
    if start is None or start == phase:
        return
    wrong = objection(plan, start, phase)
    if wrong is not None:
        say(f"warning: do not apply this straight from `{start.name}`: {wrong.message}")


def _write_folder(release: Release, generator: Generator, out: PurePath, asked: Asked) -> int:
    from kubectl_canary.outside import folder

    plan, current = release.plan, release.declared()
    files = _phase_files(generator, plan, current, "current")
    files |= _way_back_files(generator, plan, current, "rollback")
    for number, phase in enumerate(plan.phases):
        place = f"phases/{number:02}-{phase.slug}"
        files |= _phase_files(generator, plan, phase, place)
        files |= _way_back_files(generator, plan, phase, f"{place}/rollback")
    for phase in plan.ways_back():
        files |= _phase_files(generator, plan, phase, f"ways-back/{phase.slug}")

    def judge_step(notes: Mapping[str, str]) -> None:
        _judge_step(release, generator, notes, current, asked)

    notes = record.of_plan(plan, current).notes()
    changed = folder.write(out, plan.application.title, files, notes, judge_step)
    say(f"wrote {len(files)} files into {out} ({changed} changed); {out}/current is `{current.name}`")
    done = finish("", release)
    say_what_follows(release, current)
    return done


def _judge_step(
    release: Release, generator: Generator, notes: Mapping[str, str], to: Phase, asked: Asked
) -> None:
    """Say what is wrong with the step from what the folder holds. Raises Refused where it is an error."""
    recorded = record.read(notes)
    flags = {"skip": asked.skip, "handed_over": asked.handed_over}
    found = list(record.findings(recorded, release.plan, to, **flags)) if recorded else []
    placed = [release.placed(finding) for finding in found]
    if any(finding.severity == "error" for finding in placed):
        resets = any(finding.rule == "replicas" for finding in placed)
        hint = _hand_over(release.plan, generator, recorded.phase) if resets and recorded else ""
        raise Refused("this is not a safe step from what the folder holds", placed, hint)
    for finding in placed:
        say(str(finding))


def _hand_over(plan: Plan, generator: Generator, recorded: str) -> str:
    """The commands after which nothing that applies the folder sets the Deployments' replicas back.

    They are those of the phase that was rendered last.
    """
    there = next((one for one in (*plan.phases, *plan.ways_back()) if one.name == recorded), plan.phases[0])
    scaled = [
        item
        for item in planned(plan.application, there)
        if item.part.kind == "Deployment" and item.names["replicas"] is None
    ]
    lines = ["Where `kubectl apply` applies it:"]
    for document in generator.render(scaled):
        lines += [
            f"  printf %s {shlex.quote(_compact(document.value))} \\",
            "    | kubectl apply set-last-applied --create-annotation -f -",
        ]
    lines.append("Where Argo CD or Flux apply it, server-side:")
    for item in scaled:
        name, namespace = item.part.name, item.part.namespace
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        handed = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": "N"},
        }
        template = shlex.quote(_compact(handed).replace('"N"', "{{.spec.replicas}}"))
        place = f" -n {namespace}" if namespace else ""
        lines += [
            f"  kubectl get deployment {name}{place} -o go-template={template} \\",
            "    | kubectl apply --server-side --field-manager=replicas --validate=false -f -",
        ]
    return "\n".join(lines)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _phase_files(generator: Generator, plan: Plan, phase: Phase, place: str) -> dict[str, str]:
    rendered = generator.render(planned(plan.application, phase))
    return {f"{place}/{one.file_name(phase.route_first)}": one.text for one in rendered}


def _way_back_files(generator: Generator, plan: Plan, phase: Phase, place: str) -> dict[str, str]:
    """What leads back from a phase with kubectl alone.

    It lies in a folder of its own, where `kubectl apply -f` on the phase's folder does not find it.
    """
    from kubectl_canary.rendering.wayback import way_back

    back = way_back(plan, generator, phase)
    if back is None:
        return {}
    step = back.step()
    style = shells.Style(refusal=shells.Refusal(file=f"{back.name}.yaml"))
    lines = shells.script(actions.of_step(step, plan.application.drain), style)
    files = {f"{place}/{back.name}.yaml": as_yaml(back.documents()), f"{place}/{back.name}.sh": lines}
    patched = [change for change in step.changes if isinstance(change, Alteration)]
    if back.phase.kind is Kind.ROLLBACK:  # the route's; empty where it is as before already
        operations = patched[0].operations() if patched else []
        return {**files, f"{place}/{back.name}.patch.json": as_json(operations)}
    for change in patched:
        kind = change.part.kind.lower()
        files[f"{place}/{back.name}.{kind}.patch.json"] = as_json(change.operations())
    return files
