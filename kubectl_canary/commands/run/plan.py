"""What `kubectl canary plan` does."""

from __future__ import annotations

from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.plan import PlanFlags
from kubectl_canary.commands.run.releases import finish, generator_of, load, start_of
from kubectl_canary.errors import UsageError
from kubectl_canary.reading.release import Release
from kubectl_canary.release.plan import Phase, PhaseKind, Plan
from kubectl_canary.rendering import objects
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.reports import plans


def run(release_flags: ReleaseFlags, flags: PlanFlags) -> int:
    """Print the plan, or one way through it. Raises UsageError for flags that do not go together."""
    release = load(release_flags)
    generator = generator_of(release, release_flags)
    if flags.goal is not None:
        return finish(_way(release, generator, flags.goal, flags), release)
    if flags.origin is not None or flags.jump or flags.skip:
        raise UsageError("--from, --jump and --skip go with --to")
    for phase in (*release.plan.phases, *release.plan.ways_back()):
        generator.render(objects.planned(release.plan.application, phase))
    return finish(_whole(release, generator, release_flags, flags.output), release)


def _whole(release: Release, generator: Generator, release_flags: ReleaseFlags, output: str | None) -> str:
    """All phases, every one of which was rendered."""
    plan, current = release.plan, release.current
    if output == "json":
        from kubectl_canary.rendering.steps import step

        touched = {
            phase.name: step(plan, generator, start, phase).changes
            for phase in (*plan.phases[1:], *plan.ways_back())
            if (start := plan.previous(phase)) is not None
        }
        return plans.plan_json(plan, current, release.spec, release.warnings, touched)
    if output == "markdown":
        return plans.plan_markdown(plan, current)
    checked = f"The API server would accept every phase ({generator.target})." if generator.validating else ""
    commands = {**_commands(release_flags, plan, current), "file": release.file}
    return plans.plan_text(plan, current, release.spec, commands, checked)


def _way(release: Release, generator: Generator, goal: str, flags: PlanFlags) -> str:
    """The steps to one phase. Raises UsageError where nothing says from which."""
    from kubectl_canary.rendering.steps import steps

    plan = release.plan
    start = start_of(release, flags.origin)
    way = steps(plan, generator, start, plan.find(goal, start.name), jump=flags.jump, skip=flags.skip)
    if flags.output == "json":
        return plans.ways_json(plan, start, way)
    if flags.output == "markdown":
        return plans.ways_markdown(way)
    return plans.ways_table(start, way) if way else f"`{start.name}` it is\n"


def _commands(release_flags: ReleaseFlags, plan: Plan, current: Phase | None) -> dict[str, str]:
    """What to go on with, as commands to paste."""
    if not plan.application.has_release:
        return {"plan": command_line("plan", "--canary-tag", "TAG", release=release_flags)}
    if current is not None and current.kind is PhaseKind.PROMOTED:
        return {}
    has_way_back = current is not None and plan.way_back(current) is not None
    origin = () if has_way_back else ("--from", plan.full.name)
    return {"rollback": command_line("rollback", "--print", *origin, release=release_flags)}
