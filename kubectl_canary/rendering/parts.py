"""Which objects a release has, as far as the plan alone says it."""

from __future__ import annotations

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.release.adoption import touched
from kubectl_canary.release.documents import Document, Part
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.rendering.objects import Planned, planned

CLUSTER = "the cluster"


def live_parts(plan: Plan) -> list[Part]:
    """Every object that the release has while a canary is there, in apply order.

    Raises Refused for a file without a release.
    """
    if not plan.application.has_release:
        message = "the file has no spec.canary: a release that is under way cannot be told from it"
        hint = "put spec.canary back as it was, and go back or on from there"
        finding = Finding("live", "error", (), message, Where(CLUSTER), hint)
        raise Refused("there is no release in the file", [finding])
    last = next(phase for phase in reversed(plan.phases) if phase.canary_replicas)
    return [item.part for item in of_release(plan, last)]


def of_release(plan: Plan, phase: Phase) -> list[Planned | Document]:
    """The objects of a phase that the release makes or changes; of what is adopted not the others."""
    items, keys = planned(plan.application, phase), touched(plan)
    return [item for item in items if plan.application.adopted is None or item.part.key in keys]
