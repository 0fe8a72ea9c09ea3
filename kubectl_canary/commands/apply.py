"""`kubectl canary apply`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import (
    DriveFlags,
    ReleaseFlags,
    cluster_flags,
    drive_flags,
    flags_of,
    goal_flag,
    release_flags,
    skip_flag,
)
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class ApplyFlags:
    """The flags of `apply` itself."""

    goal: str | None
    skip: bool
    dry_run: str
    prune: bool


@verb(
    "apply",
    "Lead the release in the cluster to a phase, in safe order.\n\n"
    "Every change is tried on the server first, and none is made where one is refused. Pods are ready before\n"
    "requests reach them; the route is patched with guards; every parent accepts it; requests drain before pods go.\n"
    "What is done already is left alone, so a run that was interrupted is run again.",
    """
  # To the phase that the file declares
  kubectl canary apply

  # To another phase
  kubectl canary apply --phase 25%

  # What would be changed?
  kubectl canary apply --phase 25% --dry-run=server

  # And delete what earlier releases have left
  kubectl canary apply --prune
""",
    prints_once=False,
    runs_long=True,
)
@release_flags
@flags_of(
    ApplyFlags,
    goal_flag("--phase", "goal", help="The phase to go to, instead of the file's."),
    skip_flag,
    option(
        "--dry-run",
        "dry_run",
        choices=("none", "client", "server"),
        default="none",
        help="Say what would be changed; with server, the server says whether it would take it.",
    ),
    option(
        "--prune",
        "prune",
        is_flag=True,
        help="At the end delete what earlier releases have left, and nothing sends to.",
    ),
)
@drive_flags
@cluster_flags
def command(
    release_flags: ReleaseFlags, flags: ApplyFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags
) -> int:
    """Lead the release to a phase."""
    from kubectl_canary.commands.run import apply

    return apply.run(release_flags, flags, drive_flags, cluster_flags)
