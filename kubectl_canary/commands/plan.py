"""`kubectl canary plan`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kubectl_canary.commands.common import finish, verb
from kubectl_canary.commands.flags import (
    ReleaseFlags,
    command_line,
    goal_flag,
    jump_flag,
    release_flags,
    skip_flag,
    start_flag,
)

if TYPE_CHECKING:
    from kubectl_canary.release.changes import Step
    from kubectl_canary.release.plan import Phase, Plan


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
@click.option("-o", "--output", type=click.Choice(["json", "markdown"]), help="json or markdown.")
@goal_flag("--to", "goal", help="Show the way to a phase only; what is not one step is refused.")
@start_flag("--from", "origin", help="Where that way starts, instead of the file's phase.")
@jump_flag
@skip_flag
def command(
    release_flags: ReleaseFlags,
    output: str | None,
    goal: str | None,
    origin: str | None,
    jump: bool,
    skip: bool,
) -> int:
    """Print the plan."""
    from kubectl_canary.errors import UsageError
    from kubectl_canary.rendering import objects
    from kubectl_canary.rendering.steps import step, steps
    from kubectl_canary.reports import plans

    release = release_flags.load()
    plan, current = release.plan, release.current
    generator = release_flags.generator(release)
    if goal is not None:
        start = plan.find(origin) if origin is not None else current
        if start is None:
            raise UsageError("from which phase?", "say --from PHASE, or set spec.phase in the file")
        way = steps(plan, generator, start, plan.find(goal, start.name), jump=jump, skip=skip)
        return finish(_way(plan, start, way, output), release)
    if origin is not None or jump or skip:
        raise UsageError("--from, --jump and --skip go with --to")
    for phase in (*plan.phases, *plan.ways_back()):
        generator.render(objects.planned(plan.application, phase))
    if output == "json":
        touched = {
            phase.name: step(plan, generator, start, phase).changes
            for phase in (*plan.phases[1:], *plan.ways_back())
            if (start := plan.previous(phase)) is not None
        }
        return finish(plans.plan_json(plan, current, release.spec, release.warnings, touched), release)
    if output == "markdown":
        return finish(plans.plan_markdown(plan, current), release)
    checked = f"The API server would accept every phase ({generator.target})." if generator.validating else ""
    commands = {**_commands(release_flags, plan, current), "file": release.file}
    return finish(plans.plan_text(plan, current, release.spec, commands, checked), release)


def _way(plan: Plan, start: Phase, way: Sequence[Step], output: str | None) -> str:
    from kubectl_canary.reports import plans

    if output == "json":
        return plans.ways_json(plan, start, way)
    if output == "markdown":
        return plans.ways_markdown(way)
    return plans.ways_table(start, way) if way else f"`{start.name}` it is\n"


def _commands(release_flags: ReleaseFlags, plan: Plan, current: Phase | None) -> dict[str, str]:
    """What to go on with, as commands to paste."""
    if not plan.application.has_release:
        return {"plan": command_line("plan", "--canary-tag", "TAG", release=release_flags)}
    has_way_back = current is not None and plan.way_back(current) is not None
    origin = () if has_way_back else ("--from", plan.full.name)
    return {"rollback": command_line("rollback", "--print", *origin, release=release_flags)}
