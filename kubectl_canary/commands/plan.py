"""`kubectl canary plan`."""

from __future__ import annotations

import click

from kubectl_canary.commands.common import (
    finish,
    generator_of,
    goal_flag,
    load,
    no_validate_flag,
    release_flags,
    start_flag,
    templates_flag,
    verb,
)


@verb(
    "plan",
    "Show the whole release as a table: phases, shares, pods, waits, and what each phase changes.\n\n"
    "Every phase is rendered and checked on the way, so what is planned can be applied.",
    """
  # The release of ./canary.yaml
  kubectl canary plan

  # Another version than the file's
  kubectl canary plan --canary-tag v1.2.0

  # The way from one phase to another, with the objects that each step touches
  kubectl canary plan --from 5% --to promoted --jump

  # For a pull request
  kubectl canary plan -o markdown
""",
)
@release_flags
@click.option("-o", "--output", type=click.Choice(["json", "markdown"]), help="json or markdown.")
@goal_flag("--to", "goal", help="Show the way to a phase only; one unsafe step is refused.")
@start_flag("--from", "origin", help="Where that way starts, instead of the file's phase.")
@click.option("--jump", is_flag=True, help="With --to: go further than one safe step, by every step between.")
@templates_flag
@no_validate_flag
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    canary_tag: str | None,
    namespace: str | None,
    output: str | None,
    goal: str | None,
    origin: str | None,
    jump: bool,
    templates: str | None,
    no_validate: bool,
) -> int:
    """Print the plan."""
    from kubectl_canary import objects, reports
    from kubectl_canary.errors import UsageError
    from kubectl_canary.transition import stages, steps

    release = load(files, settings, canary_tag, namespace)
    plan, current = release.plan, release.current
    generator = generator_of(release, templates, no_validate)
    if goal is not None:
        start = plan.find(origin) if origin is not None else current
        if start is None:
            raise UsageError("from which phase?", "say --from PHASE, or set spec.phase in the file")
        way = stages(plan, generator, start, plan.find(goal, start.name), jump)
        return finish(reports.stages_table(start, way) if way else f"`{start.name}` it is\n", release)
    if origin is not None or jump:
        raise UsageError("--from and --jump go with --to")
    for phase in (*plan.phases, *plan.ways_back()):
        generator.render(objects.planned(plan.canary, phase))
    if output == "json":
        touched = {
            phase.name: steps(plan, generator, start, phase)
            for phase in (*plan.phases[1:], *plan.ways_back())
            if (start := plan.previous(phase)) is not None
        }
        return finish(reports.plan_json(plan, current, release.warnings, touched), release)
    if output == "markdown":
        return finish(reports.plan_markdown(plan, current), release)
    checked = f"The API server would accept every phase ({generator.target})." if generator.validating else ""
    return finish(reports.plan_text(plan, current, ctx.find_root().command_path, checked), release)
