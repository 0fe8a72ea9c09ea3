"""A fleet and its targets as they are now: what the verbs begin with that are given one."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.run import releases
from kubectl_canary.errors import Refused, UsageError, WorldError
from kubectl_canary.findings import Finding, Path, Where
from kubectl_canary.outside import files, places
from kubectl_canary.outside.repository import Repository
from kubectl_canary.reading import declaring, fleets, sources
from kubectl_canary.reading.fleets import FleetFile
from kubectl_canary.reading.release import Release
from kubectl_canary.release import fleets as rules
from kubectl_canary.release.application import Version
from kubectl_canary.release.fleets import Fleet, Standing, Standings, State, Target

BATCH = 50  # targets that are written together, and held in memory meanwhile

# what a release changes, and takes away at its end, in each file that says it
WRITTEN: tuple[Path, ...] = (
    declaring.PHASE,
    declaring.CANARY,
    ("spec", "stable", "image"),
    ("spec", "adopt", "stable"),
)


def read(release_flags: ReleaseFlags) -> FleetFile:
    """The fleet that is named. Raises UsageError for flags of a release, Refused with every finding."""
    if len(release_flags.files) != 1:
        raise UsageError("a fleet is one file", f"say -f {release_flags.files[-1]} alone")
    if words := release_flags.words()[2 if release_flags.files != ReleaseFlags().files else 0 :]:
        raise UsageError(f"{words[0]}: a fleet says it of each target", "write it into the canary files")
    gc.enable()  # entry.py switches the collector off for verbs that end soon
    file = _parsed(*files.read_text(release_flags.files[0], files.MAX_MANIFESTS))
    _refuse_twice(file)
    return file


def _refuse_twice(file: FleetFile) -> None:
    """Raises Refused where links make one file that of two targets."""
    named: dict[str, Target] = {}
    findings = [
        file.finding(target, f"{target.files[-1]} is {first.files[-1]}, the file of `{first.name}`")
        for target in file.fleet.targets
        if (first := named.setdefault(files.without_links(target.files[-1]), target)) is not target
    ]
    if findings:
        raise Refused(f"{file.file} is not valid", findings)


def _parsed(name: str, text: str) -> FleetFile:
    return fleets.read(sources.layered([sources.document(name, text)]), places.matching)


def flags_of(target: Target) -> ReleaseFlags:
    """The flags that name the release of a target."""
    return ReleaseFlags(files=target.files)


def begun(file: FleetFile, release_flags: ReleaseFlags) -> str:
    """The version that is released. Raises UsageError where none is."""
    if not file.fleet.tag:
        hint = f"`{command_line('start', 'VERSION', release=release_flags)}` begins one"
        raise UsageError(f"{file.file} has no release", hint)
    return file.fleet.tag


def standings(file: FleetFile, tag: str) -> Standings:
    """Where each target is in the release of a version. Raises Refused with what is wrong with any of them."""
    found, complaints = sound(file, tag)
    if complaints:
        raise Refused(f"targets of {file.file} are not valid", complaints)
    return found


def sound(file: FleetFile, tag: str) -> tuple[Standings, list[Finding]]:
    """Where each target is in the release of a version, and what is wrong with the others."""
    found: dict[Target, Standing] = {}
    complaints: list[Finding] = []
    adopting: dict[str, Target] = {}
    for target in file.fleet.targets:
        try:
            source = sources.layered(inputs.documents(target.files))
            _refuse_adopted_twice(source, adopting.setdefault(_adopted(source), target), target)
            found[target] = _standing(target, source, tag, is_left_out=target.name in file.fleet.without)
        except Refused as refused:
            complaints += refused.findings
        except (UsageError, WorldError) as error:
            complaints.append(file.finding(target, error.message, error.hint))
    return found, complaints


def _adopted(source: sources.Sources) -> str:
    """The manifests that a target adopts, without links; where it adopts none, what nobody else has."""
    spec = source.value.get("spec")
    folder = inputs.adopted_folders(source).get("spec.adopt.from") if isinstance(spec, dict) else None
    return files.without_links(folder) if folder is not None else source.documents[-1].file


def _refuse_adopted_twice(source: sources.Sources, first: Target, target: Target) -> None:
    """Raises Refused where two targets adopt the same manifests: the end of one release is written for both."""
    if first is not target:
        path: Path = ("spec", "adopt", "from")
        message = (
            f"`{first.name}` adopts the same manifests: the end of its release would reach `{target.name}`"
        )
        where = source.value_where(path)
        finding = Finding("fleet", "error", path, message, where, "give each target manifests of its own")
        raise Refused(f"{where.file} is not valid", [finding])


def standing(target: Target, tag: str) -> Standing:
    """Where a target is in the release of a version. Raises as `releases.load`."""
    return _standing(target, sources.layered(inputs.documents(target.files)), tag)


def _standing(target: Target, source: sources.Sources, tag: str, *, is_left_out: bool = False) -> Standing:
    spec = source.value.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    is_of_fleet = (spec.get("canary") or {}).get("tag") == tag and bool(spec.get("phase"))
    is_left_out = is_left_out and not is_of_fleet
    if not is_left_out:
        _refuse_shared(target, source)
    if not declaring.versions_in(spec):
        stable = _stable(target, spec)
        state = State.THERE if stable == tag else State.WAITING
        return Standing(State.LEFT_OUT if is_left_out else state, stable)
    release = releases.load(flags_of(target))
    here, stable = release.declared(), _version(release)
    if is_left_out:
        return Standing(State.LEFT_OUT, stable, here.name)
    if not is_of_fleet:
        return Standing(State.OTHERWISE, stable, here.name)
    if here.is_way_back:
        return Standing(State.GOING_BACK, stable, here.name)
    place = release.plan.phases.index(here) + 1
    following = release.plan.phases[place] if place < len(release.plan.phases) else None
    return Standing(State.UNDER_WAY, stable, here.name, rules.rank(release.plan, following))


def began(file: FleetFile, there: Repository | None) -> Fleet | None:
    """The fleet as its file was when its release began; None where no commit says it."""
    found = None
    for _, data in there.history(file.file) if there is not None else ():
        try:
            source = sources.layered(
                [sources.document(file.file, files.decoded(file.file, data or b"", files.MAX_MANIFESTS))]
            )
            known = fleets.read(source, places.matching).fleet
        except Refused:
            break
        if known.tag != file.fleet.tag:
            break
        found = known
    return found


def left_behind(began: Fleet, now: FleetFile) -> Iterator[tuple[Target, Standing]]:
    """The targets that were in a fleet when its release began, are not any more, and are in the middle of it."""
    names = {target.name for target in now.fleet.targets}
    for target in began.targets:
        if target.name not in names and all(map(files.is_there, target.files)):
            known = standing(target, now.fleet.tag)
            if known.state in (State.UNDER_WAY, State.GOING_BACK):
                yield target, known


def _refuse_shared(target: Target, source: sources.Sources) -> None:
    """Raises Refused where a step would be written into a file that other targets may have too."""
    own = target.files[-1]
    others = [known for known in source.documents if known.file != own]
    for document, path in itertools.product(others, WRITTEN):
        mark = document.mark(path)
        if mark is not None:
            message = f"{own} is the file of target `{target.name}`, and this one may be others' too"
            where = Where(document.file, *mark.key)
            finding = Finding("fleet", "error", path, message, where, f"write it into {own}")
            raise Refused(f"{document.file} is not valid", [finding])


def _stable(target: Target, spec: dict[str, Any]) -> str:
    """The version of stable, where no release is under way."""
    stable = spec.get("stable")
    if isinstance(stable, dict) and isinstance(stable.get("tag"), str):
        return str(stable["tag"])
    return _version(releases.load(flags_of(target)))


def _version(release: Release) -> str:
    """The version of stable: the tag, where all images have one."""
    application = release.plan.application
    images = [workload.runs(Version.OLD).image for workload in application.workloads]
    tags = {formats.split_image(image)[1] for image in images}
    return tags.pop() if len(tags) == 1 else application.called(Version.OLD)
