"""What `kubectl canary next` and `kubectl canary previous` do."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import call_of
from kubectl_canary.commands.run.driving import driving, say_where
from kubectl_canary.commands.run.releases import say_what_follows
from kubectl_canary.driving import courses

COURSES = {"next": courses.onward, "previous": courses.backward}


def run(verb: str, release_flags: ReleaseFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags) -> int:
    """Lead the release one phase on, or back. Raises Refused where there is none."""
    call = call_of(verb, release_flags, drive_flags, cluster_flags)
    plan = call.release.plan
    with driving(call) as drive:
        goal = COURSES[verb](plan, drive.here())
        drive.rehearse(goal)
        drive.to(goal)
    say_where(call, plan.find(goal))
    say_what_follows(call.release, plan.find(goal))
    return 0
