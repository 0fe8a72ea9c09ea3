"""What `kubectl canary render` does."""

from __future__ import annotations

from pathlib import Path

from kubectl_canary.commands.common import finish, generator_of, load
from kubectl_canary.errors import UsageError
from kubectl_canary.generator import Generator
from kubectl_canary.objects import planned, removed
from kubectl_canary.outside.output import say
from kubectl_canary.plan import WAYS_BACK, Kind, Phase, Plan
from kubectl_canary.release import Release
from kubectl_canary.reports import as_json, as_list, as_yaml, kubectl_lines

OR_GIVE = ", or give --phase"


def run(
    *,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    canary_tag: str | None,
    namespace: str | None,
    phase_name: str | None,
    origin: str | None,
    all_phases: bool,
    only: tuple[str, ...],
    only_removed: bool,
    output: str,
    templates: str | None,
    no_validate: bool,
) -> int:
    """Render."""
    folder = _folder(output)
    if folder is None and all_phases:
        raise UsageError(
            "--all needs -o dir=OUT", "in one stream, kubectl would apply all phases up to the last one"
        )
    if folder is not None and (phase_name or origin or only or only_removed):
        raise UsageError(
            "-o dir=OUT writes all phases and all objects", "leave --phase, --from, --only, --removed out"
        )
    release = load(files, settings, canary_tag, namespace)
    generator = generator_of(release, templates, no_validate)
    if folder is not None:
        return _write_folder(release, generator, folder)
    phase = _asked_phase(release, phase_name, origin)
    _warn_of_jump(release, phase)
    wanted = planned(release.plan.canary, phase)
    if only_removed:
        wanted = removed(release.plan.canary, _start(release.plan, phase, origin), phase)
        if not wanted:
            say(f"`{phase.name}` removes nothing")
    rendered = generator.render([one for one in wanted if not only or one.group in only])
    return finish(as_list(rendered) if output == "json" else as_yaml(rendered), release)


def _folder(output: str) -> Path | None:
    if output in ("yaml", "json"):
        return None
    kind, equals, folder = output.partition("=")
    if kind != "dir":
        raise UsageError(f"-o {output}: unknown format", "yaml, json or dir=OUT")
    if not equals or not folder:
        raise UsageError(f"-o {output}: into which folder?", "for example -o dir=rendered")
    return Path(folder)


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
    """Say so where going from the declared phase straight to this one is not safe."""
    problem = release.plan.jump_problem(release.current, phase) if release.current else None
    if problem is not None:
        say(
            f"warning: do not apply this straight from `{release.current.name if release.current else ''}`: {problem}"
        )


def _write_folder(release: Release, generator: Generator, out: Path) -> int:
    from kubectl_canary.outside import folder

    canary, plan, current = release.plan.canary, release.plan, release.declared()
    files = _phase_files(generator, plan, current, "current")
    files |= _way_back_files(generator, plan, current, "rollback")
    for number, phase in enumerate(plan.phases):
        place = f"phases/{number:02}-{phase.slug}"
        files |= _phase_files(generator, plan, phase, place)
        files |= _way_back_files(generator, plan, phase, f"{place}/rollback")
    for phase in plan.ways_back():
        files |= _phase_files(generator, plan, phase, f"ways-back/{phase.slug}")
    owner = f"{canary.name} in {canary.namespace}" if canary.namespace else canary.name
    changed = folder.write(out, owner, files)
    say(f"wrote {len(files)} files into {out} ({changed} changed); {out}/current is `{current.name}`")
    return finish("", release)


def _phase_files(generator: Generator, plan: Plan, phase: Phase, place: str) -> dict[str, str]:
    rendered = generator.render(planned(plan.canary, phase))
    return {f"{place}/{one.file_name(phase.route_first)}": one.text for one in rendered}


def _way_back_files(generator: Generator, plan: Plan, phase: Phase, place: str) -> dict[str, str]:
    """What leads back from a phase with kubectl alone.

    It lies in a folder of its own, where `kubectl apply -f` on the phase's folder does not find it.
    """
    from kubectl_canary.wayback import way_back

    back = way_back(plan, generator, phase)
    if back is None:
        return {}
    steps = back.steps()
    lines = kubectl_lines(steps, "json") or "# nothing to do: the route is as before already\n"
    files = {f"{place}/{back.name}.yaml": as_yaml(back.documents()), f"{place}/{back.name}.sh": lines}
    if back.phase.kind is Kind.ROLLBACK:  # the route's; empty where it is as before already
        operations = steps[0].operations() if steps else []
        return {**files, f"{place}/{back.name}.patch.json": as_json(operations)}
    for step in steps:
        kind = step.rendered.planned.kind.lower()
        files[f"{place}/{back.name}.{kind}.patch.json"] = as_json(step.operations())
    return files
