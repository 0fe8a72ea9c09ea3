"""`kubectl canary rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kubectl_canary.commands.common import finish, verb
from kubectl_canary.commands.flags import ReleaseFlags, command_line, release_flags, shell_flag, start_flag
from kubectl_canary.errors import UsageError

if TYPE_CHECKING:
    from kubectl_canary.reports.shells import Shell


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
    "--print", "printing", is_flag=True, help="Print it (always so): it is kubectl that applies it."
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
def command(
    release_flags: ReleaseFlags, printing: bool, origin: str | None, output: str, shell: Shell
) -> int:
    """Print the way back."""
    from kubectl_canary.release import actions
    from kubectl_canary.rendering.wayback import way_back
    from kubectl_canary.reports import shells
    from kubectl_canary.reports.plans import as_list, as_yaml

    if not printing:
        hint = command_line(
            "rollback", "--print", *(("--from", origin) if origin else ()), release=release_flags
        )
        raise UsageError(
            "rollback prints the way back, and changes no cluster: say --print",
            f"{hint} | kubectl apply -f -",
        )
    release = release_flags.load()
    start = release.plan.find(origin) if origin is not None else release.current
    if start is None:
        raise UsageError("rollback from which phase?", "say --from PHASE, or set spec.phase in the file")
    back = way_back(release.plan, release_flags.generator(release), start)
    if back is None:
        hint = "this is a way back already" if start.origin else "there is no canary in that phase"
        raise UsageError(f"no way back from `{start.name}`", hint)
    if output == "kubectl":
        documents = command_line("rollback", "--print", "--from", start.name, release=release_flags)
        style = shells.Style(shell, refusal=shells.Refusal(f"{documents} | kubectl apply -f -"))
        return finish(
            shells.block(actions.of_step(back.step(), release.plan.application.drain), style), release
        )
    if output == "json":
        return finish(as_list(back.documents()), release)
    return finish(as_yaml(back.documents()), release)
