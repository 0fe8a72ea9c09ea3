"""`kubectl canary rollback`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, flags_of, release_flags, shell_flag, start_flag

if TYPE_CHECKING:
    from kubectl_canary.reports.shells import Shell


@dataclass(frozen=True)
class RollbackFlags:
    """The flags of `rollback` itself."""

    printing: bool
    origin: str | None
    output: str
    shell: Shell


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
@flags_of(
    RollbackFlags,
    click.option(
        "--print", "printing", is_flag=True, help="Print it (always so): it is kubectl that applies it."
    ),
    start_flag("--from", "origin", help="The phase to leave, instead of the file's."),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["yaml", "json", "kubectl"]),
        default="yaml",
        help="yaml (default) or json: documents; kubectl: guarded patches, lines to paste.",
    ),
    shell_flag,
)
def command(release_flags: ReleaseFlags, flags: RollbackFlags) -> int:
    """Print the way back."""
    from kubectl_canary.commands.run import rollback

    return rollback.run(release_flags, flags)
