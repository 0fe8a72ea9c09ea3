"""What `kubectl canary rollback` does to a cluster."""

from __future__ import annotations

from kubectl_canary.commands.rollback import RollbackFlags
from kubectl_canary.commands.run.calls import Call
from kubectl_canary.commands.run.driving import driving
from kubectl_canary.driving import courses
from kubectl_canary.driving.driver import Drive
from kubectl_canary.driving.world import Event
from kubectl_canary.errors import Refused
from kubectl_canary.outside.output import say
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import PhaseKind


def run(call: Call, flags: RollbackFlags) -> int:
    """Lead the release back, from whatever is there."""
    plan = call.release.plan
    with driving(call, first=True) as drive:
        if flags.gradual:
            for goal in courses.gradually(plan, drive.here()):
                drive.to(goal)
        go_back(drive, keeps=flags.keep)
    kept = "; the canary's pods are kept" if flags.keep else ""
    say(f"{plan.application.title} is at {plan.application.called(Version.OLD)}{kept}")
    return 0


def go_back(drive: Drive, *, keeps: bool) -> None:
    """Go home by one phase after the other, and say who else brings the routes elsewhere.

    Where the cluster is elsewhere than it was, the way is another one. Where pods must stay, requests go back alone.
    """
    goal = ""
    while goal not in (PhaseKind.ROLLBACK.value, PhaseKind.ROLLED_BACK.value):
        goal = courses.way_home(drive.plan, drive.here(), keeps=keeps)
        try:
            drive.to(goal)
        except Refused:
            if courses.way_home(drive.plan, drive.here(), keeps=keeps) != goal:
                goal = ""
                continue
            if goal == PhaseKind.ROLLED_BACK.value:
                drive.to(PhaseKind.ROLLBACK.value)
            raise
    for owner in drive.others():
        text = f"{owner.title} undoes this: {owner.suspend}, and {owner.git}"
        drive.world.tell(Event("finding", text))
