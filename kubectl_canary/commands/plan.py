"""`kubectl canary plan`."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import (
    ReleaseFlags,
    flags_of,
    goal_flag,
    jump_flag,
    release_flags,
    skip_flag,
    start_flag,
)
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class PlanFlags:
    """The flags of `plan` itself."""

    output: str | None
    goal: str | None
    origin: str | None
    jump: bool
    skip: bool


@verb(
    "plan",
    "Show the whole release as a table: phases, shares, pods, waits, and what each phase changes.\n\n"
    "Every phase is rendered and checked on the way, so what is planned can be applied.",
    """
  # The release of ./canary.yaml
  kubectl canary plan

  # Other versions than the file's, both of them
  kubectl canary plan --set spec.stable.tag=v1.1.0 --canary-tag v1.2.0

  # The way from one phase to another, with the objects that each step touches
  kubectl canary plan --from 5% --to promoted --jump

  # For a pull request
  kubectl canary plan -o markdown
""",
)
@release_flags
@flags_of(
    PlanFlags,
    option("-o", "--output", choices=("json", "markdown"), help="json or markdown."),
    goal_flag("--to", "goal", help="Show the way to a phase only; what is not one step is refused."),
    start_flag("--from", "origin", help="Where that way starts, instead of the file's phase."),
    jump_flag,
    skip_flag,
)
def command(release_flags: ReleaseFlags, flags: PlanFlags) -> int:
    """Print the plan."""
    if inputs.is_fleet(release_flags.files):
        from kubectl_canary.commands.run import fleet_plan

        return fleet_plan.run(release_flags, flags)
    from kubectl_canary.commands.run import plan

    return plan.run(release_flags, flags)
