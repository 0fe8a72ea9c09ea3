"""Sessions stay on their backend, whatever the weights say."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, title, warning
from kubectl_canary.driving.doctor.services import TOO_MUCH


def check(facts: Facts) -> Iterator[Remark]:
    """Rules of the release's routes with session persistence."""
    if not facts.knows("objects"):
        return
    for route in facts.own_routes:
        if any(rule.get("sessionPersistence") for rule in route["spec"].get("rules") or []):
            why = f"a rule of {title(route)} has sessionPersistence, so sessions stay where they are"
            cure = "take sessionPersistence out for the release; shares count for new sessions alone"
            yield warning(f"{TOO_MUCH}, or less: {why}", cure)
