"""A route that names a listener which its Gateway does not have is attached to nothing.

The Gateway answers 404 to its requests, or another route takes them.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.findings import nearest
from kubectl_canary.judging.lint.examples import GATEWAY, ROUTE
from kubectl_canary.judging.lint.objects import Object, Objects, Parent, Violation, listeners, parents

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#parentreference"
PASSING = (
    ROUTE.replace("namespace: infra}", "namespace: infra, sectionName: http}") + "---\n" + GATEWAY,
    ROUTE.replace("namespace: infra}", "namespace: infra, port: 80}") + "---\n" + GATEWAY,
)
FAILING = (
    ROUTE.replace("namespace: infra}", "namespace: infra, sectionName: https}") + "---\n" + GATEWAY,
    ROUTE.replace("namespace: infra}", "namespace: infra, port: 443}") + "---\n" + GATEWAY,
)


def check(objects: Objects) -> Iterator[Violation]:
    """Parents whose section or port no listener of the Gateway has."""
    for route in objects.attached:
        for index, parent in enumerate(parents(route)):
            gateway = objects.gateway(parent)
            if gateway is not None and gateway.spec.get("listeners") and not listeners(gateway, parent):
                yield _missing(route, index, parent, gateway)


def _missing(route: Object, index: int, parent: Parent, gateway: Object) -> Violation:
    names = [listener["name"] for listener in gateway.spec["listeners"]]
    is_named = parent.section is None or parent.section in names
    key, asked = ("port", f"on port {parent.port}") if is_named else ("sectionName", f"`{parent.section}`")
    has = ", ".join(f"`{listener['name']}` on {listener['port']}" for listener in gateway.spec["listeners"])
    close = None if is_named else nearest(str(parent.section), names)
    message = f"Gateway {gateway.name} has no such listener {asked}, it has {has}: no request comes here"
    hint = f"did you mean `{close}`?" if close else "name one that is there, or leave it out to mean all"
    return route.violation(("spec", "parentRefs", index, key), message, hint)
