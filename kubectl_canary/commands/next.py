"""`kubectl canary next`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags, cluster_flags, drive_flags, release_flags


@verb(
    "next",
    "Lead the release in the cluster one phase on, as `apply` does.",
    """
  # From 5 % to the phase after it
  kubectl canary next
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

    return onward.run("next", release_flags, drive_flags, cluster_flags)
