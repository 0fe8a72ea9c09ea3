"""`kubectl canary doctor`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, cluster_flags, flags_of, release_flags
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class DoctorFlags:
    """The flags of `doctor` itself."""

    output: str


@verb(
    "doctor",
    "Say what stands in the way of the release in the cluster, and what to do about it.\n\n"
    "It looks at kubectl, the context, the Gateway API's CRDs, permissions, Gateways and listeners, what the parents\n"
    "say of the routes, Services, pods, what the implementation claims, engines of GitOps, leftovers and competing\n"
    "routes. What could not be read is said. Nothing is changed, and no Secret is read. Exit code 1 says that there\n"
    "is a problem; warnings alone leave it at 0.",
    """
  # Before the first apply, and whenever something is strange
  kubectl canary doctor

  # In another cluster, for programs
  kubectl canary doctor --context staging -o json
""",
    runs_long=True,
)
@release_flags
@flags_of(
    DoctorFlags,
    option("-o", "--output", choices=("text", "json"), default="text", help="text (default) or json."),
)
@cluster_flags
def command(release_flags: ReleaseFlags, flags: DoctorFlags, cluster_flags: ClusterFlags) -> int:
    """Say what stands in the way."""
    from kubectl_canary.commands.run import doctor

    return doctor.run(release_flags, flags, cluster_flags)
