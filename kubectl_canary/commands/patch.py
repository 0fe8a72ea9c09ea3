"""`kubectl canary patch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import (
    ReleaseFlags,
    cluster_flags,
    flags_of,
    goal_flag,
    jump_flag,
    release_flags,
    shell_flag,
    skip_flag,
    start_flag,
)
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass

if TYPE_CHECKING:
    from kubectl_canary.release.changes import PatchType
    from kubectl_canary.reports.shells import Shell


@dataclass(frozen=True)
class PatchFlags:
    """The flags of `patch` itself."""

    goal: str
    origin: str | None
    undo: bool
    kind: PatchType
    output: str
    shell: Shell
    jump: bool
    skip: bool
    live: bool
    strict: bool
    checked: str | None


@verb(
    "patch",
    "Print the difference between two phases as guarded patches, or as lines that wait where they have to.\n\n"
    "A patch tests what the release stands on: the governed rule's name, matches, filters and backends, the\n"
    "hostnames, every value that it overwrites, and that what it adds is not there. On a route that somebody has\n"
    "changed there, the API server refuses it whole. A way back tests the names of what it changes, nothing else.",
    """
  # From one phase to the next, as lines to paste: they wait for pods and route, and stop where kubectl refuses
  kubectl canary patch --from 5% --to 10% -o kubectl

  # The way back, and back again
  kubectl canary patch --from 25% --to rollback -o kubectl
  kubectl canary patch --from 5% --to 10% --undo -o kubectl

  # Every step to the end: it sleeps the pauses, and ends where a phase has a gate
  kubectl canary patch --from 25% --to promoted --jump -o kubectl

  # For programs: a list in apply order
  kubectl canary patch --from 5% --to 10%

  # From what is in the cluster now: others' rules, backends and order stay
  kubectl canary patch --to 10% --live -o kubectl
  kubectl canary patch --to rollback --live -o kubectl

  # Why was it refused?
  kubectl canary patch --from 5% --to 10% --check
""",
)
@release_flags
@flags_of(
    PatchFlags,
    goal_flag("--to", "goal", help="The phase to go to.", required=True),
    start_flag("--from", "origin", help="The phase to start from, instead of the file's."),
    option("--undo", is_flag=True, help="The exact inverse: from --to back to --from."),
    option(
        "--type",
        "kind",
        choices=("json", "merge"),
        default="json",
        help="json (default) or merge.",
    ),
    option(
        "-o",
        "--output",
        choices=("json", "yaml", "kubectl"),
        default="json",
        help="json (default), yaml or kubectl: lines to paste.",
    ),
    shell_flag,
    jump_flag,
    skip_flag,
    option("--live", is_flag=True, help="Start from the objects as they are in the cluster, by their names."),
    option(
        "--strict", is_flag=True, help="With --live: refuse the patch after any change, by resourceVersion."
    ),
    option(
        "--check",
        "checked",
        alone="the cluster",
        metavar="[FILE]",
        takes_files=True,
        help="Tell which guards the route in the cluster does not pass; with a FILE or -, the object in it.",
    ),
)
@cluster_flags
def command(release_flags: ReleaseFlags, flags: PatchFlags, cluster_flags: ClusterFlags) -> int:
    """Print the patches."""
    from kubectl_canary.commands.run import patch

    return patch.run(release_flags, flags, cluster_flags)
