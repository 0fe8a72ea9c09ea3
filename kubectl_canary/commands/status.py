"""`kubectl canary status`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, cluster_flags, flags_of, release_flags
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class StatusFlags:
    """The flags of `status` itself."""

    output: str
    watching: bool


@verb(
    "status",
    "Say which phase the cluster is in, who gets which share, what is ready, and what the parents say.\n\n"
    "The phase is found by comparing what is there with the plan. Exit code 0 says that the phase is settled, 1 that\n"
    "something is not as it has to be there, or that no phase fits. Then it says what differs from the nearest phase,\n"
    "and who wrote each route and Deployment last.",
    """
  # Where does the release stand?
  kubectl canary status

  # Until it is settled
  kubectl canary status --watch

  # For programs
  kubectl canary status -o json
""",
    prints_once=False,
    runs_long=True,
)
@release_flags
@flags_of(
    StatusFlags,
    option("-o", "--output", choices=("text", "json"), default="text", help="text (default) or json."),
    option("-w", "--watch", "watching", is_flag=True, help="Look again until it is settled; Ctrl-C ends it."),
)
@cluster_flags
def command(release_flags: ReleaseFlags, flags: StatusFlags, cluster_flags: ClusterFlags) -> int:
    """Say where the release stands."""
    cluster_flags.ask()
    from kubectl_canary.commands.run import status

    return status.run(release_flags, flags, cluster_flags)
