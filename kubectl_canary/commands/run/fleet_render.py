"""What `kubectl canary render` does with a fleet: each target into a folder of its own name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run import again, fleet, releases
from kubectl_canary.commands.run.fleet import BATCH
from kubectl_canary.commands.run.tree import Tree
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.output import say
from kubectl_canary.reading.fleets import FleetFile
from kubectl_canary.release.fleets import Target

UNCOMMITTED = DeclareFlags(None, False, None, False, None)


def run(release_flags: ReleaseFlags, flags: RenderFlags) -> int:
    """Write all targets, or nothing. Raises UsageError for another output, Refused with what is wrong with any."""
    if not (flags.all_phases and flags.output.startswith(again.FOLDER)) or flags.output == again.FOLDER:
        hint = "say `render --all -o dir=OUT`: each target is written into OUT, below its own name"
        raise UsageError("a fleet is rendered into a folder", hint)
    file = fleet.read(release_flags)
    _refuse_wrong(file)
    tree = Tree(release_flags.files[0], UNCOMMITTED)
    count = 0
    with tree.held(), tree.writing([]) as steps:
        left = iter(file.fleet.targets)
        while batch := list(islice(left, BATCH)):
            changes = [change for target in batch for change in _changes(target, flags.output, tree)]
            steps.make(changes)
            count += len({change.name for change in changes if change.before != change.after})
    out = flags.output.removeprefix(again.FOLDER)
    say(f"wrote {len(file.fleet.targets)} targets into {out} ({count} files changed)")
    return 0


def _refuse_wrong(file: FleetFile) -> None:
    """Raises Refused with what is wrong with any target."""
    complaints = [finding for target in file.fleet.targets for finding in _wrong(target)]
    if complaints:
        raise Refused(f"{file.file} has targets that are not valid", complaints)


def _wrong(target: Target) -> Iterator[Finding]:
    try:
        releases.load(fleet.flags_of(target)).declared()
    except Refused as refused:
        yield from refused.findings


def _changes(target: Target, output: str, tree: Tree) -> list[Change]:
    flags = fleet.flags_of(target)
    return again.changes(releases.load(flags), flags, f"{output}/{target.name}", tree.places)
