"""A parent that is named twice, once with the namespace it has anyway, is one parent.

The API server compares the words and accepts both.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation, parents

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#parentreference"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: production}
spec:
  parentRefs: [{name: gw}, {name: gw, namespace: infra}]
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: production}
spec:
  parentRefs: [{name: gw}, {name: gw, namespace: production}]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Parents that stand in the list already."""
    for route in objects.attached:
        seen: dict[tuple[object, ...], int] = {}
        for index, key in enumerate(parents(route)):
            if seen.setdefault(key, index) != index:
                message = f"is the same parent as parentRefs[{seen[key]}]"
                yield route.violation(("spec", "parentRefs", index), message, "leave one of them out")
