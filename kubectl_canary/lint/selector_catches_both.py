"""A Service that selects the pods of both versions sends requests to either, past the weights of the route."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.lint.examples import SPLIT
from kubectl_canary.lint.world import Complaint, World, pod_labels, selects

SEVERITY = "error"
SOURCE = "https://kubernetes.io/docs/concepts/services-networking/service/"
PASSING = SPLIT
FAILING = SPLIT.replace("selector: {app: shop, version: stable}", "selector: {app: shop}")


def check(world: World) -> Iterator[Complaint]:
    """Services behind a split that select the pods of both of its sides."""
    for service in world.of("Service"):
        for first, second in world.tracks.get(service.namespace, ()):
            selector = service.spec.get("selector")
            both = selects(selector, pod_labels(first)) and selects(selector, pod_labels(second))
            if both:
                message = (
                    f"selects the pods of {first.name} and of {second.name}: requests get past the split"
                )
                hint = "add a label to the selector that only one of them has"
                yield service.complaint(("spec", "selector"), message, hint)
                break
