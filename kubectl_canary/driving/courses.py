"""Where a release goes next, from where it is: the phases that lead to promotion, back, or one step on.

Each answers with names of phases that a driver goes to, one after the other.
"""

from __future__ import annotations

from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import PROMOTION, Phase, PhaseKind, Plan
from kubectl_canary.release.ways import way
from kubectl_canary.rendering.parts import CLUSTER


def promotion(plan: Plan, here: Phase) -> list[str]:
    """From 100 % to `promoted`, the phase that one is in settled first. Raises Refused before 100 %."""
    ends = [plan.full, *(phase for phase in plan.phases if phase.stable_version is Version.NEW)]
    if is_named(plan, here) and here.name not in [phase.name for phase in ends]:
        message = f"the release is at `{here.name}`: stable must not roll before the canary has all requests"
        raise _refused("it is too early to promote", message, f"go on to `{plan.full.name}` first")
    if not is_named(plan, here) and here.traffic.share < 1 and here.stable_version is Version.OLD:
        message = "the release is between two phases, and stable serves"
        raise _refused("it is too early to promote", message, f"go on to `{plan.full.name}` first")
    settled = [here.name] if is_named(plan, here) else []
    return [*settled, *(phase.name for phase in way(plan, here, plan.phases[-1]))]


def way_home(plan: Plan, here: Phase, *, keeps: bool) -> str:
    """The next phase on the way back. `keeps` leaves the canary's pods there.

    After promotion has begun the canary has all requests while stable returns; where it is gone, it comes back first.
    """
    if here.stable_version is Version.NEW:
        is_there = all(
            pods.canary for pods, full in zip(here.pods, plan.full.pods, strict=True) if full.canary
        )
        kinds = {phase.kind: phase for phase in plan.phases}
        return "rollback-promotion" if is_there else kinds[PhaseKind.PROMOTE_RETURN].name
    return "rollback" if keeps else "rolled-back"


def gradually(plan: Plan, here: Phase) -> list[str]:
    """The phases down to the last one in which the canary gets requests; none once promotion has begun."""
    if here.stable_version is Version.NEW or here.kind in PROMOTION:
        return []
    serving = [phase for phase in plan.phases if phase.traffic.share < 1 and phase.traffic.reaches_canary]
    below = [phase for phase in serving if phase.traffic.share < here.traffic.share]
    return [phase.name for phase in reversed(below)]


def onward(plan: Plan, here: Phase) -> str:
    """The next phase. Raises Refused where there is none, or where one is between two."""
    refuse_between(plan, here)
    place = [phase.name for phase in plan.phases].index(here.name)
    if place + 1 == len(plan.phases):
        raise _refused("there is no next phase", f"the release is at `{here.name}`", "it is over")
    return plan.phases[place + 1].name


def backward(plan: Plan, here: Phase) -> str:
    """The phase before.

    Raises Refused where there is none, where one is between two, and in the middle of promotion.
    """
    refuse_between(plan, here)
    place = [phase.name for phase in plan.phases].index(here.name)
    if here.stable_version is Version.NEW:
        message = f"the release is at `{here.name}`: stable runs the new version"
        raise _refused("promotion has no step back", message, "`rollback` leads back safely")
    if place == 0:
        raise _refused(
            "there is no phase before", f"the release is at `{here.name}`", "there is nothing to take back"
        )
    return plan.phases[place - 1].name


def is_named(plan: Plan, here: Phase) -> bool:
    """Whether a phase of a cluster is one of the plan's."""
    return here.name in [phase.name for phase in plan.phases]


def refuse_way_back(plan: Plan, name: str) -> None:
    """Raises UsageError for a way back: `apply` goes to phases."""
    if name.strip() not in [phase.name for phase in plan.phases] and name.strip().startswith("roll"):
        raise UsageError(f"apply goes to phases, and `{name}` is a way back", "say `kubectl canary rollback`")


def refuse_between(plan: Plan, here: Phase) -> None:
    """Raises Refused where a release is in none of the plan's phases."""
    if not is_named(plan, here):
        message = "the release is in none of the plan's phases"
        raise _refused(
            "there is no next step from here",
            message,
            "`status` says what differs; `apply --phase` goes to one",
        )


def _refused(title: str, message: str, hint: str) -> Refused:
    return Refused(title, [Finding("phase", "error", (), message, Where(CLUSTER), hint)])
