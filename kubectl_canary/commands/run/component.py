"""What `kubectl canary render -o kustomize=OUT` does: phases as components that an overlay of the user's lists."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePath

from kubectl_canary.commands import inputs
from kubectl_canary.commands.program import program
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run.folder import by_file_name, replaced
from kubectl_canary.commands.run.releases import finish, phase_of, say_what_follows
from kubectl_canary.errors import UsageError
from kubectl_canary.integrations import component
from kubectl_canary.integrations.component import Base
from kubectl_canary.outside import folder
from kubectl_canary.outside.output import say
from kubectl_canary.reading.release import Release
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.release.ways import way
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned

ENDS = PhaseKind.ROLLED_BACK.value
OTHERWISE = "write all phases into a folder: -o dir=OUT"


def write(release: Release, generator: Generator, place: str, flags: RenderFlags) -> int:
    """Write a phase, or all of them. Raises Refused where the step from what is there is not safe."""
    out = PurePath(place)
    folder.refuse_inside(out, inputs.adopted_folders(release.sources))
    current = phase_of(release, flags.phase_name, flags.origin)
    files = files_of(release, generator, current, all_phases=flags.all_phases)
    changed = replaced(release, generator, out, files, current, flags)
    listed = out / "current" if flags.all_phases else out
    say(f"wrote {len(files)} files into {out} ({changed} changed); {listed} is `{current.name}`")
    code = finish("", release)
    say_what_follows(release, current)
    return code


def files_of(release: Release, generator: Generator, current: Phase, *, all_phases: bool) -> dict[str, str]:
    """The texts of a phase, or of all, by their names in the folder. Raises UsageError where none can be."""
    _refuse(release)
    places = _all_places(release, current) if all_phases else {"": current}
    there = _base(release, generator)
    return {
        f"{place}{name}": text
        for place, phase in places.items()
        for name, text in _files(release, generator, there, phase).items()
    }


def _refuse(release: Release) -> None:
    """Raise UsageError for what is not laid over one set of the user's manifests."""
    if release.plan.application.adopted is None:
        message = "-o kustomize=OUT patches manifests that spec.adopt names, and it names none"
        raise UsageError(message, OTHERWISE)
    if "stable" in release.spec["adopt"]:
        where = release.sources.where(("spec", "adopt", "stable"))
        message = (
            f"{where}: a component is laid over the one set of manifests that your kustomization reads, "
            "and spec.adopt.stable names another"
        )
        raise UsageError(message, f"leave it out, or {OTHERWISE}")
    there = inputs.left_in_place(release.sources)
    if there is not None and there.left is not None:
        message = f"{there.folder} is `{there.left.phase}` in place, and a component would be laid over that"
        raise UsageError(message, "\n".join(_ending(release, there.left.phase)))


def _ending(release: Release, here: str) -> Iterator[str]:
    """What takes a release out of the user's files; from a phase that the file has no more, its end alone."""
    plan = release.plan
    known = [phase for phase in (*plan.phases, *plan.ways_back()) if phase.name == here]
    names = [phase.name for start in known for phase in way(plan, start, plan.find(ENDS))] or [ENDS]
    yield "take it out first, and apply each phase before the next:"
    for name in names:
        file, phase = shlex.quote(release.file), shlex.quote(name)
        yield f"  {program()} render -f {file} -o in-place --phase {phase}"


def _all_places(release: Release, current: Phase) -> dict[str, Phase]:
    """Each phase by the start of its files' names."""
    plan = release.plan
    phases = {f"phases/{number:02}-{phase.slug}/": phase for number, phase in enumerate(plan.phases)}
    back = {f"ways-back/{phase.slug}/": phase for phase in plan.ways_back()}
    return {"current/": current, **phases, **back}


def _base(release: Release, generator: Generator) -> Base:
    application, before = release.plan.application, release.plan.phases[0]
    documents = generator.render(planned(application, before))
    return component.base(application, documents, release.sources.given.values())


def _files(release: Release, generator: Generator, there: Base, phase: Phase) -> dict[str, str]:
    return component.files(release.plan.application, there, by_file_name(generator, release.plan, phase))
