"""What `kubectl canary promote` does."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import call_of
from kubectl_canary.commands.run.driving import driving, say_where
from kubectl_canary.commands.run.releases import say_what_follows
from kubectl_canary.driving import courses


def run(release_flags: ReleaseFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags) -> int:
    """Lead the release to its end. Raises Refused where that is too early."""
    call = call_of("promote", release_flags, drive_flags, cluster_flags)
    with driving(call) as drive:
        for goal in courses.promotion(call.release.plan, drive.here()):
            drive.rehearse(goal)
            drive.to(goal)
    end = call.release.plan.phases[-1]
    say_where(call, end)
    say_what_follows(call.release, end)
    return 0
