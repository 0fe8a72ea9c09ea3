"""Who drives the release, who holds it, and who has left a note without driving."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving import lease
from kubectl_canary.driving.doctor.facts import Facts, Remark, Value, ok, title, warning


def check(facts: Facts) -> Iterator[Remark]:
    """The Lease, and the annotations of the routes."""
    if not facts.knows("objects"):
        return
    held = lease.held(facts.lease)
    if held is not None:
        yield ok(f"{held} drives this release")
    release = facts.plan.application.name
    for part in facts.parts:
        route = facts.objects.get(part.key) if part.is_route else None
        noted = lease.noted(route, release) if route else None
        if route and noted and held is None and facts.knows("lease"):
            text = f"{title(route)} says that {lease.driver_text(noted)} drives, and nobody holds the Lease"
            yield warning(
                text, f"the next driver takes over; {_without(route, lease.annotation(release))} takes it off"
            )
        if route:
            yield from _hold(route)


def _hold(route: Value) -> Iterator[Remark]:
    reason = (route["metadata"].get("annotations") or {}).get(lease.HOLD)
    if reason is not None:
        text = f"{title(route)} is held, and no driver goes on: {reason or 'it says no reason'}"
        yield warning(text, f"{_without(route, lease.HOLD)} takes it off")


def _without(route: Value, annotation: str) -> str:
    metadata = route["metadata"]
    place = f" -n {metadata['namespace']}" if metadata.get("namespace") else ""
    return f"`kubectl annotate {route['kind'].lower()} {metadata['name']}{place} {annotation}-`"
