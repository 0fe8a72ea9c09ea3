"""`kubectl canary diff`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, cluster_flags, flags_of, goal_flag, release_flags
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class DiffFlags:
    """The flags of `diff` itself."""

    goal: str | None


@verb(
    "diff",
    "Show what a phase has otherwise than the cluster, as `kubectl diff` does.\n\n"
    "Only what `apply` would change is shown; fields, rules and annotations of others are left as they are. It is a\n"
    "question and not a step: it answers for phases too that one step does not lead to safely. Exit code 0 says that\n"
    "nothing differs, 1 that something does, and a greater one that this cannot be said. $KUBECTL_EXTERNAL_DIFF names\n"
    "another program to compare with, as for kubectl.",
    """
  # What is otherwise in the phase that the file declares?
  kubectl canary diff

  # In another one, and after the way back
  kubectl canary diff --phase 50%
  kubectl canary diff --phase rollback

  # With colors
  KUBECTL_EXTERNAL_DIFF="colordiff -u -N" kubectl canary diff
""",
)
@release_flags
@flags_of(
    DiffFlags,
    goal_flag("--phase", "goal", help="The phase to compare with, instead of the file's."),
)
@cluster_flags
def command(release_flags: ReleaseFlags, flags: DiffFlags, cluster_flags: ClusterFlags) -> int:
    """Show the differences."""
    from kubectl_canary.commands.run import diff

    return diff.run(release_flags, flags, cluster_flags)
