"""`kubectl canary plan`."""

from __future__ import annotations

import click

from kubectl_canary.admission import catalog
from kubectl_canary.commands.common import finish, load, release_flags, verb


@verb(
    "plan",
    "Show the whole release as a table: phases, shares, pods, waits, and what each phase changes.\n\n"
    "Every phase is rendered and checked on the way, so what is planned can be applied.",
    """
  # The release of ./canary.yaml
  kubectl canary plan

  # Another version than the file's
  kubectl canary plan --canary-tag v1.2.0

  # For a pull request
  kubectl canary plan -o markdown
""",
)
@release_flags
@click.option("-o", "--output", type=click.Choice(["json", "markdown"]), help="json or markdown.")
@click.option("--templates", metavar="DIR", help="Templates that take the place of ours, file by file.")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    canary_tag: str | None,
    namespace: str | None,
    output: str | None,
    templates: str | None,
) -> int:
    """Print the plan."""
    from kubectl_canary import objects, reports
    from kubectl_canary.generator import Generator

    release = load(files, settings, canary_tag, namespace)
    plan, current = release.plan, release.current
    generator = Generator(templates)
    for phase in (*plan.phases, *plan.ways_back()):
        generator.render(objects.planned(plan.canary, phase))
    if output == "json":
        return finish(reports.plan_json(plan, current, release.warnings), release)
    if output == "markdown":
        return finish(reports.plan_markdown(plan, current), release)
    checked = (
        f"Every phase fits the schemas of Gateway API {catalog.GATEWAY_API} ({catalog.CHANNEL}) "
        f"and Kubernetes {catalog.KUBERNETES}."
    )
    return finish(reports.plan_text(plan, current, ctx.find_root().command_path, checked), release)
