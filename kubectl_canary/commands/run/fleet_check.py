"""What `kubectl canary check --git` does with a fleet: each target is judged, and whose turn it was."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.commands.check import CheckFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run import check_git, fleet
from kubectl_canary.commands.run.check_git import Changed
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.reading.fleets import FleetFile
from kubectl_canary.release import fleets as rules
from kubectl_canary.release.fleets import State


def run(release_flags: ReleaseFlags, flags: CheckFlags, ref: str) -> int:
    """Say what is wrong with the change of any target; 1 where anything is. Raises as `check_git.changed`."""
    file = fleet.read(release_flags)
    with check_git.changed(release_flags, flags, ref) as change:
        findings = [
            finding for target in file.fleet.targets for finding in change.findings(fleet.flags_of(target))
        ]
        if not any(finding.severity == "error" for finding in findings):
            findings += _of_turns(file, release_flags, change)
    return check_git.told(findings, flags)


def _of_turns(file: FleetFile, release_flags: ReleaseFlags, change: Changed) -> Iterator[Finding]:
    """The targets that went on although it was not their turn; nothing where the fleet is new."""
    if not change.has(release_flags.files):
        return
    try:
        base = fleet.read(ReleaseFlags(files=(change.before(release_flags.files[0]),)))
        tag = file.fleet.tag or base.fleet.tag
        before = fleet.standings(base, tag)
    except Refused as refused:
        message = f"what {change.base[:9]} has is not valid, so nobody's turn is judged: {refused.message}"
        yield Finding("base", "warning", ("spec",), message, file.source.where(("spec",)))
        return
    turn = {target.name for target in rules.next_to_move(base.fleet, before)}
    was = {target.name: standing for target, standing in before.items()}
    for target, standing in fleet.standings(file, tag).items():
        earlier = was.get(target.name, standing)
        has_moved = (earlier.state, earlier.phase) != (standing.state, standing.phase)
        goes_back = State.GOING_BACK in (earlier.state, standing.state)
        if has_moved and not goes_back and target.name not in turn:
            message = f"{target.name} goes on, and it is not its turn"
            yield file.finding(target, message, f"{', '.join(sorted(turn))} came first")
