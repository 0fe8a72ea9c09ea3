"""`kubectl canary rbac`."""

from __future__ import annotations

from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, flags_of, release_flags
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class RbacFlags:
    """The flags of `rbac` itself."""

    output: str
    read_only: bool
    prune: bool


@verb(
    "rbac",
    "Print the Role that leading this release takes, and nothing more.\n\n"
    "Objects are named where RBAC can name them: `create` and `list` it cannot. Routes in another namespace have a\n"
    "Role there. Nothing is asked of a cluster.",
    """
  # For whoever applies, promotes and rolls back
  kubectl canary rbac | kubectl apply -f -
  kubectl create rolebinding kubectl-canary-my-app -n production --role=kubectl-canary-my-app --user=ada

  # And deletes leftovers with apply --prune
  kubectl canary rbac --prune

  # For whoever only looks: status and doctor
  kubectl canary rbac --read-only
""",
)
@release_flags
@flags_of(
    RbacFlags,
    option("-o", "--output", choices=("yaml", "json"), default="yaml", help="yaml (default) or json."),
    option("--read-only", "read_only", is_flag=True, help="What status and doctor read, and no change."),
    option(
        "--prune", "prune", is_flag=True, help="What apply --prune takes, too: it may delete by any name."
    ),
)
def command(release_flags: ReleaseFlags, flags: RbacFlags) -> int:
    """Print the Roles."""
    from kubectl_canary.commands.run import rbac

    return rbac.run(release_flags, flags)
