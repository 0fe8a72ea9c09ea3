"""What `kubectl canary render -o dir=OUT` does: all phases as files, each with its way back."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from pathlib import PurePath

from kubectl_canary.commands import inputs
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run.releases import finish, say_what_follows
from kubectl_canary.errors import Refused
from kubectl_canary.outside import folder
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.output import say
from kubectl_canary.reading.release import Release
from kubectl_canary.release import actions
from kubectl_canary.release.changes import Alteration, Step
from kubectl_canary.release.documents import Part
from kubectl_canary.release.plan import Phase, PhaseKind, Plan
from kubectl_canary.rendering import record
from kubectl_canary.rendering.generator import Generator, Rendered
from kubectl_canary.rendering.objects import Planned, planned
from kubectl_canary.rendering.wayback import way_back
from kubectl_canary.reports import shells
from kubectl_canary.reports.documents import as_yaml
from kubectl_canary.reports.programs import as_json, compact


def write(release: Release, generator: Generator, place: str, flags: RenderFlags) -> int:
    """Write all phases and the ways back. Raises Refused where the step from what is there is not safe."""
    out = PurePath(place)
    current = release.declared()
    folder.refuse_inside(out, inputs.adopted_folders(release.sources))
    files = files_of(release, generator)
    changed = replaced(release, generator, out, files, current, flags)
    say(f"wrote {len(files)} files into {out} ({changed} changed); {out}/current is `{current.name}`")
    code = finish("", release)
    say_what_follows(release, current)
    return code


def files_of(release: Release, generator: Generator) -> dict[str, str]:
    """The texts of all phases and of the ways back, by their names in the folder."""
    plan, current = release.plan, release.declared()
    files = _phase_files(generator, plan, current, "current")
    files |= _way_back_files(generator, plan, current, "rollback")
    for number, phase in enumerate(plan.phases):
        place = f"phases/{number:02}-{phase.slug}"
        files |= _phase_files(generator, plan, phase, place)
        files |= _way_back_files(generator, plan, phase, f"{place}/rollback")
    for phase in plan.ways_back():
        files |= _phase_files(generator, plan, phase, f"ways-back/{phase.slug}")
    return files


def replaced(
    release: Release,
    generator: Generator,
    out: PurePath,
    files: dict[str, str],
    current: Phase,
    flags: RenderFlags,
) -> int:
    """Make the folder hold these files, those of `current`; answers how many changed. Raises as `write`."""

    def judge(notes: Mapping[str, str]) -> None:
        _judge_step(release, generator, notes, current, flags)

    return folder.write(out, release.plan.application.title, files, notes_of(release, current, out), judge)


def notes_of(release: Release, current: Phase, out: PurePath) -> dict[str, str]:
    """What a folder remembers: its phase and both versions, and which file it is rendered from."""
    return {
        **record.of_plan(release.plan, current).notes(),
        folder.FILE: folder.beside(release.declaring_file, out),
    }


def changes(
    release: Release, generator: Generator, out: PurePath, files: Mapping[str, str], flags: RenderFlags
) -> list[Change]:
    """What makes the folder hold these files, those of the declared phase. Raises as `write`."""
    folder.refuse_inside(out, inputs.adopted_folders(release.sources))
    current = release.declared()

    def judge(notes: Mapping[str, str]) -> None:
        _judge_step(release, generator, notes, current, flags)

    return folder.changes(out, release.plan.application.title, files, notes_of(release, current, out), judge)


def _judge_step(
    release: Release, generator: Generator, notes: Mapping[str, str], to: Phase, flags: RenderFlags
) -> None:
    """Say what is wrong with the step from what the folder holds. Raises Refused where it is an error."""
    recorded = record.read(notes)
    allowed = {"skip": flags.skip, "handed_over": flags.handed_over}
    findings = record.findings(recorded, release.plan, to, **allowed) if recorded else ()
    placed = [release.placed(finding) for finding in findings]
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
    there = next(
        (phase for phase in (*plan.phases, *plan.ways_back()) if phase.name == recorded), plan.phases[0]
    )
    scaled = [
        item
        for item in planned(plan.application, there)
        if isinstance(item, Planned) and item.part.kind == "Deployment" and item.names["replicas"] is None
    ]
    lines = ["Where `kubectl apply` applies it:"]
    for document in generator.render(scaled):
        lines += [
            f"  printf %s {shlex.quote(compact(document.value))} \\",
            "    | kubectl apply set-last-applied --create-annotation -f -",
        ]
    lines.append("Where Argo CD or Flux apply it, server-side:")
    for item in scaled:
        lines += _take_over(item.part)
    return "\n".join(lines)


def _take_over(deployment: Part) -> list[str]:
    """The command that makes `replicas` the owner of a Deployment's replicas, as many as there are."""
    name, namespace = deployment.name, deployment.namespace
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": "N"},
    }
    template = shlex.quote(compact(manifest).replace('"N"', "{{.spec.replicas}}"))
    place = f" -n {namespace}" if namespace else ""
    return [
        f"  kubectl get deployment {name}{place} -o go-template={template} \\",
        "    | kubectl apply --server-side --field-manager=replicas --validate=false -f -",
    ]


def _phase_files(generator: Generator, plan: Plan, phase: Phase, place: str) -> dict[str, str]:
    documents = by_file_name(generator, plan, phase)
    return {f"{place}/{name}": document.text for name, document in documents.items()}


def by_file_name(generator: Generator, plan: Plan, phase: Phase) -> dict[str, Rendered]:
    """The documents of a phase by their file names; where two have one name, with their namespaces and groups."""
    rendered = generator.render(planned(plan.application, phase))
    names = [document.file_name(phase.is_way_back) for document in rendered]
    files: dict[str, Rendered] = {}
    for name, document in zip(names, rendered, strict=True):
        if names.count(name) > 1:
            group = document.part.api_version.partition("/")[0]
            name = f"{name.removesuffix('.yaml')}-{document.part.namespace or 'cluster'}-{group}.yaml"
        files[name] = document
    return files


def _way_back_files(generator: Generator, plan: Plan, phase: Phase, place: str) -> dict[str, str]:
    """What leads back from a phase with kubectl alone.

    It lies in a folder of its own, where `kubectl apply -f` on the phase's folder does not find it.
    """
    back = way_back(plan, generator, phase)
    if back is None:
        return {}
    step = back.step()
    style = shells.Style(refusal=shells.Refusal(file=f"{back.name}.yaml"))
    lines = shells.script(actions.of_step(step, plan.application.drain), style)
    files = {f"{place}/{back.name}.yaml": as_yaml(back.documents()), f"{place}/{back.name}.sh": lines}
    return files | {f"{place}/{back.name}{name}.patch.json": text for name, text in _patches(step).items()}


def _patches(step: Step) -> dict[str, str]:
    """The patches of a way back by what tells them apart; the only route's empty where it is as before already."""
    patched = {change.part: change.operations() for change in step.changes if isinstance(change, Alteration)}
    if step.phase.kind is PhaseKind.ROLLBACK:
        routes = [part for part, _ in step.route_tests]
        if len(routes) == 1:
            return {"": as_json(patched.get(routes[0], []))}
        patched = {route: patched.get(route, []) for route in routes}
    return {_told(part, patched): as_json(operations) for part, operations in patched.items()}


def _told(part: Part, others: Collection[Part]) -> str:
    """A part by its kind, its name where others are of the kind, and its namespace where others have the name too."""
    alike = [known for known in others if known.kind == part.kind]
    alike_named = [known for known in alike if known.name == part.name]
    name = f".{part.name}" if len(alike) > 1 else ""
    namespace = f".{part.namespace}" if len(alike_named) > 1 else ""
    return f".{part.kind.lower()}{name}{namespace}"
