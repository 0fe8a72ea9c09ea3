"""`kubectl canary patch`."""

from __future__ import annotations

from typing import Any

import click

from kubectl_canary.commands import candidates
from kubectl_canary.commands.common import (
    goal_flag,
    no_validate_flag,
    release_flags,
    shell_flag,
    start_flag,
    templates_flag,
    verb,
)


@verb(
    "patch",
    "Print the difference between two phases as patches that cannot hit the wrong target.\n\n"
    "A patch tests the names on its way and every value that it overwrites: on a route that somebody has changed\n"
    "meanwhile, the API server refuses it whole. What is new is created, what is gone is deleted, in safe order.",
    """
  # From the phase that the file declares to the next, as lines to paste
  kubectl canary patch --to 25% -o kubectl

  # The way back, and back again
  kubectl canary patch --from 25% --to rollback -o kubectl
  kubectl canary patch --from 5% --to 25% --undo -o kubectl

  # For programs: a list in apply order
  kubectl canary patch --from 5% --to 25%

  # From what is in the cluster now: others' rules, backends and order stay
  kubectl canary patch --to 25% --live -o kubectl

  # Why was it refused?
  kubectl canary patch --from 5% --to 25% --check
""",
)
@release_flags
@goal_flag("--to", "goal", help="The phase to go to.", required=True)
@start_flag("--from", "origin", help="The phase to start from, instead of the file's.")
@click.option("--undo", is_flag=True, help="The exact inverse: from --to back to --from.")
@click.option(
    "--type", "kind", type=click.Choice(["json", "merge"]), default="json", help="json (default) or merge."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml", "kubectl"]),
    default="json",
    help="json (default), yaml or kubectl: lines to paste.",
)
@shell_flag
@click.option("--jump", is_flag=True, help="Go further than one safe step: print every step on the way.")
@click.option(
    "--live", is_flag=True, help="Start from the objects as they are in the cluster, by their names."
)
@click.option(
    "--strict", is_flag=True, help="With --live: refuse the patch after any change, by resourceVersion."
)
@click.option(
    "--check",
    "checked",
    is_flag=False,
    flag_value="the cluster",
    metavar="[FILE]",
    shell_complete=candidates.files,
    help="Tell which guards the route in the cluster does not pass; with a FILE or -, the object in it.",
)
@click.option(
    "--context",
    metavar="NAME",
    shell_complete=candidates.completer(candidates.contexts),
    help="kubectl's --context.",
)
@click.option("--kubeconfig", metavar="FILE", shell_complete=candidates.files, help="kubectl's --kubeconfig.")
@templates_flag
@no_validate_flag
def command(**asked: Any) -> int:
    """Print the patches."""
    from kubectl_canary.commands import patching

    return patching.run(**asked)
