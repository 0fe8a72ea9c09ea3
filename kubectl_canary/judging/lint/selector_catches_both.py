"""A Service that selects the pods of both versions sends requests to either, past the weights of the route."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import SPLIT
from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "error"
SOURCE = "https://kubernetes.io/docs/concepts/services-networking/service/"
PASSING = SPLIT
FAILING = SPLIT.replace("selector: {app: shop, version: stable}", "selector: {app: shop}")


def check(objects: Objects) -> Iterator[Violation]:
    """Services behind a split that select the pods of both of its sides."""
    for service in objects.of_kind("Service"):
        both = objects.both_sides(service.namespace, service.spec.get("selector"))
        if both is not None:
            message = f"selects the pods of {both[0].name} and of {both[1].name}: requests get past the split"
            hint = "add a label to the selector that only one of them has"
            yield service.violation(("spec", "selector"), message, hint)
