"""`kubectl canary check`."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, cluster_flags, flags_of, goal_flag, release_flags
from kubectl_canary.commands.parameters import argument, option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class CheckFlags:
    """The arguments and flags of `check` itself."""

    gates: tuple[str, ...]
    phase: str | None
    output: str
    base: str | None
    skip: bool
    synced: bool


@verb(
    "check",
    "Measure the gates of a phase once; or judge a change of the release before it is merged (--git); or say whether\n"
    "the phase that is declared has arrived in the cluster (--synced).\n\n"
    "Exit code 0 says that all pass, 1 that one fails, 6 that one is inconclusive: there is no answer, or too little\n"
    "data. Prometheus is asked where spec.prometheus says; the cluster is read for an approval, and for when\n"
    "stable last had a share, where the canary has all and a gate compares them.\n\n"
    "With --git nothing is asked: what is rendered is what the file renders, the step from that branch is one that\n"
    "the plan allows, and what is stable's has not changed meanwhile. With --synced exit code 0 says that the cluster\n"
    "is in the declared phase, with its pods, endpoints and accepted routes, and 1 that it is not yet.",
    """
  # All gates of the phase that the file declares
  kubectl canary check

  # One gate of a phase
  kubectl canary check error-rate --phase 25%

  # For programs
  kubectl canary check --phase 25% -o json

  # A change of the release, before it is merged
  kubectl canary check --git origin/main

  # The same as annotations of a pull request
  kubectl canary check --git origin/main -o github

  # Has the phase of the file arrived?
  kubectl canary check --synced
""",
    prints_once=False,
    runs_long=True,
)
@release_flags
@flags_of(
    CheckFlags,
    argument("gates", multiple=True, metavar="[GATE]..."),
    goal_flag("--phase", "phase", help="The phase whose gates are meant (default: the file's)."),
    option(
        "-o",
        "--output",
        choices=("text", "json", "sarif", "github", "junit"),
        default="text",
        help="text (default) or json; with --git also sarif, github or junit.",
    ),
    option("--git", "base", metavar="REF", help="The branch or commit that the change goes into."),
    option(
        "--synced", is_flag=True, help="Ask the cluster whether the declared phase is there, and settled."
    ),
    option("--skip", is_flag=True, help="With --git: phases may be left out, where going straight is safe."),
)
@cluster_flags
def command(release_flags: ReleaseFlags, flags: CheckFlags, cluster_flags: ClusterFlags) -> int:
    """Measure gates once."""
    if flags.synced and flags.base is None:
        if inputs.is_fleet(release_flags.files):
            from kubectl_canary.commands.run import fleet_synced

            return fleet_synced.run(release_flags, flags, cluster_flags)
        from kubectl_canary.commands.run import check_synced

        return check_synced.run(release_flags, flags, cluster_flags)
    if flags.base is not None:
        if inputs.is_fleet(release_flags.files):
            from kubectl_canary.commands.run import fleet_check

            return fleet_check.run(release_flags, flags, flags.base)
        from kubectl_canary.commands.run import check_git

        return check_git.run(release_flags, flags, flags.base)
    from kubectl_canary.commands.run import check

    return check.run(release_flags, flags, cluster_flags)
