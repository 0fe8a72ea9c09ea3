"""What `kubectl canary plan` does with a fleet: where each target is, and who takes the next step."""

from __future__ import annotations

from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.plan import PlanFlags
from kubectl_canary.commands.run import fleet
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import write
from kubectl_canary.release import fleets as rules
from kubectl_canary.reports import fleets as reports

FORMS = {None: reports.plan_text, "json": reports.plan_json, "markdown": reports.plan_markdown}


def run(release_flags: ReleaseFlags, flags: PlanFlags) -> int:
    """Print the table. Raises UsageError for a way: each target has one of its own."""
    if flags.goal or flags.origin or flags.jump or flags.skip:
        raise UsageError("--to, --from, --jump, --skip: a way is a target's", "name its canary file with -f")
    file = fleet.read(release_flags)
    standings = fleet.standings(file, file.fleet.tag)
    is_stopped = not file.fleet.tag or any(rules.stopped(file.fleet, standings))
    moving = () if is_stopped else rules.turn(file.fleet, standings).moving
    write(FORMS[flags.output](file.fleet, standings, moving))
    return 0
