"""`kubectl canary advance`."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.declaring import DeclareFlags, declare_flags, now_flag
from kubectl_canary.commands.flags import ReleaseFlags, flags_of, goal_flag, release_flags
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class AdvanceFlags:
    """The flags of `advance` itself."""

    goal: str | None
    skip: bool
    at_once: bool
    no_cluster: bool


@verb(
    "advance",
    "Write the next phase into the canary file, and render it where the release was rendered last.\n\n"
    "From `promoted` it ends the release: what was the canary is written into stable, with its own configuration, or\n"
    "into your manifests, and spec.canary and spec.phase are taken out. No cluster is asked or changed.\n"
    "A GitOps engine takes several commits as one, so a phase that was committed has to last before the next.\n\n"
    "Of a fleet, the targets whose turn it is take the step, as one commit. Clusters are asked first whether all that\n"
    "are under way, and the wave before, have arrived (check --synced): where one has not, nobody goes on.",
    """
  # The next phase, in the file alone
  kubectl canary advance

  # As a commit of the file and of what is rendered
  kubectl canary advance --commit

  # As a pull request
  kubectl canary advance --branch my-app-25 --push --pull-request pull-request.md

  # The next wave of a fleet
  kubectl canary advance -f fleet.yaml --push
""",
    prints_once=False,
)
@release_flags
@flags_of(
    AdvanceFlags,
    goal_flag("--to", "goal", help="Another phase than the next one."),
    option("--skip", is_flag=True, help="Leave out the phases between, where going straight is safe."),
    now_flag,
    option(
        "--no-cluster",
        is_flag=True,
        help="Of a fleet: do not ask clusters whether what is declared is there; time alone decides.",
    ),
)
@declare_flags
def command(release_flags: ReleaseFlags, flags: AdvanceFlags, declare_flags: DeclareFlags) -> int:
    """Write the next phase."""
    if inputs.is_fleet(release_flags.files):
        from kubectl_canary.commands.run import fleet_steps

        return fleet_steps.advance(release_flags, flags, declare_flags)
    from kubectl_canary.commands.run import advance

    return advance.run(release_flags, flags, declare_flags)
