"""`kubectl canary queries`."""

from __future__ import annotations

from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, flags_of, release_flags
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class QueriesFlags:
    """The flags of `queries` itself."""

    output: str


@verb(
    "queries",
    "Print what the gates of a release ask Prometheus, for the canary and for stable.\n\n"
    "With -o rules it is a file of recording rules, with an alert for each bound, which Prometheus and promtool read.",
    """
  # To paste into Prometheus, or into a dashboard
  kubectl canary queries

  # Recording rules and alerts
  kubectl canary queries -o rules
""",
)
@release_flags
@flags_of(
    QueriesFlags,
    option(
        "-o",
        "--output",
        choices=("text", "rules"),
        default="text",
        help="text (default) or rules.",
    ),
)
def command(release_flags: ReleaseFlags, flags: QueriesFlags) -> int:
    """Print the queries of the gates."""
    from kubectl_canary.commands.run import queries

    return queries.run(release_flags, flags)
