"""A whole release, from where it is: the phases one after the other, each as long as it lasts and its gates hold."""

from __future__ import annotations

from kubectl_canary.driving import courses
from kubectl_canary.driving.since import Since
from kubectl_canary.release.plan import Phase, Plan


def way(plan: Plan, here: Phase, since: Since | None) -> list[Phase]:
    """The phases to go through, the one that it is in first, since it may not be there wholly.

    A driver that was killed has noted where it was going to. Raises Refused where the release is between two phases,
    and nobody has noted which is next.
    """
    names = [phase.name for phase in plan.phases]
    noted = names.index(since.phase) if since is not None and since.phase in names else None
    is_named = courses.is_named(plan, here)
    if noted is not None and (not is_named or names.index(here.name) in (noted, noted - 1)):
        return list(plan.phases[noted:])
    if not is_named:
        courses.refuse_between(plan, here)
    first = max(names.index(here.name), 1)  # from `before` it begins with `deploy`
    return list(plan.phases[first:])
