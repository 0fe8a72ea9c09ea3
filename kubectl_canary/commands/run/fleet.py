"""A fleet and its targets as they are now: what the verbs begin with that are given one."""

from __future__ import annotations

import gc
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.run import releases
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.outside import files
from kubectl_canary.reading import declaring, fleets, sources
from kubectl_canary.reading.fleets import FleetFile
from kubectl_canary.reading.release import Release
from kubectl_canary.release import fleets as rules
from kubectl_canary.release.application import Version
from kubectl_canary.release.fleets import Standing, Standings, State, Target

BATCH = 50  # targets that are written together, and held in memory meanwhile


def read(release_flags: ReleaseFlags) -> FleetFile:
    """The fleet that is named. Raises UsageError for flags of a release, Refused with every finding."""
    if len(release_flags.files) != 1:
        raise UsageError("a fleet is one file", f"say -f {release_flags.files[-1]} alone")
    if words := release_flags.words()[2 if release_flags.files != ReleaseFlags().files else 0 :]:
        raise UsageError(f"{words[0]}: a fleet says it of each target", "write it into the canary files")
    gc.enable()  # entry.py switches the collector off for verbs that end soon
    document = sources.document(*files.read_text(release_flags.files[0], files.MAX_MANIFESTS))
    return fleets.read(sources.layered([document]), files.matching)


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
    found: dict[Target, Standing] = {}
    complaints: list[Finding] = []
    for target in file.fleet.targets:
        try:
            found[target] = _standing(target, tag)
        except Refused as refused:
            complaints += refused.findings
    if complaints:
        wrong = dict.fromkeys(finding.where.file for finding in complaints)
        raise Refused(f"{', '.join(wrong)} is not valid", complaints)
    return found


def _standing(target: Target, tag: str) -> Standing:
    source = sources.layered(inputs.documents(target.files))
    spec = source.value.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    _refuse_shared(target, source)
    if not declaring.versions_in(spec):
        stable = _stable(target, spec)
        return Standing(State.THERE if stable == tag else State.WAITING, stable)
    release = releases.load(flags_of(target))
    here, stable = release.declared(), _version(release)
    if (spec.get("canary") or {}).get("tag") != tag:
        return Standing(State.OTHERWISE, stable, here.name)
    if here.is_way_back:
        return Standing(State.GOING_BACK, stable, here.name)
    place = release.plan.phases.index(here) + 1
    following = release.plan.phases[place] if place < len(release.plan.phases) else None
    return Standing(State.UNDER_WAY, stable, here.name, rules.rank(release.plan, following))


def _refuse_shared(target: Target, source: sources.Sources) -> None:
    """Raises Refused where a step would be written into a file that other targets may have too."""
    for path in (declaring.PHASE, declaring.CANARY):
        file = source.file_of(path)
        if file != target.files[-1]:
            message = (
                f"{target.files[-1]} is the file of target `{target.name}`, and this one may be others' too"
            )
            finding = Finding(
                "fleet", "error", path, message, source.where(path), f"write it into {target.files[-1]}"
            )
            raise Refused(f"{file} is not valid", [finding])


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
