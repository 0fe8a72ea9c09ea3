"""What `kubectl canary apply` does."""

from __future__ import annotations

from kubectl_canary.commands.apply import ApplyFlags
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.cluster import resource
from kubectl_canary.commands.run.driving import call_of, driving, say_where
from kubectl_canary.commands.run.releases import OR_GIVE, say_what_follows
from kubectl_canary.driving import courses
from kubectl_canary.outside.output import say, write
from kubectl_canary.release.changes import Step


def run(
    release_flags: ReleaseFlags, flags: ApplyFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags
) -> int:
    """Lead the release to a phase. Raises UsageError for a way back."""
    call = call_of("apply", release_flags, drive_flags, cluster_flags)
    name = flags.goal if flags.goal is not None else call.release.declared(OR_GIVE).name
    courses.refuse_way_back(call.release.plan, name)
    goal = call.release.plan.find(name)
    with driving(call, skip=flags.skip) as drive:
        if flags.dry_run == "client":
            return _say_changes(drive.permitted(goal.name), "client")
        step = drive.rehearse(goal.name)
        if flags.dry_run == "server":
            return _say_changes(step, "server")
        drive.to(goal.name)
    say_where(call, goal)
    say_what_follows(call.release, goal)
    return 0


def _say_changes(step: Step, how: str) -> int:
    words = {"create": "created", "patch": "patched", "delete": "deleted"}
    for change in step.changes:
        write(f"{resource(change.part)} {words[change.action]} ({how} dry run)\n")
    if not step.changes:
        say("nothing would change")
    return 0
