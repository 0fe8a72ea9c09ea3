"""`kubectl canary previous`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags, cluster_flags, drive_flags, release_flags


@verb(
    "previous",
    "Lead the release in the cluster one phase back: the route first, pods after they have drained.",
    """
  # From 25 % to the phase before it
  kubectl canary previous
""",
    prints_once=False,
    runs_long=True,
)
@release_flags
@drive_flags
@cluster_flags
def command(release_flags: ReleaseFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags) -> int:
    """Lead the release one phase further."""
    from kubectl_canary.commands.run import onward

    return onward.run("previous", release_flags, drive_flags, cluster_flags)
