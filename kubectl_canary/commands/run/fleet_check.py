"""What `kubectl canary check --git` does with a fleet: each target is judged, and whose turn it was."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.commands.check import CheckFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run import check_git, fleet
from kubectl_canary.commands.run.check_git import Changed
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.reading import fleets
from kubectl_canary.reading.fleets import FleetFile
from kubectl_canary.release import fleets as rules
from kubectl_canary.release.fleets import Fleet, Rank, Standing, State, Target
from kubectl_canary.release.plan import PhaseKind

ELSEWHERE = (State.GOING_BACK, State.OTHERWISE, State.LEFT_OUT)
WAVES = ("spec", "waves")


def run(release_flags: ReleaseFlags, flags: CheckFlags, ref: str) -> int:
    """Say what is wrong with the change of any target; 1 where anything is. Raises as `check_git.changed`."""
    file = fleet.read(release_flags)
    with check_git.changed(release_flags, flags, ref) as change:
        findings = [
            finding for target in file.fleet.targets for finding in change.findings(fleet.flags_of(target))
        ]
        if not any(finding.severity == "error" for finding in findings):
            findings += _of_fleet(file, release_flags, change)
    return check_git.told(findings, flags)


def _of_fleet(file: FleetFile, release_flags: ReleaseFlags, change: Changed) -> Iterator[Finding]:
    """What is wrong with the fleet beside its targets; nothing where it is new."""
    if not change.has(release_flags.files):
        return
    try:
        base = fleet.read(ReleaseFlags(files=(change.before(release_flags.files[0]),)))
    except Refused as refused:
        message = f"what {change.base[:9]} has is not valid, so nobody's turn is judged: {refused.message}"
        yield Finding("base", "warning", ("spec",), message, file.source.where(("spec",)))
        return
    if file.unknown_wave is not None:
        yield file.unknown_wave
    yield from _of_release(base, file)
    yield from _of_turns(base, file)


def _of_release(base: FleetFile, file: FleetFile) -> Iterator[Finding]:
    """What of a release under way is not what it was."""
    tag, path = base.fleet.tag, (*fleets.RELEASE, "tag")
    if tag and file.fleet.tag not in ("", tag):
        message = f"the release under way is of {tag}"
        yield Finding(
            "fleet", "error", path, message, file.source.where(path), "put it back, and `abort` first"
        )
    where = file.source.where(WAVES)
    if tag and (said := rules.rearranged(base.fleet, file.fleet)):
        yield Finding("fleet", "error", WAVES, said, where, "put it back until the release is over")
    names = {target.name for target in file.fleet.targets}
    for target in base.fleet.targets if tag else ():
        if target.name not in names:
            known = fleet.standing(target, tag)
            if known.state in (State.UNDER_WAY, State.GOING_BACK):
                message = f"{target.name} is taken out in the middle of the release, at `{known.phase}`"
                yield Finding("fleet", "error", WAVES, message, where, "take its release to an end first")


def _of_turns(base: FleetFile, file: FleetFile) -> Iterator[Finding]:
    """The targets that went on although it was not their turn, and those that left the release."""
    tag = base.fleet.tag or file.fleet.tag
    if not tag:
        return
    before, after = fleet.standings(base, tag), fleet.standings(file, tag)
    is_stopped = any(rules.stopped(base.fleet, before))
    turn = () if is_stopped else rules.turn(base.fleet, before).moving
    was = {target.name: standing for target, standing in before.items()}
    for target, standing in after.items():
        earlier = was.get(target.name, standing)
        if standing.state is State.OTHERWISE and earlier.state is not State.OTHERWISE:
            hint = f"`without: [{target.name}]` below spec.release leaves it to itself"
            message = f"{target.name} begins a release of its own"
            yield file.finding(target, message, hint if not file.fleet.has_ended(target.wave) else "")
        elif _catches_up(base.fleet, target, earlier):
            continue
        elif _goes_on(earlier, standing) and target.name not in {known.name for known in turn}:
            first = ", ".join(known.name for known in turn) or "nobody"
            yield file.finding(
                target, f"{target.name} goes on, and it is not its turn", f"{first} came first"
            )


def _catches_up(base: Fleet, target: Target, earlier: Standing) -> bool:
    """Whether a target that was not in the release of its wave may have been taken in."""
    wave = next((known for known in base.waves if known.name == target.wave.name), None)
    return earlier.state is State.WAITING and wave is not None and base.has_begun(wave)


def _goes_on(earlier: Standing, standing: Standing) -> bool:
    """Whether a target has taken a step of the release onward, but for the end of one that was promoted."""
    is_end = earlier.phase == PhaseKind.PROMOTED.value and not standing.phase
    is_elsewhere = earlier.state in ELSEWHERE or standing.state in ELSEWHERE
    return not (is_elsewhere or is_end) and _progress(standing) > _progress(earlier)


def _progress(standing: Standing) -> tuple[bool, Rank]:
    return standing.state is State.THERE, standing.next
