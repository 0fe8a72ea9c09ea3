"""`kubectl canary rollback`."""

from __future__ import annotations

import click

from kubectl_canary.commands.common import (
    finish,
    generator_of,
    load,
    no_validate_flag,
    release_flags,
    shell_flag,
    start_flag,
    templates_flag,
    verb,
)
from kubectl_canary.errors import UsageError


@verb(
    "rollback",
    "Print the way back from a phase: the route as it was before the release, one document.\n\n"
    "After promotion has begun the canary is the healthy side: the way back keeps the route on it and returns the\n"
    "stable Deployment to the old version. Pods stay until `rolled-back`, so nothing is scaled down under traffic.",
    """
  # From the phase that the file declares
  kubectl canary rollback --print | kubectl apply -f -

  # From another phase, as a guarded patch to paste
  kubectl canary rollback --print --from 25% -o kubectl
""",
)
@release_flags
@click.option(
    "--print", "printing", is_flag=True, required=True, help="Print it; it is kubectl that applies it."
)
@start_flag("--from", "origin", help="The phase to leave, instead of the file's.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "json", "kubectl"]),
    default="yaml",
    help="yaml (default) or json: documents; kubectl: guarded patches, lines to paste.",
)
@shell_flag
@templates_flag
@no_validate_flag
def command(
    files: tuple[str, ...],
    settings: tuple[str, ...],
    canary_tag: str | None,
    namespace: str | None,
    printing: bool,
    origin: str | None,
    output: str,
    shell: str,
    templates: str | None,
    no_validate: bool,
) -> int:
    """Print the way back."""
    from kubectl_canary.reports import as_list, as_yaml, kubectl_lines
    from kubectl_canary.wayback import way_back

    release = load(files, settings, canary_tag, namespace)
    start = release.plan.find(origin) if origin is not None else release.current
    if start is None:
        raise UsageError("rollback from which phase?", "say --from PHASE, or set spec.phase in the file")
    back = way_back(release.plan, generator_of(release, templates, no_validate), start)
    if back is None:
        raise UsageError(f"no way back from `{start.name}`", "there is no canary in that phase")
    if output == "kubectl":
        return finish(kubectl_lines(back.steps(), "json", shell), release)
    if output == "json":
        return finish(as_list(back.documents()), release)
    return finish(as_yaml(back.documents()), release)
