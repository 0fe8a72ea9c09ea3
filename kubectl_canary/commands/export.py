"""`kubectl canary export`."""

from __future__ import annotations

from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, flags_of, release_flags
from kubectl_canary.commands.parameters import argument, option
from kubectl_canary.records import dataclass

TOOLS = ("argo-rollouts", "flagger", "kruise")


@dataclass(frozen=True)
class ExportFlags:
    """The flags of `export`: which tool, of which version its objects are, and what is printed."""

    tool: str
    canary: bool
    output: str


@verb(
    "export",
    "Print the release as objects of another tool: a Rollout of Argo Rollouts or OpenKruise, or Flagger's Canary, and\n"
    "the objects that they need beside them. What the tool cannot do is said on standard error, with the phase it\n"
    "belongs to. Applied first, the objects run stable's version; with --canary they are those of the new one, which\n"
    "the tool then releases.",
    """
  # What would Flagger do of this release?
  kubectl canary export flagger -o losses

  # Hand it over to Argo Rollouts, and start its release
  kubectl canary export argo-rollouts | kubectl apply -f -
  kubectl canary export argo-rollouts --canary | kubectl apply -f -
""",
)
@argument("tool", required=True, choices=TOOLS, metavar="|".join(TOOLS))
@release_flags
@flags_of(
    ExportFlags,
    option("--canary", is_flag=True, help="The objects of the canary's version, instead of stable's."),
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
