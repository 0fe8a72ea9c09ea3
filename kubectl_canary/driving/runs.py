"""A whole release, from where it is: the phases one after the other, each as long as it lasts and its gates hold."""

from __future__ import annotations

from kubectl_canary.driving import courses
from kubectl_canary.driving.since import Since
from kubectl_canary.release.plan import Phase, Plan


def way(plan: Plan, here: Phase, since: Since | None) -> list[Phase]:
    """The phases to go through, the one that it is in first, since it may not be there wholly.

    A driver that was killed between two phases has noted where it was going to. Raises Refused where nobody has.
    """
    names = [phase.name for phase in plan.phases]
    if courses.is_named(plan, here):
        return list(plan.phases[max(names.index(here.name), 1) :])  # from `before` it begins with `deploy`
    if since is None or since.phase not in names:
        courses.refuse_between(plan, here)
    return list(plan.phases[names.index(since.phase if since is not None else here.name) :])
