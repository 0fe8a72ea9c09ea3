"""The release is in a phase, and what it has there is ready and accepted: as `status` says."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, ok, problem
from kubectl_canary.driving.doctor.gateways import NOT_ACCEPTED
from kubectl_canary.driving.position import Position, position
from kubectl_canary.errors import Refused
from kubectl_canary.release.application import ROUTE_KINDS


def check(facts: Facts) -> Iterator[Remark]:
    """What is not settled, or the phase that is."""
    if not facts.knows("objects", "endpoints"):
        return
    if not facts.objects:
        yield ok("nothing of the release is in the cluster yet")
        return
    try:
        there = where(facts)
    except Refused as refused:
        yield from (problem(finding.message, finding.hint) for finding in refused.findings)
        return
    for known in there.problems:
        is_of_route = known.text.startswith(tuple(f"{kind} " for kind in ROUTE_KINDS))
        yield problem(f"{NOT_ACCEPTED}: {known.text}" if is_of_route else known.text, known.cure)
    if there.is_named:
        yield ok(f"the release is at {there.phase.name}{'' if there.is_settled else ', and not settled'}")
    else:
        cure = "`kubectl canary diff` says what differs; `kubectl canary rollback` leads out of it"
        yield problem(f"the release is in no phase of the plan: nearest is {there.nearest}", cure)


def where(facts: Facts) -> Position:
    """Where the release stands. Raises Refused where a rule of the release's cannot be told."""
    return position(facts.plan, facts.objects, facts.endpoints)
