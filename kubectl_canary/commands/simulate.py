"""`kubectl canary simulate`."""

from __future__ import annotations

from kubectl_canary.commands import candidates
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import (
    ReleaseFlags,
    flags_of,
    goal_flag,
    headers_flag,
    method_flag,
    release_flags,
    start_flag,
)
from kubectl_canary.commands.parameters import argument, option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class SimulateFlags:
    """The request, and the flags of `simulate` itself."""

    url: str
    method: str
    headers: tuple[str, ...]
    phase_name: str | None
    origin: str | None
    all_phases: bool
    output: str | None


@verb(
    "simulate",
    "Say which route and rule a request meets in a phase, why, and which backends answer it with what share.\n\n"
    "No cluster is asked: the documents of the phase are held against the Gateway API's order of precedence. The exit\n"
    "code is 0 where a backend answers and 1 where none does. Without a scheme http is assumed, or https where the\n"
    "Gateway of the file serves nothing else, and for a path alone the route's first hostname.",
    """
  # Who answers in the phase that the file declares
  kubectl canary simulate https://app.example.com/cart

  # A tester's request, in another phase
  kubectl canary simulate --phase 5% -H 'x-canary: true' /cart

  # The same request in all phases and on all ways back, as a table
  kubectl canary simulate --all -X POST /cart

  # For programs: in a pipeline, that testers reach the canary
  kubectl canary simulate --phase header-only -H 'x-canary: true' -o json / | jq '.phases[0].backends'
""",
)
@release_flags
@flags_of(
    SimulateFlags,
    argument("url", required=True, metavar="URL", candidates=candidates.addresses),
    method_flag("default GET", default="GET"),
    headers_flag("A header of the request."),
    goal_flag("--phase", "phase_name", help="The phase, instead of the file's. `plan` lists them."),
    start_flag("--from", "origin", help="Where a way back starts, instead of the file's phase."),
    option("--all", "all_phases", is_flag=True, help="All phases and ways back, as a table."),
    option("-o", "--output", choices=("json",), help="json."),
)
def command(release_flags: ReleaseFlags, flags: SimulateFlags) -> int:
    """Simulate a request."""
    from kubectl_canary.commands.run import simulate

    return simulate.run(release_flags, flags)
