"""`kubectl canary export`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, flags_of, release_flags
from kubectl_canary.commands.parameters import argument, option
from kubectl_canary.records import dataclass

TOOLS = ("argo-rollouts", "flagger", "kruise")


@dataclass(frozen=True)
class ExportFlags:
    """The flags of `export`: which tool, whether the objects run the canary's version, and what is printed."""

    tool: str
    canary: bool
    output: str


def tools(_: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The tools, for completion."""
    return ((tool, "") for tool in TOOLS)


@verb(
    "export",
    "Print the release as objects of argo-rollouts, flagger or kruise (OpenKruise): a Rollout or a Canary, and the\n"
    "objects that it needs beside it. What the tool cannot do is said on standard error, with its phase.\n"
    "The objects run stable's version, and are applied once; --canary prints what is another with the new version,\n"
    "which the tool then releases.",
    """
  # What could Flagger not do of this release?
  kubectl canary export flagger -o losses

  # Let Argo Rollouts run stable's version, and then release the new one
  kubectl canary export argo-rollouts | kubectl apply -f -
  kubectl canary export argo-rollouts --canary | kubectl apply -f -
""",
)
@argument("tool", required=True, choices=TOOLS, metavar="TOOL", candidates=tools)
@release_flags
@flags_of(
    ExportFlags,
    option("--canary", is_flag=True, help="Only what is another with the canary's version."),
    option(
        "-o",
        "--output",
        choices=("yaml", "json", "losses"),
        default="yaml",
        help="The objects as yaml (default) or json; or losses: what the tool cannot do, as JSON.",
    ),
)
def command(release_flags: ReleaseFlags, flags: ExportFlags) -> int:
    """Print the objects of the tool."""
    from kubectl_canary.commands.run import export

    return export.run(release_flags, flags)
