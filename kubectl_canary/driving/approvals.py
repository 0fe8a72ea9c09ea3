"""Somebody's agreement to leave a phase: an annotation of a route that names the phase and the release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubectl_canary.release.application import OWN_PREFIX
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.rendering import record


def annotation(plan: Plan) -> str:
    """The annotation of a route that says to what somebody has agreed."""
    return f"{OWN_PREFIX}approved.{plan.application.name}"


def wanted(plan: Plan, phase: Phase) -> str:
    """What it has to say: the phase, and which release, so that nobody's old agreement counts for a new one."""
    return f"{phase.name} {record.release_digest(plan)}"


def is_approved(plan: Plan, phase: Phase, routes: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a route says that somebody has agreed."""
    notes = (route["metadata"].get("annotations") or {} for route in routes)
    return any(note.get(annotation(plan)) == wanted(plan, phase) for note in notes)


def how(plan: Plan, phase: Phase) -> str:
    """The line that agrees to leave a phase."""
    route = plan.application.routes[0]
    place = f" -n {route.namespace}" if route.namespace else ""
    words = f'{annotation(plan)}="{wanted(plan, phase)}"'
    return f"to agree: kubectl annotate --overwrite {route.kind.lower()} {route.name}{place} {words}"
