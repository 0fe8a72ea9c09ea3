"""`kubectl canary promote`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags, cluster_flags, drive_flags, release_flags


@verb(
    "promote",
    "Lead the release in the cluster from 100 % to its end: stable runs the new version, the canary is gone.\n\n"
    "Stable rolls while the canary has all requests, gets them back once its pods are ready, and the canary goes\n"
    "after its requests have drained. Where it was interrupted, run it again: it goes on.",
    """
  # From 100 %, or from the middle of a promotion
  kubectl canary promote
""",
    prints_once=False,
    runs_long=True,
)
@release_flags
@drive_flags
@cluster_flags
def command(release_flags: ReleaseFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags) -> int:
    """Lead the release to its end."""
    from kubectl_canary.commands.run import promote

    return promote.run(release_flags, drive_flags, cluster_flags)
