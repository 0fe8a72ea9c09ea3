"""What `kubectl canary diff` does."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.diff import DiffFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import Call, call_of
from kubectl_canary.commands.run.releases import OR_GIVE, finish, generator_of
from kubectl_canary.errors import Refused, Undecided
from kubectl_canary.outside import external_diff
from kubectl_canary.outside.output import say
from kubectl_canary.release.changes import Change
from kubectl_canary.rendering.live import live_difference
from kubectl_canary.reports.differences import LIVE, MERGED, Difference, differences, unified


def run(release_flags: ReleaseFlags, flags: DiffFlags, cluster_flags: ClusterFlags) -> int:
    """Show what a phase has otherwise than the cluster: 0 where that is nothing, 1 where it is something.

    Raises Undecided where that cannot be said.
    """
    try:
        call = call_of("diff", release_flags, DriveFlags(), cluster_flags)
        changes = _changes(call, flags.goal)
    except Refused as error:
        raise Undecided(error.message, error.findings, error.hint) from None
    return _show(differences(changes), call)


def _changes(call: Call, wanted: str | None) -> Sequence[Change]:
    plan, cluster = call.release.plan, call.cluster
    goal = wanted if wanted is not None else call.release.declared(OR_GIVE).name
    objects, _ = cluster.read()
    step, findings = live_difference(plan, generator_of(call.release, call.release_flags), goal, objects)
    for finding in findings:
        say(str(finding))
    return step.changes


def _show(found: Sequence[Difference], call: Call) -> int:
    """Print the differences, or have the user's program do it where there are any."""
    program = external_diff.command()
    if not (program and found):
        finish(unified(found), call.release)
        return int(bool(found))
    finish("", call.release)
    folders = {
        LIVE: {one.name: one.before for one in found if one.before},
        MERGED: {one.name: one.after for one in found if one.after},
    }
    return external_diff.compare(program, folders)
