"""A route without a parent is attached to no Gateway and to no Service: no request comes to it.

The API server accepts it, and no controller says a word in its status. Where an overlay adds the parents, validate what
the overlay makes.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import ROUTE
from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#commonroutespec"
PASSING = (
    ROUTE,
    ROUTE.replace("{name: gw, namespace: infra}", '{group: "", kind: Service, name: shop, port: 80}'),
)
FAILING = (
    ROUTE.replace("  parentRefs: [{name: gw, namespace: infra}]\n", ""),
    ROUTE.replace("[{name: gw, namespace: infra}]", "[]"),
)


def check(objects: Objects) -> Iterator[Violation]:
    """Routes without parentRefs."""
    for route in objects.attached:
        if not route.spec.get("parentRefs"):
            message = "has no parentRefs: it is attached to nothing, no request comes here"
            yield route.violation(("spec",), message, "name the Gateway in spec.parentRefs")
