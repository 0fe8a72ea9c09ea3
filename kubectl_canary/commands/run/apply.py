"""What `kubectl canary apply` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_canary.commands.apply import ApplyFlags
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import call_of
from kubectl_canary.commands.run.cluster import resource
from kubectl_canary.commands.run.driving import driving, say_where
from kubectl_canary.commands.run.releases import OR_GIVE, refuse_prune, say_what_follows
from kubectl_canary.driving import courses, pruning
from kubectl_canary.driving.driver import Drive
from kubectl_canary.driving.leftovers import part_of
from kubectl_canary.outside.output import say, write
from kubectl_canary.release.changes import Step


def run(
    release_flags: ReleaseFlags, flags: ApplyFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags
) -> int:
    """Lead the release to a phase. Raises UsageError for a way back."""
    call = call_of("apply", release_flags, drive_flags, cluster_flags)
    name = flags.goal if flags.goal is not None else call.release.declared(OR_GIVE).name
    courses.refuse_way_back(call.release.plan, name)
    if flags.prune:
        refuse_prune(call.release)
    goal = call.release.plan.find(name)
    with driving(call, skip=flags.skip) as drive:
        step = drive.permitted(goal.name) if flags.dry_run == "client" else drive.rehearse(goal.name)
        left = pruning.leftovers(drive).unused if flags.prune else []
        if flags.dry_run == "none":
            _lead(drive, goal.name, flags)
    if flags.dry_run != "none":
        return _say_changes(step, left, flags.dry_run)
    say_where(call, goal)
    say_what_follows(call.release, goal)
    return 0


def _lead(drive: Drive, goal: str, flags: ApplyFlags) -> None:
    drive.to(goal)
    if flags.prune:
        pruning.prune(drive)


def _say_changes(step: Step, left: Sequence[dict[str, Any]], how: str) -> int:
    words = {"create": "created", "patch": "patched", "delete": "deleted"}
    lines = [f"{resource(change.part)} {words[change.action]}" for change in step.changes]
    lines += [f"{resource(part_of(value))} pruned" for value in left]
    write("".join(f"{line} ({how} dry run)\n" for line in lines))
    if not lines:
        say("nothing would change")
    return 0
